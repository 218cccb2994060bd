//! One LCUS relay board: its channels are pulsed on command and, whatever happens, switched off again.
//!
//! The board has no memory of ours and no answers: it does what the last frame said. So every channel is switched off
//! when the agent starts (it may have died between on and off), whenever the line comes back, and when it ends.

use std::future::pending;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_serial::SerialStream;
use tokio_util::sync::CancellationToken;

use super::facts::{GateNotOpened, LineLost, LineUp, Owner, PulseBegun};
use super::serial::{self, Link, Lost};
use super::telling::Telling;
use super::{DoorEvent, GateCommand, LineState, Parity, SerialLine};
use crate::clock::Clock;
use crate::domain::GateId;
use crate::telemetry::Fact;

/// How long an open command waits for its board, retries included. Longer, and the gate would open when the member
/// has given up and somebody else stands before it.
const OPEN_WITHIN: Duration = Duration::from_secs(2);
/// How long a relay stays off between two pulses. A turnstile counts the beginnings of pulses: without a rest that its
/// contacts and the turnstile's input can see, two members who follow closely would be let through as one.
const REST: Duration = Duration::from_millis(50);
/// Boards say nothing of use; what they do send is taken in pieces of this size and thrown away.
const SCRAP_BYTES: usize = 64;

/// A channel of a board and the gate behind it.
pub(super) struct Channel {
    gate: GateId,
    number: u8,
    pulse: Duration,
    commands: mpsc::Receiver<GateCommand>,
    telling: Telling,
    /// The relay is on until then.
    on_until: Option<Instant>,
    /// The relay was on a moment ago and rests until then.
    rest_until: Option<Instant>,
    /// An open command waits to be written until then.
    open_until: Option<Instant>,
}

/// A board with its gates.
pub(super) struct Board {
    link: Link,
    channels: Vec<Channel>,
    state: LineState,
    clock: Clock,
}

/// Why a board is served no longer.
enum End {
    /// The line; it will come back.
    Line(Lost),
    /// All gates let go of their commands.
    Gates,
}

impl From<Lost> for End {
    fn from(lost: Lost) -> Self {
        Self::Line(lost)
    }
}

impl Channel {
    /// Channel `number` as printed on the board, from 1.
    pub(super) fn new(
        gate: GateId,
        number: u8,
        pulse: Duration,
        commands: mpsc::Receiver<GateCommand>,
        events: mpsc::Sender<DoorEvent>,
    ) -> Self {
        let telling = Telling::new(events);
        Self { gate, number, pulse, commands, telling, on_until: None, rest_until: None, open_until: None }
    }

    fn deadlines(&self) -> impl Iterator<Item = Instant> + use<> {
        let rested = self.rest_until.filter(|_| self.open_until.is_some());
        [self.on_until, rested, self.open_until, self.telling.retry_at()].into_iter().flatten()
    }

    /// Whether its pulse is over and has not been ended.
    fn is_due(&self, now: Instant) -> bool {
        self.on_until.is_some_and(|end| end <= now)
    }

    /// Whether it has not heard its last answer yet, and so is not asked for its next command.
    fn is_behind(&self) -> bool {
        self.telling.is_behind() || (self.open_until.is_some() && self.rest_until.is_some())
    }
}

impl Board {
    /// A board on the port at `path`. LCUS boards speak 9600 8N1.
    pub(super) fn new(path: &str, channels: Vec<Channel>, clock: Clock) -> Self {
        let line = SerialLine { port: path.to_owned(), baud: 9600, data_bits: 8, parity: Parity::None, stop_bits: 1 };
        Self { link: Link::new(line), channels, state: LineState::Opening, clock }
    }

    /// Serves the gates until cancelled or until all of them have let go.
    pub(super) async fn run(mut self, cancel: CancellationToken) {
        tokio::select! {
            () = cancel.cancelled() => {}
            () = self.serve_for_ever() => {}
        }
    }

    async fn serve_for_ever(&mut self) {
        while let Some(port) = self.wait_for_line().await {
            let opened = self.clock.now().uptime;
            match self.serve(Wires::new(port, &self.channels)).await {
                Err(End::Gates) => return,
                Err(End::Line(lost)) => {
                    self.link.lost_after(self.clock.now().uptime.since(opened));
                    // Pulses end with the line: whatever comes back is switched off first.
                    self.channels.iter_mut().for_each(|channel| (channel.on_until, channel.rest_until) = (None, None));
                    self.tell_state(&LineState::Down { why: lost.to_string() });
                }
                Ok(never) => match never {},
            }
        }
    }

    /// Tries to open the line until it opens; commands that come meanwhile wait for it, but not for long.
    async fn wait_for_line(&mut self) -> Option<SerialStream> {
        let mut attempt = Box::pin(self.link.attempt());
        loop {
            let deadline = self.next_deadline();
            tokio::select! {
                opened = &mut attempt => match opened {
                    Ok(port) => return Some(port),
                    Err(error) => {
                        self.tell_state(&LineState::Down { why: error.to_string() });
                        attempt.set(self.link.attempt());
                    }
                },
                command = next_command(&mut self.channels) => self.channels[command?].open_until = Some(Instant::now() + OPEN_WITHIN),
                () = until(deadline) => self.give_up_late_commands(),
            }
        }
    }

    async fn serve(&mut self, mut wires: Wires) -> Result<std::convert::Infallible, End> {
        self.switch_all_off(&mut wires).await?;
        self.tell_state(&LineState::Up);
        self.open_waiting(&mut wires).await?;
        let mut scrap = [0; SCRAP_BYTES];
        loop {
            let deadline = self.next_deadline();
            // A member waits for a command; an end of pulse may be late by its microseconds.
            tokio::select! {
                biased;
                command = next_command(&mut self.channels) => self.ask(command.ok_or(End::Gates)?, &mut wires).await?,
                () = until(deadline) => {
                    self.end_pulses(&mut wires).await?;
                    self.open_waiting(&mut wires).await?;
                }
                read = serial::read(&mut wires.port, &mut scrap) => drop(read?),
            }
        }
    }

    async fn switch_all_off(&mut self, wires: &mut Wires) -> Result<(), Lost> {
        for channel in &mut self.channels {
            serial::write(&mut wires.port, &frame(channel.number, OFF)).await?;
            channel.on_until = None;
        }
        Ok(())
    }

    async fn open_waiting(&mut self, wires: &mut Wires) -> Result<(), Lost> {
        self.give_up_late_commands();
        let now = Instant::now();
        for at in 0..self.channels.len() {
            let channel = &mut self.channels[at];
            channel.rest_until = channel.rest_until.filter(|end| *end > now);
            if channel.open_until.is_some() && channel.rest_until.is_none() {
                self.open(at, wires).await?;
            }
        }
        Ok(())
    }

    /// A pulse that is over is ended before the next one begins, however close they are.
    async fn ask(&mut self, at: usize, wires: &mut Wires) -> Result<(), Lost> {
        self.channels[at].open_until = Some(Instant::now() + OPEN_WITHIN);
        self.end_pulses(wires).await?;
        self.open_waiting(wires).await
    }

    /// Begins a pulse, or prolongs the one that lasts. The frame is written again then too: it is the member's proof.
    async fn open(&mut self, at: usize, wires: &mut Wires) -> Result<(), Lost> {
        let channel = &mut self.channels[at];
        // On from before the first byte: a write that fails half-way may have switched the relay.
        channel.on_until = Some(Instant::now() + channel.pulse);
        serial::write(&mut wires.port, &frame(channel.number, ON)).await?;
        // Stood until the frame was written, so that a line lost in the attempt does not lose the command.
        channel.open_until = None;
        channel.telling.tell(DoorEvent::Opened { gate: channel.gate.clone(), at: self.clock.now() });
        PulseBegun { gate: &channel.gate }.tell();
        Ok(())
    }

    async fn end_pulses(&mut self, wires: &mut Wires) -> Result<(), Lost> {
        self.give_up_late_commands();
        let now = Instant::now();
        for channel in &mut self.channels {
            if channel.is_due(now) {
                serial::write(&mut wires.port, &frame(channel.number, OFF)).await?;
                // From after the write, which may have waited for the port.
                (channel.on_until, channel.rest_until) = (None, Some(Instant::now() + REST));
            }
        }
        Ok(())
    }

    /// Commands nobody waits for any more, and events that found no room.
    fn give_up_late_commands(&mut self) {
        let now = Instant::now();
        let why = match &self.state {
            LineState::Down { why } => why.clone(),
            LineState::Opening | LineState::Up => "the relay board does not answer".to_owned(),
        };
        for channel in &mut self.channels {
            if channel.open_until.is_some_and(|end| end <= now) {
                channel.open_until = None;
                GateNotOpened { gate: &channel.gate, why: &why }.tell();
                channel.telling.tell(DoorEvent::OpenFailed { gate: channel.gate.clone(), why: why.clone() });
            }
            channel.telling.retry();
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.channels.iter().flat_map(Channel::deadlines).min()
    }

    fn tell_state(&mut self, new: &LineState) {
        if self.state == *new {
            return;
        }
        for channel in &mut self.channels {
            let owner = Owner::Gate(channel.gate.clone());
            match (&self.state, new) {
                (_, LineState::Up) => LineUp { owner: &owner }.tell(),
                (LineState::Opening | LineState::Up, LineState::Down { why }) => LineLost { owner: &owner, why }.tell(),
                (LineState::Down { .. }, LineState::Down { .. }) | (_, LineState::Opening) => {}
            }
            channel.telling.tell(DoorEvent::Gate { gate: channel.gate.clone(), state: new.clone() });
        }
        self.state = new.clone();
    }
}

/// An open port whose channels go off when it is let go, be it by a shutdown, an abort or a panic.
struct Wires {
    port: SerialStream,
    numbers: Vec<u8>,
}

impl Wires {
    fn new(port: SerialStream, channels: &[Channel]) -> Self {
        Self { port, numbers: channels.iter().map(|channel| channel.number).collect() }
    }
}

impl Drop for Wires {
    fn drop(&mut self) {
        for &number in &self.numbers {
            // A line that takes nothing now is switched off when it comes back.
            let _line_is_gone = self.port.try_write(&frame(number, OFF));
        }
    }
}

const ON: u8 = 1;
const OFF: u8 = 0;

/// `A0`, channel, on or off, the low byte of their sum (LCUS family).
fn frame(channel: u8, switch: u8) -> [u8; 4] {
    [0xA0, channel, switch, 0xA0_u8.wrapping_add(channel).wrapping_add(switch)]
}

/// Which channel is to open; `None` when no gate can ask any more. A gate that has not heard its last answer yet is not
/// asked for its next command, which bounds what waits.
async fn next_command(channels: &mut [Channel]) -> Option<usize> {
    std::future::poll_fn(|context| {
        let mut all_gone = true;
        for (at, channel) in channels.iter_mut().enumerate() {
            if channel.is_behind() {
                all_gone = false;
                continue;
            }
            match channel.commands.poll_recv(context) {
                Poll::Ready(Some(GateCommand::Open)) => return Poll::Ready(Some(at)),
                Poll::Ready(None) => {}
                Poll::Pending => all_gone = false,
            }
        }
        if all_gone { Poll::Ready(None) } else { Poll::Pending }
    })
    .await
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_those_of_the_lcus_boards() {
        assert_eq!(frame(1, ON), [0xA0, 0x01, 0x01, 0xA2]);
        assert_eq!(frame(1, OFF), [0xA0, 0x01, 0x00, 0xA1]);
        assert_eq!(frame(2, ON), [0xA0, 0x02, 0x01, 0xA3]);
    }
}

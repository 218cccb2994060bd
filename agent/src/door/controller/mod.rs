//! One gate controller on a serial line: opened, spoken with, and opened again for ever; an outage is a state.
//!
//! Whatever ends (the line, the controller's answers, the controller itself), a new session begins with everything that
//! was not acknowledged, so that the turnstile hears the log without a gap. What a session is sits in `session`, and the
//! wire's words end in `translate`.

mod facts;
mod session;
#[cfg(test)]
mod sweep;
mod translate;
mod words;

use std::time::Duration;

use firmware_proto::link::SILENT_MS;
use firmware_proto::version;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_serial::SerialStream;
use tokio_util::sync::CancellationToken;

use self::facts::{HealthSeen, ListRefused, OrderUnknown, SessionBegan};
use self::session::{Heard, Session, millis};
pub use self::translate::list_hash;
use self::translate::{Pulse, Wired};
pub use self::words::{
    CONTROLLER_ORDERS_MAX, ControllerEvent, ControllerHealth, ControllerOrder, ControllerSetting, Light, Sign,
};
use super::facts::{FrameMisread, FrameRead, LineLost, LineUp, Owner, PulseBegun, Unread};
use super::frame::unread;
use super::serial::{self, Link, Lost};
use super::{DoorEvent, LineState, Parity, ReaderDriver, ReaderWiring, SerialLine};
use crate::clock::Clock;
use crate::domain::{GateId, Now, ReaderId};
use crate::passage::controlled::{EventKey, What};
use crate::telemetry::Fact;

/// Bytes taken at once: a window of events.
const CHUNK_BYTES: usize = 1024;
/// A controller that is asked for so long and does not answer is silent.
const PATIENCE: Duration = Duration::from_millis(SILENT_MS as u64);
/// Speed of the line.
const BAUD: u32 = 115_200;

/// A controller and the ends of its channels.
pub(super) struct Controller {
    gate: GateId,
    line: SerialLine,
    wired: Vec<Option<Wired>>,
    orders: mpsc::Receiver<ControllerOrder>,
    events: mpsc::Sender<DoorEvent>,
    clock: Clock,
    state: LineState,
    /// The controller answers.
    is_up: bool,
    kept: Option<EventKey>,
    pulse: Pulse,
}

/// Why a line is served no longer.
enum End {
    /// The line; it will come back.
    Line(Lost),
    /// The gate let go of its orders.
    Gate,
}

impl From<Lost> for End {
    fn from(lost: Lost) -> Self {
        Self::Line(lost)
    }
}

impl Controller {
    /// The controller on the port at `path`, with the readers on its inputs.
    pub(super) fn new<'r>(
        gate: GateId,
        path: &str,
        readers: impl Iterator<Item = &'r ReaderWiring>,
        orders: mpsc::Receiver<ControllerOrder>,
        events: mpsc::Sender<DoorEvent>,
        clock: Clock,
    ) -> Self {
        let line = SerialLine { port: path.to_owned(), baud: BAUD, data_bits: 8, parity: Parity::None, stop_bits: 1 };
        let mut wired = vec![None; firmware_proto::gate::READERS];
        for wiring in readers {
            if let ReaderDriver::Controller { input, badge, leads_out } = &wiring.driver
                && let Some(place) = wired.get_mut(usize::from(*input))
            {
                let (reader, badge) = (wiring.reader.clone(), badge.clone());
                *place = Some(Wired { reader, badge, leads_out: *leads_out });
            }
        }
        let (state, pulse) = (LineState::Opening, Pulse::default());
        Self { gate, line, wired, orders, events, clock, state, is_up: false, kept: None, pulse }
    }

    /// Serves the gate until cancelled or until it has let go of its orders.
    pub(super) async fn run(mut self, cancel: CancellationToken) {
        tokio::select! {
            () = cancel.cancelled() => {}
            () = self.serve_for_ever() => {}
        }
    }

    async fn serve_for_ever(&mut self) {
        let mut link = Link::new(self.line.clone());
        while let Some(port) = self.wait_for_line(&mut link).await {
            let opened = self.clock.now().uptime;
            match self.converse(port).await {
                End::Gate => return,
                End::Line(lost) => {
                    link.lost_after(self.clock.now().uptime.since(opened));
                    self.down(lost.to_string()).await;
                }
            }
        }
    }

    async fn wait_for_line(&mut self, link: &mut Link) -> Option<SerialStream> {
        let mut attempt = Box::pin(link.attempt());
        loop {
            tokio::select! {
                opened = &mut attempt => match opened {
                    Ok(port) => return Some(port),
                    Err(error) => {
                        self.down(error.to_string()).await;
                        attempt.set(link.attempt());
                    }
                },
                order = self.orders.recv() => self.not_given(&order?).await,
            }
        }
    }

    async fn converse(&mut self, mut port: SerialStream) -> End {
        let mut session = Session::new(self.kept, self.clock.now());
        let mut patience = self.clock.now().uptime.after(PATIENCE);
        let mut chunk = [0; CHUNK_BYTES];
        loop {
            let now = self.clock.now();
            let bytes = session.transmit(now);
            if !bytes.is_empty()
                && let Err(lost) = serial::write(&mut port, &bytes).await
            {
                return lost.into();
            }
            let wait = session.deadline().0.saturating_sub(millis(now).0);
            // A member waits for an order; what was read waits for nobody.
            let heard = tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    Some(order) => {
                        self.order(order, &mut session).await;
                        Vec::new()
                    }
                    None => return self.part(port, session).await,
                },
                read = serial::read(&mut port, &mut chunk) => match read {
                    Ok(count) => session.hear(&chunk[..count], self.clock.now()),
                    Err(lost) => return lost.into(),
                },
                () = sleep(Duration::from_millis(wait)) => Vec::new(),
            };
            let now = self.clock.now();
            let over = session.tick(now);
            for heard in heard.into_iter().chain(over) {
                if let Heard::Ended = heard {
                    self.down("the gate controller does not answer any more".to_owned()).await;
                    session = Session::new(self.kept, now);
                    patience = now.uptime.after(PATIENCE);
                    break;
                }
                self.heard(heard, &session, now).await;
            }
            if !self.is_up && now.uptime >= patience {
                self.down(no_answer(&session).to_owned()).await;
            }
        }
    }

    /// The gate is rebuilt or the agent ends: what was acknowledged last is still told.
    async fn part(&mut self, mut port: SerialStream, mut session: Session) -> End {
        let bytes = session.transmit(self.clock.now());
        match serial::write(&mut port, &bytes).await {
            Ok(()) => End::Gate,
            Err(_the_next_session_tells_it_again) => End::Gate,
        }
    }

    async fn heard(&mut self, heard: Heard, session: &Session, now: Now) {
        match heard {
            Heard::Began { boot, was_reset, missing } => {
                let firmware = session.firmware();
                SessionBegan { gate: &self.gate, firmware: &firmware, was_reset, missing }.tell();
                self.is_up = true;
                self.tell_state(LineState::Up).await;
                self.tell(ControllerEvent::Began { boot, was_reset, missing }).await;
            }
            Heard::Event(kept, step) => {
                let (told, unread) = translate::told(kept, &self.wired, step, now);
                match (&told.what, unread) {
                    (_, Some((reader, why))) => self.misread(reader, why.into()).await,
                    (What::Read { ask: Some(ask), .. }, None) if told.is_fresh => {
                        FrameRead { reader: &ask.reader }.tell();
                    }
                    _ => {}
                }
                self.tell(ControllerEvent::Told(told)).await;
            }
            Heard::Taken(grant) => {
                PulseBegun { gate: &self.gate }.tell();
                self.tell(ControllerEvent::Taken(grant)).await;
            }
            Heard::Health(health) => {
                HealthSeen { gate: &self.gate, health: &health }.tell();
                self.tell(ControllerEvent::Health(health)).await;
            }
            Heard::BadRead { reader, why, bits } => {
                if let Some(wired) = self.wired.get(usize::from(reader)).and_then(Option::as_ref) {
                    let reader = wired.reader.clone();
                    self.misread(reader, unread(why, bits).into()).await;
                }
            }
            Heard::Unknown { kind } => OrderUnknown { gate: &self.gate, kind }.tell(),
            Heard::ListRefused { entries } => ListRefused { gate: &self.gate, entries }.tell(),
            Heard::Stranger { min, current } => {
                let (own_min, own) = (version::MIN, version::CURRENT);
                let why = format!(
                    "the gate controller speaks versions {min} to {current} of the protocol and this agent {own_min} to {own}; update the older of them"
                );
                self.down(why).await;
            }
            Heard::Ended => {}
        }
    }

    async fn order(&mut self, order: ControllerOrder, session: &mut Session) {
        let now = self.clock.now();
        match &order {
            ControllerOrder::Keep(key) => {
                self.kept = Some(*key);
                return session.keep(*key, now);
            }
            ControllerOrder::List { version, hashes } => return session.list(*version, hashes.clone()),
            ControllerOrder::NoList => return session.no_list(),
            ControllerOrder::Set(setting) => self.pulse = setting.into(),
            ControllerOrder::Free(_)
            | ControllerOrder::Grant { .. }
            | ControllerOrder::Deny { .. }
            | ControllerOrder::Show(_)
            | ControllerOrder::Extend(_)
            | ControllerOrder::Withdraw(_) => {}
        }
        let Some(wire) = translate::order(&order, &self.wired, self.pulse) else { return };
        if session.order(wire).is_err() {
            self.not_given(&order).await;
        }
    }

    /// Only a grant is missed: everything else is ordered anew in the next session, or of no use any more.
    async fn not_given(&mut self, order: &ControllerOrder) {
        match order {
            ControllerOrder::Grant { grant, .. } => self.tell(ControllerEvent::NotGiven(*grant)).await,
            ControllerOrder::Keep(key) => self.kept = Some(*key),
            _ => {}
        }
    }

    async fn down(&mut self, why: String) {
        if std::mem::take(&mut self.is_up) {
            self.tell(ControllerEvent::Ended).await;
        }
        self.tell_state(LineState::Down { why }).await;
    }

    async fn misread(&self, reader: ReaderId, why: Unread) {
        FrameMisread { reader: &reader, why }.tell();
        self.send(DoorEvent::Misread { reader, why: why.to_string() }).await;
    }

    /// Tells a state once; the readers on the controller are as it is.
    async fn tell_state(&mut self, new: LineState) {
        if self.state == new {
            return;
        }
        let owner = Owner::Gate(self.gate.clone());
        match (&self.state, &new) {
            (_, LineState::Up) => LineUp { owner: &owner }.tell(),
            (LineState::Opening | LineState::Up, LineState::Down { why }) => LineLost { owner: &owner, why }.tell(),
            (LineState::Down { .. }, LineState::Down { .. }) | (_, LineState::Opening) => {}
        }
        self.state = new.clone();
        for wired in self.wired.iter().flatten() {
            self.send(DoorEvent::Reader { reader: wired.reader.clone(), state: new.clone() }).await;
        }
        self.send(DoorEvent::Gate { gate: self.gate.clone(), state: new }).await;
    }

    async fn tell(&self, event: ControllerEvent) {
        self.send(DoorEvent::Controller(event)).await;
    }

    /// Waits for room: an event that the link has delivered is not delivered again, and the turnstile never waits for
    /// this task.
    async fn send(&self, event: DoorEvent) {
        // A turnstile that is gone ends this task by letting go of its orders.
        let _nobody_listens = self.events.send(event).await;
    }
}

fn no_answer(session: &Session) -> &'static str {
    if session.hears_noise() {
        "what answers on this port is no gate controller; is it the right port?"
    } else {
        "nothing answers on this port; has the gate controller power?"
    }
}

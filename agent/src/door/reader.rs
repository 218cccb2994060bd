//! One serial reader: its bytes become reads for its gate, through every unplugging.

use std::future::pending;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_serial::SerialStream;
use tokio_util::sync::CancellationToken;

use super::facts::{FrameMisread, FrameRead, LineLost, LineUp, Owner, ReadDropped, Unread};
use super::frame::{Decoder, Heard};
use super::serial::{self, Link, Lost};
use super::{DoorEvent, FrameFormat, LineState, SerialLine};
use crate::clock::Clock;
use crate::domain::{BadgeFormat, ReaderId};
use crate::telemetry::Fact;

/// Bytes taken at once: several frames, so that readers that repeat are taken in one read.
const CHUNK_BYTES: usize = 256;

/// A reader on a serial line.
pub(super) struct SerialReader {
    pub(super) reader: ReaderId,
    pub(super) line: SerialLine,
    pub(super) frame: FrameFormat,
    pub(super) badge: BadgeFormat,
    pub(super) events: mpsc::Sender<DoorEvent>,
    pub(super) clock: Clock,
}

impl SerialReader {
    /// Reads until cancelled, or until nobody listens any more.
    pub(super) async fn run(self, cancel: CancellationToken) {
        let events = self.events.clone();
        tokio::select! {
            () = cancel.cancelled() => {}
            () = events.closed() => {}
            () = self.read_for_ever() => {}
        }
    }

    async fn read_for_ever(self) {
        let mut link = Link::new(self.line.clone());
        let mut state = LineState::Opening;
        loop {
            match link.attempt().await {
                Ok(port) => {
                    self.tell(&mut state, LineState::Up).await;
                    let opened = self.clock.now().uptime;
                    let lost = self.read_while_up(port).await;
                    link.lost_after(self.clock.now().uptime.since(opened));
                    self.tell(&mut state, LineState::Down { why: lost.to_string() }).await;
                }
                Err(error) => self.tell(&mut state, LineState::Down { why: error.to_string() }).await,
            }
        }
    }

    /// Owns the port, so that it is closed before anything else happens. The decoder ends with it: half a frame before
    /// an unplugging is never the beginning, or the whole, of a badge.
    async fn read_while_up(&self, mut port: SerialStream) -> Lost {
        let mut decoder = Decoder::new(&self.frame);
        let mut chunk = [0; CHUNK_BYTES];
        loop {
            // Bytes first: when both are due the line was not silent, this task was late.
            tokio::select! {
                biased;
                read = serial::read(&mut port, &mut chunk) => match read {
                    Ok(count) => self.hear(&mut decoder, &chunk[..count]),
                    Err(lost) => return lost,
                },
                () = silence(decoder.quiet_time()) => {
                    if let Some(why) = decoder.silence() {
                        self.misread(why.into());
                    }
                }
            }
        }
    }

    fn hear(&self, decoder: &mut Decoder, bytes: &[u8]) {
        let at = self.clock.now();
        for heard in decoder.push(bytes) {
            match heard {
                Heard::Frame(data) => match data.badge(&self.badge) {
                    Ok(badge) => self.read(DoorEvent::Read { reader: self.reader.clone(), badge, at }),
                    Err(why) => self.misread(why.into()),
                },
                Heard::Bad(why) => self.misread(why.into()),
            }
        }
    }

    /// Never waits. When the gate's channel is full the newest read is dropped: the member, whose badge got no answer,
    /// presents it again, while an old read answered late would open the gate for whoever stands there then.
    fn read(&self, read: DoorEvent) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.events.try_send(read) {
            ReadDropped { reader: &self.reader }.tell();
        } else {
            FrameRead { reader: &self.reader }.tell();
        }
    }

    /// Misreads are shown while there is room; noise never takes the place that a read needs.
    fn misread(&self, why: Unread) {
        FrameMisread { reader: &self.reader, why }.tell();
        if self.events.capacity() > self.events.max_capacity() / 2 {
            // A channel that closed or filled meanwhile has no use for a misread.
            let _not_shown =
                self.events.try_send(DoorEvent::Misread { reader: self.reader.clone(), why: why.to_string() });
        }
    }

    /// Tells a state once. Waits for room: nothing is read from a line that has just come or gone.
    async fn tell(&self, state: &mut LineState, new: LineState) {
        if *state == new {
            return;
        }
        let owner = Owner::Reader(self.reader.clone());
        match (&*state, &new) {
            (_, LineState::Up) => LineUp { owner: &owner }.tell(),
            (LineState::Opening | LineState::Up, LineState::Down { why }) => LineLost { owner: &owner, why }.tell(),
            (LineState::Down { .. }, LineState::Down { .. }) | (_, LineState::Opening) => {}
        }
        *state = new.clone();
        // A closed channel ends this task from `run`.
        let _nobody_listens = self.events.send(DoorEvent::Reader { reader: self.reader.clone(), state: new }).await;
    }
}

async fn silence(quiet_time: Option<Duration>) {
    match quiet_time {
        Some(quiet_time) => sleep(quiet_time).await,
        None => pending().await,
    }
}

//! The agent's end of a controller's link without an agent: for stories and measurements about the link alone.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use firmware_proto::frame::{Decoder, Packet};
use firmware_proto::from_gate::{Beat, FromGate, Hello, Kept};
use firmware_proto::link::BEAT_MS;
use firmware_proto::to_gate::{Order, ToGate};
use firmware_proto::version;
use firmware_proto::words::{BootId, EventNumber, OrderNumber, Session};
use nix::poll::PollTimeout;

use crate::pty::{open_port, readable};

/// How long an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A question that nobody answered is asked again, and a beat is due.
const BEAT_EVERY: Duration = Duration::from_millis(BEAT_MS as u64);

/// A line to a controller, and the conversation on it.
#[derive(Debug)]
pub struct Line {
    port: File,
    decoder: Decoder<FromGate>,
    session: Session,
    beats: u32,
    orders: OrderNumber,
    kept: EventNumber,
    inbox: VecDeque<FromGate>,
}

impl Line {
    /// Opens the controller's port for a session that has not begun.
    pub fn open(path: &Path, session: u32) -> Result<Self> {
        Ok(Self {
            port: open_port(path)?,
            decoder: Decoder::default(),
            session: Session(session),
            beats: 0,
            orders: 0,
            kept: 0,
            inbox: VecDeque::new(),
        })
    }

    /// Opens the port and begins the session.
    pub fn begin(path: &Path, session: u32) -> Result<Self> {
        let mut line = Self::open(path, session)?;
        let hello = line.hello()?;
        let boot = hello.boot.unwrap_or(BootId(u64::from(session)));
        let proto = version::agreed(hello.min, hello.current).context("both speak one version")?;
        line.ask(&ToGate::Welcome { proto, nonce: hello.nonce, boot }, beat)?;
        Ok(line)
    }

    /// Asks the controller who it is.
    pub fn hello(&mut self) -> Result<Hello> {
        let question = ToGate::Ask { min: version::MIN, current: version::CURRENT };
        self.ask(&question, |message| match message {
            FromGate::Hello(hello) => Some(hello.clone()),
            _ => None,
        })
    }

    /// Beats once, and answers what the controller says to that very beat, with the time it took.
    pub fn ping(&mut self) -> Result<(Beat, Duration)> {
        let begun = Instant::now();
        let sent = self.beat()?;
        let answer = self.await_message(PATIENCE, |message| beat(message).filter(|it| it.beat == sent))?;
        Ok((answer.context("the controller is silent")?, begun.elapsed()))
    }

    /// Gives the next order.
    pub fn order(&mut self, order: Order) -> Result<()> {
        self.orders += 1;
        self.send(&ToGate::Order { number: self.orders, order })
    }

    /// A message as it goes over the wire in this session.
    pub fn wire(&self, message: &ToGate) -> Vec<u8> {
        let packet = Packet { session: self.session, message: message.clone() };
        packet.to_wire().expect("every message of the protocol fits a frame").to_vec()
    }

    /// Sends bytes as they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.port.write_all(bytes).context("writing to the controller")
    }

    /// The next event; none if there is none in time. Asking for one acknowledges those before it.
    pub fn next_event(&mut self, within: Duration) -> Result<Option<Kept>> {
        let end = Instant::now() + within;
        while Instant::now() < end {
            self.beat()?;
            let kept = self.kept;
            let found = self.await_message(BEAT_EVERY.min(end - Instant::now()), |message| match message {
                FromGate::Event(event) if event.number > kept => Some(event.clone()),
                _ => None,
            })?;
            if let Some(event) = found {
                self.kept = event.number;
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    fn beat(&mut self) -> Result<u32> {
        self.beats += 1;
        let (beat, kept) = (self.beats, self.kept);
        self.send(&ToGate::Beat { beat, heard: kept, kept, list: 0 })?;
        Ok(beat)
    }

    fn send(&mut self, message: &ToGate) -> Result<()> {
        let wire = self.wire(message);
        self.send_bytes(&wire)
    }

    fn ask<T>(&mut self, question: &ToGate, mut answer: impl FnMut(&FromGate) -> Option<T>) -> Result<T> {
        let end = Instant::now() + PATIENCE;
        loop {
            ensure!(Instant::now() < end, "the controller answers nothing to {question:?}");
            self.send(question)?;
            if let Some(answer) = self.await_message(BEAT_EVERY, &mut answer)? {
                return Ok(answer);
            }
        }
    }

    /// Waits for a message. Others are passed over: what matters is sent again.
    fn await_message<T>(
        &mut self,
        within: Duration,
        mut wanted: impl FnMut(&FromGate) -> Option<T>,
    ) -> Result<Option<T>> {
        let end = Instant::now() + within;
        loop {
            while let Some(message) = self.inbox.pop_front() {
                if let Some(found) = wanted(&message) {
                    return Ok(Some(found));
                }
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.listen(left)?;
        }
    }

    /// Waits for bytes, and takes the messages in them.
    fn listen(&mut self, within: Duration) -> Result<()> {
        let within = PollTimeout::try_from(within).unwrap_or(PollTimeout::MAX);
        if readable(&mut [self.port.as_fd()], within)? != [true] {
            return Ok(());
        }
        let mut bytes = [0; 512];
        let read = self.port.read(&mut bytes).context("reading from the controller")?;
        for byte in &bytes[..read] {
            if let Some(Ok(packet)) = self.decoder.push(*byte)
                && packet.session == self.session
            {
                self.inbox.push_back(packet.message);
            }
        }
        Ok(())
    }
}

fn beat(message: &FromGate) -> Option<Beat> {
    match message {
        FromGate::Beat(beat) => Some(*beat),
        _ => None,
    }
}

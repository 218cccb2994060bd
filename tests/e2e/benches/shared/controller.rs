//! A gate's controller at the far end of a pty, timed from the moment it tells of a badge until its relay goes on.
//!
//! Its time is an argument, so what a reader and a barrier need in a real gate is skipped: the quiet behind the last pulse,
//! the settling of contacts, the rest of a relay.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use firmware_proto::frame::{Decoder, Packet};
use firmware_proto::from_gate::FromGate;
use firmware_proto::from_gate::capability::{DISPLAY, ROTATION};
use firmware_proto::gate::{Contacts, Controller};
use firmware_proto::link::gate_end::Identity;
use firmware_proto::uptime::Uptime;
use firmware_proto::wiegand::QUIET_MS;
use site::pty::SerialLine;
use site::turnstile::bits;

/// Longer than contacts bounce.
const STRIDE_MS: u64 = 10;
/// Longer than a pulse of the relay, and its rest.
const REST_MS: u64 = 300;
/// How long the agent may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The gate.
pub(crate) struct Gate {
    line: SerialLine,
    controller: Box<Controller<256, 4>>,
    begun: Instant,
    skipped_ms: u64,
    /// Of what the gate itself says.
    decoder: Decoder<FromGate>,
    is_led: bool,
}

impl Gate {
    /// A gate with power whose line is reached through a symlink in a folder.
    pub(crate) fn in_folder(folder: &Path) -> Result<Self> {
        let identity = Identity { firmware: [0, 1, 0], capabilities: DISPLAY | ROTATION, seed: 1 };
        Ok(Self {
            line: SerialLine::plugged_in(folder, "turnstile-1")?,
            controller: Box::new(Controller::new(identity)),
            begun: Instant::now(),
            skipped_ms: 0,
            decoder: Decoder::default(),
            is_led: false,
        })
    }

    /// The agent's port.
    pub(crate) fn path(&self) -> &Path {
        self.line.path()
    }

    /// Holds a badge to the entry and goes through. Answers the time from the controller's word of it to the relay.
    pub(crate) fn pass(&mut self, badge: &str) -> Result<Duration> {
        let wires = bits(badge)?;
        wires.into_iter().for_each(|wire| self.controller.pulse(0, wire, self.now()));
        self.skipped_ms += u64::from(QUIET_MS) + 1;
        let begun = Instant::now();
        while !self.turn(1)? {
            ensure!(begun.elapsed() < PATIENCE, "nobody opens for {badge}");
        }
        let took = begun.elapsed();
        for (a, b) in [(true, false), (true, true), (false, true), (false, false)] {
            for _ in 0..2 {
                self.controller.contacts(Contacts { a, b, ..Contacts::default() }, self.now());
                self.skipped_ms += STRIDE_MS;
            }
        }
        self.skipped_ms += REST_MS;
        Ok(took)
    }

    /// Stands until an agent leads it, and some time for the agent's orders.
    pub(crate) fn stand_until_led(&mut self) -> Result<()> {
        self.line.forget_session()?;
        self.is_led = false;
        let begun = Instant::now();
        while !self.is_led {
            ensure!(begun.elapsed() < PATIENCE, "no agent speaks to the gate");
            self.turn(1)?;
        }
        self.stand(Duration::from_millis(REST_MS))
    }

    /// Does nothing but its duties for so long.
    pub(crate) fn stand(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.turn(1)?;
        }
        Ok(())
    }

    /// One turn, at most so long; whether the entry's relay is on.
    fn turn(&mut self, at_most_ms: u16) -> Result<bool> {
        let now = self.now();
        self.controller.tick(now);
        while let Some(frame) = self.controller.transmit(now) {
            self.line.write(&frame)?;
            let sent = frame.iter().find_map(|byte| self.decoder.push(*byte));
            // A beat is said only in a session.
            self.is_led |= matches!(sent, Some(Ok(Packet { message: FromGate::Beat(_), .. })));
        }
        let heard = self.line.read(at_most_ms)?;
        let now = self.now();
        heard.into_iter().for_each(|byte| self.controller.byte(byte, now));
        Ok(self.controller.outputs(now).relay_in)
    }

    fn now(&self) -> Uptime {
        Uptime(self.begun.elapsed().as_millis() as u64 + self.skipped_ms)
    }
}

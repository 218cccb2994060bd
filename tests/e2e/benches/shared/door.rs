//! A gate as the agent meets it: a reader and a relay board at the far ends of two ptys, timed to the byte.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use site::config::Club;
use site::pty::SerialLine;
use site::reader::Dialect;

/// The command that closes the relay of channel 1, and the one that opens it.
pub(crate) const ON: [u8; 4] = [0xa0, 0x01, 0x01, 0xa2];
pub(crate) const OFF: [u8; 4] = [0xa0, 0x01, 0x00, 0xa1];

/// Ten bits at 9600 baud, rounded up: how long the last byte comes after the one before it.
const BYTE_TIME: Duration = Duration::from_micros(1050);
/// Longer than any answer; a read that takes it has failed.
const PATIENCE_MS: u16 = 5_000;

/// The ends of both lines that the hardware holds.
pub(crate) struct Door {
    pub(crate) reader: SerialLine,
    pub(crate) relay: SerialLine,
}

impl Door {
    /// Two lines in a folder.
    pub(crate) fn in_folder(folder: &Path) -> Result<Self> {
        let (reader, relay) = (SerialLine::plugged_in(folder, "entry-1")?, SerialLine::plugged_in(folder, "relay-1")?);
        Ok(Self { reader, relay })
    }

    /// Writes the gate into a club's configuration, with the shortest pulse there is.
    pub(crate) fn configure(&self, club: &mut Club) -> Result<()> {
        club.relay_gate("turnstile-1", self.relay.path(), 1)["open_for"] = "\"50ms\"".parse()?;
        club.reader("entry-1", "turnstile-1", self.reader.path(), Dialect::Rdm6300);
        Ok(())
    }

    /// Forgets what the agent said while it started.
    pub(crate) fn listen_afresh(&self) -> Result<()> {
        while !self.relay.read(100)?.is_empty() {}
        Ok(())
    }

    /// Holds a badge to the reader. Returns the time from the last byte in to the first byte out, once the gate is shut
    /// again and has rested for `rest`.
    pub(crate) fn pass(&self, badge: &str, rest: Duration) -> Result<Duration> {
        let frame = Dialect::Rdm6300.frame(badge);
        let (before, last) = frame.split_at(frame.len() - 1);
        self.reader.write(before)?;
        thread::sleep(BYTE_TIME);
        let begun = Instant::now();
        self.reader.write(last)?;
        let mut said = self.relay.read(PATIENCE_MS)?;
        let took = begun.elapsed();
        while !said.ends_with(&OFF) {
            let more = self.relay.read(PATIENCE_MS)?;
            ensure!(!more.is_empty(), "the relay heard {said:02x?} and no end of the pulse");
            said.extend(more);
        }
        ensure!(said.starts_with(&ON), "the relay heard {said:02x?} before it was switched on");
        thread::sleep(rest);
        Ok(took)
    }
}

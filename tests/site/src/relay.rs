//! An LCUS USB relay board on a pty: it obeys `A0 nn 01 cc` and `A0 nn 00 cc` and remembers every switch it made.

use std::fs::File;
use std::io::{ErrorKind, PipeReader, PipeWriter, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;
use nix::poll::PollTimeout;
use tokio::sync::watch;

use crate::pty::{SerialLine, readable};
use crate::world;

/// Channels of the largest board of the family.
pub const CHANNELS_MAX: u8 = 8;

/// One relay that changed its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch {
    /// Which relay, as printed on the board: from 1.
    pub channel: u8,
    /// What it became.
    pub to: Contact,
    /// What made it change.
    pub cause: Cause,
    /// When the last byte of the command had arrived.
    pub at: Instant,
}

/// The state of one relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contact {
    /// Closed: the gate is released.
    On,
    /// Open.
    Off,
}

/// What made a relay change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A command with a good checksum.
    Command,
    /// The board lost its USB power.
    Unplugged,
}

/// What the board has seen since it was made.
#[derive(Debug, Clone, Default)]
pub struct BoardLog {
    /// Every change, oldest first.
    pub switches: Vec<Switch>,
    /// Well-formed commands, those that changed nothing included.
    pub commands: usize,
    /// Bytes that belonged to no well-formed command.
    pub stray_bytes: usize,
}

impl BoardLog {
    /// How often a relay went on.
    pub fn opens(&self, channel: u8) -> usize {
        self.of(channel).filter(|switch| switch.to == Contact::On).count()
    }

    /// Whether a relay is on now.
    pub fn is_on(&self, channel: u8) -> bool {
        self.of(channel).last().is_some_and(|switch| switch.to == Contact::On)
    }

    /// When a relay last went on.
    pub fn last_on(&self, channel: u8) -> Option<Instant> {
        self.of(channel).filter(|switch| switch.to == Contact::On).last().map(|switch| switch.at)
    }

    /// How long each finished pulse of a relay lasted.
    pub fn pulses(&self, channel: u8) -> Vec<Duration> {
        let changes: Vec<&Switch> = self.of(channel).collect();
        changes.chunks_exact(2).map(|pair| pair[1].at - pair[0].at).collect()
    }

    /// How long a relay was off between two pulses.
    pub fn pauses(&self, channel: u8) -> Vec<Duration> {
        let changes: Vec<&Switch> = self.of(channel).skip(1).collect();
        changes.chunks_exact(2).map(|pair| pair[1].at - pair[0].at).collect()
    }

    fn of(&self, channel: u8) -> impl Iterator<Item = &Switch> {
        self.switches.iter().filter(move |switch| switch.channel == channel)
    }
}

/// A board on its serial line.
#[derive(Debug)]
pub struct Relay {
    line: SerialLine,
    log: Arc<watch::Sender<BoardLog>>,
    firmware: Mutex<Option<Firmware>>,
}

/// The thread that reads the line; dropping `stop` ends it.
#[derive(Debug)]
struct Firmware {
    thread: JoinHandle<()>,
    stop: PipeWriter,
}

impl Relay {
    /// A plugged-in board reached through a symlink `name` in `folder`.
    pub fn plugged_in(folder: &Path, name: &str) -> Result<Self> {
        let board = Self {
            line: SerialLine::unplugged(folder, name),
            log: Arc::new(watch::Sender::new(BoardLog::default())),
            firmware: Mutex::new(None),
        };
        board.plug_in()?;
        Ok(board)
    }

    /// The stable path to put into the agent's configuration.
    pub fn path(&self) -> &Path {
        self.line.path()
    }

    /// The serial line of the board, for [`SerialLine::forget_session`].
    pub fn line(&self) -> &SerialLine {
        &self.line
    }

    /// Connects the board, with all relays off.
    pub fn plug_in(&self) -> Result<()> {
        self.line.plug_in()?;
        let device = self.line.device()?;
        let (ended, stop) = std::io::pipe()?;
        let log = Arc::clone(&self.log);
        let thread = std::thread::spawn(move || obey(device, &ended, &log));
        *self.firmware() = Some(Firmware { thread, stop });
        Ok(())
    }

    /// Pulls the cable: the board loses its power, so every relay that was on goes off.
    pub fn unplug(&self) -> Result<()> {
        self.stop_firmware();
        self.line.unplug()?;
        self.log.send_modify(|log| {
            let on: Vec<u8> = (1..=CHANNELS_MAX).filter(|channel| log.is_on(*channel)).collect();
            log.switches.extend(on.into_iter().map(|channel| Switch {
                channel,
                to: Contact::Off,
                cause: Cause::Unplugged,
                at: Instant::now(),
            }));
        });
        Ok(())
    }

    /// What the board has seen so far.
    pub fn log(&self) -> BoardLog {
        self.log.borrow().clone()
    }

    /// How often a relay went on.
    pub fn opens(&self, channel: u8) -> usize {
        self.log.borrow().opens(channel)
    }

    /// Whether a relay is on now.
    pub fn is_on(&self, channel: u8) -> bool {
        self.log.borrow().is_on(channel)
    }

    /// Waits until a relay is on.
    pub async fn wait_on(&self, channel: u8, within: Duration) -> Result<()> {
        self.wait_until(|log| log.is_on(channel), within).await
    }

    /// Waits until a relay is off.
    pub async fn wait_off(&self, channel: u8, within: Duration) -> Result<()> {
        self.wait_until(|log| !log.is_on(channel), within).await
    }

    /// Waits until a relay has gone on `times` times since the board was made; a pulse that is over counts.
    pub async fn wait_opens(&self, channel: u8, times: usize, within: Duration) -> Result<()> {
        self.wait_until(|log| log.opens(channel) >= times, within).await
    }

    /// Waits until something holds of what the board has seen.
    pub async fn wait_until(&self, wanted: impl FnMut(&BoardLog) -> bool, within: Duration) -> Result<()> {
        world::wait_for(self.log.subscribe(), wanted, within, |log| format!("the board saw {log:?}")).await
    }

    fn stop_firmware(&self) {
        if let Some(Firmware { thread, stop }) = self.firmware().take() {
            drop(stop);
            thread.join().expect("the board's loop does not panic");
        }
    }

    fn firmware(&self) -> std::sync::MutexGuard<'_, Option<Firmware>> {
        self.firmware.lock().expect("nothing panics while it holds the firmware")
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop_firmware();
    }
}

fn obey(mut device: File, ended: &PipeReader, log: &watch::Sender<BoardLog>) {
    let mut waiting = Vec::new();
    let mut buffer = [0; 256];
    loop {
        let ready = readable(&mut [device.as_fd(), ended.as_fd()], PollTimeout::NONE);
        let Ok([_, false]) = ready.as_deref() else { return };
        let read = match device.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => continue,
            Err(_) => return,
        };
        let at = Instant::now();
        waiting.extend_from_slice(&buffer[..read]);
        log.send_modify(|log| decode(&mut waiting, at, log));
    }
}

/// Takes every whole command out of `waiting` and skips, byte by byte, whatever cannot be one.
fn decode(waiting: &mut Vec<u8>, at: Instant, log: &mut BoardLog) {
    while let Some(first) = waiting.first() {
        if *first == 0xa0 && waiting.len() < 4 {
            return;
        }
        let Some((channel, to)) = command(waiting) else {
            waiting.remove(0);
            log.stray_bytes += 1;
            continue;
        };
        waiting.drain(..4);
        log.commands += 1;
        if log.is_on(channel) != (to == Contact::On) {
            log.switches.push(Switch { channel, to, cause: Cause::Command, at });
        }
    }
}

fn command(bytes: &[u8]) -> Option<(u8, Contact)> {
    let [0xa0, channel @ 1..=CHANNELS_MAX, order @ (0 | 1), sum, ..] = *bytes else {
        return None;
    };
    let to = if order == 1 { Contact::On } else { Contact::Off };
    (sum == 0xa0_u8.wrapping_add(channel).wrapping_add(order)).then_some((channel, to))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::pty::open_port;

    const SOON: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn published_commands_switch_and_bad_ones_do_not() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let board = Relay::plugged_in(folder.path(), "relay")?;
        let mut port = open_port(board.path())?;

        port.write_all(&[0xa0, 0x01, 0x01, 0xa2])?;
        board.wait_on(1, SOON).await?;
        // On again changes nothing; a wrong sum, channel 9 and noise are strays; the halves of the last one join.
        port.write_all(&[0xa0, 1, 1, 0xa2, 0xa0, 2, 1, 0xff, 0xa0, 9, 1, 0xaa, 0x00, 0xa0, 1])?;
        port.write_all(&[0x00, 0xa1])?;
        board.wait_off(1, SOON).await?;

        let log = board.log();
        assert_eq!((log.opens(1), log.opens(2), log.commands, log.stray_bytes), (1, 0, 3, 9));
        assert_eq!(log.pulses(1).len(), 1);
        Ok(())
    }

    #[tokio::test]
    async fn an_unplugged_board_drops_its_relays_and_obeys_again_when_back() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let board = Relay::plugged_in(folder.path(), "relay")?;
        open_port(board.path())?.write_all(&[0xa0, 0x03, 0x01, 0xa4])?;
        board.wait_on(3, SOON).await?;

        board.unplug()?;
        assert!(!board.is_on(3));
        assert!(open_port(board.path()).is_err());

        board.plug_in()?;
        open_port(board.path())?.write_all(&[0xa0, 0x03, 0x01, 0xa4])?;
        board.wait_opens(3, 2, SOON).await?;
        assert_eq!(board.log().switches[1].cause, Cause::Unplugged);
        Ok(())
    }
}

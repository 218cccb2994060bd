//! One serial line: opened for this agent alone, and after each loss opened again by the same path, for ever.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};
use tokio_serial::{ClearBuffer, DataBits, FlowControl, SerialPort, SerialStream, StopBits};

use super::{Parity, SerialLine};

/// Pause before the first attempt to reopen a lost line: udev needs about as long to make the device again.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
/// Longest pause between attempts: who plugs a cable back in waits no longer than this to see it work.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// A line that was up for so long was sound; after a shorter time pauses go on growing, so that a loose contact does
/// not fill the log.
const SOUND_AFTER: Duration = Duration::from_secs(5);
/// Four bytes take 4 ms at 9600 baud; an adapter that does not take them within this is stuck.
const WRITE_PATIENCE: Duration = Duration::from_millis(500);

/// Why a line cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("opening serial port {port}: {source}{}", hint(.source))]
pub struct OpenError {
    port: String,
    source: tokio_serial::Error,
}

/// Why a line that was open is open no more.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// A read at the end of the line: the device is gone. Every further read would say so at once, without end.
    #[error("the cable was unplugged")]
    Unplugged,
    /// Reading failed.
    #[error("reading from the line: {0}")]
    Reading(#[source] io::Error),
    /// Writing failed.
    #[error("writing to the line: {0}")]
    Writing(#[source] io::Error),
    /// Writing did not get on.
    #[error("the line took no bytes for 500 ms")]
    Stalled,
}

/// Opens one line again and again, with growing pauses.
pub(super) struct Link {
    line: SerialLine,
    pause: Duration,
}

impl Link {
    /// A line not tried yet: the first attempt is made at once.
    pub(super) fn new(line: SerialLine) -> Self {
        Self { line, pause: Duration::ZERO }
    }

    /// One attempt, after the pause that is due. The future stands alone, so that its owner can do other things.
    pub(super) fn attempt(&mut self) -> impl Future<Output = Result<SerialStream, OpenError>> + Send + use<> {
        let (line, pause) = (self.line.clone(), self.pause);
        self.pause = (pause * 2).clamp(PAUSE_FIRST, PAUSE_MAX);
        async move {
            sleep(pause).await;
            open(&line).await
        }
    }

    /// The line was lost after it had been up for so long.
    pub(super) fn lost_after(&mut self, up_for: Duration) {
        if up_for >= SOUND_AFTER {
            self.pause = PAUSE_FIRST;
        }
    }
}

/// Opens a line with its settings, exclusively.
///
/// # Errors
/// When the port is missing, in use, not permitted, or no serial port.
pub(super) async fn open(line: &SerialLine) -> Result<SerialStream, OpenError> {
    let failed = |source| OpenError { port: line.port.clone(), source };
    let builder = tokio_serial::new(&line.port, line.baud)
        .data_bits(data_bits(line.data_bits))
        .parity(parity(line.parity))
        .stop_bits(if line.stop_bits == 2 { StopBits::Two } else { StopBits::One })
        .flow_control(FlowControl::None)
        .exclusive(true);
    // Opening waits for the adapter, a stuck one for seconds; gates on other lines must not wait with it.
    let opened = tokio::task::spawn_blocking(move || SerialStream::open(&builder)).await;
    opened.unwrap_or_else(|stopped| Err(io::Error::other(stopped).into())).map_err(failed)
}

/// The next bytes, at least one.
///
/// # Errors
/// When the line is lost; it must then be closed, since it never comes back under the same descriptor.
pub(super) async fn read(port: &mut SerialStream, bytes: &mut [u8]) -> Result<usize, Lost> {
    match port.read(bytes).await {
        Ok(0) => Err(Lost::Unplugged),
        Ok(count) => Ok(count),
        Err(error) => Err(Lost::Reading(error)),
    }
}

/// Hands `bytes` to the line. They are not flushed: draining a line blocks the thread for the time of its baud rate.
///
/// # Errors
/// When the line is lost; bytes still unsent are thrown away, because closing the port would wait for them.
pub(super) async fn write(port: &mut SerialStream, bytes: &[u8]) -> Result<(), Lost> {
    let lost = match timeout(WRITE_PATIENCE, port.write_all(bytes)).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => Lost::Writing(error),
        Err(_) => Lost::Stalled,
    };
    // The line is given up either way; that a dead line cannot be cleared changes nothing.
    let _cannot_be_cleared = port.clear(ClearBuffer::Output);
    Err(lost)
}

fn data_bits(bits: u8) -> DataBits {
    match bits {
        5 => DataBits::Five,
        6 => DataBits::Six,
        7 => DataBits::Seven,
        _ => DataBits::Eight,
    }
}

fn parity(parity: Parity) -> tokio_serial::Parity {
    match parity {
        Parity::None => tokio_serial::Parity::None,
        Parity::Even => tokio_serial::Parity::Even,
        Parity::Odd => tokio_serial::Parity::Odd,
    }
}

/// What the serial library says of EPERM, which it sorts under nothing: systemd's list of devices answers so, whereas a
/// file's owner and mode answer EACCES.
const NOT_PERMITTED: &str = "Operation not permitted";

/// What to look at first, where the operating system's words do not say.
fn hint(error: &tokio_serial::Error) -> &'static str {
    match error.kind() {
        _ if error.description.starts_with(NOT_PERMITTED) => {
            " (is its kind in DeviceAllow= of the unit? One whose driver was loaded after the agent's start is taken by \
             `systemctl restart varco`)"
        }
        tokio_serial::ErrorKind::Io(io::ErrorKind::PermissionDenied) => " (is the agent's user in group dialout?)",
        tokio_serial::ErrorKind::Io(io::ErrorKind::NotFound) | tokio_serial::ErrorKind::NoDevice => {
            " (is it plugged in? `varco ports` lists what is)"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nowhere() -> SerialLine {
        SerialLine {
            port: "/dev/serial/by-id/not-here".into(),
            baud: 9600,
            data_bits: 8,
            parity: Parity::None,
            stop_bits: 1,
        }
    }

    /// How long the next attempt waits, in milliseconds.
    fn next_attempt(link: &mut Link) -> u128 {
        let pause = link.pause;
        drop(link.attempt());
        pause.as_millis()
    }

    #[test]
    fn attempts_at_a_missing_port_grow_rare_and_never_end() {
        let mut link = Link::new(nowhere());
        let pauses: Vec<_> = (0..9).map(|_| next_attempt(&mut link)).collect();
        assert_eq!(pauses, [0, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
    }

    #[test]
    fn a_sound_line_is_looked_for_soon_and_a_loose_contact_is_not() {
        let mut link = Link::new(nowhere());
        let loose = Duration::from_millis(20);
        let pauses = [loose, SOUND_AFTER, loose, loose, SOUND_AFTER].map(|up_for| {
            link.lost_after(up_for);
            next_attempt(&mut link)
        });
        assert_eq!(pauses, [0, 200, 400, 800, 200]);
    }

    #[tokio::test]
    async fn what_cannot_be_opened_is_told_with_its_path_and_what_to_look_at() {
        let told = open(&nowhere()).await.expect_err("there is no such port").to_string();
        assert!(told.contains("/dev/serial/by-id/not-here") && told.contains("varco ports"), "{told}");
        let file = tempfile::NamedTempFile::new().unwrap();
        let line = SerialLine { port: file.path().to_str().unwrap().to_owned(), ..nowhere() };
        open(&line).await.expect_err("a regular file is no serial port");
    }

    #[test]
    fn a_lack_of_rights_says_whose_rights_lack() {
        let told = |error: tokio_serial::Error| OpenError { port: "/dev/ttyUSB0".into(), source: error }.to_string();
        let forbidden = tokio_serial::Error::new(tokio_serial::ErrorKind::Unknown, NOT_PERMITTED);
        let by_the_kernel: io::Error = rustix::io::Errno::PERM.into();
        assert!(told(forbidden).contains("DeviceAllow="));
        assert!(told(by_the_kernel.into()).contains("DeviceAllow="));
        let of_the_file: io::Error = rustix::io::Errno::ACCESS.into();
        assert!(told(of_the_file.into()).contains("dialout"));
    }
}

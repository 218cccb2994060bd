//! A serial line made of a pty: the agent opens a path that stays the same, the test holds the other end and may pull the plug.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::openpty;
use nix::sys::termios::{FlushArg, SetArg, cfmakeraw, tcflush, tcgetattr, tcsetattr};
use nix::unistd::ttyname;

/// One serial cable. The device end is in the test's hand, the other end is a path the agent opens.
#[derive(Debug)]
pub struct SerialLine {
    path: PathBuf,
    plugged: Mutex<Option<Pair>>,
    lost_bytes: AtomicU64,
}

#[derive(Debug)]
struct Pair {
    master: File,
    // Held so that the line outlives the agent: without it the master reads EIO whenever nobody has the port open.
    slave: File,
}

impl SerialLine {
    /// A plugged-in line reached through a symlink `name` in `folder`, as udev's `/dev/serial/by-id` would make it.
    pub fn plugged_in(folder: &Path, name: &str) -> Result<Self> {
        let line = Self::unplugged(folder, name);
        line.plug_in()?;
        Ok(line)
    }

    /// A line whose device is not there yet: its path does not exist until [`SerialLine::plug_in`].
    pub fn unplugged(folder: &Path, name: &str) -> Self {
        Self { path: folder.join(name), plugged: Mutex::new(None), lost_bytes: AtomicU64::new(0) }
    }

    /// The stable path to put into the agent's configuration.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Connects the device: a new pty behind the same path.
    pub fn plug_in(&self) -> Result<()> {
        let mut plugged = self.lock();
        ensure!(plugged.is_none(), "{} is plugged in already", self.path.display());
        let (pair, device) = raw_pair().context("opening a pty")?;
        symlink(&device, &self.path).with_context(|| format!("linking {}", self.path.display()))?;
        *plugged = Some(pair);
        Ok(())
    }

    /// Pulls the cable: the path goes, and who has the port open sees it hang up.
    pub fn unplug(&self) -> Result<()> {
        let pair = self.lock().take();
        ensure!(pair.is_some(), "{} is unplugged already", self.path.display());
        fs::remove_file(&self.path).with_context(|| format!("unlinking {}", self.path.display()))
    }

    /// Sends what the device would send. Like a UART it never waits: bytes nobody reads are lost once the buffer is full.
    pub fn write(&self, mut bytes: &[u8]) -> Result<()> {
        let plugged = self.lock();
        let pair = self.pair(&plugged)?;
        while !bytes.is_empty() {
            match (&pair.master).write(bytes) {
                Ok(taken) => bytes = &bytes[taken..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.lost_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                    break;
                }
                Err(error) => return Err(error).with_context(|| format!("writing to {}", self.path.display())),
            }
        }
        Ok(())
    }

    /// Reads what the agent wrote to the device, waiting at most `within_ms`; empty when it wrote nothing.
    pub fn read(&self, within_ms: u16) -> Result<Vec<u8>> {
        let mut device = self.device()?;
        readable(&mut [device.as_fd()], PollTimeout::from(within_ms))?;
        let mut buffer = [0; 4096];
        match device.read(&mut buffer) {
            Ok(read) => Ok(buffer[..read].to_vec()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Vec::new()),
            Err(error) => Err(error).with_context(|| format!("reading from {}", self.path.display())),
        }
    }

    /// Does what the kernel does to a real port at its last close: unread bytes go, and so does the exclusive lock.
    /// A pty keeps both, since this end holds it open; call it between killing an agent and starting the next.
    pub fn forget_session(&self) -> Result<()> {
        let plugged = self.lock();
        let pair = self.pair(&plugged)?;
        tcflush(&pair.slave, FlushArg::TCIOFLUSH)?;
        rustix::termios::ioctl_tiocnxcl(&pair.slave)?;
        Ok(())
    }

    /// Bytes written while the agent did not read and the buffer was full.
    pub fn lost_bytes(&self) -> u64 {
        self.lost_bytes.load(Ordering::Relaxed)
    }

    /// A second handle to the device end. The line hangs up only when this is dropped too.
    pub(crate) fn device(&self) -> Result<File> {
        let plugged = self.lock();
        Ok(self.pair(&plugged)?.master.try_clone()?)
    }

    fn pair<'a>(&self, plugged: &'a Option<Pair>) -> Result<&'a Pair> {
        plugged.as_ref().with_context(|| format!("{} is unplugged", self.path.display()))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Pair>> {
        self.plugged.lock().expect("nothing panics while it holds the plug")
    }
}

impl Drop for SerialLine {
    fn drop(&mut self) {
        // A path to a pty that is gone would look to the next run like a broken device.
        let _ = fs::remove_file(&self.path);
    }
}

/// Waits until one of `ends` can be read or has hung up; says which.
pub(crate) fn readable(ends: &mut [BorrowedFd<'_>], within: PollTimeout) -> Result<Vec<bool>> {
    let mut polled: Vec<PollFd<'_>> = ends.iter().map(|end| PollFd::new(*end, PollFlags::POLLIN)).collect();
    match poll(&mut polled, within) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => {}
        Err(error) => return Err(error).context("waiting for a serial line"),
    }
    Ok(polled.iter().map(|end| end.any().unwrap_or(false)).collect())
}

fn raw_pair() -> Result<(Pair, PathBuf)> {
    let ends = openpty(None, None)?;
    let device = ttyname(&ends.slave)?;
    // Raw before anybody opens it: a cooked line would echo the agent's own bytes back as reads.
    let mut settings = tcgetattr(&ends.slave)?;
    cfmakeraw(&mut settings);
    tcsetattr(&ends.slave, SetArg::TCSANOW, &settings)?;
    let flags = OFlag::from_bits_retain(fcntl(&ends.master, FcntlArg::F_GETFL)?);
    fcntl(&ends.master, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    // Close-on-exec on both: an agent started later would otherwise inherit the cable and no unplugging would be seen.
    for end in [ends.master.as_fd(), ends.slave.as_fd()] {
        fcntl(end, FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC))?;
    }
    let pair = Pair { master: File::from(ends.master), slave: File::from(ends.slave) };
    Ok((pair, device))
}

/// Opens the agent's end the plain way, for tests of what a reader of the port would see.
pub fn open_port(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits()).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Result<(tempfile::TempDir, SerialLine)> {
        let folder = tempfile::tempdir()?;
        let line = SerialLine::plugged_in(folder.path(), "entry-1")?;
        Ok((folder, line))
    }

    #[test]
    fn bytes_pass_both_ways_unchanged() -> Result<()> {
        let (_folder, line) = line()?;
        let mut port = open_port(line.path())?;
        let every_byte: Vec<u8> = (0..=255).collect();
        line.write(&every_byte)?;
        let mut read = [0; 256];
        port.read_exact(&mut read)?;
        assert_eq!(read.as_slice(), every_byte);
        port.write_all(&every_byte)?;
        let mut heard = Vec::new();
        while heard.len() < every_byte.len() {
            heard.extend(line.read(1000)?);
        }
        assert_eq!(heard, every_byte);
        Ok(())
    }

    #[test]
    fn a_pulled_cable_hangs_up_and_a_new_one_is_behind_the_same_path() -> Result<()> {
        let (_folder, line) = line()?;
        let mut port = open_port(line.path())?;
        line.unplug()?;
        let mut buffer = [0; 8];
        assert!(matches!(port.read(&mut buffer), Ok(0) | Err(_)));
        assert!(port.write(b"x").is_err());
        assert_eq!(open_port(line.path()).map_err(|error| error.kind()).err(), Some(ErrorKind::NotFound));
        assert!(line.write(b"x").is_err());

        line.plug_in()?;
        let mut port = open_port(line.path())?;
        line.write(b"again")?;
        let mut read = [0; 5];
        port.read_exact(&mut read)?;
        assert_eq!(&read, b"again");
        Ok(())
    }

    #[test]
    fn a_reader_that_waits_is_woken_by_the_pulled_cable() -> Result<()> {
        let (_folder, line) = line()?;
        let mut port = open_port(line.path())?;
        let waiting = std::thread::spawn(move || port.read(&mut [0; 8]));
        line.unplug()?;
        let read = waiting.join().expect("the reading thread does not panic");
        assert!(matches!(read, Ok(0) | Err(_)));
        Ok(())
    }

    #[test]
    fn what_was_sent_while_no_agent_ran_is_forgotten_on_demand() -> Result<()> {
        let (_folder, line) = line()?;
        line.write(b"stale")?;
        line.forget_session()?;
        line.write(b"fresh")?;
        let mut read = [0; 5];
        open_port(line.path())?.read_exact(&mut read)?;
        assert_eq!(&read, b"fresh");
        Ok(())
    }

    #[test]
    fn an_agent_that_was_killed_leaves_no_lock_behind() -> Result<()> {
        let (_folder, line) = line()?;
        let port = open_port(line.path())?;
        rustix::termios::ioctl_tiocexcl(&port)?;
        drop(port);
        line.forget_session()?;
        open_port(line.path())?;
        Ok(())
    }

    #[test]
    fn a_line_nobody_reads_loses_bytes_and_counts_them() -> Result<()> {
        let (_folder, line) = line()?;
        line.write(&vec![b'x'; 1 << 20])?;
        assert!(line.lost_bytes() > 0);
        Ok(())
    }
}

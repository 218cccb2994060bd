//! A cable that can be pulled: a pseudo-terminal behind a symbolic link, as udev makes one for a USB adapter.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use tempfile::TempDir;
use tokio::net::unix::pipe;
use tokio::time::timeout;

use super::DEADLINE;

pub(crate) struct Cable {
    by_id: TempDir,
    plugged: Option<Plugged>,
}

struct Plugged {
    from_agent: pipe::Receiver,
    to_agent: pipe::Sender,
    /// Held open, because a pseudo-terminal that nobody has open reports an error to its other side.
    _line: OwnedFd,
}

impl Cable {
    /// A cable that is not plugged in.
    pub(crate) fn new() -> Self {
        Self { by_id: tempfile::tempdir().unwrap(), plugged: None }
    }

    /// The path that stays the same.
    pub(crate) fn path(&self) -> String {
        self.link().to_str().unwrap().to_owned()
    }

    pub(crate) fn plug_in(&mut self) {
        let device = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        rustix::pty::grantpt(&device).unwrap();
        rustix::pty::unlockpt(&device).unwrap();
        rustix::fs::fcntl_setfl(&device, OFlags::NONBLOCK).unwrap();
        let line_path = rustix::pty::ptsname(&device, Vec::new()).unwrap().into_string().unwrap();
        let line =
            rustix::fs::open(&line_path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let mut settings = tcgetattr(&line).unwrap();
        settings.make_raw();
        tcsetattr(&line, OptionalActions::Now, &settings).unwrap();
        std::os::unix::fs::symlink(&line_path, self.link()).unwrap();
        // Named for pipes, good for any descriptor that can be polled.
        let to_agent = pipe::Sender::from_owned_fd_unchecked(device.try_clone().unwrap()).unwrap();
        let from_agent = pipe::Receiver::from_owned_fd_unchecked(device).unwrap();
        self.plugged = Some(Plugged { from_agent, to_agent, _line: line });
    }

    pub(crate) fn pull(&mut self) {
        std::fs::remove_file(self.link()).unwrap();
        self.plugged = None;
    }

    pub(crate) async fn send(&self, mut bytes: &[u8]) {
        let line = &self.plugged.as_ref().expect("the cable is plugged in").to_agent;
        while !bytes.is_empty() {
            timeout(DEADLINE, line.writable()).await.expect("room in the line").unwrap();
            bytes = &bytes[moved(line.try_write(bytes))..];
        }
    }

    /// The next `count` bytes that the agent sends.
    pub(crate) async fn take(&self, count: usize) -> Vec<u8> {
        let line = &self.plugged.as_ref().expect("the cable is plugged in").from_agent;
        let mut taken = Vec::new();
        while taken.len() < count {
            let readable = timeout(DEADLINE, line.readable()).await;
            readable.unwrap_or_else(|_| panic!("only {taken:02X?} came")).unwrap();
            let mut bytes = vec![0; count - taken.len()];
            let read = moved(line.try_read(&mut bytes));
            taken.extend_from_slice(&bytes[..read]);
        }
        taken
    }

    fn link(&self) -> PathBuf {
        self.by_id.path().join("usb-reader-port0")
    }
}

/// Readiness may be false; then nothing moved and the next round waits for it again.
fn moved(result: io::Result<usize>) -> usize {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        moved => moved.expect("the line works"),
    }
}

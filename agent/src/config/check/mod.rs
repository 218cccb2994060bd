//! What `varco check` looks at on this machine before the agent runs: ports, disk, address, certificates and clock.
//!
//! Nothing here disturbs an agent that is already running: ports are looked at, not opened.

mod certificate;
mod certificates;
mod disk;
mod ports;

use std::fmt;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use super::Config;
use crate::clock::Clock;
use crate::domain::ClockQuality;

/// One thing that was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What was looked at, such as `port /dev/ttyUSB0`.
    pub subject: String,
    /// How it is.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do, unless it is well.
    pub mend: Option<String>,
}

/// How a thing is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum State {
    /// Well.
    Good,
    /// The agent runs, with this to look at.
    Warning,
    /// The agent would not work.
    Error,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.state {
            State::Good => "ok     ",
            State::Warning => "warning",
            State::Error => "error  ",
        };
        write!(f, "{mark} {}: {}", self.subject, self.found)?;
        self.mend.as_ref().map_or(Ok(()), |mend| write!(f, "\n        {mend}"))
    }
}

impl Finding {
    /// All is well.
    pub fn good(subject: impl Into<String>, found: impl Into<String>) -> Self {
        Self { subject: subject.into(), state: State::Good, found: found.into(), mend: None }
    }

    /// Works, with this to look at.
    pub fn warning(subject: impl Into<String>, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { subject: subject.into(), state: State::Warning, found: found.into(), mend: Some(mend.into()) }
    }

    /// Would not work.
    pub fn error(subject: impl Into<String>, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { subject: subject.into(), state: State::Error, found: found.into(), mend: Some(mend.into()) }
    }
}

/// Looks at everything on this machine that the configuration names. Upstreams are not contacted.
#[must_use]
pub fn offline(config: &Config) -> Vec<Finding> {
    let now = Clock::system().now();
    let mut findings = ports::findings(&config.doors);
    findings.extend(disk::findings(&config.store));
    findings.push(address(config.console.listen));
    findings.extend(certificates::findings(config, now.wall));
    findings.push(clock(now.quality));
    findings
}

/// Looks at what the console needs to be reached: its address and its certificate.
#[must_use]
pub fn console(config: &Config) -> Vec<Finding> {
    let certificate = certificates::of_console(config, Clock::system().now().wall);
    [address(config.console.listen)].into_iter().chain(certificate).collect()
}

fn address(listen: SocketAddr) -> Finding {
    let subject = format!("console {listen}");
    match TcpListener::bind(listen) {
        Ok(_freed_at_once) => Finding::good(subject, "can be listened on"),
        Err(error) if error.kind() == ErrorKind::AddrInUse => Finding::warning(
            subject,
            "something listens there",
            "if that is not the agent itself, write another port in console.listen",
        ),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Finding::error(subject, error.to_string(), "write a port from 1024 in console.listen")
        }
        Err(error) => Finding::error(subject, error.to_string(), "write an address of this machine in console.listen"),
    }
}

fn clock(quality: ClockQuality) -> Finding {
    match quality {
        ClockQuality::Synced => Finding::good("clock", "kept by a time source"),
        ClockQuality::Holdover => Finding::warning(
            "clock",
            "plausible, but no time source keeps it",
            "sudo timedatectl set-ntp true (Debian package systemd-timesyncd or chrony)",
        ),
        ClockQuality::Untrusted => {
            Finding::error("clock", "before this program was built", "set it: sudo timedatectl set-ntp true")
        }
    }
}

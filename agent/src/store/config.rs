//! Where the store lives and how long it keeps what is done with.

use std::path::PathBuf;
use std::time::Duration;

/// `[store]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// The SQLite file; its folder also holds the WAL and the ballast.
    pub path: PathBuf,
    /// How long it keeps what is done with.
    pub keep: Retention,
    /// Size in bytes of the ballast that is freed when the disk is full.
    pub ballast_bytes: u64,
}

/// How long each kind of record is kept once nothing depends on it any more; none: for ever.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Retention {
    /// Delivered, suppressed and discarded outbox rows, from their last change.
    pub delivered: Duration,
    /// Passages and their traces.
    pub passages: Option<Duration>,
    /// Visits, from their beginning: one that began on an earlier club day is over.
    pub visits: Option<Duration>,
    /// Classes with their bookings and attendance, from their beginning.
    pub classes: Option<Duration>,
    /// What operators ordered, and why.
    pub commands: Option<Duration>,
    /// What happened to people's integrations at Mywellness.
    pub sync_history: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        let days = |days: u64| Duration::from_secs(days * 86_400);
        let (passages, visits, classes, commands) = (None, None, None, None);
        Self { delivered: days(7), passages, visits, classes, commands, sync_history: days(90) }
    }
}

//! Where the store lives and how long it keeps what is done with.

use std::path::PathBuf;
use std::time::Duration;

/// `[store]`.
#[derive(Clone, Debug)]
pub struct Config {
    /// The SQLite file; its folder also holds the WAL and the ballast.
    pub path: PathBuf,
    /// How long delivered, suppressed and discarded outbox rows are kept.
    pub keep_delivered: Duration,
    /// How long passages and their traces are kept; none: for ever.
    pub keep_passages: Option<Duration>,
    /// Size in bytes of the ballast that is freed when the disk is full.
    pub ballast_bytes: u64,
}

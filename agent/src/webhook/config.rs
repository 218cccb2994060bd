//! Where a webhook's receiver is, and what it is told.

use std::path::PathBuf;
use std::time::Duration;

use super::signature::Key;
use crate::domain::{FactKind, LaneId, SiteId};

/// One `[[webhook]]`.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// Its lane: `webhook-` and its id.
    pub lane: LaneId,
    /// Where events are posted; https, or http to this machine. May hold a secret: not for logs.
    pub url: String,
    /// What events are signed with: one key, or two while the receiver changes from one to the other.
    pub keys: Vec<Key>,
    /// What is told.
    pub facts: Vec<FactKind>,
    /// The club, in the source of events.
    pub site: SiteId,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// PEM of the authorities trusted; none: the system's.
    pub ca_file: Option<PathBuf>,
}

//! How the central system's broker is reached.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// `[mqtt]`.
#[derive(Clone, Debug)]
pub struct Config {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// TLS, for `mqtts://`.
    pub tls: Option<Tls>,
    /// The publisher's client id; the session of receipts and commands is `{client_id}-in`.
    pub client_id: String,
    /// User name and password.
    pub login: Option<(String, SecretString)>,
    /// First part of every topic.
    pub topic_prefix: String,
    /// The second part of every topic.
    pub site: crate::domain::SiteId,
    /// Names and the member number travel too.
    pub include_person: bool,
    /// What makes a row done.
    pub confirm: Confirm,
    /// The central system may have things done: people written down, CRM actions made and so on.
    pub commands: bool,
}

/// TLS to the broker.
#[derive(Clone, Debug)]
pub struct Tls {
    /// PEM of the authorities trusted; none: the system's.
    pub ca_file: Option<PathBuf>,
    /// Client certificate chain and key, PEM.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// What makes a row done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Confirm {
    /// The broker's PUBACK.
    Puback,
    /// The central system's own receipt.
    Receipt {
        /// Rows without a receipt for so long are published again.
        timeout: Duration,
    },
}

//! Where the console listens.

use std::net::SocketAddr;

/// `[console]`.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// A proxy in front of it terminates TLS.
    pub behind_proxy: bool,
    /// Certificate chain and key, PEM, for addresses other than loopback.
    pub tls: Option<(std::path::PathBuf, std::path::PathBuf)>,
}

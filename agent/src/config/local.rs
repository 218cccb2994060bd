//! `[store]`, `[console]`, `[logs]` and `[messages]`: this machine's own side.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::files::{Surroundings, certificate_file, demand_pair, key_file};
use super::section::{Fault, Section};
use super::tree::Node;
use super::values::{choice, duration, flag, size, text};
use crate::telemetry::LogFormat;
use crate::{console, store};

const DAY: Duration = Duration::from_secs(86_400);
/// Longest retention: a hundred years is the same as for ever.
const KEEP_MAX: Duration = Duration::from_secs(36_500 * 86_400);
/// Largest ballast, in bytes.
const BALLAST_BYTES_MAX: u64 = 16 << 30;
/// Ballast unless told otherwise: room for some hundred thousand passages while the disk is being freed.
const BALLAST_BYTES: u64 = 64 << 20;

const STORE_PATH: &str = "/var/lib/varco/varco.db";
const CONSOLE_PORT: u16 = 8480;

/// Reads `[store]`, which may be absent.
pub(super) fn store(section: Option<Section<'_>>, around: &Surroundings) -> store::Config {
    let mut config = store::Config {
        path: PathBuf::from(STORE_PATH),
        keep: store::Retention::default(),
        ballast_bytes: BALLAST_BYTES,
    };
    let Some(mut section) = section else { return config };
    config.path = section.or("path", config.path, |node| text(node).map(|path| around.path(&path)));
    let keep = &mut config.keep;
    keep.delivered = section.or("keep_delivered", keep.delivered, duration(Duration::ZERO..=KEEP_MAX));
    keep.passages = section.optional("keep_passages", duration(DAY..=KEEP_MAX));
    keep.visits = section.optional("keep_visits", duration(2 * DAY..=KEEP_MAX));
    keep.classes = section.optional("keep_classes", duration(2 * DAY..=KEEP_MAX));
    keep.commands = section.optional("keep_commands", duration(DAY..=KEEP_MAX));
    keep.sync_history = section.or("keep_sync_history", keep.sync_history, duration(DAY..=KEEP_MAX));
    config.ballast_bytes = section.or("ballast", config.ballast_bytes, size(BALLAST_BYTES_MAX));
    section.finish();
    config
}

/// Reads `[console]`, which may be absent.
pub(super) fn console(section: Option<Section<'_>>, around: &Surroundings) -> console::Config {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, CONSOLE_PORT));
    let mut config = console::Config { listen, behind_proxy: false, tls: None };
    let Some(mut section) = section else { return config };
    config.listen = section.or("listen", config.listen, address);
    config.behind_proxy = section.or("behind_proxy", false, flag);
    let tls = section.section("tls");
    let is_protected = tls.is_some() || config.behind_proxy;
    if let Some(tls) = tls {
        config.tls = console_tls(tls, around);
    }
    if !config.listen.ip().is_loopback() && !is_protected && section.is_sound("behind_proxy") {
        section.problem(
            "listen",
            "tokens and personal data would travel unencrypted to other machines",
            "add [console.tls] with cert_file and key_file, or behind_proxy = true if a proxy ends TLS, or listen on 127.0.0.1",
        );
    }
    section.finish();
    config
}

fn console_tls(mut section: Section<'_>, around: &Surroundings) -> Option<(PathBuf, PathBuf)> {
    let certificate = certificate_file(&mut section, "cert_file", around);
    let key = key_file(&mut section, "key_file", around);
    demand_pair(&mut section);
    if !section.has("cert_file") && !section.has("key_file") {
        section.missing("cert_file", "cert_file = \"…\" and key_file = \"…\", both PEM");
    }
    section.finish();
    certificate.zip(key)
}

fn address(node: &Node) -> Result<SocketAddr, Fault> {
    let written = text(node)?;
    let numeric = written.strip_prefix("localhost:").map_or(written.clone(), |port| format!("127.0.0.1:{port}"));
    numeric.parse().map_err(|_| {
        Fault::new(
            format!("{written:?} is no address to listen on"),
            "write an address and a port, as in \"127.0.0.1:8480\"",
        )
    })
}

/// `[logs]`: what is logged, and in which form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Logs {
    /// The form of log lines.
    pub format: LogFormat,
    /// A tracing filter, such as `info` or `varco=debug`.
    pub filter: String,
}

const FORMATS: [(&str, LogFormat); 3] =
    [("auto", LogFormat::Auto), ("text", LogFormat::Text), ("json", LogFormat::Json)];

/// Reads `[logs]`, which may be absent.
pub(super) fn logs(section: Option<Section<'_>>) -> Logs {
    let mut logs = Logs { format: LogFormat::Auto, filter: "info".into() };
    let Some(mut section) = section else { return logs };
    logs.format = section.or("format", logs.format, choice(&FORMATS));
    logs.filter = section.or("filter", logs.filter, filter);
    section.finish();
    logs
}

fn filter(node: &Node) -> Result<String, Fault> {
    let filter = text(node)?;
    match tracing_subscriber::EnvFilter::try_new(&filter) {
        Ok(_) => Ok(filter),
        Err(error) => {
            Err(Fault::new(format!("this is no filter: {error}"), "write \"info\", \"warn\" or \"info,varco=debug\""))
        }
    }
}

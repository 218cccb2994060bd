//! Where log lines go: a terminal, the journal, or JSON lines on standard error.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// The form of log lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// The journal if systemd listens there, else lines for a terminal.
    Auto,
    /// Lines for a terminal.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging to standard error or the journal. `filter` is a tracing filter such as `info` or `varco=debug`; an
/// unreadable one falls back to `info`. A second call changes nothing.
pub fn start_logs(format: LogFormat, filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    // Colours are for people: in a file they would stand between a name and its value.
    let coloured = stderr().is_terminal();
    let to_terminal = || tracing_subscriber::fmt::layer().with_writer(stderr).with_ansi(coloured).with_target(false);
    let lines = match format {
        LogFormat::Json => tracing_subscriber::fmt::layer().json().with_writer(stderr).boxed(),
        LogFormat::Text => to_terminal().boxed(),
        LogFormat::Auto if std::env::var_os("JOURNAL_STREAM").is_some() => match tracing_journald::layer() {
            Ok(journal) => journal.boxed(),
            Err(_) => to_terminal().boxed(),
        },
        LogFormat::Auto => to_terminal().boxed(),
    };
    // A second start (tests that run two agents in one process) keeps the first subscriber.
    let _already_started = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
}

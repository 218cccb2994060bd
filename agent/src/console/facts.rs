//! What the console tells: refused tokens, panics, orders to gates, and what the store could not do.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use metrics::{counter, gauge};

use crate::domain::{ClassId, ExternalId, GateId, GateMode, ReaderId, TickedBy};
use crate::store::{Role, StoreError};
use crate::telemetry::Fact;

/// Somebody came with a token that is unknown or revoked.
pub(super) struct TokenRefused {
    /// From where.
    pub(super) peer: IpAddr,
}

impl Fact for TokenRefused {
    fn tell(&self) {
        counter!("varco_console_tokens_refused_total").increment(1);
        tracing::warn!(peer = %self.peer, "a request came with a token that is unknown or revoked");
    }
}

/// A request was answered.
pub(super) struct RequestAnswered {
    /// The HTTP status.
    pub(super) status: u16,
    /// The role of its token, if it had one.
    pub(super) role: Option<Role>,
}

impl Fact for RequestAnswered {
    fn tell(&self) {
        let class = ["1xx", "2xx", "3xx", "4xx", "5xx"][usize::from((self.status / 100).clamp(1, 5) - 1)];
        counter!("varco_console_requests_total", "status" => class).increment(1);
        tracing::trace!(status = self.status, role = ?self.role, "a request was answered");
    }
}

/// The code that answers a request panicked: a bug.
pub(super) struct RequestPanicked<'a> {
    /// What the panic said.
    pub(super) message: &'a str,
}

impl Fact for RequestPanicked<'_> {
    fn tell(&self) {
        counter!("varco_console_panics_total").increment(1);
        tracing::error!(panic = self.message, "answering a request panicked");
    }
}

/// The store could not do what a request needed.
pub(super) struct StoreFailed<'a> {
    /// Why.
    pub(super) error: &'a StoreError,
}

impl Fact for StoreFailed<'_> {
    fn tell(&self) {
        counter!("varco_console_store_errors_total").increment(1);
        tracing::error!(error = %self.error, "the store could not do what a request needed");
    }
}

/// An operator opened a gate.
pub(super) struct OpenedByHand<'a> {
    /// The gate.
    pub(super) gate: &'a GateId,
    /// The name of the token used.
    pub(super) operator: &'a str,
}

impl Fact for OpenedByHand<'_> {
    fn tell(&self) {
        counter!("varco_gates_opened_by_hand_total").increment(1);
        tracing::info!(gate = %self.gate, operator = self.operator, "a gate was opened by hand");
    }
}

/// An operator wrote a passage down that no reader had told of.
pub(super) struct RecordedLate<'a> {
    /// The reader.
    pub(super) reader: &'a ReaderId,
    /// The name of the token used.
    pub(super) operator: &'a str,
}

impl Fact for RecordedLate<'_> {
    fn tell(&self) {
        counter!("varco_late_passages_total").increment(1);
        tracing::info!(reader = %self.reader, operator = self.operator, "a late passage was written down");
    }
}

/// An operator changed the mode of a gate.
pub(super) struct ModeChanged<'a> {
    /// The gate.
    pub(super) gate: &'a GateId,
    /// Its new mode.
    pub(super) mode: GateMode,
    /// The name of the token used.
    pub(super) operator: &'a str,
}

impl Fact for ModeChanged<'_> {
    fn tell(&self) {
        counter!("varco_gate_mode_changes_total").increment(1);
        tracing::info!(gate = %self.gate, mode = ?self.mode, operator = self.operator, "a gate's mode was changed");
    }
}

/// Somebody was ticked off for a class by hand.
pub(super) struct TickedOff<'a> {
    /// The class.
    pub(super) class: &'a ClassId,
    /// By whose hand.
    pub(super) by: TickedBy,
}

impl Fact for TickedOff<'_> {
    fn tell(&self) {
        counter!("varco_attendance_total", "by" => self.by.as_str()).increment(1);
        tracing::info!(class = %self.class, by = self.by.as_str(), "somebody was ticked off for a class");
    }
}

/// A mistaken tick was taken back.
pub(super) struct TickTakenBack<'a> {
    /// The class.
    pub(super) class: &'a ClassId,
}

impl Fact for TickTakenBack<'_> {
    fn tell(&self) {
        counter!("varco_attendance_withdrawn_total").increment(1);
        tracing::info!(class = %self.class, "a tick for a class was taken back");
    }
}

/// An operator commanded an integration.
pub(super) struct IntegrationCommanded<'a> {
    /// Whose.
    pub(super) person: &'a ExternalId,
    /// What: `synchronize`, `suspend`, `enable`, `delete` or `match`.
    pub(super) command: &'static str,
    /// The name of the token used.
    pub(super) operator: &'a str,
}

impl Fact for IntegrationCommanded<'_> {
    fn tell(&self) {
        counter!("varco_sync_commands_total", "command" => self.command).increment(1);
        tracing::info!(person = %self.person, command = self.command, operator = self.operator, "an integration was commanded");
    }
}

/// A connection could not be accepted or secured.
pub(super) struct ConnectionLost<'a> {
    /// Why.
    pub(super) why: &'a dyn std::fmt::Display,
}

impl Fact for ConnectionLost<'_> {
    fn tell(&self) {
        counter!("varco_console_connections_lost_total").increment(1);
        tracing::debug!(why = %self.why, "a connection to the console was lost");
    }
}

/// A connection found no place: its peer has too many, or all others together.
pub(super) struct ConnectionRefused {
    /// From where.
    pub(super) peer: IpAddr,
}

impl Fact for ConnectionRefused {
    fn tell(&self) {
        counter!("varco_console_connections_refused_total").increment(1);
        tracing::debug!(peer = %self.peer, "a connection to the console found no place");
    }
}

/// The console can be reached.
pub(super) struct ConsoleListens {
    /// Where.
    pub(super) address: SocketAddr,
}

impl Fact for ConsoleListens {
    fn tell(&self) {
        gauge!("varco_console_listening").set(1.0);
        gauge!("varco_console_certificate_refused").set(0.0);
        tracing::info!(address = %self.address, "the console listens");
    }
}

/// The console cannot be reached.
pub(super) struct ConsoleShut<'a> {
    /// Why.
    pub(super) why: &'a dyn std::fmt::Display,
}

impl Fact for ConsoleShut<'_> {
    fn tell(&self) {
        gauge!("varco_console_listening").set(0.0);
        tracing::warn!(why = %self.why, "the console does not listen; it is tried again, and gates and lanes do not wait for it");
    }
}

/// The console uses the certificate that its files hold.
pub(super) struct CertificateTaken<'a> {
    /// Its file.
    pub(super) file: &'a Path,
}

impl Fact for CertificateTaken<'_> {
    fn tell(&self) {
        gauge!("varco_console_certificate_refused").set(0.0);
        tracing::info!(file = %self.file.display(), "the console took the certificate that was renewed");
    }
}

/// The files of the console's certificate cannot be used, and the one read before stays in use.
pub(super) struct CertificateKept<'a> {
    /// Why.
    pub(super) why: &'a dyn std::fmt::Display,
}

impl Fact for CertificateKept<'_> {
    fn tell(&self) {
        gauge!("varco_console_certificate_refused").set(1.0);
        tracing::warn!(why = %self.why, "the renewed certificate of the console cannot be used; the one in use stays");
    }
}

/// Another system told news.
pub(super) struct HookTaken<'a> {
    /// Which hook.
    pub(super) hook: &'a str,
    /// What came of it.
    pub(super) outcome: &'static str,
}

impl Fact for HookTaken<'_> {
    fn tell(&self) {
        let Self { hook, outcome } = self;
        counter!("varco_hooks_total", "hook" => (*hook).to_owned(), "outcome" => *outcome).increment(1);
        tracing::info!(hook, outcome, "another system told news");
    }
}

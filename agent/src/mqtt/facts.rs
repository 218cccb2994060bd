//! What an operator wants to know of receipts and commands: whether they come, and which were refused.

use crate::intake::{COMMANDS, Verdict};
use crate::store::StoreError;
use crate::telemetry::Fact;

/// The broker delivers what is published for us.
pub(super) struct InboundOnline {
    pub(super) receipts: bool,
    pub(super) commands: bool,
}

impl Fact for InboundOnline {
    fn tell(&self) {
        let Self { receipts, commands } = self;
        tracing::info!(receipts, commands, "what the central system publishes for us is subscribed to");
        metrics::gauge!("varco_receipts_online").set(f64::from(u8::from(*receipts)));
        metrics::gauge!("varco_commands_online").set(f64::from(u8::from(*commands)));
    }
}

/// No receipts and commands come for now.
pub(super) struct InboundLost<'a> {
    pub(super) why: &'a str,
    /// Failures in a row before this one: an outage is one warning.
    pub(super) tries: u32,
}

impl Fact for InboundLost<'_> {
    fn tell(&self) {
        if self.tries == 0 {
            tracing::warn!(why = self.why, "receipts and commands of the central system are cut off");
        } else {
            tracing::debug!(why = self.why, tries = self.tries, "receipts and commands are still cut off");
        }
        metrics::gauge!("varco_receipts_online").set(0.0);
        metrics::gauge!("varco_commands_online").set(0.0);
    }
}

/// The broker had to forget what it kept for us: commands without an answer were not taken.
pub(super) struct CommandsForgotten;

impl Fact for CommandsForgotten {
    fn tell(&self) {
        tracing::error!(
            "a packet of more than 4 MiB came in: the broker is told to forget what it kept, and commands without an \
             answer have to be sent again"
        );
        metrics::counter!("varco_commands_forgotten_total").increment(1);
    }
}

/// A command was taken, and it is durable what became of it.
pub(super) struct CommandTaken<'a> {
    pub(super) name: &'a str,
    pub(super) verdict: Verdict,
}

impl Fact for CommandTaken<'_> {
    fn tell(&self) {
        // A name that is none of ours may be anything, and as many as messages come.
        let name = if COMMANDS.contains(&self.name) { self.name } else { "unknown" };
        let outcome = match self.verdict {
            Verdict::Accepted => "accepted",
            Verdict::Duplicate => "duplicate",
            Verdict::Refused(reason) => {
                tracing::info!(command = name, reason, "a command of the central system is refused");
                "refused"
            }
        };
        tracing::debug!(command = name, outcome, "a command of the central system is taken");
        metrics::counter!("varco_commands_total", "command" => name.to_owned(), "outcome" => outcome).increment(1);
    }
}

/// A message that is no command, and gets no answer.
pub(super) struct CommandIgnored {
    pub(super) why: &'static str,
}

impl Fact for CommandIgnored {
    fn tell(&self) {
        tracing::warn!(why = self.why, "a message of the central system is ignored");
        metrics::counter!("varco_commands_ignored_total").increment(1);
    }
}

/// The central system has stored rows, and we have written that down.
pub(super) struct ReceiptsTaken {
    pub(super) ids: usize,
    pub(super) known: u32,
}

impl Fact for ReceiptsTaken {
    fn tell(&self) {
        tracing::debug!(ids = self.ids, known = self.known, "receipts taken");
        metrics::counter!("varco_receipts_total").increment(u64::try_from(self.ids).unwrap_or(u64::MAX));
        metrics::counter!("varco_receipt_rows_total").increment(self.known.into());
    }
}

/// A message on the receipt topic that is none. Its content is not logged: whoever wrote it may have put anything in it.
pub(super) struct ReceiptRefused<'a> {
    pub(super) why: &'a str,
    pub(super) bytes: usize,
}

impl Fact for ReceiptRefused<'_> {
    fn tell(&self) {
        tracing::warn!(why = self.why, bytes = self.bytes, "a message on the receipt topic is refused");
        metrics::counter!("varco_receipts_refused_total").increment(1);
    }
}

/// Rows the broker took and the central system never confirmed: they are published again.
pub(super) struct ReceiptsMissing {
    pub(super) rows: u32,
    /// An outage is one warning.
    pub(super) is_first: bool,
}

impl Fact for ReceiptsMissing {
    fn tell(&self) {
        if self.is_first {
            tracing::warn!(
                rows = self.rows,
                "the central system does not confirm what it is sent: its rows are published again until it does"
            );
        } else {
            tracing::debug!(rows = self.rows, "rows without a receipt are published once more");
        }
        metrics::counter!("varco_receipts_missing_total").increment(self.rows.into());
    }
}

/// The store did not say which rows wait too long; it is asked again.
pub(super) struct OverdueNotFound<'a> {
    pub(super) error: &'a StoreError,
}

impl Fact for OverdueNotFound<'_> {
    fn tell(&self) {
        tracing::error!(error = %self.error, "rows without a receipt cannot be looked for");
        metrics::counter!("varco_receipt_store_failures_total").increment(1);
    }
}

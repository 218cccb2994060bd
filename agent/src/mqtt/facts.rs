//! What an operator wants to know of the receipts: whether they come, and which were refused.

use crate::store::StoreError;
use crate::telemetry::Fact;

/// The broker delivers receipts.
pub(super) struct ReceiptsOnline;

impl Fact for ReceiptsOnline {
    fn tell(&self) {
        tracing::info!("receipts of the central system are awaited");
        metrics::gauge!("varco_receipts_online").set(1.0);
    }
}

/// No receipts come for now.
pub(super) struct ReceiptsLost<'a> {
    pub(super) why: &'a str,
    /// Failures in a row before this one: an outage is one warning.
    pub(super) tries: u32,
}

impl Fact for ReceiptsLost<'_> {
    fn tell(&self) {
        if self.tries == 0 {
            tracing::warn!(why = self.why, "receipts of the central system are cut off");
        } else {
            tracing::debug!(why = self.why, tries = self.tries, "receipts of the central system are still cut off");
        }
        metrics::gauge!("varco_receipts_online").set(0.0);
    }
}

/// The central system has stored rows, and we have written that down.
pub(super) struct ReceiptsTaken {
    pub(super) receipts: usize,
    pub(super) known: u32,
}

impl Fact for ReceiptsTaken {
    fn tell(&self) {
        tracing::debug!(receipts = self.receipts, known = self.known, "receipts taken");
        metrics::counter!("varco_receipts_total").increment(u64::try_from(self.receipts).unwrap_or(u64::MAX));
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
}

impl Fact for ReceiptsMissing {
    fn tell(&self) {
        tracing::warn!(rows = self.rows, "rows are published again: the central system did not confirm them in time");
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

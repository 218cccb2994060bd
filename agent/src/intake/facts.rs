//! What intake tells: erasures and imports.

use metrics::counter;

use crate::telemetry::Fact;

/// A person was erased. Without the id: it is to be forgotten.
pub(super) struct PersonErased;

impl Fact for PersonErased {
    fn tell(&self) {
        counter!("varco_people_erased_total").increment(1);
        tracing::info!("a person was erased");
    }
}

/// An import came to its end.
pub(super) struct PeopleImported {
    /// People written down.
    pub(super) written: u64,
    /// Lines skipped.
    pub(super) skipped: u64,
}

impl Fact for PeopleImported {
    fn tell(&self) {
        counter!("varco_people_imported_total").increment(self.written);
        counter!("varco_import_lines_skipped_total").increment(self.skipped);
        tracing::info!(written = self.written, skipped = self.skipped, "people were imported");
    }
}

//! What the planning tells: how many people, never who.

use crate::store::{Planned, StoreError};
use crate::telemetry::Fact;

/// People who were due were looked at.
pub(super) struct SyncPlanned {
    pub(super) planned: Planned,
}

impl Fact for SyncPlanned {
    fn tell(&self) {
        let Planned { looked_at, marks, up_to_date, barred } = self.planned;
        metrics::counter!("varco_sync_people_planned_total").increment(u64::from(looked_at));
        tracing::debug!(looked_at, marks, up_to_date, barred, "planned what Mywellness is told");
    }
}

/// Everybody was compared with what was told.
pub(super) struct Compared {
    pub(super) compared: u32,
    pub(super) differing: u32,
}

impl Fact for Compared {
    fn tell(&self) {
        let Self { compared, differing } = self;
        metrics::counter!("varco_sync_comparisons_total").increment(1);
        tracing::info!(compared, differing, "compared everybody with what Mywellness was told");
    }
}

/// The store did not let something be planned.
pub(super) struct PlanningFailed<'a> {
    pub(super) error: &'a StoreError,
}

impl Fact for PlanningFailed<'_> {
    fn tell(&self) {
        metrics::counter!("varco_sync_planning_failures_total").increment(1);
        tracing::warn!(error = %self.error, "what Mywellness is told was not planned; tried again soon");
    }
}

//! What a turnstile tells logs and metrics. Ids only.

use metrics::counter;
use tracing::{error, info, warn};

use crate::domain::Passage;
use crate::store::{Recorded, StoreError};
use crate::telemetry::Fact;

/// A passage is durable.
pub(super) struct PassageRecorded<'a> {
    pub(super) passage: &'a Passage,
    pub(super) recorded: &'a Recorded,
}

impl Fact for PassageRecorded<'_> {
    fn tell(&self) {
        let Passage { id, gate, outcome, .. } = self.passage;
        let visit = self.recorded.new_visit.map(|visit| visit.to_string());
        info!(passage = %id, %gate, outcome = outcome.as_str(), visit, "passage recorded");
        counter!("varco_passages_total", "gate" => gate.to_string(), "outcome" => outcome.as_str()).increment(1);
        if self.recorded.new_visit.is_some() {
            counter!("varco_visits_total", "gate" => gate.to_string()).increment(1);
        }
        for class in &self.recorded.attended {
            info!(passage = %id, %class, "ticked off for a class");
            counter!("varco_attendance_total", "by" => "badge").increment(1);
        }
        if self.recorded.overdrawn {
            warn!(passage = %id, "a punch card was empty when its entry was taken");
            counter!("varco_overdrawn_total").increment(1);
        }
    }
}

/// A passage could not be written down.
pub(super) struct PassageNotRecorded<'a> {
    pub(super) passage: &'a Passage,
    pub(super) error: &'a StoreError,
}

impl Fact for PassageNotRecorded<'_> {
    fn tell(&self) {
        let Passage { id, gate, outcome, .. } = self.passage;
        error!(passage = %id, %gate, outcome = outcome.as_str(), error = %self.error, "passage not recorded");
        counter!("varco_passages_lost_total", "gate" => gate.to_string()).increment(1);
    }
}

//! What a turnstile tells logs and metrics. Ids only.

use metrics::counter;
use tracing::{error, info, warn};

use crate::domain::{GateId, GateMode, Passage, ReaderId};
use crate::door::LineState;
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

/// A reader's line went up or down.
pub(super) struct ReaderChanged<'a> {
    pub(super) reader: &'a ReaderId,
    pub(super) line: &'a LineState,
}

impl Fact for ReaderChanged<'_> {
    fn tell(&self) {
        tell_line("reader", self.reader.as_str(), self.line);
    }
}

/// A gate's line or mode changed.
pub(super) struct GateChanged<'a> {
    pub(super) gate: &'a GateId,
    pub(super) line: &'a LineState,
    pub(super) mode: GateMode,
}

impl Fact for GateChanged<'_> {
    fn tell(&self) {
        info!(gate = %self.gate, mode = ?self.mode, "gate changed");
        tell_line("gate", self.gate.as_str(), self.line);
    }
}

fn tell_line(device: &'static str, id: &str, line: &LineState) {
    let up = match line {
        LineState::Opening => return,
        LineState::Up => {
            info!(device, id, "line up");
            1.0
        }
        LineState::Down { why } => {
            warn!(device, id, why, "line down; it is opened again by the same path");
            0.0
        }
    };
    metrics::gauge!("varco_line_up", "device" => device, "id" => id.to_owned()).set(up);
}

//! What a turnstile tells logs and metrics. Ids only.

use metrics::counter;
use tracing::{error, info, warn};

use crate::domain::{Alarm, AlarmState, Attendance, GateId, Passage};
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
        for Attendance { class, .. } in &self.recorded.attended {
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

/// Something could not be written down, and stays in the controller's memory meanwhile.
pub(super) struct PassageLeftToController<'a> {
    pub(super) gate: &'a GateId,
    pub(super) error: &'a StoreError,
}

impl Fact for PassageLeftToController<'_> {
    fn tell(&self) {
        warn!(gate = %self.gate, error = %self.error, "not written down; the gate controller remembers it");
        counter!("varco_controller_records_delayed_total", "gate" => self.gate.to_string()).increment(1);
    }
}

/// An alarm is durable.
pub(super) struct AlarmRaised<'a> {
    pub(super) alarm: &'a Alarm,
}

impl Fact for AlarmRaised<'_> {
    fn tell(&self) {
        let Alarm { alarm_id, gate, alarm, state, count, .. } = self.alarm;
        let kind = alarm.as_str();
        match state {
            AlarmState::Ended => info!(alarm = %alarm_id, %gate, kind, "an alarm of a gate is over"),
            AlarmState::Began | AlarmState::Happened => {
                warn!(alarm = %alarm_id, %gate, kind, count, "an alarm of a gate")
            }
        }
        if *state != AlarmState::Ended {
            counter!("varco_alarms_total", "gate" => gate.to_string(), "alarm" => kind).increment(1);
        }
    }
}

/// Who may enter while the agent is silent has changed.
pub(super) struct ListMade<'a> {
    pub(super) gate: &'a GateId,
    pub(super) entries: usize,
}

impl Fact for ListMade<'_> {
    fn tell(&self) {
        tracing::debug!(gate = %self.gate, entries = self.entries, "a list for the gate controller was made");
        counter!("varco_controller_lists_total", "gate" => self.gate.to_string()).increment(1);
    }
}

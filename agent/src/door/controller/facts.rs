//! What happens on the line of a gate controller, told to log and metrics at once.

use metrics::{counter, gauge};

use super::ControllerHealth;
use crate::domain::GateId;
use crate::telemetry::Fact;

/// A session with a controller began.
pub(super) struct SessionBegan<'a> {
    pub(super) gate: &'a GateId,
    pub(super) firmware: &'a str,
    pub(super) was_reset: bool,
    pub(super) missing: u32,
}

impl Fact for SessionBegan<'_> {
    fn tell(&self) {
        let Self { gate, firmware, was_reset, missing } = self;
        tracing::info!(%gate, firmware, was_reset, missing, "the gate controller answers");
        counter!("varco_controller_sessions_total", "gate" => gate.to_string()).increment(1);
    }
}

/// The controller's firmware does not know an order.
pub(super) struct OrderUnknown<'a> {
    pub(super) gate: &'a GateId,
    pub(super) kind: u32,
}

impl Fact for OrderUnknown<'_> {
    fn tell(&self) {
        tracing::warn!(gate = %self.gate, kind = self.kind, "the gate controller's firmware is too old for an order");
        counter!("varco_controller_orders_unknown_total", "gate" => self.gate.to_string()).increment(1);
    }
}

/// A list of credentials was not taken as it was sent.
pub(super) struct ListRefused<'a> {
    pub(super) gate: &'a GateId,
    pub(super) entries: usize,
}

impl Fact for ListRefused<'_> {
    fn tell(&self) {
        let Self { gate, entries } = self;
        tracing::warn!(%gate, entries, "the gate controller did not take the list; is offline_list_size more than it holds?");
        counter!("varco_controller_lists_refused_total", "gate" => gate.to_string()).increment(1);
    }
}

/// How a controller is.
pub(super) struct HealthSeen<'a> {
    pub(super) gate: &'a GateId,
    pub(super) health: &'a ControllerHealth,
}

impl Fact for HealthSeen<'_> {
    fn tell(&self) {
        let gate = self.gate.to_string();
        gauge!("varco_controller_room", "gate" => gate.clone()).set(f64::from(self.health.room));
        gauge!("varco_controller_events_lost", "gate" => gate.clone()).set(f64::from(self.health.lost));
        gauge!("varco_controller_bad_frames", "gate" => gate.clone()).set(f64::from(self.health.bad_frames));
        gauge!("varco_controller_emergency", "gate" => gate).set(if self.health.emergency { 1.0 } else { 0.0 });
    }
}

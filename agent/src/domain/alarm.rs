//! An alarm of a gate: what somebody should look at, as it is written down, told upstream and served.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AlarmId, ClockQuality, GateId};

/// What an alarm is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlarmKind {
    /// The controller's housing is open.
    Tamper,
    /// The barrier stands between its rests.
    HeldOpen,
    /// The emergency input is on: the gate is free.
    Emergency,
    /// Somebody passed whom nobody let in.
    Forced,
    /// The controller had no room for events, or lost them: passages may be missing.
    EventsLost,
    /// The controller was reset. What it had not told yet is gone; what had begun before is over, and begins anew if it lasts.
    Restarted,
}

impl AlarmKind {
    /// The stable word, as in events and the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tamper => "tamper",
            Self::HeldOpen => "held_open",
            Self::Emergency => "emergency",
            Self::Forced => "forced",
            Self::EventsLost => "events_lost",
            Self::Restarted => "restarted",
        }
    }
}

/// What an alarm says of its matter.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlarmState {
    /// It begins.
    Began,
    /// It is over.
    Ended,
    /// It happened, and has no length.
    Happened,
}

/// An alarm.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Alarm {
    /// Its id: its event's id everywhere.
    pub alarm_id: AlarmId,
    /// The gate.
    pub gate: GateId,
    /// What it is about.
    pub alarm: AlarmKind,
    /// Whether it begins, ends, or happened.
    pub state: AlarmState,
    /// How many, where that is known: events that were lost.
    pub count: Option<u32>,
    /// When it happened at the gate.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How far to believe that.
    pub clock: ClockQuality,
}

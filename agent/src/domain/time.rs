//! Time as an argument: what the wall says, how far it is trusted, and a clock that never jumps.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Monotonic time since the agent's start. Deadlines use this, so that no clock correction moves them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Uptime(pub Duration);

impl Uptime {
    /// The moment `later` after this one; saturates.
    #[must_use]
    pub fn after(self, later: Duration) -> Self {
        Self(self.0.saturating_add(later))
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// How far the wall clock can be believed. Travels with every event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClockQuality {
    /// The kernel says that a time source disciplines the clock.
    Synced,
    /// Plausible, but nothing disciplines it at present.
    Holdover,
    /// Before this build, before the newest record of a synced clock, or, while no time source says otherwise, before
    /// the newest record: wrong for certain.
    Untrusted,
}

impl ClockQuality {
    /// The stable word, as in events and the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Synced => "synced",
            Self::Holdover => "holdover",
            Self::Untrusted => "untrusted",
        }
    }
}

/// One reading of both clocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// What the wall clock says.
    pub wall: Timestamp,
    /// How far to believe it.
    pub quality: ClockQuality,
    /// The clock that never jumps.
    pub uptime: Uptime,
}

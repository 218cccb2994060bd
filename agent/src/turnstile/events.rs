//! What happens at the site, as the live feed tells it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{GateState, ReaderState};
use crate::domain::{Alarm, Attendance, GateId, LaneId, MemberText, PassageTold, ReaderId, VisitId};
use crate::door::Light;
use crate::store::StoreState;

/// Most events a watcher may lag behind before it is dropped; it then reconnects and reads the lists.
pub const SITE_EVENTS_MAX: usize = 256;

/// Whether a lane reaches its upstream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "link")]
pub enum LaneLink {
    /// Not tried yet.
    Connecting,
    /// Nothing waits, and nothing was to be sent so far: a receiver of a webhook is reached with the first event alone.
    Idle,
    /// In a session with its upstream.
    Online {
        /// Since when.
        #[schema(value_type = String, format = DateTime)]
        since: Timestamp,
    },
    /// Out of reach; tried again with growing pauses, and nothing is lost meanwhile.
    Offline {
        /// Since when.
        #[schema(value_type = String, format = DateTime)]
        since: Timestamp,
        /// What the last try said.
        why: String,
    },
}

/// Something that happened at the site, as `GET /events` tells it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum SiteEvent {
    /// A passage was written down.
    Passage {
        /// The passage, as upstreams are told it.
        #[serde(flatten)]
        passage: Box<PassageTold>,
        /// The visit it began, if it began one.
        new_visit: Option<VisitId>,
        /// The visit it ended, if it ended one.
        ended_visit: Option<VisitId>,
    },
    /// Somebody was ticked off for a class, or that was taken back.
    Attendance {
        /// Which of the two.
        change: AttendanceChange,
        /// The attendance, as upstreams are told it.
        #[serde(flatten)]
        attendance: Box<Attendance>,
    },
    /// A reader's line went up or down.
    Reader {
        /// The reader.
        reader: ReaderId,
        /// Its state.
        #[serde(flatten)]
        state: ReaderState,
    },
    /// A gate's line or mode changed.
    Gate {
        /// The gate.
        gate: GateId,
        /// Its state.
        #[serde(flatten)]
        state: GateState,
    },
    /// A member was shown something.
    Shown {
        /// At which reader.
        reader: ReaderId,
        /// What, most important first.
        texts: Vec<MemberText>,
        /// The first of them in the member's language, two lines of sixteen characters.
        lines: [String; 2],
        /// What light goes with it: `welcome`, `message` (come in, and read), `denied` or `wait`.
        light: Light,
    },
    /// An alarm was written down.
    Alarm {
        /// The alarm.
        #[serde(flatten)]
        alarm: Alarm,
    },
    /// A lane reached or lost its upstream.
    Lane {
        /// The lane.
        lane: LaneId,
        /// Its connection.
        #[serde(flatten)]
        link: LaneLink,
    },
    /// The store stopped or began again to take writes.
    Store {
        /// `ready`, `full` or `overflowing`.
        state: StoreCondition,
    },
}

/// What happened to an attendance.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttendanceChange {
    /// Somebody was ticked off.
    TickedOff,
    /// It was a mistake.
    Withdrawn,
}

/// Whether the store takes writes, in the words of the API.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StoreCondition {
    /// All is well.
    Ready,
    /// The disk is full: API writes and imports are refused, passages wait in memory.
    Full,
    /// The queue of passages is full as well: plain gates refuse entry.
    Overflowing,
}

impl From<StoreState> for StoreCondition {
    fn from(state: StoreState) -> Self {
        match state {
            StoreState::Ready => Self::Ready,
            StoreState::Full => Self::Full,
            StoreState::Overflowing => Self::Overflowing,
        }
    }
}

impl SiteEvent {
    /// Somebody was ticked off.
    #[must_use]
    pub fn ticked_off(attendance: Attendance) -> Self {
        Self::Attendance { change: AttendanceChange::TickedOff, attendance: Box::new(attendance) }
    }

    /// The word in the `event:` line.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Passage { .. } => "passage",
            Self::Attendance { .. } => "attendance",
            Self::Reader { .. } => "reader",
            Self::Gate { .. } => "gate",
            Self::Shown { .. } => "shown",
            Self::Alarm { .. } => "alarm",
            Self::Lane { .. } => "lane",
            Self::Store { .. } => "store",
        }
    }
}

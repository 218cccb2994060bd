//! A passage: what happened at a gate, once, as it is written down and told.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ClockQuality, CrmActionId, Decision, Direction, GateId, PassageId, PersonId, ReaderId, Way};

/// How a passage ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PassageOutcome {
    /// Somebody went through.
    Passed,
    /// Nobody went through before the time ran out.
    NotPassed,
    /// The gate stayed shut.
    Denied,
    /// Through a gate in free mode.
    Free,
    /// Opened by an operator.
    Manual,
    /// Rotated without a grant.
    Forced,
    /// Released by the emergency input.
    Emergency,
    /// Told by a controller after an outage, unanswered; it opened nothing.
    Stale,
}

impl PassageOutcome {
    /// The stable word, as in events and the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::NotPassed => "not_passed",
            Self::Denied => "denied",
            Self::Free => "free",
            Self::Manual => "manual",
            Self::Forced => "forced",
            Self::Emergency => "emergency",
            Self::Stale => "stale",
        }
    }
}

/// A CRM message that the member was shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// The action whose message it was.
    pub action: CrmActionId,
    /// The text.
    pub text: String,
}

/// Where a passage comes from, for the one key that makes recording it twice impossible.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Made by this process: the passage's own id is the key.
    Agent,
    /// Made by a gate controller: (gate, boot id, sequence of its read) is the key.
    Controller {
        /// The boot id the agent gave it.
        boot: u64,
        /// The read's sequence.
        sequence: u64,
        /// The controller decided by itself, because the agent was silent or slow.
        offline: bool,
    },
    /// Opened by hand.
    Operator {
        /// The name of the token used.
        name: String,
        /// Why.
        reason: String,
    },
}

/// A passage to be written down.
#[derive(Clone, PartialEq, Debug)]
pub struct Passage {
    /// Its id, made when it was decided.
    pub id: PassageId,
    /// When it happened at the gate.
    pub at: Timestamp,
    /// How far to believe that.
    pub clock: ClockQuality,
    /// The gate.
    pub gate: GateId,
    /// The reader; none for a rotation nobody asked for.
    pub reader: Option<ReaderId>,
    /// The reader's direction as configured then.
    pub direction: Option<Direction>,
    /// Which way it went.
    pub way: Way,
    /// How it ended.
    pub outcome: PassageOutcome,
    /// Who, if known.
    pub person: Option<PersonId>,
    /// The badge value, if it belongs to nobody: the desk wants to know which card to enrol.
    pub unknown_badge: Option<String>,
    /// The decision, if one was made.
    pub decision: Option<Decision>,
    /// What the member was shown.
    pub shown: Vec<Shown>,
    /// Where it comes from.
    pub origin: Origin,
}

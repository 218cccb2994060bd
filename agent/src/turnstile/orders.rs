//! What an operator asks of a gate, and how it answers.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use utoipa::ToSchema;

use crate::domain::{GateMode, PassageId, PersonId, ReaderId, VisitId};

/// Most orders that wait for one gate: a person presses a button, so more means that the gate is stuck, and the
/// console answers 503 instead of opening long after somebody gave up.
pub const GATE_ORDERS_MAX: usize = 8;

/// What an operator asks of a gate. It enters the same machine as a badge does.
#[derive(Debug)]
pub enum GateOrder {
    /// Open once, whatever the rules say.
    Open(OpenOrder),
    /// Change the mode.
    Mode(ModeOrder),
}

/// Open once. Counts as a confirmed passage and, with a person, makes a visit by the same rules.
#[derive(Debug)]
pub struct OpenOrder {
    /// The name of the token used.
    pub operator: String,
    /// Why; never empty.
    pub reason: String,
    /// For whom, if anybody known.
    pub person: Option<PersonId>,
    /// The reader whose direction the passage has: one of this gate's.
    pub reader: ReaderId,
    /// Answered when the gate was told and the passage is durable.
    pub answer: oneshot::Sender<Result<Opened, OrderRefused>>,
}

/// Change a gate's mode.
#[derive(Debug)]
pub struct ModeOrder {
    /// The name of the token used.
    pub operator: String,
    /// The new mode.
    pub mode: GateMode,
    /// Why; never empty.
    pub reason: String,
    /// Answered when the mode is in force and remembered by the store.
    pub answer: oneshot::Sender<Result<(), OrderRefused>>,
}

/// A gate was opened by hand.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Opened {
    /// The passage it made.
    pub passage_id: PassageId,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The visit it began, if it began one.
    pub new_visit: Option<VisitId>,
}

/// Why a gate did not follow an order.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OrderRefused {
    /// The gate cannot be told: unplugged, or its board does not answer.
    #[error("the gate cannot be reached: {0}")]
    Unreachable(String),
    /// It was not written down. A mode that could not be remembered is not in force; an opening may have happened.
    #[error("it could not be written down: {0}")]
    NotRecorded(String),
}

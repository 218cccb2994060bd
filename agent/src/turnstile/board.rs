//! The lines of readers and gates at this moment, pinned up for whoever wants to look.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::domain::{GateId, GateMode, ReaderId};
use crate::door::{ControllerHealth, LineState};

/// The lines of readers and gates as last told by their doors.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DoorStates {
    /// Readers.
    pub readers: BTreeMap<ReaderId, ReaderState>,
    /// Gates.
    pub gates: BTreeMap<GateId, GateState>,
}

/// A reader at this moment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReaderState {
    /// Its line.
    pub line: LineState,
    /// When it last read a badge.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_read_at: Option<Timestamp>,
    /// Frames that were not understood since the start.
    pub misreads: u64,
    /// What was wrong with the last of them.
    pub last_misread: Option<String>,
}

impl Default for ReaderState {
    fn default() -> Self {
        Self { line: LineState::Opening, last_read_at: None, misreads: 0, last_misread: None }
    }
}

/// A gate at this moment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct GateState {
    /// Its line.
    pub line: LineState,
    /// Its mode.
    pub mode: GateMode,
    /// Its controller, if it has one and that answers.
    pub controller: Option<ControllerHealth>,
}

impl Default for GateState {
    fn default() -> Self {
        Self { line: LineState::Opening, mode: GateMode::Normal, controller: None }
    }
}

/// Where turnstiles pin up their state. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Board(watch::Sender<DoorStates>);

impl Default for Board {
    fn default() -> Self {
        Self(watch::Sender::new(DoorStates::default()))
    }
}

impl Board {
    /// Sees every change from here on.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<DoorStates> {
        self.0.subscribe()
    }

    /// Puts up a gate, its line not tried yet.
    pub fn put_up_gate(&self, gate: GateId, mode: GateMode) {
        self.0.send_modify(|states| {
            states.gates.insert(gate, GateState { line: LineState::Opening, mode, controller: None });
        });
    }

    /// Puts up a reader, its line not tried yet.
    pub fn put_up_reader(&self, reader: ReaderId) {
        self.0.send_modify(|states| {
            states.readers.insert(reader, ReaderState::default());
        });
    }

    /// Takes down a gate and readers that are configured no longer, or about to be rebuilt.
    pub fn take_down(&self, gate: &GateId, readers: &[ReaderId]) {
        self.0.send_modify(|states| {
            states.gates.remove(gate);
            readers.iter().for_each(|reader| drop(states.readers.remove(reader)));
        });
    }

    /// A gate at this moment.
    pub(super) fn gate_state(&self, gate: &GateId) -> GateState {
        self.0.borrow().gates.get(gate).cloned().unwrap_or_default()
    }

    /// Changes a reader's state and returns it.
    pub(super) fn reader(&self, reader: &ReaderId, change: impl FnOnce(&mut ReaderState)) -> ReaderState {
        let mut changed = ReaderState::default();
        self.0.send_modify(|states| {
            let state = states.readers.entry(reader.clone()).or_default();
            change(state);
            changed = state.clone();
        });
        changed
    }

    /// Changes a gate's state and returns it.
    pub(super) fn gate(&self, gate: &GateId, change: impl FnOnce(&mut GateState)) -> GateState {
        let mut changed = GateState::default();
        self.0.send_modify(|states| {
            let state = states.gates.entry(gate.clone()).or_default();
            change(state);
            changed = state.clone();
        });
        changed
    }
}

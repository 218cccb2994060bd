//! Gates without a board, which only decide and record.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::facts::{LineUp, Owner};
use super::{DoorEvent, GateCommand, LineState};
use crate::clock::Clock;
use crate::domain::GateId;
use crate::telemetry::Fact;

/// A gate and the ends of its channels.
pub(super) struct Boardless {
    pub(super) gate: GateId,
    pub(super) commands: mpsc::Receiver<GateCommand>,
    pub(super) events: mpsc::Sender<DoorEvent>,
}

impl Boardless {
    /// Answers each command at once: there is nothing to open.
    pub(super) async fn open_nothing(self, clock: Clock, cancel: CancellationToken) {
        LineUp { owner: &Owner::Gate(self.gate.clone()) }.tell();
        let opened = |gate| DoorEvent::Opened { gate, at: clock.now() };
        self.answer(LineState::Up, opened, cancel).await;
    }

    async fn answer(mut self, state: LineState, answer: impl Fn(GateId) -> DoorEvent, cancel: CancellationToken) {
        let answers = async {
            let mut event = DoorEvent::Gate { gate: self.gate.clone(), state };
            while self.events.send(event).await.is_ok() {
                let Some(GateCommand::Open) = self.commands.recv().await else { return };
                event = answer(self.gate.clone());
            }
        };
        tokio::select! {
            () = cancel.cancelled() => {}
            () = answers => {}
        }
    }
}

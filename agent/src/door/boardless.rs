//! Gates without a board: those that only decide and record, and those whose driver this version does not have.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::facts::{GateNotOpened, LineLost, LineUp, Owner};
use super::{DoorEvent, GateCommand, LineState};
use crate::clock::Clock;
use crate::domain::GateId;
use crate::telemetry::Fact;

/// What is said of gates and readers on a controller.
pub(super) const NO_CONTROLLERS: &str = "gate controllers are not supported by this version";

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

    /// Refuses each command with the reason.
    pub(super) async fn refuse(self, why: &'static str, cancel: CancellationToken) {
        LineLost { owner: &Owner::Gate(self.gate.clone()), why }.tell();
        let refused = |gate: GateId| {
            GateNotOpened { gate: &gate, why }.tell();
            DoorEvent::OpenFailed { gate, why: why.to_owned() }
        };
        self.answer(LineState::Down { why: why.to_owned() }, refused, cancel).await;
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

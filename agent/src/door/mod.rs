//! Doors: serial readers and USB relays, each a task that turns bytes into reads and commands into bytes.

mod boardless;
mod config;
mod controller;
mod facts;
pub mod frame;
mod listen;
mod ports;
mod reader;
mod relay;
mod serial;
mod telling;
#[cfg(test)]
mod tests;

pub use config::*;
pub use controller::{
    CONTROLLER_ORDERS_MAX, ControllerEvent, ControllerHealth, ControllerOrder, ControllerSetting, Light, Sign,
    list_hash,
};
pub use listen::listen;
pub use ports::{PortFound, PortTable, PortsError, UsbAdapter, ports};
pub use serial::{Lost, OpenError};

use std::collections::BTreeMap;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::boardless::Boardless;
use self::controller::Controller;
use self::facts::ReaderWithoutGate;
use self::reader::SerialReader;
use self::relay::{Board, Channel};
use crate::clock::Clock;
use crate::domain::{Badge, GateId, Now, ReaderId};
use crate::telemetry::Fact;

/// Events waiting for one gate's loop: a second of badges held to three readers at 20 a second. A loop that is further
/// behind answers nobody in time, and reads are dropped.
pub const GATE_EVENTS_MAX: usize = 64;

/// Commands waiting for one gate: its loop sends one and awaits the answer; a few more come from the console.
pub const GATE_COMMANDS_MAX: usize = 8;

/// What a door tells its turnstile.
#[derive(Clone, Debug)]
pub enum DoorEvent {
    /// A badge was read.
    Read {
        /// By which reader.
        reader: ReaderId,
        /// The badge in the reader's configured form.
        badge: Badge,
        /// When its last byte was taken from the line.
        at: Now,
    },
    /// A frame was not understood (bad checksum, not the configured form); counted and shown, never decided on.
    Misread {
        /// By which reader.
        reader: ReaderId,
        /// What is wrong, for an admin; holds nothing of the badge.
        why: String,
    },
    /// A reader's line went up or down.
    Reader {
        /// Which reader.
        reader: ReaderId,
        /// Its line.
        state: LineState,
    },
    /// A gate's line went up or down.
    Gate {
        /// Which gate.
        gate: GateId,
        /// Its line.
        state: LineState,
    },
    /// The open command was written to the board.
    Opened {
        /// Which gate.
        gate: GateId,
        /// When the command was written.
        at: Now,
    },
    /// The open command could not be written, retries included.
    OpenFailed {
        /// Which gate.
        gate: GateId,
        /// What is wrong, for an operator.
        why: String,
    },
    /// The gate's controller told something.
    Controller(ControllerEvent),
}

/// Whether a serial line is there. An outage is a state, not an end.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum LineState {
    /// Not tried yet.
    Opening,
    /// Open.
    Up,
    /// Gone or not openable; tried again with growing pauses.
    Down {
        /// What is wrong, for an admin.
        why: String,
    },
}

/// What a turnstile tells its gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GateCommand {
    /// One pulse of the relay; a second while the first lasts prolongs it.
    Open,
}

/// The two ends of one gate that its turnstile holds.
#[derive(Debug)]
pub struct GateLine {
    /// The gate.
    pub gate: GateId,
    /// What its board and its readers tell. Ends when all of their tasks have ended.
    pub events: mpsc::Receiver<DoorEvent>,
    /// What its board is told; each command is answered by one `Opened` or `OpenFailed`. Dropping the senders of all
    /// gates of a board switches its relays off and ends its task.
    pub commands: mpsc::Sender<GateCommand>,
}

/// The two ends of one gate with a controller that its turnstile holds.
#[derive(Debug)]
pub struct ControllerLine {
    /// The gate.
    pub gate: GateId,
    /// What its controller and its other readers tell. Ends when all of their tasks have ended.
    pub events: mpsc::Receiver<DoorEvent>,
    /// What its controller is told. Dropping it ends the controller's task.
    pub orders: mpsc::Sender<ControllerOrder>,
    /// How long the barrier may stand between its rests.
    pub held_open_after: std::time::Duration,
    /// Who enters while the agent is silent.
    pub offline: OfflineEntry,
}

/// The lines of all gates, each kind in the order of the configuration.
#[derive(Debug, Default)]
pub struct Lines {
    /// Gates on relay boards and gates without a board.
    pub plain: Vec<GateLine>,
    /// Gates with a controller.
    pub controlled: Vec<ControllerLine>,
}

/// Starts a task in `tasks` for every reader and every board, on the current runtime, and gives each gate's line. The
/// tasks survive every outage of their lines; they end when `cancel` is cancelled, relays off.
#[must_use]
pub fn start(config: &Config, clock: &Clock, tasks: &mut JoinSet<()>, cancel: &CancellationToken) -> Lines {
    let mut lines = Lines::default();
    let mut events_of = BTreeMap::new();
    let mut boards: BTreeMap<&str, Vec<Channel>> = BTreeMap::new();
    for GateWiring { gate, driver } in &config.gates {
        let (event_sender, events) = mpsc::channel(GATE_EVENTS_MAX);
        events_of.insert(gate, event_sender.clone());
        let mut plain = |events| {
            let (commands, receiver) = mpsc::channel(GATE_COMMANDS_MAX);
            lines.plain.push(GateLine { gate: gate.clone(), events, commands });
            receiver
        };
        match driver {
            GateDriver::UsbRelay { port, channel, pulse } => {
                let channel = Channel::new(gate.clone(), *channel, *pulse, plain(events), event_sender);
                boards.entry(port).or_default().push(channel);
            }
            GateDriver::None => {
                let gate = Boardless { gate: gate.clone(), commands: plain(events), events: event_sender };
                tasks.spawn(gate.open_nothing(clock.clone(), cancel.clone()));
            }
            GateDriver::Controller { port, held_open_after, offline } => {
                let (orders, ordered) = mpsc::channel(CONTROLLER_ORDERS_MAX);
                let readers = config.readers.iter().filter(|wiring| wiring.gate == *gate);
                let controller = Controller::new(gate.clone(), port, readers, ordered, event_sender, clock.clone());
                tasks.spawn(controller.run(cancel.clone()));
                let (gate, held_open_after, offline) = (gate.clone(), *held_open_after, *offline);
                lines.controlled.push(ControllerLine { gate, events, orders, held_open_after, offline });
            }
        }
    }
    for (port, channels) in boards {
        tasks.spawn(Board::new(port, channels, clock.clone()).run(cancel.clone()));
    }
    for wiring in &config.readers {
        match events_of.get(&wiring.gate) {
            Some(events) => start_reader(wiring, events.clone(), clock, tasks, cancel),
            None => ReaderWithoutGate { reader: &wiring.reader, gate: &wiring.gate }.tell(),
        }
    }
    lines
}

fn start_reader(
    wiring: &ReaderWiring,
    events: mpsc::Sender<DoorEvent>,
    clock: &Clock,
    tasks: &mut JoinSet<()>,
    cancel: &CancellationToken,
) {
    let reader = wiring.reader.clone();
    match wiring.driver.clone() {
        ReaderDriver::Serial { line, frame, badge } => {
            let reader = SerialReader { reader, line, frame, badge, events, clock: clock.clone() };
            tasks.spawn(reader.run(cancel.clone()));
        }
        // The gate's controller reads for it.
        ReaderDriver::Controller { .. } => {}
    }
}

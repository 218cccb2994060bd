//! The loop of one gate: select → decide → on → perform.

mod board;
mod controlled;
mod desk;
mod events;
mod facts;
mod gate_loop;
mod late;
mod modes;
mod orders;
mod pending;
mod sign;
#[cfg(test)]
mod tests;

pub use board::{Board, DoorStates, GateState, ReaderState};
pub use controlled::ControlledTurnstile;
pub use desk::{Answer, Desk, Question, Right, Who};
pub use events::{AttendanceChange, LaneLink, SITE_EVENTS_MAX, SiteEvent, StoreCondition};
pub use gate_loop::{Site, Turnstile};
pub use late::{LatePassage, LateRecorded, LateRefused};
pub use orders::{GATE_ORDERS_MAX, GateOrder, ModeOrder, OpenOrder, Opened, OrderRefused};

//! Brokers and what is behind them: a real Mosquitto that can be killed, and the club's central system that listens.
//!
//! What a test may claim depends on [`Memory`] and on the agent's `confirm`, because a broker's PUBACK is no proof of storage:
//!
//! | setting | killed with SIGKILL, the broker has forgotten |
//! |---|---|
//! | [`Memory::None`], [`Memory::AtStop`] | everything it acknowledged and had not handed on |
//! | [`Memory::EveryChange`] | what it acknowledged in the last turn of its loop: it saves *after* the PUBACK (seen in 4 of 15 kills) |
//! | [`Memory::EveryChange`] and [`Mosquitto::saved`] before the kill | nothing acknowledged before `saved` |
//!
//! So "nothing lost" across a kill at any moment can be claimed only with `confirm = "receipt"` and [`Receipts::Answered`].

mod central;
mod certificates;
mod mosquitto;
mod seen;

pub use central::{Central, Receipts};
pub use certificates::Certificates;
pub use mosquitto::{Memory, Mosquitto, Options, User};
pub use seen::{Message, Seen};

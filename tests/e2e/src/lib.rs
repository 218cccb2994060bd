//! What stories about the whole agent share. The stories are in `tests/`, the benchmarks in `benches/`.
//!
//! [`patience`] waits, [`people`] come, [`account`] is what the agent says of itself, [`upstream`] is what listens to it, [`ledger`] is its
//! store read from outside.
#![allow(
    clippy::disallowed_methods,
    reason = "this crate is part of the world outside the agent and reads the real clock"
)]

pub mod patience;
pub mod people;
pub mod account;
pub mod upstream;
pub mod ledger;

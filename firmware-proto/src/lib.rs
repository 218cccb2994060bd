//! What the agent and a gate controller say to each other, and the controller's own logic over embedded-hal.
//!
//! No std, no heap, no unsafe code, no clock: bytes and time are arguments, frames and effects are returned. The agent
//! links the host's end of the same code that the controller runs, and the virtual club runs both.
//!
//! The wire, its timings and its failures are told in `README.md`. The modules stand in the order of reading.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod version;
pub mod uptime;
pub mod words;
pub mod to_gate;
pub mod from_gate;
pub mod frame;
pub mod link;
pub mod wiegand;
pub mod gate;
pub mod board;

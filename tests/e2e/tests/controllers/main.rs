//! Stories of gates with controllers: the real agent at one end of each cable, the controller's own firmware at the other,
//! people before it, and a book of who really went through.
//!
//! Reading order: `hall` is a club with its turnstiles, `crowd` the people who pass them; then passages, cables, the
//! controllers' memory, reloads, and deaths of the agent.
#![allow(
    clippy::disallowed_methods,
    reason = "these stories are part of the world outside the agent and read the real clock"
)]
#![allow(clippy::print_stdout, reason = "stories of chance say what happened in this run")]

mod hall;
mod crowd;

mod passing;
mod cables;
mod memory;
mod reload;
mod crashes;

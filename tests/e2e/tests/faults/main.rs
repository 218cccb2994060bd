//! Stories of outages and crashes: the real agent between real parts, while one of them is killed, cut, full, wrong or gone.
//!
//! Reading order: `house` is a club with its people; then a file for each kind of fault.
#![allow(
    clippy::disallowed_methods,
    reason = "these stories are part of the world outside the agent and read the real clock"
)]
#![allow(clippy::print_stdout, reason = "stories of chance say what happened in this run")]

mod crowd;
mod house;

mod clock;
mod crashes;
mod disk;
mod ending;
mod lines;
mod outages;
mod starting;
mod ten_thousand;

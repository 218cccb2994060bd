//! Stories of the controller's image on a Cortex-M4 in QEMU: what it claims is that it compiles for that processor and
//! works with the real agent. No pin, no relay and no cable of metal is in them.
#![allow(clippy::disallowed_methods, reason = "these stories are the world outside the agent")]

mod link;
mod agent;

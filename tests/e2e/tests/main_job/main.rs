//! Stories of the main job, with the real agent, real ptys, a real Mosquitto and the Mywellness sandbox.
//!
//! One program, so that it is linked once: `club` is the place, every other module tells about one part of the job.
#![allow(clippy::disallowed_methods, reason = "these stories are the world outside the agent")]

mod browser;
mod club;
mod people;

mod belongings;
mod classes;
mod crm_at_the_gate;
mod doors;
mod passages;
mod command_line;
mod commands;
mod deployed;
mod erasure;
mod integrations;
mod pages;
mod mywellness;
mod mywellness_answers;
mod mywellness_faults;
mod reload;
mod rivals;
mod webhooks;

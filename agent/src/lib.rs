//! Varco, the on-site agent of a sports club: it decides every passage, remembers it, and tells the upstreams.
//!
//! The modules stand in their one order: each names only modules above it. ARCHITECTURE.md has the drawing.

pub mod domain;
pub mod crm;
pub mod visit;
pub mod sync;
pub mod access;
pub mod passage;
pub mod clock;
pub mod telemetry;
pub mod store;
pub mod intake;
pub mod outbox;
pub mod door;
pub mod mqtt;
pub mod mywellness;
pub mod webhook;
pub mod syncer;
pub mod turnstile;
pub mod console;
pub mod config;
pub mod app;
pub mod cli;

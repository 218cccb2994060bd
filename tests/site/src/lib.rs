//! The virtual club: everything around the agent that a real club has, made of real sockets, ptys and processes on loopback.
//!
//! Reading order: [`world`] and [`port`] carry the rest; then the hardware ([`pty`], [`reader`], [`relay`], [`turnstile`], [`link`], [`qemu`], [`disk`]), the network
//! ([`proxy`], [`broker`], [`receiver`]), the cloud ([`sandbox`]), the people ([`members`]), and the agent itself ([`config`], [`agent`]).
#![allow(
    clippy::disallowed_methods,
    reason = "this crate is the world outside the agent: it reads the real clock and environment and starts tasks itself"
)]

pub mod agent;
pub mod api;
pub mod broker;
pub mod broker_embedded;
pub mod config;
pub mod disk;
pub mod link;
pub mod members;
pub mod port;
pub mod proxy;
pub mod pty;
pub mod qemu;
pub mod reader;
pub mod receiver;
pub mod relay;
pub mod sandbox;
pub mod turnstile;
pub mod world;

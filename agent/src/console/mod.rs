//! The console: the HTTP API of the site and the pages for its desks. It changes nothing except by an order to a gate or a store transaction.

mod admit;
mod alarms;
mod api;
mod certificate;
mod classes;
mod config;
mod crm;
mod doors;
mod events;
mod extract;
mod facts;
mod handles;
mod history;
mod hooks;
mod import;
mod lists;
mod myself;
mod outbox;
mod pages;
mod people;
mod places;
mod preflight;
mod probes;
mod problem;
mod roles;
mod serve;
mod state;
mod sync;
mod tokens;
mod why;

pub use api::openapi;
pub use config::Config;
pub use handles::{GateOrders, Handles};
pub use hooks::{Hook, Proof};
pub use serve::{Renewal, Served, serve};
pub use tokens::NewToken;

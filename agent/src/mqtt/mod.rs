//! The lane to the central system's MQTT broker: facts as CloudEvents, and the receipts and commands that come back.

mod check;
mod command;
mod config;
mod deliver;
mod desk;
mod facts;
mod gathered;
mod inbound;
mod ledger;
mod overdue;
mod receipt;
mod silence;
mod status;
mod tls;
mod topics;
mod wire;

pub use check::check;
pub use config::{Config, Confirm, Tls};
pub use deliver::Mqtt;
pub use inbound::{Commands, run as run_inbound};
pub use wire::Unreached;

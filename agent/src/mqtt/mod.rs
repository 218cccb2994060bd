//! The lane to the central system's MQTT broker: facts as CloudEvents, and the receipts that come back.

mod check;
mod config;
mod deliver;
mod facts;
mod ledger;
mod overdue;
mod receipt;
mod receipts;
mod silence;
mod status;
mod tls;
mod topics;
mod wire;

pub use check::check;
pub use config::{Config, Confirm, Tls};
pub use deliver::Mqtt;
pub use receipts::run as run_receipts;
pub use wire::Unreached;

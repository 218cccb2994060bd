//! Webhooks: facts posted to receivers as signed CloudEvents, and the signature that both directions use.
//!
//! The headers and the signature are those of Standard Webhooks (github.com/standard-webhooks/standard-webhooks); the body
//! is the event that MQTT carries. Receivers dedupe by `webhook-id`, so that whatever is in doubt is sent again.

mod answer;
mod client;
mod config;
mod deliver;
mod facts;
mod patience;
mod signature;

pub use client::check;
pub use config::Config;
pub use deliver::Webhook;
pub use signature::{BadKey, Key, Signed};

//! The Mywellness sandbox as a program of its own, with every fault behind `POST /__sandbox/fault`.
#![allow(clippy::print_stdout, reason = "its address and credentials are what it is started for")]

use std::net::SocketAddr;

use anyhow::Result;
use clap::Parser;
use site::sandbox::{Options, Sandbox};

/// Runs until interrupted and prints its address and credentials as one JSON line.
///
/// Faults: POST /__sandbox/fault, for example {"kind":"status","code":500,"work":"done","times":3,"action":"Visit"}.
/// Kinds: status, busy, html, truncated, cut, slow; down, expire_tokens, rate_limit, suspend_facility, heal.
/// Records: GET /__sandbox/requests, /__sandbox/visits, /__sandbox/users.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The facility's part of every path
    #[arg(long, default_value_t = Options::default().facility_url)]
    facility: String,
    /// Expected in X-MWAPPS-APIKEY and at the login
    #[arg(long, default_value_t = Options::default().api_key)]
    api_key: String,
    /// The integration's user
    #[arg(long, default_value_t = Options::default().username)]
    username: String,
    /// Its password
    #[arg(long, default_value_t = Options::default().password)]
    password: String,
    /// How many seconds a token is good for
    #[arg(long, default_value_t = 1800)]
    token_life: u64,
    /// Accepts people without an e-mail
    #[arg(long)]
    email_optional: bool,
    /// Accepts people without a gender
    #[arg(long)]
    gender_optional: bool,
    /// An action outside the public contract to accept; may be repeated
    #[arg(long = "extra-action")]
    extra_actions: Vec<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let options = Options {
        facility_url: arguments.facility,
        api_key: arguments.api_key,
        username: arguments.username,
        password: arguments.password,
        token_life: std::time::Duration::from_secs(arguments.token_life),
        email_required: !arguments.email_optional,
        gender_required: !arguments.gender_optional,
        extra_actions: arguments.extra_actions,
        ..Options::default()
    };
    let sandbox = Sandbox::start_at(arguments.listen, options).await?;
    let Options { facility_url, api_key, username, password, .. } = sandbox.options();
    let line = serde_json::json!({
        "base_url": sandbox.base_url(), "facility_url": facility_url, "api_key": api_key,
        "username": username, "password": password,
    });
    println!("{line}");
    tokio::signal::ctrl_c().await?;
    Ok(())
}

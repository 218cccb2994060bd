//! The Mywellness sandbox as a program of its own, for whoever writes an integration: tests/site/README.md shows its use.
#![allow(clippy::print_stdout, reason = "its address and credentials are what it is started for")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use site::sandbox::{Options, Sandbox, Subscription};
use tokio::signal::unix::{SignalKind, signal};

/// A sandbox of the Mywellness interface for third parties. Runs until interrupted and prints its address and
/// credentials as one line of JSON.
///
/// It is as strict as the contract: unknown fields, sloppy dates and unknown ids are refused, with HTTP 200 and `errors`
/// as Mywellness does it. Nothing is kept after its end.
#[derive(Debug, Parser)]
#[command(version, after_long_help = ROUTES)]
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
    /// Accepts only the token that was given last
    #[arg(long)]
    newest_token_only: bool,
    /// Accepts people without an e-mail
    #[arg(long)]
    email_optional: bool,
    /// Accepts people without a gender
    #[arg(long)]
    gender_optional: bool,
    /// A group of the portal, as 12=Gold; may be repeated. Without any, every id is accepted
    #[arg(long = "group", value_name = "ID=NAME", value_parser = group)]
    groups: Vec<(i64, String)>,
    /// Serves the actions too that only one weak source names: details, SearchUsers, SearchCalendarEvents …
    #[arg(long)]
    weak_actions: bool,
    /// An action outside the public contract to accept; may be repeated
    #[arg(long = "extra-action", value_name = "NAME")]
    extra_actions: Vec<String>,
    /// People whom Mywellness knows already: a JSON list as for POST /__sandbox/people
    #[arg(long, value_name = "FILE")]
    people: Option<PathBuf>,
    /// Posts webhooks to this address; may be repeated
    #[arg(long = "webhook", value_name = "URL")]
    webhooks: Vec<String>,
}

/// What can be asked of it while it runs.
const ROUTES: &str = "\
Its own routes, all with JSON and without credentials:
  POST /__sandbox/fault      {\"kind\":\"status\",\"code\":500,\"work\":\"done\",\"times\":3,\"action\":\"Visit\"}
      faults: status {code, work}, busy {code, retry_after_s}, quota, html, no_such_action, token_expired {code: 200|401},
              result_error, odd {shape: list|text|null|empty|numbers|both}, truncated, torn, cut {work}, slow {ms};
              work is \"done\" or \"undone\": whether there was an effect before the fault
      conditions: times, action, person, after, percent with seed, for_ms
      orders: down {for_ms}, expire_tokens, rate_limit {per_second}, limit {requests, within_ms, over: {kind …}},
              suspend_facility, learn {action, data: what it answers}, heal
  POST /__sandbox/people     [{\"first_name\", \"last_name\", \"birth_date\", \"gender\", \"email\", \"external_id\",
                              \"at\": \"club\"|\"elsewhere\"|\"portal\"}]
  POST /__sandbox/classes    [{\"id\", \"partition_date\", \"name\", \"event_type_id\", \"start_date\", \"end_date\", \"room\",
                              \"max_participants\"}]
  POST /__sandbox/bookings   {\"person\", \"class\", \"partition_date\", \"cancel\"}: a member books in the app
  POST /__sandbox/webhooks   {\"url\", \"topics\": [\"facility_user_creation\", \"booked\", \"unbooked\", \"changed\"],
                              \"headers\": {}, \"copies\", \"attempts\", \"delay_ms\"}
  GET  /__sandbox/requests?action=&person=&last=   visits?person=&last=   users?person=&last=   classes
       /__sandbox/deeds?person=   tally   faults   notices   webhooks (each try to post)";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let options = Options {
        facility_url: arguments.facility,
        api_key: arguments.api_key,
        username: arguments.username,
        password: arguments.password,
        token_life: Duration::from_secs(arguments.token_life),
        newest_token_only: arguments.newest_token_only,
        email_required: !arguments.email_optional,
        gender_required: !arguments.gender_optional,
        groups: arguments.groups.into_iter().collect(),
        weak_actions: arguments.weak_actions,
        extra_actions: arguments.extra_actions,
    };
    let sandbox = Sandbox::start_at(arguments.listen, options).await?;
    if let Some(file) = arguments.people {
        let people = std::fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
        let people = serde_json::from_slice(&people).with_context(|| format!("reading {}", file.display()))?;
        sandbox.introduce(people).with_context(|| format!("reading {}", file.display()))?;
    }
    for url in arguments.webhooks {
        sandbox.notify(Subscription::to(url))?;
    }
    let Options { facility_url, api_key, username, password, .. } = sandbox.options();
    let line = serde_json::json!({
        "base_url": sandbox.base_url(), "facility_url": facility_url, "api_key": api_key,
        "username": username, "password": password,
    });
    println!("{line}");
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminated.recv() => {}
    }
    Ok(())
}

fn group(text: &str) -> Result<(i64, String), String> {
    let parts = text.split_once('=').and_then(|(id, name)| Some((id.parse().ok()?, name.to_owned())));
    parts.ok_or_else(|| "write the id and the name of a group, as in 12=Gold".into())
}

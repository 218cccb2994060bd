//! `varco status`: the running agent as it describes itself, in columns and human units.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::table::Table;
use crate::config::Config;
use crate::config::check::{self, State};
use crate::console;
use crate::domain::{ClockQuality, LaneSummary};
use crate::door::LineState;
use crate::store::SoleAgent;
use crate::turnstile::{GateState, LaneLink, ReaderState, StoreCondition};

/// The agent answers from memory; who waits longer waits for something else.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// What `/healthz` says.
#[derive(Deserialize)]
struct Health {
    version: String,
    site: String,
    time: Timestamp,
    clock: ClockQuality,
    uptime_seconds: u64,
    ready: bool,
    store: StoreCondition,
    console: Entrance,
    readers: BTreeMap<String, ReaderState>,
    gates: BTreeMap<String, GateState>,
    lanes: Vec<Lane>,
}

#[derive(Deserialize)]
struct Entrance {
    listen: String,
    trouble: Option<String>,
}

#[derive(Deserialize)]
struct Lane {
    #[serde(flatten)]
    summary: LaneSummary,
    connection: Option<LaneLink>,
}

#[expect(clippy::print_stdout, reason = "the status is the command's output")]
pub(super) async fn run(file: &Path) -> anyhow::Result<ExitCode> {
    let config = Config::load(file)?.config;
    let health = match ask(&config.console).await {
        Ok(health) => health,
        Err(why) => bail!("{why:#}{}", unheard(&config)),
    };
    lines(&health, &config.policy.site.timezone).iter().for_each(|line| println!("{line}"));
    Ok(ExitCode::SUCCESS)
}

async fn ask(console: &console::Config) -> anyhow::Result<Health> {
    let console::Config { listen, tls, .. } = console;
    if listen.port() == 0 {
        bail!("console.listen takes any free port; give it a number, or read the address from the ready line");
    }
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{listen}/healthz");
    // The certificate is for the name that others use; here the agent is asked by its address, for what is no secret.
    let client = reqwest::Client::builder().timeout(ANSWERS_WITHIN).no_proxy().tls_danger_accept_invalid_certs(true);
    let asked = client.build().context("preparing to ask")?.get(&url).send().await;
    let answer = asked.with_context(|| format!("no agent answers at {url}; is it running?"))?;
    answer.json().await.with_context(|| format!("reading the answer of {url}; is it an agent that answers there?"))
}

/// What is known of an agent whose console does not answer: gates and lanes do not wait for it.
fn unheard(config: &Config) -> String {
    let Some(pid) = SoleAgent::running(&config.store.path) else { return String::new() };
    let findings = check::console(config).into_iter().filter(|finding| finding.state != State::Good);
    let findings: String = findings.map(|finding| format!("\n{finding}")).collect();
    format!("\nthe agent runs (pid {pid}), and gates and lanes work without the console; its log says more{findings}")
}

fn lines(health: &Health, zone: &TimeZone) -> Vec<String> {
    let Health { version, site, time, clock, store, console, ready, .. } = health;
    let local = time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z");
    let clock = match clock {
        ClockQuality::Synced => "synchronised",
        ClockQuality::Holdover => "plausible, but nothing keeps it",
        ClockQuality::Untrusted => "WRONG for certain",
    };
    let store = match store {
        StoreCondition::Ready => "takes writes",
        StoreCondition::Full => "DISK FULL: passages wait in memory, other writes are refused",
        StoreCondition::Overflowing => "DISK FULL, and the queue too: gates refuse entry",
    };
    let up = span(Duration::from_secs(health.uptime_seconds));
    let ready = if *ready { "ready" } else { "starting: not every reader has been tried" };
    let mut lines = vec![
        format!("agent  {site}, varco {version}, up {up}, {ready}"),
        format!("clock  {local}, {clock}"),
        format!("store  {store}"),
    ];
    if let Entrance { listen, trouble: Some(trouble) } = console {
        lines.push(format!("console  {listen}, TROUBLE: {trouble}"));
    }
    for table in [readers(health), gates(health), lanes(health)] {
        let table = table.lines();
        if !table.is_empty() {
            lines.push(String::new());
            lines.extend(table);
        }
    }
    lines
}

fn readers(health: &Health) -> Table {
    let mut table = Table::of(&["READER", "LAST READ", "MISREAD", "LINE"]);
    for (id, reader) in &health.readers {
        let last = reader.last_read_at.map_or("never".to_owned(), |at| ago(at, health.time));
        table.row(vec![id.clone(), last, reader.misreads.to_string(), line(&reader.line)]);
    }
    table
}

fn gates(health: &Health) -> Table {
    let mut table = Table::of(&["GATE", "MODE", "LINE"]);
    for (id, gate) in &health.gates {
        table.row(vec![id.clone(), format!("{:?}", gate.mode).to_lowercase(), line_of_gate(gate)]);
    }
    table
}

fn lanes(health: &Health) -> Table {
    let mut table = Table::of(&["LANE", "WAITING", "OLDEST", "SENT", "HELD", "PARKED", "DELIVERED", "LINK"]);
    for Lane { summary, connection } in &health.lanes {
        let LaneSummary { lane, waiting, sent, held, parked, delivered, oldest } = summary;
        let oldest = oldest.map_or("-".to_owned(), |at| span(between(at, health.time)));
        let link = match connection {
            None => "ORPHANED: it is configured no longer, and nothing sends its rows".to_owned(),
            Some(LaneLink::Connecting) => "connecting".to_owned(),
            Some(LaneLink::Idle) => "idle: nothing to send so far".to_owned(),
            Some(LaneLink::Online { since }) => format!("online for {}", span(between(*since, health.time))),
            Some(LaneLink::Offline { since, why }) => {
                format!("OFFLINE for {}: {why}", span(between(*since, health.time)))
            }
        };
        let [waiting, sent, held, parked, delivered] =
            [waiting, sent, held, parked, delivered].map(|count| count.to_string());
        table.row(vec![lane.to_string(), waiting, oldest, sent, held, parked, delivered, link]);
    }
    table
}

/// What its controller has to say stands behind.
fn line_of_gate(gate: &GateState) -> String {
    let mut said = vec![line(&gate.line)];
    if let Some(controller) = &gate.controller {
        said.push(format!("firmware {}", controller.firmware));
        let alarms = [
            (controller.emergency, "EMERGENCY: the gate is free"),
            (controller.tamper, "HOUSING OPEN"),
            (controller.held_open, "BARRIER HELD OPEN"),
            (controller.lost > 0, "EVENTS LOST"),
        ];
        said.extend(alarms.iter().filter(|(is_on, _)| *is_on).map(|(_, alarm)| (*alarm).to_owned()));
    }
    said.join(", ")
}

fn line(state: &LineState) -> String {
    match state {
        LineState::Opening => "opening".to_owned(),
        LineState::Up => "up".to_owned(),
        LineState::Down { why } => format!("DOWN: {why}"),
    }
}

fn ago(at: Timestamp, now: Timestamp) -> String {
    format!("{} ago", span(between(at, now)))
}

/// Zero if the wall clock went back meanwhile.
fn between(then: Timestamp, now: Timestamp) -> Duration {
    now.duration_since(then).try_into().unwrap_or_default()
}

/// In the two largest units: `4s`, `12m`, `5h 03m`, `17d 2h`.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_status_is_read_at_a_glance() {
        let answer = json!({
            "status": "ok", "version": "0.1.0", "site": "milano", "time": "2026-11-22T01:27:10Z", "clock": "holdover",
            "uptime_seconds": 93784, "ready": true, "store": "ready",
            "console": {"listen": "192.0.2.7:8480", "trouble": "reading /etc/varco/tls/console.key: no items found"},
            "readers": {
                "entry-1": {"line": {"state": "up"}, "last_read_at": "2026-11-22T01:24:02Z", "misreads": 2, "last_misread": null},
                "the-back-door": {"line": {"state": "down", "why": "the cable was unplugged"}, "last_read_at": null, "misreads": 0, "last_misread": null},
            },
            "gates": {
                "side-door": {"line": {"state": "up"}, "mode": "normal", "controller": null},
                "turnstile-1": {"line": {"state": "up"}, "mode": "free", "controller": {
                    "firmware": "0.1.0", "room": 250, "lost": 0, "bad_frames": 0, "bad_reads": 3, "list": 7,
                    "tamper": false, "held_open": false, "emergency": true}},
            },
            "lanes": [
                {"lane": "mqtt", "waiting": 412, "sent": 0, "held": 0, "parked": 0, "delivered": 12, "oldest": "2026-11-21T20:20:10Z",
                 "orphaned": false, "connection": {"link": "offline", "since": "2026-11-21T20:20:10Z", "why": "connection refused"}},
                {"lane": "mywellness", "waiting": 0, "sent": 0, "held": 3, "parked": 1, "delivered": 99, "oldest": null,
                 "orphaned": false, "connection": {"link": "online", "since": "2026-11-22T01:27:11Z"}},
            ],
        });
        let health: Health = serde_json::from_value(answer).unwrap();
        let shown = lines(&health, &TimeZone::get("Europe/Rome").unwrap()).join("\n");
        expect_test::expect![[r#"
            agent  milano, varco 0.1.0, up 1d 2h, ready
            clock  2026-11-22 02:27:10 CET, plausible, but nothing keeps it
            store  takes writes
            console  192.0.2.7:8480, TROUBLE: reading /etc/varco/tls/console.key: no items found

            READER         LAST READ  MISREAD  LINE
            entry-1        3m ago     2        up
            the-back-door  never      0        DOWN: the cable was unplugged

            GATE         MODE    LINE
            side-door    normal  up
            turnstile-1  free    up, firmware 0.1.0, EMERGENCY: the gate is free

            LANE        WAITING  OLDEST  SENT  HELD  PARKED  DELIVERED  LINK
            mqtt        412      5h 07m  0     0     0       12         OFFLINE for 5h 07m: connection refused
            mywellness  0        -       0     3     1       99         online for 0s"#]]
        .assert_eq(&shown);
    }

    #[test]
    fn an_agent_without_doors_and_upstreams_shows_no_empty_tables() {
        let answer = json!({
            "status": "ok", "version": "0.1.0", "site": "milano", "time": "2026-11-22T01:27:10Z", "clock": "untrusted",
            "uptime_seconds": 7, "ready": false, "store": "full",
            "console": {"listen": "127.0.0.1:8480", "trouble": null}, "readers": {}, "gates": {}, "lanes": [],
        });
        let health: Health = serde_json::from_value(answer).unwrap();
        expect_test::expect![[r#"
            agent  milano, varco 0.1.0, up 7s, starting: not every reader has been tried
            clock  2026-11-22 01:27:10 UTC, WRONG for certain
            store  DISK FULL: passages wait in memory, other writes are refused"#]]
        .assert_eq(&lines(&health, &TimeZone::UTC).join("\n"));
    }
}

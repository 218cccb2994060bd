//! A hundred thousand visits that waited, told to a Mosquitto at QoS 1: by the agent from its disk, and by a Mosquitto that
//! bridges as many messages of the same size from its memory.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod shared;

use anyhow::{Context, Result};
use shared::club::prepare_store;
use shared::mqtt::{Received, Subscriber, publish};
use shared::{Times, machine, table};
use site::agent::{Agent, build_fresh};
use site::broker::{Memory, Mosquitto, Options};
use site::config::Club;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

/// Visits that wait.
const VISITS: usize = 100_000;
/// People who made them.
const PEOPLE: usize = 10_000;
/// Each drain is measured so often, in turns, and the median counts: the machine may be busy with something else.
const ROUNDS: usize = 3;
/// Messages a bridge may have unacknowledged: Mosquitto's own default, and as many as the agent's lane has.
const BRIDGE_WINDOWS: [usize; 2] = [20, 512];

#[tokio::main]
async fn main() -> Result<()> {
    build_fresh()?;
    let waiting = tempfile::tempdir()?;
    prepare_store(waiting.path(), PEOPLE, VISITS).await;
    let (mut ours, mut bridges) = (Times::default(), BRIDGE_WINDOWS.map(|_| Times::default()));
    let mut bytes = 0;
    for _ in 0..ROUNDS {
        let drained = by_the_agent(&waiting).await?;
        ours.push(drained.took);
        bytes = drained.payload / VISITS;
        for (window, times) in BRIDGE_WINDOWS.iter().zip(&mut bridges) {
            times.push(by_a_bridge(*window, bytes).await?.took);
        }
    }
    report(bytes, &mut ours, &mut bridges);
    Ok(())
}

/// A broker that keeps nothing on disk and logs nothing, so that it holds up neither of the two.
async fn quiet_broker(memory: Memory, lines: &[String]) -> Result<Mosquitto> {
    let lines = [["log_type none".to_owned()].as_slice(), lines].concat();
    Mosquitto::start(Options { memory, lines, ..Options::default() }).await
}

async fn receive_visits(upstream: &Mosquitto) -> Result<impl Future<Output = Result<Received>>> {
    let address = upstream.central_address();
    let mut subscriber = spawn_blocking(move || Subscriber::to_everything(address)).await??;
    let receiving = spawn_blocking(move || subscriber.receive("/visit", VISITS));
    Ok(async move { receiving.await? })
}

async fn by_the_agent(waiting: &TempDir) -> Result<Received> {
    let upstream = quiet_broker(Memory::None, &[]).await?;
    let mut club = Club::new()?;
    club.mqtt(&upstream.url());
    std::fs::copy(waiting.path().join("varco.db"), club.path("varco.db"))?;
    let received = receive_visits(&upstream).await?;
    let agent = Agent::start(&club.write()?).await?;
    let received = received.await.with_context(|| agent.log())?;
    agent.terminate().await?;
    Ok(received)
}

async fn by_a_bridge(window: usize, bytes: usize) -> Result<Received> {
    let upstream = quiet_broker(Memory::None, &[]).await?;
    upstream.stop().await?;
    let lines = [
        // Bridges obey the limit of all clients; the queue has none.
        format!("max_inflight_messages {window}"),
        "connection up".to_owned(),
        format!("address {}", upstream.address()),
        "topic varco/# out 1".to_owned(),
        "cleansession false".to_owned(),
        "restart_timeout 1 1".to_owned(),
    ];
    let local = quiet_broker(Memory::AtStop, &lines).await?;
    let address = local.central_address();
    let message = vec![b'x'; bytes];
    spawn_blocking(move || publish(address, "varco/v1/milano-centro/visit", &message, VISITS)).await??;
    // Stopped and started with its queue, as the agent is: what is measured begins with the bridge's connection.
    local.stop().await?;
    upstream.start_again().await?;
    let received = receive_visits(&upstream).await?;
    local.start_again().await?;
    received.await.with_context(|| local.log())
}

fn report(bytes: usize, ours: &mut Times, bridges: &mut [Times]) {
    let own = ours.per_mille(500).as_secs_f64();
    let row = |name: String, seconds: f64| {
        vec![
            name,
            format!("{seconds:.2} s"),
            format!("{:.0}", VISITS as f64 / seconds),
            format!("{:.2}", seconds / own),
        ]
    };
    let mut rows = vec![row("varco, each acknowledgement durable in SQLite".into(), own)];
    for (window, times) in BRIDGE_WINDOWS.iter().zip(bridges) {
        rows.push(row(format!("Mosquitto bridge, {window} in flight"), times.per_mille(500).as_secs_f64()));
    }
    machine::describe();
    let title = format!("{VISITS} waiting visits of {bytes} bytes to Mosquitto at QoS 1, median of {ROUNDS}");
    table(
        &title,
        &["", "connection to last message received", "messages/s", "times as long as varco (goal ≥ 1.0)"],
        &rows,
    );
}

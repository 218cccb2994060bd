//! Stories of the orderly end: SIGTERM drains, whatever the upstreams do, and says goodbye to those that listen.

use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::account::drained;
use e2e::ledger::Ledger;
use e2e::patience::PATIENCE;
use e2e::upstream::{Upstream, WINDOW};
use site::broker::Memory;
use site::sandbox::{Fault, Options, Sandbox};

use crate::house::{House, Way};

/// How long the agent may take to end when an upstream does not answer: its own ten seconds, and a busy machine's.
const ENDS_WITHIN: Duration = Duration::from_secs(20);

#[tokio::test]
async fn sigterm_records_who_is_at_the_gate_switches_off_and_tells_the_upstream_first() -> Result<()> {
    let upstream = Upstream::start(Memory::AtStop).await?;
    let house = House::under(&upstream, 2, 6)?;
    let agent = house.open().await?;
    let store = agent.store().to_owned();
    for (gate, member) in [1, 2].into_iter().zip(&house.members) {
        house.badge(gate, Way::In, member)?;
        house.relay.wait_on(gate, PATIENCE).await?;
    }
    agent.terminate().await?;

    assert!(!house.relay.is_on(1) && !house.relay.is_on(2), "no relay is left on");
    assert_eq!(Ledger::open(&store)?.ids("visit")?.len(), 2);
    // Nothing can be on its way any more from an agent that has ended.
    upstream.receives(2, 2).await?;
    let offline = |seen: &site::broker::Seen| seen.status().is_some_and(|status| status["online"] == false);
    upstream.central.wait_until(offline, PATIENCE).await
}

#[tokio::test]
async fn sigterm_does_not_wait_for_upstreams_that_hang_and_the_next_start_tells_them() -> Result<()> {
    let mywellness = Sandbox::start(Options::default()).await?;
    let upstream = Upstream::start(Memory::AtStop).await?;
    let mut house = House::under(&upstream, 1, 6)?;
    house.settings.mywellness(&mywellness)?;
    let agent = house.open().await?;
    house.pass(1, Way::In, &house.members[0]).await?;
    drained(&agent, "mqtt").await?;
    drained(&agent, "mywellness").await?;

    upstream.network.stall();
    mywellness.inject(Fault::Slow { ms: 60_000 });
    for member in &house.members[1..] {
        house.pass(1, Way::In, member).await?;
    }
    let (asked, store) = (Instant::now(), agent.store().to_owned());
    agent.terminate().await?;
    println!("with both upstreams hanging the agent ended within {:?}", asked.elapsed());
    assert!(asked.elapsed() < ENDS_WITHIN, "it took {:?}", asked.elapsed());
    assert_eq!(Ledger::open(&store)?.ids("visit")?.len(), 6);

    upstream.network.resume();
    mywellness.heal();
    house.forget_sessions()?;
    let agent = house.start().await?;
    upstream.receives(6, 6).await?;
    drained(&agent, "mqtt").await?;
    drained(&agent, "mywellness").await?;
    agent.terminate().await?;
    assert!(upstream.duplicates() <= WINDOW);
    let told = Ledger::open(&store)?.compare(&mywellness.visits())?;
    assert_eq!(told.visits, 6);
    Ok(())
}

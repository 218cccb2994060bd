//! The story of an agent that is killed again and again in the middle of its work, at moments of chance.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::account::drained;
use e2e::ledger::{Ledger, Told};
use e2e::patience::PATIENCE;
use e2e::upstream::{Upstream, WINDOW};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use site::broker::Memory;
use site::members::Member;
use site::relay::BoardLog;
use site::sandbox::{Fault, Options, Sandbox};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::house::{House, Way};

const KILLS: usize = 50;
const GATES: u8 = 4;

/// One seed is one order of people and one sequence of moments; what the machine does in them differs from run to run.
const SEED: u64 = 20_261_122;

/// How long an agent lives under load before it is killed.
const LIFE_MS: std::ops::RangeInclusive<u64> = 5..=350;

/// The network to the broker during one life.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Network {
    /// It works.
    Fine,
    /// Publishes are on their way when the agent dies, and reach the broker after its death.
    Hangs,
    /// The next life begins with a backlog and dies in it.
    Gone,
}

/// The network of successive lives, over and over.
const NETWORKS: [Network; 5] = [Network::Fine, Network::Hangs, Network::Fine, Network::Gone, Network::Fine];

#[tokio::test]
async fn fifty_kills_under_load_lose_nothing_that_was_durable_and_repeat_nothing_unsaid() -> Result<()> {
    let began = Instant::now();
    let mywellness = Sandbox::start(Options::default()).await?;
    let upstream = Upstream::start(Memory::AtStop).await?;
    let mut house = House::under(&upstream, GATES, 80)?;
    house.settings.mywellness(&mywellness)?;
    let house = Arc::new(house);
    house.import().await?;

    let mut chance = StdRng::seed_from_u64(SEED);
    // Answers that take their time are on their way when the agent dies, which is what makes a visit unsure.
    mywellness.inject(Fault::Slow { ms: 20 });
    let mut left_on = 0;
    for life in 0..KILLS {
        let network = NETWORKS[life % NETWORKS.len()];
        if network == Network::Gone {
            upstream.network.refuse().await;
        }
        let died = live_and_die(&house, &upstream, network, &mut chance).await;
        left_on += died.with_context(|| format!("in life {life}"))?;
        upstream.network.resume();
        upstream.network.accept()?;
    }
    mywellness.heal();

    let agent = house.start().await?;
    switched_off(&house).await?;
    drained(&agent, "mqtt").await?;
    drained(&agent, "mywellness").await?;
    let store = agent.store().to_owned();
    agent.terminate().await?;
    compare(&Ledger::open(&store)?, &upstream, &mywellness, &house)?;
    println!("{left_on} relays were on at a kill and off after the next start; {:?} in all", began.elapsed());
    Ok(())
}

/// One life: relays are switched off, people come, and the agent dies among them. Answers how many relays it left on.
async fn live_and_die(house: &Arc<House>, upstream: &Upstream, network: Network, chance: &mut StdRng) -> Result<usize> {
    let agent = house.start().await?;
    switched_off(house).await?;
    let mut people = JoinSet::new();
    for gate in 1..=GATES {
        people.spawn(come_by_chance(Arc::clone(house), gate, StdRng::seed_from_u64(chance.random())));
    }
    live(&mut people, chance).await?;
    if network == Network::Hangs {
        upstream.network.stall();
        live(&mut people, chance).await?;
    }
    agent.kill9().await?;
    people.shutdown().await;
    house.forget_sessions()?;
    Ok((1..=GATES).filter(|gate| house.relay.is_on(*gate)).count())
}

/// Time passes until a moment of chance, while people come.
async fn live(people: &mut JoinSet<Result<()>>, chance: &mut StdRng) -> Result<()> {
    let moment = Duration::from_millis(chance.random_range(LIFE_MS));
    match timeout(moment, people.join_next()).await {
        Ok(Some(stopped)) => stopped?.context("people come for as long as the agent lives"),
        Ok(None) | Err(_) => Ok(()),
    }
}

/// Nobody is at a gate, so only the start itself can have switched a relay off.
async fn switched_off(house: &House) -> Result<()> {
    let all_off = |board: &BoardLog| (1..=GATES).all(|gate| !board.is_on(gate));
    house.relay.wait_until(all_off, PATIENCE).await.context("relays are switched off at the start")
}

/// People at one gate, faster than it can let them through.
async fn come_by_chance(house: Arc<House>, gate: u8, mut chance: StdRng) -> Result<()> {
    let members: Vec<&Member> = house.members_at(gate).collect();
    loop {
        let member = members.choose(&mut chance).context("everybody has a gate")?;
        let way = if chance.random_bool(0.5) { Way::In } else { Way::Out };
        house.badge(gate, way, member)?;
        sleep(Duration::from_millis(chance.random_range(5..40))).await;
    }
}

fn compare(store: &Ledger, upstream: &Upstream, mywellness: &Sandbox, house: &House) -> Result<()> {
    store.is_sound()?;
    for kind in ["passage", "visit"] {
        let here = store.ids(kind)?;
        let there: BTreeSet<String> = upstream.central.look(|seen| seen.ids(kind)).into_keys().collect();
        let (lost, unknown) = (here.difference(&there).count(), there.difference(&here).count());
        println!("{kind}: {} in the store, {lost} lost, {unknown} unknown to the store", here.len());
        ensure!(here.len() > KILLS, "hardly anybody came: this shows nothing");
        ensure!((lost, unknown) == (0, 0), "{kind}: {lost} lost on the way, {unknown} told and not in the store");
    }
    upstream.in_order_per_person()?;
    let duplicates = upstream.duplicates();
    println!("duplicates on the wire: {duplicates}, at most {} allowed", WINDOW * KILLS);
    ensure!(duplicates <= WINDOW * KILLS, "{duplicates} duplicates after {KILLS} kills");

    let told = store.compare(&mywellness.visits())?;
    let Told { visits, possibly_twice, surplus } = told;
    println!("Mywellness: {visits} visits, {possibly_twice} possibly twice by their history, {surplus} in fact");
    let users = mywellness.users();
    let linked: BTreeSet<_> = users.iter().filter_map(|user| user.external_id.as_deref()).collect();
    ensure!(linked.len() == users.len(), "somebody was created twice at Mywellness");

    let opened: usize = (1..=GATES).map(|gate| house.relay.opens(gate)).sum();
    let passed = store.count("SELECT count(*) FROM passage WHERE outcome = 'passed'")?;
    let unwritten = opened.saturating_sub(passed);
    println!("{opened} openings, {passed} passages: {unwritten} openings died with the agent before their record");
    ensure!(unwritten <= KILLS * usize::from(GATES), "more openings without a record than gates could hold");
    Ok(())
}

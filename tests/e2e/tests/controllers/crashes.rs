//! The story of an agent that is killed two hundred times while people go through its gates: the controllers remember.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::account::drained;
use e2e::ledger::{Ledger, Told};
use e2e::patience::eventually;
use e2e::people::import;
use e2e::upstream::Upstream;
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use site::agent::Agent;
use site::broker::Memory;
use site::sandbox::{Fault, Options, Sandbox};
use site::turnstile::{Output, Way};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::hall::{Gone, Hall, differences, visits_of, written};

const KILLS: usize = 200;
const GATES: usize = 6;
const PEOPLE: usize = 72;

/// One seed is one order of people and one sequence of moments; what the machine does in them differs from run to run.
const SEED: u64 = 20_261_122;

/// How long an agent lives from being ready, and how long nobody lives after it.
const LIFE_MS: std::ops::RangeInclusive<u64> = 0..=700;
const DEATH_MS: std::ops::RangeInclusive<u64> = 0..=60;

/// How long somebody stands before a gate: longer than a controller waits for the agent.
const STANDS: Duration = Duration::from_millis(1200);

/// After so long a controller has given up whoever it opened for, and whoever comes late: a second each, and more than half.
const GIVEN_UP_AFTER: Duration = Duration::from_millis(3000);

#[tokio::test]
async fn two_hundred_kills_while_people_pass_lose_no_rotation_and_tell_none_twice() -> Result<()> {
    let began = Instant::now();
    let mywellness = Sandbox::start(Options::default()).await?;
    let upstream = Upstream::start(Memory::AtStop).await?;
    let mut hall = Hall::under(&upstream, GATES, PEOPLE)?;
    hall.settings.mywellness(&mywellness)?;
    let hall = Arc::new(hall);
    import(&hall.settings, &hall.members).await?;
    let config = hall.config()?;

    let mut chance = StdRng::seed_from_u64(SEED);
    // Answers that take their time are on their way when the agent dies, which is what makes a visit unsure.
    mywellness.inject(Fault::Slow { ms: 20 });
    let closing = watch::Sender::new(false);
    let mut people = JoinSet::new();
    for gate in 1..=GATES {
        let chance = StdRng::seed_from_u64(chance.random());
        people.spawn(come_and_go(Arc::clone(&hall), gate, chance, closing.subscribe()));
    }
    let mut deaths = Vec::new();
    for life in 0..KILLS {
        let agent = Agent::start(&config).await.with_context(|| format!("in life {life}"))?;
        deaths.last_mut().into_iter().for_each(|death: &mut Range<Timestamp>| death.end = Timestamp::now());
        pass_time(&mut people, chance.random_range(LIFE_MS)).await?;
        agent.kill9().await?;
        let died = Timestamp::now();
        deaths.push(died..died);
        hall.forget_sessions()?;
        pass_time(&mut people, chance.random_range(DEATH_MS)).await?;
    }
    closing.send_replace(true);
    people.join_all().await.into_iter().collect::<Result<()>>()?;
    mywellness.heal();

    let agent = hall.start().await?;
    let store = agent.store().to_owned();
    all_is_written(&hall, &Ledger::open(&store)?).await?;
    drained(&agent, "mqtt").await?;
    drained(&agent, "mywellness").await?;
    agent.terminate().await?;
    compare(&hall, &Ledger::open(&store)?, &upstream, &mywellness)?;
    let alone = |at: Timestamp| deaths.iter().any(|death| death.contains(&at));
    let unseen = hall.turnstiles.iter().map(|it| it.look(|it| it.rotations.iter().filter(|it| alone(it.at)).count()));
    let unseen: usize = unseen.sum();
    println!("{unseen} rotations while there was no agent; {:?} in all", began.elapsed());
    ensure!(unseen > 0, "nobody went through between two lives: this shows little");
    Ok(())
}

/// Time passes while people come; none of them may have a reason to stop.
async fn pass_time(people: &mut JoinSet<Result<()>>, ms: u64) -> Result<()> {
    match timeout(Duration::from_millis(ms), people.join_next()).await {
        Ok(Some(stopped)) => stopped?.context("people come for as long as the club is open"),
        Ok(None) | Err(_) => Ok(()),
    }
}

/// People at one gate, one after the other, who do not know whether there is an agent.
async fn come_and_go(hall: Arc<Hall>, gate: usize, mut chance: StdRng, closing: watch::Receiver<bool>) -> Result<()> {
    let (turnstile, members) = (hall.turnstile(gate), hall.members_at(gate));
    while !*closing.borrow() {
        let member = members.choose(&mut chance).context("everybody has a gate")?;
        let way = if chance.random_bool(0.5) { Way::In } else { Way::Out };
        match chance.random_range(0..100) {
            0..2 => {
                // Opened for, and does not go; the next one waits until the gate has given up.
                turnstile.present(if way == Way::In { 0 } else { 1 }, &member.badge)?;
                sleep(GIVEN_UP_AFTER).await;
            }
            2..5 => {
                let gone = turnstile.look(|truth| truth.rotations.len());
                turnstile.run(way, None);
                turnstile.wait_until(|truth| truth.rotations.len() > gone, STANDS * 10).await?;
            }
            _ => _ = turnstile.pass(way, &member.badge, STANDS).await?,
        }
        sleep(Duration::from_millis(chance.random_range(5..40))).await;
    }
    Ok(())
}

/// Waits until the store has as many passages as there were rotations.
async fn all_is_written(hall: &Hall, store: &Ledger) -> Result<()> {
    let total = |of: &BTreeMap<String, Vec<Gone>>| of.values().map(Vec::len).sum::<usize>();
    let truth = total(&hall.truth());
    let waited = eventually("every rotation is written down", || async { Ok(total(&written(store)?) >= truth) }).await;
    if waited.is_err() {
        // What is missing is told by the comparison, which shows more than a number.
        println!("{truth} rotations, {} passages", total(&written(store)?));
    }
    Ok(())
}

fn compare(hall: &Hall, store: &Ledger, upstream: &Upstream, mywellness: &Sandbox) -> Result<()> {
    store.is_sound()?;
    let (truth, passages) = (hall.truth(), written(store)?);
    let (mut lost, mut twice, mut rotations) = (0, 0, 0);
    for (gate, gone) in &truth {
        let here = passages.get(gate).map(Vec::as_slice).unwrap_or_default();
        let (missing, surplus) = differences(gone, here);
        println!("{gate}: {} rotations, {} passages, missing {missing:?}, surplus {surplus:?}", gone.len(), here.len());
        (lost, twice, rotations) = (lost + missing.len(), twice + surplus.len(), rotations + gone.len());
    }
    println!("{KILLS} kills, {rotations} rotations: {lost} lost, {twice} without a rotation or twice");
    ensure!((lost, twice) == (0, 0), "{lost} rotations are no passage, {twice} passages are no rotation");
    ensure!(rotations > KILLS, "hardly anybody came: this shows nothing");
    ensure!(passages == truth, "not in the order in which they went");

    let owed = visits_of(&truth);
    let mut there: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let seen = upstream.central.seen();
    for visit in seen.of("visit") {
        let (person, id) = (visit.data("person").as_str().unwrap_or_default(), visit.id().unwrap_or_default());
        there.entry(person.to_owned()).or_default().insert(id.to_owned());
    }
    let owed: BTreeMap<String, usize> = owed.into_iter().map(|(person, visits)| (person.to_owned(), visits)).collect();
    let there: BTreeMap<String, usize> = there.into_iter().map(|(person, ids)| (person, ids.len())).collect();
    ensure!(owed == there, "visits differ: by rotations {owed:?}, at the central system {there:?}");
    for kind in ["passage", "visit"] {
        let (here, there): (_, BTreeSet<_>) = (store.ids(kind)?, seen.ids(kind).into_keys().collect());
        ensure!(here == there, "{} ids of {kind} differ", here.symmetric_difference(&there).count());
        println!("{kind}: {} in the store and at the central system, {} repeated", here.len(), seen.duplicates(kind));
    }
    upstream.in_order_per_person()?;
    let Told { visits, possibly_twice, surplus } = store.compare(&mywellness.visits())?;
    println!("Mywellness: {visits} visits, {possibly_twice} possibly twice by their history, {surplus} in fact");
    let pulses = hall.turnstiles.iter().flat_map(|it| it.look(|truth| truth.pulses(Output::RelayIn)));
    ensure!(pulses.max().unwrap_or_default() < Duration::from_secs(5), "a relay was left on");
    Ok(())
}

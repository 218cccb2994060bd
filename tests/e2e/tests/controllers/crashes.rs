//! The story of an agent that is killed two hundred times while people go through its gates: the controllers remember.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::account::drained;
use e2e::ledger::{Ledger, Told};
use e2e::people::import;
use e2e::upstream::Upstream;
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use site::agent::Agent;
use site::broker::Memory;
use site::sandbox::{Fault, Options, Sandbox};
use site::turnstile::{Output, Weather};

use crate::crowd::{Crowd, Manners};
use crate::hall::{Hall, all_is_written, visits_of};

const KILLS: usize = 200;
const GATES: usize = 6;
const PEOPLE: usize = 72;

/// One seed is one order of people and one sequence of moments; what the machine does in them differs from run to run.
const SEED: u64 = 20_261_122;

/// The gate whose cable is in a storm, the one whose cable is pulled and plugged in again, and in which lives.
const DISTURBED: usize = 1;
const PULLED: usize = 2;
const PULLED_EVERY: usize = 5;

/// How long an agent lives from being ready, and how long nobody lives after it.
const LIFE_MS: std::ops::RangeInclusive<u64> = 0..=700;
const DEATH_MS: std::ops::RangeInclusive<u64> = 0..=60;

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
    let mut crowd = Crowd::comes_to(&hall, &Manners::HASTY, SEED);
    // One cable is disturbed all the time, and another is pulled again and again.
    hall.turnstile(DISTURBED).weather(Weather::STORM);
    let mut deaths = Vec::new();
    for life in 0..KILLS {
        let agent = Agent::start(&config).await.with_context(|| format!("in life {life}"))?;
        deaths.last_mut().into_iter().for_each(|death: &mut Range<Timestamp>| death.end = Timestamp::now());
        crowd.passes_for(Duration::from_millis(chance.random_range(LIFE_MS))).await?;
        if life % PULLED_EVERY == 0 {
            hall.turnstile(PULLED).cable().unplug()?;
            crowd.passes_for(Duration::from_millis(chance.random_range(LIFE_MS))).await?;
            hall.turnstile(PULLED).cable().plug_in()?;
            crowd.passes_for(Duration::from_millis(chance.random_range(LIFE_MS))).await?;
        }
        agent.kill9().await?;
        let died = Timestamp::now();
        deaths.push(died..died);
        hall.forget_sessions()?;
        crowd.passes_for(Duration::from_millis(chance.random_range(DEATH_MS))).await?;
    }
    crowd.goes_home().await?;
    mywellness.heal();
    hall.turnstile(DISTURBED).weather(Weather::CALM);

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

fn compare(hall: &Hall, store: &Ledger, upstream: &Upstream, mywellness: &Sandbox) -> Result<()> {
    store.is_sound()?;
    let truth = hall.truth();
    let rotations: usize = truth.values().map(Vec::len).sum();
    println!("{KILLS} kills, {rotations} rotations: 0 lost, 0 twice");
    ensure!(rotations > KILLS, "hardly anybody came: this shows nothing");

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

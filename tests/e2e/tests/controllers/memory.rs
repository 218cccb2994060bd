//! Stories of what controllers remember: an agent without a place to write, one that stands still, and a memory that is full.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::account::{drained, health};
use e2e::ledger::Ledger;
use e2e::patience::eventually;
use e2e::upstream::Upstream;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use site::broker::Memory;
use site::disk::SmallDisk;
use site::turnstile::Way;

use crate::crowd::{Crowd, Manners};
use crate::hall::{Hall, all_is_written, told, visits_of, written};

const DISK_BYTES: u64 = 24 << 20;

/// As long as people come at each stage of a story.
const A_WHILE: Duration = Duration::from_secs(4);

/// Half as many events as a controller has places for: a badge and a rotation each.
const PEOPLE_IN_A_MEMORY: usize = 128;

#[tokio::test]
async fn an_agent_killed_on_a_full_disk_loses_nobody_because_the_controllers_were_told_to_forget_nobody() -> Result<()>
{
    let disk = SmallDisk::mount(DISK_BYTES).context("this story mounts a tmpfs, which needs root")?;
    let upstream = Upstream::start(Memory::AtStop).await?;
    let mut hall = Hall::under(&upstream, 2, 40)?;
    let store = disk.path().join("varco.db");
    hall.settings.set("store.path", store.display().to_string()).set("store.ballast", "2MiB");
    let hall = Arc::new(hall);
    let agent = hall.open().await?;
    let manners = Manners { apart_ms: 100..=300, ..Manners::HASTY };
    let mut crowd = Crowd::comes_to(&hall, &manners, 1);
    crowd.passes_for(A_WHILE).await?;

    disk.fill()?;
    eventually("the store is shown as full", || async { Ok(health(&agent).await?["store"] == "full") }).await?;
    // The place of the ballast as well.
    disk.fill()?;
    crowd.passes_for(A_WHILE).await?;
    let gone = |hall: &Hall| hall.truth().values().map(Vec::len).sum::<usize>();
    let here = written(&Ledger::open(&store)?)?.values().map(Vec::len).sum::<usize>();
    let unwritten = gone(&hall) - here;
    agent.kill9().await?;
    hall.forget_sessions()?;
    crowd.passes_for(A_WHILE).await?;

    // Without any place an agent does not start; whoever comes meanwhile is between the member and the controller.
    disk.free()?;
    let agent = hall.start().await?;
    crowd.passes_for(A_WHILE).await?;
    crowd.goes_home().await?;
    all_is_written(&hall, &Ledger::open(&store)?).await?;
    drained(&agent, "mqtt").await?;
    agent.terminate().await?;
    Ledger::open(&store)?.is_sound()?;
    upstream.in_order_per_person()?;
    println!("{} rotations, {unwritten} of them in no store when the agent was killed on the full disk", gone(&hall));
    ensure!(unwritten > 0, "everything was written before the kill: the disk was not full");
    let visits: usize = visits_of(&hall.truth()).values().sum();
    assert_eq!(upstream.central.look(|seen| seen.count("visit")), visits);
    Ok(())
}

#[tokio::test]
async fn an_agent_that_stands_still_again_and_again_keeps_nobody_inside_and_counts_nobody_twice() -> Result<()> {
    const PAUSES: usize = 12;
    let upstream = Upstream::start(Memory::AtStop).await?;
    let hall = Arc::new(Hall::under(&upstream, 3, 36)?);
    let agent = hall.open().await?;
    let (mut chance, mut crowd) = (StdRng::seed_from_u64(2), Crowd::comes_to(&hall, &Manners::HASTY, 2));
    for _ in 0..PAUSES {
        crowd.passes_for(Duration::from_millis(chance.random_range(100..1500))).await?;
        agent.stand_still()?;
        // From less than a controller waits for an answer to more than it takes for silence.
        let stood = crowd.passes_for(Duration::from_millis(chance.random_range(50..2500))).await;
        agent.go_on()?;
        stood?;
    }
    crowd.goes_home().await?;
    all_is_written(&hall, &Ledger::open(agent.store())?).await?;
    drained(&agent, "mqtt").await?;
    agent.terminate().await?;
    upstream.in_order_per_person()?;
    let visits: usize = visits_of(&hall.truth()).values().sum();
    assert_eq!(upstream.central.look(|seen| seen.count("visit")), visits);
    Ok(())
}

#[tokio::test]
async fn a_memory_that_is_full_keeps_the_oldest_and_says_how_much_is_missing() -> Result<()> {
    const TOO_MANY: usize = 12;
    let upstream = Upstream::start(Memory::AtStop).await?;
    let hall = Hall::under(&upstream, 1, 20)?;
    let agent = hall.open().await?;
    agent.kill9().await?;
    hall.forget_sessions()?;
    for member in hall.members.iter().cycle().take(PEOPLE_IN_A_MEMORY + TOO_MANY) {
        hall.pass(1, Way::Out, member).await?;
    }
    let agent = hall.start().await?;
    let api = agent.api("viewer").await?;
    let room = || async { anyhow::Ok(api.list("gates").await?[0]["controller"]["room"].as_u64()) };
    eventually("the controller may forget", || async { Ok(room().await? > Some(PEOPLE_IN_A_MEMORY as u64)) }).await?;
    // The place where something is missing is told with the next thing that happens.
    hall.pass(1, Way::Out, &hall.members[0]).await?;
    let alarm = told(&upstream, "alarm", |it| it.data("alarm") == "events_lost").await?;
    let lost = alarm.data("count").as_u64().context("it says how many")? as usize;
    drained(&agent, "mqtt").await?;
    agent.terminate().await?;

    let (truth, store) = (&hall.truth()["turnstile-1"], Ledger::open(&hall.settings.path("varco.db"))?);
    let here = &written(&store)?["turnstile-1"];
    let (kept, newest) = (here.len() - 1, here.last());
    println!("{} rotations: {kept} passages of the outage, {lost} events lost", truth.len());
    assert!(truth.starts_with(&here[..kept]) && newest == truth.last(), "not the oldest: {here:?}");
    let unwritten = truth.len() - 1 - kept;
    assert!((unwritten * 2).abs_diff(lost) <= 1, "{unwritten} people are missing, and {lost} events");
    Ok(())
}

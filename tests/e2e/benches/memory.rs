//! Resident memory of the real agent: with an empty store, with a million people and a hundred thousand visits that wait
//! while the broker is away, and while it works.

mod shared;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::{Rng, SeedableRng, rngs::StdRng};
use shared::club::{card, member, prepare_store};
use shared::door::Door;
use shared::machine::{Memory, memory_of};
use shared::{machine, table};
use site::agent::{Agent, build_fresh};
use site::api::Api;
use site::broker::{self, Mosquitto, Options};
use site::config::Club;
use tokio::task::spawn_blocking;
use tokio::time::{interval, timeout};

/// People in the store, and visits that wait in its outbox.
const PEOPLE: usize = 1_000_000;
const VISITS: usize = 100_000;
/// What the agent is asked to do before it is weighed at work.
const PASSAGES: usize = 200;
const PUTS: usize = 2_000;
const PAGES: usize = 100;
/// How often the lanes are looked at while they drain, and how long they may take.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const DRAIN_MAX: Duration = Duration::from_secs(120);
/// What is allowed, in MiB.
const GOAL_MIB: f64 = 40.0;

#[tokio::main]
async fn main() -> Result<()> {
    build_fresh()?;
    let mut weights = Vec::new();
    for (store, people, visits) in [("empty store", 0, 0), ("1,000,000 people, 100,000 visits waiting", PEOPLE, VISITS)]
    {
        let upstream = away_broker().await?;
        let mut club = Club::new()?;
        let door = Arc::new(Door::in_folder(club.folder())?);
        door.configure(&mut club)?;
        club.mqtt(&upstream.url());
        prepare_store(club.folder(), people, visits).await;
        let agent = Agent::start(&club.write()?).await?;
        let process = agent.id().context("the agent runs")?;
        door.listen_afresh()?;
        weights.push((format!("{store}: started"), memory_of(process)?));
        if people > 0 {
            let api = agent.api("admin").await?;
            work(&api, door).await?;
            weights.push((format!("{store}: after passages, puts and pages"), memory_of(process)?));
            tell_everything(&upstream, &api).await?;
            weights.push(("all visits told".to_owned(), memory_of(process)?));
        }
        agent.terminate().await?;
    }
    report(&weights);
    Ok(())
}

/// A broker that is not there at first.
async fn away_broker() -> Result<Mosquitto> {
    let lines = vec!["log_type none".to_owned()];
    let broker = Mosquitto::start(Options { memory: broker::Memory::None, lines, ..Options::default() }).await?;
    broker.stop().await?;
    Ok(broker)
}

/// What a day brings: members come, the management system changes people and looks through them.
async fn work(api: &Api, door: Arc<Door>) -> Result<()> {
    let passing = spawn_blocking(move || -> Result<()> {
        let mut random = StdRng::seed_from_u64(7);
        for _ in 0..PASSAGES {
            door.pass(card(random.random_range(0..PEOPLE)).value(), Duration::from_millis(5))?;
        }
        Ok(())
    });
    let mut random = StdRng::seed_from_u64(8);
    for _ in 0..PUTS {
        let number = random.random_range(0..PEOPLE);
        let (status, answer) = api.put(&format!("people/M-{number}"), &serde_json::to_value(member(number))?).await?;
        ensure!(status == 200, "the agent answers {status} {answer} to a PUT");
    }
    let mut page = "people".to_owned();
    for _ in 0..PAGES {
        let (status, answer) = api.get(&page).await?;
        ensure!(status == 200, "the agent answers {status} {answer} to a list");
        page = format!("people?cursor={}", answer["next"].as_str().context("a million people are many pages")?);
    }
    passing.await?
}

/// The broker comes back, and the agent strikes off everything that waited.
async fn tell_everything(upstream: &Mosquitto, api: &Api) -> Result<()> {
    upstream.start_again().await?;
    let mut looks = interval(LOOK_EVERY);
    let told = async {
        loop {
            looks.tick().await;
            let lanes = api.list("lanes").await?;
            if lanes.iter().all(|lane| lane["waiting"] == 0) {
                return Ok(());
            }
        }
    };
    timeout(DRAIN_MAX, told).await.context("waiting until everything is told")?
}

fn report(weights: &[(String, Memory)]) {
    let mib = |kib: u64| kib as f64 / 1024.0;
    let rows: Vec<_> = weights
        .iter()
        .map(|(when, it)| {
            let sizes = [it.resident, it.anonymous, it.peak].map(|kib| format!("{:.1} MiB", mib(kib)));
            let share = format!("{:.2}", mib(it.peak) / GOAL_MIB);
            [vec![when.clone()], sizes.to_vec(), vec![share]].concat()
        })
        .collect();
    machine::describe();
    table(
        "Resident memory of the agent",
        &["", "resident", "of it the process's own", "peak so far", "peak ÷ goal of 40 MiB"],
        &rows,
    );
}

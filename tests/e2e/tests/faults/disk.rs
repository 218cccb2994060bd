//! Stories of the disk: full, full to the last byte of the ballast, freed again; and a store that is no store any more.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use e2e::account::{drained, health, metric};
use e2e::ledger::Ledger;
use e2e::patience::eventually;
use e2e::upstream::Upstream;
use serde_json::json;
use site::agent::{self, Agent};
use site::api::Api;
use site::broker::Memory;
use site::disk::SmallDisk;

use crate::house::{House, Way};

const DISK_BYTES: u64 = 24 << 20;
const BALLAST_BYTES: u64 = 2 << 20;

/// Bytes of a database page, SQLite's default.
const PAGE_BYTES: usize = 4096;

#[tokio::test]
async fn on_a_full_disk_gates_go_on_and_once_it_is_freed_everything_is_recorded_and_told() -> Result<()> {
    let disk = SmallDisk::mount(DISK_BYTES).context("this story mounts a tmpfs, which needs root")?;
    let upstream = Upstream::start(Memory::AtStop).await?;
    let mut house = House::under(&upstream, 1, 12)?;
    let store = disk.path().join("varco.db");
    house.settings.set("store.path", store.display().to_string()).set("store.ballast", "2MiB");
    let agent = house.open().await?;
    let api = agent.api("gateway").await?;
    let ballast = disk.path().join("varco.db.ballast");
    ensure!(fs::metadata(&ballast)?.len() == BALLAST_BYTES, "the ballast is taken at the start");
    let [first, second, third] = [0, 4, 8].map(|from| &house.members[from..from + 4]);

    disk.fill()?;
    eventually("the API refuses writes", || async { Ok(put_somebody(&api).await? == 507) }).await?;
    shows(&agent, "full", 1.0).await?;
    assert!(!ballast.exists(), "the ballast is given up");
    come(&house, first).await?;
    let written = || async { Ok(Ledger::open(&store)?.count(PASSED)? == first.len()) };
    eventually("passages are written in the place of the ballast", written).await?;
    assert_eq!(put_somebody(&api).await?, 507, "that place is for passages");

    disk.fill()?;
    // What the log holds already may take one more; from then on passages wait in memory, and the gate opens all the same.
    come(&house, second).await?;
    come(&house, third).await?;
    let kept = Ledger::open(&store)?.count(PASSED)?;
    assert!(kept < 12, "the disk took {kept} passages: it was not full");
    shows(&agent, "full", 1.0).await?;

    disk.free()?;
    shows(&agent, "ready", 0.0).await?;
    assert_eq!(put_somebody(&api).await?, 201);
    assert_eq!(fs::metadata(&ballast)?.len(), BALLAST_BYTES, "the ballast is taken again");
    upstream.receives(12, 12).await?;
    drained(&agent, "mqtt").await?;
    agent.terminate().await?;
    let ledger = Ledger::open(&store)?;
    ledger.is_sound()?;
    assert_eq!((ledger.count(PASSED)?, house.relay.opens(1)), (12, 12));
    upstream.in_order_per_person()
}

#[tokio::test]
async fn an_agent_starts_on_a_full_disk_and_lets_people_in() -> Result<()> {
    let disk = SmallDisk::mount(DISK_BYTES).context("this story mounts a tmpfs, which needs root")?;
    let mut house = House::with(1, 4)?;
    let store = disk.path().join("varco.db");
    house.settings.set("store.path", store.display().to_string()).set("store.ballast", "2MiB");
    house.open().await?.terminate().await?;
    house.forget_sessions()?;
    disk.fill()?;

    let agent = house.start().await?;
    come(&house, &house.members).await?;
    let written = || async { Ok(Ledger::open(&store)?.count(PASSED)? == 4) };
    eventually("passages are written in the place of the ballast", written).await?;
    shows(&agent, "full", 1.0).await?;
    agent.terminate().await
}

#[tokio::test]
async fn a_store_with_damaged_pages_is_refused_with_the_mend_and_exit_code_1() -> Result<()> {
    let house = House::with(1, 50)?;
    let agent = house.open().await?;
    let store = agent.store().to_owned();
    agent.terminate().await?;
    let pages = fs::metadata(&store)?.len() as usize / PAGE_BYTES;
    let file = fs::File::options().write(true).open(&store)?;
    for page in (pages / 4)..(pages / 2) {
        file.write_all_at(&[0xff; PAGE_BYTES], (page * PAGE_BYTES) as u64)?;
    }
    refused(&house, &store, "damaged").await
}

#[tokio::test]
async fn a_store_that_is_no_database_is_refused_with_the_mend_and_exit_code_1() -> Result<()> {
    let house = House::with(1, 1)?;
    let store = house.settings.path("varco.db");
    fs::write(&store, "Dear club, this is a letter.\n".repeat(500))?;
    refused(&house, &store, "not a database").await
}

/// The agent names the file and what is wrong, and ends with exit code 1.
async fn refused(house: &House, store: &Path, why: &str) -> Result<()> {
    let config = house.config()?.display().to_string();
    let output = agent::varco(&["run", "--config", &config]).await?;
    let said = format!("{}{}", output.stdout, output.stderr);
    assert_eq!(output.code, Some(1), "{said}");
    assert!(said.contains(why) && said.contains(&store.display().to_string()), "{said}");
    assert!(!said.contains("varco ready") && !said.contains("panicked"), "{said}");
    Ok(())
}

const PASSED: &str = "SELECT count(*) FROM passage WHERE outcome = 'passed'";

async fn come(house: &House, people: &[site::members::Member]) -> Result<()> {
    for member in people {
        house.pass(1, Way::In, member).await?;
    }
    Ok(())
}

/// What the agent shows of its store: in words to people, in numbers to monitoring.
async fn shows(agent: &Agent, state: &str, level: f64) -> Result<()> {
    eventually(&format!("the store is shown as {state}"), || async { Ok(health(agent).await?["store"] == state) })
        .await?;
    let page = agent.public_api().get("/metrics").await?.1;
    assert_eq!(metric(&page, "varco_store_state"), Some(level));
    Ok(())
}

/// Writes somebody over the API; answers the status.
async fn put_somebody(api: &Api) -> Result<u16> {
    let somebody = json!({ "external_id": "M-9", "first_name": "Rosa", "last_name": "Neri" });
    Ok(api.put("people/M-9", &somebody).await?.0)
}

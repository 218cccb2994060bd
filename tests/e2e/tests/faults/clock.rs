//! The story of a wall clock that jumps a day back and a day forward under a running agent, and nobody is sent home who
//! came by a clock that could be believed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::account::{drained, health};
use e2e::ledger::Ledger;
use e2e::patience::eventually;
use e2e::upstream::Upstream;
use jiff::ToSpan;
use jiff::tz::TimeZone;
use site::agent::Agent;
use site::broker::Memory;
use site::config::Club;

use crate::house::{House, Way};

/// One day.
const DAY_S: i64 = 86_400;

/// Longer than two turns of the agent's housekeeping, which ends presences every ten seconds.
const TWO_TURNS_S: u64 = 21;

#[tokio::test]
async fn a_clock_that_jumps_a_day_back_and_forward_stops_no_gate_and_sends_home_nobody_who_came_by_a_good_clock()
-> Result<()> {
    let upstream = Upstream::start(Memory::AtStop).await?;
    let house = House::under(&upstream, 1, 6)?;
    let time = Time::of(&house.settings)?;
    house.import().await?;
    let agent = Agent::start_with(&house.config()?, &time.environment()).await?;
    let [anna, bruno, carla, dario, elena] = [0, 1, 2, 3, 4].map(|at| &house.members[at]);
    is_noticed(&agent, "holdover").await?;
    house.pass(1, Way::In, anna).await?;
    house.pass(1, Way::In, carla).await?;
    upstream.receives(2, 2).await?;
    let visits = Ledger::open(agent.store())?.ids("visit")?;

    time.jump_to(-DAY_S)?;
    is_noticed(&agent, "untrusted").await?;
    house.pass(1, Way::In, bruno).await?;
    house.pass(1, Way::Out, anna).await?;
    upstream.receives(3, 4).await?;
    assert_eq!(clock_of_visit(&upstream, bruno.external_id())?, "untrusted");
    let ended = "SELECT count(*) FROM visit WHERE ended_by = 'exit' AND ended_at >= started_at";
    assert_eq!(Ledger::open(agent.store())?.count(ended)?, 1, "an exit ends the visit, and not before it began");

    time.jump_to(DAY_S)?;
    is_noticed(&agent, "holdover").await?;
    house.pass(1, Way::In, dario).await?;
    turns_pass(&agent).await?;
    let inside = || anyhow::Ok(Ledger::open(agent.store())?.count("SELECT count(*) FROM presence WHERE NOT over")?);
    // Bruno came at a time that is known to be wrong, and over by either of the two that may be right.
    assert_eq!(inside()?, 2, "Carla came yesterday by this clock, but nobody knows whether to believe it");

    time.jump_to(0)?;
    house.pass(1, Way::In, elena).await?;
    upstream.receives(5, 6).await?;
    let after = Ledger::open(agent.store())?.ids("visit")?;
    assert!(visits.is_subset(&after), "visits keep their ids");
    assert!(house.relay.log().pulses(1).iter().all(|pulse| *pulse < Duration::from_secs(5)), "pulses end in time");

    time.jump_to(DAY_S)?;
    time.becomes_synced()?;
    is_noticed(&agent, "synced").await?;
    eventually("those of yesterday are sent home by a clock that is known to be right", || async {
        Ok(inside()? == 1)
    })
    .await?;
    drained(&agent, "mqtt").await?;
    agent.terminate().await?;
    Ledger::open(&house.settings.path("varco.db"))?.is_sound()
}

#[tokio::test]
async fn deadlines_do_not_notice_that_the_clock_jumps_in_the_middle_of_them() -> Result<()> {
    let upstream = Upstream::start(Memory::AtStop).await?;
    let house = House::under(&upstream, 1, 8)?;
    let time = Time::of(&house.settings)?;
    house.import().await?;
    let agent = Agent::start_with(&house.config()?, &time.environment()).await?;
    for (member, days) in house.members.iter().zip([-1, 1, -1, 0, 1, 0, -1, 0]) {
        // The broker is away at the jump, so that the lane's pause is one of the deadlines.
        upstream.network.refuse().await;
        upstream.network.cut(site::proxy::Cut::Reset);
        house.pass(1, Way::In, member).await?;
        time.jump_to(days * DAY_S)?;
        house.relay.wait_off(1, Duration::from_secs(5)).await?;
        upstream.network.accept()?;
    }
    upstream.receives(8, 8).await?;
    agent.terminate().await
}

/// Waits until the agent has noticed how far its clock can be believed.
async fn is_noticed(agent: &Agent, quality: &str) -> Result<()> {
    eventually(&format!("the clock is {quality}"), || async { Ok(health(agent).await?["clock"] == quality) }).await
}

/// Waits until the housekeeping has had two turns.
async fn turns_pass(agent: &Agent) -> Result<()> {
    let uptime = || async { health(agent).await?["uptime_seconds"].as_u64().context("an uptime") };
    let from = uptime().await?;
    eventually("two turns of the housekeeping", || async { Ok(uptime().await? >= from + TWO_TURNS_S) }).await
}

fn clock_of_visit(upstream: &Upstream, person: &str) -> Result<String> {
    let seen = upstream.central.seen();
    let visit = seen.of("visit").find(|visit| visit.data("person") == person).context("their visit")?;
    Ok(visit.data("clock").as_str().map(str::to_owned).unwrap_or_default())
}

/// The wall clock of one process and what its kernel says of it, both in files that the process looks at all the time.
struct Time {
    offset: PathBuf,
    synced: PathBuf,
    preload: String,
    /// Seconds from now to noon in Rome tomorrow: no story crosses the club day's cut-off by chance.
    noon: i64,
}

impl Time {
    fn of(settings: &Club) -> Result<Self> {
        let now = jiff::Zoned::now().with_time_zone(TimeZone::get("Europe/Rome")?);
        let noon = now.date().saturating_add(1.day()).to_datetime(jiff::civil::time(12, 0, 0, 0));
        let noon = noon.to_zoned(now.time_zone().clone())?.timestamp();
        let time = Self {
            offset: settings.path("clock"),
            synced: settings.path("clock-is-synced"),
            preload: format!("{}:{}", libfaketime()?, kernel_without_time_source(settings.folder())?.display()),
            noon: noon.as_second() - now.timestamp().as_second(),
        };
        time.jump_to(0)?;
        Ok(time)
    }

    fn environment(&self) -> [(&str, &str); 5] {
        [
            ("LD_PRELOAD", self.preload.as_str()),
            ("FAKETIME_TIMESTAMP_FILE", self.offset.to_str().expect("a path in UTF-8")),
            ("FAKETIME_NO_CACHE", "1"),
            // The uptime is that of the machine, as it is when only its wall clock is set.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("SYNCED_WHILE_EXISTS", self.synced.to_str().expect("a path in UTF-8")),
        ]
    }

    /// Sets the wall clock so many seconds from noon. Renamed into place: a file half written would be another time.
    fn jump_to(&self, seconds: i64) -> Result<()> {
        let new = self.offset.with_extension("new");
        fs::write(&new, format!("{:+}\n", self.noon + seconds))?;
        Ok(fs::rename(new, &self.offset)?)
    }

    /// From now on the kernel says that a time source disciplines its clock.
    fn becomes_synced(&self) -> Result<()> {
        Ok(fs::write(&self.synced, "")?)
    }
}

/// The library of Debian's package for programs with threads.
fn libfaketime() -> Result<String> {
    let folders =
        fs::read_dir("/usr/lib")?.filter_map(|entry| Some(entry.ok()?.path().join("faketime/libfaketimeMT.so.1")));
    let found =
        folders.into_iter().find(|library| library.exists()).context("Debian package libfaketime is missing")?;
    Ok(found.display().to_string())
}

/// Builds a library that answers adjtimex(2) as a kernel without a time source does, or with one while a file exists:
/// the machine that runs the tests may have either, and the story must not depend on it.
fn kernel_without_time_source(folder: &Path) -> Result<PathBuf> {
    const SOURCE: &str = r#"
        #include <stdlib.h>
        #include <string.h>
        #include <sys/timex.h>
        #include <unistd.h>
        int adjtimex(struct timex *answer) {
            memset(answer, 0, sizeof *answer);
            const char *path = getenv("SYNCED_WHILE_EXISTS");
            int synced = path && access(path, F_OK) == 0;
            answer->status = synced ? 0 : STA_UNSYNC;
            return synced ? TIME_OK : TIME_ERROR;
        }
    "#;
    let (source, library) = (folder.join("kernel.c"), folder.join("kernel.so"));
    fs::write(&source, SOURCE)?;
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).output();
    let built = built.context("running cc (Debian package gcc)")?;
    ensure!(built.status.success(), "cc: {}", String::from_utf8_lossy(&built.stderr));
    Ok(library)
}

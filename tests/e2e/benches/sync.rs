//! People told to the Mywellness sandbox: how fast beside a bare client that sends the same requests, how much memory fifty
//! thousand of them take, and how few requests the night after it makes.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod shared;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use shared::club::member;
use shared::machine::{Memory, memory_of};
use shared::mywellness::Bare;
use shared::{Times, machine, micros, table};
use site::agent::{Agent, build_fresh, varco};
use site::api::Api;
use site::config::Club;
use site::sandbox::{Book, Options, Sandbox};
use tokio::time::{interval, timeout};

/// People of each round of the race.
const RACERS: usize = 5_000;
/// The race is run so often, in turns, and the median counts: the machine may be busy with something else.
const ROUNDS: usize = 3;
/// People of the club that is weighed.
const PEOPLE: usize = 50_000;
/// Of whom one in so many has something new by the next day.
const CHANGED_OF: usize = 100;
/// Calls that make a person known with all of them: create, update, membership.
const CALLS: usize = 3;
/// The agent's own pace, so high that it never waits.
const UNPACED: i64 = 10_000;
/// How often the agent is asked how far it is, and how long all of it may take.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const ENOUGH: Duration = Duration::from_secs(1_800);

#[tokio::main]
async fn main() -> Result<()> {
    build_fresh()?;
    let (mut ours, mut bare) = (Times::default(), Times::default());
    let racers = people(RACERS);
    for _ in 0..ROUNDS {
        ours.push(by_the_agent(&racers).await?);
        bare.push(by_a_bare_client(&racers).await?);
    }
    machine::describe();
    race(&mut ours, &mut bare);

    let idle = with_nobody().await?;
    let mut large = Large::made_known().await?;
    weights(idle, &mut large);
    let nights = [large.night().await?, large.day_after().await?, large.all_again().await?];
    spared(&nights);
    Ok(())
}

/// Members with all that is told of them. The subscriptions of one in [`CHANGED_OF`] end today.
fn people(count: usize) -> Vec<Value> {
    let today = Timestamp::now().to_zoned(TimeZone::get("Europe/Rome").expect("the zone is known")).date();
    let person = |number: usize| {
        let mut person = serde_json::to_value(member(number)).expect("a person is JSON");
        person["mobile"] = json!(format!("+39 333 {number:07}"));
        if number.is_multiple_of(CHANGED_OF) {
            person["memberships"][0]["ends_on"] = json!(today);
        }
        person
    };
    (0..count).map(person).collect()
}

fn settings(sandbox: &Sandbox) -> Result<Club> {
    let mut settings = Club::new()?;
    settings.mywellness(sandbox)?.set("mywellness.requests_per_second", UNPACED);
    Ok(settings)
}

async fn import(settings: &Club, people: &[Value]) -> Result<()> {
    let (config, file) = (settings.write()?, settings.path("people.ndjson"));
    fs::write(&file, people.iter().map(|person| format!("{person}\n")).collect::<String>())?;
    let [config, file] = [config, file].map(|path| path.display().to_string());
    let imported = varco(&["import", "--config", &config, &file]).await?;
    ensure!(imported.code == Some(0), "varco import: {}{}", imported.stdout, imported.stderr);
    Ok(())
}

/// From the first request about anybody to the last answer.
async fn all_told(sandbox: &Sandbox, people: usize) -> Result<Duration> {
    sandbox.wait_until(|book| asked(book) > 0, ENOUGH).await?;
    let begun = Instant::now();
    sandbox.wait_until(|book| asked(book) >= people * CALLS, ENOUGH).await?;
    Ok(begun.elapsed())
}

/// Requests about people, logins left out.
fn asked(book: &Book) -> usize {
    let of_people = book.tallies().iter().filter(|(action, _)| *action != "AccessIntegration");
    of_people.map(|(_, tally)| tally.asked as usize).sum()
}

async fn by_the_agent(people: &[Value]) -> Result<Duration> {
    let sandbox = Sandbox::start(Options::default()).await?;
    let settings = settings(&sandbox)?;
    import(&settings, people).await?;
    let agent = Agent::start(&settings.write()?).await?;
    let took = all_told(&sandbox, people.len()).await?;
    agent.terminate().await?;
    Ok(took)
}

async fn by_a_bare_client(people: &[Value]) -> Result<Duration> {
    let sandbox = Sandbox::start(Options::default()).await?;
    let mut bare = Bare::log_in(&sandbox).await?;
    let sending = async {
        for person in people {
            bare.make(person).await?;
        }
        anyhow::Ok(())
    };
    let (sent, took) = tokio::join!(sending, all_told(&sandbox, people.len()));
    sent.and(took)
}

async fn with_nobody() -> Result<Memory> {
    let sandbox = Sandbox::start(Options::default()).await?;
    let settings = settings(&sandbox)?;
    let agent = Agent::start(&settings.write()?).await?;
    let api = agent.api("viewer").await?;
    let counted = at_rest(&api, |progress| !progress["comparison"].is_null()).await;
    let memory = memory_of(agent.id().context("the agent runs")?)?;
    agent.terminate().await?;
    counted.map(|_| memory)
}

/// What was seen of the progress while the agent worked.
#[derive(Default)]
struct Seen {
    /// How long its answers took.
    answers: Times,
    /// The highest rate it told.
    rate_per_minute: u64,
}

/// Waits until nobody remains to be told and `is_so`.
async fn at_rest(api: &Api, is_so: impl Fn(&Value) -> bool) -> Result<Seen> {
    let (mut looks, mut seen) = (interval(LOOK_EVERY), Seen::default());
    let resting = async {
        loop {
            looks.tick().await;
            let begun = Instant::now();
            let (status, progress) = api.get("sync/progress").await?;
            ensure!(status == 200, "GET sync/progress: {status} {progress}");
            seen.answers.add(begun);
            seen.rate_per_minute = seen.rate_per_minute.max(progress["rate_per_minute"].as_u64().context("a rate")?);
            if progress["remaining"] == 0 && is_so(&progress) {
                return Ok(());
            }
        }
    };
    timeout(ENOUGH, resting).await.context("waiting until nobody remains")??;
    Ok(seen)
}

/// A club whose people are all known at Mywellness.
struct Large {
    people: Vec<Value>,
    sandbox: Sandbox,
    settings: Club,
    memory: Memory,
    took: Duration,
    seen: Seen,
}

/// What one way to bring Mywellness up to date cost.
struct Night {
    what: String,
    requests: usize,
    took: Duration,
}

impl Large {
    async fn made_known() -> Result<Self> {
        let sandbox = Sandbox::start(Options::default()).await?;
        let (people, settings) = (people(PEOPLE), settings(&sandbox)?);
        import(&settings, &people).await?;
        let agent = Agent::start(&settings.write()?).await?;
        let api = agent.api("viewer").await?;
        let (seen, took) = tokio::join!(at_rest(&api, |_| true), all_told(&sandbox, people.len()));
        let memory = memory_of(agent.id().context("the agent runs")?)?;
        agent.terminate().await?;
        Ok(Self { memory, took: took?, seen: seen?, people, sandbox, settings })
    }

    /// A day later everybody is compared: subscriptions have ended, and nobody was written down anew.
    async fn night(&mut self) -> Result<Night> {
        self.brought_up_to_date("varco, the comparison of a night in which 1 % of the subscriptions ended").await
    }

    /// The management system writes everybody down anew, and one in a hundred has changed.
    async fn day_after(&mut self) -> Result<Night> {
        for person in self.people.iter_mut().skip(1).step_by(CHANGED_OF) {
            person["mobile"] = json!("+39 347 0000000");
        }
        let begun = Instant::now();
        import(&self.settings, &self.people).await?;
        let imported = begun.elapsed();
        let mut day =
            self.brought_up_to_date("varco, after an import of all 50,000 of whom 1 % have another number").await?;
        day.took += imported;
        Ok(day)
    }

    async fn brought_up_to_date(&self, what: &str) -> Result<Night> {
        let before = self.sandbox.look(asked);
        let begun = Instant::now();
        let agent = Agent::start_with(&self.settings.write()?, &tomorrow()?).await?;
        let api = agent.api("viewer").await?;
        let of_tomorrow = |progress: &Value| {
            let at = progress["comparison"]["at"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
            at.is_some_and(|at| at > Timestamp::now() + 12.hours())
        };
        at_rest(&api, of_tomorrow).await?;
        let took = begun.elapsed();
        agent.terminate().await?;
        Ok(Night { what: what.to_owned(), requests: self.sandbox.look(asked) - before, took })
    }

    /// What it costs to know nothing of what was told.
    async fn all_again(&self) -> Result<Night> {
        let before = self.sandbox.look(asked);
        let known: Vec<String> = self.sandbox.look(|book| {
            let known =
                |person: &Value| book.user(person["external_id"].as_str()?).map(|it| it.facility_user_id.clone());
            self.people.iter().filter_map(known).collect()
        });
        let begun = Instant::now();
        let mut bare = Bare::log_in(&self.sandbox).await?;
        for (facility_user, person) in known.iter().zip(&self.people) {
            bare.tell(facility_user, person, "Renew").await?;
        }
        let requests = self.sandbox.look(asked) - before;
        Ok(Night { what: "a bare client that sends all again".to_owned(), requests, took: begun.elapsed() })
    }
}

/// The agent's wall clock is a day ahead.
fn tomorrow() -> Result<[(&'static str, &'static str); 3]> {
    let folders = fs::read_dir("/usr/lib")?.filter_map(|entry| Some(entry.ok()?.path()));
    let library = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|library| library.exists());
    let library: PathBuf = library.context("Debian package libfaketime, which tests/run installs")?;
    let library = Box::leak(library.display().to_string().into_boxed_str());
    Ok([("LD_PRELOAD", library), ("FAKETIME", "+1d"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")])
}

fn race(ours: &mut Times, bare: &mut Times) {
    let (ours, bare) = (ours.per_mille(500).as_secs_f64(), bare.per_mille(500).as_secs_f64());
    let row = |name: &str, seconds: f64| {
        let (people, calls) = (RACERS as f64 / seconds, (RACERS * CALLS) as f64 / seconds);
        vec![name.to_owned(), format!("{people:.0}"), format!("{calls:.0}"), format!("{:.2}", bare / seconds)]
    };
    table(
        &format!("{RACERS} people made known with all of them, {CALLS} requests each, median of {ROUNDS}"),
        &["", "people/s", "requests/s", "÷ bare client"],
        &[row("varco, each step durable in SQLite", ours), row("a bare client, one connection, no store", bare)],
    );
}

fn weights(idle: Memory, large: &mut Large) {
    let mib = |kib: u64| format!("{:.1} MiB", kib as f64 / 1024.0);
    let row = |name: &str, it: Memory| vec![name.to_owned(), mib(it.peak), mib(it.resident), mib(it.anonymous)];
    table(
        "Resident memory of the agent",
        &["", "peak", "at the end", "of it the process's own"],
        &[row("nobody to be told of", idle), row(&format!("{PEOPLE} people made known"), large.memory)],
    );
    let Large { took, seen: Seen { answers, rate_per_minute }, .. } = large;
    let (seconds, slowest) = (took.as_secs_f64(), micros(answers.per_mille(1000)));
    say(&format!("\n{PEOPLE} people in {seconds:.0} s: {:.0} people/s", PEOPLE as f64 / seconds));
    say(&format!("GET /sync/progress meanwhile: up to {rate_per_minute} a minute told, slowest answer {slowest}"));
}

#[allow(clippy::print_stdout, reason = "it is part of the benchmark's output")]
fn say(line: &str) {
    println!("{line}");
}

fn spared(nights: &[Night]) {
    let all = nights.last().map_or(1, |all| all.requests) as f64;
    let row = |it: &Night| {
        let spared = 100.0 * (1.0 - it.requests as f64 / all);
        vec![
            it.what.clone(),
            it.requests.to_string(),
            format!("{spared:.1} %"),
            format!("{:.1} s", it.took.as_secs_f64()),
        ]
    };
    let rows: Vec<_> = nights.iter().map(row).collect();
    table(&format!("Bringing {PEOPLE} people up to date"), &["", "requests", "spared", "time"], &rows);
}

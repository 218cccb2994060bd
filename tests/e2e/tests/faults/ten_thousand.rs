//! The story of ten thousand people told to Mywellness through errors and outages: everybody who can be is there, once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::account::health;
use e2e::ledger::Ledger;
use e2e::people::import;
use serde_json::{Value, json};
use site::agent::Agent;
use site::api::Api;
use site::config::Club;
use site::members::Member;
use site::sandbox::{Fault, Injection, Options, Sandbox, Work};
use tokio::time::{interval, timeout};

use crate::crowd::{AMBIGUOUS, Fate, Guest, INCOMPLETE, crowd, known_there, linked};

const PEOPLE: usize = 10_000;
/// One seed is one crowd, and one sequence of requests that fail.
const SEED: u32 = 20_261_122;
/// Several times what all of it takes on a machine that is busy with other tests.
const ENOUGH: Duration = Duration::from_secs(600);
/// How often the agent is asked how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The call that makes or matches a person.
const CREATE: &str = "CreateFacilityUserFromThirdParty";

/// Mywellness goes away when so many calls to make a person were answered.
const OUTAGES: [u64; 3] = [1_500, 4_000, 7_000];
/// With this outage the agent is killed too.
const KILL: usize = 1;

/// Requests that fail for a moment, each kind so many of a hundred: before the work and after it.
const PASSING: [(Fault, u8); 5] = [
    (Fault::Status { code: 500, work: Work::Undone }, 1),
    (Fault::Status { code: 502, work: Work::Done }, 1),
    (Fault::Cut { work: Work::Undone }, 1),
    (Fault::Cut { work: Work::Done }, 1),
    (Fault::TokenExpired { code: 401 }, 1),
];

#[tokio::test]
async fn ten_thousand_people_come_through_errors_and_outages_each_once_or_with_the_reason() -> Result<()> {
    let began = Instant::now();
    let people = crowd(SEED.into(), PEOPLE);
    let sandbox = Sandbox::start(Options::default()).await?;
    let (here, elsewhere) = known_there(&people);
    sandbox.know(here);
    sandbox.know_elsewhere(elsewhere);
    for (number, (fault, percent)) in (0..).zip(PASSING) {
        sandbox.inject(Injection::from(fault).percent(percent, SEED + number));
    }
    let settings = settings(&sandbox)?;
    let members: Vec<Member> = people.iter().map(|guest| guest.member.clone()).collect();
    import(&settings, &members).await?;
    println!("imported after {:?}", began.elapsed());

    let agent = timeout(ENOUGH, live_through(&sandbox, &settings)).await.context("the outages")??;
    let api = agent.api("operator").await?;
    let progress = timeout(ENOUGH, told_of_all(&api)).await.context("telling everybody")??;
    println!("told of all after {:?}: {:?}", began.elapsed(), sandbox.look(|book| book.tallies().clone()));

    assert_eq!(in_numbers(&progress), expected_numbers());
    sandbox.look(|book| there(book, &people))?;
    reasons(&api, &people).await?;
    let store = agent.store().to_owned();
    agent.terminate().await?;
    links(&Ledger::open(&store)?, &sandbox)?;
    println!("{:?} in all", began.elapsed());
    Ok(())
}

fn settings(sandbox: &Sandbox) -> Result<Club> {
    let mut settings = Club::new()?;
    settings.mywellness(sandbox)?.set("mywellness.requests_per_second", 10_000);
    settings.set("mywellness.selection.mode", "everyone");
    Ok(settings)
}

/// Three outages, at moments that only the work decides; one of them is the agent's own as well. Answers the agent that
/// runs after them.
async fn live_through(sandbox: &Sandbox, settings: &Club) -> Result<Agent> {
    let mut agent = Agent::start(&settings.write()?).await?;
    for (number, calls) in OUTAGES.into_iter().enumerate() {
        sandbox.wait_until(|book| book.tally(CREATE).done >= calls, ENOUGH).await?;
        sandbox.down().await;
        if number == KILL {
            agent.kill9().await?;
            agent = Agent::start(&settings.write()?).await?;
        }
        until(async || Ok(lane(&agent).await?["connection"]["link"] == "offline")).await?;
        sandbox.up().await?;
    }
    Ok(agent)
}

async fn until(mut is_so: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    let mut looks = interval(LOOK_EVERY);
    loop {
        looks.tick().await;
        if is_so().await? {
            return Ok(());
        }
    }
}

async fn lane(agent: &Agent) -> Result<Value> {
    let lanes = health(agent).await?["lanes"].take();
    let found = lanes.as_array().into_iter().flatten().find(|lane| lane["lane"] == "mywellness");
    found.cloned().with_context(|| format!("no lane in {lanes}"))
}

async fn get(api: &Api, path: &str) -> Result<Value> {
    let (status, answer) = api.get(path).await?;
    ensure!(status == 200, "GET {path}: {status} {answer}");
    Ok(answer)
}

/// Waits until nobody remains, and that this is visible on the way: everybody in some state, and fewer remain in the end
/// of each while than at its beginning. Answers the last account.
async fn told_of_all(api: &Api) -> Result<Value> {
    let mut looks = interval(LOOK_EVERY);
    let (mut remained, mut rates) = (BTreeSet::new(), BTreeSet::new());
    loop {
        looks.tick().await;
        let progress = get(api, "sync/progress").await?;
        let states = progress["states"].as_array().context("states are a list")?;
        let known: u64 = states.iter().filter_map(|state| state["people"].as_u64()).sum();
        ensure!(known == PEOPLE as u64, "{known} people are in a state: {progress}");
        rates.insert(progress["rate_per_minute"].as_u64().context("there is a rate")?);
        let remaining = progress["remaining"].as_u64().context("there is a rest")?;
        // Whoever is known there is to be told more of at once: the last ones come and go.
        if remaining == 0 {
            ensure!(remained.len() > 10 && rates.last() > Some(&1_000), "{remained:?} remained, at {rates:?} a minute");
            return Ok(progress);
        }
        remained.insert(remaining);
    }
}

/// States and errors by their names.
fn in_numbers(progress: &Value) -> BTreeMap<String, u64> {
    let named = |list: &str, name: &str| -> Vec<(String, u64)> {
        let entries = progress[list].as_array().into_iter().flatten();
        entries.filter_map(|it| Some((it[name].as_str()?.to_owned(), it["people"].as_u64()?))).collect()
    };
    [named("states", "state"), named("errors", "cause")].concat().into_iter().collect()
}

fn expected_numbers() -> BTreeMap<String, u64> {
    let numbers = [
        ("enabled", PEOPLE - INCOMPLETE - AMBIGUOUS),
        ("creation_failed", INCOMPLETE + AMBIGUOUS),
        ("incomplete", INCOMPLETE),
        ("ambiguous", AMBIGUOUS),
    ];
    numbers.into_iter().map(|(name, people)| (name.to_owned(), people as u64)).collect()
}

/// Everybody who can be is there once, as they are here; nobody else is, and strangers are as they were.
fn there(book: &site::sandbox::Book, people: &[Guest]) -> Result<()> {
    let linked = linked(book)?;
    let expected: BTreeSet<&str> = people.iter().filter(|guest| guest.is_expected()).map(Guest::id).collect();
    let found: BTreeSet<&str> = linked.keys().copied().collect();
    let (lost, strange): (Vec<_>, Vec<_>) =
        (expected.difference(&found).collect(), found.difference(&expected).collect());
    ensure!(lost.is_empty() && strange.is_empty(), "not there: {lost:?}; there without reason: {strange:?}");
    for guest in people.iter().filter(|guest| guest.is_expected()) {
        guest.is_there_as(linked[guest.id()])?;
    }
    let strangers: Vec<_> = book.users().iter().filter(|person| person.external_id.is_none()).collect();
    ensure!(strangers.len() == 2 * AMBIGUOUS, "{} strangers are there", strangers.len());
    let untouched = |person: &&&site::sandbox::Person| person.membership.is_none() && person.profile.len() == 5;
    ensure!(strangers.iter().all(|person| untouched(&person)), "a stranger was changed");
    for guest in people.iter().filter(|guest| matches!(guest.fate, Fate::Lacks(_))) {
        ensure!(book.deeds(guest.id()).is_empty(), "{} is incomplete and was told of", guest.id());
    }
    Ok(())
}

/// The others are listed with the reason: the incomplete with what is missing, the ambiguous with whom they could be.
async fn reasons(api: &Api, people: &[Guest]) -> Result<()> {
    let sheet = get(api, "sync/preflight?format=csv&verdict=incomplete").await?;
    let sheet: BTreeSet<String> = sheet.as_str().context("a spreadsheet")?.lines().skip(1).map(str::to_owned).collect();
    let expected: BTreeSet<String> = people.iter().filter_map(incomplete_line).collect();
    ensure!(sheet == expected, "the sheet has {:?}", sheet.symmetric_difference(&expected).collect::<Vec<_>>());

    let ambiguous = api.list("sync/people?cause=ambiguous&limit=500").await?;
    let of = |fate| people.iter().filter(move |guest| guest.fate == fate).map(Guest::id);
    let named: BTreeSet<_> = ambiguous.iter().filter_map(|it| it["person"].as_str()).collect();
    assert_eq!(named, of(Fate::Ambiguous).collect());
    let parked = api.list("outbox?lane=mywellness&state=parked&limit=500").await?;
    assert_eq!(parked.len(), AMBIGUOUS);
    for person in of(Fate::Ambiguous) {
        let it = get(api, &format!("sync/people/{person}")).await?;
        ensure!(it["reason"] == "ambiguous match: 2 candidates", "{it}");
        let candidates = get(api, &format!("sync/people/{person}/candidates")).await?["items"].take();
        let emails: Vec<_> =
            candidates.as_array().into_iter().flatten().filter_map(|it| it["email"].as_str()).collect();
        ensure!(emails.len() == 2 && emails.iter().all(|email| email.contains("***@")), "{person}: {candidates}");
    }
    Ok(())
}

/// The line of the sheet for an incomplete person.
fn incomplete_line(guest: &Guest) -> Option<String> {
    let Fate::Lacks(field) = guest.fate else { return None };
    let text = |field: &str| guest.member.document[field].as_str().unwrap_or_default().to_owned();
    let (last_name, first_name) = (text("last_name"), text("first_name"));
    let reason = format!("required by Mywellness and missing: {field}");
    Some(format!("{},{last_name},{first_name},incomplete,{field},{reason}", guest.id()))
}

/// Each person here is linked to the one there who has their number, by all three ids; nobody is shared.
fn links(store: &Ledger, sandbox: &Sandbox) -> Result<()> {
    store.is_sound()?;
    let rows = store.texts::<4>(
        "SELECT p.external_id, l.user_id, l.facility_user_id, l.permanent_token FROM link l JOIN person p ON p.id = l.person",
    )?;
    let tokens: BTreeSet<_> = rows.iter().map(|[.., token]| token).collect();
    ensure!(tokens.len() == rows.len(), "{} links hold {} permanent ids", rows.len(), tokens.len());
    let here: BTreeMap<_, _> =
        rows.iter().map(|[id, user, in_club, token]| (id.as_str(), json!([user, in_club, token]))).collect();
    sandbox.look(|book| {
        let there = linked(book)?;
        let ids = |it: &site::sandbox::Person| json!([it.user_id, it.facility_user_id, it.permanent_token]);
        let there: BTreeMap<_, _> = there.into_iter().map(|(id, person)| (id, ids(person))).collect();
        ensure!(here == there, "the links here are not the people there");
        Ok(())
    })
}

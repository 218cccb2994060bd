//! The sandbox's own routes under `/__sandbox`, for programs in other languages and for people with curl.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::classes::{Booking, Class};
use super::fault::{CONDITIONS, FAULT_FIELDS, Injection};
use super::people::Known;
use super::rate::RateLimit;
use super::{Book, Inner};
use crate::world;

/// Entries that a list shows if nobody asks for more or fewer: the last ones.
const SHOWN: usize = 1_000;

/// What can be asked for besides an [`Injection`].
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Order {
    /// Refuses connections for a while; without a way to connect nobody could ask it to come back.
    Down { for_ms: u64 },
    /// Makes every token invalid.
    ExpireTokens,
    /// Answers 429 beyond this rate; null ends it.
    RateLimit { per_second: Option<u32> },
    /// Answers with a fault of choice beyond a limit.
    Limit(RateLimit),
    /// Refuses every call of the facility.
    SuspendFacility,
    /// Accepts an action outside the public contract from now on, and answers it with this `data`, else with success.
    Learn { action: String, data: Option<Value> },
    /// Ends all faults.
    Heal,
}

const ORDERS: [&str; 7] = ["down", "expire_tokens", "rate_limit", "limit", "suspend_facility", "learn", "heal"];

/// Somebody whom Mywellness knows already.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stranger {
    first_name: String,
    last_name: String,
    birth_date: String,
    gender: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    external_id: Option<String>,
    #[serde(default)]
    at: Place,
}

/// Where they are known.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Place {
    /// In this club, since before anybody listened.
    #[default]
    Club,
    /// In another club only.
    Elsewhere,
    /// In this club from now on, made by staff: webhooks tell of it.
    Portal,
}

/// A member books in the app, or cancels.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    person: String,
    class: String,
    partition_date: u32,
    #[serde(default)]
    cancel: bool,
}

/// Which entries of a list are asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Only those about this person, by the club's own number.
    person: Option<String>,
    /// Only requests of this action.
    action: Option<String>,
    /// At most so many, the last ones.
    last: Option<usize>,
}

pub(super) fn routes() -> Router<Arc<Inner>> {
    Router::new()
        .route("/__sandbox/fault", post(order))
        .route("/__sandbox/faults", get(|sandbox, wanted| show(sandbox, wanted, faults)))
        .route("/__sandbox/people", doing(introduce))
        .route("/__sandbox/classes", doing(schedule).get(|sandbox, wanted| show(sandbox, wanted, classes)))
        .route("/__sandbox/bookings", doing(book_in_app))
        .route("/__sandbox/webhooks", doing(subscribe).get(|sandbox, wanted| show(sandbox, wanted, posts)))
        .route("/__sandbox/notices", get(|sandbox, wanted| show(sandbox, wanted, notices)))
        .route("/__sandbox/requests", get(|sandbox, wanted| show(sandbox, wanted, requests)))
        .route("/__sandbox/visits", get(|sandbox, wanted| show(sandbox, wanted, visits)))
        .route("/__sandbox/users", get(|sandbox, wanted| show(sandbox, wanted, users)))
        .route("/__sandbox/deeds", get(|sandbox, wanted| show(sandbox, wanted, deeds)))
        .route("/__sandbox/tally", get(|sandbox, wanted| show(sandbox, wanted, tally)))
}

async fn show(
    State(sandbox): State<Arc<Inner>>,
    Query(wanted): Query<Wanted>,
    of: impl FnOnce(&Book, &Wanted) -> Value,
) -> Json<Value> {
    Json(of(&sandbox.book.borrow(), &wanted))
}

fn faults(book: &Book, _: &Wanted) -> Value {
    json!(book.faults())
}

fn tally(book: &Book, _: &Wanted) -> Value {
    json!(book.tallies())
}

fn requests(book: &Book, wanted: &Wanted) -> Value {
    let fits = |it: &&super::Request| {
        wanted.person.as_deref().is_none_or(|person| it.person.as_deref() == Some(person))
            && wanted.action.as_deref().is_none_or(|action| it.action == action)
    };
    last(book.requests().iter().filter(fits), wanted)
}

fn visits(book: &Book, wanted: &Wanted) -> Value {
    match &wanted.person {
        Some(person) => last(book.visits_of(person).into_iter(), wanted),
        None => last(book.visits().iter(), wanted),
    }
}

fn users(book: &Book, wanted: &Wanted) -> Value {
    match &wanted.person {
        Some(person) => last(book.user(person).into_iter(), wanted),
        None => last(book.users().iter(), wanted),
    }
}

fn classes(book: &Book, wanted: &Wanted) -> Value {
    last(book.classes().iter(), wanted)
}

fn notices(book: &Book, wanted: &Wanted) -> Value {
    last(book.notices().iter(), wanted)
}

fn posts(book: &Book, wanted: &Wanted) -> Value {
    last(book.posts().iter(), wanted)
}

fn deeds(book: &Book, wanted: &Wanted) -> Value {
    let person = wanted.person.as_deref().unwrap_or_default();
    last(book.deeds(person).iter().map(ToString::to_string), wanted)
}

/// The last entries, oldest first.
fn last<T: serde::Serialize>(entries: impl DoubleEndedIterator<Item = T>, wanted: &Wanted) -> Value {
    let mut entries: Vec<T> = entries.rev().take(wanted.last.unwrap_or(SHOWN)).collect();
    entries.reverse();
    json!(entries)
}

type Answer = (StatusCode, Json<Value>);

fn answer(done: Result<()>) -> Answer {
    match done {
        Ok(()) => (StatusCode::OK, Json(json!({ "result": "Success" }))),
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!({ "error": format!("{error:#}") }))),
    }
}

async fn order(State(sandbox): State<Arc<Inner>>, Json(wish): Json<Value>) -> Answer {
    answer(obey(&sandbox, wish))
}

/// A route that does something of its own.
fn doing(what: fn(&Inner, Value) -> Result<()>) -> MethodRouter<Arc<Inner>> {
    post(async move |State(sandbox): State<Arc<Inner>>, Json(wish): Json<Value>| answer(what(&sandbox, wish)))
}

fn obey(sandbox: &Arc<Inner>, wish: Value) -> Result<()> {
    let kind = wish["kind"].as_str().context("write which kind of fault or order: {\"kind\":\"html\"}")?;
    if !ORDERS.contains(&kind) {
        let injection = injection(wish)?;
        sandbox.book.send_modify(|book| book.inject(injection, Timestamp::now()));
        return Ok(());
    }
    match serde_json::from_value(wish)? {
        Order::Down { for_ms } => go_down(Arc::clone(sandbox), Duration::from_millis(for_ms)),
        Order::ExpireTokens => sandbox.book.send_modify(|book| book.cloud.expire_tokens()),
        Order::RateLimit { per_second } => {
            sandbox.book.send_modify(|book| book.limit(per_second.map(RateLimit::per_second)));
        }
        Order::Limit(limit) => sandbox.book.send_modify(|book| book.limit(Some(limit))),
        Order::SuspendFacility => sandbox.book.send_modify(|book| book.cloud.suspended = true),
        Order::Learn { action, data } => sandbox.book.send_modify(|book| book.learn(&action, data)),
        Order::Heal => sandbox.book.send_modify(Book::heal),
    }
    Ok(())
}

/// A misspelt condition would be a fault for everybody, for ever: unknown keys are refused by name.
fn injection(wish: Value) -> Result<Injection> {
    let strange = wish.as_object().into_iter().flat_map(|it| it.keys());
    for key in strange.filter(|key| *key != "kind") {
        let is_known = CONDITIONS.contains(&key.as_str()) || FAULT_FIELDS.contains(&key.as_str());
        ensure!(is_known, "{key} is no part of a fault; conditions are {}", CONDITIONS.join(", "));
    }
    let injection: Injection = serde_json::from_value(wish)?;
    match injection.fault {
        _ if injection.percent.is_some_and(|percent| percent > 100) => bail!("percent is at most 100"),
        fault if !fault.has_possible_status() => bail!("code is an HTTP status from 200 to 599"),
        _ => Ok(injection),
    }
}

pub(super) fn introduce(sandbox: &Inner, wish: Value) -> Result<()> {
    let strangers: Vec<Stranger> = serde_json::from_value(wish).context("a list of people is expected")?;
    sandbox.change(|book| {
        for stranger in strangers {
            let Stranger { first_name, last_name, birth_date, gender, email, external_id, at } = stranger;
            let known = Known { first_name, last_name, birth_date, gender, email, external_id };
            match at {
                Place::Club => drop(book.cloud.people.know(&known)),
                Place::Elsewhere => book.cloud.people.know_elsewhere(&known),
                Place::Portal => drop(book.create_in_portal(&known, Timestamp::now())),
            }
        }
    });
    Ok(())
}

fn schedule(sandbox: &Inner, wish: Value) -> Result<()> {
    let classes: Vec<Class> = serde_json::from_value(wish).context("a list of classes is expected")?;
    sandbox.change(|book| classes.into_iter().for_each(|class| book.put_class(class, Timestamp::now())));
    Ok(())
}

fn book_in_app(sandbox: &Inner, wish: Value) -> Result<()> {
    let Wish { person, class, partition_date, cancel } = serde_json::from_value(wish)?;
    let (class, at) = ((class.as_str(), partition_date), Timestamp::now());
    let came_of_it = sandbox.change(|book| match cancel {
        false => book.book_in_app(&person, class, at),
        true => book.unbook_in_app(&person, class, at),
    });
    ensure!(matches!(came_of_it, Booking::Booked | Booking::UnBooked), "{came_of_it:?}");
    Ok(())
}

fn subscribe(sandbox: &Inner, wish: Value) -> Result<()> {
    sandbox.notify(serde_json::from_value(wish)?)
}

/// The task stands outside the server, which it ends; the answer to the order may be lost with it.
fn go_down(sandbox: Arc<Inner>, lasting: Duration) {
    world::spawn(async move { sandbox.down_for(lasting).await });
}

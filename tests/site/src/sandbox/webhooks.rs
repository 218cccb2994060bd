//! What Mywellness tells the club by itself: somebody became a person of the facility, a class was booked, left or changed.
//!
//! Names of fields are the contract's where it knows them. How these posts are signed, repeated and ordered is not
//! public, so a subscription can make them come twice, late, or again until they are taken.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::book::Book;
use super::people::Person;

/// Notices and posts kept: later ones are not told.
pub(super) const NOTICES_MAX: usize = 100_000;
/// A receiver that has not answered by then has failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most copies of a notice, and most tries of each: a receiver that fails a hundred times is down.
const TIMES_MAX: u32 = 100;
/// Between two tries of one post.
const PAUSE: Duration = Duration::from_millis(100);

/// What a post is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// Somebody became a person of the facility, whoever made them.
    FacilityUserCreation,
    /// A member took a place in a class.
    Booked,
    /// A member left it.
    Unbooked,
    /// A class changed.
    Changed,
}

/// Something to be told.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Notice {
    /// What about.
    pub topic: Topic,
    /// The document.
    pub body: Value,
}

/// Where notices go, and how.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// Where each is posted.
    pub url: String,
    /// What about; empty: everything.
    #[serde(default)]
    pub topics: Vec<Topic>,
    /// Headers to send with each.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How often each is posted though it was taken: some senders repeat themselves.
    #[serde(default = "once")]
    pub copies: u32,
    /// How often a post that was not taken with 2xx is tried.
    #[serde(default = "once")]
    pub attempts: u32,
    /// How late each is.
    #[serde(default)]
    pub delay_ms: u64,
}

impl Subscription {
    /// Everything, once, at once, without further headers.
    pub fn to(url: impl Into<String>) -> Self {
        let (topics, headers) = (Vec::new(), BTreeMap::new());
        Self { url: url.into(), topics, headers, copies: once(), attempts: once(), delay_ms: 0 }
    }
}

/// A try to tell a notice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Post {
    /// When.
    pub at: Timestamp,
    /// What was told.
    pub notice: Notice,
    /// What the receiver said; none if it did not.
    pub status: Option<u16>,
}

/// The document of a new person of the facility. `by_application` tells who made them: a third party, or staff.
pub(super) fn creation(facility: &str, person: &Person, by_application: &str, at: Timestamp) -> Notice {
    let body = json!({
        "facility_url": facility, "facility_name": "Sandbox", "facility_lat": 45.4642, "facility_lon": 9.19,
        "facility_user_status": person.status(&at.strftime("%Y-%m-%d").to_string()) as u8,
        "facility_user_id": person.facility_user_id, "facility_user_externalId": person.external_id,
        "when_utc": utc(at), "by_application": by_application,
    });
    Notice { topic: Topic::FacilityUserCreation, body }
}

/// Whom or what a class event is about.
pub(super) enum About<'a> {
    /// Who booked or left.
    Person(&'a Person),
    /// When the class begins and ends, local time without offset.
    Times(&'a str, &'a str),
}

/// The document of a class event. The contract knows of two fields; that the person and the event are named like those
/// of the other document, and that a change tells the class's times, is this sandbox's own guess.
pub(super) fn of_class(
    facility: &str,
    (topic, event): (Topic, &str),
    (id, partition_date): (&str, u32),
    about: About<'_>,
    at: Timestamp,
) -> Notice {
    let mut body = json!({
        "facility_url": facility, "event": event, "calendar_event_id": id,
        "calendar_event_partition_date": partition_date, "when_utc": utc(at),
    });
    match about {
        About::Person(person) => {
            body["facility_user_id"] = json!(person.facility_user_id);
            body["facility_user_externalId"] = json!(person.external_id);
        }
        About::Times(start, end) => (body["start_date"], body["end_date"]) = (json!(start), json!(end)),
    }
    Notice { topic, body }
}

/// Posts every notice after the first `told`, in order, for as long as the sandbox is there.
pub(super) async fn tell(book: watch::Sender<Book>, mut told: usize, subscription: Subscription) {
    let Ok(headers) = headers(&subscription) else { return };
    let http = crate::api::http_client();
    let mut watched = book.subscribe();
    while watched.wait_for(|book| book.notices().len() > told).await.is_ok() {
        let notice = book.borrow().notices()[told].clone();
        told += 1;
        if !subscription.topics.is_empty() && !subscription.topics.contains(&notice.topic) {
            continue;
        }
        tokio::time::sleep(Duration::from_millis(subscription.delay_ms)).await;
        for _copy in 0..subscription.copies.min(TIMES_MAX) {
            for _attempt in 0..subscription.attempts.min(TIMES_MAX) {
                let request =
                    http.post(&subscription.url).headers(headers.clone()).json(&notice.body).timeout(PATIENCE);
                let status = request.send().await.ok().map(|answer| answer.status().as_u16());
                let post = Post { at: Timestamp::now(), notice: notice.clone(), status };
                book.send_modify(|book| book.posted(post));
                if status.is_some_and(|status| (200..300).contains(&status)) {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// The headers of every post.
///
/// # Errors
/// When one of them cannot be a header.
pub(super) fn headers(subscription: &Subscription) -> Result<HeaderMap> {
    let header = |(name, value): (&String, &String)| {
        let name: HeaderName = name.parse().with_context(|| format!("{name} is no name of a header"))?;
        let value: HeaderValue = value.parse().with_context(|| format!("{name} cannot have that value"))?;
        anyhow::Ok((name, value))
    };
    subscription.headers.iter().map(header).collect()
}

/// To the millisecond: two things that happen within a second are two pieces of news.
fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

fn once() -> u32 {
    1
}

//! The sandbox's book: every request with its answer, and the rules that stand before the cloud.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::cloud::{Call, Cloud, Options, Person, Reply, Visit};
use super::fault::{self, Fault, Injection, Work};

/// Requests kept; a run that makes more should look at visits and people instead.
const REQUESTS_MAX: usize = 500_000;

/// Fields of bodies and answers that are never written down.
const SECRETS: [&str; 3] = ["token", "password", "apiKey"];

/// The page ASP.NET shows for an action nobody wrote.
const NOT_FOUND_PAGE: &str = "<!DOCTYPE html><html><head><title>The resource cannot be found.</title></head><body>\
    <h1>Server Error in '/' Application.</h1><h2><i>The resource cannot be found.</i></h2>\
    <p>Description: HTTP 404. The resource you are looking for (or one of its dependencies) could have been removed.</p>\
    </body></html>";

/// The page of a cloud under maintenance.
const MAINTENANCE_PAGE: &str = "<!DOCTYPE html><html><head><title>Maintenance</title></head><body>\
    <h1>We will be back soon</h1></body></html>";

/// One request and what became of it.
#[derive(Debug, Clone, Serialize)]
pub struct Request {
    /// When it arrived.
    pub at: Timestamp,
    /// The last part of its path.
    pub action: String,
    /// The whole path.
    pub path: String,
    /// Its body without token, password and key.
    pub body: Value,
    /// The status of the answer; 0 if the connection was cut instead.
    pub status: u16,
    /// The answer without its token; null if it was not JSON.
    pub answer: Value,
    /// What was done to it.
    pub fault: Option<Fault>,
}

impl Request {
    /// Whether the cloud did the work, whatever the caller was told.
    pub fn succeeded(&self) -> bool {
        self.answer.get("data").is_some()
    }
}

/// A request as the server read it.
#[derive(Debug)]
pub(super) struct Incoming<'a> {
    pub(super) path: &'a str,
    pub(super) client: Option<&'a str>,
    pub(super) api_key: Option<&'a str>,
    pub(super) is_json_post: bool,
    pub(super) body: Option<Map<String, Value>>,
    pub(super) at: Timestamp,
}

/// What the server has to send.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    /// 0 cuts the connection.
    pub(super) status: u16,
    pub(super) is_html: bool,
    pub(super) text: String,
    pub(super) retry_after_s: Option<u32>,
    pub(super) delay: Duration,
}

/// Everything the sandbox holds.
#[derive(Debug)]
pub struct Book {
    pub(super) cloud: Cloud,
    pub(super) faults: Vec<Injection>,
    pub(super) rate_limit: Option<u32>,
    requests: Vec<Request>,
}

impl Book {
    /// Every visit accepted, repetitions included.
    pub fn visits(&self) -> &[Visit] {
        &self.cloud.visits
    }

    /// Every person, deleted ones included.
    pub fn users(&self) -> &[Person] {
        &self.cloud.people
    }

    /// The person linked to one of the club's own numbers.
    pub fn user(&self, external_id: &str) -> Option<&Person> {
        self.users().iter().find(|person| !person.deleted && person.external_id.as_deref() == Some(external_id))
    }

    /// Every request, oldest first.
    pub fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// The requests of one action.
    pub fn of<'a>(&'a self, action: &'a str) -> impl Iterator<Item = &'a Request> {
        self.requests.iter().filter(move |request| request.action == action)
    }

    pub(super) fn new(options: Options) -> Self {
        Self { cloud: Cloud::new(options), faults: Vec::new(), rate_limit: None, requests: Vec::new() }
    }

    pub(super) fn heal(&mut self) {
        self.faults.clear();
        self.rate_limit = None;
        self.cloud.suspended = false;
    }

    /// Answers one request and writes it down.
    pub(super) fn receive(&mut self, incoming: &Incoming<'_>) -> Outgoing {
        let action = incoming.path.rsplit('/').next().unwrap_or_default();
        let busy = Fault::Busy { code: 429, retry_after_s: 1 };
        let fault = if self.is_over_limit(incoming.at) { Some(busy) } else { fault::take(&mut self.faults, action) };
        let honest = match fault.map(Fault::work) {
            None | Some(Work::Done) => Some(self.answer(incoming)),
            Some(Work::Undone) => None,
        };
        let answer = honest.as_ref().and_then(|answer| serde_json::from_str(&answer.text).ok());
        let outgoing = spoil(fault, honest);
        if self.requests.len() < REQUESTS_MAX {
            self.requests.push(Request {
                at: incoming.at,
                action: action.to_owned(),
                path: incoming.path.to_owned(),
                body: without_secrets(incoming.body.clone().map_or(Value::Null, Value::Object)),
                status: outgoing.status,
                answer: without_secrets(answer.unwrap_or_default()),
                fault,
            });
        }
        outgoing
    }

    /// The last requests, for the message of a failed wait.
    pub(super) fn summary(&self) -> String {
        let last = self.requests.iter().rev().take(5).map(|request| {
            let Request { action, status, answer, fault, .. } = request;
            format!("{action}: {status} {answer} {fault:?}")
        });
        let last: Vec<String> = last.collect();
        let (requests, visits) = (self.requests.len(), self.visits().len());
        format!("the sandbox had {requests} requests and {visits} visits, lately {last:#?}")
    }

    fn answer(&mut self, incoming: &Incoming<'_>) -> Outgoing {
        if !incoming.is_json_post {
            return page(405, "<h1>POST application/json is expected</h1>");
        }
        let Some(body) = &incoming.body else {
            return page(400, "<h1>The body is no JSON object</h1>");
        };
        let reply = self.cloud.answer(&Call {
            path: incoming.path.trim_start_matches('/').split('/').collect(),
            client: incoming.client,
            api_key: incoming.api_key,
            body,
            at: incoming.at,
        });
        match reply {
            Reply::Envelope(envelope) => Outgoing { is_html: false, ..page(200, &envelope.to_string()) },
            Reply::NoSuchAction => page(404, NOT_FOUND_PAGE),
        }
    }

    fn is_over_limit(&self, at: Timestamp) -> bool {
        let Some(limit) = self.rate_limit else { return false };
        let second_ago = at - Duration::from_secs(1);
        let lately = self.requests.iter().rev().take_while(|request| request.at > second_ago);
        lately.filter(|request| request.status != 429).count() >= limit as usize
    }
}

fn spoil(fault: Option<Fault>, honest: Option<Outgoing>) -> Outgoing {
    let honest = honest.unwrap_or_else(|| page(200, MAINTENANCE_PAGE));
    match fault {
        None | Some(Fault::Html) => honest,
        Some(Fault::Status { code, .. }) => page(code, "<h1>Server Error</h1>"),
        Some(Fault::Busy { code, retry_after_s }) => {
            Outgoing { retry_after_s: Some(retry_after_s), ..page(code, "<h1>Too busy</h1>") }
        }
        Some(Fault::Truncated) => {
            let half = honest.text.chars().take(honest.text.chars().count() / 2).collect();
            Outgoing { text: half, ..honest }
        }
        Some(Fault::Cut { .. }) => page(0, ""),
        Some(Fault::Slow { ms }) => Outgoing { delay: Duration::from_millis(ms), ..honest },
    }
}

fn page(status: u16, text: &str) -> Outgoing {
    Outgoing { status, is_html: true, text: text.to_owned(), retry_after_s: None, delay: Duration::ZERO }
}

fn without_secrets(mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.retain(|field, _| !SECRETS.contains(&field.as_str()));
    }
    value
}

//! The sandbox's book: every request with its answer, and the rules that stand before the cloud.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::cloud::{Call, Cloud, Reply};
use super::fault::{self, Fault, Injection, Met, Work};
use super::options::Options;
use super::people::Person;
use super::rate::{Limiter, RateLimit};
use super::record::{Deed, Record, Request, Tally};
use super::spoil::{NOT_FOUND_PAGE, Outgoing, page, spoil};
use super::visits::Visit;
use super::webhooks::{NOTICES_MAX, Notice, Post};

/// Fields of bodies and answers that are never written down.
const SECRETS: [&str; 3] = ["token", "password", "apiKey"];

/// Why a request never reaches an action.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unread {
    pub(super) status: u16,
    pub(super) why: &'static str,
}

/// A request as the server read it.
#[derive(Debug)]
pub(super) struct Incoming<'a> {
    pub(super) path: &'a str,
    pub(super) client: Option<&'a str>,
    pub(super) api_key: Option<&'a str>,
    pub(super) body: Result<Map<String, Value>, Unread>,
    pub(super) at: Timestamp,
}

/// Everything the sandbox holds.
#[derive(Debug)]
pub struct Book {
    pub(super) cloud: Cloud,
    faults: Vec<Injection>,
    limiter: Option<Limiter>,
    record: Record,
    posts: Vec<Post>,
}

impl Book {
    /// Every visit accepted, repetitions included.
    pub fn visits(&self) -> &[Visit] {
        self.cloud.visits.all()
    }

    /// The visits accepted of one person, by the club's own number, in the order in which they came.
    pub fn visits_of(&self, external_id: &str) -> Vec<&Visit> {
        self.user(external_id).map_or_else(Vec::new, |person| self.cloud.visits.of(&person.user_id).collect())
    }

    /// Visits that stand there more than once: whose, when, and how often.
    pub fn visits_repeated(&self) -> Vec<(&str, &str, usize)> {
        let mut times: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for visit in self.visits() {
            *times.entry((visit.external_id.as_deref().unwrap_or_default(), &visit.visit_date)).or_default() += 1;
        }
        times.into_iter().filter(|(_, times)| *times > 1).map(|((whose, when), times)| (whose, when, times)).collect()
    }

    /// Every person, deleted ones and those of other clubs included.
    pub fn users(&self) -> &[Person] {
        self.cloud.people.all()
    }

    /// The person linked to one of the club's own numbers.
    pub fn user(&self, external_id: &str) -> Option<&Person> {
        self.cloud.people.by_external_id(external_id)
    }

    /// The last requests, oldest first; of a run with tens of thousands, [`Book::tally`] and [`Book::deeds`] know all.
    pub fn requests(&self) -> &[Request] {
        self.record.requests()
    }

    /// The last requests of one action.
    pub fn of<'a>(&'a self, action: &'a str) -> impl Iterator<Item = &'a Request> {
        self.requests().iter().filter(move |request| request.action == action)
    }

    /// How often an action was asked for, and what came of it.
    pub fn tally(&self, action: &str) -> Tally {
        self.tallies().get(action).copied().unwrap_or_default()
    }

    /// The same of every action, by name.
    pub fn tallies(&self) -> &BTreeMap<String, Tally> {
        self.record.tallies()
    }

    /// Every call about one person, by the club's own number, in the order in which they came.
    pub fn deeds(&self, person: &str) -> &[Deed] {
        self.record.of(person)
    }

    /// Every call about everybody, person by person.
    pub fn all_deeds(&self) -> impl Iterator<Item = (&str, &[Deed])> {
        self.record.all()
    }

    /// What was done for one person, a line for each effect; what had none is left out.
    pub fn effects(&self, person: &str) -> String {
        self.deeds(person).iter().filter(|deed| deed.is_done()).map(|deed| format!("{deed}\n")).collect()
    }

    /// What webhooks tell, whether anybody listens or not, in the order in which it happened.
    pub fn notices(&self) -> &[Notice] {
        &self.cloud.notices
    }

    /// Every try to tell it.
    pub fn posts(&self) -> &[Post] {
        &self.posts
    }

    pub(super) fn posted(&mut self, post: Post) {
        if self.posts.len() < NOTICES_MAX {
            self.posts.push(post);
        }
    }

    /// The faults that wait, in the order in which they are tried.
    pub(super) fn faults(&self) -> &[Injection] {
        &self.faults
    }

    pub(super) fn new(options: Options) -> Self {
        Self {
            cloud: Cloud::new(options),
            faults: Vec::new(),
            limiter: None,
            record: Record::default(),
            posts: Vec::new(),
        }
    }

    pub(super) fn inject(&mut self, injection: Injection, at: Timestamp) {
        self.faults.push(injection.begun(at));
    }

    pub(super) fn limit(&mut self, limit: Option<RateLimit>) {
        self.limiter = limit.map(Limiter::new);
    }

    pub(super) fn learn(&mut self, action: &str, answer: Option<Value>) {
        self.cloud.options.extra_actions.push(action.to_owned());
        self.cloud.answers.extend(answer.map(|data| (action.to_owned(), data)));
    }

    pub(super) fn heal(&mut self) {
        self.faults.clear();
        self.limiter = None;
        self.cloud.suspended = false;
    }

    /// Answers one request and writes it down.
    pub(super) fn receive(&mut self, incoming: &Incoming<'_>) -> Outgoing {
        let action = incoming.path.rsplit('/').next().unwrap_or_default();
        let fault = self.fault(action, incoming);
        if let Some(Fault::TokenExpired { .. }) = fault {
            self.cloud.expire_tokens();
        }
        let honest = match fault.map(Fault::work) {
            None | Some(Work::Done) => Some(self.answer(incoming)),
            Some(Work::Undone) => None,
        };
        let answer = honest.as_ref().and_then(|answer| serde_json::from_str(&answer.text).ok());
        // Who was made by this very call is known by the number in its body; who was deleted by it, still.
        let person = self.cloud.subject(incoming.path, incoming.body.as_ref().ok());
        let outgoing = spoil(fault, honest);
        self.record.write(Request {
            at: incoming.at,
            action: action.to_owned(),
            path: incoming.path.to_owned(),
            person,
            body: without_secrets(incoming.body.as_ref().map_or(Value::Null, |body| Value::Object(body.clone()))),
            status: outgoing.status,
            answer: without_secrets(answer.unwrap_or_default()),
            fault,
        });
        outgoing
    }

    /// The last requests, for the message of a failed wait.
    pub(super) fn summary(&self) -> String {
        let last = self.requests().iter().rev().take(5).map(|request| {
            let Request { action, status, answer, fault, .. } = request;
            format!("{action}: {status} {answer} {fault:?}")
        });
        let last: Vec<String> = last.collect();
        let (tallies, visits) = (self.tallies(), self.visits().len());
        format!("the sandbox has {visits} visits, was asked for {tallies:?}, lately {last:#?}")
    }

    fn fault(&mut self, action: &str, incoming: &Incoming<'_>) -> Option<Fault> {
        let over = self.limiter.as_mut().and_then(|limiter| limiter.refuses(incoming.at));
        let person = self.cloud.subject(incoming.path, incoming.body.as_ref().ok());
        let met = Met { action, person: person.as_deref(), at: incoming.at };
        over.or_else(|| fault::take(&mut self.faults, &met))
    }

    fn answer(&mut self, incoming: &Incoming<'_>) -> Outgoing {
        let body = match &incoming.body {
            Ok(body) => body,
            Err(unread) => return page(unread.status, &format!("<h1>{}</h1>", unread.why)),
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
}

fn without_secrets(mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.retain(|field, _| !SECRETS.contains(&field.as_str()));
    }
    value
}

//! What was asked of the sandbox and what came of it: the last requests whole, and of every request who it was about,
//! so that a story of ten thousand people can be checked person by person.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Display, Formatter};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::fault::Fault;

/// Requests kept whole, with bodies and answers of some 2 KiB each.
const REQUESTS_MAX: usize = 20_000;
/// Deeds kept: eight for each of a quarter of a million people. Later ones are counted only.
const DEEDS_MAX: usize = 2_000_000;

/// One request and what became of it.
#[derive(Debug, Clone, Serialize)]
pub struct Request {
    /// When it arrived.
    pub at: Timestamp,
    /// The last part of its path.
    pub action: String,
    /// The whole path.
    pub path: String,
    /// Whom it was about, in the club's own numbers.
    pub person: Option<String>,
    /// Its body without token, password and key.
    pub body: Value,
    /// The status of the answer; 0 if the connection was cut instead.
    pub status: u16,
    /// The answer without its token, before it was spoiled; null if it was not JSON or there was none.
    pub answer: Value,
    /// What was done to it.
    pub fault: Option<Fault>,
}

impl Request {
    /// Whether the cloud did the work, whatever the caller was told.
    pub fn succeeded(&self) -> bool {
        self.answer.get("data").is_some_and(|data| data["result"] != "Error")
    }

    /// What was asked, in a word or two, for the transcript.
    fn deed(&self) -> Deed {
        let text = |field: &str| self.body[field].as_str().unwrap_or_default();
        let what = match self.action.as_str() {
            "Visit" => text("visitDate").to_owned(),
            "SaveMembership" => format!("{} {}", text("operation"), text("expiresOn")).trim_end().to_owned(),
            "Update" => {
                self.body.as_object().into_iter().flat_map(|it| it.keys().cloned()).collect::<Vec<_>>().join(" ")
            }
            _ => String::new(),
        };
        Deed { at: self.at, action: self.action.as_str().into(), what: what.into(), came_of_it: self.came_of_it() }
    }

    fn came_of_it(&self) -> CameOfIt {
        let told = if self.fault.is_some() { Told::Spoiled } else { Told::Honestly };
        let word = |value: &Value| value.as_str().unwrap_or_default().into();
        match &self.answer {
            answer if self.succeeded() => CameOfIt::Done(word(&answer["data"]["result"]), told),
            answer if answer["data"].is_object() => CameOfIt::Refused(word(&answer["data"]["result"])),
            answer => match &answer["errors"][0]["field"] {
                Value::String(field) => CameOfIt::Refused(field.as_str().into()),
                _ => CameOfIt::Nothing(self.status),
            },
        }
    }
}

/// One call about a person, short enough to keep for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// When.
    pub at: Timestamp,
    /// The last part of the path.
    pub action: Box<str>,
    /// What was asked: the moment of a visit, the operation of a membership, the fields of an update.
    pub what: Box<str>,
    /// What came of it.
    pub came_of_it: CameOfIt,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CameOfIt {
    /// The work was done, with this result.
    Done(Box<str>, Told),
    /// It was refused, for the first complaint's field or by its result.
    Refused(Box<str>),
    /// It had no effect: a fault came before, with this status.
    Nothing(u16),
}

/// Whether the caller heard of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// They did.
    Honestly,
    /// A fault stood between.
    Spoiled,
}

impl Deed {
    /// Whether the work was done, whatever the caller was told.
    pub fn is_done(&self) -> bool {
        matches!(self.came_of_it, CameOfIt::Done(..))
    }
}

impl Display for Deed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { action, what, came_of_it, .. } = self;
        f.write_str(action)?;
        if !what.is_empty() {
            write!(f, " {what}")?;
        }
        match came_of_it {
            CameOfIt::Done(result, _) if !matches!(&**result, "" | "Success") => write!(f, " -> {result}")?,
            CameOfIt::Refused(why) => write!(f, " -> refused: {why}")?,
            CameOfIt::Nothing(status) => write!(f, " -> nothing, {status}")?,
            CameOfIt::Done(..) => {}
        }
        let is_lost = matches!(came_of_it, CameOfIt::Done(_, Told::Spoiled));
        if is_lost { f.write_str(" (spoiled)") } else { Ok(()) }
    }
}

/// How often an action was asked for, and what came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Requests.
    pub asked: u64,
    /// The work was done.
    pub done: u64,
    /// The contract refused it.
    pub refused: u64,
    /// A fault came before any effect.
    pub nothing: u64,
}

/// All requests, bounded.
#[derive(Debug, Default)]
pub(super) struct Record {
    last: Vec<Request>,
    tallies: BTreeMap<String, Tally>,
    deeds: HashMap<String, Vec<Deed>>,
    deeds_kept: usize,
}

impl Record {
    pub(super) fn requests(&self) -> &[Request] {
        &self.last
    }

    pub(super) fn tallies(&self) -> &BTreeMap<String, Tally> {
        &self.tallies
    }

    pub(super) fn of(&self, person: &str) -> &[Deed] {
        self.deeds.get(person).map_or(&[], Vec::as_slice)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &[Deed])> {
        self.deeds.iter().map(|(person, deeds)| (person.as_str(), deeds.as_slice()))
    }

    pub(super) fn write(&mut self, request: Request) {
        let deed = request.deed();
        let tally = self.tallies.entry(request.action.clone()).or_default();
        tally.asked += 1;
        *match deed.came_of_it {
            CameOfIt::Done(..) => &mut tally.done,
            CameOfIt::Refused(_) => &mut tally.refused,
            CameOfIt::Nothing(_) => &mut tally.nothing,
        } += 1;
        if let Some(person) = request.person.as_ref().filter(|_| self.deeds_kept < DEEDS_MAX) {
            self.deeds_kept += 1;
            match self.deeds.get_mut(person) {
                Some(deeds) => deeds.push(deed),
                None => drop(self.deeds.insert(person.clone(), vec![deed])),
            }
        }
        // Half at once: one by one, each would move all the others.
        if self.last.len() >= REQUESTS_MAX {
            self.last.drain(..REQUESTS_MAX / 2);
        }
        self.last.push(request);
    }
}

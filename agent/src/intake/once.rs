//! Each command once: what became of it is remembered with its effect, and told to whoever sent it.

use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::command::{Command, Means, Obeyed, obey};
use super::refused::{Cause, Problem, Refused};
use crate::domain::{ClockQuality, CrmActionId, ExternalId, FactKind, LaneId, LanePlan, Now, PersonId, Policy};
use crate::store::{CommandKey, StoreError, Tx};

/// Problems and warnings told of one command, at most; the first ones are enough to mend it.
const PROBLEMS_MAX: usize = 20;
/// How much of each is told, in characters.
const PROBLEM_CHARS_MAX: usize = 300;

/// A command as it came, readable or not.
#[derive(Clone, PartialEq, Debug)]
pub struct Received {
    /// Its name, as the topic has it.
    pub name: String,
    /// Its id and who gave it that; none if it cannot be read so far.
    pub id: Option<(String, String)>,
    /// What it wants, or why that cannot be read.
    pub wanted: Result<Command, Refused>,
    /// The id of its answer.
    pub answer: Uuid,
    /// The id of a CRM action it may make. Both ids are made before the transaction, so that a repeated one makes the
    /// same.
    pub fresh: CrmActionId,
    /// When it came.
    pub now: Now,
}

/// What became of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Done.
    Accepted,
    /// Not done, and why in a word.
    Refused(&'static str),
    /// It had come before: not done again, and answered as then.
    Duplicate,
}

/// What is told of a command: the data of its answer.
#[derive(Serialize)]
struct Answer<'a> {
    command: &'a str,
    command_id: Option<&'a str>,
    command_source: Option<&'a str>,
    outcome: &'static str,
    reason: Option<&'static str>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    created: Option<bool>,
    action: Option<CrmActionId>,
    person: Option<&'a ExternalId>,
    at: Timestamp,
    clock: ClockQuality,
}

impl Received {
    /// Does what was not done before, remembers that, and puts the answer into a lane: all or nothing.
    ///
    /// # Errors
    /// When the store cannot.
    pub fn obey_once(
        &self,
        tx: &Tx<'_>,
        policy: &Policy,
        lanes: &[LanePlan],
        lane: &LaneId,
    ) -> Result<Verdict, StoreError> {
        let key = self.id.as_ref().map(|(id, source)| command_key(id, source));
        if let Some(key) = &key
            && let Some(before) = tx.answer_to(key)?
        {
            self.tell(tx, lane, before.person, &before.answer)?;
            return Ok(Verdict::Duplicate);
        }
        let became = match &self.wanted {
            Ok(command) => obey(tx, command, Means { policy, lanes, now: self.now, fresh: self.fresh })?,
            Err(refused) => Err(refused.clone()),
        };
        self.conclude(tx, lane, key, became)
    }

    /// Refuses a command that stops the store, so that those behind it are not held up for ever.
    ///
    /// # Errors
    /// When the store cannot do even that.
    pub fn refuse_as_broken(&self, tx: &Tx<'_>, lane: &LaneId) -> Result<Verdict, StoreError> {
        let key = self.id.as_ref().map(|(id, source)| command_key(id, source));
        let why = "what is stored about this cannot be read or written; the agent's log says more";
        self.conclude(tx, lane, key, Err(Refused::one(Cause::Broken, ".", why)))
    }

    fn conclude(
        &self,
        tx: &Tx<'_>,
        lane: &LaneId,
        key: Option<CommandKey>,
        became: Result<Obeyed, Refused>,
    ) -> Result<Verdict, StoreError> {
        // Whoever was just erased is named nowhere any more.
        let person = self.wanted.as_ref().ok().and_then(Command::person);
        let known = person.map_or(Ok(None), |person| tx.person_id(person))?;
        let verdict =
            became.as_ref().map_or_else(|refused| Verdict::Refused(refused.cause.as_str()), |_| Verdict::Accepted);
        let answer = self.answer(person.filter(|_| known.is_some()), became);
        if let Some(key) = key {
            tx.remember_answer(&key, known, &answer, self.now.wall)?;
        }
        self.tell(tx, lane, known, &answer)?;
        Ok(verdict)
    }

    fn answer(&self, person: Option<&ExternalId>, became: Result<Obeyed, Refused>) -> String {
        let (outcome, reason) = match &became {
            Ok(_) => ("accepted", None),
            Err(refused) => ("refused", Some(refused.cause.as_str())),
        };
        let (obeyed, problems) = match became {
            Ok(obeyed) => (obeyed, Vec::new()),
            Err(refused) => (Obeyed::default(), refused.problems),
        };
        let id = self.id.as_ref();
        let answer = Answer {
            command: &self.name,
            command_id: id.map(|(id, _)| id.as_str()),
            command_source: id.map(|(_, source)| source.as_str()),
            outcome,
            reason,
            problems: shortened(problems),
            warnings: shortened(obeyed.warnings),
            created: obeyed.created,
            action: obeyed.action,
            person,
            at: self.now.wall,
            clock: self.now.quality,
        };
        serde_json::to_string(&answer).expect("an answer has no keys that JSON cannot have")
    }

    fn tell(&self, tx: &Tx<'_>, lane: &LaneId, person: Option<PersonId>, answer: &str) -> Result<(), StoreError> {
        tx.enqueue(lane, FactKind::Answer, &self.answer.to_string(), person, answer, self.now.wall)
    }
}

/// CloudEvents: source and id together name an event. The length between keeps them apart.
#[must_use]
pub fn command_key(id: &str, source: &str) -> CommandKey {
    let lengths = source.len().to_le_bytes();
    CommandKey(Sha256::new().chain_update(lengths).chain_update(source).chain_update(id).finalize().into())
}

fn shortened(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.truncate(PROBLEMS_MAX);
    for problem in &mut problems {
        for text in [&mut problem.path, &mut problem.why] {
            if let Some((at, _)) = text.char_indices().nth(PROBLEM_CHARS_MAX) {
                text.truncate(at);
            }
        }
    }
    problems
}

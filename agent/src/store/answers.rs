//! Answers to the central system's commands: one that comes again is answered as before, and not obeyed again.

use std::time::Duration;

use jiff::Timestamp;

use super::columns::Moment;
use super::error::{StoreError, during};
use super::transaction::{Tx, View};
use crate::domain::PersonId;

/// How long an answer is remembered. A command comes again within seconds, when a connection broke before it was
/// acknowledged, or when its sender missed the answer: a month covers a sender that was down for its holidays.
const KEPT_FOR: Duration = Duration::from_secs(30 * 86_400);
/// Most answers remembered, the newest: at some 400 bytes each, forty megabytes.
const ANSWERS_MAX: u32 = 100_000;

/// A command's name among those of all senders: a hash of its source and id, which might name people.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CommandKey(pub [u8; 32]);

/// What was answered to a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AnswerKept {
    /// Whom the command was about, if they are known.
    pub person: Option<PersonId>,
    /// The answer, as JSON.
    pub answer: String,
}

impl View<'_> {
    /// What was answered to a command that came before.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn answer_to(&self, command: &CommandKey) -> Result<Option<AnswerKept>, StoreError> {
        let sql = "SELECT person, answer FROM answer WHERE command = ?1";
        during("looking for a command's answer", || {
            self.one(sql, [command.0], |row| {
                Ok(AnswerKept { person: row.get::<_, Option<i64>>(0)?.map(PersonId), answer: row.get(1)? })
            })
        })
    }
}

impl Tx<'_> {
    /// Remembers what is answered to a command, with what it did.
    ///
    /// # Errors
    /// When SQLite fails, or an answer to it is remembered already.
    pub fn remember_answer(
        &self,
        command: &CommandKey,
        person: Option<PersonId>,
        answer: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO answer (command, person, answer, at) VALUES (?1, ?2, ?3, ?4)";
        during("remembering a command's answer", || {
            self.run(sql, (command.0, person.map(|it| it.0), answer, Moment(now))).map(drop)
        })
    }

    /// Forgets answers past their time or number, the oldest first; returns how many.
    pub(super) fn prune_answers(&self, now: Timestamp, limit: u32) -> rusqlite::Result<usize> {
        let before = Moment(now.checked_sub(KEPT_FOR).unwrap_or(Timestamp::MIN));
        let sql = "DELETE FROM answer WHERE row IN (SELECT row FROM answer
                   WHERE at < ?1 OR row <= (SELECT max(row) FROM answer) - ?2 ORDER BY row LIMIT ?3)";
        self.run(sql, (before, ANSWERS_MAX, limit))
    }

    /// What was said about a person's documents may name them.
    pub(super) fn forget_answers(&self, person: PersonId) -> rusqlite::Result<()> {
        const NOTHING_SAID: &str = "'$.person', NULL, '$.problems', json('[]'), '$.warnings', json('[]')";
        let kept =
            format!("UPDATE answer SET person = NULL, answer = json_replace(answer, {NOTHING_SAID}) WHERE person = ?1");
        self.run(&kept, [person.0])?;
        let waiting = format!(
            "UPDATE outbox SET body = json_replace(body, {NOTHING_SAID}) WHERE person = ?1 AND kind = 'answer'"
        );
        self.run(&waiting, [person.0]).map(drop)
    }
}

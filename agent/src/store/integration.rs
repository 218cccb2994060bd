//! How each person stands with Mywellness: the state, what was acknowledged, and the history, each written with its cause.

use jiff::Timestamp;
use rusqlite::{Row, named_params};

use super::columns::{Moment, Word};
use super::error::{StoreError, during};
use super::links;
use super::transaction::{Tx, View};
use crate::domain::{FactKind, LaneId, PersonId, RowOutcome};
use crate::sync::{
    Approval, Attempt, CANDIDATES_MAX, Candidate, Cause, Footing, Input, Integration, SyncState, Told, on,
};

/// Events kept of one person: what an operator scrolls through. With fifty thousand people it bounds the file.
const EVENTS_MAX: u32 = 20;

/// Whether the integration is to be planned.
pub(super) const NOT_DUE: i64 = 0;
pub(super) const DUE: i64 = 1;
pub(super) const PLANNED: i64 = 2;
pub(super) const SET_ASIDE: i64 = 3;

/// An integration with whether it is to be planned.
pub(super) struct Standing {
    pub(super) it: Integration,
    pub(super) due: i64,
    pub(super) footing: Footing,
}

/// What is written into the history.
pub(super) struct Event<'a> {
    pub(super) what: &'a str,
    pub(super) outcome: &'a str,
    pub(super) reason: Option<&'a str>,
    pub(super) operator: Option<&'a str>,
}

impl View<'_> {
    /// How a person stands with Mywellness; none: there is no such person.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn integration(&self, person: PersonId) -> Result<Option<Integration>, StoreError> {
        during("reading an integration", || Ok(self.integration_of(person)?.map(|standing| standing.it)))
    }

    pub(super) fn integration_of(&self, person: PersonId) -> rusqlite::Result<Option<Standing>> {
        let sql = "SELECT state, cause, reason, since, approval, complete, due,
                       EXISTS (SELECT 1 FROM link WHERE link.person = integration.person)
                   FROM integration WHERE person = ?1";
        self.one(sql, [person.0], |row| {
            let footing = if row.get(7)? { Footing::Linked } else { Footing::Unlinked };
            Ok(Standing { it: integration(row, 0)?, due: row.get(6)?, footing })
        })
    }

    /// What Mywellness acknowledged last of a person. What cannot be read counts as never told.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn told(&self, person: PersonId) -> Result<Told, StoreError> {
        during("reading what was told", || {
            let mut told = Told::default();
            let docs = self.all("SELECT kind, doc FROM told WHERE person = ?1", [person.0], |row| {
                Ok((row.get::<_, Word<FactKind>>(0)?.0, row.get::<_, String>(1)?))
            })?;
            for (kind, doc) in docs {
                match kind {
                    FactKind::Person => told.person = serde_json::from_str(&doc).ok(),
                    FactKind::Membership => told.membership = serde_json::from_str(&doc).ok(),
                    FactKind::Groups => told.groups = serde_json::from_str(&doc).ok(),
                    FactKind::Photo => told.photo = serde_json::from_str(&doc).ok(),
                    FactKind::Badge => told.badge = serde_json::from_str(&doc).ok(),
                    FactKind::Passage
                    | FactKind::Visit
                    | FactKind::Attendance
                    | FactKind::Alarm
                    | FactKind::Answer
                    | FactKind::Booking
                    | FactKind::Erasure => {}
                }
            }
            Ok(told)
        })
    }
}

/// The six columns of an integration from `first` on.
pub(super) fn integration(row: &Row<'_>, first: usize) -> rusqlite::Result<Integration> {
    Ok(Integration {
        state: row.get::<_, Word<SyncState>>(first)?.0,
        cause: row.get::<_, Option<Word<Cause>>>(first + 1)?.map(|it| it.0),
        reason: row.get(first + 2)?,
        since: row.get::<_, Moment>(first + 3)?.0,
        approval: row.get::<_, Word<Approval>>(first + 4)?.0,
        complete: row.get(first + 5)?,
    })
}

impl Tx<'_> {
    /// The integration of a new person.
    pub(super) fn begin_integration(&self, person: PersonId, now: Timestamp) -> rusqlite::Result<()> {
        self.run(
            "INSERT INTO integration (person, state, since, due) VALUES (?1, 'new', ?2, 1)",
            (person.0, Moment(now)),
        )?;
        self.news().sync_changed();
        Ok(())
    }

    /// A person's data changed.
    pub(super) fn integration_changed(&self, person: PersonId, now: Timestamp) -> rusqlite::Result<()> {
        let Some(Standing { it, footing, .. }) = self.integration_of(person)? else { return Ok(()) };
        let changed = Integration { state: next(it.state, footing, Input::Changed), ..it.clone() };
        self.put_integration(person, &it, &changed, DUE, now)
    }

    /// A person's photo or credentials changed: of interest once they are known there, or just being made known.
    pub(super) fn belongings_changed(&self, person: PersonId, now: Timestamp) -> rusqlite::Result<()> {
        let Some(Standing { footing, .. }) = self.integration_of(person)? else { return Ok(()) };
        if footing == Footing::Linked || self.due_while_told(&lane(), person)? != NOT_DUE {
            self.integration_changed(person, now)?;
        }
        Ok(())
    }

    /// Writes an integration in place of the one it was. Its state is dated anew only if it is another.
    pub(super) fn put_integration(
        &self,
        person: PersonId,
        old: &Integration,
        new: &Integration,
        due: i64,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let since = if old.state == new.state { old.since } else { now };
        self.run(
            "UPDATE integration SET state = :state, cause = :cause, reason = :reason, since = :since,
                 approval = :approval, complete = :complete, due = :due WHERE person = :person",
            named_params! {
                ":person": person.0, ":state": Word(new.state), ":cause": new.cause.map(Word),
                ":reason": new.reason, ":since": Moment(since), ":approval": Word(new.approval),
                ":complete": new.complete, ":due": due,
            },
        )?;
        self.news().sync_changed();
        // Of who is due, marks are about to follow.
        if due == DUE { Ok(()) } else { self.release_after_data(person, now) }
    }

    /// Writes down what came of tries to tell something, in the transaction that settles their rows.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn note_attempts(&self, lane: &LaneId, attempts: &[Attempt], now: Timestamp) -> Result<(), StoreError> {
        during("noting what was told", || attempts.iter().try_for_each(|attempt| self.note_attempt(lane, attempt, now)))
    }

    fn note_attempt(&self, lane: &LaneId, attempt: &Attempt, now: Timestamp) -> rusqlite::Result<()> {
        let person = attempt.person;
        let Some(before) = self.integration_of(person)? else { return Ok(()) };
        let Standing { it: old, due, footing } = &before;
        let more = *due == DUE || self.has_open_marks(lane, person)?;
        let step = |input, cause, reason: Option<&str>| Integration {
            state: next(old.state, *footing, input),
            cause,
            reason: reason.map(str::to_owned),
            ..old.clone()
        };
        let (new, outcome, reason) = match &attempt.outcome {
            RowOutcome::Delivered if attempt.kind == FactKind::Erasure => {
                (step(Input::Deleted, Some(Cause::Deleted), None), "delivered", None)
            }
            RowOutcome::Delivered | RowOutcome::Sent if more => {
                let told = step(Input::ToldInPart, None, None);
                // What is still refused keeps its reason.
                let told = if told.state == SyncState::InError { old.clone() } else { told };
                (told, "delivered", None)
            }
            RowOutcome::Delivered | RowOutcome::Sent => {
                (Integration { complete: false, ..step(Input::Told, None, None) }, "delivered", None)
            }
            RowOutcome::Suppressed(why) if more => (old.clone(), "suppressed", Some(why.as_str())),
            RowOutcome::Suppressed(why) => {
                let reason = attempt.cause.map(|_| why.as_str());
                (step(Input::Spared, attempt.cause, reason), "suppressed", Some(why.as_str()))
            }
            RowOutcome::Never(why) => (step(Input::Refused, attempt.cause, Some(why)), "refused", Some(why.as_str())),
            RowOutcome::Held(hold) => {
                let (cause, reason) = (attempt.cause.or(old.cause), old.reason.clone());
                let reason = attempt.cause.map_or(reason, |_| Some(format!("waits for {hold:?}").to_lowercase()));
                (Integration { cause, reason, ..old.clone() }, "held", None)
            }
            RowOutcome::Later(why) => (old.clone(), "put_off", Some(why.as_str())),
            RowOutcome::Unsure(why) => (old.clone(), "answer_lost", Some(why.as_str())),
            RowOutcome::Failed(why) => (failing(old, why), "failed", Some(why.as_str())),
        };
        // Whoever has only marks that are held or refused is not in the way of others who wait for their turn.
        let due = if matches!(*due, PLANNED | SET_ASIDE) { self.due_while_told(lane, person)? } else { *due };
        if attempt.outcome == RowOutcome::Delivered {
            self.forget_candidates(person, attempt.kind)?;
        }
        if let Some(told) = &attempt.told {
            self.put_told(person, attempt.kind, told)?;
        }
        self.put_candidates(person, &attempt.candidates)?;
        self.put_integration(person, old, &new, due, now)?;
        if due == DUE {
            // Somebody who changed meanwhile may wait long for their turn to be planned; what they did does not.
            self.release_after_data(person, now)?;
        }
        self.note(person, new.state, &Event { what: attempt.kind.as_str(), outcome, reason, operator: None }, now)
    }

    /// Whether marks of the person are on their way, held or refused.
    pub(super) fn has_open_marks(&self, lane: &LaneId, person: PersonId) -> rusqlite::Result<bool> {
        let sql = "SELECT 1 FROM outbox WHERE person = ?1 AND lane = ?2 AND body = ''
                   AND (state = 'pending' OR state = 'in_flight' OR state = 'unsure' OR state = 'held' OR state = 'parked')
                   LIMIT 1";
        Ok(self.one(sql, (person.0, lane.as_str()), |_| Ok(()))?.is_some())
    }

    /// Remembers what Mywellness acknowledged of a kind.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn save_told(&self, person: PersonId, kind: FactKind, doc: &str) -> Result<(), StoreError> {
        during("remembering what was told", || self.put_told(person, kind, doc))
    }

    pub(super) fn put_told(&self, person: PersonId, kind: FactKind, doc: &str) -> rusqlite::Result<()> {
        let sql = "INSERT OR REPLACE INTO told (person, kind, doc) SELECT id, ?2, ?3 FROM person WHERE id = ?1";
        self.run(sql, (person.0, kind.as_str(), doc)).map(drop)
    }

    pub(super) fn forget_told(&self, person: PersonId) -> rusqlite::Result<()> {
        self.run("DELETE FROM told WHERE person = ?1", [person.0])?;
        self.run("DELETE FROM candidate WHERE person = ?1", [person.0]).map(drop)
    }

    fn forget_candidates(&self, person: PersonId, told: FactKind) -> rusqlite::Result<()> {
        if told != FactKind::Person {
            return Ok(());
        }
        self.run("DELETE FROM candidate WHERE person = ?1", [person.0]).map(drop)
    }

    fn put_candidates(&self, person: PersonId, candidates: &[Candidate]) -> rusqlite::Result<()> {
        if candidates.is_empty() {
            return Ok(());
        }
        self.run("DELETE FROM candidate WHERE person = ?1", [person.0])?;
        for Candidate { user_id, facility_user_id, email } in candidates.iter().take(CANDIDATES_MAX) {
            self.run(
                "INSERT OR REPLACE INTO candidate (person, facility_user_id, user_id, email) VALUES (?1, ?2, ?3, ?4)",
                (person.0, facility_user_id, user_id, email),
            )?;
        }
        Ok(())
    }

    /// Adds to a person's history; the oldest beyond the limit goes.
    pub(super) fn note(
        &self,
        person: PersonId,
        state: SyncState,
        event: &Event<'_>,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let Event { what, outcome, reason, operator } = event;
        self.run(
            "INSERT INTO integration_event (person, at, what, outcome, state, reason, operator)
             VALUES (:person, :at, :what, :outcome, :state, :reason, :operator)",
            named_params! {
                ":person": person.0, ":at": Moment(now), ":what": what, ":outcome": outcome,
                ":state": Word(state), ":reason": reason, ":operator": operator,
            },
        )?;
        let sql = "DELETE FROM integration_event WHERE person = ?1 AND id <=
                   (SELECT id FROM integration_event WHERE person = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)";
        self.run(sql, (person.0, EVENTS_MAX)).map(drop)
    }
}

/// The state that follows something that is no command.
pub(super) fn next(state: SyncState, footing: Footing, input: Input) -> SyncState {
    on(state, footing, input).unwrap_or(state)
}

/// What Mywellness fails at is in the way; what it refused before stays the reason.
fn failing(old: &Integration, why: &str) -> Integration {
    match old.state {
        SyncState::CreationFailed | SyncState::InError => old.clone(),
        _ if old.approval == Approval::Withdrawn => old.clone(),
        _ => Integration { cause: Some(Cause::Failing), reason: Some(why.to_owned()), ..old.clone() },
    }
}

/// The lane of Mywellness.
pub(super) fn lane() -> LaneId {
    links::LANE.parse().expect("the lane's name is a slug")
}

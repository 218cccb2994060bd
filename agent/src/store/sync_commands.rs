//! What operators do with integrations: each command one transaction with its rows, its history and who gave it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::columns::Moment;
use super::error::{StoreError, during};
use super::integration::{DUE, Event, NOT_DUE, Standing, lane};
use super::links::{Link, LinkSaved};
use super::transaction::Tx;
use crate::domain::{ExternalId, Hold, PersonId};
use crate::sync::{Approval, Candidate, Cause, Command, Input, Integration, NotAllowed, SyncState, on};

/// What happens with visits that were held during a suspension.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HeldVisits {
    /// They are told.
    #[default]
    Send,
    /// They are given up.
    Discard,
}

/// Why a command changed nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SyncRefused {
    /// Nobody has this id.
    #[error("there is no person {0}")]
    Unknown(ExternalId),
    /// The command does not apply.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
}

/// Why a candidate was not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MatchRefused {
    /// Nobody has this id.
    #[error("there is no person {0}")]
    Unknown(ExternalId),
    /// No such candidate was found for them.
    #[error("{0:?} is no candidate of this person; GET …/candidates lists them")]
    NoCandidate(String),
    /// The integration does not let it.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// That user is linked to somebody else here.
    #[error("this candidate is linked to {0} already")]
    Taken(String),
}

impl Tx<'_> {
    /// Does what an operator commanded. `visits` says what happens with those that were held, when a suspension ends.
    ///
    /// # Errors
    /// When SQLite fails; a refusal is no error.
    pub fn command_sync(
        &self,
        person: &ExternalId,
        command: Command,
        visits: HeldVisits,
        operator: &str,
        now: Timestamp,
    ) -> Result<Result<SyncState, SyncRefused>, StoreError> {
        let Some(id) = self.person_id(person)? else { return Ok(Err(SyncRefused::Unknown(person.clone()))) };
        during("commanding an integration", || {
            let Some(Standing { it, footing, .. }) = self.integration_of(id)? else {
                return Ok(Err(SyncRefused::Unknown(person.clone())));
            };
            let state = match on(it.state, footing, Input::Command(command)) {
                Ok(state) => state,
                Err(refused) => return Ok(Err(refused.into())),
            };
            let plain = Integration { state, cause: None, reason: None, ..it.clone() };
            let (new, due) = match command {
                Command::Synchronize => {
                    self.release_rows(id, Hold::Approval, now)?;
                    (Integration { approval: Approval::Given, complete: true, ..plain }, DUE)
                }
                Command::Suspend => {
                    self.hold_rows(id, now)?;
                    (Integration { cause: Some(Cause::Suspended), ..plain }, NOT_DUE)
                }
                Command::Enable => {
                    if visits == HeldVisits::Discard {
                        self.discard_held_visits(id, now)?;
                    }
                    self.hold_suspended_for_data(id, now)?;
                    self.release_rows(id, Hold::Suspension, now)?;
                    (plain, DUE)
                }
                Command::Delete | Command::DeleteThere => {
                    self.unlink((id, person), command, now)?;
                    let cause = Some(Cause::Deleted);
                    (Integration { cause, approval: Approval::Withdrawn, complete: false, ..plain }, NOT_DUE)
                }
            };
            let (what, reason) = words(command, visits);
            self.put_integration(id, &it, &new, due, now)?;
            let event = Event { what, outcome: "commanded", reason, operator: Some(operator) };
            self.note(id, state, &event, now)?;
            self.audit(Some(operator), what, person.as_str(), reason, now)?;
            Ok(Ok(state))
        })
    }

    /// Links a person to one of the candidates of an ambiguous match.
    ///
    /// # Errors
    /// When SQLite fails; a refusal is no error.
    pub fn choose_match(
        &self,
        person: &ExternalId,
        facility_user_id: &str,
        operator: &str,
        now: Timestamp,
    ) -> Result<Result<SyncState, MatchRefused>, StoreError> {
        let unknown = || Ok(Err(MatchRefused::Unknown(person.clone())));
        let Some(id) = self.person_id(person)? else { return unknown() };
        let Some(Standing { it, footing, .. }) = during("reading an integration", || self.integration_of(id))? else {
            return unknown();
        };
        let state = match on(it.state, footing, Input::Command(Command::Synchronize)) {
            Ok(state) => state,
            Err(refused) => return Ok(Err(refused.into())),
        };
        let Some(chosen) = self.candidates(id)?.into_iter().find(|it| it.facility_user_id == facility_user_id) else {
            return Ok(Err(MatchRefused::NoCandidate(facility_user_id.to_owned())));
        };
        let Candidate { user_id, facility_user_id, .. } = chosen;
        let link = Link { user_id, facility_user_id, permanent_token: None, linked_at: now };
        if let LinkSaved::TakenBy(other) = self.save_link(&lane(), id, &link)? {
            let other =
                self.person_by_id(other)?.map_or("another person".into(), |it| it.person.external_id.to_string());
            return Ok(Err(MatchRefused::Taken(other)));
        }
        let plain = Integration { state, cause: None, reason: None, ..it.clone() };
        let new = Integration { approval: Approval::Given, complete: true, ..plain };
        during("noting a chosen match", || {
            self.forget_told(id)?;
            self.put_integration(id, &it, &new, DUE, now)?;
            let event = Event { what: "match", outcome: "commanded", reason: None, operator: Some(operator) };
            self.note(id, state, &event, now)?;
            self.audit(Some(operator), "choose_match", person.as_str(), None, now)?;
            Ok(Ok(state))
        })
    }

    fn release_rows(&self, id: PersonId, hold: Hold, now: Timestamp) -> rusqlite::Result<()> {
        self.release(&lane(), id, hold, now).map(drop)
    }

    /// What waits to be sent waits for the end of the suspension; a request that is under way is let finish.
    fn hold_rows(&self, id: PersonId, now: Timestamp) -> rusqlite::Result<()> {
        let sql = "UPDATE outbox SET state = 'held', held_for = 'suspension', changed_at = ?3
                   WHERE person = ?1 AND lane = ?2
                       AND (state = 'pending' OR state = 'unsure' OR (state = 'held' AND held_for = 'data'))";
        self.run(sql, (id.0, lane().as_str(), Moment(now)))?;
        self.news().outbox_changed();
        Ok(())
    }

    fn discard_held_visits(&self, id: PersonId, now: Timestamp) -> rusqlite::Result<()> {
        let sql = "UPDATE outbox SET state = 'discarded', held_for = NULL, changed_at = ?3,
                       last_error = 'given up when the suspension ended'
                   WHERE person = ?1 AND lane = ?2 AND body <> '' AND (kind = 'visit' OR kind = 'attendance')
                       AND (state = 'pending' OR state = 'unsure' OR (state = 'held' AND held_for = 'suspension'))";
        self.run(sql, (id.0, lane().as_str(), Moment(now))).map(drop)
    }

    /// Forgets who the person is there, with all that was to be told of them. What is under way is let finish.
    fn unlink(&self, (id, key): (PersonId, &ExternalId), command: Command, now: Timestamp) -> rusqlite::Result<()> {
        if command == Command::DeleteThere {
            self.order_deletion((id, key), Some(id), now)?;
        }
        let sql = "UPDATE outbox SET state = 'discarded', held_for = NULL, changed_at = ?3,
                       last_error = 'the integration was deleted'
                   WHERE person = ?1 AND lane = ?2 AND kind <> 'erasure'
                       AND (state = 'pending' OR state = 'unsure' OR state = 'held' OR state = 'parked')";
        self.run(sql, (id.0, lane().as_str(), Moment(now)))?;
        self.remove_link(id)?;
        self.forget_told(id)?;
        self.news().outbox_changed();
        Ok(())
    }
}

fn words(command: Command, visits: HeldVisits) -> (&'static str, Option<&'static str>) {
    match (command, visits) {
        (Command::Synchronize, _) => ("synchronize", None),
        (Command::Suspend, _) => ("suspend", None),
        (Command::Enable, HeldVisits::Send) => ("enable", Some("held visits are sent")),
        (Command::Enable, HeldVisits::Discard) => ("enable", Some("held visits are given up")),
        (Command::Delete, _) => ("delete", None),
        (Command::DeleteThere, _) => ("delete", Some("also at Mywellness, wherever they are found there")),
    }
}

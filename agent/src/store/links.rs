//! Links: how people are known at Mywellness; one upstream user belongs to one person here.

use jiff::Timestamp;
use rusqlite::named_params;
use serde::{Deserialize, Serialize};

use super::columns::{Moment, Word};
use super::error::{StoreError, during};
use super::transaction::{Tx, View};
use crate::domain::{ExternalId, Hold, LaneId, PersonId, RowId};
use crate::sync::Approval;

/// The lane whose upstream knows people by links.
pub(super) const LANE: &str = "mywellness";

/// How a person is known at Mywellness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The user, across all clubs.
    pub user_id: String,
    /// The user at this club.
    pub facility_user_id: String,
    /// A token that Mywellness gave for the person.
    pub permanent_token: Option<String>,
    /// When they were linked.
    pub linked_at: Timestamp,
}

/// What Mywellness may call somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameThere {
    /// The user at this club.
    FacilityUser(String),
    /// The user, across all clubs.
    User(String),
    /// The token that Mywellness gave for them.
    Token(String),
    /// Our own key, as it stands there.
    External(ExternalId),
}

impl NameThere {
    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::FacilityUser(name) | Self::User(name) | Self::Token(name) => name,
            Self::External(id) => id.as_str(),
        }
    }
}

/// Why a link was not saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkSaved {
    /// It was.
    Saved,
    /// The person was erased, or their integration deleted, meanwhile.
    Unwanted,
    /// That upstream user is linked to another person here.
    TakenBy(PersonId),
}

/// Why rows are parked whose person's row was given up; known again by this when the person is linked after all.
const GIVEN_UP: &str = "the row that would have made the person known was given up: synchronize the person, retry this, or \
                        discard it";

/// How many rows wait until a row `o` has made its person known. Only a mark of the person does that. The plus keeps SQLite
/// from going through the lane's rows rather than the person's.
pub(super) const WAITING_ON_IT: &str = "CASE WHEN o.kind = 'person' AND o.body = '' AND o.state <> 'delivered'
        AND o.state <> 'suppressed' AND o.state <> 'discarded' AND o.state <> 'erased' THEN
        (SELECT count(*) FROM outbox w WHERE w.person = o.person AND +w.lane = o.lane AND w.state = 'held'
            AND w.held_for = 'link')
    ELSE 0 END";
const PARKED_WITH_IT: &str = "UPDATE outbox SET state = 'parked', held_for = NULL, changed_at = ?2, last_error = ?3
    WHERE state = 'held' AND held_for = 'link'
    AND person = (SELECT person FROM outbox WHERE id = ?1 AND kind = 'person' AND body = '')
    AND +lane = (SELECT lane FROM outbox WHERE id = ?1)
    AND NOT EXISTS (SELECT 1 FROM outbox mark WHERE mark.person = outbox.person AND +mark.lane = outbox.lane
        AND mark.kind = 'person' AND mark.body = '' AND mark.state <> 'delivered' AND mark.state <> 'suppressed'
        AND mark.state <> 'discarded' AND mark.state <> 'erased')";
const RELEASED_AFTER_ALL: &str =
    "UPDATE outbox SET state = iif(lost_answer > 0, 'unsure', 'pending'), changed_at = ?3, last_error = NULL
    WHERE +lane = ?1 AND person = ?2 AND state = 'parked' AND last_error = ?4";

impl View<'_> {
    /// How a person is known at Mywellness.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn link(&self, person: PersonId) -> Result<Option<Link>, StoreError> {
        let sql = "SELECT user_id, facility_user_id, permanent_token, linked_at FROM link WHERE person = ?1";
        during("reading a link", || {
            self.one(sql, [person.0], |row| {
                Ok(Link {
                    user_id: row.get(0)?,
                    facility_user_id: row.get(1)?,
                    permanent_token: row.get(2)?,
                    linked_at: row.get::<_, Moment>(3)?.0,
                })
            })
        })
    }

    /// Whom Mywellness means.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn person_called(&self, there: &NameThere) -> Result<Option<(PersonId, ExternalId)>, StoreError> {
        let linked = "SELECT p.id, p.external_id FROM link l JOIN person p ON p.id = l.person WHERE";
        let (sql, name) = match there {
            NameThere::FacilityUser(id) => (format!("{linked} l.facility_user_id = ?1"), id.as_str()),
            NameThere::User(id) => (format!("{linked} l.user_id = ?1"), id.as_str()),
            NameThere::Token(token) => (format!("{linked} l.permanent_token = ?1"), token.as_str()),
            NameThere::External(id) => {
                ("SELECT id, external_id FROM person WHERE external_id = ?1".into(), id.as_str())
            }
        };
        during("looking for a user's person", || {
            self.one(&sql, [name], |row| Ok((PersonId(row.get(0)?), row.get::<_, Word<ExternalId>>(1)?.0)))
        })
    }
}

impl Tx<'_> {
    /// Saves a link, unless that upstream user is linked to another person; releases rows held for the link.
    ///
    /// # Errors
    /// When SQLite fails. Nobody who was erased is linked again.
    pub fn save_link(&self, lane: &LaneId, person: PersonId, link: &Link) -> Result<LinkSaved, StoreError> {
        let integration = self.integration(person)?;
        if integration.is_some_and(|it| it.approval == Approval::Withdrawn) {
            return Ok(LinkSaved::Unwanted);
        }
        let taken = during("looking for another link", || {
            let sql = "SELECT person FROM link WHERE (user_id = ?1 OR facility_user_id = ?2) AND person <> ?3";
            self.one(sql, (&link.user_id, &link.facility_user_id, person.0), |row| row.get(0).map(PersonId))
        })?;
        if let Some(other) = taken {
            return Ok(LinkSaved::TakenBy(other));
        }
        let saved = during("saving a link", || {
            self.run(
                "INSERT OR REPLACE INTO link (person, user_id, facility_user_id, permanent_token, linked_at)
                 SELECT id, :user, :facility_user, :token, :at FROM person WHERE id = :person",
                named_params! {
                    ":person": person.0, ":user": link.user_id, ":facility_user": link.facility_user_id,
                    ":token": link.permanent_token, ":at": Moment(link.linked_at),
                },
            )
        })?;
        if saved == 0 {
            return Ok(LinkSaved::Unwanted);
        }
        self.release_held(lane, person, Hold::Link, link.linked_at)?;
        let parked = (lane.as_str(), person.0, Moment(link.linked_at), GIVEN_UP);
        during("releasing what was parked without a link", || self.run(RELEASED_AFTER_ALL, parked))?;
        let names = [Some(&link.user_id), Some(&link.facility_user_id), link.permanent_token.as_ref()];
        during("looking at notes again", || {
            self.wake_notes_of_user(&names.map(|it| it.map(String::as_str)), link.linked_at)
        })?;
        Ok(LinkSaved::Saved)
    }

    /// Parks what waited for its person to be made known, if that was given up and nobody tries it again.
    pub(super) fn park_what_waits_for_link(&self, given_up: RowId, now: Timestamp) -> rusqlite::Result<()> {
        self.run(PARKED_WITH_IT, (given_up.0, Moment(now), GIVEN_UP)).map(drop)
    }

    /// Forgets how a person is known at Mywellness.
    pub(super) fn remove_link(&self, person: PersonId) -> rusqlite::Result<()> {
        self.run("DELETE FROM link WHERE person = ?1", [person.0]).map(drop)
    }
}

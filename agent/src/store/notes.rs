//! Notes: what an upstream told of its own accord and nobody here could act on, kept among the parked rows of its lane.
//!
//! A note is a row like others, so that operators find it where they look anyway. Its body is the news, which the lane
//! hears again when somebody retries it.

use jiff::Timestamp;
use rusqlite::named_params;

use super::columns::Moment;
use super::error::{StoreError, during};
use super::links;
use super::transaction::Tx;
use crate::domain::{ExternalId, FactKind, LaneId, PersonId};

/// Most notes that wait in one lane: more than an operator reads, and a bounded list whatever an upstream tells.
pub const NOTES_MAX: u32 = 1_000;

/// News kept for an operator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note<'a> {
    /// What it is about.
    pub kind: FactKind,
    /// Its key: news of one key are one note, that of the newest.
    pub key: &'a str,
    /// Whose it is, if that is known.
    pub person: Option<PersonId>,
    /// The news, as JSON.
    pub body: &'a str,
}

/// What became of a note.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Noted {
    /// It waits for an operator.
    Parked,
    /// Too many wait already: it was not taken.
    Full,
}

impl Tx<'_> {
    /// Puts a note among the parked rows of a lane, in place of one of its key that is parked there.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn park_note(&self, lane: &LaneId, note: &Note<'_>, why: &str, now: Timestamp) -> Result<Noted, StoreError> {
        during("parking a note", || {
            self.news().outbox_changed();
            let again = "UPDATE outbox SET person = :person, last_error = :why, changed_at = :now, body = :body
                         WHERE lane = :lane AND kind = :kind AND key = :key AND body <> '' AND state = 'parked'";
            let park = "INSERT INTO outbox (lane, kind, key, person, state, last_error, written_at, changed_at, body)
                        VALUES (:lane, :kind, :key, :person, 'parked', :why, :now, :now, :body)";
            for (sql, is_room) in [(again, true), (park, self.notes_parked(lane)? < NOTES_MAX)] {
                let Note { kind, key, person, body } = note;
                let named = named_params! {
                    ":lane": lane.as_str(), ":kind": kind.as_str(), ":key": key, ":person": person.map(|it| it.0),
                    ":why": why, ":now": Moment(now), ":body": body,
                };
                if is_room && self.run(sql, named)? > 0 {
                    return Ok(Noted::Parked);
                }
            }
            Ok(Noted::Full)
        })
    }

    /// Forgets the notes of somebody who is erased, known to be theirs or not: their keys and bodies are ids there.
    pub(super) fn forget_notes(&self, id: PersonId, external_id: &ExternalId, now: Timestamp) -> rusqlite::Result<()> {
        let theirs = format!("UPDATE outbox SET key = '', body = '' WHERE person = ?1 AND {NOTE}");
        self.run(&theirs, [id.0])?;
        let nobodys = format!(
            "UPDATE outbox SET state = 'erased', changed_at = ?4, key = '', body = '', last_error = NULL
             WHERE lane = ?1 AND state = 'parked' AND person IS NULL AND {NOTE}
             AND (json_extract(body, '$.external_id') = ?3
                 OR json_extract(body, '$.user') = (SELECT facility_user_id FROM link WHERE person = ?2))"
        );
        self.run(&nobodys, (links::LANE, id.0, external_id.as_str(), Moment(now))).map(drop)
    }

    fn notes_parked(&self, lane: &LaneId) -> rusqlite::Result<u32> {
        let sql = format!("SELECT count(*) FROM outbox WHERE lane = ?1 AND state = 'parked' AND {NOTE}");
        self.one(&sql, [lane.as_str()], |row| row.get(0)).map(Option::unwrap_or_default)
    }
}

/// What tells a note from other rows: marks of people have no body.
const NOTE: &str = "kind = 'person' AND body <> ''";

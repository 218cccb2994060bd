//! Notes: what an upstream told of its own accord and nobody here could act on, kept among the parked rows of its lane.
//!
//! A note is a row like others, so that operators find it where they look anyway. Its body is the news, which the lane
//! hears again when somebody retries it.

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::named_params;

use super::columns::Moment;
use super::error::{StoreError, during};
use super::links;
use super::outbox::WAITING;
use super::transaction::{Tx, View};
use crate::domain::{ClassProductId, ExternalId, FactKind, LaneId, PersonId, RowId};

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

/// A note that waits for an operator, or to be looked at again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoteWaiting {
    /// Its row.
    pub id: RowId,
    /// The news, as JSON.
    pub body: String,
}

impl View<'_> {
    /// The note of a key that waits.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn note_of(&self, lane: &LaneId, (kind, key): (FactKind, &str)) -> Result<Option<NoteWaiting>, StoreError> {
        let sql = "SELECT id, body FROM outbox
                   WHERE lane = ?1 AND kind = ?2 AND key = ?3 AND body <> ''
                   AND (state = 'parked' OR state = 'pending') LIMIT 1";
        during("looking for a note", || {
            self.one(sql, (lane.as_str(), kind.as_str(), key), |row| {
                Ok(NoteWaiting { id: RowId(row.get(0)?), body: row.get(1)? })
            })
        })
    }

    /// Whether an operator gave a note of a key up, and that is still on record.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn note_was_discarded(&self, lane: &LaneId, (kind, key): (FactKind, &str)) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM outbox
                   WHERE lane = ?1 AND kind = ?2 AND key = ?3 AND body <> '' AND state = 'discarded' LIMIT 1";
        let found =
            during("looking for a discarded note", || self.one(sql, (lane.as_str(), kind.as_str(), key), |_| Ok(())));
        Ok(found?.is_some())
    }
}

impl Tx<'_> {
    /// Puts a note among the parked rows of a lane, in place of one of its key that waits.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn park_note(&self, lane: &LaneId, note: &Note<'_>, why: &str, now: Timestamp) -> Result<Noted, StoreError> {
        during("parking a note", || {
            self.news().outbox_changed();
            let again = "UPDATE outbox SET state = 'parked', person = :person, last_error = :why, changed_at = :now, body = :body
                         WHERE lane = :lane AND kind = :kind AND key = :key AND body <> ''
                         AND (state = 'parked' OR state = 'pending')";
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
        // State by state, so that each is one range of a partial index.
        for range in ["state = 'parked'".to_owned(), format!("state = 'pending' AND {WAITING}")] {
            let nobodys = format!(
                "UPDATE outbox SET state = 'erased', changed_at = ?4, key = '', body = '', last_error = NULL
                 WHERE lane = ?1 AND {range} AND person IS NULL AND {NOTE}
                 AND (json_extract(nullif(body, ''), '$.made.external_id') = ?3
                     OR json_extract(nullif(body, ''), '$.made.user') = (SELECT facility_user_id FROM link WHERE person = ?2)
                    OR EXISTS (SELECT 1 FROM json_each(nullif(outbox.body, ''), '$.class.user') named WHERE named.value = ?3
                        OR named.value IN (SELECT facility_user_id FROM link WHERE person = ?2)
                        OR named.value IN (SELECT user_id FROM link WHERE person = ?2)
                        OR named.value IN (SELECT permanent_token FROM link WHERE person = ?2)))"
            );
            self.run(&nobodys, (links::LANE, id.0, external_id.as_str(), Moment(now)))?;
        }
        Ok(())
    }

    /// Ends a note whose news were overtaken.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn overtake_note(&self, id: RowId, now: Timestamp) -> Result<(), StoreError> {
        during("ending a note", || self.run(OVERTAKEN, (id.0, Moment(now))).map(drop))?;
        self.news().outbox_changed();
        Ok(())
    }

    /// Ends notes on classes of days before `day`: nothing would come of them any more.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn end_notes_before(&self, lane: &LaneId, day: Date, now: Timestamp) -> Result<(), StoreError> {
        let named = named_params! { ":lane": lane.as_str(), ":before": day.to_string(), ":now": Moment(now) };
        during("ending notes on classes that are over", || self.run(ENDED, named).map(drop))
    }

    /// Has notes on bookings of somebody looked at again who is known at Mywellness by one of these names.
    pub(super) fn wake_notes_of_user(&self, names: &[Option<&str>; 3], now: Timestamp) -> rusqlite::Result<()> {
        let [user, facility_user, token] = names;
        let woken = self.run(
            WOKEN_BY_LINK,
            named_params! {
                ":lane": links::LANE, ":user": user, ":facility_user": facility_user, ":token": token,
                ":now": Moment(now),
            },
        )?;
        self.tell_of_woken(woken);
        Ok(())
    }

    /// Has notes on classes looked at again when a class of their product, or the product, is written down.
    pub(super) fn wake_notes_of_product(&self, product: &ClassProductId, now: Timestamp) -> rusqlite::Result<()> {
        let named = named_params! { ":lane": links::LANE, ":product": product.as_str(), ":now": Moment(now) };
        let woken = self.run(WOKEN_BY_CLASS, named)?;
        self.tell_of_woken(woken);
        Ok(())
    }

    fn tell_of_woken(&self, woken: usize) {
        if woken > 0 {
            self.news().outbox_changed();
        }
    }

    fn notes_parked(&self, lane: &LaneId) -> rusqlite::Result<u32> {
        let sql = format!("SELECT count(*) FROM outbox WHERE lane = ?1 AND state = 'parked' AND {NOTE}");
        self.one(&sql, [lane.as_str()], |row| row.get(0)).map(Option::unwrap_or_default)
    }
}

/// What tells a note from other rows: marks of people have no body. Nothing is promised about the order in which conditions
/// are looked at, and an empty text is no JSON: hence `nullif` wherever a body is read.
const NOTE: &str = "(kind = 'person' OR kind = 'booking') AND body <> ''";
/// Names of users stand in the body under the word of their kind.
const WOKEN_BY_LINK: &str = "UPDATE outbox SET state = 'pending', changed_at = :now
    WHERE lane = :lane AND state = 'parked' AND kind = 'booking' AND body <> ''
    AND EXISTS (SELECT 1 FROM json_each(nullif(outbox.body, ''), '$.class.user') WHERE value IN (:user, :facility_user, :token))";
const WOKEN_BY_CLASS: &str = "UPDATE outbox SET state = 'pending', changed_at = :now
    WHERE lane = :lane AND state = 'parked' AND kind = 'booking' AND body <> ''
    AND json_extract(nullif(body, ''), '$.class.activity') = (SELECT mywellness_id FROM class_product WHERE id = :product)";
const ENDED: &str = "UPDATE outbox SET state = 'suppressed', changed_at = :now,
        last_error = 'the day of the class was over before anybody dealt with it'
    WHERE lane = :lane AND state = 'parked' AND kind = 'booking' AND body <> ''
    AND json_extract(nullif(body, ''), '$.class.day') < :before";
const OVERTAKEN: &str =
    "UPDATE outbox SET state = 'suppressed', changed_at = ?2, last_error = 'overtaken by later news'
    WHERE id = ?1 AND (state = 'parked' OR state = 'pending')";

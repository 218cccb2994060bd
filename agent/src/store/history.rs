//! Looking back: passages and visits, newest first, and what may be forgotten after its time.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};

use super::Retention;
use super::columns::{Doc, Key, Moment, Word};
use super::error::{StoreError, during};
use super::outbox::{DELIVERED_ROWS, GIVEN_UP};
use super::page::{self, Page, page_of, rows_wanted};
use super::standing::visit;
use super::transaction::{Tx, View};
use crate::domain::{
    ClockQuality, Direction, ExternalId, FactKind, GateId, LaneId, PassageId, PassageOutcome, PersonId, ReaderId,
    Reason, RowState, TraceLine, Visit, VisitId, Way, ZoneId,
};

/// Pages of the file given back to the disk with each prune: a few milliseconds of work, so that no passage waits.
const PAGES_GIVEN_BACK: u32 = 256;

/// A passage as the API serves it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct PassageEntry {
    /// Its id.
    pub passage_id: PassageId,
    /// When it happened at the gate.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How far to believe that.
    pub clock: ClockQuality,
    /// The gate.
    pub gate: GateId,
    /// The reader, if one asked.
    pub reader: Option<ReaderId>,
    /// The reader's direction as configured then.
    pub direction: Option<Direction>,
    /// Which way it went.
    pub way: Way,
    /// How it ended.
    pub outcome: PassageOutcome,
    /// Stable reason codes.
    pub reasons: Vec<Reason>,
    /// The person; null if unknown or erased.
    pub person: Option<ExternalId>,
    /// The badge value, if it belonged to nobody.
    pub unknown_badge: Option<String>,
    /// The name of the token that opened by hand.
    pub operator: Option<String>,
    /// Why it was opened by hand.
    pub note: Option<String>,
    /// The visit it belongs to.
    pub visit: Option<VisitId>,
    /// It began that visit.
    pub new_visit: bool,
    /// The gate controller decided by itself, because the agent was silent or slow, and told it later.
    pub offline: bool,
    /// A line for every rule that was looked at.
    pub trace: Vec<TraceLine>,
}

/// What is written of a controller's event.
#[derive(Clone, Debug, PartialEq)]
pub struct EventPassage {
    /// How it ended.
    pub outcome: PassageOutcome,
    /// At which reader.
    pub reader: Option<ReaderId>,
    /// Who, if known.
    pub person: Option<PersonId>,
}

/// A visit as the API serves it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct VisitEntry {
    /// The visit.
    #[serde(flatten)]
    pub visit: Visit,
    /// The person; null after erasure.
    pub person: Option<ExternalId>,
    /// The gate.
    pub gate: GateId,
    /// The zone entered.
    pub zone: Option<ZoneId>,
    /// How far to believe its time.
    pub clock: ClockQuality,
    /// Entries taken from the membership.
    pub entries_taken: u32,
    /// An entry was due and the card was empty.
    pub overdrawn: bool,
    /// How its relays stand.
    pub delivery: Vec<DeliveryNote>,
}

/// How a visit's or an attendance's relay to one lane stands.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct DeliveryNote {
    /// The lane.
    pub lane: LaneId,
    /// Where the row stands.
    pub state: RowState,
    /// How many times it was tried.
    pub attempts: u32,
    /// Sent again after a lost answer: may stand twice at an upstream that does not dedupe.
    pub possibly_twice: bool,
    /// What the last try said.
    pub last_error: Option<String>,
}

/// Which passages or visits are asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistoryFilter {
    /// From this moment, inclusive.
    pub from: Option<Timestamp>,
    /// To this moment, exclusive.
    pub to: Option<Timestamp>,
    /// Only this person's.
    pub person: Option<ExternalId>,
    /// Only at this reader.
    pub reader: Option<ReaderId>,
    /// Where the page begins.
    pub cursor: Option<String>,
    /// 1 to 500.
    pub limit: u32,
}

impl View<'_> {
    /// Whether a person passed a reader at this very moment.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn passed_at(&self, person: PersonId, reader: &ReaderId, at: Timestamp) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM passage WHERE person = ?1 AND at = ?2 AND reader = ?3
                   AND (outcome = 'passed' OR outcome = 'free' OR outcome = 'manual')";
        let key = (person.0, Moment(at), reader.as_str());
        during("looking for a passage", || Ok(self.one(sql, key, |_| Ok(()))?.is_some()))
    }

    /// Passages, newest first.
    ///
    /// # Errors
    /// When SQLite fails, a document cannot be read or the cursor is none of ours.
    pub fn passages(&self, filter: &HistoryFilter) -> Result<Page<PassageEntry>, StoreError> {
        let (tests, values) = self.tests("at", filter)?;
        let sql = format!("{PASSAGE} WHERE {tests} ORDER BY h.at DESC, h.row DESC LIMIT {}", rows_wanted(filter.limit));
        let rows = during("listing passages", || self.all(&sql, params_from_iter(values), passage))?;
        Ok(unplaced(page_of(rows, filter.limit, cursor)))
    }

    /// The passage of a controller's event, if it is written.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn passage_of_event(&self, gate: &GateId, boot: u64, number: u32) -> Result<Option<EventPassage>, StoreError> {
        let sql = "SELECT outcome, reader, person FROM passage WHERE gate = ?1 AND boot = ?2 AND sequence = ?3";
        during("looking a passage up", || {
            self.one(sql, (gate.as_str(), boot.cast_signed(), number), |row| {
                let reader = row.get::<_, Option<Word<_>>>(1)?.map(|it| it.0);
                let person = row.get::<_, Option<i64>>(2)?.map(PersonId);
                Ok(EventPassage { outcome: row.get::<_, Word<_>>(0)?.0, reader, person })
            })
        })
    }

    /// Visits, newest first, each with how its relays stand.
    ///
    /// # Errors
    /// When SQLite fails, a document cannot be read or the cursor is none of ours.
    pub fn visits(&self, filter: &HistoryFilter) -> Result<Page<VisitEntry>, StoreError> {
        let (tests, values) = self.tests("started_at", filter)?;
        let rows = rows_wanted(filter.limit);
        let sql = format!("{VISIT} WHERE {tests} ORDER BY h.started_at DESC, h.row DESC LIMIT {rows}");
        let rows = during("listing visits", || {
            let mut rows = self.all(&sql, params_from_iter(values), visit_entry)?;
            for (_, _, entry) in &mut rows {
                entry.delivery = self.deliveries(FactKind::Visit, entry.visit.id.0)?;
            }
            Ok(rows)
        })?;
        Ok(unplaced(page_of(rows, filter.limit, cursor)))
    }

    /// How a fact's relays stand, by its own id.
    pub(super) fn deliveries(&self, kind: FactKind, key: uuid::Uuid) -> rusqlite::Result<Vec<DeliveryNote>> {
        let sql = "SELECT lane, state, attempts, lost_answer, last_error FROM outbox
                   WHERE key = ?1 AND body <> '' AND kind = ?2 ORDER BY id";
        self.all(sql, (key.to_string(), kind.as_str()), |row| {
            Ok(DeliveryNote {
                lane: row.get::<_, Word<_>>(0)?.0,
                state: row.get::<_, Word<_>>(1)?.0,
                attempts: row.get(2)?,
                possibly_twice: row.get::<_, i64>(3)? == 2,
                last_error: row.get(4)?,
            })
        })
    }

    /// The conditions of a filter as SQL, with their values in the order of the question marks.
    fn tests(&self, at: &str, filter: &HistoryFilter) -> Result<(String, Vec<Value>), StoreError> {
        let (mut tests, mut values) = (vec!["1".to_owned()], Vec::new());
        if let Some(person) = &filter.person {
            // Nobody has the row -1: an unknown person has no history.
            values.push(Value::from(self.person_id(person)?.map_or(-1, |id| id.0)));
            tests.push("h.person = ?".to_owned());
        }
        if let Some(from) = filter.from {
            values.push(Value::from(from.as_microsecond()));
            tests.push(format!("h.{at} >= ?"));
        }
        if let Some(to) = filter.to {
            values.push(Value::from(to.as_microsecond()));
            tests.push(format!("h.{at} < ?"));
        }
        if let Some(reader) = &filter.reader {
            values.push(Value::from(reader.to_string()));
            tests.push("h.reader = ?".to_owned());
        }
        if let Some(cursor) = &filter.cursor {
            let (moment, row) = page::moment_of(cursor)?;
            values.extend([Value::from(moment), Value::from(row)]);
            tests.push(format!("(h.{at}, h.row) < (?, ?)"));
        }
        Ok((tests.join(" AND "), values))
    }
}

impl Tx<'_> {
    /// Deletes what is past its retention, at most `limit` of each lane and kind; returns how many went.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn prune(&self, keep: &Retention, now: Timestamp, limit: u32) -> Result<u32, StoreError> {
        let before = |keep: Duration| Moment(now.checked_sub(keep).unwrap_or(Timestamp::MIN));
        let of_kinds = [
            (PASSAGES_BEFORE, keep.passages),
            (ALARMS_BEFORE, keep.passages),
            (VISITS_BEFORE, keep.visits),
            (COMMANDS_BEFORE, keep.commands),
            (SYNC_EVENTS_BEFORE, Some(keep.sync_history)),
        ];
        during("pruning", || {
            let mut gone = self.prune_rows(DELIVERED_ROWS, before(keep.delivered), limit)?;
            gone += self.prune_rows(GIVEN_UP, before(keep.delivered), limit)?;
            for (delete, keep) in of_kinds {
                if let Some(keep) = keep {
                    gone += self.run(delete, (before(keep), limit))?;
                }
            }
            gone += self.prune_answers(now, limit)?;
            if let Some(keep) = keep.classes {
                gone += self.prune_classes(before(keep))?;
            }
            self.all(&format!("PRAGMA incremental_vacuum({PAGES_GIVEN_BACK})"), [], |_| Ok(()))?;
            Ok(u32::try_from(gone).unwrap_or(u32::MAX))
        })
    }

    /// Lane by lane, each from the old end of its range.
    fn prune_rows(&self, range: &str, before: Moment, limit: u32) -> rusqlite::Result<usize> {
        let next = format!("SELECT lane FROM outbox WHERE {range} AND lane > ?1 ORDER BY lane LIMIT 1");
        let oldest = format!(
            "DELETE FROM outbox WHERE id IN
             (SELECT id FROM outbox WHERE {range} AND lane = ?1 AND changed_at < ?2 ORDER BY changed_at LIMIT ?3)"
        );
        let (mut gone, mut lane) = (0, String::new());
        while let Some(found) = self.one(&next, [&lane], |row| row.get(0))? {
            lane = found;
            gone += self.run(&oldest, (&lane, before, limit))?;
        }
        Ok(gone)
    }
}

const PASSAGES_BEFORE: &str =
    "DELETE FROM passage WHERE row IN (SELECT row FROM passage WHERE at < ?1 ORDER BY at LIMIT ?2)";
const ALARMS_BEFORE: &str = "DELETE FROM alarm WHERE row IN (SELECT row FROM alarm WHERE at < ?1 ORDER BY at LIMIT ?2)";
const VISITS_BEFORE: &str =
    "DELETE FROM visit WHERE row IN (SELECT row FROM visit WHERE started_at < ?1 ORDER BY started_at LIMIT ?2)";
/// In the order of their ids, which is that of their writing.
const COMMANDS_BEFORE: &str =
    "DELETE FROM operator_command WHERE id IN (SELECT id FROM operator_command WHERE at < ?1 ORDER BY id LIMIT ?2)";
const SYNC_EVENTS_BEFORE: &str = "DELETE FROM integration_event WHERE id IN
    (SELECT id FROM integration_event WHERE at < ?1 ORDER BY at LIMIT ?2)";

const PASSAGE: &str = "SELECT h.at, h.row, h.id, h.clock, h.gate, h.reader, h.direction, h.way, h.outcome, h.reasons,
        p.external_id, h.unknown_badge, h.operator, h.note, h.visit, h.trace, h.offline,
        EXISTS (SELECT 1 FROM visit v WHERE v.id = h.visit AND v.started_at = h.at)
    FROM passage h LEFT JOIN person p ON p.id = h.person";

/// The first eight columns are those that `standing::visit` reads.
const VISIT: &str =
    "SELECT h.id, h.started_at, h.reader, h.club_day, h.membership, h.ended_at, h.ended_by, h.class, h.row,
        p.external_id, h.gate, h.zone, h.clock, h.entries_taken, h.overdrawn
    FROM visit h LEFT JOIN person p ON p.id = h.person";

/// An entry with its place in the list: moment and row.
type Placed<T> = (i64, i64, T);

fn cursor<T>((moment, row, _): &Placed<T>) -> String {
    format!("{moment}.{row}")
}

fn unplaced<T>(page: Page<Placed<T>>) -> Page<T> {
    Page { items: page.items.into_iter().map(|(_, _, entry)| entry).collect(), next: page.next }
}

fn passage(row: &Row<'_>) -> rusqlite::Result<Placed<PassageEntry>> {
    let entry = PassageEntry {
        passage_id: PassageId(row.get::<_, Key>(2)?.0),
        at: row.get::<_, Moment>(0)?.0,
        clock: row.get::<_, Word<_>>(3)?.0,
        gate: row.get::<_, Word<_>>(4)?.0,
        reader: row.get::<_, Option<Word<_>>>(5)?.map(|it| it.0),
        direction: row.get::<_, Option<Word<_>>>(6)?.map(|it| it.0),
        way: row.get::<_, Word<_>>(7)?.0,
        outcome: row.get::<_, Word<_>>(8)?.0,
        reasons: row.get::<_, Doc<_>>(9)?.0,
        person: row.get::<_, Option<Word<_>>>(10)?.map(|it| it.0),
        unknown_badge: row.get(11)?,
        operator: row.get(12)?,
        note: row.get(13)?,
        visit: row.get::<_, Option<Key>>(14)?.map(|it| VisitId(it.0)),
        new_visit: row.get(17)?,
        offline: row.get(16)?,
        trace: row.get::<_, Doc<_>>(15)?.0,
    };
    Ok((row.get(0)?, row.get(1)?, entry))
}

fn visit_entry(row: &Row<'_>) -> rusqlite::Result<Placed<VisitEntry>> {
    let entry = VisitEntry {
        visit: visit(row)?,
        person: row.get::<_, Option<Word<_>>>(9)?.map(|it| it.0),
        gate: row.get::<_, Word<_>>(10)?.0,
        zone: row.get::<_, Option<Word<_>>>(11)?.map(|it| it.0),
        clock: row.get::<_, Word<_>>(12)?.0,
        entries_taken: row.get(13)?,
        overdrawn: row.get(14)?,
        delivery: Vec::new(),
    };
    Ok((row.get(1)?, row.get(8)?, entry))
}

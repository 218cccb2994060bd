//! The outbox: rows that wait for an upstream, and the only places where a row changes its state.
//!
//! ```text
//!            begin           answer lost, or a restart
//!  pending ────────▶ in_flight ────────▶ unsure        pending, in_flight, unsure: waiting; later rows of the person wait too
//!     ▲  ▲ later        │                  │           sent: waits for a receipt, which nobody else waits for
//!     │  └──────────────┤ acknowledged ◀───┘           held, parked: wait for a gate, or for an operator
//!     │ released, retry ▼
//!  held, parked      sent ───receipt───▶ delivered     delivered, suppressed, discarded, erased: final
//! ```
//!
//! A row in a final state never changes again: an acknowledgement that comes after an operator gave the row up is late.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Row, ToSql, named_params};

use super::columns::{Count, Moment, Word};
use super::error::{StoreError, during};
use super::links::WAITING_ON_IT;
use super::page::{Page, page_of, rows_wanted};
use super::transaction::{Tx, View};
use crate::domain::{
    ExternalId, FactKind, Hold, LaneId, LaneSummary, OutboxEntry, OutboxRow, PersonId, RowId, RowOutcome, RowState,
};

/// Rows handed to a lane at once: a window of any upstream, and a bounded piece of memory.
const ROWS_MAX: u32 = 2048;

const ROW: &str = "SELECT id, lane, kind, key, person, state, attempts, failures, body FROM outbox";

impl View<'_> {
    /// Rows of a lane that are to be sent (pending, unsure, in_flight), in row order after `after`.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn waiting_rows(&self, lane: &LaneId, after: RowId, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        let sql = format!("{ROW} WHERE lane = ?1 AND id > ?2 AND {WAITING} ORDER BY id LIMIT ?3");
        during("reading waiting rows", || self.all(&sql, (lane.as_str(), after.0, limit.min(ROWS_MAX)), row))
    }

    /// Rows `sent` before `before` without a receipt, in row order.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn unreceipted_rows(&self, lane: &LaneId, before: Timestamp, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        let sql = format!("{ROW} WHERE lane = ?1 AND state = 'sent' AND changed_at < ?2 ORDER BY id LIMIT ?3");
        during("reading rows without a receipt", || {
            self.all(&sql, (lane.as_str(), Moment(before), limit.min(ROWS_MAX)), row)
        })
    }

    /// Rows as the operator sees them, in row order.
    ///
    /// # Errors
    /// When SQLite fails or the cursor is none of ours.
    pub fn outbox(
        &self,
        lane: Option<&LaneId>,
        state: Option<RowState>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<OutboxEntry>, StoreError> {
        let after = super::page::number_of(cursor)?;
        // The states stand in the text, so that SQLite finds the partial index that is made for them.
        let of_state = state.map(|state| format!("AND o.state = '{}' AND {}", state.as_str(), range_of(state)));
        let sql = format!(
            "SELECT o.id, o.lane, o.kind, o.key, p.external_id, o.state, o.held_for, o.attempts, o.last_error,
                    o.written_at, o.changed_at, {WAITING_ON_IT}
             FROM outbox o LEFT JOIN person p ON p.id = o.person
             WHERE o.id > ?1 AND (?2 IS NULL OR o.lane = ?2) {} ORDER BY o.id LIMIT ?3",
            of_state.unwrap_or_default()
        );
        let rows = during("listing the outbox", || {
            self.all(&sql, (after, lane.map(LaneId::as_str), rows_wanted(limit)), entry)
        })?;
        Ok(page_of(rows, limit, |last| last.id.to_string()))
    }

    /// One summary for every lane in `configured` and every lane that has rows. Counts entries of indexes: some 20 ms for a
    /// million rows.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn lanes(&self, configured: &[LaneId]) -> Result<Vec<LaneSummary>, StoreError> {
        during("counting lanes", || {
            let mut lanes: BTreeMap<_, _> = configured.iter().map(|lane| (lane.clone(), nothing_of(lane))).collect();
            for (range, add) in COUNTED {
                let sql = format!("SELECT lane, count(*) FROM outbox WHERE {range} GROUP BY lane");
                let counts =
                    self.all(&sql, [], |row| Ok((row.get::<_, Word<LaneId>>(0)?.0, row.get::<_, Count>(1)?.0)))?;
                for (lane, rows) in counts {
                    add(lanes.entry(lane.clone()).or_insert_with(|| nothing_of(&lane)), rows);
                }
            }
            for summary in lanes.values_mut() {
                summary.oldest = self.oldest_undelivered(&summary.lane)?;
            }
            Ok(lanes.into_values().collect())
        })
    }

    fn oldest_undelivered(&self, lane: &LaneId) -> rusqlite::Result<Option<Timestamp>> {
        // An index each.
        let oldest_of = |range: &str| {
            let sql = format!("SELECT written_at FROM outbox WHERE lane = ?1 AND {range} ORDER BY id LIMIT 1");
            self.one(&sql, [lane.as_str()], |row| row.get::<_, Moment>(0).map(|moment| moment.0))
        };
        Ok([oldest_of(WAITING)?, oldest_of("state = 'sent'")?].into_iter().flatten().min())
    }
}

impl Tx<'_> {
    /// Adds a snapshot (with a body) or a mark (without). A mark that waits already is not added again, and one that was
    /// parked is tried again: what it marks has changed since.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn enqueue(
        &self,
        lane: &LaneId,
        kind: FactKind,
        key: &str,
        person: Option<PersonId>,
        body: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        during("adding an outbox row", || match body {
            "" => self.add_mark(lane, kind, key, person, now),
            snapshot => self.write_row(lane, kind, key, person, &snapshot, now),
        })
    }

    pub(super) fn add_mark(
        &self,
        lane: &LaneId,
        kind: FactKind,
        key: &str,
        person: Option<PersonId>,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        if self.mark_waits(lane, kind, key, person, now)? {
            return Ok(());
        }
        self.write_row(lane, kind, key, person, &"", now)
    }

    fn mark_waits(
        &self,
        lane: &LaneId,
        kind: FactKind,
        key: &str,
        person: Option<PersonId>,
        now: Timestamp,
    ) -> rusqlite::Result<bool> {
        // A mark in flight does not count: it may have been rendered before this change.
        let sql = "SELECT id, state FROM outbox WHERE person IS ?1 AND person IS NOT NULL AND lane = ?2 AND kind = ?3
                   AND key = ?4 AND body = '' AND (state = 'pending' OR state = 'held' OR state = 'parked') ORDER BY id LIMIT 1";
        let found = self.one(sql, (person.map(|it| it.0), lane.as_str(), kind.as_str(), key), |row| {
            Ok((row.get(0)?, row.get::<_, Word<RowState>>(1)?.0))
        })?;
        let Some((id, state)) = found else { return Ok(false) };
        if state == RowState::Parked {
            self.make_pending(id, now)?;
        }
        Ok(true)
    }

    /// Writes a row down, without asking whether it is there.
    pub(super) fn write_row(
        &self,
        lane: &LaneId,
        kind: FactKind,
        key: &str,
        person: Option<PersonId>,
        body: &dyn ToSql,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        self.run(
            "INSERT INTO outbox (lane, kind, key, person, state, written_at, changed_at, body)
             VALUES (?1, ?2, ?3, ?4, 'pending', ?5, ?5, ?6)",
            rusqlite::params![lane.as_str(), kind.as_str(), key, person.map(|it| it.0), Moment(now), body],
        )?;
        self.news().outbox_changed();
        Ok(())
    }

    /// Writes down what became of rows. An attempt is counted once: by [`Self::begin_row`], or else here.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn settle(&self, outcomes: &[(RowId, RowOutcome)], now: Timestamp) -> Result<(), StoreError> {
        during("settling outbox rows", || {
            outcomes.iter().try_for_each(|(id, outcome)| self.settle_row(*id, outcome, now))
        })
    }

    fn settle_row(&self, id: RowId, outcome: &RowOutcome, now: Timestamp) -> rusqlite::Result<()> {
        let (id, now) = (id.0, Moment(now));
        match outcome {
            RowOutcome::Delivered => self.run(DELIVERED, (id, now)),
            RowOutcome::Sent => self.run(SENT, (id, now)),
            RowOutcome::Later(why) => self.run(LATER, (id, now, why)),
            RowOutcome::Unsure(why) => self.run(UNSURE, (id, now, why)),
            RowOutcome::Failed(why) => self.run(FAILED, (id, now, why)),
            RowOutcome::Held(Hold::Mapping) => self.hold_for_mapping(id, now),
            RowOutcome::Held(Hold::Data) => self.hold_for_data(id, now),
            RowOutcome::Held(hold) => self.run(HELD, (id, now, Word(*hold))).and_then(|_| self.run(SUPERSEDED, [id])),
            RowOutcome::Never(why) => self.run(PARKED, (id, now, why)).and_then(|_| self.run(SUPERSEDED, [id])),
            RowOutcome::Suppressed(why) => self.run(SUPPRESSED, (id, now, why)),
        }
        .map(drop)
    }

    /// Commits `in_flight` before a request leaves, counting the attempt.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn begin_row(&self, id: RowId, now: Timestamp) -> Result<(), StoreError> {
        during("beginning an outbox row", || self.run(BEGUN, (id.0, Moment(now))).map(drop))
    }

    /// At start: what was in flight when the process died is `unsure`. Returns how many.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn unsettle_in_flight(&self, lane: &LaneId, now: Timestamp) -> Result<u32, StoreError> {
        during("unsettling rows in flight", || count(self.run(UNSETTLED, (lane.as_str(), Moment(now)))))
    }

    /// Marks rows delivered by fact key; returns how many of the keys were known. A receipt says more than the broker's
    /// acknowledgement and may come before it, or without it when the connection was cut: it counts for a row that still
    /// waits to be sent as well.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn receipts(&self, lane: &LaneId, keys: &[String], now: Timestamp) -> Result<u32, StoreError> {
        during("taking receipts", || {
            let mut known = 0;
            for key in keys {
                known += u32::from(self.run(RECEIVED, (lane.as_str(), key, Moment(now)))? > 0);
            }
            Ok(known)
        })
    }

    /// Releases a person's held rows, in row order; returns how many.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn release_held(&self, lane: &LaneId, person: PersonId, hold: Hold, now: Timestamp) -> Result<u32, StoreError> {
        during("releasing held rows", || self.release(lane, person, hold, now))
    }

    pub(super) fn release(&self, lane: &LaneId, person: PersonId, hold: Hold, now: Timestamp) -> rusqlite::Result<u32> {
        let released = count(self.run(RELEASED, (lane.as_str(), person.0, Word(hold), Moment(now))))?;
        if released > 0 {
            self.news().outbox_changed();
        }
        Ok(released)
    }

    /// An operator's retry of a parked, held, sent or waiting row; false: no such row or it is final.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn retry_row(&self, id: RowId, operator: &str, now: Timestamp) -> Result<bool, StoreError> {
        during("retrying an outbox row", || {
            let sql = "SELECT 1 FROM outbox WHERE id = ?1
                       AND state <> 'delivered' AND state <> 'suppressed' AND state <> 'discarded' AND state <> 'erased'";
            if self.one(sql, [id.0], |_| Ok(()))?.is_none() {
                return Ok(false);
            }
            self.make_pending(id.0, now)?;
            self.audit(Some(operator), "retry_row", &id.to_string(), None, now)?;
            Ok(true)
        })
    }

    /// A row in flight stays there: its answer is on the way.
    pub(super) fn make_pending(&self, id: i64, now: Timestamp) -> rusqlite::Result<()> {
        let sql = "UPDATE outbox SET state = 'pending', held_for = NULL, changed_at = ?2 WHERE id = ?1 AND state <> 'in_flight'";
        self.run(sql, (id, Moment(now)))?;
        self.news().outbox_changed();
        Ok(())
    }

    /// An operator gives a row up; false: no such row or it is final. What waited until it made its person known upstream is
    /// parked with it: nothing else would come of it, and nobody would be told.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn discard_row(&self, id: RowId, operator: &str, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
        during("discarding an outbox row", || {
            let given_up = self.run(DISCARDED, (id.0, Moment(now)))? > 0;
            if given_up {
                self.audit(Some(operator), "discard_row", &id.to_string(), Some(reason), now)?;
                self.unplan_row(id, now)?;
                self.park_what_waits_for_link(id, now)?;
                self.news().outbox_changed();
            }
            Ok(given_up)
        })
    }

    /// Writes down who made the agent do something by hand, and why.
    pub(super) fn audit(
        &self,
        operator: Option<&str>,
        command: &str,
        subject: &str,
        reason: Option<&str>,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        self.run(
            "INSERT INTO operator_command (at, operator, command, subject, reason) VALUES (:at, :operator, :command, :subject, :reason)",
            named_params! {
                ":at": Moment(now), ":operator": operator, ":command": command, ":subject": subject, ":reason": reason,
            },
        )
        .map(drop)
    }
}

// States are compared one by one, never `IN` a list: for a list of three words or more SQLite fills a table each time it
// looks, for the condition of a partial index too, which costs several times what the row itself does.

/// Rows that will be sent by themselves. Word for word as in the partial index, which SQLite would not use otherwise.
pub(super) const WAITING: &str = "(state = 'pending' OR state = 'in_flight' OR state = 'unsure')";
/// Rows that their receiver acknowledged.
pub(super) const DELIVERED_ROWS: &str = "state = 'delivered'";
/// Rows that nothing more happens to, though no receiver acknowledged them.
pub(super) const GIVEN_UP: &str = "(state = 'suppressed' OR state = 'discarded' OR state = 'erased')";

/// What the receiver's acknowledgement does to a row.
pub(super) const DELIVERED: &str =
    "UPDATE outbox SET state = 'delivered', held_for = NULL, changed_at = ?2, last_error = NULL,
        attempts = attempts + (state NOT IN ('in_flight', 'sent')),
        lost_answer = iif(lost_answer = 1 AND state <> 'in_flight', 2, lost_answer)
    WHERE id = ?1 AND state <> 'delivered' AND state <> 'suppressed' AND state <> 'discarded' AND state <> 'erased'";
const SENT: &str = "UPDATE outbox SET state = 'sent', changed_at = ?2, attempts = attempts + (state <> 'in_flight'),
        lost_answer = iif(lost_answer = 1 AND state <> 'in_flight', 2, lost_answer)
    WHERE id = ?1 AND (state = 'pending' OR state = 'in_flight' OR state = 'unsure' OR state = 'sent')";
const LATER: &str = "UPDATE outbox SET state = iif(state = 'in_flight', 'pending', state), changed_at = ?2,
        last_error = ?3, attempts = attempts + (state <> 'in_flight')
    WHERE id = ?1 AND (state = 'pending' OR state = 'in_flight' OR state = 'unsure' OR state = 'sent')";
const UNSURE: &str = "UPDATE outbox SET state = 'unsure', changed_at = ?2, last_error = ?3,
        attempts = attempts + (state <> 'in_flight'),
        lost_answer = iif(lost_answer = 1 AND state <> 'in_flight', 2, max(lost_answer, 1))
    WHERE id = ?1 AND (state = 'pending' OR state = 'in_flight' OR state = 'unsure')";
const FAILED: &str =
    "UPDATE outbox SET state = iif(state = 'in_flight', 'unsure', state), changed_at = ?2, last_error = ?3,
        attempts = attempts + (state <> 'in_flight'), failures = failures + 1,
        lost_answer = iif(state = 'in_flight', max(lost_answer, 1), lost_answer)
    WHERE id = ?1 AND (state = 'pending' OR state = 'in_flight' OR state = 'unsure')";
const HELD: &str = "UPDATE outbox SET state = 'held', held_for = ?3, changed_at = ?2
    WHERE id = ?1 AND (state = 'pending' OR state = 'in_flight' OR state = 'unsure')";
/// A mark that stays is one too many if the same was marked again while it was in flight: the newer one says it all.
const SUPERSEDED: &str = "DELETE FROM outbox WHERE id = ?1 AND body = '' AND (state = 'held' OR state = 'parked') AND EXISTS
    (SELECT 1 FROM outbox newer WHERE newer.person = outbox.person AND newer.lane = outbox.lane AND newer.kind = outbox.kind
     AND newer.key = outbox.key AND newer.body = '' AND newer.id > outbox.id AND newer.state = 'pending')";
const PARKED: &str = "UPDATE outbox SET state = 'parked', changed_at = ?2, last_error = ?3
    WHERE id = ?1 AND (state = 'pending' OR state = 'in_flight' OR state = 'unsure' OR state = 'sent')";
const SUPPRESSED: &str = "UPDATE outbox SET state = 'suppressed', changed_at = ?2, last_error = ?3
    WHERE id = ?1 AND (state = 'pending' OR state = 'in_flight' OR state = 'unsure')";
const BEGUN: &str = "UPDATE outbox SET state = 'in_flight', changed_at = ?2, attempts = attempts + 1,
        lost_answer = iif(lost_answer = 1, 2, lost_answer)
    WHERE id = ?1 AND state IN ('pending', 'unsure')";
const UNSETTLED: &str =
    "UPDATE outbox SET state = 'unsure', changed_at = ?2, lost_answer = max(lost_answer, 1), failures = failures + 1,
        last_error = 'the agent stopped before the answer came'
    WHERE lane = ?1 AND state = 'in_flight'";
const RECEIVED: &str = "UPDATE outbox SET state = 'delivered', changed_at = ?3, last_error = NULL
    WHERE lane = ?1 AND key = ?2 AND body <> ''
        AND (state = 'pending' OR state = 'in_flight' OR state = 'unsure' OR state = 'sent')";
/// A row whose answer was lost before it was held is as much in doubt as it was.
const RELEASED: &str =
    "UPDATE outbox SET state = iif(lost_answer > 0, 'unsure', 'pending'), held_for = NULL, changed_at = ?4
    WHERE lane = ?1 AND person = ?2 AND state = 'held' AND held_for = ?3";
const DISCARDED: &str = "UPDATE outbox SET state = 'discarded', held_for = NULL, changed_at = ?2
    WHERE id = ?1 AND state <> 'delivered' AND state <> 'suppressed' AND state <> 'discarded' AND state <> 'erased'";

/// One of a lane's numbers: where its rows are, and where the number goes.
type Number = (&'static str, fn(&mut LaneSummary, u64));

/// How a lane's numbers are counted: each in one partial index.
const COUNTED: [Number; 6] = [
    (WAITING, |lane, rows| lane.waiting = rows),
    ("state = 'sent'", |lane, rows| lane.sent = rows),
    ("state = 'held'", |lane, rows| lane.held = rows),
    ("state = 'parked'", |lane, rows| lane.parked = rows),
    (DELIVERED_ROWS, |lane, rows| lane.delivered = rows),
    // Counted nowhere; but a lane with nothing else is still shown.
    (GIVEN_UP, |_, _| {}),
];

/// The condition of the partial index in which a state is found.
fn range_of(state: RowState) -> &'static str {
    match state {
        RowState::Pending | RowState::InFlight | RowState::Unsure => WAITING,
        RowState::Sent => "state = 'sent'",
        RowState::Held => "state = 'held'",
        RowState::Parked => "state = 'parked'",
        RowState::Delivered => DELIVERED_ROWS,
        RowState::Suppressed | RowState::Discarded | RowState::Erased => GIVEN_UP,
    }
}

fn row(row: &Row<'_>) -> rusqlite::Result<OutboxRow> {
    Ok(OutboxRow {
        id: RowId(row.get(0)?),
        lane: row.get::<_, Word<_>>(1)?.0,
        kind: row.get::<_, Word<_>>(2)?.0,
        key: row.get(3)?,
        person: row.get::<_, Option<i64>>(4)?.map(PersonId),
        state: row.get::<_, Word<_>>(5)?.0,
        attempts: row.get(6)?,
        failures: row.get(7)?,
        body: row.get(8)?,
    })
}

fn entry(row: &Row<'_>) -> rusqlite::Result<OutboxEntry> {
    Ok(OutboxEntry {
        id: RowId(row.get(0)?),
        lane: row.get::<_, Word<_>>(1)?.0,
        kind: row.get::<_, Word<_>>(2)?.0,
        key: row.get(3)?,
        person: row.get::<_, Option<Word<ExternalId>>>(4)?.map(|it| it.0),
        state: row.get::<_, Word<_>>(5)?.0,
        held_for: row.get::<_, Option<Word<_>>>(6)?.map(|it| it.0),
        attempts: row.get(7)?,
        last_error: row.get(8)?,
        written_at: row.get::<_, Moment>(9)?.0,
        changed_at: row.get::<_, Moment>(10)?.0,
        waiting_on_it: row.get::<_, Count>(11)?.0,
    })
}

fn nothing_of(lane: &LaneId) -> LaneSummary {
    LaneSummary { lane: lane.clone(), waiting: 0, sent: 0, held: 0, parked: 0, delivered: 0, oldest: None }
}

fn count(changed: rusqlite::Result<usize>) -> rusqlite::Result<u32> {
    changed.map(|rows| u32::try_from(rows).unwrap_or(u32::MAX))
}

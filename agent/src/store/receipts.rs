//! Rows that wait for somebody else: for the central system to confirm what the broker took, or for an operator to read.

use jiff::Timestamp;

use super::columns::Moment;
use super::error::{StoreError, during};
use super::transaction::Tx;
use crate::domain::{FactKind, LaneId};

const AGAIN: &str = "UPDATE outbox SET state = 'pending', changed_at = ?4,
        last_error = 'the central system did not confirm it in time'
    WHERE id IN (SELECT id FROM outbox WHERE lane = ?1 AND state = 'sent' AND changed_at < ?2 ORDER BY id LIMIT ?3)";

impl Tx<'_> {
    /// Makes rows pending again that were `sent` before `before` and have no receipt, the oldest first, at most `limit`;
    /// returns how many.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn send_again(&self, lane: &LaneId, before: Timestamp, limit: u32, now: Timestamp) -> Result<u32, StoreError> {
        during("making rows without a receipt pending again", || {
            let rows = self.run(AGAIN, (lane.as_str(), Moment(before), limit, Moment(now)))?;
            if rows > 0 {
                self.news().outbox_changed();
            }
            Ok(u32::try_from(rows).unwrap_or(u32::MAX))
        })
    }

    /// Puts a note for an operator among the parked rows of a lane: nobody's, and sent only if somebody wants it to be. One
    /// that waits already is not added again.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn park_note(
        &self,
        lane: &LaneId,
        kind: FactKind,
        key: &str,
        why: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let waits =
            "SELECT 1 FROM outbox WHERE lane = ?1 AND kind = ?2 AND key = ?3 AND person IS NULL AND state = 'parked'";
        let park = "INSERT INTO outbox (lane, kind, key, state, last_error, written_at, changed_at, body)
                    VALUES (?1, ?2, ?3, 'parked', ?4, ?5, ?5, '')";
        during("parking a note", || {
            if self.one(waits, (lane.as_str(), kind.as_str(), key), |_| Ok(()))?.is_none() {
                self.run(park, (lane.as_str(), kind.as_str(), key, why, Moment(now)))?;
                self.news().outbox_changed();
            }
            Ok(())
        })
    }
}

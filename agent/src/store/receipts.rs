//! Rows that wait for the central system to confirm what the broker took.

use jiff::Timestamp;

use super::columns::Moment;
use super::error::{StoreError, during};
use super::transaction::Tx;
use crate::domain::LaneId;

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
}

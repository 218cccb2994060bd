//! Rows that wait for the central system to confirm what the broker took.

use std::time::Duration;

use jiff::Timestamp;

use super::columns::Moment;
use super::error::{StoreError, during};
use super::transaction::Tx;
use crate::domain::LaneId;

/// The second wait is one timeout, like the first, and each after it is twice as long as the one before: as many rows as wait
/// after a day without the central system would otherwise fill its line every half minute.
const AGAIN: &str = "UPDATE outbox SET state = 'pending', changed_at = ?4,
        last_error = 'the central system did not confirm it in time'
    WHERE id IN (SELECT id FROM outbox WHERE lane = ?1 AND state = 'sent'
        AND changed_at < ?2 - min(?5 * ((1 << max(0, min(attempts - 2, 20))) - 1), max(?6 - ?5, 0)) ORDER BY id LIMIT ?3)";
/// Longest wait for a receipt of a row that was published again and again.
const WAIT_MAX: Duration = Duration::from_secs(60 * 60);

/// How rows wait that nobody confirmed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Patience {
    /// From so long to an hour, twice as long each time.
    Growing(Duration),
    /// No longer than the first time: receipts come again.
    None,
}

impl Tx<'_> {
    /// Makes rows pending again that were `sent` before `before` and have no receipt, the oldest first, at most `limit`;
    /// returns how many. With growing patience those that were sent often must have been sent so much earlier.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn send_again(
        &self,
        lane: &LaneId,
        (before, patience): (Timestamp, Patience),
        limit: u32,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        let micros = |wait: Duration| i64::try_from(wait.as_micros()).unwrap_or(i64::MAX >> 24);
        let first = match patience {
            Patience::Growing(first) => micros(first.min(WAIT_MAX)),
            Patience::None => 0,
        };
        let longest = if patience == Patience::None { 0 } else { micros(WAIT_MAX) };
        during("making rows without a receipt pending again", || {
            let rows = self.run(AGAIN, (lane.as_str(), Moment(before), limit, Moment(now), first, longest))?;
            if rows > 0 {
                self.news().outbox_changed();
            }
            Ok(u32::try_from(rows).unwrap_or(u32::MAX))
        })
    }
}

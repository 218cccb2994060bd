//! What a member did is told after what is known of them: visits and attendance wait while marks of their person do.
//!
//! Rows are sent in the order of writing. The marks of somebody who is just being made known are written after the visits
//! that asked for it, and those of who is let go on after a suspension after the visits of that time.

use jiff::Timestamp;

use super::columns::Moment;
use super::error::{StoreError, during};
use super::integration::{NOT_DUE, lane};
use super::outbox::WAITING;
use super::transaction::{Tx, View};
use crate::domain::{LaneId, PersonId};

impl View<'_> {
    /// Whether marks of the person wait to be sent.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn marks_wait(&self, lane: &LaneId, person: PersonId) -> Result<bool, StoreError> {
        during("looking for marks", || Ok(self.due_while_told(lane, person)? != NOT_DUE))
    }
}

impl Tx<'_> {
    /// A row to be held goes on at once if the last mark was told, or given up, while it was on its way to be held.
    pub(super) fn hold_for_data(&self, row: i64, now: Moment) -> rusqlite::Result<usize> {
        let sql = format!(
            "UPDATE outbox SET state = 'held', held_for = 'data', changed_at = ?2 WHERE id = ?1 AND {WAITING}
             AND EXISTS (SELECT 1 FROM outbox mark WHERE mark.person = outbox.person AND +mark.lane = outbox.lane
                 AND mark.body = '' AND (mark.state = 'pending' OR mark.state = 'in_flight' OR mark.state = 'unsure'))"
        );
        let held = self.run(&sql, (row, now))?;
        if held == 0 {
            self.news().outbox_changed();
        }
        Ok(held)
    }

    /// The suspension is over: what the member did in it waits until the person is planned, and then for the marks.
    pub(super) fn hold_suspended_for_data(&self, person: PersonId, now: Timestamp) -> rusqlite::Result<()> {
        let sql = "UPDATE outbox SET held_for = 'data', changed_at = ?3
                   WHERE person = ?1 AND +lane = ?2 AND body <> '' AND state = 'held' AND held_for = 'suspension'";
        self.run(sql, (person.0, lane().as_str(), Moment(now))).map(drop)
    }

    /// Lets go on what waited for the person's marks, unless some still wait. The plus keeps SQLite from going through
    /// the lane's rows rather than the person's.
    pub(super) fn release_after_data(&self, person: PersonId, now: Timestamp) -> rusqlite::Result<()> {
        let sql = format!(
            "UPDATE outbox SET state = iif(lost_answer > 0, 'unsure', 'pending'), held_for = NULL, changed_at = ?3
             WHERE person = ?1 AND +lane = ?2 AND state = 'held' AND held_for = 'data'
             AND NOT EXISTS (SELECT 1 FROM outbox WHERE person = ?1 AND +lane = ?2 AND body = '' AND {WAITING})"
        );
        if self.run(&sql, (person.0, lane().as_str(), Moment(now)))? > 0 {
            self.news().outbox_changed();
        }
        Ok(())
    }
}

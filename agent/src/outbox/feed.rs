//! The rows of one lane on their way: pages out of the store, acknowledgements back into it, each overlapping the sending.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::facts::{LaneOnline, LaneStoreFailed, RowSettled, RowsAcknowledged, RowsUnsettled};
use super::queue::{Out, PAGE_ROWS, PageRequest, Queue};
use super::schedule::{Jitter, delay_after, delay_after_failure};
use super::status::{LaneStatus, Meter, RATE_OVER};
use super::{RowOrder, SessionLost};
use crate::clock::Clock;
use crate::domain::{LaneId, OutboxRow, RowId, RowOutcome};
use crate::store::{Store, StoreError};
use crate::sync::Attempt;
use crate::telemetry::Fact;

/// Between two tries after the store failed: it is our own disk, back soon or not at all.
const STORE_RETRY: Duration = Duration::from_secs(1);
/// How long a session that ended waits for its last acknowledgements to be durable. Whatever is not durable by then is
/// sent again.
const FLUSH_MAX: Duration = Duration::from_secs(5);

/// What became of rows, and what that says of people's integrations; written down together.
#[derive(Clone, Default)]
struct Settled {
    outcomes: Vec<(RowId, RowOutcome)>,
    attempts: Vec<Attempt>,
}

impl Settled {
    fn is_empty(&self) -> bool {
        self.outcomes.is_empty()
    }

    /// First in, first durable: what came after must not overtake it.
    fn put_before(self, later: &mut Self) {
        later.outcomes.splice(..0, self.outcomes);
        later.attempts.splice(..0, self.attempts);
    }
}

/// Work of the store that a feed waits for without holding up the sending.
enum Answer {
    Page(PageRequest, Result<Vec<OutboxRow>, StoreError>),
    Settled(Settled, Result<(), StoreError>),
}

/// The rows of one session: what is due comes out in row order, what became of it goes back in.
pub struct Feed {
    lane: LaneId,
    store: Store,
    clock: Clock,
    cancel: CancellationToken,
    status: watch::Sender<LaneStatus>,
    changes: watch::Receiver<u64>,
    queue: Queue,
    /// At most one page and one commit at a time: while a commit runs, the next batch gathers.
    asked: JoinSet<Answer>,
    reading: bool,
    committing: bool,
    unsettled: Settled,
    acknowledged: u64,
    meter: Meter,
}

impl Feed {
    pub(super) fn new(
        lane: LaneId,
        (window, order): (usize, RowOrder),
        (store, clock): (Store, Clock),
        status: watch::Sender<LaneStatus>,
        cancel: CancellationToken,
    ) -> Self {
        Self {
            changes: store.outbox_changes(),
            queue: Queue::new(window, PAGE_ROWS, order),
            asked: JoinSet::new(),
            reading: false,
            committing: false,
            unsettled: Settled::default(),
            acknowledged: 0,
            meter: Meter::started(clock.now().uptime),
            lane,
            store,
            clock,
            cancel,
            status,
        }
    }

    /// The next row that may be sent: due, not blocked by an earlier row of its person, and with a free slot in the
    /// window. Cancel safe. None: the lane is draining; finish what is outstanding and return.
    pub async fn next(&mut self) -> Option<OutboxRow> {
        while !self.is_draining() {
            if let Some(row) = self.try_next() {
                return Some(row);
            }
            self.progress().await;
        }
        None
    }

    /// The next row that may be sent, if it is at hand. None: ask [`Feed::next`], which waits.
    pub fn try_next(&mut self) -> Option<OutboxRow> {
        if self.is_draining() {
            return None;
        }
        self.take_answers();
        let row = self.queue.take();
        self.read_ahead();
        self.show_idle(row.is_none() && self.queue.is_idle() && self.queue.next_due().is_none());
        row
    }

    /// Whether the lane is ending: no more rows come.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Commits the row as in flight before its request leaves (for upstreams that do not dedupe).
    ///
    /// # Errors
    /// When the store refuses: then the request must not leave.
    pub async fn begin(&mut self, row: &OutboxRow) -> Result<(), SessionLost> {
        // Noted before it is durable: a commit that nobody waited for counts as one whose request left.
        if let Some(out) = self.queue.out(row.id) {
            out.begun = true;
        }
        let (id, now) = (row.id, self.clock.now().wall);
        let begun = self.store.write_through("marking a row as in flight", move |tx| tx.begin_row(id, now)).await;
        begun.map_err(|error| SessionLost(error.to_string()))
    }

    /// Says what became of a row. Its slot is free again when that is durable.
    pub fn settle(&mut self, row: RowId, outcome: RowOutcome) {
        self.unsettled.outcomes.push((row, outcome));
        self.take_answers();
        self.commit();
    }

    /// The same for a row that tells something of a person: their integration changes in the same transaction.
    pub fn settle_attempt(&mut self, row: RowId, attempt: Attempt) {
        let outcome = attempt.outcome.clone();
        self.unsettled.attempts.push(attempt);
        self.settle(row, outcome);
    }

    /// What kept failing is over: every row that was put off is tried at once.
    pub fn try_all_again(&mut self) {
        self.queue.all_due(self.clock.now().uptime);
    }

    /// The lane's store, for what a delivery needs to look up or write.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The lane whose rows these are.
    #[must_use]
    pub fn lane(&self) -> &LaneId {
        &self.lane
    }

    /// The session has reached its upstream (logged in, connected): the lane is shown as online. The back-off starts
    /// anew once a row is acknowledged or the session has lasted: an upstream that accepts and then throws us out is
    /// as good as away.
    pub fn online(&mut self) {
        let now = self.clock.now().wall;
        self.status.send_modify(|status| {
            status.online_since = Some(now);
            status.next_attempt_at = None;
        });
        LaneOnline { lane: &self.lane }.tell();
    }

    /// Rows acknowledged since the start, durable.
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// At start: what was in flight when the process before this one died is unsure.
    pub(super) async fn recover(&mut self) {
        while !self.is_draining() {
            let (lane, now) = (self.lane.clone(), self.clock.now().wall);
            let recovered = self
                .store
                .write_through("finding rows in flight at the last end", move |tx| tx.unsettle_in_flight(&lane, now));
            match recovered.await {
                Ok(rows) => return RowsUnsettled { lane: &self.lane, rows }.tell(),
                Err(error) => LaneStoreFailed { lane: &self.lane, error: &error }.tell(),
            }
            tokio::time::sleep(STORE_RETRY).await;
        }
    }

    /// The session is over: rows begun and never answered are unsure, what was settled is made durable, and the next
    /// session reads the outbox from its start.
    pub(super) async fn end_session(&mut self) {
        if tokio::time::timeout(FLUSH_MAX, self.flush()).await.is_err() {
            // What was handed to the writer may still be written. Saying more about those rows could undo it: they
            // stand in the store as they are, in flight if begun, and are met again as such.
            self.forget_answers();
            self.queue.start_over();
            return;
        }
        let lost = |row| (row, RowOutcome::Failed("the session ended before the answer came".into()));
        self.unsettled.outcomes.extend(self.queue.start_over().into_iter().map(lost));
        if tokio::time::timeout(FLUSH_MAX, self.flush()).await.is_err() {
            self.forget_answers();
        }
    }

    fn forget_answers(&mut self) {
        self.asked = JoinSet::new();
        self.unsettled = Settled::default();
        (self.reading, self.committing) = (false, false);
    }

    async fn flush(&mut self) {
        self.commit();
        while self.committing {
            self.take_next_answer().await;
            self.commit();
        }
    }

    /// Waits until something may have changed about which rows can go. Cancel safe: state changes only between awaits.
    async fn progress(&mut self) {
        let now = self.clock.now().uptime;
        let due_in = self.queue.next_due().map(|due| due.since(now));
        let slowing = self.queue.is_idle() && self.is_shown_busy();
        let cancel = self.cancel.clone();
        tokio::select! {
            biased;
            () = cancel.cancelled() => {}
            Some(answer) = self.asked.join_next() => self.apply(unpanicked(answer)),
            changed = self.changes.changed() => match changed {
                Ok(()) => self.queue.something_changed(self.clock.now().uptime),
                // The store is gone, and with it all that could wake this lane; only its end is left to wait for.
                Err(_) => cancel.cancelled().await,
            },
            () = tokio::time::sleep(due_in.unwrap_or_default()), if due_in.is_some() => {
                self.queue.wake_due(self.clock.now().uptime);
            }
            () = tokio::time::sleep(RATE_OVER), if slowing => self.count_acknowledged(0),
        }
    }

    fn show_idle(&self, is_idle: bool) {
        self.status.send_if_modified(|status| std::mem::replace(&mut status.is_idle, is_idle) != is_idle);
    }

    fn is_shown_busy(&self) -> bool {
        let shown = self.status.borrow();
        shown.rows_per_second > 0 || shown.delivered != self.acknowledged
    }

    fn read_ahead(&mut self) {
        if self.reading {
            return;
        }
        let Some(request) = self.queue.wanted_page() else { return };
        let (store, lane) = (self.store.clone(), self.lane.clone());
        self.reading = true;
        self.asked.spawn(async move {
            let rows = store
                .read("reading rows to be sent", move |view| view.waiting_rows(&lane, request.after, PAGE_ROWS))
                .await;
            rest_after_failure(&rows).await;
            Answer::Page(request, rows)
        });
    }

    fn commit(&mut self) {
        if self.committing || self.unsettled.is_empty() {
            return;
        }
        let settled = std::mem::take(&mut self.unsettled);
        let (store, now, batch, lane) = (self.store.clone(), self.clock.now().wall, settled.clone(), self.lane.clone());
        self.committing = true;
        self.asked.spawn(async move {
            let writing = store.write_through("writing down what became of rows", move |tx| {
                tx.settle(&batch.outcomes, now)?;
                tx.note_attempts(&lane, &batch.attempts, now)
            });
            let written = writing.await;
            rest_after_failure(&written).await;
            Answer::Settled(settled, written)
        });
    }

    fn take_answers(&mut self) {
        while let Some(answer) = self.asked.try_join_next() {
            self.apply(unpanicked(answer));
        }
    }

    async fn take_next_answer(&mut self) {
        if let Some(answer) = self.asked.join_next().await {
            self.apply(unpanicked(answer));
        }
    }

    fn apply(&mut self, answer: Answer) {
        match answer {
            Answer::Page(request, rows) => {
                self.reading = false;
                let now = self.clock.now().uptime;
                match rows {
                    Ok(rows) => self.queue.accept(request, rows, now),
                    Err(error) => LaneStoreFailed { lane: &self.lane, error: &error }.tell(),
                }
                self.queue.wake_due(now);
            }
            Answer::Settled(settled, written) => {
                self.committing = false;
                match written {
                    Ok(()) => self.free_slots(&settled.outcomes),
                    Err(error) => {
                        LaneStoreFailed { lane: &self.lane, error: &error }.tell();
                        settled.put_before(&mut self.unsettled);
                    }
                }
                self.commit();
            }
        }
    }

    fn free_slots(&mut self, outcomes: &[(RowId, RowOutcome)]) {
        let mut acknowledged = 0;
        for (row, outcome) in outcomes {
            RowSettled { lane: &self.lane, row: *row, outcome }.tell();
            match outcome {
                RowOutcome::Delivered | RowOutcome::Sent => {
                    acknowledged += 1;
                    self.queue.left(*row);
                }
                RowOutcome::Held(_) | RowOutcome::Never(_) | RowOutcome::Suppressed(_) => self.queue.left(*row),
                RowOutcome::Later(_) | RowOutcome::Unsure(_) => {
                    self.put_off(*row, |out| delay_after(out.attempts, Jitter::draw()))
                }
                RowOutcome::Failed(_) => self.put_off(*row, |out| delay_after_failure(out.failures, Jitter::draw())),
            }
        }
        self.count_acknowledged(acknowledged);
    }

    fn put_off(&mut self, row: RowId, delay: fn(&Out) -> Duration) {
        let Some(delay) = self.queue.out(row).map(|out| delay(out)) else { return };
        let due = self.clock.now().uptime.after(delay);
        self.queue.put_off(row, due);
    }

    fn count_acknowledged(&mut self, rows: u32) {
        self.acknowledged += u64::from(rows);
        if rows > 0 {
            RowsAcknowledged { lane: &self.lane, rows }.tell();
        }
        if let Some(rate) = self.meter.count(rows, self.clock.now().uptime) {
            let delivered = self.acknowledged;
            self.status.send_modify(|status| (status.delivered, status.rows_per_second) = (delivered, rate));
        }
    }
}

async fn rest_after_failure<T>(answer: &Result<T, StoreError>) {
    if answer.is_err() {
        tokio::time::sleep(STORE_RETRY).await;
    }
}

/// A panic in the store's work is this lane's panic: supervision ends the process, and nothing was acknowledged.
fn unpanicked(answer: Result<Answer, tokio::task::JoinError>) -> Answer {
    match answer {
        Ok(answer) => answer,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

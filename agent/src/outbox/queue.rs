//! Which of a lane's rows may go now: row order per person, a bounded window, and pages instead of the whole backlog; pure.
//!
//! ```text
//!  store ──page──▶ page ──take──▶ out ──left──▶ gone
//!                   ▲              │
//!                   └─rewind─ put off (Later, Unsure) until due
//! ```
//! The scan runs forward through the waiting rows. A row whose person has an earlier row out or put off is passed over,
//! and the scan returns to it (rewinds) when nothing stands before it any more.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use super::RowOrder;
use crate::domain::{OutboxRow, PersonId, RowId, Uptime};

/// Rows read at a time: more than any window, so that reading and sending overlap; few enough that a backlog of weeks
/// costs no more memory than one of seconds.
pub(super) const PAGE_ROWS: u32 = 1024;
/// Rows put off at a time. An upstream that puts off more of them has a trouble that concerns them all: nothing new is
/// handed to it until the first of these is due.
const PUT_OFF_MAX: usize = 1024;
/// A page older than this is read again when something changed: while an upstream stalls, a person in it may have been
/// erased or a row given up. A drain that flows is through its pages long before.
const PAGE_FRESH_FOR: Duration = Duration::from_secs(1);
/// Before the first row.
const START: RowId = RowId(0);

/// A page to be read: rows after `after`. Its answer is only used if the scan has not turned back meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PageRequest {
    pub(super) after: RowId,
    turn: u64,
}

/// A row that was handed out and whose fate is not durable yet.
#[derive(Debug)]
pub(super) struct Out {
    person: Option<PersonId>,
    /// How often it had been tried before.
    pub(super) attempts: u32,
    /// How often it had failed by itself.
    pub(super) failures: u32,
    /// Whether it was committed as in flight: then it may have reached the upstream even if nobody answered.
    pub(super) begun: bool,
}

#[derive(Debug)]
struct PutOff {
    person: Option<PersonId>,
    due: Uptime,
}

/// A person whose later rows wait.
#[derive(Debug, Default)]
struct Holding {
    rows: BTreeSet<RowId>,
    passed_over: Option<RowId>,
}

/// The rows of one lane as far as they are in memory.
#[derive(Debug)]
pub(super) struct Queue {
    window: usize,
    page_rows: usize,
    order: RowOrder,
    page: VecDeque<OutboxRow>,
    page_read_at: Uptime,
    read_to: RowId,
    turn: u64,
    at_end: bool,
    scan_again: bool,
    out: HashMap<RowId, Out>,
    /// Rows that left since the page under way was asked for: it may still show them as waiting.
    left_meanwhile: BTreeSet<RowId>,
    put_off: BTreeMap<RowId, PutOff>,
    holding: HashMap<PersonId, Holding>,
}

impl Queue {
    /// An empty queue at the start of the backlog. `window` is the most rows out at once, at least one; a page of less
    /// than `page_rows` is the last.
    pub(super) fn new(window: usize, page_rows: u32, order: RowOrder) -> Self {
        Self {
            window: window.max(1),
            page_rows: page_rows as usize,
            order,
            page: VecDeque::new(),
            page_read_at: Uptime::default(),
            read_to: START,
            turn: 0,
            at_end: false,
            scan_again: false,
            out: HashMap::new(),
            left_meanwhile: BTreeSet::new(),
            put_off: BTreeMap::new(),
            holding: HashMap::new(),
        }
    }

    /// The next row that may go; it is out from here on.
    pub(super) fn take(&mut self) -> Option<OutboxRow> {
        while self.out.len() < self.window && self.put_off.len() < PUT_OFF_MAX {
            let row = self.page.pop_front()?;
            let known = self.out.contains_key(&row.id) || self.put_off.contains_key(&row.id);
            if known || self.is_passed_over(&row) {
                continue;
            }
            if self.order == RowOrder::AfterAnswer {
                self.hold(row.person, row.id);
            }
            self.out.insert(
                row.id,
                Out { person: row.person, attempts: row.attempts, failures: row.failures, begun: false },
            );
            return Some(row);
        }
        None
    }

    /// The page to read next, when there is more and room for it.
    pub(super) fn wanted_page(&mut self) -> Option<PageRequest> {
        if self.at_end && self.page.is_empty() && self.scan_again {
            self.scan_again_from(START);
        }
        let room = self.page.len() < self.page_rows / 2;
        if self.at_end || !room {
            return None;
        }
        self.left_meanwhile.clear();
        Some(PageRequest { after: self.read_to, turn: self.turn })
    }

    /// A page arrived. One that was asked for before the scan turned back is dropped.
    pub(super) fn accept(&mut self, request: PageRequest, rows: Vec<OutboxRow>, now: Uptime) {
        if request.turn != self.turn {
            return;
        }
        if self.page.is_empty() {
            self.page_read_at = now;
        }
        if rows.len() < self.page_rows {
            self.at_end = true;
        }
        if let Some(last) = rows.last() {
            self.read_to = last.id;
        }
        self.page.extend(rows.into_iter().filter(|row| !self.left_meanwhile.contains(&row.id)));
    }

    /// Rows were written, released or made due, anywhere in the backlog. The scan under way finishes first: in a long
    /// drain beside a busy door it would otherwise never get past its beginning.
    pub(super) fn something_changed(&mut self, now: Uptime) {
        self.scan_again = true;
        if !self.page.is_empty() && now.since(self.page_read_at) > PAGE_FRESH_FOR {
            self.scan_again_from(self.read_to);
        }
    }

    /// How a row that is out stands, if it is.
    pub(super) fn out(&mut self, row: RowId) -> Option<&mut Out> {
        self.out.get_mut(&row)
    }

    /// It is durable that the row waits no longer. A page read while it was out shows it all the same, and it must not
    /// go out a second time.
    pub(super) fn left(&mut self, row: RowId) {
        self.left_meanwhile.insert(row);
        if let Ok(place) = self.page.binary_search_by_key(&row, |it| it.id) {
            self.page.remove(place);
        }
        if let Some(out) = self.out.remove(&row) {
            self.release(out.person, row);
        }
    }

    /// It is durable that the row waits until `due`.
    pub(super) fn put_off(&mut self, row: RowId, due: Uptime) {
        if let Some(out) = self.out.remove(&row) {
            self.hold(out.person, row);
            self.put_off.insert(row, PutOff { person: out.person, due });
        }
    }

    /// Lets rows go whose time has come.
    pub(super) fn wake_due(&mut self, now: Uptime) {
        let due: Vec<_> = self.put_off.iter().filter(|(_, row)| row.due <= now).map(|(id, _)| *id).collect();
        for id in due {
            let row = self.put_off.remove(&id).expect("it was found in this map a line above");
            self.scan_again_from(RowId(id.0 - 1));
            self.release(row.person, id);
        }
    }

    /// Every row that was put off is due.
    pub(super) fn all_due(&mut self, now: Uptime) {
        self.put_off.values_mut().for_each(|row| row.due = now);
        self.wake_due(now);
    }

    /// When the next row that is put off is due.
    pub(super) fn next_due(&self) -> Option<Uptime> {
        self.put_off.values().map(|row| row.due).min()
    }

    /// Whether nothing is in hand: no row out, none in memory, none to be read.
    pub(super) fn is_idle(&self) -> bool {
        self.out.is_empty() && self.page.is_empty() && self.at_end && !self.scan_again
    }

    /// The session is over: what was out goes back to where the store has it, and the scan begins anew. Returns the
    /// rows that were committed as in flight and never answered.
    pub(super) fn start_over(&mut self) -> Vec<RowId> {
        let unanswered = self.out.iter().filter(|(_, out)| out.begun).map(|(id, _)| *id).collect();
        let out: Vec<_> = self.out.drain().collect();
        for (row, Out { person, .. }) in out {
            self.release(person, row);
        }
        self.scan_again_from(START);
        unanswered
    }

    fn is_passed_over(&mut self, row: &OutboxRow) -> bool {
        let Some(holding) = row.person.and_then(|person| self.holding.get_mut(&person)) else { return false };
        let waits = holding.rows.first().is_some_and(|earliest| *earliest < row.id);
        if waits {
            let earliest = holding.passed_over.map_or(row.id, |passed| passed.min(row.id));
            holding.passed_over = Some(earliest);
        }
        waits
    }

    fn hold(&mut self, person: Option<PersonId>, row: RowId) {
        if let Some(person) = person {
            self.holding.entry(person).or_default().rows.insert(row);
        }
    }

    fn release(&mut self, person: Option<PersonId>, row: RowId) {
        let Some(person) = person else { return };
        let Some(holding) = self.holding.get_mut(&person) else { return };
        if !holding.rows.remove(&row) {
            return;
        }
        let passed_over = holding.passed_over.take();
        if holding.rows.is_empty() {
            self.holding.remove(&person);
        }
        // Whatever else still holds the person is met again on the way.
        if let Some(passed_over) = passed_over {
            self.scan_again_from(RowId(passed_over.0 - 1));
        }
    }

    /// Turns the scan back to the rows after `after`, if it is past them. What was read beyond is read again.
    fn scan_again_from(&mut self, after: RowId) {
        let first_unread = self.page.front().map_or(self.read_to, |row| RowId(row.id.0 - 1));
        self.page.clear();
        self.read_to = after.min(first_unread);
        self.at_end = false;
        if after == START {
            self.scan_again = false;
        }
        self.turn += 1;
    }
}

#[cfg(test)]
mod tests;

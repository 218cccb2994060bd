//! The controller's memory of what happened: bounded, numbered, oldest kept.

use heapless::Deque;

use crate::from_gate::{Event, Kept};
use crate::uptime::Uptime;
use crate::words::{Answer, EventNumber};

/// Places that [`Need::May`] leaves free.
pub const RESERVED: usize = 8;

/// Places that [`Need::Should`] leaves free: the end of the one entry that is under way, and the gap before it.
pub const RESERVED_FOR_ENDS: usize = 2;

/// How badly an event needs a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// The ends of entries, which were allowed only while there was room: any place.
    Must,
    /// What happens whether there is room or not: leaving, rotations, alarms.
    Should,
    /// What is refused when there is little room: entries.
    May,
}

/// The events that the agent has not written down, at most `N`.
#[derive(Debug)]
pub struct Ring<const N: usize> {
    events: Deque<Kept, N>,
    next: EventNumber,
    /// Lost since the last one that found a place.
    untold: u32,
    lost: u32,
}

impl<const N: usize> Default for Ring<N> {
    fn default() -> Self {
        const { assert!(N > 2 * RESERVED, "more than the reserve") }
        Self { events: Deque::new(), next: 1, untold: 0, lost: 0 }
    }
}

impl<const N: usize> Ring<N> {
    /// Remembers an event and gives its number; `None` if there is no place for it, which is counted, and told by an
    /// event of its own where the gap is.
    pub fn push(&mut self, event: Event, at: Uptime, need: Need) -> Option<EventNumber> {
        let told_first = usize::from(self.untold > 0);
        // The last numbers are never reached by anything but a fault; they are not given twice.
        if self.room(need) <= told_first || self.next >= EventNumber::MAX - 1 {
            self.untold = self.untold.saturating_add(1);
            self.lost = self.lost.saturating_add(1);
            return None;
        }
        if self.untold > 0 {
            let count = core::mem::take(&mut self.untold);
            self.append(Event::Lost { count }, at);
        }
        self.append(event, at)
    }

    fn append(&mut self, event: Event, at: Uptime) -> Option<EventNumber> {
        let number = self.next;
        self.events.push_back(Kept { number, at, event }).ok()?;
        self.next = self.next.saturating_add(1);
        Some(number)
    }

    /// Places for an event of this need.
    #[must_use]
    pub fn room(&self, need: Need) -> usize {
        let free = N - self.events.len();
        match need {
            Need::Must => free,
            Need::Should => free.saturating_sub(RESERVED_FOR_ENDS),
            Need::May => free.saturating_sub(RESERVED),
        }
    }

    /// Writes the answer that a read got beside the read, if the read is still here.
    pub fn answer(&mut self, read: EventNumber, given: Answer) {
        if let Some(Kept { event: Event::Read { answer, .. }, .. }) = self.at_mut(read) {
            *answer = given;
        }
    }

    /// Forgets events up to this one. A number from the future forgets nothing: it is of another boot.
    pub fn forget_through(&mut self, kept: EventNumber) {
        while kept < self.next && self.events.front().is_some_and(|oldest| oldest.number <= kept) {
            self.events.pop_front();
        }
    }

    /// The event of this number.
    #[must_use]
    pub fn get(&self, number: EventNumber) -> Option<&Kept> {
        self.events.get(self.place(number)?)
    }

    fn at_mut(&mut self, number: EventNumber) -> Option<&mut Kept> {
        let place = self.place(number)?;
        self.events.get_mut(place)
    }

    fn place(&self, number: EventNumber) -> Option<usize> {
        usize::try_from(number.checked_sub(self.first())?).ok()
    }

    /// The oldest event here, or the next one there will be.
    #[must_use]
    pub fn first(&self) -> EventNumber {
        self.events.front().map_or(self.next, |oldest| oldest.number)
    }

    /// The number of the next event.
    #[must_use]
    pub fn next(&self) -> EventNumber {
        self.next
    }

    /// How many events found no place.
    #[must_use]
    pub fn lost(&self) -> u32 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{By, Way};

    const ROTATED: Event = Event::Rotated { way: Way::In, by: By::Nobody };
    const THEN: Uptime = Uptime(5);

    fn full() -> Ring<20> {
        let mut ring = Ring::default();
        while ring.push(ROTATED, THEN, Need::Must).is_some() {}
        ring
    }

    #[test]
    fn a_full_ring_keeps_the_oldest_and_tells_the_gap_where_it_is() {
        let mut ring = full();
        assert_eq!(ring.push(ROTATED, THEN, Need::Must), None);
        assert_eq!((ring.first(), ring.next(), ring.lost()), (1, 21, 2));
        ring.forget_through(2);
        assert_eq!(ring.push(ROTATED, THEN, Need::Must), Some(22));
        assert_eq!(ring.get(21).map(|kept| &kept.event), Some(&Event::Lost { count: 2 }));
    }

    #[test]
    fn one_place_is_not_enough_for_a_gap_and_an_event() {
        let mut ring = full();
        ring.forget_through(1);
        assert_eq!(ring.push(ROTATED, THEN, Need::Must), None);
        assert_eq!(ring.lost(), 2);
    }

    #[test]
    fn the_reserve_is_left_for_what_must_be_remembered() {
        let mut ring = Ring::<20>::default();
        while ring.push(ROTATED, THEN, Need::May).is_some() {}
        assert_eq!(ring.next(), 1 + 20 - RESERVED as u32);
        assert!(ring.push(ROTATED, THEN, Need::Must).is_some());
    }

    #[test]
    fn numbers_of_another_boot_forget_nothing() {
        let mut ring = full();
        ring.forget_through(21);
        ring.forget_through(u32::MAX);
        assert_eq!(ring.first(), 1);
        ring.forget_through(20);
        assert_eq!((ring.first(), ring.room(Need::Must)), (21, 20));
    }
}

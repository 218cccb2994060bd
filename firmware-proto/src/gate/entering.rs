//! A card is presented: ask the agent, or decide alone.

use super::Controller;
use super::lane::Opening;
use super::list;
use super::reads::Waiting;
use crate::from_gate::Event;
use crate::link::ring::Need;
use crate::to_gate::Offline;
use crate::uptime::Uptime;
use crate::words::{Answer, By, Credential, EventNumber, Refusal, Show, Signal, Way};

/// How long a refusal of the controller's own is shown.
const SHOWN_MS: u16 = 3_000;

impl<const RING: usize, const LIST: usize> Controller<RING, LIST> {
    pub(super) fn read(&mut self, reader: usize, credential: Credential, now: Uptime) {
        let Some(way) = self.config.readers.get(reader).copied().flatten() else { return };
        if self.readers[reader].is_repeat(&credential, now) && self.is_being_answered(reader, way, now) {
            return;
        }
        if let Some(earlier) = self.readers[reader].give_up() {
            self.unanswered(earlier, now);
        }
        let need = match way {
            Way::In => Need::May,
            Way::Out => Need::Should,
        };
        let listed = self.listed(&credential, now);
        let place = u8::try_from(reader).unwrap_or(u8::MAX);
        let event = Event::Read { reader: place, credential, answer: Answer::None };
        // An exit that cannot be remembered is one all the same, under the number that no event has.
        let number = self.link.ring.push(event, now, need);
        match (way, number) {
            (Way::In, None) => self.refuse(0, Refusal::Full, now),
            (Way::In, Some(number)) if self.link.is_silent(now) => self.enter_alone(number, listed, now),
            (Way::Out, _) if self.link.is_silent(now) => self.leave(number.unwrap_or(0), now),
            (Way::In | Way::Out, number) => self.readers[reader].wait(number.unwrap_or(0), way, now),
        }
    }

    /// A card in the field of an entry is one read for as long as it lies there. At an exit it is one only while its
    /// answer is under way or the gate is open: nobody is kept inside by a card that was read a moment ago.
    fn is_being_answered(&self, reader: usize, way: Way, now: Uptime) -> bool {
        match way {
            Way::In => true,
            Way::Out => self.readers[reader].is_waiting() || self.outwards.is_busy(now),
        }
    }

    /// The agent did not answer in time.
    pub(super) fn unanswered(&mut self, waiting: Waiting, now: Uptime) {
        match waiting.way {
            Way::In => self.refuse(waiting.number, Refusal::Unanswered, now),
            Way::Out => self.leave(waiting.number, now),
        }
    }

    /// Whoever waits for the agent that was there before gets no answer of this one.
    pub(super) fn give_up_waiting(&mut self, now: Uptime) {
        for reader in 0..self.readers.len() {
            if let Some(waiting) = self.readers[reader].give_up() {
                self.unanswered(waiting, now);
            }
        }
    }

    fn listed(&self, credential: &Credential, now: Uptime) -> Option<bool> {
        match &self.config.offline {
            Offline::Closed => None,
            Offline::List { key, age_s_max } => self.list.holds(list::hash(key, &credential.0), *age_s_max, now),
        }
    }

    fn enter_alone(&mut self, number: EventNumber, listed: Option<bool>, now: Uptime) {
        match listed {
            None => self.refuse(number, Refusal::Offline, now),
            Some(false) => self.refuse(number, Refusal::NotListed, now),
            Some(true) if self.inwards.is_busy(now) => self.refuse(number, Refusal::Busy, now),
            Some(true) if self.link.ring.room(Need::May) == 0 => self.refuse(number, Refusal::Full, now),
            Some(true) => {
                self.link.ring.answer(number, Answer::Opened);
                self.open(Way::In, self.alone(number), now);
                self.say(Signal::Welcome, now);
            }
        }
    }

    /// Lets somebody out on the controller's own word, now or after the one before.
    pub(super) fn leave(&mut self, number: EventNumber, now: Uptime) {
        self.link.ring.answer(number, Answer::Opened);
        self.say(Signal::Welcome, now);
        if self.leaving.is_full() {
            // More than will be waited for: whoever is open for has had their chance, and the gate opens for the next.
            self.first_leaves(now);
        }
        // There is a place: one was made.
        let _ = self.leaving.push_back(number);
        self.next_leaves(now);
    }

    /// The next one leaves when the one before has.
    pub(super) fn next_leaves(&mut self, now: Uptime) {
        if !self.outwards.is_busy(now) {
            self.first_leaves(now);
        }
    }

    fn first_leaves(&mut self, now: Uptime) {
        if let Some(number) = self.leaving.pop_front() {
            self.open(Way::Out, self.alone(number), now);
        }
    }

    pub(super) fn open(&mut self, way: Way, opening: Opening, now: Uptime) {
        let (late, need) = match way {
            Way::In => (self.inwards.open(opening, now), Need::Must),
            Way::Out => (self.outwards.open(opening, now), Need::Should),
        };
        self.not_passed(late, need, now);
    }

    fn alone(&self, number: EventNumber) -> Opening {
        let config = &self.config;
        let (open_ms, passage_ms, grace_ms) = (config.open_ms, config.passage_ms, config.grace_ms);
        Opening { by: By::Own(number), open_ms, passage_ms, grace_ms }
    }

    pub(super) fn refuse(&mut self, number: EventNumber, why: Refusal, now: Uptime) {
        self.link.ring.answer(number, Answer::Refused(why));
        self.say(Signal::Wait, now);
    }

    fn say(&mut self, signal: Signal, now: Uptime) {
        let lines = match signal {
            Signal::Wait => self.config.closed.clone(),
            Signal::Quiet | Signal::Welcome | Signal::Message | Signal::Denied | Signal::Alarm => {
                self.config.idle.clone()
            }
        };
        self.screen.show(Show { lines, signal, for_ms: SHOWN_MS }, now);
    }
}

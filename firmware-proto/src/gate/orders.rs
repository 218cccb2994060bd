//! What the agent orders, each order once.

use super::Controller;
use super::lane::Opening;
use super::reads::Waiting;
use crate::from_gate::{Event, GrantRefusal};
use crate::link::ring::Need;
use crate::to_gate::{Grant, Order};
use crate::uptime::Uptime;
use crate::words::{Answer, By, EventNumber, Refusal, Show, Way};

impl<const RING: usize, const LIST: usize> Controller<RING, LIST> {
    pub(super) fn obey(&mut self, order: Order, now: Uptime) {
        match order {
            Order::Grant(grant) => self.grant(grant, now),
            Order::Deny { read, show } => self.deny(read, show, now),
            Order::Show(show) => self.screen.show(show, now),
            Order::Extend { id, passage_ms } => {
                self.inwards.extend(By::Grant(id), passage_ms, now);
                self.outwards.extend(By::Grant(id), passage_ms, now);
            }
            Order::Withdraw { id } => self.withdraw(By::Grant(id), now),
            Order::Mode(mode) => self.mode = mode,
            Order::Configure(config) => self.config = config,
            Order::ListBegin { version } => self.list.begin(version),
            Order::ListPart { hashes } => self.list.part(&hashes),
            Order::ListEnd { version, count } => self.list.end(version, count, now),
        }
    }

    fn grant(&mut self, grant: Grant, now: Uptime) {
        if self.grants.iter().any(|id| *id == grant.id) {
            return;
        }
        if self.grants.is_full() {
            self.grants.pop_front();
        }
        // There is a place: one was made.
        let _ = self.grants.push_back(grant.id);
        match self.refusal(&grant, now) {
            Some(why) => self.refuse_grant(&grant, why, now),
            None => self.carry_out(grant, now),
        }
    }

    /// Why a grant cannot be carried out. A read is answered once and soon; without one somebody opens by hand.
    fn refusal(&self, grant: &Grant, now: Uptime) -> Option<GrantRefusal> {
        let waits = |number| self.readers.iter().any(|reader| reader.waits_for(number));
        if grant.read.is_some_and(|number| !waits(number)) {
            return Some(GrantRefusal::TooLate);
        }
        match grant.way {
            Way::In if self.inwards.is_busy(now) => Some(GrantRefusal::Busy),
            Way::In if self.link.ring.room(Need::May) == 0 => Some(GrantRefusal::Full),
            Way::Out if self.outwards.is_busy(now) => Some(GrantRefusal::Busy),
            Way::In | Way::Out => None,
        }
    }

    fn carry_out(&mut self, grant: Grant, now: Uptime) {
        if let Some(number) = grant.read {
            self.answered(number);
            self.link.ring.answer(number, Answer::Granted(grant.id));
        }
        let grace_ms = self.config.grace_ms;
        let Grant { id, way, open_ms, passage_ms, show, .. } = grant;
        self.open(way, Opening { by: By::Grant(id), open_ms, passage_ms, grace_ms }, now);
        self.screen.show(show, now);
    }

    /// A grant that comes while somebody else passes is refused; whoever wants to leave then waits for that one.
    fn refuse_grant(&mut self, grant: &Grant, why: GrantRefusal, now: Uptime) {
        self.link.ring.push(Event::GrantRefused { id: grant.id, why }, now, Need::Should);
        let Some(waiting) = grant.read.and_then(|number| self.answered(number)) else { return };
        match (waiting.way, why) {
            (Way::In, GrantRefusal::Full) => self.refuse(waiting.number, Refusal::Full, now),
            (Way::In, GrantRefusal::Busy | GrantRefusal::TooLate) => self.refuse(waiting.number, Refusal::Busy, now),
            (Way::Out, _) => self.leave(waiting.number, now),
        }
    }

    fn deny(&mut self, read: EventNumber, show: Show, now: Uptime) {
        let Some(waiting) = self.answered(read) else { return };
        match waiting.way {
            Way::In => self.link.ring.answer(read, Answer::Denied),
            // Nobody is kept inside, whatever the agent's rules make of a card.
            Way::Out => self.leave(read, now),
        }
        self.screen.show(show, now);
    }

    fn withdraw(&mut self, by: By, now: Uptime) {
        let inwards = self.inwards.withdraw(by, now);
        self.not_passed(inwards, Need::Must, now);
        let outwards = self.outwards.withdraw(by, now);
        self.not_passed(outwards, Need::Should, now);
    }

    fn answered(&mut self, number: EventNumber) -> Option<Waiting> {
        self.readers.iter_mut().find_map(|reader| reader.answered(number))
    }
}

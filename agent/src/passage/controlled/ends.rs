//! How people's passages end: by what the controller says of the barrier, or of a grant.

use super::super::{leads_out, passed};
use super::Controlled;
use super::person::{Person, Stage};
use super::words::{By, Decider, Effect, EventKey, GrantId, Late};
use crate::domain::{GrantKind, Now, PassageOutcome, Uptime, Way};

impl Controlled {
    pub(super) fn rotated(&mut self, number: u32, at: Now, way: Way, by: By, now: Uptime) -> Vec<Effect> {
        if let Some(ended) = self.passage_ended(by, PassageOutcome::Passed, now) {
            self.log.settle(number);
            return ended;
        }
        let key = self.key(number);
        let outcome = match by {
            By::Grant(grant) if grant.is_by_hand() => {
                self.log.settle(number);
                return Vec::new();
            }
            By::Grant(grant) => return vec![self.rotated_before(key, at, way, grant.read(), Decider::Agent)],
            // The read of an exit that found no place in the ring has no number.
            By::Own(read) => {
                let read = Some(read).filter(|read| *read != 0);
                return vec![self.rotated_before(key, at, way, read, Decider::Controller)];
            }
            By::Free if self.is_emergency => PassageOutcome::Emergency,
            By::Free if self.gate.free_exit && leads_out(way) => {
                self.log.settle(number);
                return Vec::new();
            }
            By::Free => PassageOutcome::Free,
            By::Nobody => PassageOutcome::Forced,
        };
        vec![Effect::Unasked { key, at, way, outcome }]
    }

    /// Somebody walked through whose read is settled, or was told to wait: either that passage is written already, or it
    /// is written under the number of the rotation.
    fn rotated_before(&self, key: EventKey, at: Now, way: Way, read: Option<u32>, by: Decider) -> Effect {
        let unless_passed = read.map(|read| self.key(read));
        let ask = self.turned_away.iter().find(|(turned, _)| read == Some(*turned)).map(|(_, ask)| ask.clone());
        Effect::RecordLate(Late { key, unless_passed, ask, at, way, by, outcome: PassageOutcome::Passed })
    }

    /// Somebody's end: they passed or they did not. None: nobody here is meant.
    pub(super) fn passage_ended(&mut self, by: By, outcome: PassageOutcome, now: Uptime) -> Option<Vec<Effect>> {
        let place = self.people.iter().position(|person| person.is_meant(by))?;
        let person = self.people.remove(place);
        if outcome == PassageOutcome::NotPassed
            && let Some(ask) = &person.ask
        {
            self.memory.forget(ask);
        }
        let ended = match (&person.stage, person.read) {
            (Stage::Granted(granted), read) => {
                let outcome = if outcome == PassageOutcome::Passed { passed(granted.kind) } else { outcome };
                Some(Effect::Record { id: granted.id, read: read.map(|read| self.key(read)), outcome })
            }
            (Stage::Remembered(_), Some(read)) => Some(self.late(&person, read, Decider::Agent, outcome)),
            (Stage::Alone | Stage::Asked | Stage::Waits, Some(read)) => {
                Some(self.late(&person, read, Decider::Controller, outcome))
            }
            (Stage::Counted(..) | Stage::Remembered(_) | Stage::Alone | Stage::Asked | Stage::Waits, _) => None,
        };
        Some(ended.into_iter().chain(self.next(now)).collect())
    }

    /// A grant that opened nothing. Whoever leaves is let out by the controller all the same, and that is told.
    pub(super) fn not_carried_out(
        &mut self,
        grant: GrantId,
        outcome: PassageOutcome,
        why: &'static str,
        now: Uptime,
    ) -> Vec<Effect> {
        let Some(place) = self.people.iter().position(|it| it.open_grant() == Some(grant)) else { return Vec::new() };
        if self.people[place].leads_out {
            return Vec::new();
        }
        let Person { ask, read, stage: Stage::Granted(granted), .. } = self.people.remove(place) else {
            return Vec::new();
        };
        ask.iter().for_each(|ask| self.memory.forget(ask));
        let told = (granted.kind == GrantKind::Manual).then_some(Effect::NotOpened { id: granted.id, why });
        let record = Effect::Record { id: granted.id, read: read.map(|read| self.key(read)), outcome };
        told.into_iter().chain([record]).chain(self.next(now)).collect()
    }

    /// The gate is free: who waits is decided again, since much may have changed.
    pub(super) fn next(&mut self, now: Uptime) -> Option<Effect> {
        if self.is_busy(Way::In) || self.is_closed {
            return None;
        }
        let person = self.people.iter_mut().find(|it| matches!(it.stage, Stage::Waits))?;
        person.stage = Stage::Asked;
        let (ask, read) = (person.ask.clone()?, person.read);
        let at = Now { uptime: now, ..person.at };
        Some(Effect::Decide { ask, read, at })
    }
}

//! What a read means: one that waits for its answer, one told after its time, one told again.

use super::super::Ask;
use super::person::{Person, Stage, show};
use super::words::{Decider, Effect, Given, No};
use super::{Controlled, TURNED_AWAY_MAX};
use crate::domain::{Confirm, Now, PassageOutcome, Uptime};

impl Controlled {
    /// A read that waits for its answer. At an entry a repeat is shown the same text, and prolongs its own grant; at an
    /// exit the controller itself knows repeats, and whatever it asks about leaves.
    pub(super) fn read_now(&mut self, person: Person, number: u32, now: Uptime) -> Vec<Effect> {
        let Some(ask) = person.ask.clone() else {
            if person.leads_out {
                self.people.push(Person { stage: Stage::Alone, ..person });
                return Vec::new();
            }
            self.log.settle(number);
            return vec![Effect::Deny { read: number, reader: None, texts: Vec::new(), meaning: No::Refused }];
        };
        if !person.leads_out
            && let Some(answer) = self.memory.repeated(&ask, now)
        {
            self.log.settle(number);
            let meaning = if answer.opened { No::Again } else { No::Refused };
            let denied = Effect::Deny { read: number, reader: Some(ask.reader.clone()), texts: answer.texts, meaning };
            return self.prolong(&ask, now).into_iter().chain([denied]).collect();
        }
        let at = person.at;
        self.people.push(person);
        vec![Effect::Decide { ask, read: Some(number), at }]
    }

    /// A read told after its time.
    pub(super) fn read_before(&mut self, person: Person, number: u32, answer: Given) -> Vec<Effect> {
        let is_counted = self.gate.confirm == Confirm::Assumed;
        let (stage, by) = match answer {
            Given::Granted(grant) => (Stage::Remembered(grant), Decider::Agent),
            Given::Opened => (Stage::Alone, Decider::Controller),
            // What becomes of it is still to come: the controller opens by itself.
            Given::Nothing if person.leads_out => (Stage::Alone, Decider::Controller),
            Given::Nothing | Given::Refused => {
                self.turned_away(number, person.ask.as_ref());
                return vec![self.late(&person, number, Decider::Nobody, PassageOutcome::Stale)];
            }
            Given::Denied => {
                self.turned_away(number, person.ask.as_ref());
                return vec![self.late(&person, number, Decider::Agent, PassageOutcome::Denied)];
            }
        };
        if is_counted {
            return vec![self.late(&person, number, by, PassageOutcome::Passed)];
        }
        self.people.push(Person { is_answered: true, stage, ..person });
        Vec::new()
    }

    /// Whoever was told to wait, in words that may have come too late, could still be let in.
    pub(super) fn turned_away(&mut self, number: u32, ask: Option<&Ask>) {
        if self.turned_away.len() == TURNED_AWAY_MAX {
            self.turned_away.remove(0);
        }
        self.turned_away.extend(ask.cloned().map(|ask| (number, ask)));
    }

    /// A read told again in a new session: its answer may not be the one that was given.
    pub(super) fn read_again(&mut self, number: u32, answer: Given, now: Uptime) -> Vec<Effect> {
        let Some(place) = self.people.iter().position(|person| person.read == Some(number)) else { return Vec::new() };
        let person = &self.people[place];
        let was_refused = matches!(answer, Given::Refused | Given::Nothing) && !person.leads_out;
        match &person.stage {
            Stage::Asked if was_refused => {
                let person = self.people.remove(place);
                vec![self.late(&person, number, Decider::Nobody, PassageOutcome::Stale)]
            }
            Stage::Granted(granted) if was_refused && granted.answers => {
                let grant = granted.grant;
                self.not_carried_out(grant, PassageOutcome::Stale, "", now)
            }
            Stage::Asked
            | Stage::Granted(_)
            | Stage::Waits
            | Stage::Counted(..)
            | Stage::Remembered(_)
            | Stage::Alone => Vec::new(),
        }
    }

    pub(super) fn read_elsewhere(&mut self, ask: Ask, at: Now, now: Uptime) -> Vec<Effect> {
        if let Some(answer) = self.memory.repeated(&ask, now) {
            let meaning = if answer.opened { No::Again } else { No::Refused };
            let shown = show(&ask.reader, answer.texts, answer.display, meaning);
            return self.prolong(&ask, now).into_iter().chain(shown).collect();
        }
        if !self.memory.asks(&ask, now) {
            return Vec::new();
        }
        let stage = Stage::Asked;
        self.people.push(Person { read: None, ask: Some(ask.clone()), at, leads_out: false, is_answered: true, stage });
        vec![Effect::Decide { ask, read: None, at }]
    }
}

//! The machine of a gate with a controller: the controller's log in, orders and records out; time is an argument.
//!
//! The controller moves the barrier, watches it and remembers; whether somebody passed, and on whose word, stands in its
//! log. This machine answers reads and gives every read exactly one end:
//!
//! ```text
//!          fresh                 no
//!     read ─────▶ asked ──────────────────────────────▶ denied
//!      │            │ yes         gate busy
//!      │            ├──────────────▶ waits ── gate is free: asked again
//!      │            ▼
//!      │         granted ── rotated, not passed, refused ──▶ passed, not passed, stale
//!      │ told late
//!      ├── granted, opened ─▶ remembered ── rotated, … ───▶ passed, not passed       decided before, or by the controller
//!      └── unanswered, refused, denied ──────────────────▶ stale, denied            nothing opens for it
//! ```
//!
//! An event may be forgotten by the controller when it and all before it are *settled*: what they tell is durable. So a
//! crash at any moment leaves in the controller whatever has not reached the disk, and nothing is recorded twice.

mod ends;
mod log;
mod person;
mod reads;
#[cfg(test)]
mod tests;
mod words;

use std::time::Duration;

pub use words::{By, Decider, Effect, EventKey, Given, GrantId, Input, Late, No, Told, Trouble, What};

use self::log::Log;
use self::person::{Granted, Person, Stage};
use super::memory::{Answer, Memory};
use super::{Ask, HELD_OPEN_TIMEOUTS_MAX, leads_out, passed};
use crate::domain::{
    Confirm, Decision, Display, Gate, Grant, GrantKind, Now, PassageId, PassageOutcome, ReaderId, Uptime, Verdict, Way,
};

/// After its time-out a grant's rotation still counts for so long: people hesitate, and the barrier takes a second.
pub const GRACE: Duration = Duration::from_millis(1500);
/// How long after all that the controller may take to say how a grant ended, before it is taken for lost on the way.
const SLACK: Duration = Duration::from_secs(5);
/// A grant that confirms itself counts when the controller has had it for so long without refusing it.
const REFUSED_WITHIN: Duration = Duration::from_millis(250);

/// The machine of one gate with a controller.
#[derive(Debug)]
pub struct Controlled {
    gate: Gate,
    memory: Memory,
    log: Log,
    boot: Option<u64>,
    is_up: bool,
    is_closed: bool,
    is_emergency: bool,
    grants: u32,
    people: Vec<Person>,
    /// Reads told late that opened nothing: one may have been let in after all, when it was next.
    turned_away: Vec<(u32, Ask)>,
}

/// Reads remembered in case that they were let in after having been told to wait. One waits at a time.
const TURNED_AWAY_MAX: usize = 16;

impl Controlled {
    /// A gate whose controller has not been heard. `grants` is a number where counting them begins, random at each
    /// start of the agent; `is_emergency` is what the last alarm on the disk says.
    #[must_use]
    pub fn new(gate: &Gate, repeat_window: Duration, grants: u32, is_emergency: bool) -> Self {
        Self {
            gate: gate.clone(),
            memory: Memory::new(repeat_window),
            log: Log::default(),
            boot: None,
            is_up: false,
            is_closed: false,
            is_emergency,
            grants,
            people: Vec::new(),
            turned_away: Vec::new(),
        }
    }

    /// Whether the emergency input is on.
    #[must_use]
    pub fn is_emergency(&self) -> bool {
        self.is_emergency
    }

    /// The controller's boot and the last event acknowledged to it, for the next session.
    #[must_use]
    pub fn acknowledged(&self) -> Option<EventKey> {
        self.boot.map(|boot| EventKey { boot, number: self.log.kept() })
    }

    /// When [`Input::Tick`] is due, if nothing else happens.
    #[must_use]
    pub fn deadline(&self) -> Option<Uptime> {
        let of_person = |person: &Person| match &person.stage {
            Stage::Granted(it) if self.is_up || !it.is_released => Some(it.counts_at.unwrap_or(it.until).min(it.until)),
            Stage::Counted(_, _, until) => Some(*until),
            Stage::Granted(_) | Stage::Asked | Stage::Waits | Stage::Remembered(_) | Stage::Alone => None,
        };
        self.people.iter().filter_map(of_person).min()
    }

    /// Whether nobody is on the way through who was let in by this agent, so that the gate can be rebuilt.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let on_the_way = |person: &Person| match person.stage {
            Stage::Asked | Stage::Waits => true,
            Stage::Granted(_) => self.is_up,
            Stage::Counted(..) | Stage::Remembered(_) | Stage::Alone => false,
        };
        !self.people.iter().any(on_the_way)
    }

    /// Takes an input at a moment. A tick before the deadline does nothing.
    #[must_use]
    pub fn on(&mut self, input: Input, now: Uptime) -> Vec<Effect> {
        if self.is_closed {
            return match input {
                Input::Decided { id, .. } | Input::Manual { id, .. } => vec![Effect::Forget { id }],
                Input::Settled(key) => self.settled(key),
                _ => Vec::new(),
            };
        }
        let open: Vec<Ask> =
            self.people.iter().filter(|it| it.granted().is_some()).filter_map(|it| it.ask.clone()).collect();
        self.memory.forget_what_is_over(now, open.first());
        let mut effects = match input {
            Input::Began { boot, was_reset } => self.began(boot, was_reset, now),
            Input::Ended => self.ended(),
            Input::Told(told) => self.told(told, now),
            Input::Read { ask, at } => self.read_elsewhere(ask, at, now),
            Input::Decided { ask, read, id, decision, display } => {
                self.decided(&ask, read, id, *decision, display, now)
            }
            Input::Manual { id, reader, decision, at } => self.by_hand(id, reader, *decision, at, now),
            Input::Taken(grant) => self.taken(grant, now),
            Input::NotGiven(grant) => {
                self.not_carried_out(grant, PassageOutcome::NotPassed, "the controller cannot be reached", now)
            }
            Input::Settled(key) => return self.settled(key),
            Input::Tick => self.tick(now),
            Input::Closing => self.close(),
        };
        effects.extend(self.advance());
        effects
    }

    /// A session began. Of the same boot, what was not acknowledged is told again; a controller that was reset has
    /// forgotten everything, and whoever it had let in has not been seen to pass.
    fn began(&mut self, boot: u64, was_reset: bool, now: Uptime) -> Vec<Effect> {
        self.is_up = true;
        // An emergency that lasts is told anew after a reset.
        self.is_emergency &= !was_reset;
        let until = self.overdue_at(now);
        for person in &mut self.people {
            if let Stage::Granted(granted) = &mut person.stage {
                (granted.until, granted.at_most) = (until, granted.at_most.max(until));
            }
        }
        if self.boot == Some(boot) {
            return Vec::new();
        }
        let before = self.boot.replace(boot);
        self.log = Log::default();
        self.turned_away.clear();
        let Some(before) = before else { return Vec::new() };
        std::mem::take(&mut self.people).into_iter().filter_map(|person| person.lost_with(before)).collect()
    }

    fn ended(&mut self) -> Vec<Effect> {
        self.is_up = false;
        // Whoever waited stands before a gate that is out of order, and has seen it say so.
        let gone: Vec<Person> = self.people.extract_if(.., |it| matches!(it.stage, Stage::Waits)).collect();
        gone.iter().filter_map(|person| person.read).for_each(|read| self.log.settle(read));
        self.memory.clear();
        Vec::new()
    }

    fn told(&mut self, told: Told, now: Uptime) -> Vec<Effect> {
        let is_new = self.log.hears(told.number);
        let Told { number, at, is_fresh, what } = told;
        if let What::Read { ask, leads_out, answer } = what {
            let person = Person { read: Some(number), ask, at, leads_out, is_answered: false, stage: Stage::Asked };
            return match (is_new, is_fresh && answer == Given::Nothing) {
                (false, _) => self.read_again(number, answer, now),
                (true, true) => self.read_now(person, number, now),
                (true, false) => self.read_before(person, number, answer),
            };
        }
        if !is_new {
            return Vec::new();
        }
        match what {
            What::Read { .. } => Vec::new(),
            What::Rotated { way, by } => self.rotated(number, at, way, by, now),
            What::NotPassed { by } => {
                self.log.settle(number);
                self.passage_ended(by, PassageOutcome::NotPassed, now).unwrap_or_default()
            }
            What::Refused { grant, too_late } => {
                self.log.settle(number);
                let outcome = if too_late { PassageOutcome::Stale } else { PassageOutcome::NotPassed };
                self.not_carried_out(grant, outcome, "somebody else is passing", now)
            }
            What::Alarm { .. } | What::Lost { .. } => {
                if let What::Alarm { alarm: Trouble::Emergency, on } = what {
                    self.is_emergency = on;
                }
                vec![Effect::Alarm { key: self.key(number), at, what }]
            }
        }
    }

    fn decided(
        &mut self,
        ask: &Ask,
        read: Option<u32>,
        id: PassageId,
        decision: Decision,
        display: Display,
        now: Uptime,
    ) -> Vec<Effect> {
        self.memory.answered(ask);
        let is_asked =
            |it: &Person| matches!(it.stage, Stage::Asked) && it.read == read && it.ask.as_ref() == Some(ask);
        let Some(place) = self.people.iter().position(is_asked) else { return vec![Effect::Forget { id }] };
        let texts = decision.texts;
        let opened = matches!(decision.verdict, Verdict::Grant(_));
        let answer = Answer { texts: texts.clone(), display, opened };
        let Verdict::Grant(Grant { kind, .. }) = decision.verdict else {
            let person = self.people.remove(place);
            self.memory.remember(ask.clone(), answer, now);
            let denied = person.denied(texts, display, No::Refused);
            let record = Effect::Record { id, read: read.map(|read| self.key(read)), outcome: PassageOutcome::Denied };
            return denied.into_iter().chain([record]).collect();
        };
        if self.is_busy(decision.way) && !self.people[place].leads_out {
            return self.wait(place, id);
        }
        self.memory.remember(ask.clone(), answer, now);
        let grant = self.grant(place, id, kind, decision.way, now);
        let read = read.filter(|_| !std::mem::replace(&mut self.people[place].is_answered, true));
        vec![Effect::Grant { grant, read, way: decision.way, reader: ask.reader.clone(), texts }]
    }

    /// One waits. Of two the first stays; the other holds the card there again.
    fn wait(&mut self, place: usize, id: PassageId) -> Vec<Effect> {
        let is_taken = self.people.iter().any(|it| matches!(it.stage, Stage::Waits));
        let person = &mut self.people[place];
        let told = person.denied(Vec::new(), Display::None, No::Wait);
        person.is_answered = true;
        if is_taken {
            let gone = self.people.remove(place);
            gone.read.into_iter().for_each(|read| self.log.settle(read));
        } else {
            person.stage = Stage::Waits;
        }
        [Effect::Forget { id }].into_iter().chain(told).collect()
    }

    /// An operator does not wait: whoever was granted and has not walked through by then is not coming.
    fn by_hand(&mut self, id: PassageId, reader: ReaderId, decision: Decision, at: Now, now: Uptime) -> Vec<Effect> {
        let Verdict::Grant(grant) = decision.verdict else { return vec![Effect::Forget { id }] };
        let of_the_same_way = |it: &&Person| it.way().is_some_and(|way| leads_out(way) == leads_out(decision.way));
        let before = self.people.iter().filter(of_the_same_way).filter_map(Person::open_grant);
        let mut effects: Vec<Effect> = before.map(Effect::Withdraw).collect();
        self.people.push(Person {
            read: None,
            ask: None,
            at,
            leads_out: false,
            is_answered: true,
            stage: Stage::Asked,
        });
        let (place, way) = (self.people.len() - 1, decision.way);
        let grant = self.grant(place, id, grant.kind, way, now);
        effects.push(Effect::Grant { grant, read: None, way, reader, texts: decision.texts });
        effects
    }

    fn grant(&mut self, place: usize, id: PassageId, kind: GrantKind, way: Way, now: Uptime) -> GrantId {
        self.grants = self.grants.wrapping_add(1);
        let until = self.overdue_at(now);
        let at_most = now.after(self.gate.passage_timeout.saturating_mul(HELD_OPEN_TIMEOUTS_MAX)).after(GRACE + SLACK);
        let person = &mut self.people[place];
        let grant = match kind {
            GrantKind::Manual => GrantId::by_hand(self.grants),
            GrantKind::Member | GrantKind::Staff | GrantKind::Free | GrantKind::Exit => {
                GrantId::new(self.grants, person.read)
            }
        };
        let answers = !person.is_answered;
        person.stage = Stage::Granted(Granted {
            id,
            grant,
            kind,
            way,
            counts_at: None,
            until,
            at_most,
            is_released: false,
            answers,
        });
        grant
    }

    fn overdue_at(&self, now: Uptime) -> Uptime {
        now.after(self.gate.passage_timeout + GRACE + SLACK)
    }

    fn prolong(&mut self, by: &Ask, now: Uptime) -> Option<Effect> {
        let until = self.overdue_at(now);
        let own = self.people.iter_mut().find(|it| it.ask.as_ref() == Some(by) && it.granted().is_some())?;
        let Stage::Granted(granted) = &mut own.stage else { return None };
        if until > granted.at_most {
            return None;
        }
        granted.until = granted.until.max(until);
        Some(Effect::Extend(granted.grant))
    }

    /// With no sensor, and where an operator opens who sees the person, the opening is the passage.
    fn taken(&mut self, grant: GrantId, now: Uptime) -> Vec<Effect> {
        let counts_itself = self.gate.confirm == Confirm::Assumed;
        for person in &mut self.people {
            if let Stage::Granted(it) = &mut person.stage
                && it.grant == grant
                && (counts_itself || it.kind == GrantKind::Manual)
            {
                it.counts_at = Some(now.after(REFUSED_WITHIN));
            }
        }
        Vec::new()
    }

    fn tick(&mut self, now: Uptime) -> Vec<Effect> {
        let mut effects = Vec::new();
        for place in (0..self.people.len()).rev() {
            effects.extend(self.tick_of(place, now));
        }
        effects
    }

    fn tick_of(&mut self, place: usize, now: Uptime) -> Vec<Effect> {
        let (read, is_up) = (self.people[place].read, self.is_up);
        match &mut self.people[place].stage {
            Stage::Granted(it) if it.counts_at.is_some_and(|at| at <= now) => {
                let (id, outcome) = (it.id, passed(it.kind));
                self.people[place].stage = Stage::Counted(it.grant, it.way, it.until);
                vec![Effect::Record { id, read: read.map(|read| self.key(read)), outcome }]
            }
            Stage::Granted(it) if it.until <= now && is_up => {
                let grant = it.grant;
                self.people[place].leads_out = false;
                self.not_carried_out(grant, PassageOutcome::NotPassed, "it did not say in time that it opened", now)
            }
            Stage::Granted(it) if it.until <= now && !it.is_released => {
                // Nobody knows what became of it until the controller is back; others need not wait for that.
                it.is_released = true;
                vec![Effect::Release { id: it.id }]
            }
            Stage::Counted(_, _, until) if *until <= now => {
                self.people.remove(place);
                self.next(now).into_iter().collect()
            }
            Stage::Granted(_)
            | Stage::Counted(..)
            | Stage::Asked
            | Stage::Waits
            | Stage::Remembered(_)
            | Stage::Alone => Vec::new(),
        }
    }

    /// What the controller remembers is left to it.
    fn close(&mut self) -> Vec<Effect> {
        self.is_closed = true;
        let end = |person: Person| match (person.stage, person.read) {
            (Stage::Granted(it), Some(_)) => Some(Effect::Release { id: it.id }),
            (Stage::Granted(it), None) => {
                Some(Effect::Record { id: it.id, read: None, outcome: PassageOutcome::NotPassed })
            }
            (Stage::Asked | Stage::Waits | Stage::Counted(..) | Stage::Remembered(_) | Stage::Alone, _) => None,
        };
        std::mem::take(&mut self.people).into_iter().filter_map(end).collect()
    }

    fn settled(&mut self, key: EventKey) -> Vec<Effect> {
        if self.boot == Some(key.boot) {
            self.log.settle(key.number);
        }
        self.advance().into_iter().collect()
    }

    fn advance(&mut self) -> Option<Effect> {
        self.log.advance().map(|number| Effect::Keep(self.key(number)))
    }

    fn is_busy(&self, way: Way) -> bool {
        self.people.iter().any(|it| it.way().is_some_and(|other| leads_out(other) == leads_out(way)))
    }

    fn key(&self, number: u32) -> EventKey {
        // Events come in sessions only, and a session has a boot.
        EventKey { boot: self.boot.unwrap_or_default(), number }
    }

    fn late(&self, person: &Person, number: u32, by: Decider, outcome: PassageOutcome) -> Effect {
        let (ask, at) = (person.ask.clone(), person.at);
        let way = if person.leads_out { Way::Out } else { Way::In };
        let key = self.key(number);
        Effect::RecordLate(Late { key, unless_passed: None, ask, at, way, by, outcome })
    }
}

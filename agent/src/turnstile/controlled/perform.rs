//! What the machine wants done: orders to the controller, questions to the rules, records for the disk.

use std::time::Duration;

use super::writing::{Job, alarm};
use super::{Cause, ControlledTurnstile, Decided};
use crate::domain::{
    Alarm, AlarmKind, AlarmState, Display, MemberText, Now, Origin, Passage, PassageId, PassageOutcome, Reader,
    ReaderId, Way,
};
use crate::door::{ControllerOrder, Light, Sign};
use crate::passage::Ask;
use crate::passage::controlled::{Effect, EventKey, Input, No, Trouble, What};
use crate::turnstile::pending::Pending;
use crate::turnstile::{OpenOrder, OrderRefused, Question, Right, SiteEvent, Who, sign};
use crate::visit;

/// How long a greeting is shown: the member walks.
const GREETING_LASTS: Duration = Duration::from_secs(3);
/// How long a message or a refusal is shown: the member reads.
const MESSAGE_LASTS: Duration = Duration::from_secs(5);

impl ControlledTurnstile {
    pub(super) fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Decide { ask, read, at } => self.ask(ask, read, at),
            Effect::Grant { grant, read, way, reader, texts } => {
                let light = sign::light_of_grant(&texts);
                let sign = self.sign(Some(&reader), texts, light);
                if !self.order(ControllerOrder::Grant { grant, read, way, sign }) {
                    self.step(Input::NotGiven(grant));
                }
            }
            Effect::Deny { read, reader, texts, meaning } => {
                let sign = self.sign(reader.as_ref(), texts, light_of(meaning));
                // A controller that cannot be told refuses by itself.
                let _told = self.order(ControllerOrder::Deny { read, sign });
            }
            Effect::Show { reader, texts, meaning } => {
                let sign = self.sign(Some(&reader), texts, light_of(meaning));
                if self.display_of(&reader) == Display::Controller {
                    let _told = self.order(ControllerOrder::Show(sign));
                }
            }
            Effect::Extend(grant) => drop(self.order(ControllerOrder::Extend(grant))),
            Effect::Withdraw(grant) => drop(self.order(ControllerOrder::Withdraw(grant))),
            Effect::Record { id, read, outcome } => self.record(id, read, outcome),
            Effect::RecordLate(late) => {
                let key = late.key;
                self.writing.add(Job::Late(late), Some(key));
            }
            Effect::Unasked { key, at, way, outcome } => {
                let passage = self.unasked(key, at, way, outcome);
                self.writing.add(Job::Unasked(passage), Some(key));
            }
            Effect::Alarm { key, at, what } => self.alarm(key, at, &what),
            Effect::Forget { id } => {
                self.pending.forget(id);
                self.site.desk.release(id);
            }
            Effect::Release { id } => self.site.desk.release(id),
            Effect::NotOpened { id, why } => {
                if let Some(order) = self.pending.answer_to(id) {
                    let _gone = order.send(Err(OrderRefused::Unreachable(why.to_owned())));
                }
            }
            Effect::Keep(key) => self.keep(key),
        }
    }

    fn ask(&mut self, ask: Ask, read: Option<u32>, at: Now) {
        let policy = self.site.policy.borrow().clone();
        // A reader that a reload has just removed: the controller answers its last read by itself.
        let Some(reader) = policy.readers.get(&ask.reader).cloned() else { return };
        let who = Who::Badge(ask.badge.clone());
        let question = Question { right: Right::Own, who, reader, mode: self.mode, policy, at: at.wall };
        self.decide(question, at, Cause::Badge(ask, read));
    }

    pub(super) fn ask_by_hand(&mut self, order: OpenOrder) {
        let policy = self.site.policy.borrow().clone();
        let Some(reader) = policy.readers.get(&order.reader).cloned() else {
            let _gone = order.answer.send(Err(OrderRefused::Unreachable("the reader was removed".into())));
            return;
        };
        let at = self.site.clock.now();
        let who = order.person.map_or(Who::Anybody, Who::Person);
        let question = Question { right: Right::Operators, who, reader, mode: self.mode, policy, at: at.wall };
        self.decide(question, at, Cause::Order(order));
    }

    fn decide(&mut self, question: Question, at: Now, cause: Cause) {
        let (id, desk, reader) = (PassageId(uuid::Uuid::now_v7()), self.site.desk.clone(), question.reader.clone());
        self.deciding.push(Box::pin(async move {
            let answer = desk.decide(id, question).await;
            Decided { id, at, reader, cause, answer }
        }));
    }

    pub(super) fn decided(&mut self, Decided { id, at, reader, cause, answer }: Decided) {
        let decision = Box::new(answer.decision.clone());
        match cause {
            Cause::Badge(ask, read) => {
                let display = reader.display;
                self.pending.insert(id, Pending::by_badge(at, reader, answer, &ask.badge));
                self.step(Input::Decided { ask, read, id, decision, display });
            }
            Cause::Order(order) => {
                let pending = Pending::by_hand(at, reader, answer, order);
                let reader = pending.reader.id.clone();
                self.pending.insert(id, pending);
                self.step(Input::Manual { id, reader, decision, at });
            }
        }
    }

    /// What is shown, and told to whoever watches the displays of the site.
    fn sign(&self, reader: Option<&ReaderId>, texts: Vec<MemberText>, light: Light) -> Sign {
        let lasts = if light == Light::Welcome || light == Light::Wait { GREETING_LASTS } else { MESSAGE_LASTS };
        let display = reader.map_or(Display::None, |reader| self.display_of(reader));
        let Some(reader) = reader.filter(|_| display != Display::None && !texts.is_empty()) else {
            return Sign { lines: self.idle_lines(), light, lasts };
        };
        let said = sign::lines(&self.site, self.pending.language_at(reader).as_deref(), &texts);
        let lines = if display == Display::Controller { said.clone() } else { self.idle_lines() };
        self.say(SiteEvent::Shown { reader: reader.clone(), texts, lines: said, light });
        Sign { lines, light, lasts }
    }

    fn display_of(&self, reader: &ReaderId) -> Display {
        self.site.policy.borrow().readers.get(reader).map_or(Display::None, |reader: &Reader| reader.display)
    }

    fn record(&mut self, id: PassageId, read: Option<EventKey>, outcome: PassageOutcome) {
        if !visit::moves(outcome) {
            // Nothing will be consumed, so that a slow disk need not keep others, or the next try, from it.
            self.site.desk.release(id);
        }
        let Some(mut passage) = self.pending.settle(id, outcome, &self.gate.id) else { return };
        if let Some(EventKey { boot, number }) = read {
            passage.origin = Origin::Controller { boot, sequence: number.into(), offline: false };
        }
        self.writing.add(Job::Passage(passage), read);
    }

    fn alarm(&mut self, key: EventKey, at: Now, what: &What) {
        let (kind, state, count) = match what {
            What::Alarm { alarm, on } => {
                (kind_of(*alarm), if *on { AlarmState::Began } else { AlarmState::Ended }, None)
            }
            What::Lost { count } => (AlarmKind::EventsLost, AlarmState::Happened, Some(*count)),
            What::Read { .. } | What::Rotated { .. } | What::NotPassed { .. } | What::Refused { .. } => return,
        };
        let alarm = Alarm { count, ..alarm(&self.gate.id, kind, state, at) };
        self.writing.add(Job::Alarm(alarm, Some(key)), Some(key));
    }

    fn unasked(&self, key: EventKey, at: Now, way: Way, outcome: PassageOutcome) -> Passage {
        let origin = Origin::Controller { boot: key.boot, sequence: key.number.into(), offline: false };
        crate::turnstile::gate_loop::unasked(&self.gate, way, outcome, at, origin)
    }
}

fn light_of(meaning: No) -> Light {
    match meaning {
        No::Refused => Light::Denied,
        No::Again => Light::Welcome,
        No::Wait => Light::Wait,
    }
}

fn kind_of(trouble: Trouble) -> AlarmKind {
    match trouble {
        Trouble::Tamper => AlarmKind::Tamper,
        Trouble::HeldOpen => AlarmKind::HeldOpen,
        Trouble::Emergency => AlarmKind::Emergency,
    }
}

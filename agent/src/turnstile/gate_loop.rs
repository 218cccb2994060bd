//! The loop itself: one select, one pure machine, then its effects in order.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::facts::{PassageNotRecorded, PassageRecorded};
use super::modes::{self, Modes, Remembered};
use super::pending::{Pending, PendingPassages};
use super::{Answer, Board, Desk, GateOrder, OpenOrder, Opened, OrderRefused, Question, Right, SiteEvent, Who, sign};
use crate::access::Texts;
use crate::clock::Clock;
use crate::domain::{
    Gate, GateMode, LanePlan, MemberText, Now, Origin, Passage, PassageId, PassageOutcome, Policy, Reader, ReaderId,
    Way,
};
use crate::door::{DoorEvent, GateCommand, GateLine, Light};
use crate::passage::{Ask, Effect, Input, Machine};
use crate::store::{Recorded, Store, StoreError};
use crate::telemetry::Fact;
use crate::visit;

/// How long a loop without a deadline sleeps before it looks again; nothing depends on it.
pub(super) const IDLE: Duration = Duration::from_secs(3600);

/// What every turnstile of the site shares.
#[derive(Clone)]
pub struct Site {
    /// The clocks.
    pub clock: Clock,
    /// The store, for recording.
    pub store: Store,
    /// Where decisions are made.
    pub desk: Desk,
    /// The policy in force.
    pub policy: watch::Receiver<Arc<Policy>>,
    /// Member texts in force.
    pub texts: watch::Receiver<Arc<Texts>>,
    /// The upstreams to tell.
    pub lanes: Arc<[LanePlan]>,
    /// Where states are pinned up.
    pub board: Board,
    /// Who listens to the site.
    pub events: broadcast::Sender<SiteEvent>,
}

pub(super) type Going<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Under<T> = FuturesUnordered<Going<T>>;

/// The loop of one gate.
pub struct Turnstile {
    site: Site,
    gate: Gate,
    mode: GateMode,
    line: GateLine,
    orders: mpsc::Receiver<GateOrder>,
    machine: Machine,
    pending: PendingPassages,
    deciding: Under<(PassageId, Now, Reader, Cause, Answer)>,
    recording: Under<(Passage, Result<Recorded, StoreError>)>,
    modes: Modes,
}

/// Why somebody is decided about.
enum Cause {
    Badge(Ask),
    Order(OpenOrder),
}

/// What can happen at a gate.
enum Turn {
    Door(DoorEvent),
    Decided(PassageId, Now, Reader, Cause, Answer),
    Recorded(Passage, Result<Recorded, StoreError>),
    Remembered(Remembered),
    Order(GateOrder),
    Deadline,
    Retired,
    DoorGone,
}

impl Turnstile {
    /// A turnstile in the mode that the store remembers for it.
    #[must_use]
    pub fn new(site: Site, gate: Gate, mode: GateMode, line: GateLine, orders: mpsc::Receiver<GateOrder>) -> Self {
        let machine = Machine::new(&gate, site.policy.borrow().repeat_window);
        site.board.put_up_gate(gate.id.clone(), mode);
        Self {
            site,
            gate,
            mode,
            line,
            orders,
            machine,
            pending: PendingPassages::default(),
            deciding: Under::new(),
            recording: Under::new(),
            modes: Modes::default(),
        }
    }

    /// Runs until it is to retire and nobody is on the way through, or until the door's lines are closed; then finishes
    /// what is to be recorded.
    pub async fn run(mut self, retire: CancellationToken) {
        loop {
            match self.turn(&retire).await {
                Turn::Door(event) => self.hear(event),
                Turn::Decided(id, at, reader, cause, answer) => self.decided(id, at, reader, cause, answer),
                Turn::Recorded(passage, recorded) => self.recorded(&passage, recorded),
                Turn::Order(GateOrder::Open(order)) => self.ask_by_hand(order),
                Turn::Order(GateOrder::Mode(order)) => self.modes.remember(&self.site, &self.gate.id, order),
                Turn::Remembered(remembered) => self.change_mode(remembered),
                Turn::Deadline => self.step(Input::Tick),
                Turn::Retired | Turn::DoorGone => break,
            }
        }
        self.step(Input::Closing);
        // What is still being decided is forgotten by the machine, which frees what the decision reserved.
        while let Some((id, at, reader, cause, answer)) = self.deciding.next().await {
            self.decided(id, at, reader, cause, answer);
        }
        while let Some((passage, recorded)) = self.recording.next().await {
            self.recorded(&passage, recorded);
        }
        while let Some(remembered) = self.modes.next().await {
            self.change_mode(remembered);
        }
    }

    async fn turn(&mut self, retire: &CancellationToken) -> Turn {
        let idle = self.machine.is_idle() && self.deciding.is_empty();
        let now = self.site.clock.now().uptime;
        let until_deadline = self.machine.deadline().map_or(IDLE, |at| at.since(now));
        if until_deadline.is_zero() {
            // Before any read: a reader that never pauses must not keep a gate open past its time.
            return Turn::Deadline;
        }
        tokio::select! {
            biased;
            event = self.line.events.recv() => event.map_or(Turn::DoorGone, Turn::Door),
            Some((id, at, reader, cause, answer)) = self.deciding.next() => Turn::Decided(id, at, reader, cause, answer),
            Some((passage, recorded)) = self.recording.next() => Turn::Recorded(passage, recorded),
            Some(remembered) = self.modes.next() => Turn::Remembered(remembered),
            Some(order) = self.orders.recv() => Turn::Order(order),
            () = retire.cancelled(), if idle => Turn::Retired,
            () = sleep(until_deadline) => Turn::Deadline,
        }
    }

    fn hear(&mut self, event: DoorEvent) {
        match event {
            DoorEvent::Read { reader, badge, at } => {
                self.site.board.reader(&reader, |state| state.last_read_at = Some(at.wall));
                self.step(Input::Read(Ask { reader, badge }));
            }
            DoorEvent::Opened { .. } => self.step(Input::Opened),
            DoorEvent::OpenFailed { why, .. } => {
                self.pending.refuse_orders(&OrderRefused::Unreachable(why));
                self.step(Input::OpenFailed);
            }
            DoorEvent::Misread { reader, why } => {
                let state = self.site.board.reader(&reader, |state| {
                    state.misreads += 1;
                    state.last_misread = Some(why);
                });
                self.say(SiteEvent::Reader { reader, state });
            }
            DoorEvent::Reader { reader, state: line } => {
                let state = self.site.board.reader(&reader, |state| state.line = line);
                self.say(SiteEvent::Reader { reader, state });
            }
            // Words of controllers.
            DoorEvent::Controller(_) => {}
            DoorEvent::Gate { state: line, .. } => {
                let state = self.site.board.gate(&self.gate.id, |state| state.line = line);
                self.gate_changed(state);
            }
        }
    }

    fn gate_changed(&self, state: super::GateState) {
        self.say(SiteEvent::Gate { gate: self.gate.id.clone(), state });
    }

    fn step(&mut self, input: Input) {
        let now = self.site.clock.now();
        for effect in self.machine.on(input, now.uptime) {
            self.perform(effect, now);
        }
    }

    fn perform(&mut self, effect: Effect, now: Now) {
        match effect {
            Effect::Decide(ask) => self.ask(ask, now),
            Effect::Open => {
                // A full queue means that the relay's task hangs in its port: the member is better told at once.
                if self.line.commands.try_send(GateCommand::Open).is_err() {
                    self.pending.refuse_orders(&OrderRefused::Unreachable("its port does not take commands".into()));
                    self.step(Input::OpenFailed);
                }
            }
            Effect::Show { reader, texts, opens } => {
                let light = if opens { sign::light_of_grant(&texts) } else { Light::Denied };
                self.show(reader, texts, light);
            }
            Effect::Record { id, outcome } => self.record(id, outcome),
            Effect::Forget { id } => {
                self.pending.forget(id);
                self.site.desk.release(id);
            }
            Effect::Forced { way } => {
                let outcome = if self.mode == GateMode::Free { PassageOutcome::Free } else { PassageOutcome::Forced };
                self.write_down(unasked(&self.gate, way, outcome, now, Origin::Agent));
            }
        }
    }

    fn ask(&mut self, ask: Ask, now: Now) {
        let policy = Arc::clone(&self.site.policy.borrow());
        // A reader that a reload has just removed: its last read goes nowhere.
        let Some(reader) = policy.readers.get(&ask.reader).cloned() else { return };
        let asked = (Right::Own, Who::Badge(ask.badge.clone()));
        self.decide(asked, reader, policy, now, Cause::Badge(ask));
    }

    fn ask_by_hand(&mut self, order: OpenOrder) {
        let policy = Arc::clone(&self.site.policy.borrow());
        let Some(reader) = policy.readers.get(&order.reader).cloned() else {
            let _gone = order.answer.send(Err(OrderRefused::Unreachable("the reader was removed".into())));
            return;
        };
        let asked = (Right::Operators, order.person.map_or(Who::Anybody, Who::Person));
        self.decide(asked, reader, policy, self.site.clock.now(), Cause::Order(order));
    }

    fn decide(&mut self, (right, who): (Right, Who), reader: Reader, policy: Arc<Policy>, now: Now, cause: Cause) {
        let (id, desk) = (PassageId(uuid::Uuid::now_v7()), self.site.desk.clone());
        let question = Question { right, who, reader: reader.clone(), mode: self.mode, policy, at: now.wall };
        self.deciding.push(Box::pin(async move {
            let answer = desk.decide(id, question).await;
            (id, now, reader, cause, answer)
        }));
    }

    fn decided(&mut self, id: PassageId, at: Now, reader: Reader, cause: Cause, answer: Answer) {
        match cause {
            Cause::Badge(ask) => {
                let (decision, display) = (Box::new(answer.decision.clone()), reader.display);
                self.pending.insert(id, Pending::by_badge(at, reader, answer, &ask.badge));
                self.step(Input::Decided { ask, id, decision, display });
            }
            Cause::Order(order) => {
                let pending = Pending::by_hand(at, reader, answer, order);
                let (reader, decision) = (pending.reader.id.clone(), Box::new(pending.decision.clone()));
                self.pending.insert(id, pending);
                self.step(Input::Manual { id, reader, decision });
            }
        }
    }

    fn show(&mut self, reader: ReaderId, texts: Vec<MemberText>, light: Light) {
        let lines = sign::lines(&self.site, self.pending.language_at(&reader).as_deref(), &texts);
        self.say(SiteEvent::Shown { reader, texts, lines, light });
    }

    fn record(&mut self, id: PassageId, outcome: PassageOutcome) {
        if !visit::moves(outcome) {
            // Nothing will be consumed, so that a slow disk need not keep others, or the next try, from it.
            self.site.desk.release(id);
        }
        if let Some(passage) = self.pending.settle(id, outcome, &self.gate.id) {
            self.write_down(passage);
        }
    }

    fn write_down(&mut self, passage: Passage) {
        let (policy, lanes) = (Arc::clone(&self.site.policy.borrow()), Arc::clone(&self.site.lanes));
        let (store, clock, written) = (self.site.store.clone(), self.site.clock.clone(), passage.clone());
        self.recording.push(Box::pin(async move {
            let record = move |tx: &crate::store::Tx<'_>| tx.record(&written, &policy, &lanes, clock.now().wall);
            let recorded = store.write_through("recording a passage", record).await;
            (passage, recorded)
        }));
    }

    fn recorded(&mut self, passage: &Passage, recorded: Result<Recorded, StoreError>) {
        self.site.desk.release(passage.id);
        let order = self.pending.answer_to(passage.id);
        match recorded {
            Ok(recorded) => {
                PassageRecorded { passage, recorded: &recorded }.tell();
                if let Some(order) = order {
                    let _gone = order.send(opened_by(passage, &recorded));
                }
                let (new_visit, ended_visit) = (recorded.new_visit, recorded.ended_visit);
                let passage = Box::new(recorded.told);
                self.say(SiteEvent::Passage { passage, new_visit, ended_visit });
                recorded.attended.into_iter().for_each(|it| self.say(SiteEvent::ticked_off(it)));
            }
            Err(error) => {
                PassageNotRecorded { passage, error: &error }.tell();
                if let Some(order) = order {
                    let _gone = order.send(Err(OrderRefused::NotRecorded(error.to_string())));
                }
            }
        }
    }

    fn change_mode(&mut self, remembered: Remembered) {
        self.mode = modes::settle(&self.site, &self.gate.id, remembered).unwrap_or(self.mode);
    }

    fn say(&self, event: SiteEvent) {
        // Nobody may be listening.
        let _listeners = self.site.events.send(event);
    }
}

/// What an operator hears of an opening that is written down.
pub(super) fn opened_by(passage: &Passage, recorded: &Recorded) -> Result<Opened, OrderRefused> {
    if passage.outcome == PassageOutcome::NotPassed {
        return Err(OrderRefused::Unreachable("it did not say in time that it opened".into()));
    }
    Ok(Opened { passage_id: passage.id, at: passage.at, new_visit: recorded.new_visit })
}

/// A rotation that nobody was granted.
pub(super) fn unasked(gate: &Gate, way: Way, outcome: PassageOutcome, now: Now, origin: Origin) -> Passage {
    Passage {
        id: PassageId(uuid::Uuid::now_v7()),
        at: now.wall,
        clock: now.quality,
        gate: gate.id.clone(),
        reader: None,
        direction: None,
        way,
        outcome,
        person: None,
        unknown_badge: None,
        decision: None,
        shown: Vec::new(),
        origin,
    }
}

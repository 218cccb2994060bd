//! The loop of one gate with a controller: one select, one pure machine, then its effects in order.
//!
//! Nothing in it waits: what is decided, written or remembered is under way while the loop turns, so that the next read
//! is answered within its time whatever the disk does.

mod late;
mod listing;
mod perform;
#[cfg(test)]
mod tests;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::listing::Listing;
use self::writing::{Failed, Job, Writing, Written};
use super::facts::{AlarmRaised, ListMade, PassageLeftToController, PassageNotRecorded, PassageRecorded};
use super::gate_loop::{Going, IDLE, opened_by};
use super::modes::{self, Modes, Remembered};
use super::pending::PendingPassages;
use super::{Answer, GateOrder, OpenOrder, OrderRefused, Site, SiteEvent, sign};
use crate::access::Texts;
use crate::domain::{AlarmKind, AlarmState, Gate, GateMode, MemberText, Now, PassageId, Reader, Reason};
use crate::door::{ControllerEvent, ControllerLine, ControllerOrder, ControllerSetting, DoorEvent};
use crate::passage::Ask;
use crate::passage::controlled::{Controlled, EventKey, GRACE, Input};
use crate::telemetry::Fact;

/// How long a gate that is closed waits for its records to be written. The next start is told again what was not.
const LAST_WORDS_MAX: Duration = Duration::from_secs(3);

/// The loop of one gate with a controller.
pub struct ControlledTurnstile {
    site: Site,
    gate: Gate,
    mode: GateMode,
    line: ControllerLine,
    orders: mpsc::Receiver<GateOrder>,
    machine: Controlled,
    pending: PendingPassages,
    deciding: FuturesUnordered<Going<Decided>>,
    modes: Modes,
    writing: Writing,
    listing: Option<Listing>,
    /// A reload changes what the controller shows by itself.
    texts: watch::Receiver<Arc<Texts>>,
}

/// A decision and what it is about.
struct Decided {
    id: PassageId,
    at: Now,
    reader: Reader,
    cause: Cause,
    answer: Answer,
}

/// Why somebody is decided about.
enum Cause {
    Badge(Ask, Option<u32>),
    Order(OpenOrder),
}

/// What can happen at the gate.
enum Turn {
    Door(DoorEvent),
    Decided(Box<Decided>),
    Written(Result<Written, Box<Failed>>),
    Remembered(Remembered),
    Listed(Vec<u64>),
    Resigned,
    Order(GateOrder),
    Deadline,
    Retired,
    DoorGone,
}

impl ControlledTurnstile {
    /// A turnstile in the mode that the store remembers for it; `is_emergency`: so is its last alarm about that.
    #[must_use]
    pub fn new(
        site: Site,
        gate: Gate,
        mode: GateMode,
        is_emergency: bool,
        line: ControllerLine,
        orders: mpsc::Receiver<GateOrder>,
    ) -> Self {
        let repeat_window = site.policy.borrow().repeat_window;
        let machine = Controlled::new(&gate, repeat_window, anywhere(), is_emergency);
        site.board.put_up_gate(gate.id.clone(), mode);
        let (listing, texts) = (Listing::of(line.offline), site.texts.clone());
        Self {
            site,
            gate,
            mode,
            line,
            orders,
            machine,
            pending: PendingPassages::default(),
            deciding: FuturesUnordered::new(),
            modes: Modes::default(),
            writing: Writing::default(),
            listing,
            texts,
        }
    }

    /// Runs until it is to retire and nobody is on the way through, or until the door's lines are closed; then finishes
    /// what is to be written, and tells the controller what it may forget. What has not ended stays in its memory.
    pub async fn run(mut self, retire: CancellationToken) {
        loop {
            match self.turn(&retire).await {
                Turn::Door(event) => self.hear(event),
                Turn::Decided(decided) => self.decided(*decided),
                Turn::Written(written) => self.written(written),
                Turn::Order(GateOrder::Open(order)) => self.ask_by_hand(order),
                Turn::Order(GateOrder::Mode(order)) => self.modes.remember(&self.site, &self.gate.id, order),
                Turn::Remembered(remembered) => self.change_mode(remembered),
                Turn::Listed(hashes) => self.listed(hashes),
                Turn::Resigned => drop(self.order(ControllerOrder::Set(self.setting()))),
                Turn::Deadline => self.step(Input::Tick),
                Turn::Retired | Turn::DoorGone => break,
            }
        }
        self.step(Input::Closing);
        while let Some(decided) = self.deciding.next().await {
            self.decided(decided);
        }
        let last_words = async {
            while !self.writing.is_empty() {
                let written = self.writing.next(&self.site, &self.gate.id, self.mode).await;
                self.written(written);
            }
        };
        // A disk that takes nothing is not waited for: the controller remembers.
        let _left_to_controller = tokio::time::timeout(LAST_WORDS_MAX, last_words).await;
        while let Some(remembered) = self.modes.next().await {
            self.change_mode(remembered);
        }
    }

    async fn turn(&mut self, retire: &CancellationToken) -> Turn {
        let is_idle = self.machine.is_idle() && self.deciding.is_empty() && self.writing.is_empty();
        let now = self.site.clock.now().uptime;
        let until_deadline = self.machine.deadline().map_or(IDLE, |at| at.since(now));
        if until_deadline.is_zero() {
            return Turn::Deadline;
        }
        tokio::select! {
            biased;
            event = self.line.events.recv() => event.map_or(Turn::DoorGone, Turn::Door),
            Some(decided) = self.deciding.next() => Turn::Decided(Box::new(decided)),
            written = self.writing.next(&self.site, &self.gate.id, self.mode) => Turn::Written(written),
            Some(remembered) = self.modes.next() => Turn::Remembered(remembered),
            Some(order) = self.orders.recv() => Turn::Order(order),
            hashes = listing::next(&mut self.listing, &self.site, &self.gate.id, self.mode) => Turn::Listed(hashes),
            Ok(()) = self.texts.changed() => Turn::Resigned,
            () = retire.cancelled(), if is_idle => Turn::Retired,
            () = sleep(until_deadline) => Turn::Deadline,
        }
    }

    fn hear(&mut self, event: DoorEvent) {
        match event {
            DoorEvent::Read { reader, badge, at } => {
                self.site.board.reader(&reader, |state| state.last_read_at = Some(at.wall));
                self.step(Input::Read { ask: Ask { reader, badge }, at });
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
            DoorEvent::Gate { state: line, .. } => {
                let state = self.site.board.gate(&self.gate.id, |state| state.line = line);
                self.say(SiteEvent::Gate { gate: self.gate.id.clone(), state });
            }
            DoorEvent::Controller(event) => self.hear_controller(event),
            // Words of relay boards.
            DoorEvent::Opened { .. } | DoorEvent::OpenFailed { .. } => {}
        }
    }

    fn hear_controller(&mut self, event: ControllerEvent) {
        match event {
            ControllerEvent::Began { boot, was_reset, missing } => self.began(boot, was_reset, missing),
            ControllerEvent::Ended => {
                self.site.board.gate(&self.gate.id, |state| state.controller = None);
                self.step(Input::Ended);
            }
            ControllerEvent::Told(told) => {
                if let (crate::passage::controlled::What::Read { ask: Some(ask), .. }, true) =
                    (&told.what, told.is_fresh)
                {
                    self.site.board.reader(&ask.reader, |state| state.last_read_at = Some(told.at.wall));
                }
                self.step(Input::Told(told));
            }
            ControllerEvent::Taken(grant) => self.step(Input::Taken(grant)),
            ControllerEvent::NotGiven(grant) => self.step(Input::NotGiven(grant)),
            ControllerEvent::Health(health) => {
                let before = self.site.board.gate_state(&self.gate.id).controller;
                let state = self.site.board.gate(&self.gate.id, |state| state.controller = Some(health));
                // How full its memory is changes with every passage, and is read by who asks.
                let news = |it: &crate::door::ControllerHealth| (it.emergency, it.tamper, it.held_open, it.list);
                if before.as_ref().map(news) != state.controller.as_ref().map(news) {
                    self.say(SiteEvent::Gate { gate: self.gate.id.clone(), state });
                }
            }
        }
    }

    /// Whatever a controller was told before, it is told anew.
    fn began(&mut self, boot: u64, was_reset: bool, missing: u32) {
        let at = self.site.clock.now();
        self.order(ControllerOrder::Set(self.setting()));
        self.order(ControllerOrder::Free(self.mode == GateMode::Free));
        self.listing.iter_mut().for_each(Listing::begin_anew);
        self.writing.add(Job::Boot { boot, was_reset, at }, None);
        if missing > 0 {
            let lost = writing::alarm(&self.gate.id, AlarmKind::EventsLost, AlarmState::Happened, at);
            self.writing.add(Job::Alarm(crate::domain::Alarm { count: Some(missing), ..lost }, None), None);
        }
        self.step(Input::Began { boot, was_reset });
    }

    fn setting(&self) -> ControllerSetting {
        let Gate { passage_timeout, open_for, free_exit, .. } = self.gate;
        ControllerSetting {
            free_exit,
            open_for,
            passage_timeout: self.waits_for(passage_timeout),
            grace: GRACE,
            held_open_after: self.line.held_open_after,
            idle: self.idle_lines(),
            closed: sign::notice(&self.site, &MemberText::Reason(Reason::StoreUnavailable)),
            list: self.listing.as_ref().map(Listing::terms),
        }
    }

    /// A gate whose opening is the passage is free again when its pulse is over.
    fn waits_for(&self, passage_timeout: Duration) -> Duration {
        match self.gate.confirm {
            crate::domain::Confirm::Rotation => passage_timeout,
            crate::domain::Confirm::Assumed => self.gate.open_for,
        }
    }

    fn idle_lines(&self) -> [String; 2] {
        sign::fitted(&self.site.policy.borrow().site.name)
    }

    fn change_mode(&mut self, remembered: Remembered) {
        if let Some(mode) = modes::settle(&self.site, &self.gate.id, remembered) {
            self.mode = mode;
            self.order(ControllerOrder::Free(mode == GateMode::Free));
            // Whom the list lets in was decided in another mode.
            self.order(ControllerOrder::NoList);
            self.listing.iter_mut().for_each(Listing::begin_anew);
        }
    }

    fn listed(&mut self, hashes: Vec<u64>) {
        let Some(listing) = &mut self.listing else { return };
        if let Some((version, hashes)) = listing.news(hashes) {
            ListMade { gate: &self.gate.id, entries: hashes.len() }.tell();
            // One that cannot be given now is made again in the next session.
            let _later = self.order(ControllerOrder::List { version, hashes });
        }
    }

    fn written(&mut self, written: Result<Written, Box<Failed>>) {
        match written {
            Ok(Written { settles, passage, alarms }) => {
                if let Some((passage, recorded)) = passage.map(|it| *it) {
                    self.site.desk.release(passage.id);
                    let order = self.pending.answer_to(passage.id);
                    if let Some(recorded) = recorded {
                        PassageRecorded { passage: &passage, recorded: &recorded }.tell();
                        if let Some(order) = order {
                            let _gone = order.send(opened_by(&passage, &recorded));
                        }
                        let (new_visit, ended_visit) = (recorded.new_visit, recorded.ended_visit);
                        self.say(SiteEvent::Passage { passage: Box::new(recorded.told), new_visit, ended_visit });
                        recorded.attended.into_iter().for_each(|it| self.say(SiteEvent::ticked_off(it)));
                    }
                }
                for alarm in alarms {
                    AlarmRaised { alarm: &alarm }.tell();
                    self.say(SiteEvent::Alarm { alarm });
                }
                settles.into_iter().for_each(|key| self.step(Input::Settled(key)));
            }
            Err(failed) => {
                let Failed { passage, error, for_good, settles } = *failed;
                PassageLeftToController { gate: &self.gate.id, error: &error }.tell();
                if !for_good {
                    return;
                }
                if let Some(passage) = passage {
                    PassageNotRecorded { passage: &passage, error: &error }.tell();
                    self.site.desk.release(passage.id);
                    if let Some(order) = self.pending.answer_to(passage.id) {
                        let _gone = order.send(Err(OrderRefused::NotRecorded(error.to_string())));
                    }
                }
                settles.into_iter().for_each(|key| self.step(Input::Settled(key)));
            }
        }
    }

    fn step(&mut self, input: Input) {
        let now = self.site.clock.now().uptime;
        for effect in self.machine.on(input, now) {
            self.perform(effect);
        }
    }

    /// False: the controller's task does not keep up.
    fn order(&mut self, order: ControllerOrder) -> bool {
        self.line.orders.try_send(order).is_ok()
    }

    fn keep(&mut self, key: EventKey) {
        // One that finds no room is made good by the next, or by the next session.
        let _later = self.order(ControllerOrder::Keep(key));
    }

    fn say(&self, event: SiteEvent) {
        // Nobody may be listening.
        let _listeners = self.site.events.send(event);
    }
}

/// A number that the count of grants begins with, so that no grant of this run is taken for one of another.
fn anywhere() -> u32 {
    // Without entropy a count from the beginning is as good: the controller remembers the few last grants only.
    getrandom::u32().unwrap_or_default()
}

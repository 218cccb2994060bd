//! A real controller, the link and the machine of its gate in virtual time, by seeds: cables are pulled, agents die with
//! whatever they had not written, rules take their time, disks too, and people push.
//!
//! Whatever happens: everybody who walked through stands in the books exactly once, nothing was forgotten by the
//! controller before it stood there, no grant was used twice, and nothing stays reserved for ever.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use firmware_proto::gate::{Contacts, Controller};
use firmware_proto::link::gate_end::Identity;
use firmware_proto::uptime::Uptime as Theirs;
use firmware_proto::wiegand::Wire;
use jiff::Timestamp;
use uuid::Uuid;

use super::session::{Heard, Session};
use super::translate::{self, Pulse, Wired};
use super::*;
use crate::domain::{
    BadgeForm, BadgeFormat, BadgeOrder, ClockQuality, Confirm, Decision, Display, Gate, Grant, GrantKind, MemberText,
    PassageId, PassageOutcome, PersonId, Uptime, Verdict, Way,
};
use crate::passage::Ask;
use crate::passage::controlled::{Controlled, Effect, GrantId, Input};

const SEEDS: u64 = 48;
/// A turn of everything.
const TURN_MS: u64 = 5;
/// Virtual time with faults, and then without.
const WILD_MS: u64 = 60_000;
const CALM_MS: u64 = 60_000;
/// Contacts of somebody who walks follow each other so closely.
const STRIDE_MS: u64 = 20;
/// Room for all that happens in that time: what a full ring loses is another story.
const RING: usize = 512;

/// 26 bits each, as cards send them.
const CARDS: [u64; 3] = [0x2F6_23AE, 0x202_0002, 0x202_0004];

/// A small generator (splitmix64, public domain): each seed is one story, on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % below
    }

    /// Once in so many turns.
    fn now_and_then(&mut self, turns: u64) -> bool {
        self.below(turns) == 0
    }
}

/// Something to be written down, in its order.
struct Job {
    settles: Option<EventKey>,
    /// The key of a passage, and how it ended; none for an alarm.
    passage: Option<(Option<EventKey>, PassageOutcome)>,
    id: Option<PassageId>,
    unless_passed: Option<EventKey>,
}

/// What survives an agent.
#[derive(Default)]
struct Disk {
    passages: BTreeMap<EventKey, PassageOutcome>,
    without_key: Vec<PassageOutcome>,
}

impl Disk {
    fn write(&mut self, job: &Job) {
        let before = job.unless_passed.and_then(|key| self.passages.get(&key));
        if before.is_some_and(|outcome| *outcome == PassageOutcome::Passed) {
            return;
        }
        match job.passage {
            Some((Some(key), outcome)) => drop(self.passages.entry(key).or_insert(outcome)),
            Some((None, outcome)) => self.without_key.push(outcome),
            None => {}
        }
    }

    fn walked(&self) -> usize {
        let walked = |outcome: &&PassageOutcome| {
            !matches!(outcome, PassageOutcome::NotPassed | PassageOutcome::Denied | PassageOutcome::Stale)
        };
        self.passages.values().filter(walked).count() + self.without_key.iter().filter(walked).count()
    }
}

struct Agent {
    session: Session,
    machine: Controlled,
    jobs: VecDeque<Job>,
    questions: Vec<(Ask, Option<u32>, u64)>,
    kept: Option<EventKey>,
    reserved: BTreeSet<PassageId>,
    pulse: Pulse,
    room: u16,
}

struct World {
    now_ms: u64,
    dice: Dice,
    firmware: Controller<RING, 16>,
    contacts: Contacts,
    steps: VecDeque<(u64, bool, bool)>,
    walks: usize,
    is_cut: bool,
    is_slow: bool,
    agent: Option<Agent>,
    disk: Disk,
    wired: Vec<Option<Wired>>,
    ids: u128,
    runs: u32,
    grants: BTreeSet<u64>,
}

fn wired(reader: &str, leads_out: bool) -> Option<Wired> {
    let badge = BadgeFormat { form: BadgeForm::Hex, order: BadgeOrder::AsSent, strip: None, take: None };
    Some(Wired { reader: reader.parse().unwrap(), badge, leads_out })
}

fn gate() -> Gate {
    Gate {
        id: "turnstile-1".parse().unwrap(),
        confirm: Confirm::Rotation,
        passage_timeout: Duration::from_secs(2),
        open_for: Duration::from_millis(300),
        free_exit: false,
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let identity = Identity { firmware: [0, 1, 0], capabilities: 7, seed: 7 };
        let mut world = Self {
            now_ms: 0,
            dice: Dice(seed),
            firmware: Controller::new(identity),
            contacts: Contacts::default(),
            steps: VecDeque::new(),
            walks: 0,
            is_cut: false,
            is_slow: false,
            agent: None,
            disk: Disk::default(),
            wired: vec![wired("entry", false), wired("exit", true)],
            ids: 0,
            runs: 0,
            grants: BTreeSet::new(),
        };
        world.start_agent();
        world
    }

    fn now(&self) -> Now {
        let wall = Timestamp::from_millisecond(1_800_000_000_000 + i64::try_from(self.now_ms).unwrap()).unwrap();
        Now { wall, quality: ClockQuality::Synced, uptime: Uptime(Duration::from_millis(self.now_ms)) }
    }

    fn start_agent(&mut self) {
        self.runs += 1;
        let machine = Controlled::new(&gate(), Duration::from_secs(3), self.runs << 16, false);
        self.agent = Some(Agent {
            session: Session::new(None, self.now()),
            machine,
            jobs: VecDeque::new(),
            questions: Vec::new(),
            kept: None,
            reserved: BTreeSet::new(),
            pulse: Pulse::default(),
            room: 0,
        });
    }

    /// What had been handed to the disk is written, or some of it: it goes in order.
    fn kill_agent(&mut self) {
        let Some(agent) = self.agent.take() else { return };
        let written = self.dice.below(3) as usize;
        agent.jobs.iter().take(written).for_each(|job| self.disk.write(job));
    }

    fn mischief(&mut self) {
        if self.dice.now_and_then(500) {
            self.is_cut = !self.is_cut;
        }
        if self.dice.now_and_then(900) {
            self.is_slow = !self.is_slow;
        }
        if self.dice.now_and_then(1500) {
            self.kill_agent();
        }
        if self.agent.is_none() && self.dice.now_and_then(300) {
            self.start_agent();
        }
        if self.dice.now_and_then(120) {
            let (reader, card) = (self.dice.below(3) as usize / 2, CARDS[self.dice.below(3) as usize]);
            for place in (0..26).rev() {
                let wire = if card >> place & 1 == 1 { Wire::D1 } else { Wire::D0 };
                self.firmware.pulse(reader, wire, Theirs(self.now_ms));
            }
        }
        if self.steps.is_empty() && self.dice.now_and_then(250) {
            self.walk();
        }
    }

    fn walk(&mut self) {
        let inwards = [(true, false), (true, true), (false, true), (false, false)];
        let outwards = [(false, true), (true, true), (true, false), (false, false)];
        let steps = if self.dice.below(3) == 0 { outwards } else { inwards };
        self.steps.extend((1..).zip(steps).map(|(at, (a, b))| (self.now_ms + at * STRIDE_MS, a, b)));
        self.walks += 1;
    }

    fn turn(&mut self) {
        self.now_ms += TURN_MS;
        let now = Theirs(self.now_ms);
        while let Some((_, a, b)) = self.steps.pop_front_if(|(at, ..)| *at <= now.0) {
            (self.contacts.a, self.contacts.b) = (a, b);
        }
        self.firmware.contacts(self.contacts, now);
        self.firmware.tick(now);
        let mut bytes = Vec::new();
        while let Some(wire) = self.firmware.transmit(now) {
            bytes.extend(wire);
        }
        let Some(mut agent) = self.agent.take() else { return };
        let heard = if self.is_cut { Vec::new() } else { agent.session.hear(&bytes, self.now()) };
        let over = agent.session.tick(self.now());
        for heard in heard.into_iter().chain(over) {
            self.hear(&mut agent, heard);
        }
        self.answer(&mut agent);
        if !self.is_slow || self.dice.now_and_then(100) {
            self.write(&mut agent);
        }
        if agent.machine.deadline().is_some_and(|at| at <= self.now().uptime) {
            self.step(&mut agent, Input::Tick);
        }
        for byte in agent.session.transmit(self.now()) {
            if !self.is_cut {
                self.firmware.byte(byte, now);
            }
        }
        self.agent = Some(agent);
    }

    fn hear(&mut self, agent: &mut Agent, heard: Heard) {
        match heard {
            Heard::Began { boot, was_reset, .. } => {
                let setting = ControllerSetting {
                    free_exit: false,
                    open_for: gate().open_for,
                    passage_timeout: gate().passage_timeout,
                    grace: crate::passage::controlled::GRACE,
                    held_open_after: Duration::from_secs(10),
                    idle: Default::default(),
                    closed: Default::default(),
                    list: None,
                };
                agent.pulse = (&setting).into();
                self.order(agent, &ControllerOrder::Set(setting));
                self.step(agent, Input::Began { boot, was_reset });
            }
            Heard::Event(kept, step) => {
                let (told, _) = translate::told(kept, &self.wired, step, self.now());
                self.step(agent, Input::Told(told));
            }
            Heard::Taken(grant) => self.step(agent, Input::Taken(grant)),
            Heard::Ended => {
                agent.session = Session::new(agent.kept, self.now());
                self.step(agent, Input::Ended);
            }
            Heard::Health(health) => agent.room = health.room,
            // Two cards at once are none.
            Heard::BadRead { .. } => {}
            Heard::Unknown { .. } | Heard::ListRefused { .. } | Heard::Stranger { .. } => {
                panic!("nobody sent that")
            }
        }
    }

    /// The rules take up to half a second: longer than a controller waits.
    fn answer(&mut self, agent: &mut Agent) {
        while let Some(place) = agent.questions.iter().position(|(_, _, at)| *at <= self.now_ms) {
            let (ask, read, _) = agent.questions.remove(place);
            let way = if ask.reader.as_str() == "exit" { Way::Out } else { Way::In };
            let kind = if way == Way::Out { GrantKind::Exit } else { GrantKind::Member };
            let grants = way == Way::Out || self.dice.below(4) > 0;
            let grant = Grant { kind, entitlement: None, enters: None };
            let verdict = if grants { Verdict::Grant(grant) } else { Verdict::Deny };
            let (person, at) = (Some(PersonId(1)), self.now().wall);
            let decision = Decision { verdict, person, way, at, texts: vec![MemberText::Welcome], trace: Vec::new() };
            self.ids += 1;
            let id = PassageId(Uuid::from_u128(self.ids));
            if grants {
                agent.reserved.insert(id);
            }
            let (decision, display) = (Box::new(decision), Display::None);
            self.step(agent, Input::Decided { ask, read, id, decision, display });
        }
    }

    fn write(&mut self, agent: &mut Agent) {
        let Some(job) = agent.jobs.pop_front() else { return };
        self.disk.write(&job);
        agent.reserved.retain(|id| job.id != Some(*id));
        job.settles.into_iter().for_each(|key| self.step(agent, Input::Settled(key)));
    }

    fn step(&mut self, agent: &mut Agent, input: Input) {
        for effect in agent.machine.on(input, self.now().uptime) {
            self.perform(agent, effect);
        }
    }

    fn perform(&mut self, agent: &mut Agent, effect: Effect) {
        let sign = Sign { lines: Default::default(), light: Light::Welcome, lasts: Duration::from_secs(1) };
        let mut job = |settles, passage, id| agent.jobs.push_back(Job { settles, passage, id, unless_passed: None });
        match effect {
            Effect::Decide { ask, read, .. } => {
                let patience = if self.dice.below(4) == 0 { 500 } else { 50 };
                agent.questions.push((ask, read, self.now_ms + self.dice.below(patience)));
            }
            Effect::Grant { grant, read, way, .. } => {
                assert!(self.grants.insert(grant.0), "a grant is given once");
                self.order(agent, &ControllerOrder::Grant { grant, read, way, sign });
            }
            Effect::Deny { read, .. } => self.order(agent, &ControllerOrder::Deny { read, sign }),
            Effect::Extend(grant) => self.order(agent, &ControllerOrder::Extend(grant)),
            Effect::Withdraw(grant) => self.order(agent, &ControllerOrder::Withdraw(grant)),
            Effect::Record { id, read, outcome } => job(read, Some((read, outcome)), Some(id)),
            Effect::RecordLate(late) => {
                let (settles, passage) = (Some(late.key), Some((Some(late.key), late.outcome)));
                agent.jobs.push_back(Job { settles, passage, id: None, unless_passed: late.unless_passed });
            }
            Effect::Unasked { key, outcome, .. } => job(Some(key), Some((Some(key), outcome)), None),
            Effect::Alarm { key, .. } => job(Some(key), None, None),
            Effect::Forget { id } | Effect::Release { id } => drop(agent.reserved.remove(&id)),
            Effect::Keep(key) => {
                let unwritten = agent.jobs.iter().filter_map(|job| job.settles);
                assert!(unwritten.clone().all(|it| it.boot != key.boot || it.number > key.number), "kept too early");
                agent.kept = Some(key);
                let now = self.now();
                agent.session.keep(key, now);
            }
            Effect::Show { .. } | Effect::NotOpened { .. } => {}
        }
    }

    fn order(&mut self, agent: &mut Agent, order: &ControllerOrder) {
        let wire = translate::order(order, &self.wired, agent.pulse).expect("it is a single order");
        if agent.session.order(wire).is_err()
            && let ControllerOrder::Grant { grant: GrantId(grant), .. } = order
        {
            self.step(agent, Input::NotGiven(GrantId(*grant)));
        }
    }

    fn calm_down(&mut self) {
        (self.is_cut, self.is_slow) = (false, false);
        if self.agent.is_none() {
            self.start_agent();
        }
        (0..CALM_MS / TURN_MS).for_each(|_| self.turn());
    }
}

#[test]
fn whatever_is_cut_or_killed_everybody_who_walked_through_is_in_the_books_once() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        while world.now_ms < WILD_MS {
            world.mischief();
            world.turn();
        }
        world.calm_down();
        let agent = world.agent.as_ref().unwrap();
        let books: Vec<_> =
            world.disk.passages.iter().map(|(key, it)| format!("{} {}", key.number, it.as_str())).collect();
        assert_eq!(world.disk.walked(), world.walks, "seed {seed}: {books:?}");
        assert!(agent.jobs.is_empty() && agent.reserved.is_empty(), "seed {seed}: {:?}", agent.reserved);
        assert!(agent.machine.is_idle() && agent.machine.deadline().is_none(), "seed {seed}");
        assert_eq!(usize::from(agent.room), RING, "seed {seed}: everything was acknowledged");
    }
}

//! A crowd at the gate, by seeds: whatever comes in whatever order, the invariants hold.

use std::collections::BTreeMap;

use super::*;

const SEEDS: u64 = 256;
const STEPS: usize = 400;

/// A small generator (splitmix64, public domain): each seed is one crowd, on every machine.
struct Seed(u64);

impl Seed {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % below
    }
}

/// The world around the machine: rules that take their time, a board, and the books.
struct Crowd {
    machine: Machine,
    seed: Seed,
    now: Uptime,
    ids: u128,
    questions: Vec<Ask>,
    commands: u32,
    /// Every grant that is reserved: neither recorded nor forgotten.
    reserved: BTreeMap<PassageId, GrantKind>,
    opens: u64,
    grants_recorded: u64,
}

impl Crowd {
    fn new(confirm: Confirm, seed: u64) -> Self {
        Self {
            machine: Machine::new(&gate(confirm), REPEAT_WINDOW),
            seed: Seed(seed),
            now: Uptime::default(),
            ids: 0,
            questions: Vec::new(),
            commands: 0,
            reserved: BTreeMap::new(),
            opens: 0,
            grants_recorded: 0,
        }
    }

    fn step(&mut self) {
        match self.seed.next(12) {
            0..=3 => self.read(),
            4..=6 => self.answer(),
            7 | 8 => self.board(),
            9 => {
                let way = if self.seed.next(3) == 0 { Way::Out } else { Way::In };
                self.feed(Input::Rotated { way });
            }
            10 => self.now = self.now.after(Duration::from_millis(self.seed.next(4000))),
            _ if self.seed.next(8) == 0 => self.by_hand(),
            _ => self.feed(Input::Tick),
        }
    }

    fn read(&mut self) {
        let badge = u32::try_from(self.seed.next(6)).unwrap();
        let ask = ask(badge, if self.seed.next(4) == 0 { "exit" } else { "entry" });
        self.feed(Input::Read(ask));
    }

    fn answer(&mut self) {
        if self.questions.is_empty() {
            return;
        }
        let ask = self.questions.remove(0);
        self.ids += 1;
        let id = id(self.ids);
        let way = if ask.reader.as_str() == "exit" { Way::Out } else { Way::In };
        let decision = match self.seed.next(4) {
            0 => denial(way),
            1 => grant(GrantKind::Free, way),
            _ => grant(GrantKind::Member, way),
        };
        if let Some(grant) = decision.grant() {
            self.reserved.insert(id, grant.kind);
        }
        self.feed(Input::Decided { ask, id, decision, display: Display::Web });
    }

    fn by_hand(&mut self) {
        self.ids += 1;
        self.reserved.insert(id(self.ids), GrantKind::Manual);
        let decision = grant(GrantKind::Manual, Way::In);
        self.feed(Input::Manual { id: id(self.ids), reader: "entry".parse().unwrap(), decision });
    }

    fn board(&mut self) {
        if self.commands == 0 {
            return;
        }
        self.commands -= 1;
        let answer = if self.seed.next(6) == 0 { Input::OpenFailed } else { Input::Opened };
        self.feed(answer);
    }

    fn feed(&mut self, input: Input) {
        let is_read = matches!(input, Input::Read(_));
        for effect in self.machine.on(input, self.now) {
            match effect {
                Effect::Decide(ask) => self.questions.push(ask),
                Effect::Open => {
                    assert!(!is_read, "a read alone opens nothing: its decision does");
                    self.opens += 1;
                    self.commands += 1;
                }
                Effect::Record { id, outcome } => self.recorded(id, outcome),
                Effect::Forget { id } => drop(self.reserved.remove(&id)),
                Effect::Show { .. } | Effect::Forced { .. } => {}
            }
            assert!(self.opens - self.grants_recorded <= 1, "two grants are open");
        }
    }

    fn recorded(&mut self, id: PassageId, outcome: PassageOutcome) {
        let kind = self.reserved.remove(&id);
        assert_eq!(kind.is_none(), outcome == PassageOutcome::Denied, "recorded twice, or never granted: {id}");
        self.grants_recorded += u64::from(kind.is_some());
    }

    /// Lets everything come to its end.
    fn settle(&mut self) {
        while self.commands > 0 || !self.questions.is_empty() || self.machine.deadline().is_some() {
            self.board();
            self.answer();
            if let Some(deadline) = self.machine.deadline() {
                self.now = self.now.max(deadline);
                self.feed(Input::Tick);
            }
        }
    }
}

fn crowd_comes_and_goes(confirm: Confirm) {
    for seed in 0..SEEDS {
        let mut crowd = Crowd::new(confirm, seed);
        for _ in 0..STEPS {
            crowd.step();
        }
        crowd.settle();
        assert!(crowd.opens > 0, "seed {seed}: nothing happened");
        assert_eq!(crowd.opens, crowd.grants_recorded, "seed {seed}: an opening without a record, or the reverse");
        assert!(crowd.reserved.is_empty(), "seed {seed}: a reservation is held for ever");
        assert!(crowd.machine.is_idle(), "seed {seed}: somebody waits at a shut gate");
    }
}

#[test]
fn with_a_sensor_every_opening_has_one_record_and_no_reservation_is_left() {
    crowd_comes_and_goes(Confirm::Rotation);
}

#[test]
fn without_a_sensor_every_opening_has_one_record_and_no_reservation_is_left() {
    crowd_comes_and_goes(Confirm::Assumed);
}

#[test]
fn a_badge_read_again_and_again_opens_once() {
    for seed in 0..SEEDS {
        let mut crowd = Crowd::new(Confirm::Assumed, seed);
        for _ in 0..50 {
            crowd.feed(Input::Read(ask(7, "entry")));
            crowd.now = crowd.now.after(Duration::from_millis(crowd.seed.next(2999)));
            if let Some(ask) = crowd.questions.pop() {
                crowd.reserved.insert(id(1), GrantKind::Member);
                let decision = grant(GrantKind::Member, Way::In);
                crowd.feed(Input::Decided { ask, id: id(1), decision, display: Display::None });
                crowd.feed(Input::Opened);
            }
            crowd.feed(Input::Tick);
        }
        assert_eq!(crowd.opens, 1, "seed {seed}");
    }
}

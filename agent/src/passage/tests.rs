//! Stories and seeds of the gate: a script in, a transcript out.

mod seeds;
mod stories;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::domain::{BadgeForm, Grant, PersonId, Reason};

const PASSAGE_TIMEOUT: Duration = Duration::from_secs(8);
const PULSE: Duration = Duration::from_millis(500);
const REPEAT_WINDOW: Duration = Duration::from_secs(3);

fn gate(confirm: Confirm) -> Gate {
    Gate {
        id: "turnstile-1".parse().unwrap(),
        confirm,
        passage_timeout: PASSAGE_TIMEOUT,
        open_for: PULSE,
        free_exit: false,
    }
}

fn ask(badge: u32, reader: &str) -> Ask {
    Ask { reader: reader.parse().unwrap(), badge: Badge::new(BadgeForm::Decimal, &badge.to_string()).unwrap() }
}

fn id(number: u128) -> PassageId {
    PassageId(Uuid::from_u128(number))
}

fn decision(verdict: Verdict, way: Way, text: MemberText) -> Box<Decision> {
    let at = jiff::Timestamp::UNIX_EPOCH;
    Box::new(Decision { verdict, person: Some(PersonId(1)), way, at, texts: vec![text], trace: Vec::new() })
}

fn grant(kind: GrantKind, way: Way) -> Box<Decision> {
    let verdict = Verdict::Grant(Grant { kind, entitlement: None, enters: None });
    decision(verdict, way, if way == Way::Out { MemberText::Goodbye } else { MemberText::Welcome })
}

fn denial(way: Way) -> Box<Decision> {
    decision(Verdict::Deny, way, MemberText::Reason(Reason::NoEntitlement))
}

/// A gate in the hands of a script. Passages are numbered as they are decided.
struct Bench {
    machine: Machine,
    now: Uptime,
    decided: u128,
    badges: BTreeMap<u128, String>,
}

impl Bench {
    fn new(gate: Gate) -> Self {
        Self {
            machine: Machine::new(&gate, REPEAT_WINDOW),
            now: Uptime::default(),
            decided: 0,
            badges: BTreeMap::new(),
        }
    }

    /// `read 7 [at exit]`, `grant 7 [at exit]`, `deny 7`, `free 7`, `hand`, `opened`, `failed`, `turn [out]`, `wait 9s`, `close`;
    /// and `badge 7`: read, granted and opened at once.
    fn run(&mut self, command: &str) -> Vec<String> {
        let words: Vec<_> = command.split_whitespace().collect();
        let reader = if words.contains(&"exit") { "exit" } else { "entry" };
        let way = if words.contains(&"exit") || words.contains(&"out") { Way::Out } else { Way::In };
        let badge = || ask(words[1].parse().unwrap(), reader);
        match words[0] {
            "badge" => {
                let said = ["read", "grant", "opened"].map(|step| self.run(&command.replacen("badge", step, 1)));
                said.concat()
            }
            "read" => self.feed(Input::Read(badge())),
            "grant" => {
                self.decide(badge(), grant(if way == Way::Out { GrantKind::Exit } else { GrantKind::Member }, way))
            }
            "free" => self.decide(badge(), grant(GrantKind::Free, way)),
            "deny" => self.decide(badge(), denial(way)),
            "hand" => {
                let id = self.next_id("hand");
                let reader = reader.parse().unwrap();
                self.feed(Input::Manual { id, reader, decision: grant(GrantKind::Manual, way) })
            }
            "opened" => self.feed(Input::Opened),
            "failed" => self.feed(Input::OpenFailed),
            "close" => self.feed(Input::Closing),
            "turn" => self.feed(Input::Rotated { way }),
            "wait" => self.wait(words[1].parse::<jiff::SignedDuration>().unwrap().unsigned_abs()),
            other => panic!("no such command: {other}"),
        }
    }

    fn wait(&mut self, time: Duration) -> Vec<String> {
        let until = self.now.after(time);
        let mut said = Vec::new();
        while let Some(deadline) = self.machine.deadline().filter(|deadline| *deadline <= until) {
            self.now = deadline;
            said.extend(self.feed(Input::Tick));
        }
        self.now = until;
        said
    }

    fn next_id(&mut self, who: &str) -> PassageId {
        self.decided += 1;
        self.badges.insert(self.decided, who.to_owned());
        id(self.decided)
    }

    fn decide(&mut self, ask: Ask, decision: Box<Decision>) -> Vec<String> {
        let id = self.next_id(ask.badge.value());
        self.feed(Input::Decided { ask, id, decision, display: Display::Web })
    }

    fn feed(&mut self, input: Input) -> Vec<String> {
        let effects = self.machine.on(input, self.now);
        effects.iter().map(|effect| self.told(effect)).collect()
    }

    fn told(&self, effect: &Effect) -> String {
        let who = |id: &PassageId| &self.badges[&id.0.as_u128()];
        match effect {
            Effect::Decide(ask) => format!("Decide({})", ask.badge.value()),
            Effect::Open => "Open".to_owned(),
            Effect::Show { texts, .. } => format!("Show({:?})", texts[0]),
            Effect::Record { id, outcome } => format!("Record({}, {})", who(id), outcome.as_str()),
            Effect::Forget { id } => format!("Forget({})", who(id)),
            Effect::Forced { way } => format!("Forced({way:?})"),
        }
    }
}

fn transcript(gate: Gate, script: &str) -> String {
    let mut bench = Bench::new(gate);
    let mut transcript = String::new();
    for command in script.split(';').map(str::trim) {
        let said = bench.run(command);
        writeln!(transcript, "{command:<15} -> {}", said.join(", ")).unwrap();
    }
    transcript.lines().map(str::trim_end).collect::<Vec<_>>().join("\n") + "\n"
}

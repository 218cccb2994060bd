//! A gate with a controller in the hands of scripts and seeds: its log in, a transcript out.

mod stories;

use std::fmt::Write as _;

use expect_test::Expect;
use uuid::Uuid;

use super::*;
use crate::domain::{Badge, BadgeForm, ClockQuality, MemberText, PersonId, Reason};

const PASSAGE_TIMEOUT: Duration = Duration::from_secs(8);

fn gate(confirm: Confirm) -> Gate {
    Gate {
        id: "turnstile-1".parse().unwrap(),
        confirm,
        passage_timeout: PASSAGE_TIMEOUT,
        open_for: Duration::from_millis(500),
        free_exit: false,
    }
}

fn ask(badge: u32, reader: &str) -> Ask {
    Ask { reader: reader.parse().unwrap(), badge: Badge::new(BadgeForm::Decimal, &badge.to_string()).unwrap() }
}

fn moment(now: Uptime) -> Now {
    Now { wall: jiff::Timestamp::UNIX_EPOCH, quality: ClockQuality::Synced, uptime: now }
}

fn decision(kind: Option<GrantKind>, way: Way) -> Box<Decision> {
    let verdict = kind.map_or(Verdict::Deny, |kind| Verdict::Grant(Grant { kind, entitlement: None, enters: None }));
    let text = if kind.is_some() { MemberText::Welcome } else { MemberText::Reason(Reason::NoEntitlement) };
    let at = jiff::Timestamp::UNIX_EPOCH;
    Box::new(Decision { verdict, person: Some(PersonId(1)), way, at, texts: vec![text], trace: Vec::new() })
}

/// A gate in the hands of a script. Events are numbered as they are told.
struct Bench {
    machine: Controlled,
    now: Uptime,
    number: u32,
    ids: u128,
    /// Grants in the order of giving.
    grants: Vec<GrantId>,
    /// What waits to be durable.
    unwritten: Vec<EventKey>,
}

impl Bench {
    fn new(gate: &Gate) -> Self {
        let machine = Controlled::new(gate, Duration::from_secs(3), 0, false);
        let now = Uptime::default();
        let mut bench = Self { machine, now, number: 0, ids: 0, grants: Vec::new(), unwritten: Vec::new() };
        bench.run("began 1");
        bench
    }

    /// `read 7 [at exit]`, `late 7 [denied|granted N|opened|refused] [at exit]`, `again N granted N|refused`,
    /// `grant 7`, `deny 7`, `free 7` (each for read N: `grant 7 read 3`), `hand`, `taken N`, `turn [out] grant N|own N|free|nobody`,
    /// `missed grant N|own N`, `refused N [late]`, `emergency on|off`, `written`, `wait 9s`, `began N`, `ended`, `close`.
    fn run(&mut self, command: &str) -> Vec<String> {
        let words: Vec<_> = command.split_whitespace().collect();
        let number_at = |at: usize| words[at].parse::<u32>().unwrap();
        let exit = words.contains(&"exit");
        let reader = if exit { "exit" } else { "entry" };
        let way = if exit || words.contains(&"out") { Way::Out } else { Way::In };
        let input = match words[0] {
            "read" => self.tell(true, read(number_at(1), reader, Given::Nothing)),
            "late" => self.tell(false, read(number_at(1), reader, self.given(&words[2..]))),
            "again" => {
                let what = read(0, reader, self.given(&words[2..]));
                Input::Told(Told { number: number_at(1), at: moment(self.now), is_fresh: false, what })
            }
            "grant" | "deny" | "free" => {
                let place = words.iter().position(|word| *word == "read");
                let read = place.map_or(Some(self.number), |place| Some(words[place + 1].parse().unwrap()));
                let kind = match words[0] {
                    "deny" => None,
                    "free" => Some(GrantKind::Free),
                    _ => Some(if exit { GrantKind::Exit } else { GrantKind::Member }),
                };
                let (ask, id) = (ask(number_at(1), reader), self.id());
                Input::Decided { ask, read, id, decision: decision(kind, way), display: Display::Controller }
            }
            "hand" => {
                let (id, reader, at) = (self.id(), reader.parse().unwrap(), moment(self.now));
                Input::Manual { id, reader, decision: decision(Some(GrantKind::Manual), way), at }
            }
            "taken" => Input::Taken(self.grant(words[1])),
            "turn" => {
                let by = self.by(words.iter().copied().filter(|word| *word != "out").skip(1).collect());
                self.tell(false, What::Rotated { way, by })
            }
            "missed" => {
                let by = self.by(words[1..].to_vec());
                self.tell(false, What::NotPassed { by })
            }
            "refused" => {
                let (grant, too_late) = (self.grant(words[1]), words.contains(&"late"));
                self.tell(false, What::Refused { grant, too_late })
            }
            "emergency" => {
                let on = words[1] == "on";
                self.tell(false, What::Alarm { alarm: Trouble::Emergency, on })
            }
            "written" => {
                let keys = std::mem::take(&mut self.unwritten);
                return keys.into_iter().flat_map(|key| self.feed(Input::Settled(key))).collect();
            }
            "wait" => return self.wait(words[1].parse::<jiff::SignedDuration>().unwrap().unsigned_abs()),
            "began" => Input::Began { boot: number_at(1).into(), was_reset: number_at(1) > 1 },
            "ended" => Input::Ended,
            "close" => Input::Closing,
            other => panic!("no such command: {other}"),
        };
        if words[0] == "began" && words[1] != "1" {
            self.number = 0;
        }
        self.feed(input)
    }

    fn id(&mut self) -> PassageId {
        self.ids += 1;
        PassageId(Uuid::from_u128(self.ids))
    }

    fn tell(&mut self, is_fresh: bool, what: What) -> Input {
        self.number += 1;
        Input::Told(Told { number: self.number, at: moment(self.now), is_fresh, what })
    }

    /// `1` is the first grant given here; `old3` an earlier agent's for read 3.
    fn grant(&self, word: &str) -> GrantId {
        match word.strip_prefix("old") {
            Some(read) => GrantId::new(900, Some(read.parse().unwrap())),
            None => self.grants[word.parse::<usize>().unwrap() - 1],
        }
    }

    fn given(&self, words: &[&str]) -> Given {
        match words.first() {
            None | Some(&"at") => Given::Nothing,
            Some(&"denied") => Given::Denied,
            Some(&"granted") => Given::Granted(self.grant(words[1])),
            Some(&"opened") => Given::Opened,
            Some(&"refused") => Given::Refused,
            other => panic!("no such answer: {other:?}"),
        }
    }

    fn by(&self, words: Vec<&str>) -> By {
        match words[0] {
            "grant" => By::Grant(self.grant(words[1])),
            "own" => By::Own(words[1].parse().unwrap()),
            "free" => By::Free,
            _ => By::Nobody,
        }
    }

    fn wait(&mut self, time: Duration) -> Vec<String> {
        let until = self.now.after(time);
        let mut said = Vec::new();
        while let Some(deadline) = self.machine.deadline().filter(|deadline| *deadline <= until) {
            self.now = self.now.max(deadline);
            said.extend(self.feed(Input::Tick));
        }
        self.now = until;
        said
    }

    fn feed(&mut self, input: Input) -> Vec<String> {
        let effects = self.machine.on(input, self.now);
        effects.into_iter().map(|effect| self.done(effect)).collect()
    }

    fn done(&mut self, effect: Effect) -> String {
        let settles: Option<EventKey> = match &effect {
            Effect::Record { read, .. } => *read,
            Effect::RecordLate(Late { key, .. }) | Effect::Unasked { key, .. } | Effect::Alarm { key, .. } => {
                Some(*key)
            }
            _ => None,
        };
        self.unwritten.extend(settles);
        match effect {
            Effect::Decide { ask, .. } => format!("Decide({})", ask.badge.value()),
            Effect::Grant { grant, read, .. } => {
                self.grants.push(grant);
                format!(
                    "Grant({}{})",
                    self.grants.len(),
                    read.map_or(String::new(), |read| format!(" for read {read}"))
                )
            }
            Effect::Deny { read, meaning, .. } => format!("Deny(read {read}, {meaning:?})"),
            Effect::Show { meaning, .. } => format!("Show({meaning:?})"),
            Effect::Extend(_) => "Extend".to_owned(),
            Effect::Withdraw(_) => "Withdraw".to_owned(),
            Effect::Record { id, outcome, .. } => format!("Record({}, {})", id.0.as_u128(), outcome.as_str()),
            Effect::RecordLate(Late { key, ask, by, outcome, .. }) => {
                let who = ask.map_or("nobody".to_owned(), |ask| ask.badge.value().to_owned());
                format!("Late({who} as {}, {} by {by:?})", key.number, outcome.as_str())
            }
            Effect::Unasked { way, outcome, .. } => format!("Unasked({way:?}, {})", outcome.as_str()),
            Effect::Alarm { .. } => "Alarm".to_owned(),
            Effect::Forget { id } => format!("Forget({})", id.0.as_u128()),
            Effect::Release { id } => format!("Release({})", id.0.as_u128()),
            Effect::NotOpened { why, .. } => format!("NotOpened({why})"),
            Effect::Keep(key) => format!("Keep({})", key.number),
        }
    }
}

fn read(badge: u32, reader: &str, answer: Given) -> What {
    What::Read { ask: Some(ask(badge, reader)), leads_out: reader == "exit", answer }
}

fn check_at(gate: &Gate, script: &str, expected: &Expect) {
    let mut bench = Bench::new(gate);
    let mut transcript = String::new();
    for command in script.split(';').map(str::trim) {
        let said = bench.run(command);
        writeln!(transcript, "{command:<22} -> {}", said.join(", ")).unwrap();
    }
    expected.assert_eq(&(transcript.lines().map(str::trim_end).collect::<Vec<_>>().join("\n") + "\n"));
}

fn check(script: &str, expected: &Expect) {
    check_at(&gate(Confirm::Rotation), script, expected);
}

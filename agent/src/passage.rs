//! The machine of one gate: reads and passages in, effects out; time is an argument.
//!
//! ```text
//!              granted, by hand                opened              opened, assumed or by hand
//!     idle ───────────────────────▶ opening ───────────▶ open     ┌───────────▶ counted
//!      ▲                             │  │  └────────────────│─────┘               │
//!      │      open failed, time out  │  │ rotated           │                     │
//!      ├───── not passed ◀───────────┤  └──▶ passed         │                     │
//!      ├───── not passed ◀───────────│───── time out ───────┤                     │
//!      ├───── passed ◀───────────────│───── rotated ────────┘                     │
//!      └─────────────────────────────│────────── rotated, pulse over ─────────────┘
//! ```
//!
//! From every state `Closing` leads to closed, for good; a grant that was open is then not passed.
//!
//! Beside the state the machine remembers whom it asked about, who waits for the gate (one), and what it answered
//! lately (repeats). At most one grant is open. Every `Open` is followed by exactly one `Record` of the same passage.
//! Opening comes before showing, because the member walks when the gate clicks; recording never comes before either.

pub mod controlled;
mod memory;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::domain::{
    Badge, Confirm, Decision, Display, Gate, GrantKind, MemberText, PassageId, PassageOutcome, ReaderId, Uptime,
    Verdict, Way,
};
use memory::{Answer, Memory};

/// A grant is held open by its own repeated badge for at most so many passage time-outs: a card left lying on a reader
/// must not hold a gate open for good.
pub const HELD_OPEN_TIMEOUTS_MAX: u32 = 4;

/// A badge at a reader.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ask {
    /// The reader.
    pub reader: ReaderId,
    /// The badge.
    pub badge: Badge,
}

/// What happens at a gate.
#[derive(Clone, PartialEq, Debug)]
pub enum Input {
    /// A badge was read.
    Read(Ask),
    /// The rules have answered.
    Decided {
        /// What was asked.
        ask: Ask,
        /// The passage's id, made with the decision.
        id: PassageId,
        /// The answer; a grant is reserved.
        decision: Box<Decision>,
        /// The reader's display.
        display: Display,
    },
    /// An operator opens.
    Manual {
        /// The passage's id.
        id: PassageId,
        /// The reader whose direction it has.
        reader: ReaderId,
        /// The operator's decision, always a grant.
        decision: Box<Decision>,
    },
    /// The open command was written to the board.
    Opened,
    /// The open command could not be written.
    OpenFailed,
    /// The sensor saw a rotation.
    Rotated {
        /// Which way.
        way: Way,
    },
    /// The deadline came.
    Tick,
    /// The gate is taken down, by the end of the process or a new configuration: nothing more will be seen of it.
    Closing,
}

/// What is to be done, in this order.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Ask the rules; a grant is reserved, and the answer comes back as [`Input::Decided`].
    Decide(Ask),
    /// Write the open command; the board's answer comes back as [`Input::Opened`] or [`Input::OpenFailed`].
    Open,
    /// Show texts at a reader. After an opening by hand the reader may have no display.
    Show {
        /// The reader.
        reader: ReaderId,
        /// Its texts, most important first.
        texts: Vec<MemberText>,
        /// Whether they are let through.
        opens: bool,
    },
    /// Write the passage down, and release its reservation once that is durable.
    Record {
        /// The passage.
        id: PassageId,
        /// How it ended.
        outcome: PassageOutcome,
    },
    /// Release the reservation: the decision has no effect, and nothing is written down.
    Forget {
        /// The passage that will not be.
        id: PassageId,
    },
    /// Write down a rotation that nobody was granted; at a free gate it is a free passage.
    Forced {
        /// Which way.
        way: Way,
    },
}

/// The machine of one gate.
#[derive(Debug)]
pub struct Machine {
    gate: Gate,
    state: State,
    memory: Memory,
    /// Open commands that the board has not answered. Only the answer to the last one is about the present grant.
    unanswered: u32,
}

#[derive(Debug)]
enum State {
    /// Shut.
    Idle,
    /// The open command is on its way to the board.
    Opening { grant: Open, until: Uptime },
    /// Somebody may walk through.
    Open { grant: Open, until: Uptime, at_most: Uptime },
    /// Somebody may walk through, and that is written down already.
    Counted { until: Uptime },
    /// Taken down. What was still being decided is forgotten.
    Closed,
}

/// A grant that opens the gate.
#[derive(Clone, Debug)]
struct Open {
    id: PassageId,
    kind: GrantKind,
    way: Way,
    /// Whose badge; none for an opening by hand.
    ask: Option<Ask>,
}

impl Machine {
    /// A shut gate.
    #[must_use]
    pub fn new(gate: &Gate, repeat_window: Duration) -> Self {
        Self { gate: gate.clone(), state: State::Idle, memory: Memory::new(repeat_window), unanswered: 0 }
    }

    /// When [`Input::Tick`] is due, if nothing else happens.
    #[must_use]
    pub fn deadline(&self) -> Option<Uptime> {
        match self.state {
            State::Idle | State::Closed => None,
            State::Opening { until, .. } | State::Open { until, .. } | State::Counted { until } => Some(until),
        }
    }

    /// Whether the gate is shut with nobody asked about or waiting, so that it can be rebuilt with a new configuration.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle | State::Closed) && self.memory.is_quiet()
    }

    /// Whether somebody was granted who has not walked through. An operator may then wait, or open over it: an opening
    /// by hand ends such a grant as not passed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self.state {
            State::Opening { .. } | State::Open { .. } => true,
            State::Idle | State::Counted { .. } | State::Closed => false,
        }
    }

    /// Takes an input at a moment. A tick before the deadline does nothing.
    #[must_use]
    pub fn on(&mut self, input: Input, now: Uptime) -> Vec<Effect> {
        if matches!(self.state, State::Closed) {
            return after_closing(input);
        }
        let open = self.open_for().cloned();
        self.memory.forget_what_is_over(now, open.as_ref());
        match input {
            Input::Read(ask) => self.read(ask, now),
            Input::Decided { ask, id, decision, display } => self.decided(ask, id, *decision, display, now),
            Input::Manual { id, reader, decision } => self.by_hand(id, reader, *decision, now),
            Input::Opened => self.opened(now),
            Input::OpenFailed => self.open_failed(now),
            Input::Rotated { way } => self.rotated(way, now),
            Input::Tick => self.tick(now),
            Input::Closing => {
                let ended = self.end_unpassed();
                (self.state, self.unanswered) = (State::Closed, 0);
                self.memory.clear();
                ended
            }
        }
    }

    /// A repeat is shown the same text and does nothing else, except that it keeps its own grant open.
    fn read(&mut self, ask: Ask, now: Uptime) -> Vec<Effect> {
        if let Some(answer) = self.memory.repeated(&ask, now) {
            self.keep_open(&ask, now);
            return show(&ask.reader, &answer);
        }
        if self.memory.asks(&ask, now) { vec![Effect::Decide(ask)] } else { Vec::new() }
    }

    fn decided(&mut self, ask: Ask, id: PassageId, decision: Decision, display: Display, now: Uptime) -> Vec<Effect> {
        self.memory.answered(&ask);
        if self.memory.has_answer(&ask) {
            // Two decisions about one read, because the first came very late: the first stands.
            return vec![Effect::Forget { id }];
        }
        let opened = decision.grant().is_some();
        let answer = Answer { texts: decision.texts, display, opened };
        let Verdict::Grant(grant) = decision.verdict else {
            let shown = show(&ask.reader, &answer);
            self.memory.remember(ask, answer, now);
            let denied = Effect::Record { id, outcome: PassageOutcome::Denied };
            return shown.into_iter().chain([denied]).collect();
        };
        if !matches!(self.state, State::Idle) {
            if self.open_for() != Some(&ask) {
                self.memory.waits(ask, decision.way);
            }
            return vec![Effect::Forget { id }];
        }
        let shown = show(&ask.reader, &answer);
        self.memory.remember(ask.clone(), answer, now);
        let open = self.open(Open { id, kind: grant.kind, way: decision.way, ask: Some(ask) }, now);
        std::iter::once(open).chain(shown).collect()
    }

    /// An operator does not wait: whoever was granted and has not walked through by then is not coming.
    fn by_hand(&mut self, id: PassageId, reader: ReaderId, decision: Decision, now: Uptime) -> Vec<Effect> {
        let Verdict::Grant(grant) = decision.verdict else { return vec![Effect::Forget { id }] };
        let mut effects = self.end_unpassed();
        effects.push(self.open(Open { id, kind: grant.kind, way: decision.way, ask: None }, now));
        effects.push(Effect::Show { reader, texts: decision.texts, opens: true });
        effects
    }

    fn open(&mut self, grant: Open, now: Uptime) -> Effect {
        self.unanswered = self.unanswered.saturating_add(1);
        self.state = State::Opening { grant, until: now.after(self.gate.passage_timeout) };
        Effect::Open
    }

    fn answers_last_command(&mut self) -> bool {
        let outstanding = self.unanswered;
        self.unanswered = outstanding.saturating_sub(1);
        outstanding == 1
    }

    fn opened(&mut self, now: Uptime) -> Vec<Effect> {
        if !self.answers_last_command() {
            return Vec::new();
        }
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Opening { grant, .. } => self.stands_open(grant, now),
            // The rotation was told before the command's own answer: the passage is over, and so is this one's wait.
            other @ (State::Idle | State::Open { .. } | State::Counted { .. } | State::Closed) => {
                self.state = other;
                Vec::new()
            }
        }
    }

    /// With no sensor, opening is the passage; so it is when an operator opens, who sees the person.
    fn stands_open(&mut self, grant: Open, now: Uptime) -> Vec<Effect> {
        let open_for = match self.gate.confirm {
            Confirm::Rotation => self.gate.passage_timeout,
            Confirm::Assumed => self.gate.open_for,
        };
        if self.gate.confirm == Confirm::Rotation && grant.kind != GrantKind::Manual {
            let at_most = now.after(open_for.saturating_mul(HELD_OPEN_TIMEOUTS_MAX));
            self.state = State::Open { grant, until: now.after(open_for), at_most };
            return Vec::new();
        }
        self.state = State::Counted { until: now.after(open_for) };
        vec![Effect::Record { id: grant.id, outcome: passed(grant.kind) }]
    }

    fn open_failed(&mut self, now: Uptime) -> Vec<Effect> {
        if !self.answers_last_command() {
            return Vec::new();
        }
        match self.state {
            State::Opening { .. } => self.shut_unpassed(now),
            State::Idle | State::Open { .. } | State::Counted { .. } | State::Closed => Vec::new(),
        }
    }

    fn rotated(&mut self, way: Way, now: Uptime) -> Vec<Effect> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Opening { grant, .. } | State::Open { grant, .. } if leads_out(grant.way) == leads_out(way) => {
                let recorded = Effect::Record { id: grant.id, outcome: passed(grant.kind) };
                std::iter::once(recorded).chain(self.next(now)).collect()
            }
            // The passage that was counted when the gate opened.
            State::Counted { .. } => self.next(now),
            other @ (State::Idle | State::Opening { .. } | State::Open { .. } | State::Closed) => {
                self.state = other;
                self.unasked(way)
            }
        }
    }

    /// Outwards through a barrier that turns freely outwards is nobody's offence.
    fn unasked(&self, way: Way) -> Vec<Effect> {
        if self.gate.free_exit && leads_out(way) { Vec::new() } else { vec![Effect::Forced { way }] }
    }

    fn tick(&mut self, now: Uptime) -> Vec<Effect> {
        match self.state {
            State::Idle | State::Closed => Vec::new(),
            State::Opening { until, .. } | State::Open { until, .. } | State::Counted { until } if now < until => {
                Vec::new()
            }
            // A board that has not answered will: that answer is about a grant that is over, and not about the next one.
            State::Opening { .. } | State::Open { .. } => self.shut_unpassed(now),
            State::Counted { .. } => {
                self.state = State::Idle;
                self.next(now)
            }
        }
    }

    /// The next read of the badge is decided afresh, rather than taken for a repeat.
    fn end_unpassed(&mut self) -> Vec<Effect> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Opening { grant, .. } | State::Open { grant, .. } => {
                if let Some(ask) = &grant.ask {
                    self.memory.forget(ask);
                }
                vec![Effect::Record { id: grant.id, outcome: PassageOutcome::NotPassed }]
            }
            State::Idle | State::Counted { .. } | State::Closed => Vec::new(),
        }
    }

    fn shut_unpassed(&mut self, now: Uptime) -> Vec<Effect> {
        let ended = self.end_unpassed();
        ended.into_iter().chain(self.next(now)).collect()
    }

    /// The gate is free: who waits is decided again, since much may have changed.
    fn next(&mut self, now: Uptime) -> Vec<Effect> {
        let waiting = self.memory.next(now);
        waiting.map(Effect::Decide).into_iter().collect()
    }

    /// The badge that the gate is open for.
    fn open_for(&self) -> Option<&Ask> {
        match &self.state {
            State::Opening { grant, .. } | State::Open { grant, .. } => grant.ask.as_ref(),
            State::Idle | State::Counted { .. } | State::Closed => None,
        }
    }

    fn keep_open(&mut self, by: &Ask, now: Uptime) {
        match &mut self.state {
            State::Open { grant, until, at_most } if grant.ask.as_ref() == Some(by) => {
                *until = now.after(self.gate.passage_timeout).min(*at_most).max(*until);
            }
            State::Idle | State::Opening { .. } | State::Open { .. } | State::Counted { .. } | State::Closed => {}
        }
    }
}

fn after_closing(input: Input) -> Vec<Effect> {
    match input {
        Input::Decided { id, .. } | Input::Manual { id, .. } => vec![Effect::Forget { id }],
        Input::Read(_) | Input::Opened | Input::OpenFailed | Input::Rotated { .. } | Input::Tick | Input::Closing => {
            Vec::new()
        }
    }
}

fn passed(kind: GrantKind) -> PassageOutcome {
    match kind {
        GrantKind::Member | GrantKind::Staff | GrantKind::Exit => PassageOutcome::Passed,
        GrantKind::Free => PassageOutcome::Free,
        GrantKind::Manual => PassageOutcome::Manual,
    }
}

fn leads_out(way: Way) -> bool {
    match way {
        Way::Out => true,
        Way::In | Way::Inner => false,
    }
}

fn show(reader: &ReaderId, answer: &Answer) -> Vec<Effect> {
    match answer.display {
        Display::None => Vec::new(),
        Display::Controller | Display::Web => {
            vec![Effect::Show { reader: reader.clone(), texts: answer.texts.clone(), opens: answer.opened }]
        }
    }
}

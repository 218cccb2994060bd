//! What people do at a turnstile, as pulses, contacts and switches in time.

use std::collections::VecDeque;
use std::mem;
use std::time::{Duration, Instant};

use firmware_proto::gate::READERS;
use firmware_proto::wiegand::Wire;

use super::truth::Way;
use super::weather::Weather;

/// Between two bits of a reader.
const BIT_EVERY: Duration = Duration::from_millis(1);

/// Between two cards at one reader: a frame has ended after 20 ms of quiet.
const CARDS_APART: Duration = Duration::from_millis(25);

/// How the board is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Power {
    On,
    /// Its loop stands still, and nobody has built in a watchdog.
    Frozen,
    Off,
}

/// A bit on a wire of a reader.
#[derive(Debug)]
pub(super) struct Pulse {
    pub(super) at: Instant,
    pub(super) reader: usize,
    pub(super) wire: Wire,
    /// The last bit of this badge.
    pub(super) completes: Option<String>,
}

/// The barrier moves on.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) a: bool,
    pub(super) b: bool,
    /// With this step it is at rest again.
    pub(super) ends: Option<End>,
    after: Duration,
}

/// How a movement ends.
#[derive(Debug)]
pub(super) enum End {
    Through { way: Way, badge: Option<String> },
    Back,
}

/// What there is to do, and how things stand.
#[derive(Debug)]
pub(super) struct Doings {
    pulses: [VecDeque<Pulse>; READERS],
    steps: VecDeque<Step>,
    moved: Instant,
    noise: Vec<u8>,
    pub(super) state: State,
}

/// How things stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    pub(super) tamper: bool,
    pub(super) emergency: bool,
    pub(super) power: Power,
    /// How often the power was interrupted.
    pub(super) resets: usize,
    pub(super) weather: Weather,
    pub(super) is_dismantled: bool,
}

/// What is due.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) pulses: Vec<Pulse>,
    pub(super) step: Option<Step>,
    /// Bytes for the agent that no board sent.
    pub(super) noise: Vec<u8>,
    pub(super) state: State,
}

impl Doings {
    pub(super) fn new() -> Self {
        let state = State {
            tamper: false,
            emergency: false,
            power: Power::On,
            resets: 0,
            weather: Weather::CALM,
            is_dismantled: false,
        };
        Self { pulses: Default::default(), steps: VecDeque::new(), moved: Instant::now(), noise: Vec::new(), state }
    }

    /// Bits are sent by a reader, behind those it is still sending.
    pub(super) fn send(&mut self, reader: usize, bits: &[Wire], badge: &str) {
        let pulses = &mut self.pulses[reader];
        let now = Instant::now();
        let first = pulses.back().map_or(now, |last| now.max(last.at + CARDS_APART));
        let sent = bits.iter().enumerate().map(|(place, wire)| Pulse {
            at: first + BIT_EVERY * place as u32,
            reader,
            wire: *wire,
            completes: (place + 1 == bits.len()).then(|| badge.to_owned()),
        });
        pulses.extend(sent);
    }

    /// Somebody goes through, behind whoever is in the barrier.
    pub(super) fn walk(&mut self, way: Way, badge: Option<&str>, stride: Duration) {
        let ends = End::Through { way, badge: badge.map(str::to_owned) };
        self.steps(way, [(true, false), (true, true), (false, true)], ends, stride);
    }

    /// Somebody begins to go through and turns back half way.
    pub(super) fn turn_back(&mut self, way: Way, stride: Duration) {
        self.steps(way, [(true, false), (true, true), (true, false)], End::Back, stride);
    }

    /// Somebody stands in the barrier for a while, and turns back.
    pub(super) fn stand_between(&mut self, way: Way, time: Duration, stride: Duration) {
        self.turn_back(way, stride);
        if let Some(back) = self.steps.iter_mut().rev().nth(1) {
            back.after = time;
        }
    }

    /// Bytes on the cable that no board sent.
    pub(super) fn disturb(&mut self, bytes: &[u8]) {
        self.noise.extend_from_slice(bytes);
    }

    /// Takes what is due. `is_felt`: the board has seen how the barrier stands. People do not outrun a board on a busy
    /// machine: theirs is the truth that it is measured by.
    pub(super) fn due(&mut self, now: Instant, is_felt: bool) -> Due {
        let mut pulses = Vec::new();
        for queue in &mut self.pulses {
            while let Some(pulse) = queue.pop_front_if(|pulse| pulse.at <= now) {
                pulses.push(pulse);
            }
        }
        let since = now.saturating_duration_since(self.moved);
        let step = self.steps.pop_front_if(|step| is_felt && since >= step.after);
        if step.is_some() {
            self.moved = now;
        }
        Due { pulses, step, noise: mem::take(&mut self.noise), state: self.state }
    }

    /// Whether something is going on, so that each millisecond counts.
    pub(super) fn is_busy(&self) -> bool {
        !self.steps.is_empty() || self.pulses.iter().any(|queue| !queue.is_empty())
    }

    /// The contacts are named as they are met on the way in.
    fn steps(&mut self, way: Way, met: [(bool, bool); 3], ends: End, stride: Duration) {
        if self.steps.is_empty() {
            self.moved = Instant::now();
        }
        for (first, second) in met {
            let (a, b) = if way == Way::In { (first, second) } else { (second, first) };
            self.steps.push_back(Step { a, b, ends: None, after: stride });
        }
        self.steps.push_back(Step { a: false, b: false, ends: Some(ends), after: stride });
    }
}

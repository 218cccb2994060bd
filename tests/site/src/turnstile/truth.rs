//! What was seen at a turnstile and what is physically true of it: the book that the agent's own is compared with.

use std::time::{Duration, Instant};

use jiff::Timestamp;

pub use firmware_proto::words::Way;

/// An output of the controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Lets one person in.
    RelayIn,
    /// Lets one person out.
    RelayOut,
    /// Holds the barrier; without it the gate turns freely.
    Lock,
    /// The green light.
    Green,
    /// The red light.
    Red,
    /// The buzzer.
    Buzzer,
}

impl Output {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::RelayIn, Self::RelayOut, Self::Lock, Self::Green, Self::Red, Self::Buzzer];

    /// The relay that lets one person through this way.
    pub fn relay(way: Way) -> Self {
        match way {
            Way::In => Self::RelayIn,
            Way::Out => Self::RelayOut,
        }
    }
}

/// An output that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch {
    /// Which.
    pub output: Output,
    /// What it became.
    pub on: bool,
    /// When.
    pub at: Instant,
}

/// What the display showed from a moment on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Screen {
    /// Both lines, without the spaces behind them.
    pub lines: [String; 2],
    /// From when on.
    pub at: Instant,
}

/// A badge held to a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    /// The controller's input, from 0.
    pub reader: usize,
    /// The number of the card, in hex digits.
    pub badge: String,
    /// When its last bit was sent.
    pub at: Timestamp,
}

/// Why a barrier turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// Its relay was on since it last turned this way: such a barrier waits for one person.
    Released,
    /// The lock was off: an emergency, a free gate, or no power.
    Unlocked,
    /// Somebody was stronger than the barrier.
    Forced,
}

/// Somebody went through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// Which way.
    pub way: Way,
    /// Whose badge had opened, if anybody's.
    pub badge: Option<String>,
    /// Why the barrier turned.
    pub because: Because,
    /// When it was at rest again.
    pub at: Timestamp,
}

/// The book of one turnstile.
#[derive(Debug, Clone, Default)]
pub struct Truth {
    /// Every change of an output, oldest first.
    pub switches: Vec<Switch>,
    /// Everything the display showed, oldest first.
    pub screens: Vec<Screen>,
    /// Every badge that was held to a reader.
    pub presented: Vec<Presented>,
    /// Everybody who went through.
    pub rotations: Vec<Rotation>,
    /// How many began to go through and turned back.
    pub turned_back: usize,
    /// How often the controller got its power.
    pub boots: usize,
}

impl Truth {
    /// Whether an output is on.
    pub fn is_on(&self, output: Output) -> bool {
        self.of(output).next_back().is_some_and(|switch| switch.on)
    }

    /// How often an output went on.
    pub fn times_on(&self, output: Output) -> usize {
        self.of(output).filter(|switch| switch.on).count()
    }

    /// When an output last went on.
    pub fn last_on(&self, output: Output) -> Option<Instant> {
        self.of(output).rfind(|switch| switch.on).map(|switch| switch.at)
    }

    /// How long each finished pulse of an output lasted.
    pub fn pulses(&self, output: Output) -> Vec<Duration> {
        let changes: Vec<&Switch> = self.of(output).collect();
        changes.chunks_exact(2).map(|pair| pair[1].at - pair[0].at).collect()
    }

    /// What the display shows.
    pub fn shows(&self) -> [&str; 2] {
        self.screens.last().map_or(["", ""], |screen| [screen.lines[0].as_str(), screen.lines[1].as_str()])
    }

    /// Whether the display has shown a text, on one line or broken over both.
    pub fn has_shown(&self, text: &str) -> bool {
        self.screens.iter().any(|screen| screen.lines.join(" ").contains(text))
    }

    fn of(&self, output: Output) -> impl DoubleEndedIterator<Item = &Switch> {
        self.switches.iter().filter(move |switch| switch.output == output)
    }
}

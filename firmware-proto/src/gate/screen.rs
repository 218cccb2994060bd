//! What a member sees and hears: two lines, two lights and a buzzer.

use crate::uptime::Uptime;
use crate::words::{Line, Show, Signal};

/// Lights and buzzer at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lights {
    /// The green light.
    pub green: bool,
    /// The red light.
    pub red: bool,
    /// The buzzer.
    pub buzzer: bool,
}

/// What is shown, and since when.
#[derive(Clone, Debug, Default)]
pub struct Screen {
    showing: Option<(Show, Uptime)>,
}

impl Screen {
    /// Shows something; it replaces what was there, since it is about somebody who stands here.
    pub fn show(&mut self, show: Show, now: Uptime) {
        self.showing = Some((show, now));
    }

    /// Forgets what has been shown for long enough.
    pub fn tick(&mut self, now: Uptime) {
        self.showing.take_if(|(show, since)| now.since(*since) >= u64::from(show.for_ms));
    }

    /// The lines, if any are shown.
    #[must_use]
    pub fn lines(&self) -> Option<&[Line; 2]> {
        self.showing.as_ref().map(|(show, _)| &show.lines)
    }

    /// Lights and buzzer.
    #[must_use]
    pub fn lights(&self, now: Uptime) -> Lights {
        self.showing.as_ref().map_or(Lights::default(), |(show, since)| pattern(show.signal, now.since(*since)))
    }
}

/// Lights and buzzer so long after the signal began. Colour alone tells nothing to some members, so each signal has a
/// rhythm of its own: one short beep to come in, three to read first, one long when the answer is no.
#[must_use]
pub fn pattern(signal: Signal, ms: u64) -> Lights {
    let first = |length| ms < length;
    let every = |period, length| ms % period < length;
    let (green, red, buzzer) = match signal {
        Signal::Quiet => (false, false, false),
        Signal::Welcome => (true, false, first(80)),
        Signal::Message => (true, false, first(480) && every(160, 80)),
        Signal::Denied => (false, true, first(600)),
        Signal::Wait => (false, every(1000, 500), false),
        Signal::Alarm => (false, every(300, 150), every(600, 150)),
    };
    Lights { green, red, buzzer }
}

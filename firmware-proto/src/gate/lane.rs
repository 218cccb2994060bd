//! Who may pass in one direction: at most one person at a time, each with exactly one end.
//!
//! ```text
//!              opened                    time-out              grace over: not passed
//!     shut ─────────────▶ open ─────────────────────▶ late ─────────────────────▶ shut
//!      ▲                   │ rotated                   │ rotated, or the next one opened: not passed
//!      └───────────────────┴───────────────────────────┘
//! ```
//!
//! The relay's pulse is bounded here, whatever the agent asks for, and with a rest after it: no order and no series of
//! orders holds it on.

use crate::uptime::Uptime;
use crate::words::By;

/// A relay is never on for longer: the coil of a turnstile burns after a minute, and a stuck "on" lets everybody in.
pub const RELAY_ON_MS_MAX: u32 = 5_000;

/// A relay is off for at least so long between two pulses, so that the turnstile sees two.
pub const RELAY_REST_MS: u32 = 100;

/// Nobody is waited for longer.
pub const PASSAGE_MS_MAX: u32 = 60_000;

/// One direction of a gate.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lane {
    passage: Option<Passage>,
    pulse_from: Uptime,
    pulse_until: Uptime,
}

#[derive(Clone, Copy, Debug)]
struct Passage {
    by: By,
    /// When the time-out is.
    until: Uptime,
    /// When a late rotation is nobody's.
    late_until: Uptime,
}

/// How somebody is let through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opening {
    /// On whose word.
    pub by: By,
    /// Length of the pulse.
    pub open_ms: u16,
    /// How long they may take.
    pub passage_ms: u16,
    /// How long after that a rotation is still theirs.
    pub grace_ms: u16,
}

impl Lane {
    /// Somebody may pass, within the time or late.
    #[must_use]
    pub fn is_busy(&self, now: Uptime) -> bool {
        self.passage.is_some_and(|passage| now < passage.until)
    }

    /// Lets somebody through. Gives who was here before and has not passed.
    pub fn open(&mut self, opening: Opening, now: Uptime) -> Option<By> {
        let late = self.passage.take().map(|passage| passage.by);
        let until = now.after(u32::from(opening.passage_ms).clamp(1, PASSAGE_MS_MAX));
        let late_until = until.after(u32::from(opening.grace_ms));
        self.passage = Some(Passage { by: opening.by, until, late_until });
        let rested = self.pulse_until.after(RELAY_REST_MS);
        self.pulse_from = if self.pulse_until == Uptime(0) { now } else { now.max(rested) };
        self.pulse_until = self.pulse_from.after(u32::from(opening.open_ms).min(RELAY_ON_MS_MAX));
        late
    }

    /// Somebody went through: who it was. The pulse ends, for it was for one.
    pub fn rotated(&mut self, now: Uptime) -> Option<By> {
        let passage = self.passage.take()?;
        self.end_pulse(now);
        Some(passage.by)
    }

    /// Gives a passage more time from now, if it is this one.
    pub fn extend(&mut self, by: By, passage_ms: u16, now: Uptime) {
        if let Some(passage) = self.passage.as_mut().filter(|passage| passage.by == by) {
            let grace_ms = passage.late_until.since(passage.until);
            let until = now.after(u32::from(passage_ms).min(PASSAGE_MS_MAX));
            passage.until = passage.until.max(until);
            passage.late_until = Uptime(passage.until.0.saturating_add(grace_ms));
        }
    }

    /// Ends a passage before its time, if it is this one: they have not passed.
    pub fn withdraw(&mut self, by: By, now: Uptime) -> Option<By> {
        let it = self.passage.filter(|passage| passage.by == by)?;
        self.passage = None;
        self.end_pulse(now);
        Some(it.by)
    }

    /// Who has not passed, once the grace is over.
    pub fn tick(&mut self, now: Uptime) -> Option<By> {
        let over = self.passage.filter(|passage| now >= passage.late_until)?;
        self.passage = None;
        Some(over.by)
    }

    /// Whether the relay is on.
    #[must_use]
    pub fn relay_is_on(&self, now: Uptime) -> bool {
        self.pulse_from <= now && now < self.pulse_until
    }

    fn end_pulse(&mut self, now: Uptime) {
        // A pulse that has not begun never does, and its end stays where the last one's rest is counted from.
        self.pulse_until = self.pulse_until.min(now).max(self.pulse_from);
        if now < self.pulse_from {
            self.pulse_until = self.pulse_from;
        }
    }
}

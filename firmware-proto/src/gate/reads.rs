//! Reads that wait for the agent's answer, and the same card read again.

use crate::uptime::Uptime;
use crate::words::{Credential, EventNumber, Way};

/// So long a controller waits for the agent: far longer than an answer takes, shorter than a member's patience.
pub const ANSWER_MS_MAX: u32 = 400;

/// A card in the field of a reader is read again and again; so soon after the last time it is the same read.
pub const REPEAT_MS: u32 = 1_000;

/// A read that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    /// Its event; 0 if there was no place for it.
    pub(super) number: EventNumber,
    /// Where its reader leads.
    pub(super) way: Way,
    /// Until when.
    until: Uptime,
}

/// One reader.
#[derive(Clone, Debug, Default)]
pub(super) struct Reader {
    last: Option<(Credential, Uptime)>,
    waiting: Option<Waiting>,
}

impl Reader {
    /// Whether this card was read just now; if so, that is now.
    pub(super) fn is_repeat(&mut self, credential: &Credential, now: Uptime) -> bool {
        let again = self.last.take().filter(|(last, at)| last == credential && now.since(*at) < u64::from(REPEAT_MS));
        self.last = Some((credential.clone(), now));
        again.is_some()
    }

    /// A read waits for its answer.
    pub(super) fn wait(&mut self, number: EventNumber, way: Way, now: Uptime) {
        self.waiting = Some(Waiting { number, way, until: now.after(ANSWER_MS_MAX) });
    }

    /// Whether one waits.
    #[must_use]
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Whether the read of this number waits.
    #[must_use]
    pub(super) fn waits_for(&self, number: EventNumber) -> bool {
        self.waiting.is_some_and(|waiting| waiting.number == number)
    }

    /// The waiting read of this number gets its answer, once.
    pub(super) fn answered(&mut self, number: EventNumber) -> Option<Waiting> {
        self.waiting.take_if(|waiting| waiting.number == number)
    }

    /// The waiting read gets no answer, since another comes or the agent is another one.
    pub(super) fn give_up(&mut self) -> Option<Waiting> {
        self.waiting.take()
    }

    /// The read that has waited for long enough.
    pub(super) fn tick(&mut self, now: Uptime) -> Option<Waiting> {
        self.waiting.take_if(|waiting| now >= waiting.until)
    }
}

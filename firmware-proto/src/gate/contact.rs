//! A contact that bounces: it has changed when it has been quiet for a while.

use crate::uptime::Uptime;

/// One contact.
#[derive(Clone, Copy, Debug, Default)]
pub struct Contact {
    is_on: bool,
    /// Since when it reads otherwise.
    other_since: Option<Uptime>,
}

impl Contact {
    /// Takes what it reads; gives the new state when that has held for `quiet_ms`.
    pub fn reads(&mut self, on: bool, quiet_ms: u32, now: Uptime) -> Option<bool> {
        if on == self.is_on {
            self.other_since = None;
            return None;
        }
        let since = *self.other_since.get_or_insert(now);
        if now.since(since) < u64::from(quiet_ms) {
            return None;
        }
        self.other_since = None;
        self.is_on = on;
        Some(on)
    }

    /// Its state.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.is_on
    }
}

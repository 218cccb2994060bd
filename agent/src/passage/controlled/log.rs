//! What a controller has told and may not forget yet.

use std::collections::VecDeque;

/// The events of one boot of a controller that were heard and not acknowledged, in their order. The controller's ring
/// bounds how many there are.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Each with whether what it tells is durable, or needs not be.
    events: VecDeque<(u32, bool)>,
    heard: Option<u32>,
    kept: u32,
}

impl Log {
    /// Notes an event; false if it was heard before.
    pub(super) fn hears(&mut self, number: u32) -> bool {
        if self.heard.is_some_and(|heard| number <= heard) {
            return false;
        }
        self.heard = Some(number);
        self.events.push_back((number, false));
        true
    }

    /// What an event tells is durable.
    pub(super) fn settle(&mut self, number: u32) {
        if let Some((_, settled)) = self.events.iter_mut().find(|(heard, _)| *heard == number) {
            *settled = true;
        }
    }

    /// The last event that the controller may forget, if that is a later one than before: nothing before it waits.
    pub(super) fn advance(&mut self) -> Option<u32> {
        let before = self.kept;
        while let Some((number, _)) = self.events.pop_front_if(|(_, settled)| *settled) {
            self.kept = number;
        }
        (self.kept != before).then_some(self.kept)
    }

    /// The last event that the controller may forget.
    pub(super) fn kept(&self) -> u32 {
        self.kept
    }
}

//! Time as a controller has it: milliseconds since it was switched on, and nothing of the world's calendar.

use serde::{Deserialize, Serialize};

/// A moment, in milliseconds since the start of whoever measures it. The agent turns a controller's moments into civil
/// time by the age they have when they arrive.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct Uptime(pub u64);

impl Uptime {
    /// The moment so much later.
    #[must_use]
    pub fn after(self, ms: u32) -> Self {
        Self(self.0.saturating_add(u64::from(ms)))
    }

    /// How long ago `earlier` was, in milliseconds; nothing if it is still to come.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

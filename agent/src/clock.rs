//! The only place that reads clocks: the wall, how far to believe it, and the uptime that never jumps.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use jiff::Timestamp;

use crate::domain::{ClockQuality, Now, Uptime};

/// No clock of a working agent is earlier: the day this line was last touched.
const BUILT: &str = "2026-11-21T00:00:00Z";

/// Reads the clocks. Cheap to clone; all clones share the newest record seen.
#[derive(Clone, Debug)]
pub struct Clock {
    started: Instant,
    newest_record_second: Arc<AtomicI64>,
}

impl Clock {
    /// The machine's clocks; uptime begins here.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this module is where clocks are read")]
    pub fn system() -> Self {
        Self { started: Instant::now(), newest_record_second: Arc::default() }
    }

    /// Both clocks, and how far to believe the wall.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this module is where clocks are read")]
    pub fn now(&self) -> Now {
        let wall = Timestamp::now();
        Now { wall, quality: self.quality(wall), uptime: Uptime(self.started.elapsed()) }
    }

    /// Tells the clock of a record's time, so that a wall clock behind it is known to be wrong.
    pub fn has_recorded(&self, at: Timestamp) {
        self.newest_record_second.fetch_max(at.as_second(), Ordering::Relaxed);
    }

    fn quality(&self, wall: Timestamp) -> ClockQuality {
        let built: Timestamp = BUILT.parse().expect("the build date is written as a timestamp");
        if wall < built || wall.as_second() < self.newest_record_second.load(Ordering::Relaxed) {
            return ClockQuality::Untrusted;
        }
        if kernel_says_synchronised() { ClockQuality::Synced } else { ClockQuality::Holdover }
    }
}

/// Whether the kernel's clock is disciplined by a time source (`STA_UNSYNC` of adjtimex(2) is clear).
#[expect(unsafe_code, reason = "adjtimex has no safe wrapper in the libraries we use")]
fn kernel_says_synchronised() -> bool {
    // SAFETY: timex is plain old data for which all zeros is valid (modes = 0 reads without changing anything), and
    // the pointer is valid for the duration of the call.
    let (state, status) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut timex), timex.status)
    };
    state >= 0 && state != libc::TIME_ERROR && status & libc::STA_UNSYNC == 0
}

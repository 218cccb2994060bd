//! The only place that reads clocks: the wall, how far to believe it, and the uptime that never jumps.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use jiff::Timestamp;
use uuid::{NoContext, Uuid};

use crate::domain::{ClockQuality, Now, Uptime};

/// No clock of a working agent is earlier: the day this line was last touched.
const BUILT: &str = "2026-11-21T00:00:00Z";

/// Reads the clocks. Cheap to clone; all clones share the newest record seen.
#[derive(Clone, Debug)]
pub struct Clock {
    started: Instant,
    newest: Arc<Newest>,
}

/// The newest records seen, in seconds since 1970.
#[derive(Debug, Default)]
struct Newest {
    synced: AtomicI64,
    held: AtomicI64,
}

impl Clock {
    /// The machine's clocks; uptime begins here.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this module is where clocks are read")]
    pub fn system() -> Self {
        Self { started: Instant::now(), newest: Arc::default() }
    }

    /// Both clocks, and how far to believe the wall.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this module is where clocks are read")]
    pub fn now(&self) -> Now {
        let wall = as_stored(Timestamp::now());
        Now { wall, quality: self.quality(wall, kernel_says_synchronised()), uptime: Uptime(self.started.elapsed()) }
    }

    /// An id in the order of its making.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        let now = self.now().wall;
        // A clock before 1970 still gives ids; only their order is lost.
        let second = u64::try_from(now.as_second()).unwrap_or_default();
        Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, second, now.subsec_nanosecond().unsigned_abs()))
    }

    /// Tells the clock of a record's time and of how far that was believed, so that a wall clock behind it is known to
    /// be wrong.
    pub fn has_recorded(&self, at: Timestamp, quality: ClockQuality) {
        let newest = match quality {
            ClockQuality::Synced => &self.newest.synced,
            ClockQuality::Holdover => &self.newest.held,
            ClockQuality::Untrusted => return,
        };
        newest.fetch_max(at.as_second(), Ordering::Relaxed);
    }

    /// A time source is believed over what was recorded without one: a clock that had run ahead is not wrong for having
    /// been put right.
    fn quality(&self, wall: Timestamp, is_synchronised: bool) -> ClockQuality {
        let built: Timestamp = BUILT.parse().expect("the build date is written as a timestamp");
        let is_behind = |newest: &AtomicI64| wall.as_second() < newest.load(Ordering::Relaxed);
        if wall < built || is_behind(&self.newest.synced) {
            ClockQuality::Untrusted
        } else if is_synchronised {
            ClockQuality::Synced
        } else if is_behind(&self.newest.held) {
            ClockQuality::Untrusted
        } else {
            ClockQuality::Holdover
        }
    }
}

/// To the microsecond, as the store keeps it: a moment told upstream is the same one that is read back later.
fn as_stored(wall: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(wall.as_microsecond()).unwrap_or(wall)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_ran_ahead_by_itself_is_believed_again_once_a_time_source_put_it_right() {
        let (today, tomorrow) = ("2026-12-01T12:00:00Z".parse().unwrap(), "2026-12-02T12:00:00Z".parse().unwrap());
        let after_a_record = |quality| {
            let clock = Clock::system();
            clock.has_recorded(tomorrow, quality);
            [true, false].map(|is_synchronised| clock.quality(today, is_synchronised))
        };
        use ClockQuality::{Holdover, Synced, Untrusted};
        assert_eq!(after_a_record(Holdover), [Synced, Untrusted]);
        assert_eq!(after_a_record(Synced), [Untrusted, Untrusted], "a time source has said that it is tomorrow");
        assert_eq!(after_a_record(Untrusted), [Synced, Holdover]);
    }
}

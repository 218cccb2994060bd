//! Time: a counter that is read, the waits of a display, and the watchdog.

use embedded_hal::delay::DelayNs;
use firmware_proto::uptime::Uptime;

use crate::registers::{CLOCK_HZ, feed_watchdog, start_timer, start_watchdog, timer};

const TICKS_A_MS: u32 = CLOCK_HZ / 1_000;

/// A loop that stands still for twice as long is reset. Setting up a display takes a sixth of it.
const WATCHDOG_MS: u32 = 500;

/// Counts from its start. A counter that is read keeps time also when interrupts come late, and ticks would be missed.
pub struct Clock {
    read: u32,
    ticks: u64,
}

impl Clock {
    /// Starts the timer and the watchdog with it.
    pub fn start() -> Self {
        start_timer();
        start_watchdog(TICKS_A_MS * WATCHDOG_MS);
        Self { read: timer(), ticks: 0 }
    }

    /// A turn of the loop begins: the watchdog is fed, and this is the time.
    pub fn turn(&mut self) -> Uptime {
        feed_watchdog();
        let read = timer();
        self.ticks += u64::from(read.wrapping_sub(self.read));
        self.read = read;
        Uptime(self.ticks / u64::from(TICKS_A_MS))
    }
}

/// Waits by looking at the timer.
pub struct Delay;

impl DelayNs for Delay {
    fn delay_ns(&mut self, ns: u32) {
        let ticks = u64::from(ns) * u64::from(CLOCK_HZ) / 1_000_000_000 + 1;
        let begun = timer();
        while u64::from(timer().wrapping_sub(begun)) < ticks {}
    }
}

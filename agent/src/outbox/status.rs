//! How a lane stands, for the console, `varco status` and health.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::{LaneId, Uptime};

/// How a lane stands.
#[derive(Clone, PartialEq, Debug)]
pub struct LaneStatus {
    /// The lane.
    pub lane: LaneId,
    /// Since when its upstream is reached; none: it is not.
    pub online_since: Option<Timestamp>,
    /// Nothing waits to be sent.
    pub is_idle: bool,
    /// What ended the last session.
    pub last_error: Option<String>,
    /// When the next session begins, while the lane backs off.
    pub next_attempt_at: Option<Uptime>,
    /// Rows acknowledged by the upstream since the agent's start.
    pub delivered: u64,
    /// Rows acknowledged a second, over the last second of activity; zero when idle.
    pub rows_per_second: u32,
}

impl LaneStatus {
    /// A lane that has not tried yet.
    #[must_use]
    pub fn starting(lane: LaneId) -> Self {
        Self {
            lane,
            online_since: None,
            is_idle: false,
            last_error: None,
            next_attempt_at: None,
            delivered: 0,
            rows_per_second: 0,
        }
    }

    /// How long until the next session begins, while the lane backs off.
    #[must_use]
    pub fn next_attempt_in(&self, now: Uptime) -> Option<Duration> {
        self.next_attempt_at.map(|at| at.since(now))
    }
}

/// Counts acknowledged rows by the second.
#[derive(Debug)]
pub(super) struct Meter {
    since: Uptime,
    rows: u32,
}

/// The shortest time a rate is taken over.
pub(super) const RATE_OVER: Duration = Duration::from_secs(1);

impl Meter {
    pub(super) fn started(now: Uptime) -> Self {
        Self { since: now, rows: 0 }
    }

    /// Counts rows; every second, the rate since the last one.
    pub(super) fn count(&mut self, rows: u32, now: Uptime) -> Option<u32> {
        self.rows = self.rows.saturating_add(rows);
        let elapsed = now.since(self.since);
        if elapsed < RATE_OVER {
            return None;
        }
        let rate = u128::from(self.rows) * 1000 / elapsed.as_millis().max(1);
        *self = Self::started(now);
        Some(u32::try_from(rate).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_rows_over_the_time_they_took() {
        let at = |millis| Uptime(Duration::from_millis(millis));
        let mut meter = Meter::started(at(0));
        assert_eq!(meter.count(300, at(400)), None);
        assert_eq!(meter.count(300, at(2000)), Some(300));
        assert_eq!(meter.count(0, at(3000)), Some(0));
    }
}

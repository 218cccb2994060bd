//! How many requests the facility may make, and what the others get.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::fault::Fault;

/// Most requests that a limit can allow: each within the window is remembered by its moment.
pub(super) const REQUESTS_MAX: u32 = 1_000_000;

/// So many requests within so long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    /// Requests within the window.
    pub requests: u32,
    /// Its length.
    pub within_ms: u64,
    /// What the others get.
    pub over: Fault,
}

impl RateLimit {
    /// So many a second; the others get 429 with a Retry-After of a second.
    pub fn per_second(requests: u32) -> Self {
        Self { requests, within_ms: 1000, over: Fault::Busy { code: 429, retry_after_s: 1 } }
    }
}

/// A limit with the requests it has let through.
#[derive(Debug)]
pub(super) struct Limiter {
    limit: RateLimit,
    passed: VecDeque<Timestamp>,
}

impl Limiter {
    pub(super) fn new(limit: RateLimit) -> Self {
        Self { limit: RateLimit { requests: limit.requests.min(REQUESTS_MAX), ..limit }, passed: VecDeque::new() }
    }

    /// What a request at this moment gets instead of its answer.
    pub(super) fn refuses(&mut self, at: Timestamp) -> Option<Fault> {
        let window = Duration::from_millis(self.limit.within_ms);
        while self.passed.front().is_some_and(|first| *first + window <= at) {
            self.passed.pop_front();
        }
        if self.passed.len() >= self.limit.requests as usize {
            return Some(self.limit.over);
        }
        self.passed.push_back(at);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides_and_refused_requests_do_not_count() {
        let mut limiter = Limiter::new(RateLimit { requests: 2, within_ms: 1000, over: Fault::Quota });
        let at = |ms| Timestamp::UNIX_EPOCH + Duration::from_millis(ms);
        let told = [0, 400, 500, 999, 1000, 1399, 1400].map(|ms| limiter.refuses(at(ms)).is_none());
        assert_eq!(told, [true, true, false, false, true, false, true]);
    }
}

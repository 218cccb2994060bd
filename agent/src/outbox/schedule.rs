//! When to try again: within seconds during the first minute of an outage, within minutes after it.

use std::time::Duration;

/// The first wait: a broker that restarts is back about then.
const FIRST: Duration = Duration::from_millis(500);
/// The longest wait during the first minute, so that a short outage is over for us when it is over.
const EARLY_MAX: Duration = Duration::from_secs(10);
/// So many tries stay at or under [`EARLY_MAX`]: even if jitter halves every wait they take more than a minute.
const EARLY_TRIES: u32 = 17;
/// The longest wait ever: an upstream that was away for days is served five minutes after its return.
const LATE_MAX: Duration = Duration::from_secs(300);

/// Waits after a row's own failures, one after the other; the last for all that follow. Whatever passes is over soon, and
/// what stays is asked less and less often: so many calls are those that other rows do not get.
const AFTER_FAILURES: [Duration; 6] = [
    FIRST,
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(60 * 60),
];

/// A random number that the caller drew: two hundred clubs must not return to one broker in the same instant.
#[derive(Clone, Copy, Debug)]
pub struct Jitter(pub u32);

impl Jitter {
    /// Drawn from the system; without entropy every wait is simply the longest.
    #[must_use]
    pub fn draw() -> Self {
        Self(getrandom::u32().unwrap_or(u32::MAX))
    }
}

/// How long to wait after the `tries`-th failure in a row (the first is 0): between half and all of a wait that doubles
/// from 0.5 s to 10 s, stays there for the first minute, and doubles on to 5 minutes.
#[must_use]
pub fn delay_after(tries: u32, jitter: Jitter) -> Duration {
    let (from, doublings, longest) = match tries.checked_sub(EARLY_TRIES) {
        None => (FIRST, tries, EARLY_MAX),
        Some(late) => (EARLY_MAX, late + 1, LATE_MAX),
    };
    // Five doublings lead from either start to its end; the bound keeps the shift inside its type.
    jittered(from.saturating_mul(1 << doublings.min(5)).min(longest), jitter)
}

/// How long a row waits that its receiver failed at by itself, after `failures` earlier ones: between half and all of 0.5 s,
/// 30 s, 2, 10 and 30 minutes, and then of an hour.
#[must_use]
pub fn delay_after_failure(failures: u32, jitter: Jitter) -> Duration {
    let last = AFTER_FAILURES.len() - 1;
    let nth = usize::try_from(failures).map_or(last, |nth| nth.min(last));
    jittered(AFTER_FAILURES[nth], jitter)
}

fn jittered(longest: Duration, jitter: Jitter) -> Duration {
    longest / 2 + (longest / 2).mul_f64(f64::from(jitter.0) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_longest_waits_are_the_ones_the_manual_states() {
        let waits: Vec<_> = (0..24).map(|tries| delay_after(tries, Jitter(u32::MAX)).as_millis()).collect();
        let mut stated = vec![500, 1_000, 2_000, 4_000, 8_000];
        stated.extend([10_000; 12]);
        stated.extend([20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000]);
        assert_eq!(waits, stated);
    }

    #[test]
    fn what_fails_by_itself_is_tried_ever_more_rarely() {
        let waits: Vec<_> =
            (0..8).map(|failures| delay_after_failure(failures, Jitter(u32::MAX)).as_secs_f32()).collect();
        assert_eq!(waits, [0.5, 30.0, 120.0, 600.0, 1_800.0, 3_600.0, 3_600.0, 3_600.0]);
    }

    proptest! {
        #[test]
        fn during_the_first_minute_no_wait_is_longer_than_ten_seconds(draws in prop::collection::vec(any::<u32>(), 200)) {
            let mut waited = Duration::ZERO;
            for (tries, draw) in (0..).zip(draws) {
                let wait = delay_after(tries, Jitter(draw));
                prop_assert!(wait <= LATE_MAX);
                prop_assert!(wait <= EARLY_MAX || waited >= Duration::from_secs(60), "{wait:?} after {waited:?}");
                waited += wait;
            }
        }

        #[test]
        fn no_wait_is_shorter_than_a_quarter_of_a_second_however_often_it_failed(tries: u32, draw: u32) {
            prop_assert!(delay_after(tries, Jitter(draw)) >= FIRST / 2);
        }

        #[test]
        fn with_the_same_jitter_waits_never_shrink(tries in 0..u32::MAX, draw: u32) {
            prop_assert!(delay_after(tries + 1, Jitter(draw)) >= delay_after(tries, Jitter(draw)));
        }
    }
}

//! What has to happen now and then: presences that ran out, old rows, gauges, the watchdog.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{broadcast, watch};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::domain::{ClockQuality, Now, Policy};
use crate::store::{self, Store, StoreError, StoreState};
use crate::turnstile::SiteEvent;

/// How often the store is tidied. A presence may outlast its stay by so much.
const TIDY_EVERY: Duration = Duration::from_secs(10);
/// How far an undisciplined clock may stray from the uptime before it counts as having jumped.
const STRAY_MAX: SignedDuration = SignedDuration::from_secs(120);
/// How long a time that nobody vouches for must have held before presences are ended by it: a wrong one is noticed by
/// whoever set it, at the latest by the members.
const PRESENCES_AFTER: Duration = Duration::from_secs(3_600);
/// And before anything is deleted by it: nothing is lost if that waits for a day.
const DELETIONS_AFTER: Duration = Duration::from_secs(24 * 3_600);
/// How many old rows of a kind are deleted at a time, so that a gate's record never waits behind a long transaction.
const PRUNED_MAX: u32 = 2_000;

/// Tidies the store until cancelled. What fails is tried again at the next turn.
pub(super) async fn run(
    store: Store,
    config: store::Config,
    clock: Clock,
    policy: watch::Receiver<Arc<Policy>>,
    cancel: CancellationToken,
) {
    let mut steadiness = Steadiness::since(clock.now());
    let mut turns = interval(TIDY_EVERY);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = turns.tick() => {
                let (policy, now) = (Arc::clone(&policy.borrow()), clock.now());
                let Some(believed) = steadiness.believes(now) else { continue };
                if let Err(error) = tidy(&store, &config, believed, now.wall, policy).await {
                    tracing::warn!(%error, "the store was not tidied");
                }
            }
        }
    }
}

/// Tells the live feed when the store stops to take writes, or begins again, until cancelled.
pub(super) async fn tell_store_states(
    mut states: watch::Receiver<StoreState>,
    events: broadcast::Sender<SiteEvent>,
    cancel: CancellationToken,
) {
    let changes = async {
        while states.changed().await.is_ok() {
            let state = (*states.borrow_and_update()).into();
            // Nobody may be listening.
            let _listeners = events.send(SiteEvent::Store { state });
        }
        // The store is gone, and the agent ends.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = cancel.cancelled() => {}
        () = changes => {}
    }
}

/// How far the store may be tidied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Believed {
    /// The time for ending presences: whoever is sent home by mistake only has to badge again.
    for_presences: Timestamp,
    /// The time for deleting what is old: that cannot be taken back.
    for_deletions: Timestamp,
}

/// Which time is believed when the wall clock jumps and no time source says whether that was right: a clock that has jumped
/// forward must not send everybody home or delete what is still new, and one that was put right by hand must not keep
/// people inside for ever. Until the new time has held for long enough, the earlier of both is believed: what it would
/// have been without the jump, and what the clock says.
struct Steadiness {
    /// The newest reading that is believed.
    base: Now,
    /// The first reading after a jump.
    jumped: Option<Now>,
}

impl Steadiness {
    fn since(base: Now) -> Self {
        Self { base, jumped: None }
    }

    /// None: the clock is certainly wrong.
    fn believes(&mut self, now: Now) -> Option<Believed> {
        let wall = Believed { for_presences: now.wall, for_deletions: now.wall };
        match now.quality {
            ClockQuality::Untrusted => return None,
            ClockQuality::Holdover if stray(self.base, now).abs() > STRAY_MAX => {}
            ClockQuality::Synced | ClockQuality::Holdover => {
                *self = Self::since(now);
                return Some(wall);
            }
        }
        let jumped = self.jumped.filter(|jumped| stray(*jumped, now).abs() <= STRAY_MAX);
        if jumped.is_none() {
            tracing::warn!(
                seconds = stray(self.base, now).as_secs(),
                "the clock has jumped, and no time source says why"
            );
        }
        let jumped = *self.jumped.insert(jumped.unwrap_or(now));
        let held = now.uptime.since(jumped.uptime);
        if held >= DELETIONS_AFTER {
            *self = Self::since(now);
            return Some(wall);
        }
        let without_jump = self.base.wall.checked_add(passed(self.base, now)).unwrap_or(now.wall);
        let earlier = without_jump.min(now.wall);
        let for_presences = if held >= PRESENCES_AFTER { now.wall } else { earlier };
        Some(Believed { for_presences, for_deletions: earlier })
    }
}

fn passed(from: Now, to: Now) -> SignedDuration {
    SignedDuration::try_from(to.uptime.since(from.uptime)).unwrap_or_default()
}

/// How far the wall clock ran ahead of the uptime.
fn stray(from: Now, to: Now) -> SignedDuration {
    to.wall.duration_since(from.wall) - passed(from, to)
}

async fn tidy(
    store: &Store,
    config: &store::Config,
    Believed { for_presences, for_deletions }: Believed,
    wall: Timestamp,
    policy: Arc<Policy>,
) -> Result<(), StoreError> {
    store.write("ending presences", move |tx| tx.end_stale_presences(&policy, for_presences, wall)).await?;
    loop {
        let keep = config.keep.clone();
        let prune = move |tx: &store::Tx<'_>| tx.prune(&keep, for_deletions, PRUNED_MAX);
        if store.write("deleting old rows", prune).await? < PRUNED_MAX {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use ClockQuality::{Holdover, Synced, Untrusted};
    use expect_test::{Expect, expect};

    use super::*;
    use crate::domain::Uptime;

    fn at(wall_second: i64, uptime_seconds: u64, quality: ClockQuality) -> Now {
        let wall = Timestamp::from_second(wall_second).expect("a plausible second");
        Now { wall, quality, uptime: Uptime(Duration::from_secs(uptime_seconds)) }
    }

    #[tokio::test]
    async fn the_live_feed_is_told_that_the_disk_is_full() {
        let states = watch::Sender::new(StoreState::Ready);
        let (events, mut told) = broadcast::channel(4);
        let cancel = CancellationToken::new();
        let telling = tell_store_states(states.subscribe(), events, cancel.clone());
        let watching = async {
            for state in [StoreState::Full, StoreState::Ready] {
                states.send_replace(state);
                assert_eq!(told.recv().await, Ok(SiteEvent::Store { state: state.into() }));
            }
            cancel.cancel();
        };
        tokio::join!(telling, watching);
    }

    /// Readings of a clock, and by which time presences are ended and rows deleted; seconds, wall at uptime.
    fn check(readings: &[(i64, u64, ClockQuality)], expected: &Expect) {
        let (wall, uptime, quality) = readings[0];
        let mut steadiness = Steadiness::since(at(wall, uptime, quality));
        let line = |&(wall, uptime, quality): &(i64, u64, ClockQuality)| {
            let believed = steadiness.believes(at(wall, uptime, quality));
            let told = believed.map_or("nothing".to_owned(), |it| {
                format!("presences {}, rows {}", it.for_presences.as_second(), it.for_deletions.as_second())
            });
            format!("{wall} at {uptime}, {quality:?}: {told}\n")
        };
        expected.assert_eq(&readings.iter().map(line).collect::<String>());
    }

    #[test]
    fn a_clock_that_jumps_forward_is_believed_when_it_has_held_or_a_time_source_says_so() {
        check(
            &[
                (1_000_000, 0, Holdover),
                (1_000_060, 60, Holdover),
                (1_086_500, 100, Holdover),
                (1_086_510, 110, Holdover),
                (1_086_520, 120, Synced),
                (1_086_630, 230, Holdover),
                (2_000_000, 240, Holdover),
                (2_003_600, 3_840, Holdover),
                (2_086_390, 86_630, Holdover),
                (2_086_400, 86_640, Holdover),
            ],
            &expect![[r#"
                1000000 at 0, Holdover: presences 1000000, rows 1000000
                1000060 at 60, Holdover: presences 1000060, rows 1000060
                1086500 at 100, Holdover: presences 1000100, rows 1000100
                1086510 at 110, Holdover: presences 1000110, rows 1000110
                1086520 at 120, Synced: presences 1086520, rows 1086520
                1086630 at 230, Holdover: presences 1086630, rows 1086630
                2000000 at 240, Holdover: presences 1086640, rows 1086640
                2003600 at 3840, Holdover: presences 2003600, rows 1090240
                2086390 at 86630, Holdover: presences 2086390, rows 1173030
                2086400 at 86640, Holdover: presences 2086400, rows 2086400
            "#]],
        );
    }

    #[test]
    fn a_clock_that_jumps_there_and_back_was_never_believed() {
        check(
            &[
                (1_000_000, 0, Holdover),
                (1_100_000, 10, Holdover),
                (1_200_000, 3_620, Holdover),
                (1_003_700, 3_700, Holdover),
                (1_100_000, 3_710, Holdover),
            ],
            &expect![[r#"
                1000000 at 0, Holdover: presences 1000000, rows 1000000
                1100000 at 10, Holdover: presences 1000010, rows 1000010
                1200000 at 3620, Holdover: presences 1003620, rows 1003620
                1003700 at 3700, Holdover: presences 1003700, rows 1003700
                1100000 at 3710, Holdover: presences 1003710, rows 1003710
            "#]],
        );
    }

    #[test]
    fn a_clock_that_is_put_back_ends_nothing_of_what_is_still_to_come() {
        check(
            &[
                (1_000_000, 0, Holdover),
                (913_700, 100, Untrusted),
                (913_800, 200, Holdover),
                (917_400, 3_800, Holdover),
                (1_000_300, 86_700, Holdover),
            ],
            &expect![[r#"
                1000000 at 0, Holdover: presences 1000000, rows 1000000
                913700 at 100, Untrusted: nothing
                913800 at 200, Holdover: presences 913800, rows 913800
                917400 at 3800, Holdover: presences 917400, rows 917400
                1000300 at 86700, Holdover: presences 1000300, rows 1000300
            "#]],
        );
    }

    #[test]
    fn a_clock_that_drifts_is_followed_and_none_that_is_certainly_wrong() {
        let days: Vec<_> =
            (0..5_i64).map(|day| (1_000_000 + day * 86_460, day.unsigned_abs() * 86_400, Holdover)).collect();
        check(
            &days,
            &expect![[r#"
            1000000 at 0, Holdover: presences 1000000, rows 1000000
            1086460 at 86400, Holdover: presences 1086460, rows 1086460
            1172920 at 172800, Holdover: presences 1172920, rows 1172920
            1259380 at 259200, Holdover: presences 1259380, rows 1259380
            1345840 at 345600, Holdover: presences 1345840, rows 1345840
        "#]],
        );
    }
}

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
    let mut steadiness = Steadiness { anchor: clock.now() };
    let mut turns = interval(TIDY_EVERY);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = turns.tick() => {
                let (policy, now) = (Arc::clone(&policy.borrow()), clock.now());
                if !steadiness.holds(now) {
                    continue;
                }
                if let Err(error) = tidy(&store, &config, now.wall, policy).await {
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

/// Whether the wall clock has kept step with the uptime since it was last known to be right: a clock that has jumped
/// forward must not send everybody home or delete what is still new.
struct Steadiness {
    anchor: Now,
}

impl Steadiness {
    fn holds(&mut self, now: Now) -> bool {
        match now.quality {
            ClockQuality::Synced => {
                self.anchor = now;
                true
            }
            ClockQuality::Untrusted => false,
            ClockQuality::Holdover => {
                let passed = SignedDuration::try_from(now.uptime.since(self.anchor.uptime)).unwrap_or_default();
                let stray = now.wall.duration_since(self.anchor.wall) - passed;
                stray.abs() <= STRAY_MAX
            }
        }
    }
}

async fn tidy(store: &Store, config: &store::Config, now: Timestamp, policy: Arc<Policy>) -> Result<(), StoreError> {
    store.write("ending presences", move |tx| tx.end_stale_presences(&policy, now)).await?;
    loop {
        let keep = config.keep.clone();
        let prune = move |tx: &store::Tx<'_>| tx.prune(&keep, now, PRUNED_MAX);
        if store.write("deleting old rows", prune).await? < PRUNED_MAX {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_clock_that_jumped_is_not_believed_until_it_is_synced() {
        let mut steadiness = Steadiness { anchor: at(1_000_000, 0, ClockQuality::Holdover) };
        assert!(steadiness.holds(at(1_000_060, 60, ClockQuality::Holdover)), "it keeps step");
        assert!(!steadiness.holds(at(1_086_500, 90, ClockQuality::Holdover)), "a day forward");
        assert!(!steadiness.holds(at(1_086_560, 150, ClockQuality::Holdover)), "still a day ahead");
        assert!(steadiness.holds(at(1_086_570, 160, ClockQuality::Synced)), "a time source says it is right");
        assert!(steadiness.holds(at(1_086_630, 220, ClockQuality::Holdover)), "it keeps step with that");
        assert!(!steadiness.holds(at(1_000_000, 230, ClockQuality::Untrusted)), "a day back");
    }
}

//! Rows whose receipt is missing for too long are published again.

use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;

use super::desk::Desk;
use super::facts::{OverdueNotFound, ReceiptsMissing};
use crate::clock::Clock;
use crate::domain::{ClockQuality, LaneId, Now, Uptime};
use crate::store::{Patience, Store, StoreError};
use crate::telemetry::Fact;

/// Rows published again in one transaction.
const MISSING_PAGE: u32 = 500;
/// Transactions of one look: five thousand rows are megabytes to write and to publish, and the next look is soon.
const PAGES_MAX: u32 = 10;
/// Between two looks for missing receipts, whatever the timeout.
const LOOKS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));

/// Makes rows pending again, for ever, whether the broker is reached or not: the lane publishes them when it is.
pub(super) async fn publish_again(desk: &Desk, timeout: Duration) {
    let Desk { lane, store, clock, heard, .. } = desk;
    let (mut untrusted_since, mut outage, mut is_back) = (None, Outage::default(), false);
    let mut silence = Silence { since: clock.now().uptime };
    loop {
        let now = clock.now();
        let heard = heard.swap(false, Ordering::Relaxed);
        if heard {
            outage.heard = true;
            is_back |= silence.ends(now.uptime, timeout);
        }
        let patience = if is_back { Patience::None } else { Patience::Growing(timeout) };
        if let Some(before) = overdue_before(now, timeout, &mut untrusted_since) {
            match make_pending(lane, (store, clock), (before, patience)).await {
                Ok(0) => is_back = false,
                Ok(rows) => {
                    is_back &= rows >= PAGES_MAX * MISSING_PAGE;
                    let is_first = outage.goes_on(clock.now().uptime, timeout);
                    ReceiptsMissing { rows, is_first }.tell();
                }
                Err(error) => OverdueNotFound { error: &error }.tell(),
            }
        }
        tokio::time::sleep((timeout / 4).clamp(LOOKS.0, LOOKS.1)).await;
    }
}

/// Since when no receipt came.
struct Silence {
    since: Uptime,
}

impl Silence {
    /// A receipt came. True: after so long a silence that the central system was away; nobody waits out their hour then.
    fn ends(&mut self, now: Uptime, timeout: Duration) -> bool {
        now.since(std::mem::replace(&mut self.since, now)) >= timeout * 2
    }
}

async fn make_pending(
    lane: &LaneId,
    (store, clock): (&Store, &Clock),
    (before, patience): (Timestamp, Patience),
) -> Result<u32, StoreError> {
    let mut rows = 0;
    for _ in 0..PAGES_MAX {
        let (lane, now) = (lane.clone(), clock.now().wall);
        let page = store.write_through("publishing rows without a receipt again", move |tx| {
            tx.send_again(&lane, (before, patience), MISSING_PAGE, now)
        });
        let page = page.await?;
        rows += page;
        if page < MISSING_PAGE {
            break;
        }
    }
    Ok(rows)
}

/// Rows sent before this moment have waited too long. While the wall clock is known to be wrong, age cannot be told from
/// it: then every row counts as overdue, once each `timeout` of uptime.
fn overdue_before(now: Now, timeout: Duration, untrusted_since: &mut Option<Uptime>) -> Option<Timestamp> {
    if now.quality != ClockQuality::Untrusted {
        *untrusted_since = None;
        return now.wall.checked_sub(timeout).ok();
    }
    let since = *untrusted_since.get_or_insert(now.uptime);
    (now.uptime.since(since) >= timeout).then(|| {
        *untrusted_since = Some(now.uptime);
        Timestamp::MAX
    })
}

/// While nobody gives receipts, the same rows are published again and again.
#[derive(Default)]
struct Outage {
    last: Option<Uptime>,
    /// Whether there was a receipt since then.
    heard: bool,
}

impl Outage {
    /// Rows were published again. True: those before have had their receipts since, so this is another outage.
    fn goes_on(&mut self, now: Uptime, timeout: Duration) -> bool {
        // What was published again is overdue after the timeout, and found at the next look.
        let until = self.last.replace(now).map(|last| last.after(timeout * 2).after(LOOKS.1));
        let heard = std::mem::take(&mut self.heard);
        until.is_none_or(|until| heard && now > until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_untrusted_wall_clock_makes_everything_overdue_once_each_timeout() {
        let timeout = Duration::from_secs(60);
        let at = |seconds, quality| Now {
            wall: "2026-11-21T08:00:00Z".parse().unwrap(),
            quality,
            uptime: Uptime(Duration::from_secs(seconds)),
        };
        let mut since = None;
        let synced = overdue_before(at(0, ClockQuality::Synced), timeout, &mut since);
        assert_eq!(synced, Some("2026-11-21T07:59:00Z".parse().unwrap()));
        let looks: Vec<_> = [10, 40, 70, 100, 130]
            .map(|seconds| overdue_before(at(seconds, ClockQuality::Untrusted), timeout, &mut since).is_some())
            .to_vec();
        assert_eq!(looks, [false, false, true, false, true]);
    }
    #[test]
    fn an_outage_of_receipts_begins_once() {
        let mut outage = Outage::default();
        let timeout = Duration::from_secs(60);
        let looks =
            [(100, false), (160, false), (900, false), (960, true), (2000, true), (2060, false)].map(|(at, heard)| {
                outage.heard |= heard;
                outage.goes_on(Uptime(Duration::from_secs(at)), timeout)
            });
        assert_eq!(
            looks,
            [true, false, false, false, true, false],
            "without a receipt it goes on, however rarely it is tried"
        );
    }
}

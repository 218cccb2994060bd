//! Rows whose receipt is missing for too long are published again.

use std::time::Duration;

use jiff::Timestamp;

use super::facts::{OverdueNotFound, ReceiptsMissing};
use crate::clock::Clock;
use crate::domain::{ClockQuality, LaneId, Now, Uptime};
use crate::store::{Store, StoreError};
use crate::telemetry::Fact;

/// Rows published again in one transaction.
const MISSING_PAGE: u32 = 500;
/// Between two looks for missing receipts, whatever the timeout.
const LOOKS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));

/// Makes rows pending again, for ever, whether the broker is reached or not: the lane publishes them when it is.
pub(super) async fn publish_again(lane: &LaneId, store: &Store, clock: &Clock, timeout: Duration) {
    let (mut untrusted_since, mut outage) = (None, Outage::default());
    loop {
        if let Some(before) = overdue_before(clock.now(), timeout, &mut untrusted_since) {
            match make_pending(lane, store, clock, before).await {
                Ok(0) => {}
                Ok(rows) => {
                    let is_first = outage.goes_on(clock.now().uptime, timeout);
                    ReceiptsMissing { rows, is_first }.tell();
                }
                Err(error) => OverdueNotFound { error: &error }.tell(),
            }
        }
        tokio::time::sleep((timeout / 4).clamp(LOOKS.0, LOOKS.1)).await;
    }
}

async fn make_pending(lane: &LaneId, store: &Store, clock: &Clock, before: Timestamp) -> Result<u32, StoreError> {
    let mut rows = 0;
    loop {
        let (lane, now) = (lane.clone(), clock.now().wall);
        let page = store.write_through("publishing rows without a receipt again", move |tx| {
            tx.send_again(&lane, before, MISSING_PAGE, now)
        });
        let page = page.await?;
        rows += page;
        if page < MISSING_PAGE {
            return Ok(rows);
        }
    }
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
}

impl Outage {
    /// Rows were published again. True: those before have had their receipts since, so this is another outage.
    fn goes_on(&mut self, now: Uptime, timeout: Duration) -> bool {
        // What was published again is overdue after the timeout, and found at the next look.
        let until = self.last.replace(now).map(|last| last.after(timeout * 2).after(LOOKS.1));
        until.is_none_or(|until| now > until)
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
        let looks = [100, 160, 235, 900, 960].map(|at| outage.goes_on(Uptime(Duration::from_secs(at)), timeout));
        assert_eq!(looks, [true, false, false, true, false]);
    }
}

//! How much waits in each lane and since when, as gauges.

use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::facts::LaneStoreFailed;
use crate::clock::Clock;
use crate::domain::{LaneId, LaneSummary};
use crate::store::Store;
use crate::telemetry::Fact;

/// Between two counts: counting a large backlog reads it, and nobody scrapes more often.
const EVERY: Duration = Duration::from_secs(15);

/// Sets the gauges of every configured lane and of every lane that has rows, until `cancel`. One task does it for all.
pub async fn measure(configured: Vec<LaneId>, store: Store, clock: Clock, cancel: CancellationToken) {
    while !cancel.is_cancelled() {
        let lanes = configured.clone();
        match store.read("counting rows that wait", move |view| view.lanes(&lanes)).await {
            Ok(summaries) => summaries.iter().for_each(|summary| set_gauges(summary, clock.now().wall)),
            Err(error) => {
                for lane in &configured {
                    LaneStoreFailed { lane, error: &error }.tell();
                }
            }
        }
        tokio::select! {
            () = cancel.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

fn set_gauges(summary: &LaneSummary, now: Timestamp) {
    let rows =
        [("waiting", summary.waiting), ("sent", summary.sent), ("held", summary.held), ("parked", summary.parked)];
    for (state, count) in rows {
        let labels = [("lane", summary.lane.to_string()), ("state", state.to_owned())];
        #[expect(clippy::cast_precision_loss, reason = "gauges are floats, and no outbox holds 2^53 rows")]
        metrics::gauge!("varco_lane_rows", &labels).set(count as f64);
    }
    // A wall clock that went back makes the age zero, never negative.
    let age = summary.oldest.map_or(0.0, |oldest| now.duration_since(oldest).as_secs_f64().max(0.0));
    metrics::gauge!("varco_lane_oldest_seconds", "lane" => summary.lane.to_string()).set(age);
}

//! What an operator wants to know of a lane: reached, lost, and rows that need a person.

use std::time::Duration;

use crate::domain::{LaneId, RowId, RowOutcome};
use crate::store::StoreError;
use crate::telemetry::Fact;

/// A session reached its upstream.
pub(super) struct LaneOnline<'a> {
    pub(super) lane: &'a LaneId,
}

impl Fact for LaneOnline<'_> {
    fn tell(&self) {
        tracing::info!(lane = %self.lane, "lane is online");
        metrics::counter!("varco_lane_sessions_total", "lane" => self.lane.to_string()).increment(1);
        metrics::gauge!("varco_lane_online", "lane" => self.lane.to_string()).set(1.0);
    }
}

/// A session ended or never came about; the lane backs off.
pub(super) struct LaneLost<'a> {
    pub(super) lane: &'a LaneId,
    pub(super) why: &'a str,
    /// Failures in a row before this one: an outage is one warning, not one every five minutes.
    pub(super) tries: u32,
    pub(super) next_attempt_in: Duration,
}

impl Fact for LaneLost<'_> {
    fn tell(&self) {
        let (lane, why, next_attempt_in) = (self.lane, self.why, self.next_attempt_in);
        if self.tries == 0 {
            tracing::warn!(%lane, why, ?next_attempt_in, "lane lost its upstream");
        } else {
            tracing::debug!(%lane, why, ?next_attempt_in, tries = self.tries, "lane did not reach its upstream");
        }
        metrics::counter!("varco_lane_losses_total", "lane" => lane.to_string()).increment(1);
        metrics::gauge!("varco_lane_online", "lane" => lane.to_string()).set(0.0);
    }
}

/// The lane ended because the agent does.
pub(super) struct LaneDrained<'a> {
    pub(super) lane: &'a LaneId,
}

impl Fact for LaneDrained<'_> {
    fn tell(&self) {
        tracing::info!(lane = %self.lane, "lane closed; what waits is sent at the next start");
        metrics::gauge!("varco_lane_online", "lane" => self.lane.to_string()).set(0.0);
    }
}

/// Rows were in flight when the process before this one ended.
pub(super) struct RowsUnsettled<'a> {
    pub(super) lane: &'a LaneId,
    pub(super) rows: u32,
}

impl Fact for RowsUnsettled<'_> {
    fn tell(&self) {
        if self.rows > 0 {
            tracing::warn!(lane = %self.lane, rows = self.rows, "rows were in flight at the last end; their answers are lost");
        }
        metrics::counter!("varco_lane_unsettled_total", "lane" => self.lane.to_string()).increment(self.rows.into());
    }
}

/// It is durable what became of a row. Only a row that needs a person is worth a line of its own.
pub(super) struct RowSettled<'a> {
    pub(super) lane: &'a LaneId,
    pub(super) row: RowId,
    pub(super) outcome: &'a RowOutcome,
}

impl Fact for RowSettled<'_> {
    fn tell(&self) {
        let (lane, row) = (self.lane, self.row);
        let word = match self.outcome {
            RowOutcome::Delivered | RowOutcome::Sent => return,
            RowOutcome::Later(_) => "later",
            RowOutcome::Unsure(_) => "unsure",
            RowOutcome::Failed(_) => "failed",
            RowOutcome::Held(_) => "held",
            RowOutcome::Never(_) => "parked",
            RowOutcome::Suppressed(_) => "suppressed",
        };
        // The reason stays in the row, where the operator reads it: an upstream may quote a person in it.
        if word == "parked" {
            tracing::warn!(%lane, %row, "row is parked: it needs a person");
        } else {
            tracing::debug!(%lane, %row, word, "row settled");
        }
        metrics::counter!("varco_lane_rows_total", "lane" => lane.to_string(), "outcome" => word).increment(1);
    }
}

/// It is durable that rows were acknowledged.
pub(super) struct RowsAcknowledged<'a> {
    pub(super) lane: &'a LaneId,
    pub(super) rows: u32,
}

impl Fact for RowsAcknowledged<'_> {
    fn tell(&self) {
        tracing::trace!(lane = %self.lane, rows = self.rows, "rows acknowledged");
        metrics::counter!("varco_lane_delivered_total", "lane" => self.lane.to_string()).increment(self.rows.into());
    }
}

/// The store did not answer a lane; it is asked again.
pub(super) struct LaneStoreFailed<'a> {
    pub(super) lane: &'a LaneId,
    pub(super) error: &'a StoreError,
}

impl Fact for LaneStoreFailed<'_> {
    fn tell(&self) {
        tracing::error!(lane = %self.lane, error = %self.error, "lane cannot use the store");
        metrics::counter!("varco_lane_store_failures_total", "lane" => self.lane.to_string()).increment(1);
    }
}

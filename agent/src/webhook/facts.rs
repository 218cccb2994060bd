//! What is worth telling about webhooks: lanes and words, never addresses, which may hold secrets.

use std::time::Duration;

use super::answer::Answer;
use crate::domain::LaneId;
use crate::telemetry::Fact;

/// A request was made, whatever came of it.
pub(super) struct EventPosted<'a> {
    pub(super) lane: &'a LaneId,
    pub(super) answer: &'a Answer,
    pub(super) took: Duration,
}

impl Fact for EventPosted<'_> {
    fn tell(&self) {
        let (lane, outcome, took) = (self.lane, self.answer.word(), self.took);
        tracing::debug!(%lane, outcome, ?took, "posted an event");
        metrics::counter!("varco_webhook_requests_total", "lane" => lane.to_string(), "outcome" => outcome)
            .increment(1);
    }
}

/// The receiver wants no more: what waits stays, until somebody looked and restarted the agent.
pub(super) struct ReceiverGone<'a> {
    pub(super) lane: &'a LaneId,
}

impl Fact for ReceiverGone<'_> {
    fn tell(&self) {
        tracing::warn!(lane = %self.lane, "the receiver of a webhook wants no more (410): nothing is sent until a restart");
        metrics::counter!("varco_webhook_gone_total", "lane" => self.lane.to_string()).increment(1);
    }
}

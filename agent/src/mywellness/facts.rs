//! What is worth telling about Mywellness: ids only.

use std::time::Duration;

use super::answer::Failure;
use crate::domain::ExternalId;
use crate::telemetry::Fact;

/// A session began there.
pub(super) struct LoggedIn;

impl Fact for LoggedIn {
    fn tell(&self) {
        tracing::debug!("logged in to Mywellness");
        metrics::counter!("varco_mywellness_logins_total").increment(1);
    }
}

/// A call was made, whatever came of it.
pub(super) struct CallMade<'a> {
    pub(super) action: &'static str,
    pub(super) failure: Option<&'a Failure>,
    pub(super) took: Duration,
}

impl Fact for CallMade<'_> {
    fn tell(&self) {
        let Self { action, failure, took } = self;
        let outcome = failure.map_or("ok", kind);
        tracing::debug!(action, outcome, ?took, "called Mywellness");
        metrics::counter!("varco_mywellness_calls_total", "action" => *action, "outcome" => outcome).increment(1);
        metrics::histogram!("varco_mywellness_call_seconds", "action" => *action).record(took.as_secs_f64());
    }
}

fn kind(failure: &Failure) -> &'static str {
    match failure {
        Failure::NotSent(_) => "not_sent",
        Failure::Lost(_) | Failure::Silent(_) => "lost",
        Failure::ServerFailed(_) => "server_failed",
        Failure::Garbled(_) => "garbled",
        Failure::Throttled { .. } => "throttled",
        Failure::TokenRefused => "token_refused",
        Failure::WebPage(_) => "web_page",
        Failure::NoSuchAction => "no_such_action",
        Failure::NotTrusted(_) => "not_trusted",
        Failure::Suspended(_) => "suspended",
        Failure::Refused(_) => "refused",
    }
}

/// A person is known there.
pub(super) struct PersonLinked<'a> {
    pub(super) person: &'a ExternalId,
    /// `Created`, `MatchFound` or `found`.
    pub(super) how: &'a str,
}

impl Fact for PersonLinked<'_> {
    fn tell(&self) {
        tracing::info!(person = %self.person, how = self.how, "person linked at Mywellness");
        metrics::counter!("varco_mywellness_people_linked_total").increment(1);
    }
}

/// A person matches nobody for certain there; an operator must decide.
pub(super) struct MatchInDoubt<'a> {
    pub(super) person: &'a ExternalId,
    pub(super) why: &'a str,
}

impl Fact for MatchInDoubt<'_> {
    fn tell(&self) {
        tracing::warn!(person = %self.person, why = self.why, "person not linked at Mywellness: somebody must decide");
        metrics::counter!("varco_mywellness_matches_in_doubt_total").increment(1);
    }
}

/// A visit is sent again because the answer was lost: it may stand twice there.
pub(super) struct VisitResent<'a> {
    /// The visit's id.
    pub(super) visit: &'a str,
}

impl Fact for VisitResent<'_> {
    fn tell(&self) {
        tracing::warn!(
            visit = self.visit,
            "visit sent to Mywellness again after a lost answer: it may stand there twice"
        );
        metrics::counter!("varco_mywellness_visits_resent_total").increment(1);
    }
}

/// A check-in is sent again because the answer was lost: it may stand twice there.
pub(super) struct CheckInResent<'a> {
    /// The attendance's id.
    pub(super) attendance: &'a str,
}

impl Fact for CheckInResent<'_> {
    fn tell(&self) {
        tracing::warn!(
            attendance = self.attendance,
            "check-in sent to Mywellness again after a lost answer: it may stand there twice"
        );
        metrics::counter!("varco_mywellness_check_ins_resent_total").increment(1);
    }
}

//! Late passages over HTTP: somebody passed while no reader could tell, and the desk writes it down afterwards.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{ExternalId, GateId, PassageId, PassageOutcome, ReaderId, Reason};
use crate::telemetry::Fact;
use crate::turnstile::{LatePassage, LateRefused, Opened, SiteEvent};

use super::doors::reasoned;
use super::extract::{Document, Named};
use super::facts::RecordedLate;
use super::problem::{ApiProblem, Kind, ProblemDocument};
use super::state::{CalledBy, Shared};
use super::why::who_is_it;

/// How long ago a late passage may be: a paper list of a weekend without power is typed in days later, not months.
const LATE_MAX: SignedDuration = SignedDuration::from_hours(31 * 24);

/// A passage that no reader told of. Either `person` or `badge`.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LateAsked {
    /// Who passed.
    #[serde(default)]
    person: Option<ExternalId>,
    /// Who passed, by their badge in the reader's form.
    #[serde(default)]
    badge: Option<String>,
    /// When: in the past, at most 31 days ago.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Why it is written down by hand. It is recorded with the name of the token.
    reason: String,
}

/// A late passage as recorded.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct LateServed {
    /// The gate.
    gate: GateId,
    /// The reader whose direction it has.
    reader: ReaderId,
    /// Who passed.
    person: Option<ExternalId>,
    /// `manual`.
    outcome: PassageOutcome,
    /// What the rules would have said at the gate. None of it kept the passage from being recorded.
    reasons: Vec<Reason>,
    /// The name of the token used.
    operator: String,
    /// Why.
    reason: String,
    /// The passage.
    #[serde(flatten)]
    opened: Opened,
}

/// Writes down that somebody passed, while no reader could tell: with the visit, what it consumes and who is told, by the
/// same rules at that time, whatever is recorded of later. It opens nothing.
#[utoipa::path(post, path = "/readers/{id}/passages", tag = "site", params(("id" = String, Path)), request_body = LateAsked,
    responses((status = 201, body = LateServed), (status = 404, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "It is recorded already", body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn record_late(
    State(console): Shared,
    Extension(caller): CalledBy,
    Named(reader): Named<ReaderId>,
    Document(asked): Document<LateAsked>,
) -> Result<(StatusCode, Json<LateServed>), ApiProblem> {
    let policy = console.handles.policy.borrow().clone();
    let reader = policy.readers.get(&reader).cloned().ok_or_else(|| ApiProblem::unknown("reader", &reader))?;
    let (reason, now) = (reasoned(&asked.reason)?, console.handles.clock.now());
    if asked.at > now.wall || now.wall.duration_since(asked.at) > LATE_MAX {
        return Err(ApiProblem::field("at", format!("is not in the last {} days", LATE_MAX.as_hours() / 24)));
    }
    // As exact as it is kept, so that the answer says what will be read.
    let at = Timestamp::from_microsecond(asked.at.as_microsecond()).unwrap_or(asked.at);
    let late = LatePassage {
        id: PassageId(console.handles.clock.new_id()),
        who: who_is_it(&console, &reader, asked.badge.as_deref(), asked.person).await?,
        reader: reader.clone(),
        at,
        now,
        operator: caller.name.clone(),
        reason: reason.clone(),
    };
    let recorded = console.handles.desk.record_late(late, policy, Arc::clone(&console.handles.plans)).await;
    let late = recorded.map_err(ApiProblem::from)?;
    RecordedLate { reader: &reader.id, operator: &caller.name }.tell();
    let (new_visit, ended_visit) = (late.recorded.new_visit, late.recorded.ended_visit);
    let person = late.recorded.told.person.clone();
    let passage = Box::new(late.recorded.told);
    let _nobody_watches = console.handles.events.send(SiteEvent::Passage { passage, new_visit, ended_visit });
    let served = LateServed {
        gate: reader.gate,
        reader: reader.id,
        person,
        outcome: PassageOutcome::Manual,
        reasons: late.reasons,
        operator: caller.name,
        reason,
        opened: late.opened,
    };
    Ok((StatusCode::CREATED, Json(served)))
}

impl From<LateRefused> for ApiProblem {
    fn from(refused: LateRefused) -> Self {
        match refused {
            LateRefused::Nobody => Self::field("badge", refused.to_string()),
            LateRefused::Already => Self::new(Kind::Conflict, refused.to_string()),
            LateRefused::Store(error) => error.into(),
        }
    }
}

//! Why somebody may pass or not, over HTTP: the decision of a gate without its effects.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Badge, Decision, ExternalId, GateId, Reader, ReaderId, Reason};
use crate::turnstile::{Answer, Question, Right, Who};

use super::extract::Document;
use super::problem::ApiProblem;
use super::state::{Console, Shared};

/// Who would come, where and when. Either `badge` or `person`.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WhyAsked {
    /// At which reader.
    reader: ReaderId,
    /// With this badge, in the reader's form.
    #[serde(default)]
    badge: Option<String>,
    /// This person, without a badge.
    #[serde(default)]
    person: Option<ExternalId>,
    /// When; at this moment if absent. How many people are where is always that of this moment.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
}

/// What would happen, and why.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct WhyServed {
    /// The reader asked about.
    reader: ReaderId,
    /// Its gate.
    gate: GateId,
    /// Who it was found to be.
    person: Option<ExternalId>,
    /// Whether the gate would open.
    opens: bool,
    /// Stable codes of what blocks or warns.
    reasons: Vec<Reason>,
    /// The decision with its whole trace.
    #[serde(flatten)]
    decision: Decision,
}

/// The full trace of a decision, free of side effects.
#[utoipa::path(post, path = "/why", tag = "site", request_body = WhyAsked, responses((status = 200, body = WhyServed)))]
pub(super) async fn ask_why(
    State(console): Shared,
    Document(asked): Document<WhyAsked>,
) -> Result<Json<WhyServed>, ApiProblem> {
    let policy = console.handles.policy.borrow().clone();
    let reader = policy.readers.get(&asked.reader).cloned();
    let reader = reader.ok_or_else(|| ApiProblem::field("reader", format!("there is no reader {}", asked.reader)))?;
    let who = who_is_it(&console, &reader, asked.badge.as_deref(), asked.person).await?;
    let mode = console.handles.doors.borrow().gates.get(&reader.gate).map(|gate| gate.mode).unwrap_or_default();
    let at = asked.at.unwrap_or_else(|| console.now());
    let question = Question { right: Right::Own, who, reader: reader.clone(), mode, policy, at };
    let Answer { decision, .. } = console.handles.desk.inquire(question).await?;
    Ok(Json(WhyServed {
        reader: reader.id,
        gate: reader.gate,
        person: name_of(&console, &decision).await?,
        opens: decision.grant().is_some(),
        reasons: decision.reasons().collect(),
        decision,
    }))
}

/// Whom a request is about that names either a badge, in the reader's form, or a person.
pub(super) async fn who_is_it(
    console: &Console,
    reader: &Reader,
    badge: Option<&str>,
    person: Option<ExternalId>,
) -> Result<Who, ApiProblem> {
    match (badge, person) {
        (Some(badge), None) => match Badge::new(reader.badge.form, badge) {
            Ok(badge) => Ok(Who::Badge(badge)),
            Err(why) => Err(ApiProblem::field("badge", why.to_string())),
        },
        (None, Some(person)) => {
            let look_up = person.clone();
            let found = console.handles.store.read("looking a person up", move |view| view.person_id(&look_up)).await?;
            found.map(Who::Person).ok_or_else(|| ApiProblem::field("person", format!("there is no person {person}")))
        }
        (Some(_), Some(_)) | (None, None) => Err(ApiProblem::field("badge", "write either badge or person")),
    }
}

async fn name_of(console: &Console, decision: &Decision) -> Result<Option<ExternalId>, ApiProblem> {
    let Some(id) = decision.person else { return Ok(None) };
    let found = console.handles.store.read("naming a person", move |view| view.person_by_id(id)).await?;
    Ok(found.map(|stored| stored.person.external_id))
}

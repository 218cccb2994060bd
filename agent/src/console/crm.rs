//! CRM over HTTP: outcomes, action types and actions. Actions cannot be deleted.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::crm;
use crate::domain::{
    ActionRecord, ActionStatus, ActionType, ActionTypeId, CrmActionId, ExternalId, Outcome, OutcomeId,
};
use crate::intake::{self, ActionWritten, AdvanceAction, Advancing, NewAction, Problem};
use crate::store::{Tx, View};

use super::extract::{Asked, Document, Named};
use super::lists::{List, rows};
use super::problem::{ApiProblem, Kind, ProblemDocument};
use super::state::Shared;

/// An outcome with its id.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct OutcomeServed {
    /// Its id.
    id: OutcomeId,
    /// The outcome.
    #[serde(flatten)]
    outcome: Outcome,
}

/// An action type with its id.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct ActionTypeServed {
    /// Its id.
    id: ActionTypeId,
    /// The type.
    #[serde(flatten)]
    action_type: ActionType,
    /// What is doubtful about it, such as that it has no outcomes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

fn type_served(id: ActionTypeId, action_type: ActionType) -> ActionTypeServed {
    let warnings = crm::warnings(&action_type).iter().map(ToString::to_string).collect();
    ActionTypeServed { id, action_type, warnings }
}

fn created_or_replaced(created: bool) -> StatusCode {
    if created { StatusCode::CREATED } else { StatusCode::OK }
}

/// Every outcome.
#[utoipa::path(get, path = "/crm/outcomes", tag = "crm", responses((status = 200, body = List<OutcomeServed>)))]
pub(super) async fn list_outcomes(State(console): Shared) -> Result<Json<List<OutcomeServed>>, ApiProblem> {
    let all = console.handles.store.read("listing outcomes", |view| view.outcomes()).await?;
    Ok(Json(List::whole(all.into_iter().map(|(id, outcome)| OutcomeServed { id, outcome }).collect())))
}

/// An outcome.
#[utoipa::path(get, path = "/crm/outcomes/{id}", tag = "crm", params(("id" = String, Path)),
    responses((status = 200, body = OutcomeServed), (status = 404, body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn get_outcome(
    State(console): Shared,
    Named(id): Named<OutcomeId>,
) -> Result<Json<OutcomeServed>, ApiProblem> {
    let asked = id.clone();
    let found = console.handles.store.read("reading an outcome", move |view| view.outcome(&asked)).await?;
    let outcome = found.ok_or_else(|| ApiProblem::unknown("outcome", &id))?;
    Ok(Json(OutcomeServed { id, outcome }))
}

/// Writes an outcome down.
#[utoipa::path(put, path = "/crm/outcomes/{id}", tag = "crm", params(("id" = String, Path)), request_body = Outcome,
    responses((status = 200, description = "Replaced", body = OutcomeServed), (status = 201, description = "New", body = OutcomeServed)))]
pub(super) async fn put_outcome(
    State(console): Shared,
    Named(id): Named<OutcomeId>,
    Document(outcome): Document<Outcome>,
) -> Result<(StatusCode, Json<OutcomeServed>), ApiProblem> {
    let write = move |tx: &Tx<'_>| match intake::put_outcome(tx, &id, outcome.clone())? {
        Err(refused) => Ok(Err(refused)),
        Ok(created) => Ok(Ok((created, id.clone(), tx.outcome(&id)?))),
    };
    let (created, id, stored) = console.handles.store.write("writing an outcome", write).await??;
    let outcome = stored.expect("the outcome was written in the same transaction");
    Ok((created_or_replaced(created), Json(OutcomeServed { id, outcome })))
}

/// Every action type.
#[utoipa::path(get, path = "/crm/action-types", tag = "crm", responses((status = 200, body = List<ActionTypeServed>)))]
pub(super) async fn list_action_types(State(console): Shared) -> Result<Json<List<ActionTypeServed>>, ApiProblem> {
    let all = console.handles.store.read("listing action types", |view| view.action_types()).await?;
    Ok(Json(List::whole(all.into_iter().map(|(id, action_type)| type_served(id, action_type)).collect())))
}

/// An action type.
#[utoipa::path(get, path = "/crm/action-types/{id}", tag = "crm", params(("id" = String, Path)),
    responses((status = 200, body = ActionTypeServed), (status = 404, body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn get_action_type(
    State(console): Shared,
    Named(id): Named<ActionTypeId>,
) -> Result<Json<ActionTypeServed>, ApiProblem> {
    let asked = id.clone();
    let found = console.handles.store.read("reading an action type", move |view| view.action_type(&asked)).await?;
    let action_type = found.ok_or_else(|| ApiProblem::unknown("action type", &id))?;
    Ok(Json(type_served(id, action_type)))
}

/// Writes an action type down. A new default takes the mark from the old one.
#[utoipa::path(put, path = "/crm/action-types/{id}", tag = "crm", params(("id" = String, Path)), request_body = ActionType,
    responses((status = 200, description = "Replaced", body = ActionTypeServed), (status = 201, description = "New", body = ActionTypeServed)))]
pub(super) async fn put_action_type(
    State(console): Shared,
    Named(id): Named<ActionTypeId>,
    Document(action_type): Document<ActionType>,
) -> Result<(StatusCode, Json<ActionTypeServed>), ApiProblem> {
    let write = move |tx: &Tx<'_>| match intake::put_action_type(tx, &id, action_type.clone())? {
        Err(refused) => Ok(Err(refused)),
        Ok(created) => Ok(Ok((created, id.clone(), tx.action_type(&id)?))),
    };
    let (created, id, stored) = console.handles.store.write("writing an action type", write).await??;
    let action_type = stored.expect("the action type was written in the same transaction");
    Ok((created_or_replaced(created), Json(type_served(id, action_type))))
}

/// Which actions are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ActionsAsked {
    /// Of this person.
    #[param(value_type = Option<String>)]
    person: Option<ExternalId>,
    /// Dealt with by this operator.
    operator: Option<String>,
    /// In this state.
    status: Option<ActionStatus>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Rows of a page, 1 to 500; 100 if absent.
    limit: Option<u32>,
}

/// CRM actions.
#[utoipa::path(get, path = "/crm/actions", tag = "crm", params(ActionsAsked), responses((status = 200, body = List<ActionRecord>)))]
pub(super) async fn list_actions(
    State(console): Shared,
    Asked(asked): Asked<ActionsAsked>,
) -> Result<Json<List<ActionRecord>>, ApiProblem> {
    let rows = rows(asked.limit)?;
    let find = move |view: &View<'_>| {
        let ActionsAsked { person, operator, status, cursor, .. } = &asked;
        view.actions(person.as_ref(), operator.as_deref(), *status, cursor.as_deref(), rows)
    };
    Ok(Json(console.handles.store.read("listing CRM actions", find).await?.into()))
}

/// A CRM action with what the member was shown.
#[utoipa::path(get, path = "/crm/actions/{id}", tag = "crm", params(("id" = uuid::Uuid, Path)),
    responses((status = 200, body = ActionRecord), (status = 404, body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn get_action(
    State(console): Shared,
    Named(id): Named<CrmActionId>,
) -> Result<Json<ActionRecord>, ApiProblem> {
    let found = console.handles.store.read("reading a CRM action", move |view| view.action(id)).await?;
    found.map(Json).ok_or_else(|| ApiProblem::unknown("action", id))
}

/// A CRM action that was made or taken further.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct ActionServed {
    /// The action as it is now.
    #[serde(flatten)]
    action: ActionRecord,
    /// What is odd about what was written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Problem>,
}

impl From<ActionWritten> for ActionServed {
    fn from(ActionWritten { action, warnings }: ActionWritten) -> Self {
        Self { action, warnings }
    }
}

/// Makes a CRM action.
#[utoipa::path(post, path = "/crm/actions", tag = "crm", request_body = NewAction, responses((status = 201, body = ActionServed)))]
pub(super) async fn make_action(
    State(console): Shared,
    Document(wanted): Document<NewAction>,
) -> Result<(StatusCode, Json<ActionServed>), ApiProblem> {
    let (id, now) = (CrmActionId(console.handles.clock.new_id()), console.handles.clock.now());
    let write = move |tx: &Tx<'_>| intake::new_action(tx, &wanted, id, now);
    let written = console.handles.store.write("making a CRM action", write).await??;
    Ok((StatusCode::CREATED, Json(written.into())))
}

/// Takes a CRM action further.
#[utoipa::path(post, path = "/crm/actions/{id}/advance", tag = "crm", params(("id" = uuid::Uuid, Path)), request_body = AdvanceAction,
    responses((status = 200, body = ActionServed), (status = 404, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "Concluded or continued already", body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn advance_action(
    State(console): Shared,
    Named(id): Named<CrmActionId>,
    Document(wanted): Document<AdvanceAction>,
) -> Result<Json<ActionServed>, ApiProblem> {
    let (next, now) = (CrmActionId(console.handles.clock.new_id()), console.handles.clock.now());
    let write = move |tx: &Tx<'_>| intake::advance_action(tx, id, &wanted, next, now);
    match console.handles.store.write("advancing a CRM action", write).await? {
        Advancing::Done(written) => Ok(Json((*written).into())),
        Advancing::Unknown => Err(ApiProblem::unknown("action", id)),
        Advancing::Refused(refused) => Err(refused.into()),
        Advancing::Conflict(why) => Err(conflict(&why)),
    }
}

/// What lies in the document is a wrong field; what lies in the action's state is a conflict.
fn conflict(why: &crm::Refused) -> ApiProblem {
    match why {
        crm::Refused::Concluded(_) | crm::Refused::Continued(..) => ApiProblem::new(Kind::Conflict, why.to_string()),
        crm::Refused::NoOutcomes(_) | crm::Refused::OutcomeOfOtherType { .. } => {
            ApiProblem::field("outcome", why.to_string())
        }
        crm::Refused::ObsoleteType(_) => ApiProblem::field("next.type", why.to_string()),
        crm::Refused::NoNote(_) => ApiProblem::field("note", why.to_string()),
    }
}

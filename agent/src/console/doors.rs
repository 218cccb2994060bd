//! Readers and gates over HTTP: how they are, opening one by hand, changing a mode.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;
use utoipa::ToSchema;

use crate::domain::{
    Direction, Display, ExternalId, Gate, GateId, GateMode, PassageOutcome, Policy, Reader, ReaderId, ZoneId,
};
use crate::telemetry::Fact;
use crate::turnstile::{GateOrder, GateState, ModeOrder, OpenOrder, Opened, OrderRefused, ReaderState};

use super::extract::{Document, Named};
use super::facts::{ModeChanged, OpenedByHand};
use super::lists::List;
use super::problem::{ApiProblem, Kind, ProblemDocument};
use super::state::{CalledBy, Console, Shared};

/// Longest reason for an order, in characters: a sentence for the records.
const REASON_CHARS_MAX: usize = 300;

/// A reader: how it is configured, and how it is at this moment.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct ReaderServed {
    /// Its id.
    id: ReaderId,
    /// The gate it opens.
    gate: GateId,
    /// Which way it leads.
    direction: Direction,
    /// Whether an entry here can be a new visit.
    new_visit: bool,
    /// The zone it leads into or out of.
    zone: Option<ZoneId>,
    /// Matched against the device types of CRM action types.
    device_type: String,
    /// Where a message can be shown.
    display: Display,
    /// How it is.
    #[serde(flatten)]
    state: ReaderState,
}

/// A gate: how it is at this moment.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct GateServed {
    /// Its id.
    pub(super) id: GateId,
    /// How it is.
    #[serde(flatten)]
    pub(super) state: GateState,
    /// Its readers.
    pub(super) readers: Vec<ReaderId>,
}

/// Every reader.
#[utoipa::path(get, path = "/readers", tag = "site", responses((status = 200, body = List<ReaderServed>)))]
pub(super) async fn list_readers(State(console): Shared) -> Json<List<ReaderServed>> {
    let policy = console.handles.policy.borrow().clone();
    let states = console.handles.doors.borrow().readers.clone();
    let reader = |reader: &Reader| ReaderServed {
        id: reader.id.clone(),
        gate: reader.gate.clone(),
        direction: reader.direction,
        new_visit: reader.new_visit,
        zone: reader.zone.clone(),
        device_type: reader.device_type.clone(),
        display: reader.display,
        state: states.get(&reader.id).cloned().unwrap_or_default(),
    };
    Json(List::whole(policy.readers.values().map(reader).collect()))
}

/// Every gate.
#[utoipa::path(get, path = "/gates", tag = "site", responses((status = 200, body = List<GateServed>)))]
pub(super) async fn list_gates(State(console): Shared) -> Json<List<GateServed>> {
    let policy = console.handles.policy.borrow().clone();
    Json(List::whole(policy.gates.values().map(|gate| gate_served(&console, &policy, gate)).collect()))
}

fn gate_served(console: &Console, policy: &Policy, gate: &Gate) -> GateServed {
    let state = console.handles.doors.borrow().gates.get(&gate.id).cloned().unwrap_or_default();
    GateServed { id: gate.id.clone(), state, readers: readers_of(policy, &gate.id).map(|it| it.id.clone()).collect() }
}

fn readers_of<'p>(policy: &'p Policy, gate: &GateId) -> impl Iterator<Item = &'p Reader> {
    policy.readers.values().filter(move |reader| reader.gate == *gate)
}

/// To open a gate by hand.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OpenAsked {
    /// Why. It is recorded with the name of the token.
    reason: String,
    /// For whom: makes a visit by the same rules as a badge.
    #[serde(default)]
    person: Option<ExternalId>,
    /// The reader whose direction the passage has; if absent, the gate's only one, or its first that leads in.
    #[serde(default)]
    reader: Option<ReaderId>,
}

/// A passage by hand.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct OpenServed {
    /// The gate.
    gate: GateId,
    /// The reader whose direction it has.
    reader: ReaderId,
    /// For whom.
    person: Option<ExternalId>,
    /// `manual`.
    outcome: PassageOutcome,
    /// The name of the token used.
    operator: String,
    /// Why.
    reason: String,
    /// The passage.
    #[serde(flatten)]
    opened: Opened,
}

/// Opens a gate once, whatever the rules say. It is a recorded, confirmed passage.
#[utoipa::path(post, path = "/gates/{id}/open", tag = "site", params(("id" = String, Path)), request_body = OpenAsked,
    responses((status = 201, body = OpenServed), (status = 404, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "The gate cannot be reached", body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn open_gate(
    State(console): Shared,
    Extension(caller): CalledBy,
    Named(gate): Named<GateId>,
    Document(asked): Document<OpenAsked>,
) -> Result<(StatusCode, Json<OpenServed>), ApiProblem> {
    let reason = reasoned(&asked.reason)?;
    let reader = reader_for(&console, &gate, asked.reader.as_ref())?;
    let person = match asked.person.clone() {
        None => None,
        Some(id) => {
            let look_up = id.clone();
            let found = console.handles.store.read("looking a person up", move |view| view.person_id(&look_up)).await?;
            Some(found.ok_or_else(|| ApiProblem::field("person", format!("there is no person {id}")))?)
        }
    };
    let operator = caller.name;
    let (answer, answered) = oneshot::channel();
    let order =
        OpenOrder { operator: operator.clone(), reason: reason.clone(), person, reader: reader.clone(), answer };
    let opened: Opened = order_to(&console, &gate, GateOrder::Open(order), answered).await?;
    OpenedByHand { gate: &gate, operator: &operator }.tell();
    let outcome = PassageOutcome::Manual;
    Ok((
        StatusCode::CREATED,
        Json(OpenServed { gate, reader, person: asked.person, outcome, operator, reason, opened }),
    ))
}

/// To change a gate's mode.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ModeAsked {
    /// The new mode.
    mode: GateMode,
    /// Why. It is recorded with the name of the token.
    reason: String,
}

/// Changes a gate's mode. It stays until it is changed again, restarts included.
#[utoipa::path(post, path = "/gates/{id}/mode", tag = "site", params(("id" = String, Path)), request_body = ModeAsked,
    responses((status = 201, body = GateServed), (status = 404, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "The gate cannot be reached", body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn change_mode(
    State(console): Shared,
    Extension(caller): CalledBy,
    Named(gate): Named<GateId>,
    Document(asked): Document<ModeAsked>,
) -> Result<(StatusCode, Json<GateServed>), ApiProblem> {
    let (mode, reason) = (asked.mode, reasoned(&asked.reason)?);
    let (answer, answered) = oneshot::channel();
    let order = ModeOrder { operator: caller.name.clone(), mode, reason, answer };
    order_to(&console, &gate, GateOrder::Mode(order), answered).await?;
    ModeChanged { gate: &gate, mode, operator: &caller.name }.tell();
    let policy = console.handles.policy.borrow().clone();
    let configured = policy.gates.get(&gate).ok_or_else(|| ApiProblem::unknown("gate", &gate))?;
    let served = gate_served(&console, &policy, configured);
    Ok((StatusCode::CREATED, Json(GateServed { state: GateState { mode, ..served.state }, ..served })))
}

pub(super) fn reasoned(reason: &str) -> Result<String, ApiProblem> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(ApiProblem::field("reason", "is required and must not be empty"));
    }
    if reason.chars().count() > REASON_CHARS_MAX {
        return Err(ApiProblem::field("reason", format!("is longer than {REASON_CHARS_MAX} characters")));
    }
    Ok(reason.to_owned())
}

fn reader_for(console: &Console, gate: &GateId, asked: Option<&ReaderId>) -> Result<ReaderId, ApiProblem> {
    let policy = console.handles.policy.borrow().clone();
    if !policy.gates.contains_key(gate) {
        return Err(ApiProblem::unknown("gate", gate));
    }
    if let Some(asked) = asked {
        let is_its = readers_of(&policy, gate).any(|reader| reader.id == *asked);
        return if is_its {
            Ok(asked.clone())
        } else {
            Err(ApiProblem::field("reader", format!("is not at gate {gate}")))
        };
    }
    let leads_in = readers_of(&policy, gate).find(|reader| reader.direction == Direction::In);
    let reader = leads_in.or_else(|| readers_of(&policy, gate).next());
    reader.map(|reader| reader.id.clone()).ok_or_else(|| ApiProblem::new(Kind::Conflict, "the gate has no reader"))
}

/// Gives a gate an order and waits for what comes of it.
async fn order_to<A>(
    console: &Console,
    gate: &GateId,
    order: GateOrder,
    answered: oneshot::Receiver<Result<A, OrderRefused>>,
) -> Result<A, ApiProblem> {
    let orders = console.handles.gates.borrow().get(gate).cloned();
    let orders = orders.ok_or_else(|| ApiProblem::unknown("gate", gate))?;
    orders.try_send(order).map_err(|refused| match refused {
        TrySendError::Full(_) => ApiProblem::new(Kind::Unavailable, format!("gate {gate} is not answering")),
        TrySendError::Closed(_) => ApiProblem::new(Kind::Unavailable, format!("gate {gate} is being rebuilt")),
    })?;
    match answered.await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(refused)) => Err(refused.into()),
        Err(_) => Err(ApiProblem::new(Kind::Unavailable, format!("gate {gate} was rebuilt before it answered"))),
    }
}

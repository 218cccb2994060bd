//! Lanes and their rows over HTTP: what waits, what failed, and an operator's word on it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::{LaneId, LaneSummary, OutboxEntry, RowId, RowState};
use crate::store::{StoreError, Tx, View};
use crate::turnstile::LaneLink;

use super::doors::reasoned;
use super::extract::{Asked, Document, Named};
use super::lists::{List, rows};
use super::problem::{ApiProblem, Kind, ProblemDocument};
use super::state::{CalledBy, Console, Shared};

/// A lane in numbers, and its connection.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct LaneServed {
    /// The numbers.
    #[serde(flatten)]
    summary: LaneSummary,
    /// It has rows but is configured no longer: nothing will send them.
    orphaned: bool,
    /// Its connection; null if orphaned.
    connection: Option<LaneLink>,
}

/// Every lane.
#[utoipa::path(get, path = "/lanes", tag = "outbox", responses((status = 200, body = List<LaneServed>)))]
pub(super) async fn list_lanes(State(console): Shared) -> Result<Json<List<LaneServed>>, ApiProblem> {
    Ok(Json(List::whole(lanes(&console).await?)))
}

/// Every lane that is configured or has rows.
pub(super) async fn lanes(console: &Console) -> Result<Vec<LaneServed>, ApiProblem> {
    let links = console.handles.lanes.borrow().clone();
    let configured: Vec<LaneId> = links.keys().cloned().collect();
    let summaries = console.handles.store.read("summing lanes up", move |view| view.lanes(&configured)).await?;
    let served = |summary: LaneSummary| {
        let connection = links.get(&summary.lane).cloned();
        LaneServed { orphaned: connection.is_none(), connection, summary }
    };
    Ok(summaries.into_iter().map(served).collect())
}

/// Which rows are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OutboxAsked {
    /// Of this lane.
    #[param(value_type = Option<String>)]
    lane: Option<LaneId>,
    /// In this state.
    state: Option<RowState>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Rows of a page, 1 to 500; 100 if absent.
    limit: Option<u32>,
}

/// What waits for an upstream, and what became of it.
#[utoipa::path(get, path = "/outbox", tag = "outbox", params(OutboxAsked), responses((status = 200, body = List<OutboxEntry>)))]
pub(super) async fn list_outbox(
    State(console): Shared,
    Asked(asked): Asked<OutboxAsked>,
) -> Result<Json<List<OutboxEntry>>, ApiProblem> {
    let rows = rows(asked.limit)?;
    let find = move |view: &View<'_>| view.outbox(asked.lane.as_ref(), asked.state, asked.cursor.as_deref(), rows);
    Ok(Json(console.handles.store.read("listing the outbox", find).await?.into()))
}

/// Sends a row again, as soon as its lane can.
#[utoipa::path(post, path = "/outbox/{id}/retry", tag = "outbox", params(("id" = i64, Path)),
    responses((status = 201, body = OutboxEntry), (status = 404, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "Nothing more happens to it", body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn retry_row(
    State(console): Shared,
    Extension(caller): CalledBy,
    Named(Row(id)): Named<Row>,
) -> Result<(StatusCode, Json<OutboxEntry>), ApiProblem> {
    let now = console.now();
    let retry = move |tx: &Tx<'_>| Ok((tx.retry_row(id, &caller.name, now)?, row(tx, id)?));
    decided(id, console.handles.store.write("retrying a row", retry).await?)
}

/// Why a row is given up.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DiscardAsked {
    /// Why. It is recorded with the name of the token.
    reason: String,
}

/// Gives a row up. It is never sent. Of a row that would have made its person known upstream, the answer's
/// `waiting_on_it` tells how many rows waited for that: they are parked.
#[utoipa::path(post, path = "/outbox/{id}/discard", tag = "outbox", params(("id" = i64, Path)), request_body = DiscardAsked,
    responses((status = 201, body = OutboxEntry), (status = 404, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "Nothing more happens to it", body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn discard_row(
    State(console): Shared,
    Extension(caller): CalledBy,
    Named(Row(id)): Named<Row>,
    Document(asked): Document<DiscardAsked>,
) -> Result<(StatusCode, Json<OutboxEntry>), ApiProblem> {
    let (now, reason) = (console.now(), reasoned(&asked.reason)?);
    let discard = move |tx: &Tx<'_>| {
        let before = row(tx, id)?.map_or(0, |row| row.waiting_on_it);
        let done = tx.discard_row(id, &caller.name, &reason, now)?;
        Ok((done, row(tx, id)?.map(|row| OutboxEntry { waiting_on_it: before, ..row })))
    };
    decided(id, console.handles.store.write("discarding a row", discard).await?)
}

/// The first row behind the one before it.
fn row(view: &View<'_>, id: RowId) -> Result<Option<OutboxEntry>, StoreError> {
    let before = id.0.saturating_sub(1).to_string();
    let page = view.outbox(None, None, Some(&before), 1)?;
    Ok(page.items.into_iter().find(|row| row.id == id))
}

fn decided(id: RowId, (done, row): (bool, Option<OutboxEntry>)) -> Result<(StatusCode, Json<OutboxEntry>), ApiProblem> {
    match row {
        Some(row) if done => Ok((StatusCode::CREATED, Json(row))),
        Some(row) => Err(ApiProblem::new(Kind::Conflict, format!("row {id} is {}, and stays so", row.state.as_str()))),
        None => Err(ApiProblem::unknown("row", id)),
    }
}

/// The number of a row in the path.
pub(super) struct Row(RowId);

impl std::str::FromStr for Row {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(|id| Self(RowId(id)))
    }
}

//! Passages and visits over HTTP.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::domain::{ExternalId, ReaderId};
use crate::store::{HistoryFilter, PassageEntry, VisitEntry};

use super::extract::Asked;
use super::lists::{List, rows};
use super::problem::ApiProblem;
use super::state::Shared;

/// Which passages or visits are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryAsked {
    /// Not before.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Before.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// Of this person.
    #[param(value_type = Option<String>)]
    person: Option<ExternalId>,
    /// At this reader.
    #[param(value_type = Option<String>)]
    reader: Option<ReaderId>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Rows of a page, 1 to 500; 100 if absent.
    limit: Option<u32>,
}

impl TryFrom<HistoryAsked> for HistoryFilter {
    type Error = ApiProblem;

    fn try_from(asked: HistoryAsked) -> Result<Self, ApiProblem> {
        let HistoryAsked { from, to, person, reader, cursor, limit } = asked;
        Ok(Self { from, to, person, reader, cursor, limit: rows(limit)? })
    }
}

/// Passages, newest first: also those that were refused, and who nobody knows.
#[utoipa::path(get, path = "/passages", tag = "history", params(HistoryAsked), responses((status = 200, body = List<PassageEntry>)))]
pub(super) async fn list_passages(
    State(console): Shared,
    Asked(asked): Asked<HistoryAsked>,
) -> Result<Json<List<PassageEntry>>, ApiProblem> {
    let filter = HistoryFilter::try_from(asked)?;
    Ok(Json(console.handles.store.read("listing passages", move |view| view.passages(&filter)).await?.into()))
}

/// Visits, newest first, with how their relay to each upstream stands.
#[utoipa::path(get, path = "/visits", tag = "history", params(HistoryAsked), responses((status = 200, body = List<VisitEntry>)))]
pub(super) async fn list_visits(
    State(console): Shared,
    Asked(asked): Asked<HistoryAsked>,
) -> Result<Json<List<VisitEntry>>, ApiProblem> {
    let filter = HistoryFilter::try_from(asked)?;
    Ok(Json(console.handles.store.read("listing visits", move |view| view.visits(&filter)).await?.into()))
}

//! Alarms of gates over HTTP.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::domain::{Alarm, GateId};
use crate::store::AlarmFilter;

use super::extract::Asked;
use super::lists::{List, rows};
use super::problem::ApiProblem;
use super::state::Shared;

/// Which alarms are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AlarmsAsked {
    /// Not before.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Before.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// Of this gate.
    #[param(value_type = Option<String>)]
    gate: Option<GateId>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Rows of a page, 1 to 500; 100 if absent.
    limit: Option<u32>,
}

/// Alarms of gates, newest first: tamper, forced, held open, emergency, events lost, controller restarted.
#[utoipa::path(get, path = "/alarms", tag = "history", params(AlarmsAsked), responses((status = 200, body = List<Alarm>)))]
pub(super) async fn list_alarms(
    State(console): Shared,
    Asked(asked): Asked<AlarmsAsked>,
) -> Result<Json<List<Alarm>>, ApiProblem> {
    let AlarmsAsked { from, to, gate, cursor, limit } = asked;
    let filter = AlarmFilter { from, to, gate, cursor, limit: rows(limit)? };
    Ok(Json(console.handles.store.read("listing alarms", move |view| view.alarms(&filter)).await?.into()))
}

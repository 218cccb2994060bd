//! What needs no token: whether the agent lives, whether it is ready, and its metrics. Without personal data.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{ClockQuality, GateId, ReaderId, SiteId};
use crate::turnstile::{GateState, ReaderState, StoreCondition};

use super::outbox::{LaneServed, lanes};
use super::problem::{ApiProblem, Kind, ProblemDocument};
use super::state::Shared;

/// How the agent is.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct Health {
    /// `ok`, as long as anything answers.
    status: String,
    /// Of the agent.
    version: String,
    /// The club.
    site: SiteId,
    /// What its clock says.
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
    /// How far to believe that.
    clock: ClockQuality,
    /// Seconds since its start.
    uptime_seconds: u64,
    /// Whether the store is open and every reader has been tried.
    ready: bool,
    /// Whether the store takes writes.
    store: StoreCondition,
    /// How the console is reached.
    console: ConsoleState,
    /// Readers.
    #[schema(value_type = BTreeMap<String, ReaderState>)]
    readers: BTreeMap<ReaderId, ReaderState>,
    /// Gates.
    #[schema(value_type = BTreeMap<String, GateState>)]
    gates: BTreeMap<GateId, GateState>,
    /// Lanes; empty while the store cannot be read.
    lanes: Vec<LaneServed>,
}

/// How the console is reached.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct ConsoleState {
    /// Where it listens, as configured.
    listen: String,
    /// What is wrong with it, such as a renewed certificate that cannot be used; null: nothing.
    trouble: Option<String>,
}

/// How the agent is. 200 as long as anything answers.
#[utoipa::path(get, path = "/healthz", tag = "probes", security(()), responses((status = 200, body = Health)))]
pub(super) async fn healthz(State(console): Shared) -> Json<Health> {
    let now = console.handles.clock.now();
    let doors = console.handles.doors.borrow().clone();
    let lanes = lanes(&console).await.unwrap_or_default();
    Json(Health {
        status: "ok".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        site: console.handles.policy.borrow().site.id.clone(),
        time: now.wall,
        clock: now.quality,
        uptime_seconds: now.uptime.0.as_secs(),
        ready: *console.handles.ready.borrow(),
        store: console.handles.store.state().into(),
        console: ConsoleState { listen: console.listen.to_string(), trouble: console.trouble.borrow().clone() },
        readers: doors.readers,
        gates: doors.gates,
        lanes,
    })
}

/// 200 once the store is open and every reader has been tried. Upstreams that are down do not change it.
#[utoipa::path(get, path = "/readyz", tag = "probes", security(()),
    responses((status = 200, body = String), (status = 503, body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn readyz(State(console): Shared) -> Result<&'static str, ApiProblem> {
    if *console.handles.ready.borrow() {
        Ok("ready\n")
    } else {
        Err(ApiProblem::new(Kind::Unavailable, "not every reader has been tried yet"))
    }
}

/// Counters and gauges in the Prometheus text format.
#[utoipa::path(get, path = "/metrics", tag = "probes", security(()), responses((status = 200, body = String, content_type = "text/plain")))]
pub(super) async fn metrics(State(console): Shared) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], console.handles.metrics.render())
}

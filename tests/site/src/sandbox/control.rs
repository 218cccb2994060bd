//! The sandbox's own routes under `/__sandbox`, for programs in other languages and for people with curl.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Inner;
use super::fault::Injection;
use crate::world;

/// What can be asked for besides an [`Injection`].
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Order {
    /// Refuses connections for a while; without a way to connect nobody could ask it to come back.
    Down { for_ms: u64 },
    /// Makes every token invalid.
    ExpireTokens,
    /// Answers 429 beyond this rate; null ends it.
    RateLimit { per_second: Option<u32> },
    /// Refuses every call of the facility.
    SuspendFacility,
    /// Ends all faults.
    Heal,
}

pub(super) fn routes() -> Router<Arc<Inner>> {
    Router::new()
        .route("/__sandbox/fault", post(order))
        .route("/__sandbox/requests", get(|State(sandbox): State<Arc<Inner>>| show(sandbox, Shown::Requests)))
        .route("/__sandbox/visits", get(|State(sandbox): State<Arc<Inner>>| show(sandbox, Shown::Visits)))
        .route("/__sandbox/users", get(|State(sandbox): State<Arc<Inner>>| show(sandbox, Shown::Users)))
}

#[derive(Debug, Clone, Copy)]
enum Shown {
    Requests,
    Visits,
    Users,
}

async fn show(sandbox: Arc<Inner>, what: Shown) -> Json<Value> {
    let book = sandbox.book.borrow();
    Json(match what {
        Shown::Requests => json!(book.requests()),
        Shown::Visits => json!(book.visits()),
        Shown::Users => json!(book.users()),
    })
}

async fn order(State(sandbox): State<Arc<Inner>>, Json(wish): Json<Value>) -> (StatusCode, Json<Value>) {
    match obey(&sandbox, wish) {
        Ok(()) => (StatusCode::OK, Json(json!({ "result": "Success" }))),
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!({ "error": error.to_string() }))),
    }
}

fn obey(sandbox: &Arc<Inner>, wish: Value) -> serde_json::Result<()> {
    let orders = ["down", "expire_tokens", "rate_limit", "suspend_facility", "heal"];
    if !orders.contains(&wish["kind"].as_str().unwrap_or_default()) {
        let injection: Injection = serde_json::from_value(wish)?;
        sandbox.book.send_modify(|book| book.faults.push(injection));
        return Ok(());
    }
    match serde_json::from_value(wish)? {
        Order::Down { for_ms } => go_down(Arc::clone(sandbox), Duration::from_millis(for_ms)),
        Order::ExpireTokens => sandbox.book.send_modify(|book| book.cloud.expire_tokens()),
        Order::RateLimit { per_second } => sandbox.book.send_modify(|book| book.rate_limit = per_second),
        Order::SuspendFacility => sandbox.book.send_modify(|book| book.cloud.suspended = true),
        Order::Heal => sandbox.book.send_modify(super::Book::heal),
    }
    Ok(())
}

/// The task stands outside the server, which it ends; the answer to the order may be lost with it.
fn go_down(sandbox: Arc<Inner>, lasting: Duration) {
    world::spawn(async move {
        sandbox.down().await;
        tokio::time::sleep(lasting).await;
        // Only an address taken by a stranger could fail here, and the port is reserved.
        let _ = sandbox.up().await;
    });
}

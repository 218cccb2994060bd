//! Gates, decisions, lanes and live events over HTTP.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use varco::domain::GateMode;
use varco::turnstile::{GateState, SiteEvent};

use super::club::{anna, answer, club};

#[tokio::test]
async fn a_gate_is_opened_by_hand_with_a_reason() {
    let club = club().await;
    club.put("/api/v1/people/M-1", anna("M-1")).await;
    let open = "/api/v1/gates/turnstile/open";
    assert_eq!(club.post(open, json!({"reason": " "})).await.0, 422);
    assert_eq!(club.post(open, json!({"reason": "x", "person": "M-9"})).await.1["problems"][0]["path"], "person");
    assert_eq!(club.post(open, json!({"reason": "x", "reader": "side"})).await.1["problems"][0]["path"], "reader");
    let (status, opened) = club.post(open, json!({"reason": "forgot the card", "person": "M-1"})).await;
    assert_eq!((status, &opened["reader"], &opened["outcome"]), (201, &json!("entry"), &json!("manual")));
    assert_eq!(club.post(open, json!({"reason": "out", "reader": "exit"})).await.1["reader"], "exit");
    assert_eq!(club.post("/api/v1/gates/nowhere/open", json!({"reason": "x"})).await.0, 404);
    assert_eq!(club.post("/api/v1/gates/broken/open", json!({"reason": "x"})).await.0, 503);
    let told = club.orders.lock().unwrap().join("\n");
    expect_test::expect![[r"
        turnstile opens at entry for Some(PersonId(1)): forgot the card (admin)
        turnstile opens at exit for None: out (admin)
        broken opens at side for None: x (admin)"]]
    .assert_eq(&told);
}

#[tokio::test]
async fn a_mode_is_changed_with_a_reason() {
    let club = club().await;
    let (status, gate) = club.post("/api/v1/gates/turnstile/mode", json!({"mode": "free", "reason": "open day"})).await;
    assert_eq!((status, &gate["id"], &gate["mode"]), (201, &json!("turnstile"), &json!("free")));
    assert_eq!(club.post("/api/v1/gates/turnstile/mode", json!({"mode": "open", "reason": "x"})).await.0, 422);
    assert_eq!(club.post("/api/v1/gates/turnstile/mode", json!({"mode": "free"})).await.0, 422);
    assert_eq!(*club.orders.lock().unwrap(), ["turnstile is Free: open day (admin)"]);
    assert_eq!(club.get("/api/v1/gates").await.1["items"].as_array().unwrap().len(), 3);
    assert_eq!(club.get("/api/v1/readers").await.1["items"][0]["id"], "back");
}

#[tokio::test]
async fn why_answers_with_the_whole_trace() {
    let club = club().await;
    club.put("/api/v1/people/M-1", anna("M-1")).await;
    let (status, known) = club.post("/api/v1/why", json!({"reader": "entry", "badge": "04:153"})).await;
    assert_eq!((status, &known["person"], &known["opens"]), (200, &json!("M-1"), &json!(true)), "{known}");
    let (_, stranger) = club.post("/api/v1/why", json!({"reader": "entry", "badge": "FFFF"})).await;
    assert_eq!(stranger["reasons"], json!(["unknown_credential"]));
    assert!(!stranger["trace"].as_array().unwrap().is_empty());
    assert_eq!(club.post("/api/v1/why", json!({"reader": "nowhere", "badge": "FF"})).await.0, 422);
    assert_eq!(club.post("/api/v1/why", json!({"reader": "entry"})).await.0, 422);
    assert_eq!(club.post("/api/v1/why", json!({"reader": "entry", "badge": "not hex"})).await.0, 422);
    assert!(club.orders.lock().unwrap().is_empty(), "asking opens nothing");
}

#[tokio::test]
async fn a_row_of_the_outbox_is_retried_or_given_up() {
    let club = club().await;
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    let enqueue = move |tx: &varco::store::Tx<'_>| {
        tx.enqueue(&"mqtt".parse().unwrap(), varco::domain::FactKind::Alarm, "k-1", None, "{}", now)
    };
    club.store.write("a story", enqueue).await.unwrap();
    assert_eq!(club.get("/api/v1/lanes").await.1["items"][0]["waiting"], 1);
    let (_, rows) = club.get("/api/v1/outbox?lane=mqtt&state=pending").await;
    let id = rows["items"][0]["id"].as_i64().unwrap();
    let (status, row) = club.post(&format!("/api/v1/outbox/{id}/retry"), Value::Null).await;
    assert_eq!((status, &row["state"]), (201, &json!("pending")));
    let discard = format!("/api/v1/outbox/{id}/discard");
    assert_eq!(club.post(&discard, json!({})).await.0, 422);
    let (status, row) = club.post(&discard, json!({"reason": "a test"})).await;
    assert_eq!((status, &row["state"]), (201, &json!("discarded")));
    assert_eq!(club.post(&discard, json!({"reason": "again"})).await.0, 409);
    assert_eq!(club.post("/api/v1/outbox/999/retry", Value::Null).await.0, 404);
    assert_eq!(answer(club.request("admin", Method::POST, "/api/v1/outbox/x/retry")).await.0, 404);
}

#[tokio::test]
async fn a_watcher_is_told_all_states_and_then_every_change() {
    let club = club().await;
    let mut feed = club.request("viewer", Method::GET, "/api/v1/events").send().await.unwrap();
    assert_eq!(feed.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    while !text.contains("event: store") {
        text.push_str(std::str::from_utf8(&feed.chunk().await.unwrap().unwrap()).unwrap());
    }
    assert!(text.contains("event: reader\ndata: {\"type\":\"reader\",\"reader\":\"entry\""), "{text}");
    let state = GateState { mode: GateMode::Locked, ..GateState::default() };
    club.events.send(SiteEvent::Gate { gate: "turnstile".parse().unwrap(), state }).unwrap();
    while !text.contains("\"mode\":\"locked\"") {
        text.push_str(std::str::from_utf8(&feed.chunk().await.unwrap().unwrap()).unwrap());
    }
    club.stop.cancel();
    while feed.chunk().await.unwrap().is_some() {}
}

#[tokio::test]
async fn a_watcher_whose_token_is_revoked_is_shown_no_more() {
    let club = club().await;
    let mut feed = club.request("viewer", Method::GET, "/api/v1/events").send().await.unwrap();
    let mut other = club.request("operator", Method::GET, "/api/v1/events").send().await.unwrap();
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    club.store.write("a story", move |tx| tx.revoke_tokens("viewer", now)).await.unwrap();
    let ended = async { while feed.chunk().await.unwrap().is_some() {} };
    tokio::time::timeout(Duration::from_secs(30), ended).await.expect("the feed ends by itself");
    let state = GateState { mode: GateMode::Locked, ..GateState::default() };
    club.events.send(SiteEvent::Gate { gate: "turnstile".parse().unwrap(), state }).unwrap();
    let mut text = String::new();
    while !text.contains("\"mode\":\"locked\"") {
        text.push_str(std::str::from_utf8(&other.chunk().await.unwrap().unwrap()).unwrap());
    }
}

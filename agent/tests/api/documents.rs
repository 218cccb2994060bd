//! People, CRM and the import over HTTP.

use reqwest::Method;
use serde_json::{Value, json};

use super::club::{anna, answer, club};

#[tokio::test]
async fn a_person_is_put_read_replaced_and_erased() {
    let club = club().await;
    let (status, stored) = club.put("/api/v1/people/M-1", anna("M-1")).await;
    assert_eq!((status, &stored["email"]), (201, &json!("anna@example.org")));
    assert_eq!(club.put("/api/v1/people/M-1", anna("M-1")).await.0, 200);
    let (status, read) = club.get("/api/v1/people/M-1").await;
    assert_eq!(status, 200);
    assert_eq!(club.put("/api/v1/people/M-1", read).await.0, 200, "what was read can be put again");
    assert_eq!(club.get("/api/v1/people/M-1/standing").await.1["person"], "M-1");
    assert_eq!(club.delete("/api/v1/people/M-1").await, (204, Value::Null));
    assert_eq!(club.get("/api/v1/people/M-1").await.0, 404);
    assert_eq!(club.delete("/api/v1/people/M-1").await.0, 404);
    assert_eq!(club.put("/api/v1/people/M-1", anna("M-1")).await.0, 409, "the erased do not come back");
}

#[tokio::test]
async fn the_wrong_field_of_a_document_is_named() {
    let club = club().await;
    let mut person = anna("M-1");
    person["memberships"][0]["kind"] = json!("weekly");
    let (status, problem) = club.put("/api/v1/people/M-1", person).await;
    assert_eq!((status, &problem["problems"][0]["path"]), (422, &json!("memberships[0].kind")));
    let mut person = anna("M-1");
    person["credentials"][0]["status"] = json!(3);
    let (status, problem) = club.put("/api/v1/people/M-1", person).await;
    assert_eq!((status, &problem["problems"][0]["path"]), (422, &json!("credentials[0].status")), "{problem}");
    let (status, problem) = club.put("/api/v1/people/M-2", anna("M-1")).await;
    assert_eq!((status, &problem["problems"][0]["path"]), (422, &json!("external_id")));
    assert_eq!(club.put("/api/v1/people/M-1", json!(["M-1", "Anna", "Rossi"])).await.0, 422, "a list is no document");
    let (status, problem) = club.get("/api/v1/passages?from=yesterday").await;
    assert_eq!((status, &problem["type"]), (422, &json!("urn:varco:problem:invalid")), "{problem}");
    let (status, problem) = club.get("/api/v1/people?limit=501").await;
    assert_eq!((status, &problem["problems"][0]["path"]), (422, &json!("limit")));
    assert_eq!(club.get("/api/v1/people?nmae=x").await.0, 422, "a misspelled filter does not show everybody");
    for list in ["people", "passages", "visits", "crm/actions", "outbox"] {
        assert_eq!(club.get(&format!("/api/v1/{list}?cursor=nonsense")).await.0, 400, "{list}");
    }
    let text = club.request("admin", Method::PUT, "/api/v1/people/M-1").header("content-type", "application/json");
    assert_eq!(answer(text.body("{")).await.0, 400);
    assert_eq!(answer(club.request("admin", Method::PUT, "/api/v1/people/M-1").body("{}")).await.0, 415);
}

#[tokio::test]
async fn null_is_unknown_as_an_absent_field_is() {
    let club = club().await;
    let mut person = anna("M-1");
    for field in ["birth_date", "groups", "staff", "dues"] {
        person[field] = Value::Null;
    }
    person["credentials"][0]["status"] = Value::Null;
    person["memberships"][0]["zones"] = Value::Null;
    let (status, stored) = club.put("/api/v1/people/M-1", person).await;
    assert_eq!((status, &stored["groups"], &stored["staff"]), (201, &json!([]), &json!(false)), "{stored}");
    assert_eq!(stored["credentials"][0]["status"], "active");
    let kind = json!({"name": "Call", "obsolete": null, "outcomes": null, "device_types": null, "access_action": null});
    assert_eq!(club.put("/api/v1/crm/action-types/call", kind).await.0, 201);
}

#[tokio::test]
async fn a_card_of_somebody_else_is_refused_and_its_owner_named() {
    let club = club().await;
    club.put("/api/v1/people/M-1", anna("M-1")).await;
    let (status, problem) = club.put("/api/v1/people/M-2", anna("M-2")).await;
    assert_eq!((status, &problem["problems"][0]["path"]), (409, &json!("credentials[0].value")));
    assert!(problem["detail"].as_str().unwrap().contains("belongs to M-1"), "{problem}");
}

#[tokio::test]
async fn lists_come_in_pages() {
    let club = club().await;
    for n in 1..=3 {
        let person = json!({"external_id": format!("M-{n}"), "first_name": "A", "last_name": "B"});
        club.put(&format!("/api/v1/people/M-{n}"), person).await;
    }
    let (_, first) = club.get("/api/v1/people?limit=2").await;
    let (_, last) = club.get(&format!("/api/v1/people?limit=2&cursor={}", first["next"].as_str().unwrap())).await;
    assert_eq!((first["items"].as_array().unwrap().len(), last["items"].as_array().unwrap().len()), (2, 1));
    assert_eq!(last["next"], Value::Null);
}

#[tokio::test]
async fn a_crm_action_is_made_and_taken_further() {
    let club = club().await;
    club.put("/api/v1/people/M-1", anna("M-1")).await;
    let done = json!({"name": "Done", "group": "positive"});
    assert_eq!(club.put("/api/v1/crm/outcomes/done", done.clone()).await.0, 201);
    assert_eq!(club.put("/api/v1/crm/outcomes/done", done).await.0, 200);
    let kind = json!({"name": "Call", "access_action": "message", "message": "Ask at the desk", "default": true});
    let (status, stored) = club.put("/api/v1/crm/action-types/call", kind.clone()).await;
    assert_eq!((status, stored["warnings"].as_array().map(Vec::len)), (201, Some(1)), "no outcomes are attached");
    let mut attached = kind;
    attached["outcomes"] = json!(["done"]);
    attached["colour"] = json!("#cc0000");
    assert_eq!(club.put("/api/v1/crm/action-types/call", attached).await.1.get("warnings"), None);
    let action = json!({"person": "M-1", "type": "call", "operator": "Sara", "text": "Renewal",
        "due_on": "2026-12-01", "purpose": "service"});
    let (status, made) = club.post("/api/v1/crm/actions", action).await;
    assert_eq!((status, &made["status"]), (201, &json!("open")));
    let path = format!("/api/v1/crm/actions/{}", made["id"].as_str().unwrap());
    assert_eq!(club.get(&path).await.1["person"], "M-1");
    assert_eq!(club.get("/api/v1/crm/actions?person=M-1&status=open").await.1["items"].as_array().unwrap().len(), 1);
    assert_eq!(answer(club.request("admin", Method::DELETE, &path)).await.0, 405);
    let advance = format!("{path}/advance");
    assert_eq!(club.post(&advance, json!({"mode": "close", "outcome": "sold"})).await.0, 422);
    assert_eq!(club.post(&advance, json!({"mode": "close_with_history", "outcome": "done"})).await.0, 422);
    let (status, closed) = club.post(&advance, json!({"mode": "close", "outcome": "done"})).await;
    assert_eq!((status, &closed["status"]), (200, &json!("concluded")));
    assert_eq!(club.post(&advance, json!({"mode": "close", "outcome": "done"})).await.0, 409);
}

#[tokio::test]
async fn an_action_that_is_over_before_it_begins_is_taken_with_a_warning() {
    let club = club().await;
    club.put("/api/v1/people/M-1", anna("M-1")).await;
    club.put("/api/v1/crm/outcomes/later", json!({"name": "Later", "group": "in_progress"})).await;
    club.put("/api/v1/crm/action-types/call", json!({"name": "Call", "outcomes": ["later"], "default": true})).await;
    let action = |until: &str| json!({"person": "M-1", "operator": "Sara", "text": "Ring", "valid_until": until});
    let (status, made) = club.post("/api/v1/crm/actions", action("2020-01-01T00:00:00Z")).await;
    assert_eq!((status, &made["warnings"][0]["path"]), (201, &json!("valid_until")), "{made}");
    assert_eq!(club.post("/api/v1/crm/actions", action("2099-01-01T00:00:00Z")).await.1.get("warnings"), None);
    let path = format!("/api/v1/crm/actions/{}", made["id"].as_str().unwrap());
    let next = json!({"text": "Ring again", "valid_until": "2020-01-01T00:00:00Z"});
    let (status, advanced) =
        club.post(&format!("{path}/advance"), json!({"mode": "continue", "outcome": "later", "next": next})).await;
    assert_eq!((status, &advanced["warnings"][0]["path"]), (200, &json!("next.valid_until")), "{advanced}");
    assert_eq!(club.get(&path).await.1.get("warnings"), None);
}

#[tokio::test]
async fn continuing_makes_the_next_action() {
    let club = club().await;
    club.put("/api/v1/people/M-1", anna("M-1")).await;
    club.put("/api/v1/crm/outcomes/later", json!({"name": "Later", "group": "in_progress"})).await;
    club.put("/api/v1/crm/action-types/call", json!({"name": "Call", "outcomes": ["later"], "default": true})).await;
    let (_, made) =
        club.post("/api/v1/crm/actions", json!({"person": "M-1", "operator": "Sara", "text": "Ring"})).await;
    assert_eq!(made["type"], "call", "the default type");
    let next = json!({"mode": "continue", "outcome": "later", "next": {"text": "Ring again", "due_on": "2026-12-02"}});
    let path = format!("/api/v1/crm/actions/{}/advance", made["id"].as_str().unwrap());
    let (status, advanced) = club.post(&path, next).await;
    assert_eq!(status, 200, "{advanced}");
    let (_, next) = club.get(&format!("/api/v1/crm/actions/{}", advanced["next"].as_str().unwrap())).await;
    assert_eq!(
        (&next["text"], &next["operator"], &next["person"]),
        (&json!("Ring again"), &json!("Sara"), &json!("M-1"))
    );
}

#[tokio::test]
async fn an_import_answers_counts_and_bad_lines() {
    let club = club().await;
    let lines: Vec<_> = (0..1500)
        .map(|n| json!({"external_id": format!("M-{n}"), "first_name": "A", "last_name": "B"}).to_string())
        .collect();
    let file = lines.join("\n") + "\nnonsense\n";
    let import = |kind: &str, file: String| {
        answer(club.request("gateway", Method::POST, "/api/v1/people/import").header("content-type", kind).body(file))
    };
    let (status, told) = import("application/x-ndjson", file).await;
    assert_eq!((status, &told["created"], &told["skipped"]), (200, &json!(1500), &json!(1)));
    assert_eq!(told["problems"][0]["line"], 1501);
    let (status, told) = import("text/csv", "external_id,first_name,last_name\nM-0,Bo,Ek\n".to_owned()).await;
    assert_eq!((status, &told["replaced"]), (200, &json!(1)));
    assert_eq!(import("image/png", String::new()).await.0, 415);
    assert_eq!(import("text/csv", "id\n1\n".to_owned()).await.0, 422);
}

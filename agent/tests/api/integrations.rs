//! Integrations with Mywellness over HTTP: lists, commands, the pre-flight and its spreadsheet.

use reqwest::Method;
use serde_json::{Value, json};

use super::club::{anna, answer, club};

fn complete(id: &str) -> Value {
    let mut person = anna(id);
    (person["birth_date"], person["gender"]) = (json!("1990-04-12"), json!("F"));
    (person["credentials"], person["groups"]) = (json!([]), json!(["Gold", "Choir"]));
    person
}

#[tokio::test]
async fn an_integration_is_listed_commanded_and_refused_with_the_reason() {
    let club = club().await;
    club.put("/api/v1/people/M-1", complete("M-1")).await;
    let (_, list) = club.get("/api/v1/sync/people?state=new").await;
    let it = &list["items"][0];
    assert_eq!((&it["person"], &it["display_name"], &it["missing"]), (&json!("M-1"), &json!("Nuova"), &json!([])));
    assert_eq!(club.get("/api/v1/sync/people?state=enabled").await.1["items"], json!([]));
    assert_eq!(club.get("/api/v1/sync/people?state=fine").await.0, 422);
    let path = |command: &str| format!("/api/v1/sync/people/M-1/{command}");
    let (status, it) = club.post(&path("synchronize"), json!({})).await;
    assert_eq!((status, &it["state"], &it["approval"]), (202, &json!("to_update"), &json!("given")));
    let (status, problem) = club.post(&path("enable"), json!({"visits": "send"})).await;
    assert_eq!((status, &problem["type"]), (409, &json!("urn:varco:problem:conflict")), "{problem}");
    let (status, it) = club.post(&path("suspend"), json!({})).await;
    assert_eq!((status, &it["display_name"]), (202, &json!("Sospesa")));
    assert_eq!(club.post(&path("synchronize"), json!({})).await.0, 409);
    assert_eq!(club.post(&path("enable"), json!({"visits": "burn"})).await.0, 422);
    let without_body = answer(club.request("operator", Method::POST, &path("enable"))).await;
    assert_eq!((without_body.0, &without_body.1["state"]), (202, &json!("new")), "never linked");
    assert_eq!(answer(club.request("operator", Method::POST, &path("delete"))).await.0, 202);
    assert_eq!(club.post("/api/v1/sync/people/M-9/suspend", json!({})).await.0, 404);
    let (_, details) = club.get("/api/v1/sync/people/M-1").await;
    let history: Vec<_> = details["history"].as_array().unwrap().iter().map(|it| it["what"].clone()).collect();
    assert_eq!(history, ["delete", "enable", "suspend", "synchronize"]);
    assert_eq!(details["history"][0]["operator"], "operator");
    assert_eq!(club.get("/api/v1/sync/people/M-1/candidates").await.1["items"], json!([]));
    assert_eq!(club.post(&path("match"), json!({"candidate": "fu-1"})).await.0, 422);
}

#[tokio::test]
async fn the_preflight_names_who_would_go_and_what_others_lack_before_anything_is_sent() {
    let club = club().await;
    club.put("/api/v1/people/M-1", complete("M-1")).await;
    let mut incomplete = complete("M-2");
    (incomplete["email"], incomplete["birth_date"]) = (Value::Null, Value::Null);
    incomplete["last_name"] = json!("=HYPERLINK(\"x\")");
    incomplete["source"] = json!("web");
    club.put("/api/v1/people/M-2", incomplete).await;
    let mut shy = complete("M-3");
    shy["allow_sync"] = json!(false);
    club.put("/api/v1/people/M-3", shy).await;

    let (_, all) = club.get("/api/v1/sync/preflight").await;
    let verdicts: Vec<_> = all["items"].as_array().unwrap().iter().map(|it| it["verdict"].clone()).collect();
    assert_eq!(verdicts, ["goes", "incomplete", "opted_out"]);
    let (_, lacking) = club.get("/api/v1/sync/preflight?verdict=incomplete&limit=1").await;
    let it = &lacking["items"][0];
    assert_eq!(
        (&it["person"], &it["missing"], &it["source"]),
        (&json!("M-2"), &json!(["birth_date", "email"]), &json!("web"))
    );
    let csv = club.request("viewer", Method::GET, "/api/v1/sync/preflight").header("accept", "text/csv");
    let response = csv.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8");
    let text = response.text().await.unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "person,last_name,first_name,verdict,missing,reason");
    assert_eq!(
        lines[2],
        "M-2,\"'=HYPERLINK(\"\"x\"\")\",Anna,incomplete,birth_date email,\"required by Mywellness and missing: birth_date, email\""
    );
    assert_eq!(lines.len(), 4);
    let by_name = club.request("viewer", Method::GET, "/api/v1/sync/preflight?format=csv&verdict=goes");
    assert_eq!(by_name.send().await.unwrap().text().await.unwrap().lines().count(), 2);

    let (_, progress) = club.get("/api/v1/sync/progress").await;
    assert_eq!((&progress["remaining"], &progress["states"]), (&json!(3), &json!([{"state": "new", "people": 3}])));
    let (_, groups) = club.get("/api/v1/sync/groups/dry-run").await;
    assert_eq!((&groups["told"], &groups["replaced"]), (&json!(false), &json!(0)));
    assert_eq!(groups["mapped"], json!([{"name": "Gold", "id": 12, "people": 0}]));
}

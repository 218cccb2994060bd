//! What the sandbox can be asked for over HTTP.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use site::sandbox::{Fault, Injection, Options};

use crate::caller::Caller;

#[tokio::test]
async fn faults_and_records_are_reachable_over_http_too() -> Result<()> {
    let caller = Caller::new(Options::default()).await?;
    let control = |route: &str| format!("{}/__sandbox/{route}", caller.sandbox.base_url());
    let order = |body: Value| caller.http.post(control("fault")).json(&body).send();
    let wrong = order(json!({ "kind": "earthquake" })).await?;
    assert_eq!(wrong.status(), 400);
    assert!(wrong.text().await?.contains("unknown variant"));
    let strange = order(json!({ "kind": "html", "tims": 1 })).await?;
    assert_eq!(strange.status(), 400);
    assert!(strange.text().await?.contains("tims is no part of a fault"));
    for bad in [json!({ "kind": "status", "code": 99 }), json!({ "kind": "html", "percent": 101 }), json!("html")] {
        assert_eq!(order(bad).await?.status(), 400);
    }
    order(json!({ "kind": "cut", "work": "done", "times": 1, "action": "Visit" })).await?;
    order(json!({ "kind": "rate_limit", "per_second": 0 })).await?;
    assert_eq!(caller.raw("core", &json!({})).await?.status(), 429);
    order(json!({ "kind": "heal" })).await?;
    order(json!({ "kind": "expire_tokens" })).await?;
    let requests: Value = caller.http.get(control("requests")).send().await?.json().await?;
    assert_eq!((&requests[0]["action"], &requests[1]["status"]), (&json!("AccessIntegration"), &json!(429)));
    let visits: Value = caller.http.get(control("visits")).send().await?.json().await?;
    assert_eq!(visits, json!([]));

    // The answer to this order may be lost with the server it ends.
    let _ = order(json!({ "kind": "down", "for_ms": 1 })).await;
    let injection = Injection::from(Fault::Html).on("Visit");
    assert_eq!(serde_json::to_value(injection)?, json!({ "kind": "html", "times": null, "action": "Visit" }));
    Ok(())
}

#[tokio::test]
async fn people_are_introduced_and_each_one_s_story_is_read_over_http() -> Result<()> {
    let mut caller = Caller::new(Options::default()).await?;
    let control = |route: &str| format!("{}/__sandbox/{route}", caller.sandbox.base_url());
    let get = async |route: &str| anyhow::Ok(caller.http.get(control(route)).send().await?.json::<Value>().await?);
    let anna = json!({ "first_name": "Anna", "last_name": "Rossi", "birth_date": "1990-04-12", "gender": "F" });
    let mut elsewhere = anna.clone();
    (elsewhere["first_name"], elsewhere["at"]) = (json!("Bruna"), json!("elsewhere"));
    let people = json!([anna, elsewhere]);
    assert_eq!(caller.http.post(control("people")).json(&people).send().await?.status(), 200);
    let misspelt = json!([{ "firstName": "Anna" }]);
    assert_eq!(caller.http.post(control("people")).json(&misspelt).send().await?.status(), 400);
    let order = json!({ "kind": "html", "times": 1, "person": "M-2" });
    caller.http.post(control("fault")).json(&order).send().await?;
    assert_eq!(get("faults").await?[0], json!({ "kind": "html", "times": 1, "action": null, "person": "M-2" }));

    let (deeds, tally, users) = (control("deeds?person=M-1"), control("tally"), control("users?last=1"));
    caller.anna().await?;
    let get = async |url: String| anyhow::Ok(caller.http.get(url).send().await?.json::<Value>().await?);
    assert_eq!(get(deeds).await?, json!(["CreateFacilityUserFromThirdParty -> MatchFound"]));
    assert_eq!(get(tally).await?["CreateFacilityUserFromThirdParty"]["done"], 1);
    assert_eq!(get(users).await?[0]["in_club"], false);
    Ok(())
}

#[tokio::test]
async fn classes_bookings_and_webhooks_are_within_reach_over_http() -> Result<()> {
    let mut caller = Caller::new(Options::default()).await?;
    caller.anna().await?;
    let control = |route: &str| format!("{}/__sandbox/{route}", caller.sandbox.base_url());
    let post = async |route: &str, body: Value| {
        anyhow::Ok(caller.http.post(control(route)).json(&body).send().await?.status().as_u16())
    };
    let class = json!({
        "id": "c-1", "partition_date": 20_261_122, "name": "Yoga", "event_type_id": "t-1", "room": "Sala 1",
        "start_date": "2026-11-22T18:00:00", "end_date": "2026-11-22T19:00:00", "max_participants": 20,
    });
    assert_eq!(post("classes", json!([class])).await?, 200);
    assert_eq!(post("bookings", json!({ "person": "M-1", "class": "c-1", "partition_date": 20_261_122 })).await?, 200);
    assert_eq!(post("bookings", json!({ "person": "M-2", "class": "c-1", "partition_date": 20_261_122 })).await?, 400);
    let get = async |route: &str| anyhow::Ok(caller.http.get(control(route)).send().await?.json::<Value>().await?);
    assert_eq!(get("classes").await?[0]["participants"][0], json!(caller.sandbox.users()[0].user_id));
    assert_eq!(get("notices?last=1").await?[0]["body"]["event"], "Booked");

    assert_eq!(post("webhooks", json!({ "url": "http://127.0.0.1:1/", "often": true })).await?, 400);
    assert_eq!(post("webhooks", json!({ "url": "http://127.0.0.1:1/", "topics": ["unbooked"] })).await?, 200);
    let cancel = json!({ "person": "M-1", "class": "c-1", "partition_date": 20_261_122, "cancel": true });
    assert_eq!(post("bookings", cancel).await?, 200);
    caller.sandbox.wait_until(|book| !book.posts().is_empty(), Duration::from_secs(10)).await?;
    assert_eq!(get("webhooks").await?[0]["status"], Value::Null);
    Ok(())
}

//! News of Mywellness: taken from whoever proves to be it, each once, and nobody is linked by guess.

use reqwest::Method;
use serde_json::{Value, json};
use varco::domain::PersonId;
use varco::store::Link;
use varco::webhook::{Key, Signed};

use super::club::{Answer, Club, HOOK_SECRETS, anna, answer, club};

fn made(user: &str, external_id: &str) -> Value {
    json!({"facility_url": "clubmilano", "facility_user_id": user, "facility_user_externalId": external_id,
        "facility_user_status": 10, "when_utc": "2026-11-21T08:00:00Z", "by_application": "prescribe"})
}

fn now() -> i64 {
    varco::clock::Clock::system().now().wall.as_second()
}

/// Posts news as a sender that signs does.
async fn signed(club: &Club, id: &str, timestamp: i64, news: &Value) -> Answer {
    let (key, body): (Key, _) = (HOOK_SECRETS[0].parse().unwrap(), news.to_string());
    let signature = key.sign(Signed { id, timestamp, body: body.as_bytes() });
    let post = club.request("", Method::POST, "/hooks/signed").header("webhook-id", id);
    let post = post.header("webhook-timestamp", timestamp.to_string()).header("webhook-signature", signature);
    answer(post.body(body)).await
}

/// The rows that wait in the lane, or for an operator.
async fn rows(club: &Club, state: &str) -> Vec<(Value, Value)> {
    let (_, list) = club.get(&format!("/api/v1/outbox?lane=mywellness&state={state}")).await;
    list["items"].as_array().unwrap().iter().map(|row| (row["key"].clone(), row["person"].clone())).collect()
}

#[tokio::test]
async fn who_was_made_there_is_asked_for_if_known_here_and_left_to_an_operator_if_not() {
    let club = club().await;
    club.put("/api/v1/people/M-1", anna("M-1")).await;
    let told = signed(&club, "d-1", now(), &made("u-1", "M-1")).await;
    assert_eq!(told, (200, json!({"outcome": "asked"})));
    assert_eq!(rows(&club, "pending").await, [(json!("M-1"), json!("M-1"))]);
    assert_eq!(signed(&club, "d-1", now(), &made("u-1", "M-1")).await.1["outcome"], "duplicate");

    assert_eq!(signed(&club, "d-2", now(), &made("u-2", "M-2")).await.1["outcome"], "parked");
    assert_eq!(signed(&club, "d-3", now(), &made("u-3", "")).await.1["outcome"], "parked");
    assert_eq!(signed(&club, "d-4", now(), &made("u-3", "")).await.1["outcome"], "parked");
    let parked = rows(&club, "parked").await;
    assert_eq!(parked, [(json!("u-2"), Value::Null), (json!("u-3"), Value::Null)], "one note for each");

    let link = Link {
        user_id: "g-1".into(),
        facility_user_id: "u-1".into(),
        permanent_token: None,
        linked_at: "2026-11-21T08:00:00Z".parse().unwrap(),
    };
    let save = move |tx: &varco::store::Tx<'_>| tx.save_link(&"mywellness".parse().unwrap(), PersonId(1), &link);
    club.store.write("a story", save).await.unwrap();
    assert_eq!(signed(&club, "d-5", now(), &made("u-1", "M-1")).await.1["outcome"], "known");
    assert_eq!(signed(&club, "d-6", now(), &made("u-9", "M-1")).await.1["outcome"], "parked", "linked to another user");
    let mut ours = made("u-7", "M-7");
    ours["by_application"] = json!("thirdparties");
    assert_eq!(signed(&club, "d-7", now(), &ours).await.1["outcome"], "ours");
    assert_eq!(rows(&club, "pending").await.len(), 1, "nobody else was asked for");
}

#[tokio::test]
async fn news_are_taken_from_whoever_proves_to_be_the_sender_alone() {
    let club = club().await;
    let news = made("u-1", "M-1");
    let post = |path: String| club.request("", Method::POST, &path).body(news.to_string());
    assert_eq!(answer(post("/hooks/signed".into())).await.0, 401, "not signed");
    assert_eq!(signed(&club, "d-1", now() - 301, &news).await.0, 401, "signed long ago");
    let wrong = post("/hooks/signed".into()).header("webhook-id", "d-1").header("webhook-timestamp", now().to_string());
    assert_eq!(answer(wrong.header("webhook-signature", "v1,AAAA")).await.0, 401);
    let secret = HOOK_SECRETS[1];
    assert_eq!(answer(post(format!("/hooks/signed/{secret}"))).await.0, 401, "this one signs");
    assert_eq!(answer(post("/hooks/by-path/0123456789abcdef01234568".into())).await.0, 401);
    assert_eq!(answer(post("/hooks/by-path".into())).await.0, 401);
    assert_eq!(answer(post("/hooks/nowhere".into())).await.0, 401, "what is there is not told");
    assert!(rows(&club, "parked").await.is_empty());

    let path = format!("/hooks/by-path/{secret}");
    assert_eq!(answer(post(path.clone())).await, (200, json!({"outcome": "parked"})));
    assert_eq!(answer(post(path.clone())).await.1["outcome"], "duplicate", "the same body is the same delivery");
    let send = |body: Vec<u8>| answer(club.request("", Method::POST, &path).body(body));
    assert_eq!(send(br#"{"facility_url": "clubroma", "facility_user_id": "u-1"}"#.to_vec()).await.0, 422);
    assert_eq!(send(b"calendar".to_vec()).await.0, 422);
    assert_eq!(send(vec![b' '; 65 * 1024]).await.0, 413);
    assert_eq!(answer(club.request("", Method::GET, &path)).await.0, 405);

    let mut statuses = Vec::new();
    for n in 0..200 {
        statuses.push(send(format!("{{\"n\": {n}}}").into_bytes()).await.0);
    }
    assert!(statuses.contains(&429), "a flood is told to wait");
}

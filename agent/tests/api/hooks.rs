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

/// News of yoga on a day, as Mywellness may tell it. Notes on days that are over end by themselves: these are far ahead.
fn of_yoga(event: &str, day: u32, user: &str, at: Option<&str>) -> Value {
    let mut news = json!({"facility_url": "clubmilano", "event": event, "calendar_event_id": "act-7",
        "calendar_event_partition_date": day, "facility_user_id": user});
    if let Some(at) = at {
        news["when_utc"] = json!(at);
    }
    news
}

async fn hear(club: &Club, news: Value) -> Value {
    let path = format!("/hooks/classes/{}", HOOK_SECRETS[1]);
    let (status, said) = answer(club.request("", Method::POST, &path).body(news.to_string())).await;
    assert_eq!(status, 200, "{news}: {said}");
    said["outcome"].clone()
}

async fn link(club: &Club, person: i64, user: &str) {
    let link = Link {
        user_id: format!("global-{user}"),
        facility_user_id: user.into(),
        permanent_token: None,
        linked_at: "2026-11-21T08:00:00Z".parse().unwrap(),
    };
    let save = move |tx: &varco::store::Tx<'_>| tx.save_link(&"mywellness".parse().unwrap(), PersonId(person), &link);
    club.store.write("a story", save).await.unwrap();
}

/// A club with a member who is known there, and a class of an activity there.
async fn with_yoga() -> Club {
    let club = club().await;
    club.put("/api/v1/people/M-1", anna("M-1")).await;
    link(&club, 1, "u-1").await;
    let product = json!({"name": "Yoga", "opens_gate": true, "mywellness_id": "act-7"});
    assert_eq!(club.put("/api/v1/classes/products/yoga", product).await.0, 201);
    assert_eq!(class(&club, "Y-23", "2096-11-23T17:00:00Z").await, 201);
    club
}

async fn class(club: &Club, id: &str, starts_at: &str) -> u16 {
    let starts_at: jiff::Timestamp = starts_at.parse().unwrap();
    let ends_at = starts_at + jiff::SignedDuration::from_hours(1);
    let class = json!({"product": "yoga", "starts_at": starts_at, "ends_at": ends_at, "zone": "gym"});
    club.put(&format!("/api/v1/classes/{id}"), class).await.0
}

async fn booking(club: &Club, class: &str) -> Value {
    club.get(&format!("/api/v1/classes/{class}/bookings/M-1")).await.1["status"].clone()
}

#[tokio::test]
async fn a_class_booked_there_is_booked_here_until_it_is_left_there() {
    let club = with_yoga().await;
    assert_eq!(hear(&club, of_yoga("Booked", 20_961_123, "u-1", Some("2026-11-21T08:00:00Z"))).await, "booked");
    let (_, booked) = club.get("/api/v1/classes/Y-23/bookings/M-1").await;
    assert_eq!((&booked["status"], &booked["at"]), (&json!("booked"), &json!("2026-11-21T08:00:00Z")));
    assert_eq!(hear(&club, of_yoga("Booked", 20_961_123, "u-1", Some("2026-11-21T08:00:00Z"))).await, "duplicate");
    assert_eq!(hear(&club, of_yoga("Unbooked", 20_961_123, "u-1", Some("2026-11-21T08:05:00Z"))).await, "unbooked");
    assert_eq!(booking(&club, "Y-23").await, "cancelled");
    assert_eq!(hear(&club, of_yoga("Booked", 20_961_123, "u-1", Some("2026-11-21T08:04:00Z"))).await, "overtaken");
    assert_eq!(booking(&club, "Y-23").await, "cancelled", "news of before come late");
    assert_eq!(hear(&club, of_yoga("Booked", 20_961_123, "u-1", Some("2026-11-21T08:06:00Z"))).await, "booked");
    assert!(rows(&club, "parked").await.is_empty());
}

#[tokio::test]
async fn news_of_a_class_that_say_not_when_are_taken_in_the_order_in_which_they_come() {
    let club = with_yoga().await;
    for (event, outcome, status) in
        [("Booked", "booked", "booked"), ("Unbooked", "unbooked", "cancelled"), ("Booked", "booked", "booked")]
    {
        assert_eq!(hear(&club, of_yoga(event, 20_961_123, "u-1", None)).await, outcome);
        assert_eq!(booking(&club, "Y-23").await, status);
    }
}

#[tokio::test]
async fn a_class_that_is_moved_there_is_moved_here_with_its_bookings() {
    let club = with_yoga().await;
    let mut changed = of_yoga("Changed", 20_961_123, "", Some("2026-11-21T08:00:00Z"));
    changed["starts_at"] = json!("2096-11-23T19:30:00");
    assert_eq!(hear(&club, changed.clone()).await, "changed");
    let (_, class) = club.get("/api/v1/classes/Y-23").await;
    assert_eq!(
        (&class["starts_at"], &class["ends_at"]),
        (&json!("2096-11-23T18:30:00Z"), &json!("2096-11-23T19:30:00Z"))
    );
    (changed["starts_at"], changed["when_utc"]) = (json!("2096-11-23T15:00:00"), json!("2026-11-21T07:00:00Z"));
    assert_eq!(hear(&club, changed.clone()).await, "overtaken");
    (changed["starts_at"], changed["when_utc"]) = (json!("2096-11-24T19:30:00"), json!("2026-11-21T09:00:00Z"));
    assert_eq!(hear(&club, changed.clone()).await, "parked", "another day");
    changed["starts_at"] = Value::Null;
    changed["when_utc"] = json!("2026-11-21T10:00:00Z");
    assert_eq!(hear(&club, changed).await, "parked", "it does not say how");
    assert_eq!(rows(&club, "parked").await, [(json!("act-7/2096-11-23/the class"), Value::Null)], "the newest, once");
}

#[tokio::test]
async fn what_cannot_be_booked_waits_with_its_reason_until_it_can() {
    let club = with_yoga().await;
    let booked = |day, user: &str| of_yoga("Booked", day, user, Some("2026-11-21T08:00:00Z"));
    assert_eq!(hear(&club, booked(20_961_123, "u-2")).await, "parked");
    assert_eq!(hear(&club, booked(20_961_124, "u-1")).await, "parked");
    let of_u2 = (json!("act-7/2096-11-23/u-2"), Value::Null);
    let of_the_24th = (json!("act-7/2096-11-24/u-1"), json!("M-1"));
    assert_eq!(rows(&club, "parked").await, [of_u2.clone(), of_the_24th.clone()]);
    let (_, list) = club.get("/api/v1/outbox?state=parked").await;
    let why = |row: usize| list["items"][row]["last_error"].as_str().unwrap().to_owned();
    assert!(why(0).contains("linked to nobody here") && why(1).contains("no class of this activity"), "{list}");

    // The lane hears them again as soon as what they lack is there.
    club.put("/api/v1/people/M-2", json!({"external_id": "M-2", "first_name": "Bo", "last_name": "Ek"})).await;
    link(&club, 2, "u-2").await;
    assert_eq!(rows(&club, "pending").await, std::slice::from_ref(&of_u2));
    assert_eq!(class(&club, "Y-24", "2096-11-24T17:00:00Z").await, 201);
    assert_eq!(rows(&club, "pending").await, [of_u2, of_the_24th]);

    assert_eq!(class(&club, "Y-25a", "2096-11-25T08:00:00Z").await, 201);
    assert_eq!(class(&club, "Y-25b", "2096-11-25T17:00:00Z").await, 201);
    assert_eq!(hear(&club, booked(20_961_125, "u-1")).await, "parked", "which of the two, is not guessed");
}

#[tokio::test]
async fn news_that_could_be_acted_on_leave_nothing_to_do_about_older_ones() {
    let club = with_yoga().await;
    assert_eq!(hear(&club, of_yoga("Booked", 20_961_124, "u-1", None)).await, "parked");
    assert_eq!(class(&club, "Y-24", "2096-11-24T17:00:00Z").await, 201);
    assert_eq!(rows(&club, "pending").await.len(), 1, "the lane will look at it again");
    assert_eq!(hear(&club, of_yoga("Unbooked", 20_961_124, "u-1", None)).await, "unbooked");
    assert_eq!(rows(&club, "pending").await, []);
    assert_eq!(rows(&club, "suppressed").await.len(), 1);
    assert_eq!(booking(&club, "Y-24").await, "cancelled");
}

#[tokio::test]
async fn an_activity_that_no_product_is_linked_to_is_told_once_and_not_again_when_somebody_said_no() {
    let club = with_yoga().await;
    let mut news = of_yoga("Booked", 20_961_123, "u-1", None);
    news["calendar_event_id"] = json!("act-9");
    for user in ["u-1", "u-2", "u-3"] {
        news["facility_user_id"] = json!(user);
        assert_eq!(hear(&club, news.clone()).await, "unmapped");
    }
    let (_, list) = club.get("/api/v1/outbox?state=parked").await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "{list}");
    let id = &list["items"][0]["id"];
    assert_eq!(list["items"][0]["key"], "act-9");
    let discarded = club.post(&format!("/api/v1/outbox/{id}/discard"), json!({"reason": "not our class"})).await;
    assert_eq!(discarded.0, 201);
    assert_eq!(hear(&club, news).await, "unmapped");
    assert!(rows(&club, "parked").await.is_empty());
}

#[tokio::test]
async fn news_of_a_class_are_refused_where_nobody_said_how_to_read_them_or_a_value_is_missing() {
    let club = with_yoga().await;
    let send = async |hook: &str, news: &Value| {
        let path = format!("/hooks/{hook}/{}", HOOK_SECRETS[1]);
        let (status, problem) = answer(club.request("", Method::POST, &path).body(news.to_string())).await;
        (status, problem["problems"][0]["path"].clone())
    };
    let news = of_yoga("Booked", 20_961_123, "u-1", None);
    assert_eq!(send("by-path", &news).await, (422, json!("calendar_event_id")));
    for (field, value) in [
        ("event", json!("Moved")),
        ("calendar_event_partition_date", json!(7)),
        ("facility_user_id", Value::Null),
        ("when_utc", json!("soon")),
    ] {
        let mut news = news.clone();
        news[field] = value;
        assert_eq!(send("classes", &news).await, (422, json!(format!("/{field}"))));
    }
    let mut other = news;
    other["facility_url"] = json!("clubroma");
    assert_eq!(send("classes", &other).await, (422, json!("facility_url")));
}

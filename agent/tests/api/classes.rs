//! Classes over HTTP: products, classes, bookings, and who came.

use reqwest::Method;
use serde_json::{Value, json};

use super::club::{Club, anna, answer, club};

const CLASS: &str = "/api/v1/classes/Y-1";

fn evening() -> Value {
    json!({"product": "yoga", "starts_at": "2026-11-23T18:00:00Z", "ends_at": "2026-11-23T19:00:00Z", "zone": "gym"})
}

/// A club with Anna and one class of yoga.
async fn yoga_club() -> Club {
    let club = club().await;
    assert_eq!(club.put("/api/v1/people/M-1", anna("M-1")).await.0, 201);
    assert_eq!(club.put("/api/v1/classes/products/yoga", json!({"name": "Yoga", "opens_gate": true})).await.0, 201);
    assert_eq!(club.put(CLASS, evening()).await.0, 201);
    club
}

#[tokio::test]
async fn products_and_classes_are_put_read_and_replaced() {
    let club = yoga_club().await;
    let mapped = json!({"id": "yoga", "name": " Yoga ", "mywellness_id": "act-1", "late_minutes": 5});
    let (status, product) = club.put("/api/v1/classes/products/yoga", mapped).await;
    assert_eq!((status, &product["name"], &product["opens_gate"]), (200, &json!("Yoga"), &json!(false)));
    assert_eq!(club.get("/api/v1/classes/products/yoga").await.1["mywellness_id"], "act-1");
    assert_eq!(club.get("/api/v1/classes/products").await.1["items"].as_array().map(Vec::len), Some(1));
    let (status, class) = club.get(CLASS).await;
    assert_eq!(
        (status, &class["id"], &class["status"], &class["booked"]),
        (200, &json!("Y-1"), &json!("scheduled"), &json!(0))
    );
    let mut cancelled = evening();
    cancelled["status"] = json!("cancelled");
    assert_eq!(club.put(CLASS, cancelled).await.0, 200);
    let found = async |query: &str| {
        let (_, list) = club.get(&format!("/api/v1/classes?{query}")).await;
        list["items"].as_array().map(Vec::len)
    };
    assert_eq!(found("from=2026-11-23T00:00:00Z&to=2026-11-24T00:00:00Z").await, Some(1));
    assert_eq!(found("from=2026-11-24T00:00:00Z").await, Some(0));
    assert_eq!(found("product=spinning").await, Some(0));
    assert_eq!(club.get("/api/v1/classes/Y-2").await.0, 404);
    assert_eq!(club.get("/api/v1/classes/activities").await.0, 409, "there is no Mywellness to ask");
    assert_eq!(club.get("/api/v1/classes/products/judo").await.0, 404);
}

#[tokio::test]
async fn what_is_wrong_with_a_class_is_named() {
    let club = yoga_club().await;
    let path_of = async |address: &str, changes: Value| {
        let mut document = evening();
        document.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let (status, problem) = club.put(address, document).await;
        (status, problem["problems"][0]["path"].as_str().unwrap_or_default().to_owned())
    };
    let wrong = |path: &str| (422, path.to_owned());
    assert_eq!(path_of(CLASS, json!({"product": "judo"})).await, wrong("product"));
    assert_eq!(path_of(CLASS, json!({"ends_at": "2026-11-23T18:00:00Z"})).await, wrong("ends_at"));
    assert_eq!(path_of(CLASS, json!({"ends_at": "2026-11-25T18:00:00Z"})).await, wrong("ends_at"));
    assert_eq!(path_of(CLASS, json!({"id": "Y-2"})).await, wrong("id"));
    assert_eq!(path_of(CLASS, json!({"status": "maybe"})).await, wrong("status"));
    assert_eq!(path_of("/api/v1/classes/activities", json!({})).await.0, 405, "it has a meaning of its own");
    let (status, stored) = club
        .put(
            CLASS,
            json!({"product": "yoga", "starts_at": "2026-11-23T18:00:00+01:00",
        "ends_at": "2026-11-23T19:00:00+01:00", "zone": "spa"}),
        )
        .await;
    assert_eq!((status, &stored["warnings"][0]["path"]), (200, &json!("zone")), "{stored}");
    let long = json!({"name": "Yoga", "early_minutes": 721});
    assert_eq!(club.put("/api/v1/classes/products/yoga", long).await.1["problems"][0]["path"], "early_minutes");
}

#[tokio::test]
async fn a_booking_is_made_changed_and_taken_back() {
    let club = yoga_club().await;
    let booking = format!("{CLASS}/bookings/M-1");
    let (status, stored) = club.put(&booking, json!({"status": "waiting", "at": "2026-11-20T08:00:00Z"})).await;
    assert_eq!((status, &stored["status"], &stored["person"]), (201, &json!("waiting"), &json!("M-1")));
    let (status, stored) = club.put(&booking, json!({})).await;
    assert_eq!((status, &stored["status"], &stored["at"]), (200, &json!("booked"), &json!("2026-11-20T08:00:00Z")));
    assert_eq!(club.get(CLASS).await.1["booked"], 1);
    assert_eq!(club.delete(&booking).await.1["status"], "cancelled");
    assert_eq!(club.get(&booking).await.1["status"], "cancelled");
    assert_eq!(club.get(&format!("{CLASS}/bookings")).await.1["items"].as_array().map(Vec::len), Some(1));
    for nobody in ["/api/v1/classes/Y-2/bookings/M-1", "/api/v1/classes/Y-1/bookings/M-2"] {
        assert_eq!(club.put(nobody, json!({})).await.0, 404);
        assert_eq!(club.delete(nobody).await.0, 404);
    }
}

#[tokio::test]
async fn somebody_is_ticked_off_once_and_their_lane_is_told() {
    let club = yoga_club().await;
    let attendance = format!("{CLASS}/attendance");
    club.put("/api/v1/people/M-2", json!({"external_id": "M-2", "first_name": "Bea", "last_name": "Neri"})).await;
    club.put(&format!("{CLASS}/bookings/M-1"), json!({})).await;
    let by =
        async |role: &str, document: Value| answer(club.request(role, Method::POST, &attendance).json(&document)).await;
    let (status, first) = by("operator", json!({"person": "M-1"})).await;
    assert_eq!((status, &first["by"], &first["walk_in"]), (201, &json!("operator"), &json!(false)), "{first}");
    let (status, again) = by("gateway", json!({"person": "M-1"})).await;
    assert_eq!((status, &again), (200, &first));
    assert_eq!(by("gateway", json!({"person": "M-2", "walk_in": false})).await.1["problems"][0]["path"], "walk_in");
    let (status, walk_in) = by("gateway", json!({"person": "M-2"})).await;
    assert_eq!((status, &walk_in["by"], &walk_in["walk_in"]), (201, &json!("api"), &json!(true)));
    assert_eq!(by("viewer", json!({"person": "M-2"})).await.0, 403);
    assert_eq!(by("operator", json!({"person": "M-3"})).await.1["problems"][0]["path"], "person");
    assert_eq!(by("operator", json!({"person": "M-1", "at": "2099-01-01T00:00:00Z"})).await.0, 422);
    assert_eq!(club.get(&attendance).await.1["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(club.get(CLASS).await.1["attended"], 2);
    let (_, rows) = club.get("/api/v1/outbox?lane=mywellness").await;
    assert_eq!(rows["items"].as_array().map(Vec::len), Some(2), "{rows}");
    assert_eq!(rows["items"][0]["key"], first["attendance_id"]);
    let mut cancelled = evening();
    cancelled["status"] = json!("cancelled");
    club.put(CLASS, cancelled).await;
    assert_eq!(by("operator", json!({"person": "M-2"})).await.0, 409);
}

/// The rows of attendance, as an operator sees them.
async fn rows(club: &Club) -> Vec<(Value, Value)> {
    let (_, list) = club.get("/api/v1/outbox?lane=mywellness").await;
    let rows = list["items"].as_array().unwrap().iter().filter(|row| row["kind"] == "attendance");
    rows.map(|row| (row["state"].clone(), row["last_error"].clone())).collect()
}

#[tokio::test]
async fn a_tick_is_told_live_shows_its_delivery_and_is_taken_back_until_somebody_was_told() {
    let club = yoga_club().await;
    let mut events = club.events.subscribe();
    let (attendance, mine) = (format!("{CLASS}/attendance"), format!("{CLASS}/attendance/M-1"));
    let tick = async || club.post(&attendance, json!({"person": "M-1"})).await;
    let (status, first) = tick().await;
    assert_eq!(status, 201);
    let told = serde_json::to_value(events.recv().await.unwrap()).unwrap();
    assert_eq!((&told["type"], &told["change"]), (&json!("attendance"), &json!("ticked_off")));
    assert_eq!((&told["attendance_id"], &told["person"]), (&first["attendance_id"], &json!("M-1")));
    let (_, list) = club.get(&attendance).await;
    let delivery = &list["items"][0]["delivery"][0];
    assert_eq!((&delivery["lane"], &delivery["state"]), (&json!("mywellness"), &json!("pending")), "{list}");

    let (status, taken_back) = club.delete(&format!("{mine}?reason=the%20wrong%20Anna")).await;
    assert_eq!((status, &taken_back["attendance_id"]), (200, &first["attendance_id"]));
    let told = serde_json::to_value(events.recv().await.unwrap()).unwrap();
    assert_eq!((&told["change"], &told["class"]), (&json!("withdrawn"), &json!("Y-1")));
    assert_eq!(club.get(&attendance).await.1["items"], json!([]));
    assert_eq!(club.get(CLASS).await.1["attended"], 0);
    assert_eq!(rows(&club).await, [(json!("discarded"), json!("the tick was taken back"))]);
    assert_eq!(club.delete(&mine).await.0, 404, "once");
    assert_eq!(club.delete(&format!("{mine}?reason=")).await.0, 422, "a reason says something");

    // Ticked off after all, and told.
    let (status, second) = tick().await;
    assert_eq!(status, 201);
    assert_ne!(second["attendance_id"], first["attendance_id"]);
    let sent = |tx: &varco::store::Tx<'_>| {
        let (row, now) = (varco::domain::RowId(2), "2026-11-23T18:00:00Z".parse().unwrap());
        tx.settle(&[(row, varco::domain::RowOutcome::Delivered)], now)
    };
    club.store.write("a story", sent).await.unwrap();
    let (status, problem) = club.delete(&mine).await;
    assert_eq!(status, 409);
    assert!(problem["detail"].as_str().unwrap().starts_with("mywellness was told of it"), "{problem}");
    assert_eq!(club.get(CLASS).await.1["attended"], 1);
}

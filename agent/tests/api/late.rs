//! Late passages: what the desk writes down afterwards counts as if it had happened then.

use serde_json::json;

use super::club::{anna, club};

/// A moment so many minutes before now.
fn ago(minutes: i64) -> String {
    (varco::clock::Clock::system().now().wall - jiff::SignedDuration::from_mins(minutes)).to_string()
}

/// A moment so many minutes before yesterday's noon at the club: no club day begins around it.
fn before_noon(minutes: i64) -> String {
    let today = varco::clock::Clock::system().now().wall.in_tz("Europe/Rome").unwrap();
    let noon = today.yesterday().unwrap().date().at(12, 0, 0, 0).in_tz("Europe/Rome").unwrap().timestamp();
    (noon - jiff::SignedDuration::from_mins(minutes)).to_string()
}

#[tokio::test]
async fn a_late_passage_makes_the_visit_and_takes_the_entry_of_then_and_opens_nothing() {
    let club = club().await;
    let card = json!({"id": "P-1", "kind": "punch_card", "entries_left": 3, "entries_as_of": ago(60 * 24 * 7)});
    let bo = json!({"external_id": "M-1", "first_name": "Bo", "last_name": "Ek",
        "credentials": [{"value": "0415AB"}], "memberships": [card]});
    club.put("/api/v1/people/M-1", bo).await;
    let late = "/api/v1/readers/entry/passages";
    let at = before_noon(30);
    let (status, told) = club.post(late, json!({"badge": "0415ab", "at": at, "reason": "no power"})).await;
    assert_eq!((status, &told["person"], &told["outcome"]), (201, &json!("M-1"), &json!("manual")), "{told}");
    assert_eq!((&told["operator"], &told["reason"]), (&json!("admin"), &json!("no power")));
    let visit = &club.get("/api/v1/visits?person=M-1").await.1["items"][0];
    assert_eq!((&visit["id"], &visit["started_at"]), (&told["new_visit"], &told["at"]), "{visit}");
    assert_eq!((&visit["membership"], &visit["entries_taken"]), (&json!("P-1"), &json!(1)));
    assert_eq!(club.get("/api/v1/people/M-1/standing").await.1["entries_left"]["P-1"], 2);
    let passage = &club.get("/api/v1/passages?person=M-1").await.1["items"][0];
    assert_eq!((&passage["outcome"], &passage["at"]), (&json!("manual"), &told["at"]), "{passage}");

    let (status, problem) = club.post(late, json!({"person": "M-1", "at": at, "reason": "twice"})).await;
    assert_eq!(status, 409, "{problem}");
    for minutes in [40, 20] {
        let (status, told) =
            club.post(late, json!({"person": "M-1", "at": before_noon(minutes), "reason": "again"})).await;
        assert_eq!((status, &told["new_visit"]), (201, &json!(null)), "the same visit");
    }
    let (status, _) = club
        .post("/api/v1/readers/exit/passages", json!({"person": "M-1", "at": before_noon(10), "reason": "left"}))
        .await;
    assert_eq!(status, 201);
    assert_eq!(club.get("/api/v1/visits?person=M-1").await.1["items"][0]["ended"]["by"], "exit");
    assert_eq!(club.get("/api/v1/people/M-1/standing").await.1["entries_left"]["P-1"], 2);
    assert!(club.orders.lock().unwrap().is_empty(), "no gate was told anything");
}

#[tokio::test]
async fn a_late_passage_says_what_the_rules_would_have_said_and_what_is_wrong_with_it() {
    let club = club().await;
    let mut banned = anna("M-1");
    banned["ban"] = json!({"reason": "damage"});
    club.put("/api/v1/people/M-1", banned).await;
    let late = "/api/v1/readers/entry/passages";
    let (status, told) = club.post(late, json!({"person": "M-1", "at": ago(5), "reason": "slipped in"})).await;
    assert_eq!((status, &told["reasons"]), (201, &json!(["banned"])), "{told}");
    for (path, wrong) in [
        ("at", json!({"person": "M-1", "at": ago(-5), "reason": "x"})),
        ("at", json!({"person": "M-1", "at": ago(60 * 24 * 40), "reason": "x"})),
        ("reason", json!({"person": "M-1", "at": ago(1), "reason": " "})),
        ("badge", json!({"at": ago(1), "reason": "x"})),
        ("badge", json!({"badge": "FFFF", "at": ago(1), "reason": "x"})),
        ("person", json!({"person": "M-9", "at": ago(1), "reason": "x"})),
    ] {
        let (status, problem) = club.post(late, wrong).await;
        assert_eq!((status, &problem["problems"][0]["path"]), (422, &json!(path)), "{problem}");
    }
    let nowhere = club.post("/api/v1/readers/nowhere/passages", json!({"person": "M-1", "at": ago(1), "reason": "x"}));
    assert_eq!(nowhere.await.0, 404);
}

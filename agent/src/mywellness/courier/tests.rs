//! Stories about which answers are believed, against a pretended Mywellness.

use serde_json::json;

use super::super::outcome::{self, Before, Call};
use super::super::pretend::{self, Pretend, Reply};
use super::super::translate;
use super::*;
use crate::clock::Clock;

fn now() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

fn said(data: Value) -> Reply {
    Reply::Said(200, json!({ "data": data }))
}

async fn start(replies: impl IntoIterator<Item = Reply>) -> (Pretend, Client) {
    let pretend = Pretend::start().await;
    pretend.calls(replies);
    let client = Client::new(&pretend::config(&pretend.url), Clock::system()).unwrap();
    (pretend, client)
}

/// What creating Anna comes to when she is answered so.
async fn created(reply: Reply) -> Result<Creation, String> {
    let (_pretend, mut client) = start([reply]).await;
    let body = translate::create(&pretend::anna(), &pretend::rules()).unwrap();
    let permit = client.permit().await.unwrap();
    create(&mut client, permit, &body, now()).await.map_err(|error| error.to_string())
}

/// What a visit comes to when it is answered so.
async fn visited(reply: Reply) -> Result<(), String> {
    let (_pretend, mut client) = start([reply]).await;
    let permit = client.permit().await.unwrap();
    let body = VisitBody { visit_date: "2026-11-21 11:00:00 +01:00".into() };
    visit(&mut client, permit, "u-1", &body).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_created_and_a_matched_person_are_linked_by_their_ids() {
    for how in ["Created", "MatchFound"] {
        let ids = json!({"result": how, "userId": "u-1", "facilityUserId": "fu-1", "permanentToken": "pt"});
        let link = Link {
            user_id: "u-1".into(),
            facility_user_id: "fu-1".into(),
            permanent_token: Some("pt".into()),
            linked_at: now(),
        };
        assert_eq!(created(said(ids)).await, Ok(Creation::Linked { link, how: how.into() }));
    }
}

#[tokio::test]
async fn of_several_candidates_none_is_picked() {
    let several = json!({"result": "UserEmailAndDataMatchFound", "matchedUsers": [
        {"userId": "u-1", "facilityUserId": "fu-1", "email": "a***@example.org"}, {"userId": "u-2"}]});
    let candidate = |email: &str| crate::sync::Candidate {
        user_id: "u-1".into(),
        facility_user_id: "fu-1".into(),
        email: Some(email.into()),
    };
    // One without both ids cannot be chosen; it is counted all the same.
    let ambiguous = |email| Ok(Creation::Ambiguous { count: 2, candidates: vec![candidate(email)] });
    assert_eq!(created(said(several)).await, ambiguous("a***@example.org"));
    let plain = json!({"result": "UserEmailAndDataMatchFound", "matchedUsers": [
        {"userId": "u-1", "facilityUserId": "fu-1", "email": "anna@example.org"}, {"userId": "u-2"}]});
    assert_eq!(created(said(plain)).await, ambiguous("a***@example.org"), "masked here, if not there");
}

#[tokio::test]
async fn a_creation_that_cannot_be_believed_is_no_link() {
    let why = async |data: Value| created(said(data)).await.unwrap_err();
    let hostile = json!({"result": "Created", "userId": "../x", "facilityUserId": "fu-1"});
    assert_eq!(why(hostile).await, "create at Mywellness: refused: result Created without ids");
    assert_eq!(why(json!({"result": "Created"})).await, "create at Mywellness: refused: result Created without ids");
    assert_eq!(why(json!({"result": "Deferred"})).await, "create at Mywellness: refused: result Deferred");
    let nothing = "create at Mywellness: the answer cannot be understood: it names no result";
    for odd in
        [json!({}), json!(null), json!(true), json!([1]), json!({"result": 7}), json!({"result": "for Anna Rossi"})]
    {
        assert_eq!(why(odd).await, nothing);
    }
}

#[tokio::test]
async fn a_visit_is_done_only_when_the_result_says_success() {
    assert_eq!(visited(said(json!({"result": "Success"}))).await, Ok(()));
    assert_eq!(
        visited(said(json!({"result": "Error"}))).await.unwrap_err(),
        "visit at Mywellness: refused: result Error"
    );
    assert_eq!(
        visited(said(json!({}))).await.unwrap_err(),
        "visit at Mywellness: the answer cannot be understood: it names no result"
    );
    let refused = json!({"errors": [{"field": "userId", "type": "NotFound"}]});
    assert_eq!(visited(Reply::Said(200, refused)).await.unwrap_err(), "visit at Mywellness: refused: userId NotFound");
}

#[tokio::test]
async fn somebody_is_found_by_our_key_only_if_the_answer_is_about_that_key() {
    let theirs = |key: &str| said(json!({"userId": "u-1", "facilityUserId": "fu-1", "externalId": key}));
    let absent = Reply::Said(200, json!({"errors": [{"field": "externalId", "type": "NotFound"}]}));
    let unknown_action = Reply::Bytes(404, "text/html", b"<html>".to_vec());
    let (pretend, mut client) =
        start([theirs("M-1001"), theirs("M-9"), said(json!(null)), absent, unknown_action]).await;
    let mut found = async || {
        let permit = client.permit().await.unwrap();
        find(&mut client, permit, "M-1001", now()).await.unwrap().map(|link| link.user_id)
    };
    assert_eq!(found().await.as_deref(), Some("u-1"));
    for _ in 0..4 {
        assert_eq!(found().await, None);
    }
    assert_eq!(pretend.asked()[1].body, json!({"externalId": "M-1001"}));
    assert_eq!(pretend.asked()[1].path, "/clubmilano/core/facility/f-1/GetFacilityUserByExternalID");
}

#[tokio::test]
async fn a_look_up_that_fails_does_not_pass_for_nobody_found() {
    let (_pretend, mut client) = start([Reply::Cut]).await;
    let permit = client.permit().await.unwrap();
    let error = find(&mut client, permit, "M-1001", now()).await.unwrap_err();
    assert!(matches!(error, CallError::Call { action: "lookup", failure: Failure::Lost(_) }), "{error}");
}

#[tokio::test]
async fn an_update_needs_no_result_but_believes_a_bad_one() {
    let (pretend, mut client) = start([Reply::Said(200, json!({})), said(json!({"result": "Error"}))]).await;
    let body = translate::update(crate::sync::Personalia::of(&pretend::anna()));
    let permit = client.permit().await.unwrap();
    assert_eq!(update(&mut client, permit, "fu-1", &body).await, Ok(()));
    let permit = client.permit().await.unwrap();
    let error = update(&mut client, permit, "fu-1", &body).await.unwrap_err().to_string();
    assert_eq!(error, "update at Mywellness: refused: result Error");
    assert_eq!(pretend.asked()[1].path, "/clubmilano/core/facilityuser/fu-1/Update");
}

#[tokio::test]
async fn a_visit_whose_session_cannot_be_renewed_was_certainly_not_told() {
    let (pretend, mut client) = start([]).await;
    let permit = client.permit().await.unwrap();
    pretend.expire_tokens();
    pretend.logins([Reply::Cut]);
    let body = VisitBody { visit_date: "2026-11-21 11:00:00 +01:00".into() };
    let error = visit(&mut client, permit, "u-1", &body).await.unwrap_err();
    let outcome = outcome::of(&error, Call::Once(Before::Untold));
    assert!(matches!(outcome, crate::domain::RowOutcome::Later(_)), "{outcome:?}");
}

//! A photo and a badge on their way.

use super::super::super::template::{BodyTemplate, PathTemplate};
use super::super::super::{Method, Success, TemplatedAction};
use super::*;

#[tokio::test]
async fn who_is_made_known_is_given_their_photo_and_badge_as_the_club_wrote_it_down() {
    let mut club = Club::open().await;
    let action = |path: &str, body: &str| TemplatedAction {
        method: Method::Post,
        path: PathTemplate::parse(path, Placeholder::ALL).unwrap(),
        body: BodyTemplate::parse(body, Placeholder::ALL).unwrap(),
        success: Success::default(),
    };
    club.config.rules.send = vec![FactKind::Person, FactKind::Photo, FactKind::Badge];
    club.config.actions.photo =
        Some(action("core/facilityuser/{{facility_user_id}}/Photo", r#"{"jpeg": "{{photo}}"}"#));
    club.config.actions.badge = Some(action("core/facilityuser/{{facility_user_id}}/Badge", r#"{"uid": "{{badge}}"}"#));
    let person = club
        .visited(
            "M-1",
            json!({"allow_photo_publish": true, "credentials": [{"value": "CAFE01"}],
            "photo": {"taken_at": "2026-11-20T10:00:00Z", "jpeg_base64": "/9j/4A=="}}),
        )
        .await;
    // Giving is safe to repeat: a lost answer leaves no doubt.
    let refused = Reply::Said(200, json!({"errors": [{"field": "uid", "type": "Validation", "details": "too short"}]}));
    club.pretend.calls([created("u-1"), fine(), Reply::Cut, fine(), refused]);
    club.start();
    let told = club.settled().await;
    expect_test::expect![[r#"
        visit of M-1: delivered 
        person of M-1: delivered 
        photo of M-1: delivered 
        badge of M-1: parked badge at Mywellness: refused: uid Validation
    "#]]
    .assert_eq(&told);
    let order = club.asked();
    assert_eq!(order, ["CreateFacilityUserFromThirdParty", "Update", "Photo", "Photo", "Badge", "Visit"]);
    let given = club.pretend.asked().into_iter().filter(|it| it.path.ends_with("/Photo")).collect::<Vec<_>>();
    assert_eq!((given.len(), &given[1].body), (2, &json!({"jpeg": "/9j/4A=="})));
    let told = club.store.read("what was told", move |view| view.told(person)).await.unwrap();
    assert_eq!((told.photo.is_some(), told.badge), (true, None), "what was refused is not known there");
    club.stop().await;
}

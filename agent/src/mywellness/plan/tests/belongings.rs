//! What a photo and a badge ask for.

use super::super::super::actions::{Filled, Success, TemplatedAction};
use super::super::super::template::{BodyTemplate, PathTemplate, Placeholder};
use super::*;
use crate::sync::{BadgeTold, PhotoTold};

const TAKEN: &str = "2026-11-20T10:00:00Z";

fn action(path: &str, body: &str) -> TemplatedAction {
    TemplatedAction {
        method: Default::default(),
        path: PathTemplate::parse(path, Placeholder::ALL).unwrap(),
        body: BodyTemplate::parse(body, Placeholder::ALL).unwrap(),
        success: Success::default(),
    }
}

/// Anna has a photo that may be published and a card, and the club wrote down how to give both.
fn anna_with_all(kind: FactKind) -> Scene {
    let scene = scene(kind).with(|it| {
        it.config.rules.send.extend([FactKind::Photo, FactKind::Badge]);
        let body = r#"{"image": "data:{{photo_type}};base64,{{photo}}", "at": "{{photo_taken_at}}"}"#;
        it.config.actions.photo = Some(action("core/facilityuser/{{facility_user_id}}/Photo", body));
        let body = r#"{"serial": "{{badge}}", "number": {{badge}}, "kind": "{{badge_kind}}", "of": "{{external_id}}"}"#;
        it.config.actions.badge = Some(action("core/user/{{user_id}}/Badge", body));
    });
    scene.person(json!({"allow_photo_publish": true, "photo": {"taken_at": TAKEN, "jpeg_base64": "/9j/4A=="},
        "credentials": [{"value": "0415AB12CD", "kind": "wristband"}]}))
}

fn photo() -> Scene {
    anna_with_all(FactKind::Photo)
}

fn badge() -> Scene {
    anna_with_all(FactKind::Badge)
}

/// The same once both can be taken back.
fn with_way_back(scene: Scene) -> Scene {
    scene.with(|it| {
        it.config.actions.no_photo = Some(action("core/facilityuser/{{facility_user_id}}/NoPhoto", "{}"));
        it.config.actions.no_badge = Some(action("core/user/{{user_id}}/NoBadge", r#"{"serial": "{{badge}}"}"#));
        it.config.rules.takes_back = vec![FactKind::Photo, FactKind::Badge];
    })
}

/// Both were told before.
fn told(scene: Scene) -> Scene {
    scene.with(|it| {
        it.known.told.photo = Some(PhotoTold { taken_at: TAKEN.parse().ok() });
        it.known.told.badge = Some(BadgeTold { badge: Some("0415AB12CD".into()) });
    })
}

fn call(scene: &Scene) -> Filled {
    match scene.step() {
        Step::Say { call, .. } => call,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_photo_and_a_badge_are_given_as_written_down() {
    let given = call(&photo());
    assert_eq!(format!("{:?}", given.path), r#"[Text("core"), Text("facilityuser"), Text("fu-1"), Text("Photo")]"#);
    let said = json!({"image": "data:image/jpeg;base64,/9j/4A==", "at": "2026-11-20 11:00:00 +01:00"});
    assert_eq!(given.body, said);
    // Digits with a zero before them are no number: the zero counts.
    let digits = badge().person(json!({"credentials": [{"value": "0004711"}]}));
    let said = json!({"serial": "0004711", "number": "0004711", "kind": "card", "of": "M-1001"});
    assert_eq!(call(&digits).body, said);
    let back = told(with_way_back(badge().person(json!({"credentials": []}))));
    assert_eq!(call(&back).body, json!({"serial": "0415AB12CD"}), "the one that is known there");
}

#[test]
fn a_photo_that_is_no_newer_or_not_to_be_published_is_not_given() {
    let no_leave = || photo().person(json!({"allow_photo_publish": false}));
    check(
        &[
            ("never told", photo()),
            ("told", told(photo())),
            ("told, and all is asked for", told(photo()).with(|it| it.known.integration.complete = true)),
            ("withdrawn before it was sent", no_leave()),
            ("withdrawn since", told(no_leave())),
            ("withdrawn since, with a way back", told(with_way_back(no_leave()))),
            ("gone, with a way back", told(with_way_back(photo().person(json!({"photo": null}))))),
            ("not linked", photo().unlinked()),
            ("opted out", photo().person(json!({"allow_sync": false}))),
            ("activities only", photo().person(json!({"allow_activity_sync": false}))),
            ("no member", photo().members_only()),
            ("suspended", photo().with(|it| it.known.integration.state = SyncState::Suspended)),
            ("deleted", photo().with(|it| it.known.integration.approval = Approval::Withdrawn)),
            ("not sent any more", photo().with(|it| it.config.rules.send.retain(|kind| *kind != FactKind::Photo))),
            ("leads elsewhere", photo().with(|it| it.known.link.as_mut().unwrap().facility_user_id = "..".into())),
        ],
        expect![[r#"
            never told: photo: {"taken_at":"2026-11-20T10:00:00Z"}
            told: Delivered
            told, and all is asked for: photo: {"taken_at":"2026-11-20T10:00:00Z"}
            withdrawn before it was sent: Suppressed("the person has no photo that may be published")
            withdrawn since: Suppressed("the person has no photo that may be published")
            withdrawn since, with a way back: no_photo: {"taken_at":null}
            gone, with a way back: no_photo: {"taken_at":null}
            not linked: link first
            opted out: Suppressed("the person's allow_sync is off")
            activities only: photo: {"taken_at":"2026-11-20T10:00:00Z"}
            no member: Suppressed("not selected: no active subscription gives membership")
            suspended: Held(Suspension)
            deleted: Suppressed("the integration was deleted; synchronize makes it anew")
            not sent any more: Suppressed("mywellness.send names no photos")
            leads elsewhere: Never("filled in, the path of mywellness.actions.photo leads elsewhere")
        "#]],
    );
}

#[test]
fn a_badge_that_is_known_there_or_no_longer_in_use_is_not_given() {
    let lost = || badge().person(json!({"credentials": [{"value": "0415AB12CD", "status": "lost"}]}));
    let dated = |scene: Scene| {
        scene
            .person(json!({"credentials": [{"value": "B2", "valid_until": "2026-12-31T22:59:59Z"}]}))
            .with(|it| it.now.quality = ClockQuality::Untrusted)
    };
    check(
        &[
            ("never told", badge()),
            ("told", told(badge())),
            ("told, and all is asked for", told(badge()).with(|it| it.known.integration.complete = true)),
            ("another", told(badge()).person(json!({"credentials": [{"value": "B2"}]}))),
            ("lost before it was sent", lost()),
            ("lost since", told(lost())),
            ("lost since, with a way back", told(with_way_back(lost()))),
            (
                "taken back before",
                with_way_back(lost()).with(|it| it.known.told.badge = Some(BadgeTold { badge: None })),
            ),
            ("a badge with an end, by a clock that is wrong", dated(badge())),
            ("not linked", badge().unlinked()),
            ("opted out", badge().person(json!({"allow_sync": false}))),
            ("no member", badge().members_only()),
            ("suspended", badge().with(|it| it.known.integration.state = SyncState::Suspended)),
            ("not sent any more", badge().with(|it| it.config.rules.send.retain(|kind| *kind != FactKind::Badge))),
        ],
        expect![[r#"
            never told: badge: {"badge":"0415AB12CD"}
            told: Delivered
            told, and all is asked for: badge: {"badge":"0415AB12CD"}
            another: badge: {"badge":"B2"}
            lost before it was sent: Suppressed("the person has no card or wristband in use")
            lost since: Suppressed("the person has no card or wristband in use")
            lost since, with a way back: no_badge: {"badge":null}
            taken back before: Suppressed("the person has no card or wristband in use")
            a badge with an end, by a clock that is wrong: Later("the clock cannot be trusted with which badge is valid")
            not linked: link first
            opted out: Suppressed("the person's allow_sync is off")
            no member: Suppressed("not selected: no active subscription gives membership")
            suspended: Held(Suspension)
            not sent any more: Suppressed("mywellness.send names no badges")
        "#]],
    );
}

//! What the attendance of a class asks for.

use super::super::super::actions::{Method, Success, TemplatedAction};
use super::super::super::template::{BodyTemplate, PathTemplate, Placeholder};
use super::*;
use crate::mywellness::OnLostAnswer;

const CAME: &str = r#"{"attendance_id":"01932d5e-7c00-7000-8000-000000000002","class":"Y-1","product":"yoga",
    "starts_at":"2026-11-21T17:00:00Z","ends_at":"2026-11-21T18:00:00Z","person":"M-1001",
    "at":"2026-11-21T09:50:00Z","clock":"synced","by":"badge","walk_in":false,"reader":"entry-1","gate":"turnstile-1"}"#;

fn check_in() -> TemplatedAction {
    let body =
        r#"{"user": "{{user_id}}", "day": {{partition_date}}, "at": "{{attended_at}}", "handle": {{permanent_token}}}"#;
    TemplatedAction {
        method: Method::Put,
        path: PathTemplate::parse("core/calendarevent/{{activity_id}}/CheckIn", Placeholder::ALL).unwrap(),
        body: BodyTemplate::parse(body, Placeholder::ALL).unwrap(),
        success: Success::Answered,
    }
}

/// Anna came to a class whose product is linked there.
fn came() -> Scene {
    scene(FactKind::Attendance).with(|it| {
        it.row.body = CAME.into();
        it.known.activity = Some("act/1".into());
        it.config.actions.check_in = Some(check_in());
    })
}

#[test]
fn who_came_to_a_linked_class_is_checked_in_as_written_down() {
    let Step::CheckIn { call, before: Before::Untold } = came().step() else { panic!("{:?}", came().step()) };
    assert_eq!(call.method, Method::Put);
    assert_eq!(format!("{:?}", call.path), r#"[Text("core"), Text("calendarevent"), Text("act/1"), Text("CheckIn")]"#);
    let said = json!({"user": "u-1", "day": 20_261_121, "at": "2026-11-21 10:50:00 +01:00", "handle": null});
    assert_eq!(call.body, said);
}

#[test]
fn attendance_waits_for_a_mapping_then_for_a_link_and_opt_outs_win() {
    check(
        &[
            ("linked", came()),
            ("not linked", came().unlinked()),
            ("data to be told first", came().with(|it| it.known.marks_wait = true)),
            ("no activity yet", came().with(|it| it.known.activity = None)),
            ("neither", came().unlinked().with(|it| it.known.activity = None)),
            (
                "no activity, opted out",
                came().person(json!({"allow_activity_sync": false})).with(|it| it.known.activity = None),
            ),
            ("no member", came().members_only()),
            ("a member then", came().members_only().person(gold("2026-01-01", "2026-12-31"))),
            ("answer lost", came().with(|it| it.row.state = RowState::Unsure)),
            (
                "answer lost, to be parked",
                came().with(|it| {
                    it.row.state = RowState::Unsure;
                    it.config.on_lost_answer = OnLostAnswer::Park;
                }),
            ),
            ("no action any more", came().with(|it| it.config.actions.check_in = None)),
            ("unreadable", came().with(|it| it.row.body = "{}".into())),
        ],
        expect![[r#"
            linked: check in (Untold)
            not linked: link first
            data to be told first: Held(Data)
            no activity yet: Held(Mapping)
            neither: Held(Mapping)
            no activity, opted out: Suppressed("the person's allow_activity_sync is off")
            no member: Suppressed("not selected: no active subscription gives membership")
            a member then: check in (Untold)
            answer lost: check in (InDoubt)
            answer lost, to be parked: Never("the answer was lost: it may stand at Mywellness already")
            no action any more: Never("[mywellness.actions.check_in] is not configured; retry the row once it is")
            unreadable: Never("the row's attendance cannot be read")
        "#]],
    );
    let no_way = came().with(|it| it.known.activity = Some("..".into()));
    check(
        &[("an activity that leads elsewhere", no_way)],
        expect![[r#"
            an activity that leads elsewhere: Never("filled in, the path of mywellness.actions.check_in leads elsewhere")
        "#]],
    );
}

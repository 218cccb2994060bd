//! Actions of Mywellness as the club writes them down: strict, since a slip would only show at a member's check-in.

use expect_test::expect;

use super::*;
use crate::domain::FactKind;

const MYWELLNESS: &str = "[mywellness]\nfacility_url = \"club\"\napi_key_env = \"SECRET\"\nusername = \"u\"\n\
                          password_env = \"SECRET\"\nbase_url = \"http://127.0.0.1:1\"\n";

#[test]
fn a_check_in_is_read_with_its_defaults() {
    let action =
        "[mywellness.actions.check_in]\npath = \"core/x/{{activity_id}}\"\nbody = '{\"u\": \"{{user_id}}\"}'\n";
    let config = good(&format!("{SITE}{MYWELLNESS}send = [\"visits\", \"attendance\"]\n{action}"));
    let check_in = config.mywellness.and_then(|it| it.actions.check_in).expect("it was written");
    assert_eq!((check_in.method, check_in.success), (mywellness::Method::Post, mywellness::Success::default()));
    let own = format!("{action}method = \"PUT\"\nsuccess = \"status\"\n");
    let config = good(&format!("{SITE}{MYWELLNESS}send = [\"attendance\"]\n{own}"));
    let check_in = config.mywellness.and_then(|it| it.actions.check_in).expect("it was written");
    assert_eq!((check_in.method, check_in.success), (mywellness::Method::Put, mywellness::Success::Answered));
    check(
        &format!("{MYWELLNESS}{action}"),
        expect![[r#"
        warning: mywellness.send (line 4): [mywellness.actions.check_in] is never used; add "attendance" to send, or remove the table
    "#]],
    );
    check(
        &format!("{MYWELLNESS}send = [\"attendance\"]\n"),
        expect![[r#"
        mywellness.send (line 10): sending attendance needs an action that no public document describes
            write [mywellness.actions.check_in] as Technogym describes it to integrators, or remove attendance
    "#]],
    );
}

#[test]
fn a_photo_and_a_badge_are_given_and_taken_back_by_actions_of_their_own() {
    let give = r#"send = ["people", "photos", "badges"]
[mywellness.actions.photo]
path = "core/user/{{user_id}}/Photo"
body = '{"image": "{{photo}}", "type": "{{photo_type}}", "at": "{{photo_taken_at}}"}'
[mywellness.actions.badge]
path = "core/user/{{user_id}}/Badge/{{badge}}"
body = '{"type": "{{badge_kind}}"}'
"#;
    let config = good(&format!("{SITE}{MYWELLNESS}{give}")).mywellness.expect("it was written");
    assert!(config.actions.photo.is_some() && config.actions.badge.is_some());
    assert_eq!((config.rules.takes_back, config.rules.send.len()), (vec![], 3));
    let back = r#"[mywellness.actions.no_photo]
path = "core/user/{{user_id}}/Photo/Delete"
body = '{}'
[mywellness.actions.no_badge]
path = "core/user/{{user_id}}/Badge/Delete"
body = '{"serial": "{{badge}}"}'
"#;
    let config = good(&format!("{SITE}{MYWELLNESS}{give}{back}")).mywellness.expect("it was written");
    assert_eq!(config.rules.takes_back, [FactKind::Photo, FactKind::Badge]);
    check(
        &format!("{MYWELLNESS}send = [\"photos\"]\n{back}"),
        expect![[r#"
        mywellness.send (line 10): sending photos needs an action that no public document describes
            write [mywellness.actions.photo] as Technogym describes it to integrators, or remove photos
    "#]],
    );
    check(
        &format!("{MYWELLNESS}{back}"),
        expect![[r#"
        warning: mywellness.send (line 4): [mywellness.actions.no_photo] is never used; add "photos" to send, or remove the table
        warning: mywellness.send (line 4): [mywellness.actions.no_badge] is never used; add "badges" to send, or remove the table
    "#]],
    );
    let slips = r#"send = ["photos", "badges"]
[mywellness.actions.photo]
path = "core/user/{{user_id}}/Photo"
body = '{"image": "{{badge}}"}'
[mywellness.actions.badge]
path = "core/user/{{user_id}}/Badge"
body = '{"serial": "{{external_id}}"}'
[mywellness.actions.no_photo]
path = "core/user/{{user_id}}/Photo/Delete"
body = '{"image": "{{photo}}"}'
"#;
    check(
        &format!("{MYWELLNESS}{slips}"),
        expect![[r#"
        mywellness.actions.photo.body (line 13): {{badge}} is no placeholder here
            possible: facility_id, user_id, facility_user_id, permanent_token, external_id, photo, photo_type, photo_taken_at
        mywellness.actions.badge.body (line 16): {{badge}} is never said
            say it where it belongs, as in '{"badge": "{{badge}}"}'
        mywellness.actions.no_photo.body (line 19): {{photo}} is no placeholder here
            possible: facility_id, user_id, facility_user_id, permanent_token, external_id
    "#]],
    );
}

#[test]
fn what_is_wrong_with_an_action_is_told_with_its_line() {
    let action = r#"send = ["attendance"]
[mywellness.actions.check_in]
path = "/core/{{userid}}"
method = "GET"
body = '{"u": "{{facility_id}}"}'
success = { pointer = "result", equal = "Success" }
"#;
    check(
        &format!("{MYWELLNESS}{action}"),
        expect![[r#"
            mywellness.actions.check_in.path (line 12): {{userid}} is no placeholder here
                did you mean {{user_id}}?
            mywellness.actions.check_in.method (line 13): "GET" is not possible here
                possible: "POST", "PUT"
            mywellness.actions.check_in.body (line 14): {{facility_id}} is no placeholder here
                it can only be a whole part of a path, as in core/facility/{{facility_id}}/…
            mywellness.actions.check_in.success.pointer (line 15): "result" is no pointer
                write a JSON pointer, as in "/result"
            mywellness.actions.check_in.success.equal (line 15): `equal` is not a known key
                did you mean `equals`?
        "#]],
    );
    let action = r#"send = ["attendance"]
[mywellness.actions.check_in]
path = "core/../x"
body = '{"u": {{user_id}'
[mywellness.actions.chek_in]
path = "x"
"#;
    check(
        &format!("{MYWELLNESS}{action}"),
        expect![[r#"
            mywellness.actions.check_in.path (line 12): "core/../x" is no path after the facility's own part
                write parts with / between them, without one at the ends, and without ? or #
            mywellness.actions.check_in.body (line 13): {{ is not closed by }}
                close it, as in {{user_id}}
            mywellness.actions.chek_in (line 14): `chek_in` is not a known key
                did you mean `check_in`?
        "#]],
    );
    let bodies = ["{\\\"u\\\": {{user_id}}", "{\\\"token\\\": 1}"];
    for body in bodies {
        let action = format!("[mywellness.actions.check_in]\npath = \"x\"\nbody = \"{body}\"\n");
        let problems = load(&format!("{SITE}{MYWELLNESS}send = [\"attendance\"]\n{action}")).expect_err(body);
        assert_eq!(problems.all().len(), 1, "{}", told(&problems));
        assert_eq!(problems.all()[0].key, "mywellness.actions.check_in.body");
    }
}

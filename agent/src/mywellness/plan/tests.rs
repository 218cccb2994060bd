//! Stories about what a row asks for, told as one line each.

mod attendance;
mod belongings;

use std::time::Duration;

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::super::pretend;
use super::*;
use crate::domain::{LaneId, RowId, Uptime};
use crate::sync::Selection;

const TODAY: &str = "2026-11-21T10:00:00Z";

/// A row, its person, and the rules, each changed by a story.
struct Scene {
    row: OutboxRow,
    known: Known,
    config: Config,
    now: Now,
}

fn scene(kind: FactKind) -> Scene {
    let visit = json!({
        "visit_id": "01890a5d-ac96-774b-bcce-b302099a8057", "person": "M-1001", "started_at": TODAY, "reader": "entry-1",
        "gate": "turnstile-1", "zone": "gym", "club_day": "2026-11-21", "clock": "synced", "membership": "S-1",
        "entries_taken": 0,
    });
    let lane: LaneId = "mywellness".parse().unwrap();
    let body = if kind == FactKind::Visit { visit.to_string() } else { String::new() };
    let person = Some(PersonId(7));
    let wall = TODAY.parse().unwrap();
    Scene {
        row: OutboxRow {
            id: RowId(1),
            lane,
            kind,
            key: "01890a5d-ac96-774b-bcce-b302099a8057".into(),
            person,
            state: RowState::Pending,
            attempts: 0,
            failures: 0,
            body,
        },
        known: Known {
            id: PersonId(7),
            person: pretend::anna(),
            link: Some(Link {
                user_id: "u-1".into(),
                facility_user_id: "fu-1".into(),
                permanent_token: None,
                linked_at: wall,
            }),
            integration: Integration {
                state: SyncState::New,
                cause: None,
                reason: None,
                since: wall,
                approval: Approval::None,
                complete: false,
            },
            told: Told::default(),
            activity: None,
            marks_wait: false,
        },
        config: pretend::config("http://127.0.0.1:1"),
        now: Now { wall, quality: ClockQuality::Synced, uptime: Uptime(Duration::from_secs(60)) },
    }
}

impl Scene {
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Changes fields of the person's document.
    fn person(self, changes: Value) -> Self {
        self.with(|it| {
            let mut document = serde_json::to_value(&it.known.person).unwrap();
            document.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            it.known.person = serde_json::from_value(document).unwrap();
        })
    }

    fn unlinked(self) -> Self {
        self.with(|it| it.known.link = None)
    }

    fn members_only(self) -> Self {
        self.with(|it| it.config.rules.selection = Selection::Members)
    }

    fn step(&self) -> Step {
        let rome = TimeZone::get("Europe/Rome").unwrap();
        plan(&self.row, &self.known, &Rules { config: &self.config, timezone: &rome }, self.now)
    }
}

/// One line a scene: the step, without the bodies that `translate` is tested for.
fn check(scenes: &[(&str, Scene)], expected: Expect) {
    let line = |(name, scene): &(&str, Scene)| {
        let step = match scene.step() {
            Step::Settle(outcome, _) => format!("{outcome:?}"),
            Step::LinkFirst => "link first".into(),
            Step::NeverLink(why) => format!("never link: {why}"),
            Step::Visit { user, body, before } => format!("visit {user} at {} ({before:?})", body.visit_date),
            Step::CheckIn { before, .. } => format!("check in ({before:?})"),
            Step::Create { body, before } => format!("create {} ({before:?})", body.external_id),
            Step::Update { facility_user, body, .. } => {
                let what = body.groups.map_or("personalia".into(), |groups| format!("groups {groups:?}"));
                format!("update {facility_user} with {what}")
            }
            Step::SaveMembership { facility_user, bodies, .. } => {
                let steps: Vec<_> = bodies.iter().map(|body| body.operation).collect();
                format!("{} {facility_user}", steps.join(", "))
            }
            Step::Say { action, told, .. } => format!("{action}: {told}"),
            Step::Delete { facility_user } => format!("delete {facility_user}"),
            Step::DeleteWhoever { external_id } => format!("delete whoever is {external_id}"),
        };
        format!("{name}: {step}\n")
    };
    expected.assert_eq(&scenes.iter().map(line).collect::<String>());
}

/// A membership over these days.
fn gold(from: &str, to: &str) -> Value {
    json!({"memberships": [{"id": "S-1", "kind": "subscription", "gives_membership": true, "starts_on": from, "ends_on": to}]})
}

#[test]
fn a_visit_is_told_to_who_is_known_and_waits_for_who_is_not() {
    let visit = || scene(FactKind::Visit);
    check(
        &[
            ("linked", visit()),
            ("not linked", visit().unlinked()),
            ("data to be told first", visit().with(|it| it.known.marks_wait = true)),
            ("data to be told first, not linked", visit().unlinked().with(|it| it.known.marks_wait = true)),
            ("not linked, operator mode", visit().unlinked().with(|it| it.config.rules.mode = Mode::Operator)),
            ("not linked, people not sent", visit().unlinked().with(|it| it.config.rules.send = vec![FactKind::Visit])),
            ("sent before, answer lost", visit().with(|it| it.row.state = RowState::Unsure)),
            ("in flight when the agent died", visit().with(|it| it.row.state = RowState::InFlight)),
            (
                "answer lost, the club parks those",
                visit().with(|it| {
                    (it.row.state, it.config.on_lost_answer) = (RowState::Unsure, OnLostAnswer::Park);
                }),
            ),
            ("put off before", visit().with(|it| it.row.attempts = 9)),
            ("unreadable", visit().with(|it| it.row.body = "{".into())),
        ],
        expect![[r#"
            linked: visit u-1 at 2026-11-21 11:00:00 +01:00 (Untold)
            not linked: link first
            data to be told first: Held(Data)
            data to be told first, not linked: link first
            not linked, operator mode: Held(Approval)
            not linked, people not sent: Held(Link)
            sent before, answer lost: visit u-1 at 2026-11-21 11:00:00 +01:00 (InDoubt)
            in flight when the agent died: visit u-1 at 2026-11-21 11:00:00 +01:00 (InDoubt)
            answer lost, the club parks those: Never("the answer was lost: it may stand at Mywellness already")
            put off before: visit u-1 at 2026-11-21 11:00:00 +01:00 (Untold)
            unreadable: Never("the row's visit cannot be read")
        "#]],
    );
}

#[test]
fn the_members_own_no_wins_over_everything() {
    let visit = || scene(FactKind::Visit);
    check(
        &[
            ("no activities", visit().person(json!({"allow_activity_sync": false}))),
            ("no sync", visit().person(json!({"allow_sync": false}))),
            ("no sync, not linked", visit().person(json!({"allow_sync": false})).unlinked()),
            (
                "no sync, in doubt",
                visit().person(json!({"allow_sync": false})).with(|it| it.row.state = RowState::Unsure),
            ),
            ("no sync, person", scene(FactKind::Person).person(json!({"allow_sync": false}))),
            ("no sync, new person", scene(FactKind::Person).person(json!({"allow_sync": false})).unlinked()),
            ("no activities, person", scene(FactKind::Person).person(json!({"allow_activity_sync": false}))),
            ("no sync, membership", scene(FactKind::Membership).person(json!({"allow_sync": false}))),
            ("no sync, groups", scene(FactKind::Groups).person(json!({"allow_sync": false}))),
        ],
        expect![[r#"
            no activities: Suppressed("the person's allow_activity_sync is off")
            no sync: Suppressed("the person's allow_sync is off")
            no sync, not linked: Suppressed("the person's allow_sync is off")
            no sync, in doubt: Suppressed("the person's allow_sync is off")
            no sync, person: Suppressed("the person's allow_sync is off")
            no sync, new person: never link: the person's allow_sync is off
            no activities, person: update fu-1 with personalia
            no sync, membership: Suppressed("the person's allow_sync is off")
            no sync, groups: Suppressed("the person's allow_sync is off")
        "#]],
    );
}

#[test]
fn visits_of_who_was_a_member_on_that_day_are_told_weeks_later() {
    let left_yesterday = || scene(FactKind::Visit).members_only().person(gold("2026-01-01", "2026-11-20"));
    let came = |scene: Scene, at: &str| scene.with(|it| it.row.body = it.row.body.replace(TODAY, at));
    check(
        &[
            ("member today", scene(FactKind::Visit).members_only().person(gold("2026-01-01", "2026-11-21"))),
            ("member on the day of the visit", came(left_yesterday(), "2026-11-20T20:00:00Z")),
            ("no member on either day", left_yesterday()),
            ("member then, not linked", came(left_yesterday(), "2026-11-20T20:00:00Z").unlinked()),
            (
                "member today, not linked",
                scene(FactKind::Visit).members_only().person(gold("2026-01-01", "2026-11-21")).unlinked(),
            ),
        ],
        expect![[r#"
            member today: visit u-1 at 2026-11-21 11:00:00 +01:00 (Untold)
            member on the day of the visit: visit u-1 at 2026-11-20 21:00:00 +01:00 (Untold)
            no member on either day: Suppressed("not selected: no active subscription gives membership")
            member then, not linked: Suppressed("not selected: no active subscription gives membership")
            member today, not linked: link first
        "#]],
    );
}

#[test]
fn a_clock_that_is_certainly_wrong_suppresses_nobody() {
    let wrong = |scene: Scene| scene.with(|it| it.now.quality = ClockQuality::Untrusted);
    let no_member = |kind| scene(kind).members_only().person(gold("2026-12-01", "2026-12-31"));
    check(
        &[
            ("visit", wrong(no_member(FactKind::Visit))),
            ("new person", wrong(no_member(FactKind::Person)).unlinked()),
            ("whatever the day", wrong(scene(FactKind::Visit).person(json!({"allow_sync": false})))),
        ],
        expect![[r#"
            visit: Later("the clock cannot be trusted with who is a member")
            new person: Later("the clock cannot be trusted with who is a member")
            whatever the day: Suppressed("the person's allow_sync is off")
        "#]],
    );
}

#[test]
fn a_person_is_created_when_complete_updated_when_known_and_never_sent_when_something_is_missing() {
    let person = || scene(FactKind::Person);
    check(
        &[
            ("linked", person()),
            ("not linked", person().unlinked()),
            ("not linked, answer lost", person().unlinked().with(|it| it.row.state = RowState::Unsure)),
            ("incomplete", person().unlinked().person(json!({"email": null, "birth_date": null}))),
            ("incomplete but known", person().person(json!({"email": null, "birth_date": null}))),
            ("no member", person().unlinked().members_only()),
            ("no member any more", person().members_only()),
        ],
        expect![[r#"
            linked: update fu-1 with personalia
            not linked: create M-1001 (Untold)
            not linked, answer lost: create M-1001 (InDoubt)
            incomplete: Never("required by Mywellness and missing: birth_date, email")
            incomplete but known: update fu-1 with personalia
            no member: never link: not selected: no active subscription gives membership
            no member any more: Suppressed("not selected: no active subscription gives membership")
        "#]],
    );
}

#[test]
fn memberships_and_groups_follow_the_link_and_the_end_of_a_membership_is_told() {
    let mapped = |scene: Scene| scene.with(|it| it.config.rules.group_ids = [("Gold".to_owned(), 12)].into());
    let groups = || mapped(scene(FactKind::Groups).person(json!({"groups": ["Gold", "Choir"]})));
    let membership = || scene(FactKind::Membership).members_only();
    check(
        &[
            ("member", membership().person(gold("2026-01-01", "2026-12-31"))),
            ("ended", membership().person(gold("2026-01-01", "2026-11-20"))),
            ("never a member", membership()),
            ("member, not linked", membership().person(gold("2026-01-01", "2026-12-31")).unlinked()),
            ("ended, not linked", membership().person(gold("2026-01-01", "2026-11-20")).unlinked()),
            ("groups", groups()),
            ("groups, not linked", groups().unlinked()),
            ("groups, none mapped", scene(FactKind::Groups)),
            ("a passage", scene(FactKind::Passage)),
        ],
        expect![[r#"
            member: Subscribe fu-1
            ended: UnSubscribe fu-1
            never a member: Suppressed("no subscription of the person gives membership")
            member, not linked: link first
            ended, not linked: Suppressed("not selected: no active subscription gives membership")
            groups: update fu-1 with groups [12]
            groups, not linked: link first
            groups, none mapped: Suppressed("mywellness.group_ids maps no group, or group_master is off")
            a passage: Suppressed("Mywellness is not told of this kind of fact")
        "#]],
    );
}

#[test]
fn an_operators_word_stands_before_the_selection_and_after_the_members_own() {
    let kinds = [FactKind::Visit, FactKind::Person, FactKind::Membership];
    let stories: [(&str, SyncState, Approval); 4] = [
        ("suspended", SyncState::Suspended, Approval::Given),
        ("to be deleted", SyncState::ToDelete, Approval::Withdrawn),
        ("deleted", SyncState::New, Approval::Withdrawn),
        ("in error", SyncState::InError, Approval::Given),
    ];
    let mut scenes = Vec::new();
    for (name, state, approval) in stories {
        for kind in kinds {
            let it = scene(kind).person(gold("2026-01-01", "2026-12-31"));
            scenes.push((
                name,
                it.with(|it| (it.known.integration.state, it.known.integration.approval) = (state, approval)),
            ));
        }
    }
    let suspended = |it: &mut Scene| it.known.integration.state = SyncState::Suspended;
    scenes.push(("suspended, no sync", scene(FactKind::Visit).person(json!({"allow_sync": false})).with(suspended)));
    let operator = |it: &mut Scene| it.config.rules.mode = Mode::Operator;
    scenes.push(("not approved", scene(FactKind::Person).unlinked().with(operator)));
    scenes.push((
        "not approved, incomplete",
        scene(FactKind::Person).unlinked().person(json!({"email": null})).with(operator),
    ));
    check(
        &scenes,
        expect![[r#"
            suspended: Held(Suspension)
            suspended: Held(Suspension)
            suspended: Held(Suspension)
            to be deleted: Suppressed("the integration was deleted; synchronize makes it anew")
            to be deleted: Suppressed("the integration was deleted; synchronize makes it anew")
            to be deleted: Suppressed("the integration was deleted; synchronize makes it anew")
            deleted: Suppressed("the integration was deleted; synchronize makes it anew")
            deleted: Suppressed("the integration was deleted; synchronize makes it anew")
            deleted: Suppressed("the integration was deleted; synchronize makes it anew")
            in error: visit u-1 at 2026-11-21 11:00:00 +01:00 (Untold)
            in error: update fu-1 with personalia
            in error: Subscribe fu-1
            suspended, no sync: Suppressed("the person's allow_sync is off")
            not approved: Held(Approval)
            not approved, incomplete: Held(Approval)
        "#]],
    );
}

#[test]
fn only_what_differs_from_what_was_told_is_sent_unless_all_is_asked_for() {
    let told = |scene: Scene| {
        scene.person(gold("2026-01-01", "2026-12-31")).with(|it| {
            let today = jiff::civil::date(2026, 11, 21);
            it.known.told.person = Some(Personalia::of(&it.known.person));
            it.known.told.membership = sync::membership(&it.known.person, None, today);
        })
    };
    let complete = |scene: Scene| scene.with(|it| it.known.integration.complete = true);
    let frozen = json!({"memberships": [{"id": "S-1", "kind": "subscription", "gives_membership": true,
        "starts_on": "2026-01-01", "ends_on": "2027-06-30", "frozen": {}, "auto_renew": true}]});
    check(
        &[
            ("person", told(scene(FactKind::Person))),
            ("person, complete", complete(told(scene(FactKind::Person)))),
            ("membership", told(scene(FactKind::Membership))),
            ("membership, complete", complete(told(scene(FactKind::Membership)))),
            ("frozen and longer", told(scene(FactKind::Membership)).person(frozen.clone())),
            ("frozen, never told", scene(FactKind::Membership).person(frozen)),
            ("gone", told(scene(FactKind::Membership)).person(json!({"memberships": []}))),
        ],
        expect![[r#"
            person: Delivered
            person, complete: update fu-1 with personalia
            membership: Delivered
            membership, complete: Update fu-1
            frozen and longer: Renew, Froze fu-1
            frozen, never told: Subscribe, Froze fu-1
            gone: UnSubscribe fu-1
        "#]],
    );
    let moved = told(scene(FactKind::Person)).person(json!({"mobile": "+39 333 7654321"}));
    let Step::Update { body, .. } = moved.step() else { panic!("an update") };
    assert_eq!(serde_json::to_value(body).unwrap(), json!({"mobilePhoneNumber": "+39 333 7654321"}));
}

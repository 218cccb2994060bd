//! Rule 7: which membership lets a person in, and what the others are said to lack.

use super::*;

#[test]
fn a_visit_that_was_begun_by_hand_gives_no_right_by_itself() {
    let visit_by_hand = |memberships: Vec<Membership>| {
        move |it: &mut Scene| {
            it.standing.visit = Some(visit_since("2026-03-10T08:00", None));
            it.standing.person.memberships = memberships;
        }
    };
    check(
        "entry",
        visit_by_hand(vec![]),
        expect![[r#"
        In: Deny | Reason(NoEntitlement)
        Block no_entitlement: no memberships"#]],
    );
    check(
        "entry",
        visit_by_hand(vec![punch_card("P-1", 3)]),
        expect![[r#"
        In: Deny | Reason(NoEntitlement)
        Block no_entitlement: an entry is taken when a visit begins, and this one began by hand"#]],
    );
    check(
        "entry",
        visit_by_hand(vec![subscription("S-1")]),
        expect!["In: Member using S-1 Subscription, entering gym | Welcome"],
    );
}

#[test]
fn a_re_entry_continues_the_visit_even_if_the_membership_ran_out_meanwhile() {
    check(
        "entry",
        |it| {
            it.standing.visit = Some(visit_since("2026-03-10T08:00", Some("P-1")));
            it.standing.person.memberships = vec![punch_card("P-1", 0)];
        },
        expect!["In: Member using P-1 Visit, entering gym | Welcome"],
    );
}

#[test]
fn a_frozen_membership_stops_a_re_entry_and_another_may_step_in() {
    let frozen = |id: &str| Membership { frozen: Some(Frozen { from: None, until: None }), ..subscription(id) };
    check(
        "entry",
        |it| {
            it.standing.visit = Some(visit_since("2026-03-10T08:00", Some("S-1")));
            it.standing.person.memberships = vec![frozen("S-1"), punch_card("P-1", 5)];
        },
        expect![[r#"
            In: Deny | Reason(MembershipFrozen)
            Note membership_frozen: S-1
            Block membership_frozen: S-1"#]],
    );
    check(
        "entry",
        |it| {
            it.standing.visit = Some(visit_since("2026-03-10T08:00", Some("S-1")));
            it.standing.person.memberships = vec![frozen("S-1"), subscription("S-2")];
        },
        expect![[r#"
            In: Member using S-2 Subscription, entering gym | Welcome
            Note membership_frozen: S-1"#]],
    );
}

#[test]
fn every_reason_against_a_subscription_is_told() {
    let with = |change: fn(Membership) -> Membership| {
        move |it: &mut Scene| {
            it.standing.person.memberships = vec![change(subscription("S-1"))];
        }
    };
    check(
        "entry",
        |it| it.standing.person.memberships.clear(),
        expect![[r#"
        In: Deny | Reason(NoEntitlement)
        Block no_entitlement: no memberships"#]],
    );
    check(
        "entry",
        with(|it| Membership { ended: true, ..it }),
        expect![[r#"
        In: Deny | Reason(MembershipEnded)
        Note membership_ended: S-1
        Block membership_ended: S-1"#]],
    );
    check(
        "entry",
        with(|it| Membership { starts_on: Some(date(2026, 3, 11)), ..it }),
        expect![[r#"
        In: Deny | Reason(MembershipNotStarted)
        Note membership_not_started: S-1
        Block membership_not_started: S-1"#]],
    );
    check(
        "entry",
        with(|it| Membership { ends_on: Some(date(2026, 3, 9)), ..it }),
        expect![[r#"
        In: Deny | Reason(MembershipExpired)
        Note membership_expired: S-1
        Block membership_expired: S-1"#]],
    );
    check(
        "entry",
        with(|it| Membership { charged_until: Some(date(2026, 3, 9)), ..it }),
        expect![[r#"
        In: Deny | Reason(MembershipNotCharged)
        Note membership_not_charged: S-1
        Block membership_not_charged: S-1"#]],
    );
    check(
        "entry",
        with(|it| Membership { zones: vec!["pool".parse().unwrap()], ..it }),
        expect![[r#"
        In: Deny | Reason(WrongZone)
        Note wrong_zone: S-1
        Block wrong_zone: S-1"#]],
    );
    check(
        "entry",
        with(|it| Membership { hours: days("sat,sun"), ..it }),
        expect![[r#"
        In: Deny | Reason(OutsideHours)
        Note outside_hours: S-1
        Block outside_hours: S-1"#]],
    );
}

#[test]
fn what_does_not_speak_against_a_subscription() {
    for serves in [
        Membership { starts_on: Some(date(2026, 3, 10)), ends_on: Some(date(2026, 3, 10)), ..subscription("S-1") },
        Membership { charged_until: Some(date(2026, 3, 9)), auto_renew: true, ..subscription("S-1") },
        Membership { charged_until: Some(date(2026, 3, 10)), ..subscription("S-1") },
        Membership { zones: vec!["club".parse().unwrap()], ..subscription("S-1") },
        Membership { hours: days("mon-fri"), ..subscription("S-1") },
        Membership { frozen: Some(Frozen { from: Some(date(2026, 3, 11)), until: None }), ..subscription("S-1") },
        Membership { frozen: Some(Frozen { from: None, until: Some(date(2026, 3, 9)) }), ..subscription("S-1") },
    ] {
        let mut scene = Scene::at("entry");
        scene.standing.person.memberships = vec![serves.clone()];
        assert!(scene.decide().grant().is_some(), "{serves:?}");
    }
}

#[test]
fn the_most_telling_reason_is_that_of_the_membership_nearest_to_serving() {
    check(
        "entry",
        |it| {
            it.standing.person.memberships = vec![
                Membership {
                    ends_on: Some(date(2025, 12, 31)),
                    zones: vec!["pool".parse().unwrap()],
                    ..subscription("S-1")
                },
                Membership {
                    frozen: Some(Frozen { from: Some(date(2026, 3, 1)), until: None }),
                    ..subscription("S-2")
                },
            ];
        },
        expect![[r#"
            In: Deny | Reason(MembershipFrozen)
            Note membership_frozen: S-2
            Note membership_expired: S-1
            Note wrong_zone: S-1
            Block membership_frozen: S-2"#]],
    );
}

#[test]
fn subscriptions_serve_before_punch_cards_and_cards_by_their_expiry() {
    check(
        "entry",
        |it| {
            it.standing.person.memberships = vec![punch_card("P-1", 5), subscription("S-1")];
        },
        expect!["In: Member using S-1 Subscription, entering gym | Welcome"],
    );
    check(
        "entry",
        |it| {
            it.standing.person.memberships = vec![
                punch_card("P-1", 5),
                Membership { ends_on: Some(date(2026, 12, 31)), ..punch_card("P-2", 5) },
                Membership { ends_on: Some(date(2026, 6, 30)), ..punch_card("P-3", 5) },
                Membership { ends_on: Some(date(2026, 5, 31)), ..punch_card("P-4", 0) },
            ];
        },
        expect![[r#"
            In: Member using P-3 PunchCard, entering gym | Welcome
            Note no_entries_left: P-4"#]],
    );
}

#[test]
fn consumed_and_reserved_entries_are_gone() {
    let card: MembershipId = "P-1".parse().unwrap();
    let two_left_of = |entries: Option<u32>| {
        move |it: &mut Scene| {
            it.standing.person.memberships = vec![Membership { entries_left: entries, ..punch_card("P-1", 0) }];
            it.standing.consumed.insert(card.clone(), 1);
            let entitlement = Entitlement { title: Title::Membership(card.clone()), kind: EntitlementKind::PunchCard };
            let grant = Grant { kind: GrantKind::Member, entitlement: Some(entitlement), enters: None };
            it.reserved.reserve(passage(1), Some(PersonId(1)), &grant);
        }
    };
    check("entry", two_left_of.clone()(Some(3)), expect!["In: Member using P-1 PunchCard, entering gym | Welcome"]);
    check(
        "entry",
        two_left_of.clone()(Some(2)),
        expect![[r#"
        In: Deny | Reason(NoEntriesLeft)
        Note no_entries_left: P-1
        Block no_entries_left: P-1"#]],
    );
    check(
        "entry",
        two_left_of(None),
        expect![[r#"
        In: Deny | Reason(EntriesUnknown)
        Note entries_unknown: P-1
        Block entries_unknown: P-1"#]],
    );
}

#[test]
fn the_last_day_of_a_membership_ends_at_midnight_of_the_club() {
    let until_the_10th = |at: &'static str| {
        move |it: &mut Scene| {
            it.now = rome(at);
            it.standing.person.memberships =
                vec![Membership { ends_on: Some(date(2026, 3, 10)), ..subscription("S-1") }];
        }
    };
    check(
        "entry",
        until_the_10th("2026-03-10T23:59"),
        expect!["In: Member using S-1 Subscription, entering gym | Welcome"],
    );
    // Still the 10th in UTC, and still the same club day.
    check(
        "entry",
        until_the_10th("2026-03-11T00:30"),
        expect![[r#"
        In: Deny | Reason(MembershipExpired)
        Note membership_expired: S-1
        Block membership_expired: S-1"#]],
    );
}

#[test]
fn a_reader_without_a_zone_leads_to_none_that_could_be_wrong() {
    check(
        "entry",
        |it| {
            it.reader.zone = None;
            it.standing.person.memberships =
                vec![Membership { zones: vec!["pool".parse().unwrap()], ..subscription("S-1") }];
        },
        expect!["In: Member using S-1 Subscription, entering - | Welcome"],
    );
}

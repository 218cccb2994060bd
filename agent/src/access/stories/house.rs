//! Rules 8 to 11: conditions, capacity, CRM, and what is said when several speak.

use super::*;

#[test]
fn conditions_are_off_warned_or_block_and_an_unknown_date_fails() {
    let fee = |level, until| {
        move |it: &mut Scene| {
            it.policy.fee = level;
            it.standing.person.fee_valid_until = until;
        }
    };
    check("entry", fee(Level::Off, None), expect!["In: Member using S-1 Subscription, entering gym | Welcome"]);
    check(
        "entry",
        fee(Level::Warn, None),
        expect![[r#"
        In: Member using S-1 Subscription, entering gym | Reason(FeeMissing)
        Warn fee_missing: not known to be paid"#]],
    );
    check(
        "entry",
        fee(Level::Block, Some(date(2026, 3, 9))),
        expect![[r#"
        In: Deny | Reason(FeeExpired)
        Block fee_expired: paid until 2026-03-09"#]],
    );
    check(
        "entry",
        fee(Level::Block, Some(date(2026, 3, 10))),
        expect!["In: Member using S-1 Subscription, entering gym | Welcome"],
    );
}

#[test]
fn an_expired_certificate_is_not_a_missing_one() {
    let certificate = |level, missing, until| {
        move |it: &mut Scene| {
            it.policy.certificate = CertificateRule { level, missing };
            it.standing.person.certificate_valid_until = until;
        }
    };
    check(
        "entry",
        certificate(Level::Block, Level::Warn, Some(date(2026, 3, 9))),
        expect![[r#"
        In: Deny | Reason(CertificateExpired)
        Block certificate_expired: valid until 2026-03-09"#]],
    );
    check(
        "entry",
        certificate(Level::Block, Level::Warn, None),
        expect![[r#"
        In: Member using S-1 Subscription, entering gym | Reason(CertificateMissing)
        Warn certificate_missing: not known"#]],
    );
    check(
        "entry",
        certificate(Level::Off, Level::Block, None),
        expect!["In: Member using S-1 Subscription, entering gym | Welcome"],
    );
}

#[test]
fn dues_open_within_their_grace_and_exempt_ones_always() {
    let due = |due_on, exempt| {
        move |it: &mut Scene| {
            it.policy.dues = DuesRule { level: Level::Block, grace_days: 10 };
            it.standing.person.dues = vec![Due { id: "F-77".into(), due_on, exempt }];
        }
    };
    check(
        "entry",
        due(Some(date(2026, 2, 28)), false),
        expect!["In: Member using S-1 Subscription, entering gym | Welcome"],
    );
    check(
        "entry",
        due(Some(date(2026, 2, 27)), false),
        expect![[r#"
        In: Deny | Reason(DuesOverdue)
        Block dues_overdue: due F-77 and 0 more"#]],
    );
    check(
        "entry",
        due(Some(date(2020, 1, 1)), true),
        expect!["In: Member using S-1 Subscription, entering gym | Welcome"],
    );
    check(
        "entry",
        due(None, false),
        expect![[r#"
        In: Deny | Reason(DuesOverdue)
        Block dues_overdue: due F-77 and 0 more"#]],
    );
    check(
        "entry",
        |it| {
            due(None, false)(it);
            it.policy.dues.level = Level::Warn;
        },
        expect![[r#"
            In: Member using S-1 Subscription, entering gym | Welcome
            Warn dues_overdue: due F-77 and 0 more"#]],
    );
}

#[test]
fn a_full_zone_refuses_with_all_that_are_inside_and_coming() {
    let full = |it: &mut Scene| {
        it.policy.zones.get_mut("club").unwrap().capacity = Some(10);
        it.standing.occupancy = [("gym", 5), ("pool", 4)].map(|(zone, people)| (zone.parse().unwrap(), people)).into();
        let coming = Grant { kind: GrantKind::Member, entitlement: None, enters: Some("pool".parse().unwrap()) };
        it.reserved.reserve(passage(1), Some(PersonId(2)), &coming);
        it.reserved.reserve(passage(2), Some(PersonId(2)), &coming);
    };
    check(
        "entry",
        full,
        expect![[r#"
        In: Deny | Reason(ZoneFull)
        Block zone_full: zone club: 9 and 1 coming of 10"#]],
    );
    check(
        "entry",
        |it| {
            full(it);
            it.reserved.release(passage(1));
            it.reserved.release(passage(2));
        },
        expect!["In: Member using S-1 Subscription, entering gym | Welcome"],
    );
    check(
        "entry",
        |it| {
            full(it);
            it.standing.visit = Some(visit_since("2026-03-10T08:00", Some("S-1")));
        },
        expect!["In: Member using S-1 Visit, entering gym | Welcome"],
    );
}

#[test]
fn a_full_pool_refuses_who_comes_from_the_gym_and_the_full_gym_does_not() {
    check(
        "pool",
        |it| {
            it.policy.zones.get_mut("gym").unwrap().capacity = Some(5);
            it.policy.zones.get_mut("pool").unwrap().capacity = Some(2);
            it.standing.visit = Some(visit_since("2026-03-10T08:00", Some("S-1")));
            it.standing.presence = Some(presence_in("gym", "2026-03-10T08:00"));
            it.standing.occupancy =
                [("gym", 3), ("pool", 2)].map(|(zone, people)| (zone.parse().unwrap(), people)).into();
        },
        expect![[r#"
            Inner: Deny | Reason(ZoneFull)
            Block zone_full: zone pool: 2 and 0 coming of 2"#]],
    );
}

#[test]
fn crm_blocks_with_its_own_message_or_with_a_general_text() {
    check(
        "entry",
        |it| {
            it.standing.actions = vec![
                action(1, AccessAction::Message, Some("Your towel is ready")),
                action(2, AccessAction::MessageAndBlock, Some("Ask Sara at the desk")),
            ];
        },
        expect![[r#"
            In: Deny | "Ask Sara at the desk", "Your towel is ready"
            Block crm_block: action 00000000-0000-0000-0000-000000000002
            Warn crm_message: action 00000000-0000-0000-0000-000000000001"#]],
    );
    check(
        "entry",
        |it| {
            it.reader.display = Display::None;
            it.standing.actions = vec![action(2, AccessAction::MessageAndBlock, Some("Ask Sara at the desk"))];
        },
        expect![[r#"
            In: Deny | Reason(CrmBlock)
            Block crm_block: action 00000000-0000-0000-0000-000000000002"#]],
    );
}

#[test]
fn a_crm_message_greets_who_comes_in_and_who_leaves() {
    let message = |it: &mut Scene| it.standing.actions = vec![action(1, AccessAction::Message, Some("Happy birthday"))];
    check(
        "entry",
        message,
        expect![[r#"
        In: Member using S-1 Subscription, entering gym | "Happy birthday"
        Warn crm_message: action 00000000-0000-0000-0000-000000000001"#]],
    );
    check(
        "exit",
        message,
        expect![[r#"
        Out: Exit using nothing, entering - | "Happy birthday"
        Warn crm_message: action 00000000-0000-0000-0000-000000000001"#]],
    );
}

#[test]
fn the_first_reason_in_the_order_of_the_rules_is_shown_and_all_are_kept() {
    check(
        "entry",
        |it| {
            it.policy.fee = Level::Block;
            it.standing.person.memberships.clear();
            it.standing.actions = vec![action(1, AccessAction::MessageAndBlock, Some("Ask Sara at the desk"))];
        },
        expect![[r#"
            In: Deny | Reason(NoEntitlement), "Ask Sara at the desk"
            Block no_entitlement: no memberships
            Block fee_missing: not known to be paid
            Block crm_block: action 00000000-0000-0000-0000-000000000001"#]],
    );
}

#[test]
fn a_person_expected_at_another_gate_does_not_take_two_places() {
    check(
        "entry",
        |it| {
            it.policy.zones.get_mut("gym").unwrap().capacity = Some(1);
            let coming = Grant { kind: GrantKind::Member, entitlement: None, enters: Some("gym".parse().unwrap()) };
            it.reserved.reserve(passage(1), Some(it.standing.id), &coming);
        },
        expect!["In: Member using S-1 Subscription, entering gym | Welcome"],
    );
}

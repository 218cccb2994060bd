//! Rules 0 to 6: the gate, the credential, bans, staff, the reader, presence.

use super::*;

#[test]
fn a_member_with_a_subscription_comes_in() {
    check("entry", |_| (), expect!["In: Member using S-1 Subscription, entering gym | Welcome"]);
}

#[test]
fn every_rule_leaves_a_line_whoever_comes() {
    let scene = Scene::at("entry");
    let steps = |decision: Decision| decision.trace.iter().map(|line| line.step).collect::<Vec<_>>();
    let all = steps(scene.decide());
    assert!(all.is_sorted(), "{all:?}");
    for step in [
        Step::GateMode,
        Step::Identify,
        Step::Ban,
        Step::Staff,
        Step::ReaderSuitability,
        Step::Presence,
        Step::Entitlement,
        Step::Conditions,
        Step::Capacity,
        Step::Crm,
        Step::Combine,
    ] {
        assert!(all.contains(&step), "{step:?}");
    }
    assert_eq!(steps(Scene::at("exit").decide()).len(), 12);
    assert_eq!(
        steps(scene.decide_for(&Identified::Unknown)),
        [Step::GateMode, Step::ReadHygiene, Step::Identify, Step::Combine]
    );
}

#[test]
fn an_unknown_badge_stays_out_and_gets_out() {
    let told_of = |reader: &str, who| told(&Scene::at(reader).decide_for(&who));
    expect![[r#"
        In: Deny | Reason(UnknownCredential)
        Block unknown_credential: "#]]
    .assert_eq(&told_of("entry", Identified::Unknown));
    expect![[r#"
        In: Deny | Reason(AmbiguousCredential)
        Block ambiguous_credential: "#]]
    .assert_eq(&told_of("entry", Identified::Ambiguous));
    expect![[r#"
        In: Deny | Reason(UnknownCredential)
        Block unknown_credential: "#]]
    .assert_eq(&told_of("court", Identified::Unknown));
    expect![[r#"
        Out: Exit using nothing, entering - | Goodbye
        Warn unknown_credential: "#]]
    .assert_eq(&told_of("exit", Identified::Unknown));
}

#[test]
fn a_lost_or_outdated_card_opens_for_nobody_not_even_staff() {
    let card = |scene: &mut Scene| scene.standing.credential.clone().unwrap();
    check(
        "entry",
        |it| {
            it.standing.person.staff = true;
            it.standing.credential = Some(Credential { status: CredentialStatus::Lost, ..card(it) });
        },
        expect![[r#"
            In: Deny | Reason(CredentialLost)
            Block credential_lost: reported lost"#]],
    );
    check(
        "entry",
        |it| {
            it.standing.credential = Some(Credential { status: CredentialStatus::Revoked, ..card(it) });
        },
        expect![[r#"
            In: Deny | Reason(CredentialRevoked)
            Block credential_revoked: withdrawn"#]],
    );
    check(
        "entry",
        |it| {
            it.standing.credential = Some(Credential { valid_from: Some(rome("2026-03-10T09:01")), ..card(it) });
        },
        expect![[r#"
            In: Deny | Reason(CredentialNotYetValid)
            Block credential_not_yet_valid: valid from 2026-03-10T08:01:00Z"#]],
    );
    check(
        "entry",
        |it| {
            it.standing.credential = Some(Credential { valid_until: Some(rome("2026-03-10T08:59")), ..card(it) });
        },
        expect![[r#"
            In: Deny | Reason(CredentialExpired)
            Block credential_expired: valid until 2026-03-10T07:59:00Z"#]],
    );
}

#[test]
fn a_ban_holds_through_its_last_day_and_before_the_staff_bypass() {
    let until = |day| Some(Ban { until: day, reason: Some("insulted Mr Bianchi".into()) });
    check(
        "entry",
        |it| it.standing.person.ban = until(Some(date(2026, 3, 10))),
        expect![[r#"
        In: Deny | Reason(Banned)
        Block banned: until 2026-03-10"#]],
    );
    check(
        "entry",
        |it| it.standing.person.ban = until(Some(date(2026, 3, 9))),
        expect!["In: Member using S-1 Subscription, entering gym | Welcome"],
    );
    check(
        "entry",
        |it| {
            it.standing.person.ban = until(None);
            it.standing.person.staff = true;
        },
        expect![[r#"
            In: Deny | Reason(Banned)
            Block banned: until further notice"#]],
    );
}

#[test]
fn staff_pass_without_entitlement_and_see_no_crm() {
    check(
        "entry",
        |it| {
            it.standing.person.staff = true;
            it.standing.person.memberships.clear();
            it.standing.actions = vec![action(1, AccessAction::MessageAndBlock, Some("Ask Sara"))];
        },
        expect!["In: Staff using nothing, entering gym | Welcome"],
    );
}

#[test]
fn a_gate_for_staff_a_locked_gate_and_a_free_gate() {
    let mode = |mode| move |it: &mut Scene| it.gate.mode = mode;
    check(
        "entry",
        mode(GateMode::Staff),
        expect![[r#"
        In: Deny | Reason(StaffOnly)
        Block staff_only: the gate is for staff"#]],
    );
    check(
        "entry",
        mode(GateMode::Locked),
        expect![[r#"
        In: Deny | Reason(GateLocked)
        Block gate_locked: the gate is locked"#]],
    );
    check(
        "entry",
        |it| {
            it.gate.mode = GateMode::Free;
            it.standing.person.memberships.clear();
            it.standing.person.ban = Some(Ban { until: None, reason: None });
        },
        expect![[r#"
            In: Free using nothing, entering gym | Welcome
            Warn banned: until further notice"#]],
    );
    check(
        "entry",
        |it| {
            it.gate.mode = GateMode::Locked;
            it.standing.person.staff = true;
        },
        expect![[r#"
            In: Deny | Reason(GateLocked)
            Block gate_locked: the gate is locked"#]],
    );
}

#[test]
fn who_could_not_be_recorded_does_not_enter_and_always_leaves() {
    let full = |it: &mut Scene| it.gate.records = Records::Full;
    check(
        "entry",
        full,
        expect![[r#"
        In: Deny | Reason(StoreUnavailable)
        Block store_unavailable: passages cannot be recorded"#]],
    );
    check("exit", full, expect!["Out: Exit using nothing, entering - | Goodbye"]);
}

#[test]
fn leaving_is_never_refused_and_its_rules_only_warn() {
    check(
        "exit",
        |it| {
            it.gate.mode = GateMode::Locked;
            it.policy.fee = Level::Block;
            it.standing.person.memberships.clear();
            it.standing.person.ban = Some(Ban { until: None, reason: None });
            it.standing.actions = vec![action(1, AccessAction::MessageAndBlock, Some("Ask Sara"))];
        },
        expect![[r#"
            Out: Exit using nothing, entering - | "Ask Sara"
            Warn banned: until further notice
            Warn fee_missing: not known to be paid
            Warn crm_message: action 00000000-0000-0000-0000-000000000001"#]],
    );
}

#[test]
fn a_both_reader_toggles_with_the_zone_it_leads_into() {
    check(
        "court",
        |it| it.standing.last_seen = Some(presence_in("pool", "2026-03-10T08:00")),
        expect!["Out: Exit using nothing, entering - | Goodbye"],
    );
    check(
        "court",
        |it| it.standing.last_seen = Some(presence_in("club", "2026-03-10T08:00")),
        expect!["In: Member using S-1 Subscription, entering gym | Welcome"],
    );
    check(
        "court",
        |it| it.standing.last_seen = Some(presence_in("gym", "2026-03-09T08:00")),
        expect!["In: Member using S-1 Subscription, entering gym | Welcome"],
    );
}

#[test]
fn a_both_reader_lets_out_who_is_no_longer_counted_and_in_who_must_have_left_unseen() {
    let way = |zone: Option<&str>, stay_hours: Option<u64>, since: &str, now: &str| {
        let mut it = Scene::at("court");
        it.reader.zone = zone.map(|zone| zone.parse().unwrap());
        it.policy.site.maximum_stay = stay_hours.map(|hours| std::time::Duration::from_secs(hours * 3600));
        it.standing.last_seen = zone.map(|zone| presence_in(zone, since));
        it.standing.visit = Some(visit_since(since, Some("S-1")));
        it.now = rome(now);
        it.decide().way
    };
    let (ten, night) = ("2026-03-09T22:00", "2026-03-10T03:50");
    for zone in [Some("gym"), None] {
        assert_eq!(way(zone, None, ten, "2026-03-10T03:59"), Way::Out);
        assert_eq!(way(zone, None, ten, "2026-03-10T04:01"), Way::Out, "the cut-off puts nobody out");
        assert_eq!(way(zone, None, ten, "2026-03-10T05:30"), Way::In, "who comes early had left by the free barrier");
        assert_eq!(way(zone, None, night, "2026-03-10T05:30"), Way::Out, "who came at night has not done yet");
        assert_eq!(way(zone, None, night, "2026-03-10T09:51"), Way::In);
        assert_eq!(way(zone, Some(4), "2026-03-10T09:00", "2026-03-10T14:00"), Way::Out, "an hour too long");
        assert_eq!(way(zone, Some(8), "2026-03-10T09:00", "2026-03-10T17:30"), Way::Out);
    }
    assert_eq!(way(Some("gym"), Some(4), "2026-03-10T09:00", "2026-03-10T17:00"), Way::In);
}

#[test]
fn an_inner_reader_is_an_entry_without_an_open_visit() {
    check("pool", |_| (), expect!["In: Member using S-1 Subscription, entering pool | Welcome"]);
    check(
        "pool",
        |it| it.standing.visit = Some(visit_since("2026-03-10T08:00", Some("S-1"))),
        expect!["Inner: Member using S-1 Visit, entering pool | Welcome"],
    );
}

#[test]
fn a_closed_zone_or_one_around_it_is_closed() {
    check(
        "pool",
        |it| it.policy.zones.get_mut("gym").unwrap().hours = days("mon,wed"),
        expect![[r#"
        In: Deny | Reason(Closed)
        Block closed: zone gym is closed"#]],
    );
}

#[test]
fn an_age_limit_refuses_the_young_and_the_unknown() {
    let from_18 = |born| {
        move |it: &mut Scene| {
            it.reader.minimum_age = Some(18);
            it.standing.person.birth_date = born;
        }
    };
    check(
        "entry",
        from_18(Some(date(2008, 3, 11))),
        expect![[r#"
        In: Deny | Reason(TooYoung)
        Block too_young: from 18 years"#]],
    );
    check(
        "entry",
        from_18(Some(date(2008, 3, 10))),
        expect!["In: Member using S-1 Subscription, entering gym | Welcome"],
    );
    check(
        "entry",
        from_18(None),
        expect![[r#"
        In: Deny | Reason(AgeUnknown)
        Block age_unknown: from 18 years, and the age is unknown"#]],
    );
}

#[test]
fn passback_is_silent_warned_or_refused() {
    let level = |level| {
        move |it: &mut Scene| {
            it.policy.anti_passback = level;
            it.standing.visit = Some(visit_since("2026-03-10T08:00", Some("S-1")));
            it.standing.presence = Some(presence_in("gym", "2026-03-10T08:00"));
        }
    };
    check("entry", level(Level::Off), expect!["In: Member using S-1 Visit, entering - | Welcome"]);
    check(
        "entry",
        level(Level::Warn),
        expect![[r#"
        In: Member using S-1 Visit, entering - | Welcome
        Warn passback: inside already"#]],
    );
    check(
        "entry",
        level(Level::Block),
        expect![[r#"
        In: Deny | Reason(Passback)
        Block passback: inside already"#]],
    );
}

#[test]
fn a_second_card_at_the_next_gate_is_passback_and_the_way_out_is_not() {
    let expected_by = |kind| {
        move |it: &mut Scene| {
            it.policy.anti_passback = Level::Block;
            let coming = Grant { kind, entitlement: None, enters: None };
            it.reserved.reserve(passage(1), Some(it.standing.id), &coming);
        }
    };
    check(
        "entry",
        expected_by(GrantKind::Member),
        expect![[r#"
        In: Deny | Reason(Passback)
        Block passback: expected at a gate already"#]],
    );
    check("entry", expected_by(GrantKind::Exit), expect!["In: Member using S-1 Subscription, entering gym | Welcome"]);
    check("exit", expected_by(GrantKind::Member), expect!["Out: Exit using nothing, entering - | Goodbye"]);
}

#[test]
fn an_operator_opens_for_a_person_with_all_reasons_as_warnings() {
    let by_hand = |change: fn(&mut Scene)| {
        let mut it = Scene::at("entry");
        change(&mut it);
        told(&super::by_hand(Some(&it.standing), &it.reader, it.gate, &it.policy, &it.reserved, it.now))
    };
    expect!["In: Manual using P-1 PunchCard, entering gym | Welcome"]
        .assert_eq(&by_hand(|it| it.standing.person.memberships = vec![punch_card("P-1", 1)]));
    expect![[r#"
        In: Manual using nothing, entering gym | Welcome
        Warn gate_locked: the gate is locked
        Note no_entries_left: P-1
        Warn no_entries_left: P-1"#]]
    .assert_eq(&by_hand(|it| {
        it.gate.mode = GateMode::Locked;
        it.standing.person.memberships = vec![punch_card("P-1", 0)];
    }));
    let it = Scene::at("entry");
    expect!["In: Manual using nothing, entering - | Welcome"].assert_eq(&told(&super::by_hand(
        None,
        &it.reader,
        it.gate,
        &it.policy,
        &it.reserved,
        it.now,
    )));
}

#[test]
fn looking_back_sees_nothing_that_came_after() {
    let back = |since: &str, left: Option<&str>| {
        let mut it = Scene::at("entry");
        it.policy.anti_passback = Level::Warn;
        let ended = left.map(|at| VisitEnd { at: rome(at), by: EndedBy::Exit });
        it.standing.visit = Some(Visit { ended, ..visit_since(since, Some("S-1")) });
        it.standing.presence = left.is_none().then(|| presence_in("gym", since));
        let who = Identified::Known(Box::new(it.standing.clone()));
        told(&super::looking_back(&who, &it.reader, it.gate, &it.policy, &it.reserved, it.now))
    };
    expect!["In: Member using S-1 Subscription, entering gym | Welcome"].assert_eq(&back("2026-03-10T09:30", None));
    expect![[r#"
        In: Member using S-1 Visit, entering - | Welcome
        Warn passback: inside already"#]]
    .assert_eq(&back("2026-03-10T08:00", None));
    expect!["In: Member using S-1 Visit, entering gym | Welcome"]
        .assert_eq(&back("2026-03-10T08:00", Some("2026-03-10T09:30")));
}

#[test]
fn a_both_reader_without_a_zone_toggles_with_the_visit() {
    let without_zone = |visit: Option<Visit>| {
        move |it: &mut Scene| {
            it.reader.zone = None;
            it.standing.visit = visit;
        }
    };
    check("court", without_zone(None), expect!["In: Member using S-1 Subscription, entering - | Welcome"]);
    check(
        "court",
        without_zone(Some(visit_since("2026-03-10T08:00", Some("S-1")))),
        expect!["Out: Exit using nothing, entering - | Goodbye"],
    );
}

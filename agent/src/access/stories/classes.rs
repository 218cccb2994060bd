//! Rule 7 for booked classes: they open before any membership is asked, in their time, on the way to them.

use super::*;

fn without_membership(it: &mut Scene) {
    it.standing.person.memberships.clear();
}

fn coming_at(time: &str, bookings: Vec<BookedClass>) -> impl FnOnce(&mut Scene) {
    let now = rome(&format!("2026-03-10T{time}"));
    move |it| {
        without_membership(it);
        it.now = now;
        it.standing.bookings = bookings;
    }
}

#[test]
fn a_booked_class_opens_before_a_subscription_is_asked() {
    check(
        "entry",
        |it| it.standing.bookings = vec![booked("Y-1", "2026-03-10T09:20")],
        expect!["In: Member using class Y-1 Class, entering gym | Welcome"],
    );
    check(
        "entry",
        |it| it.standing.bookings = vec![BookedClass { opens_gate: false, ..booked("Y-1", "2026-03-10T09:20") }],
        expect!["In: Member using S-1 Subscription, entering gym | Welcome"],
    );
    let consumed_by = |it: &mut Scene| {
        it.standing.person.memberships = vec![punch_card("P-1", 3)];
        it.standing.bookings = vec![booked("Y-1", "2026-03-10T09:31")];
    };
    check(
        "entry",
        consumed_by,
        expect![[r#"
            In: Member using P-1 PunchCard, entering gym | Welcome
            Note class_too_early: class Y-1"#]],
    );
}

#[test]
fn without_anything_else_the_member_reads_why_the_class_does_not_open() {
    let class = || booked("Y-1", "2026-03-10T18:00");
    check(
        "entry",
        coming_at("17:00", vec![class()]),
        expect![[r#"
            In: Deny | Reason(ClassTooEarly)
            Note class_too_early: class Y-1
            Block class_too_early: class Y-1"#]],
    );
    check(
        "entry",
        coming_at("18:16", vec![class()]),
        expect![[r#"
            In: Deny | Reason(ClassTooLate)
            Note class_too_late: class Y-1
            Block class_too_late: class Y-1"#]],
    );
    let mut cancelled = class();
    cancelled.class.status = ClassStatus::Cancelled;
    check(
        "entry",
        coming_at("17:55", vec![cancelled]),
        expect![[r#"
            In: Deny | Reason(ClassCancelled)
            Note class_cancelled: class Y-1
            Block class_cancelled: class Y-1"#]],
    );
    check(
        "entry",
        coming_at("17:55", vec![BookedClass { booking: BookingStatus::Waiting, ..class() }]),
        expect![[r#"
            In: Deny | Reason(ClassWaitingList)
            Note class_waiting_list: class Y-1
            Block class_waiting_list: class Y-1"#]],
    );
    let nothing_to_say = [
        coming_at("19:00", vec![class()]),
        coming_at("17:55", vec![BookedClass { booking: BookingStatus::Cancelled, ..class() }]),
        coming_at("17:55", vec![booked("Y-2", "2026-03-11T18:00")]),
    ];
    for bookings in nothing_to_say {
        check(
            "entry",
            bookings,
            expect![[r#"
            In: Deny | Reason(NoEntitlement)
            Block no_entitlement: no memberships"#]],
        );
    }
}

#[test]
fn a_class_opens_the_way_to_its_zone_and_no_other() {
    let in_zone = |zone: &str| {
        let mut class = booked("Y-1", "2026-03-10T18:00");
        class.class.zone = Some(zone.parse().unwrap());
        coming_at("17:55", vec![class])
    };
    check("entry", in_zone("pool"), expect!["In: Member using class Y-1 Class, entering gym | Welcome"]);
    check(
        "pool",
        |it| {
            in_zone("gym")(it);
            let spa = Zone { id: "spa".parse().unwrap(), ..it.policy.zones["pool"].clone() };
            it.policy.zones.insert(spa.id.clone(), spa);
            it.standing.bookings[0].class.zone = Some("spa".parse().unwrap());
        },
        expect![[r#"
            In: Deny | Reason(WrongZone)
            Note wrong_zone: class Y-1
            Block wrong_zone: class Y-1"#]],
    );
}

#[test]
fn a_visit_begun_for_a_class_goes_on_after_it_yet_opens_no_other_zone() {
    let visit = || Visit { class: Some("Y-1".parse().unwrap()), ..visit_since("2026-03-10T17:55", None) };
    let later = |zone: &'static str| {
        move |it: &mut Scene| {
            let mut class = booked("Y-1", "2026-03-10T18:00");
            class.class.zone = Some(zone.parse().unwrap());
            coming_at("20:00", vec![class])(it);
            it.standing.visit = Some(visit());
        }
    };
    check("entry", later("gym"), expect!["In: Member using class Y-1 Visit, entering gym | Welcome"]);
    check(
        "pool",
        later("spa"),
        expect![[r#"
            Inner: Deny | Reason(WrongZone)
            Note wrong_zone: class Y-1
            Block wrong_zone: class Y-1"#]],
    );
}

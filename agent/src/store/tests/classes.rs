//! Classes, bookings and attendance: once each, in one transaction with the passage, and told to every lane.

use jiff::SignedDuration;

use super::*;
use crate::store::{ClassFilter, Retention, Tick, Ticked};

fn yoga(mywellness_id: Option<&str>) -> ClassProduct {
    ClassProduct {
        id: name("yoga"),
        name: "Yoga".to_owned(),
        mywellness_id: mywellness_id.map(str::to_owned),
        opens_gate: true,
        early_minutes: None,
        late_minutes: None,
    }
}

/// An hour of yoga in the gym.
fn class(id: &str, starts: &str) -> Class {
    Class {
        id: name(id),
        product: name("yoga"),
        starts_at: at(starts),
        ends_at: at(starts) + SignedDuration::from_hours(1),
        zone: Some(name("gym")),
        capacity: None,
        status: ClassStatus::Scheduled,
    }
}

async fn put_class(club: &Club, product: ClassProduct, class: Class) {
    club.write(move |tx| {
        tx.put_class_product(&product, at("08:00"))?;
        tx.put_class(&class, at("08:00"))
    })
    .await;
}

async fn book(club: &Club, class: &Class, who: PersonId, status: BookingStatus) -> bool {
    let class = class.clone();
    club.write(move |tx| tx.put_booking(&class, who, (status, None), at("08:00"))).await
}

fn by_hand(class: &Class, person: &str, time: &str) -> Tick {
    Tick {
        class: class.clone(),
        person: name(person),
        at: at(time),
        clock: ClockQuality::Synced,
        by: TickedBy::Operator,
        operator: "Sara".to_owned(),
    }
}

async fn tick(club: &Club, tick: Tick) -> Ticked {
    club.write(move |tx| tx.tick(&tick, &lanes())).await
}

async fn attendance(club: &Club, class: &Class) -> Vec<Attendance> {
    let id = class.id.clone();
    club.read(move |view| view.attendance(&id, None, 500)).await.items.into_iter().map(|it| it.attendance).collect()
}

/// Rows of attendance with their lane and state.
async fn told(club: &Club) -> Vec<String> {
    let rows = club.read(|view| view.outbox(None, None, None, 500)).await.items;
    let told = rows.into_iter().filter(|row| row.kind == FactKind::Attendance);
    told.map(|row| format!("{} {}", row.lane, row.state.as_str())).collect()
}

#[tokio::test]
async fn a_badge_ticks_off_a_booked_class_once_and_tells_it_with_the_passage() {
    let club = club();
    let (anna, class) = (club.put(person("M-1", "CAFE01")).await, class("Y-1", "18:00"));
    put_class(&club, yoga(None), class.clone()).await;
    book(&club, &class, anna, BookingStatus::Booked).await;
    let recorded = club.record(passage(anna, Way::In, at("17:45"))).await;
    assert_eq!(recorded.attended.iter().map(|it| &it.class).collect::<Vec<_>>(), [&class.id]);
    assert_eq!(told(&club).await, ["mqtt pending", "mywellness pending"]);
    let again = club.record(passage(anna, Way::In, at("17:50"))).await;
    assert_eq!((again.attended.len(), told(&club).await.len()), (0, 2), "once for each class");
    let attended = attendance(&club, &class).await;
    assert_eq!(attended.len(), 1);
    assert_eq!((attended[0].by, attended[0].walk_in, attended[0].at), (TickedBy::Badge, false, at("17:45")));
    assert_eq!((&attended[0].person, &attended[0].reader), (&Some(name("M-1")), &Some(name("entry"))));
    let Ticked::Already(first) = tick(&club, by_hand(&class, "M-1", "18:10")).await else {
        panic!("the desk ticks nobody off a second time");
    };
    assert_eq!(first, attended[0]);
}

#[tokio::test]
async fn who_did_not_book_or_did_not_go_through_is_not_ticked_off_by_a_badge() {
    let club = club();
    let class = class("Y-1", "18:00");
    put_class(&club, yoga(None), class.clone()).await;
    let (anna, bea) = (club.put(person("M-1", "CAFE01")).await, club.put(person("M-2", "CAFE02")).await);
    book(&club, &class, bea, BookingStatus::Booked).await;
    club.record(passage(anna, Way::In, at("17:45"))).await;
    let nobody_went = Passage { outcome: PassageOutcome::NotPassed, ..passage(bea, Way::In, at("17:45")) };
    club.record(nobody_went).await;
    club.record(passage(bea, Way::In, at("16:00"))).await;
    club.record(passage(bea, Way::Out, at("17:50"))).await;
    assert_eq!(attendance(&club, &class).await, []);
}

#[tokio::test]
async fn the_desk_ticks_off_anybody_and_a_walk_in_is_called_one() {
    let club = club();
    let class = class("Y-1", "18:00");
    put_class(&club, yoga(None), class.clone()).await;
    let (anna, bea) = (club.put(person("M-1", "CAFE01")).await, club.put(person("M-2", "CAFE02")).await);
    book(&club, &class, anna, BookingStatus::Booked).await;
    book(&club, &class, bea, BookingStatus::Waiting).await;
    for who in ["M-1", "M-2"] {
        assert!(matches!(tick(&club, by_hand(&class, who, "18:05")).await, Ticked::Done(_)));
    }
    assert_eq!(tick(&club, by_hand(&class, "M-3", "18:05")).await, Ticked::NoSuchPerson);
    let walk_ins: Vec<_> = attendance(&club, &class).await.into_iter().map(|it| it.walk_in).collect();
    assert_eq!(walk_ins, [false, true]);
    assert_eq!(told(&club).await.len(), 4);
}

#[tokio::test]
async fn a_gate_knows_the_bookings_of_the_day_also_when_a_class_is_moved() {
    let club = club();
    let (anna, mut class) = (club.put(person("M-1", "CAFE01")).await, class("Y-1", "18:00"));
    put_class(&club, yoga(None), class.clone()).await;
    assert!(book(&club, &class, anna, BookingStatus::Waiting).await, "it is new");
    assert!(!book(&club, &class, anna, BookingStatus::Booked).await, "it is the same booking");
    let day_after = async || {
        let read = club.read(move |view| view.standing(anna, at("18:00") + SignedDuration::from_hours(48)));
        read.await.expect("Anna is known").bookings
    };
    let known = club.standing(anna).await.bookings;
    assert_eq!((known.len(), known[0].booking, known[0].opens_gate), (1, BookingStatus::Booked, true));
    assert_eq!(day_after().await, []);
    class.starts_at += SignedDuration::from_hours(48);
    class.ends_at += SignedDuration::from_hours(48);
    put_class(&club, yoga(None), class.clone()).await;
    assert_eq!(club.standing(anna).await.bookings, []);
    assert_eq!(day_after().await.len(), 1);
}

#[tokio::test]
async fn a_visit_begun_for_a_class_says_which() {
    let club = club();
    let anna = club.put(person("M-1", "CAFE01")).await;
    let mut coming = passage(anna, Way::In, at("17:45"));
    let entitlement = Entitlement { title: Title::Class(name("Y-1")), kind: EntitlementKind::Class };
    let grant = Grant { kind: GrantKind::Member, entitlement: Some(entitlement), enters: None };
    coming.decision.as_mut().expect("it was decided").verdict = Verdict::Grant(grant);
    club.record(coming).await;
    let visit = club.standing(anna).await.visit.expect("a visit began");
    assert_eq!((visit.class, visit.membership), (Some(name("Y-1")), None));
}

#[tokio::test]
async fn attendance_held_for_a_mapping_goes_on_in_row_order_once_its_product_has_one() {
    let club = club();
    let class = class("Y-1", "18:00");
    put_class(&club, yoga(None), class.clone()).await;
    for (who, card) in [("M-1", "CAFE01"), ("M-2", "CAFE02")] {
        club.put(person(who, card)).await;
        tick(&club, by_hand(&class, who, "18:05")).await;
    }
    let waiting = || club.read(|view| view.waiting_rows(&name("mywellness"), RowId(0), 10));
    let rows: Vec<_> = waiting().await.into_iter().map(|row| row.id).collect();
    let hold = {
        let rows = rows.clone();
        move |tx: &Tx<'_>| {
            let outcomes: Vec<_> = rows.iter().map(|row| (*row, RowOutcome::Held(Hold::Mapping))).collect();
            tx.settle(&outcomes, at("18:06"))
        }
    };
    club.write(hold.clone()).await;
    assert_eq!(waiting().await, []);
    club.write(|tx| tx.put_class_product(&yoga(Some("act-1")), at("19:00"))).await;
    assert_eq!(waiting().await.into_iter().map(|row| row.id).collect::<Vec<_>>(), rows);
    club.write(hold).await;
    assert_eq!(waiting().await.len(), 2, "a mapping that came meanwhile is not overlooked");
}

#[tokio::test]
async fn after_erasure_somebody_came_and_nobody_knows_who() {
    let club = club();
    let (anna, class) = (club.put(person("M-1", "CAFE01")).await, class("Y-1", "18:00"));
    put_class(&club, yoga(None), class.clone()).await;
    book(&club, &class, anna, BookingStatus::Booked).await;
    club.record(passage(anna, Way::In, at("17:45"))).await;
    club.write(|tx| tx.erase_person(&name("M-1"), at("20:00"))).await;
    let left = attendance(&club, &class).await;
    assert_eq!((left.len(), &left[0].person), (1, &None));
    assert_eq!(told(&club).await, ["mqtt pending", "mywellness erased"]);
    assert_eq!(club.number("SELECT count(*) FROM booking").await, 0);
    assert_eq!(club.number("SELECT count(*) FROM outbox WHERE body LIKE '%M-1%'").await, 0);
}

#[tokio::test]
async fn classes_come_in_pages_by_their_beginning_and_old_ones_go_with_all_that_is_theirs() {
    let club = club();
    let anna = club.put(person("M-1", "CAFE01")).await;
    for (id, starts) in [("Y-3", "20:00"), ("Y-1", "18:00"), ("Y-2", "18:00")] {
        put_class(&club, yoga(None), class(id, starts)).await;
        book(&club, &class(id, starts), anna, BookingStatus::Booked).await;
    }
    let mut filter = ClassFilter { from: Some(at("18:00")), limit: 1, ..ClassFilter::default() };
    let mut seen = Vec::new();
    loop {
        let asked = filter.clone();
        let page = club.read(move |view| view.classes(&asked)).await;
        seen.extend(page.items.into_iter().map(|it| format!("{} {}", it.class.id, it.booked)));
        filter.cursor = page.next;
        if filter.cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["Y-1 1", "Y-2 1", "Y-3 1"]);
    tick(&club, by_hand(&class("Y-1", "18:00"), "M-1", "18:00")).await;
    let keep = Retention { classes: Some(Duration::from_secs(3600)), ..Retention::default() };
    club.write(move |tx| tx.prune(&keep, at("20:00"), 100)).await;
    assert_eq!(club.number("SELECT count(*) FROM class").await, 1);
    assert_eq!(club.number("SELECT count(*) FROM booking").await, 1);
    assert_eq!(club.number("SELECT count(*) FROM attendance").await, 0);
}

//! Stories and properties of visits.

use std::time::Duration;

use expect_test::{Expect, expect};
use jiff::civil::{date, time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span};
use proptest::prelude::*;

use super::world::{policy, reader, rome, site, visit_since};
use super::*;
use crate::domain::Direction;

/// Zones whose clocks do strange things: gaps and folds at midnight, half-hour shifts, whole days skipped, none at all.
const ZONES: [&str; 10] = [
    "Europe/Rome",
    "Europe/Stockholm",
    "America/New_York",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Beirut",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "UTC",
];

fn entitled(kind: EntitlementKind) -> Entitlement {
    Entitlement { title: Title::Membership("S-1".parse().unwrap()), kind }
}

/// One passage of one person, at a reader of the club.
struct Story {
    policy: Policy,
    reader: Option<Reader>,
    way: Way,
    kind: GrantKind,
    entitlement: Option<Entitlement>,
    visit: Option<Visit>,
    entries_left: Option<u32>,
    at: Timestamp,
}

impl Story {
    /// At a reader of the club, by local time in Rome.
    fn at(reader: &str, at: &str) -> Self {
        let policy = policy();
        let reader = policy.readers[reader].clone();
        let (way, kind) = match reader.direction {
            Direction::In | Direction::Both => (Way::In, GrantKind::Member),
            Direction::Out => (Way::Out, GrantKind::Exit),
            Direction::Inner => (Way::Inner, GrantKind::Member),
        };
        let (reader, at) = (Some(reader), rome(at));
        Self { policy, reader, way, kind, entitlement: None, visit: None, entries_left: None, at }
    }

    fn settle(&self) -> After {
        settle(&Facts {
            policy: &self.policy,
            reader: self.reader.as_ref(),
            way: self.way,
            kind: self.kind,
            entitlement: self.entitlement.as_ref(),
            visit: self.visit.as_ref(),
            entries_left: self.entries_left,
            at: self.at,
            late: None,
        })
    }
}

fn after(reader: &str, at: &str, change: impl FnOnce(&mut Story)) -> After {
    let mut story = Story::at(reader, at);
    change(&mut story);
    story.settle()
}

/// What changes, and nothing else.
fn told(after: &After) -> String {
    let mut told = Vec::new();
    if let Some(ending) = after.ends {
        let at = TimeZone::get("Europe/Rome").unwrap().to_datetime(ending.end.at);
        told.push(format!("ends {at} by {:?}", ending.end.by));
    }
    match &after.visit {
        VisitChange::Untouched => {}
        VisitChange::Opens(Opening { club_day, .. }) => told.push(format!("opens {club_day}")),
        VisitChange::Continues { .. } => told.push("continues".to_owned()),
        VisitChange::Joins { .. } => told.push("joins".to_owned()),
    }
    match &after.presence {
        PresenceChange::Untouched => {}
        PresenceChange::Counted(presence) => told.push(format!("in {}", presence.zone)),
        PresenceChange::Gone => told.push("gone".to_owned()),
    }
    if after.takes != Takes::Nothing {
        told.push(format!("{:?}", after.takes));
    }
    told.join(", ")
}

fn check(after: &After, expected: Expect) {
    expected.assert_eq(&told(after));
}

#[test]
fn nine_in_the_morning_is_a_new_visit_and_five_the_same_day_only_a_passage() {
    check(&after("entry", "2026-03-10T09:00", |_| ()), expect!["opens 2026-03-10, in gym"]);
    let visit = visit_since("2026-03-10T09:00", None);
    check(&after("entry", "2026-03-10T17:00", |it| it.visit = Some(visit.clone())), expect!["continues, in gym"]);
}

#[test]
fn an_entry_after_an_exit_is_a_new_visit() {
    let visit = visit_since("2026-03-10T09:00", None);
    check(
        &after("exit", "2026-03-10T11:00", |it| it.visit = Some(visit.clone())),
        expect!["ends 2026-03-10T11:00:00 by Exit, gone"],
    );
    let left = ended(&visit, "2026-03-10T11:00", EndedBy::Exit);
    check(&after("entry", "2026-03-10T17:00", |it| it.visit = Some(left.clone())), expect!["opens 2026-03-10, in gym"]);
}

#[test]
fn a_timed_out_visit_goes_on_the_same_day_until_an_exit_ends_it() {
    let visit = ended(&visit_since("2026-03-10T09:00", None), "2026-03-10T13:00", EndedBy::Timeout);
    check(&after("entry", "2026-03-10T17:00", |it| it.visit = Some(visit.clone())), expect!["continues, in gym"]);
    check(
        &after("exit", "2026-03-10T17:00", |it| it.visit = Some(visit.clone())),
        expect!["ends 2026-03-10T17:00:00 by Exit, gone"],
    );
    check(
        &after("entry", "2026-03-11T09:00", |it| it.visit = Some(visit.clone())),
        expect!["opens 2026-03-11, in gym"],
    );
}

#[test]
fn a_passage_in_another_club_day_ends_the_visit_with_its_own_day() {
    let visit = visit_since("2026-03-10T22:00", None);
    check(&after("entry", "2026-03-11T03:59", |it| it.visit = Some(visit.clone())), expect!["continues, in gym"]);
    check(
        &after("entry", "2026-03-11T04:00", |it| it.visit = Some(visit.clone())),
        expect!["ends 2026-03-11T04:00:00 by NextDay, opens 2026-03-11, in gym"],
    );
    check(
        &after("exit", "2026-03-11T05:00", |it| it.visit = Some(visit.clone())),
        expect!["ends 2026-03-11T05:00:00 by Exit, gone"],
    );
}

#[test]
fn a_clock_put_back_by_a_day_loses_no_visit_and_ends_none_before_it_began() {
    let tomorrow = visit_since("2026-03-11T09:00", None);
    check(
        &after("entry", "2026-03-10T09:30", |it| it.visit = Some(tomorrow.clone())),
        expect!["ends 2026-03-11T09:00:00 by NextDay, opens 2026-03-10, in gym"],
    );
}

#[test]
fn an_inner_reader_counts_as_an_entry_only_without_an_open_visit() {
    let counts = Reader { new_visit: true, ..reader("pool", Direction::Inner, Some("pool")) };
    let visit = visit_since("2026-03-10T09:00", Some("S-1"));
    check(&after("pool", "2026-03-10T09:10", |it| it.visit = Some(visit.clone())), expect!["continues, in pool"]);
    // Inner: decided as a move inside, but the visit was left through another gate before it was confirmed.
    let [decided_in, decided_inner] = [Way::In, Way::Inner].map(|way| {
        after("pool", "2026-03-10T09:10", |it| {
            it.reader = Some(counts.clone());
            it.way = way;
        })
    });
    check(&decided_in, expect!["opens 2026-03-10, in pool"]);
    assert_eq!(decided_in, decided_inner);
}

#[test]
fn leaving_a_zone_that_is_no_visit_moves_the_person_to_the_zone_around_it() {
    let visit = visit_since("2026-03-10T09:00", None);
    check(&after("pool-exit", "2026-03-10T10:00", |it| it.visit = Some(visit.clone())), expect!["in gym"]);
}

#[test]
fn leaving_the_zone_around_the_visit_ends_the_visit_too() {
    let gate = reader("club-exit", Direction::Out, Some("club"));
    let edge = reader("door", Direction::Out, None);
    let visit = visit_since("2026-03-10T09:00", None);
    let [by_gate, by_edge] = [gate, edge].map(|reader| {
        after("exit", "2026-03-10T10:00", |it| {
            it.visit = Some(visit.clone());
            it.reader = Some(reader);
        })
    });
    check(&by_gate, expect!["ends 2026-03-10T10:00:00 by Exit, gone"]);
    assert_eq!(by_gate, by_edge);
}

#[test]
fn leaving_one_visited_zone_for_another_ends_nothing() {
    let mut policy = policy();
    let entry = reader("club-entry", Direction::In, Some("club"));
    policy.readers.insert(entry.id.clone(), entry);
    assert!(!leads_out_of_visit(&policy, Some(&"gym".parse().unwrap())));
    assert!(leads_out_of_visit(&policy, Some(&"club".parse().unwrap())));
}

#[test]
fn staff_and_free_passages_are_counted_and_make_no_visit() {
    check(&after("entry", "2026-03-10T09:00", |it| it.kind = GrantKind::Staff), expect!["in gym"]);
    check(&after("entry", "2026-03-10T09:00", |it| it.kind = GrantKind::Free), expect!["in gym"]);
}

#[test]
fn an_opening_by_hand_makes_a_visit_by_the_same_rules() {
    check(&after("entry", "2026-03-10T09:00", |it| it.kind = GrantKind::Manual), expect!["opens 2026-03-10, in gym"]);
}

#[test]
fn a_punch_card_pays_once_for_a_visit_and_never_below_zero() {
    let card = entitled(EntitlementKind::PunchCard);
    let paid = |left, visit: Option<&Visit>| {
        let after = after("entry", "2026-03-10T09:00", |it| {
            it.entitlement = Some(card.clone());
            it.entries_left = left;
            it.visit = visit.cloned();
        });
        after.takes
    };
    assert_eq!(paid(Some(1), None), Takes::Entry("S-1".parse().unwrap()));
    assert_eq!(paid(Some(0), None), Takes::Overdrawn("S-1".parse().unwrap()));
    assert_eq!(paid(None, None), Takes::Overdrawn("S-1".parse().unwrap()));
    assert_eq!(paid(Some(1), Some(&visit_since("2026-03-10T08:00", Some("S-1")))), Takes::Nothing);
}

#[test]
fn a_re_entry_whose_visit_was_left_meanwhile_pays_for_the_new_visit() {
    let (again, subscription) = (entitled(EntitlementKind::Visit), entitled(EntitlementKind::Subscription));
    let left = ended(&visit_since("2026-03-10T08:00", Some("S-1")), "2026-03-10T08:59", EndedBy::Exit);
    let after = |entitlement: &Entitlement, entries_left| {
        after("entry", "2026-03-10T09:00", |it| {
            it.entitlement = Some(entitlement.clone());
            it.entries_left = entries_left;
            it.visit = Some(left.clone());
        })
    };
    assert_eq!(after(&again, Some(3)).takes, Takes::Entry("S-1".parse().unwrap()));
    assert_eq!(after(&again, None).takes, Takes::Nothing);
    assert_eq!(after(&subscription, None).takes, Takes::Nothing);
}

#[test]
fn a_passage_at_a_reader_that_is_gone_changes_nothing() {
    let after = after("entry", "2026-03-10T09:00", |it| it.reader = None);
    assert_eq!(after, After::default());
}

#[test]
fn only_confirmed_passages_move_people() {
    use PassageOutcome::{Denied, Emergency, Forced, Free, Manual, NotPassed, Passed, Stale};
    assert!([Passed, Free, Manual].into_iter().all(moves));
    assert!(![Denied, NotPassed, Forced, Emergency, Stale].into_iter().any(moves));
}

#[test]
fn a_stay_ends_with_the_maximum_or_the_club_day_whichever_comes_first() {
    let mut site = site("Europe/Rome");
    let since = rome("2026-03-10T22:00");
    assert_eq!(stay_ends(&site, since), StayEnd { at: rome("2026-03-11T04:00"), by: EndedBy::NextDay });
    site.maximum_stay = Some(Duration::from_secs(4 * 3600));
    assert_eq!(stay_ends(&site, since), StayEnd { at: rome("2026-03-11T02:00"), by: EndedBy::Timeout });
    let presence = Presence { zone: "gym".parse().unwrap(), since };
    assert_eq!(counted(Some(&presence), &site, rome("2026-03-11T01:59")), Some(&presence));
    assert_eq!(counted(Some(&presence), &site, rome("2026-03-11T02:00")), None);
}

#[test]
fn the_club_day_turns_at_the_cut_off_also_when_the_clocks_change() {
    let day = |at: &str, zone: &str, starts| club_day(at.parse().unwrap(), &TimeZone::get(zone).unwrap(), starts);
    let four = time(4, 0, 0, 0);
    // Rome, 29 March 2026: 02:00 becomes 03:00, so that 04:00 is 02:00 UTC.
    assert_eq!(day("2026-03-29T01:59:59Z", "Europe/Rome", four), date(2026, 3, 28));
    assert_eq!(day("2026-03-29T02:00:00Z", "Europe/Rome", four), date(2026, 3, 29));
    // A cut-off inside the hour that is skipped comes when the clocks jump over it; 02:30 would have been 03:30.
    assert_eq!(day("2026-03-29T01:29:59Z", "Europe/Rome", time(2, 30, 0, 0)), date(2026, 3, 28));
    assert_eq!(day("2026-03-29T01:30:00Z", "Europe/Rome", time(2, 30, 0, 0)), date(2026, 3, 29));
    // One inside the hour that is repeated (25 October) comes the first time, and the second is the same club day.
    assert_eq!(day("2026-10-25T00:30:00Z", "Europe/Rome", time(2, 30, 0, 0)), date(2026, 10, 25));
    assert_eq!(day("2026-10-25T01:10:00Z", "Europe/Rome", time(2, 30, 0, 0)), date(2026, 10, 25));
    // Samoa skipped 30 December 2011 altogether: the night before it belongs to the 29th.
    assert_eq!(day("2011-12-30T10:30:00Z", "Pacific/Apia", four), date(2011, 12, 29));
    assert_eq!(day("2011-12-30T14:00:00Z", "Pacific/Apia", four), date(2011, 12, 31));
}

fn ended(visit: &Visit, at: &str, by: EndedBy) -> Visit {
    Visit { ended: Some(VisitEnd { at: rome(at), by }), ..visit.clone() }
}

proptest! {
    #[test]
    fn club_days_never_go_back_and_hold_their_moments(
        zone in 0..ZONES.len(),
        second in 946_684_800_i64..2_208_988_800,
        later in 0_i64..200_000,
        minute in 0_i8..60,
        hour in 0_i8..24,
    ) {
        let timezone = TimeZone::get(ZONES[zone]).unwrap();
        let site = Site { timezone, club_day_starts: time(hour, minute, 0, 0), ..site("UTC") };
        let at = Timestamp::from_second(second).unwrap();
        let day = club_day(at, &site.timezone, site.club_day_starts);
        prop_assert!(begins(day, &site) <= at);
        prop_assert!(at < begins(day.saturating_add(Span::new().days(1)), &site));
        prop_assert!(day <= club_day(at + SignedDuration::from_secs(later), &site.timezone, site.club_day_starts));
        let local = site.timezone.to_datetime(at).date();
        prop_assert!((-2..=0).contains(&local.until(day).unwrap().get_days()));
    }

    #[test]
    fn a_person_has_one_visit_a_day_however_often_they_come_without_leaving(minutes in proptest::collection::vec(0_i64..1439, 1..20)) {
        let mut minutes = minutes;
        minutes.sort_unstable();
        let (mut visit, mut opened) = (None::<Visit>, 0);
        for minute in minutes {
            let mut story = Story::at("entry", "2026-03-10T04:00");
            story.at += SignedDuration::from_mins(minute);
            story.visit = visit.clone();
            if let VisitChange::Opens(Opening { club_day, .. }) = story.settle().visit {
                opened += 1;
                visit = Some(Visit { club_day, started_at: story.at, ..visit_since("2026-03-10T04:00", None) });
            }
        }
        prop_assert_eq!(opened, 1);
    }
}

//! Passages become visits once, whatever is told twice, and cards are never overdrawn below zero.

use super::*;
use crate::store::HistoryFilter;

#[tokio::test]
async fn an_entry_begins_a_visit_and_an_exit_ends_it() {
    let club = club();
    let anna = club.put(person("M-1", "A1")).await;

    let entered = club.record(passage(anna, Way::In, at("09:00"))).await;
    let inside = club.standing(anna).await;
    let left = club.record(passage(anna, Way::Out, at("10:00"))).await;
    let outside = club.standing(anna).await;

    assert!(entered.new_visit.is_some());
    assert_eq!(inside.presence.map(|presence| presence.zone), Some(name("gym")));
    assert_eq!(inside.occupancy.get(&name::<ZoneId>("gym")), Some(&1));
    assert_eq!(left.ended_visit, entered.new_visit);
    assert_eq!(outside.presence, None);
    assert!(outside.occupancy.is_empty());
    let end = outside.visit.and_then(|visit| visit.ended);
    assert_eq!(end, Some(VisitEnd { at: at("10:00"), by: EndedBy::Exit }));
}

#[tokio::test]
async fn a_second_entry_on_the_same_day_is_a_passage_of_the_same_visit() {
    let club = club();
    let anna = club.put(person("M-1", "A1")).await;

    let first = club.record(passage(anna, Way::In, at("09:00"))).await;
    let second = club.record(passage(anna, Way::In, at("17:00"))).await;

    assert_eq!(second.new_visit, None);
    let seen = club.read(|view| view.passages(&HistoryFilter { limit: 10, ..HistoryFilter::default() })).await;
    assert_eq!(seen.items.iter().map(|entry| entry.visit).collect::<Vec<_>>(), [first.new_visit, first.new_visit]);
}

#[tokio::test]
async fn what_is_told_twice_is_recorded_once() {
    let club = club();
    let anna = club.put(person("M-1", "A1")).await;
    let by_agent = passage(anna, Way::In, at("09:00"));
    let from_ring = |sequence| Passage {
        origin: Origin::Controller { boot: u64::MAX, sequence, offline: false },
        ..passage(anna, Way::Out, at("10:00"))
    };

    assert!(!club.record(by_agent.clone()).await.already);
    assert!(club.record(by_agent).await.already);
    assert!(!club.record(from_ring(7)).await.already);
    assert!(club.record(from_ring(7)).await.already, "another id, but the same event of the same boot");
    assert!(!club.record(from_ring(8)).await.already);
    assert_eq!(club.number("SELECT count(*) FROM passage").await, 3);
    assert_eq!(club.number("SELECT count(*) FROM outbox WHERE kind = 'passage'").await, 3);
}

#[tokio::test]
async fn the_last_entry_of_a_card_is_taken_once_and_then_it_is_overdrawn() {
    let club = club();
    let anna = club.put(person_with_entries("M-1", "A1", 1)).await;

    let first = club.record(passage_on_punch_card(anna, at("09:01"))).await;
    club.record(passage(anna, Way::Out, at("10:00"))).await;
    let second = club.record(passage_on_punch_card(anna, at("11:00"))).await;

    assert!(first.new_visit.is_some() && !first.overdrawn);
    assert!(second.new_visit.is_some() && second.overdrawn);
    assert_eq!(club.standing(anna).await.consumed.get(&name::<MembershipId>("ten-times")), Some(&1));
    let visits = club.read(|view| view.visits(&HistoryFilter { limit: 10, ..HistoryFilter::default() })).await;
    let taken: Vec<_> = visits.items.iter().map(|visit| (visit.entries_taken, visit.overdrawn)).collect();
    assert_eq!(taken, [(0, true), (1, false)]);
}

#[tokio::test]
async fn a_nightly_import_refunds_nothing() {
    let club = club();
    let counted_earlier = |entries_left| {
        let mut person = person_with_entries("M-1", "A1", entries_left);
        person.memberships[0].entries_as_of = Some(at("08:00"));
        person
    };
    let anna = club.put(counted_earlier(10)).await;
    club.record(passage_on_punch_card(anna, at("09:01"))).await;

    club.put(counted_earlier(10)).await;
    assert_eq!(club.standing(anna).await.consumed.len(), 1, "the count is older than the entry");

    let mut counted_later = counted_earlier(9);
    counted_later.memberships[0].entries_as_of = Some(at("20:00"));
    club.put(counted_later).await;
    assert_eq!(club.standing(anna).await.consumed.len(), 0, "the new count has the entry in it");
}

#[tokio::test]
async fn a_count_without_a_date_that_is_told_again_refunds_nothing_and_a_new_one_counts_afresh() {
    let club = club();
    let anna = club.put(person_with_entries("M-1", "A1", 10)).await;
    club.record(passage_on_punch_card(anna, at("09:01"))).await;
    let told_at = async |entries_left, clock: &str| {
        let (person, now) = (person_with_entries("M-1", "A1", entries_left), at(clock));
        club.write(move |tx| tx.put_person(&person, now)).await;
        club.standing(anna).await.consumed.get(&name::<MembershipId>("ten-times")).copied()
    };

    assert_eq!(told_at(10, "20:00").await, Some(1), "a source that does not know of the entry");
    assert_eq!(told_at(9, "21:00").await, None, "a source that has counted it");
}

#[tokio::test]
async fn an_entry_by_a_wrong_clock_is_consumed_all_the_same() {
    let club = club();
    let anna = club.put(person_with_entries("M-1", "A1", 1)).await;
    let in_1970 = Passage { clock: ClockQuality::Untrusted, ..passage_on_punch_card(anna, Timestamp::UNIX_EPOCH) };

    club.record(in_1970).await;

    assert_eq!(club.standing(anna).await.consumed.get(&name::<MembershipId>("ten-times")), Some(&1));
}

#[tokio::test]
async fn nobody_walks_through_so_nothing_but_the_passage_is_recorded() {
    let club = club();
    let anna = club.put(person_with_entries("M-1", "A1", 1)).await;

    for outcome in [PassageOutcome::NotPassed, PassageOutcome::Denied, PassageOutcome::Stale] {
        let made = club.record(Passage { outcome, ..passage_on_punch_card(anna, at("09:00")) }).await;
        assert_eq!((made.already, made.new_visit, made.ended_visit, made.overdrawn), (false, None, None, false));
    }

    let standing = club.standing(anna).await;
    assert_eq!((standing.visit, standing.presence, standing.consumed.len()), (None, None, 0));
    assert_eq!(club.number("SELECT count(*) FROM outbox WHERE lane = 'mqtt' AND kind = 'passage'").await, 3);
    assert_eq!(club.number("SELECT count(*) FROM outbox WHERE lane = 'mywellness'").await, 0);
}

#[tokio::test]
async fn a_person_erased_while_walking_through_is_recorded_as_nobody() {
    let club = club();
    let anna = club.put(person("M-1", "A1")).await;
    club.write(|tx| tx.erase_person(&name("M-1"), at("09:00"))).await;

    let made = club.record(passage(anna, Way::In, at("09:00"))).await;

    assert_eq!((made.already, made.new_visit, made.ended_visit, made.overdrawn), (false, None, None, false));
    let seen = club.read(|view| view.passages(&HistoryFilter { limit: 1, ..HistoryFilter::default() })).await;
    assert_eq!(seen.items[0].person, None);
    assert!(seen.items[0].trace.iter().all(|line| line.detail.is_empty()));
}

#[tokio::test]
async fn a_new_person_never_gets_the_number_of_an_erased_one() {
    let club = club();
    let gone = club.put(person("M-1", "A1")).await;
    club.write(|tx| tx.erase_person(&name("M-1"), at("09:00"))).await;

    assert_ne!(club.put(person("M-2", "A2")).await, gone);
}

#[tokio::test]
async fn who_stays_too_long_is_no_longer_counted_and_goes_on_with_the_visit() {
    let club = club();
    let anna = club.put(person("M-1", "A1")).await;
    let entered = club.record(passage(anna, Way::In, at("09:00"))).await;
    let sweep = async |now| {
        let policy = club.policy.clone();
        club.write(move |tx| tx.end_stale_presences(&policy, now, now)).await
    };

    assert_eq!(sweep(at("12:59")).await, 0);
    assert_eq!(sweep(at("13:00")).await, 1);
    let timed_out = club.standing(anna).await;
    let again = club.record(passage(anna, Way::In, at("14:00"))).await;
    let back = club.standing(anna).await;

    assert!(timed_out.presence.is_none() && timed_out.occupancy.is_empty());
    assert_eq!(timed_out.visit.and_then(|visit| visit.ended), Some(VisitEnd { at: at("13:00"), by: EndedBy::Timeout }));
    assert_eq!(again.new_visit, None);
    assert_eq!(back.visit.map(|visit| (Some(visit.id), visit.ended)), Some((entered.new_visit, None)));
}

#[tokio::test]
async fn who_came_after_a_jump_that_nobody_vouches_for_keeps_the_time_of_that_clock() {
    let club = club();
    let anna = club.put(person("M-1", "A1")).await;
    club.record(passage(anna, Way::In, at("12:00"))).await;
    let sweep = async |by, wall| {
        let policy = club.policy.clone();
        club.write(move |tx| tx.end_stale_presences(&policy, by, wall)).await
    };
    let since = async || club.standing(anna).await.presence.map(|it| it.since);

    assert_eq!(sweep(at("09:00"), at("12:01")).await, 0);
    assert_eq!(since().await, Some(at("12:00")), "not taken back to the time that is believed meanwhile");
    assert_eq!(sweep(at("09:02"), at("09:02")).await, 0);
    assert_eq!(since().await, Some(at("09:02")), "but back to now when the clock itself went back");
}

#[tokio::test]
async fn where_somebody_was_last_seen_is_kept_for_a_while_and_not_counted() {
    let club = club();
    let anna = club.put(person("M-1", "A1")).await;
    let sweep = async |now| {
        let policy = club.policy.clone();
        club.write(move |tx| tx.end_stale_presences(&policy, now, now)).await
    };
    let seen = async || {
        let standing = club.standing(anna).await;
        let counted = standing.occupancy.values().sum::<u32>();
        (standing.presence.is_some(), standing.last_seen.is_some(), counted)
    };

    club.record(passage(anna, Way::In, at("09:00"))).await;
    assert_eq!(seen().await, (true, true, 1));
    assert_eq!(sweep(at("13:00")).await, 1);
    assert_eq!(seen().await, (false, true, 0));
    assert_eq!(sweep(at("14:59")).await, 0);
    club.record(passage(anna, Way::In, at("14:59"))).await;
    assert_eq!(seen().await, (true, true, 1), "seen again, counted again");
    club.record(passage(anna, Way::Out, at("15:00"))).await;
    assert_eq!(seen().await, (false, false, 0));

    club.record(passage(anna, Way::In, at("16:00"))).await;
    assert_eq!(sweep(at("20:00")).await, 1);
    assert_eq!(sweep(at("22:00")).await, 0);
    assert_eq!(seen().await, (false, false, 0), "after six hours it says nothing any more");
}

#[tokio::test]
async fn what_the_member_was_shown_is_noted_on_the_action() {
    let club = club();
    let anna = club.put(person("M-1", "A1")).await;
    let action = looking_up::open_action("M-1");
    let id = action.id;
    club.write(move |tx| tx.insert_action(&action, anna)).await;
    let shown = Shown { action: id, text: "Passa in reception".to_owned() };
    let greeted = Passage { shown: vec![shown], ..passage(anna, Way::In, at("09:00")) };
    let first = greeted.id;

    club.record(greeted).await;

    let action = club.read(move |view| view.action(id)).await.expect("the action is there");
    let noted = ShownMessage { at: at("09:00"), passage: first, text: "Passa in reception".to_owned() };
    assert_eq!(action.shown, [noted]);
}

/// What a person's day came to: where they are counted, and each visit's entry and exit.
async fn day_of(club: &Club, anna: PersonId) -> (Option<Timestamp>, Vec<(Timestamp, Option<Timestamp>)>) {
    let visits = club.read(|view| view.visits(&HistoryFilter { limit: 10, ..HistoryFilter::default() })).await.items;
    let visits = visits.iter().rev().map(|it| (it.visit.started_at, it.visit.ended.map(|end| end.at))).collect();
    (club.standing(anna).await.presence.map(|it| it.since), visits)
}

#[tokio::test]
async fn an_exit_told_before_its_entry_leaves_nobody_inside() {
    let club = club();
    let anna = club.put(person_with_entries("M-1", "A1", 5)).await;

    club.record(passage(anna, Way::Out, at("11:00"))).await;
    let entered = club.record(passage_on_punch_card(anna, at("10:00"))).await;

    assert_eq!(day_of(&club, anna).await, (None, vec![(at("10:00"), Some(at("11:00")))]));
    assert!(club.standing(anna).await.occupancy.is_empty());
    assert!(entered.new_visit.is_some(), "she was there, and that is told");
    assert_eq!(club.number("SELECT count(*) FROM consumption").await, 1);
    let next = club.record(passage_on_punch_card(anna, at("17:00"))).await;
    assert!(next.new_visit.is_some(), "the late visit is over");
}

#[tokio::test]
async fn an_exit_told_after_the_next_entry_makes_two_visits_of_one() {
    let club = club();
    let anna = club.put(person_with_entries("M-1", "A1", 5)).await;

    let first = club.record(passage_on_punch_card(anna, at("09:00"))).await;
    let again = club.record(passage_on_punch_card(anna, at("10:20"))).await;
    assert_eq!(again.new_visit, None, "nobody knows of the exit yet");
    let left = club.record(passage(anna, Way::Out, at("10:00"))).await;

    let two = vec![(at("09:00"), Some(at("10:00"))), (at("10:20"), None)];
    assert_eq!(day_of(&club, anna).await, (Some(at("10:20")), two));
    assert_eq!((left.ended_visit, left.new_visit.is_some()), (first.new_visit, true));
    assert_eq!(club.number("SELECT count(*) FROM outbox WHERE lane = 'mqtt' AND kind = 'visit'").await, 2);
    assert_eq!(club.number("SELECT count(*) FROM consumption").await, 2);
    let seen = club.read(|view| view.passages(&HistoryFilter { limit: 10, ..HistoryFilter::default() })).await.items;
    let visits: Vec<_> = seen.iter().rev().map(|it| it.visit).collect();
    assert_eq!(visits, [first.new_visit, first.new_visit, left.new_visit], "each passage is of its own visit");
    assert_eq!(club.record(passage(anna, Way::Out, at("12:00"))).await.ended_visit, left.new_visit);
}

#[tokio::test]
async fn an_exit_before_a_visit_began_does_not_end_it() {
    let club = club();
    let anna = club.put(person_with_entries("M-1", "A1", 5)).await;

    let entered = club.record(passage_on_punch_card(anna, at("07:00"))).await;
    let left = club.record(passage(anna, Way::Out, at("03:30"))).await;
    let again = club.record(passage_on_punch_card(anna, at("17:00"))).await;

    assert_eq!((left.ended_visit, again.new_visit), (None, None));
    assert_eq!(day_of(&club, anna).await, (Some(at("17:00")), vec![(at("07:00"), None)]));
    let all = "SELECT count(*) FROM visit WHERE id = (SELECT visit FROM passage WHERE way = 'in' ORDER BY at LIMIT 1)";
    assert_eq!((club.number(all).await, club.number("SELECT count(*) FROM consumption").await), (1, 1));
    assert!(entered.new_visit.is_some());
}

#[tokio::test]
async fn an_entry_told_after_a_clock_was_put_back_is_not_late() {
    let club = club();
    let anna = club.put(person("M-1", "A1")).await;
    let policy = club.policy.clone();
    let record = async |passage: Passage| {
        let (policy, now) = (policy.clone(), passage.at);
        club.write(move |tx| tx.record(&passage, &policy, &lanes(), now)).await
    };

    let by_a_wrong_clock = record(passage(anna, Way::In, at("20:00"))).await;
    let left = record(passage(anna, Way::Out, at("10:00"))).await;

    assert_eq!(left.ended_visit, by_a_wrong_clock.new_visit);
    assert_eq!(club.standing(anna).await.presence, None);
}

//! Stories of calls that fail: whose own trouble it is, what may stand there already, and what is an outage.

use super::*;

/// A visit of somebody known there, sent so often before that it may stand there twice.
async fn sent_twice(club: &Club) {
    let person = club.visited("M-1", json!({})).await;
    club.known_as(person, "u-1").await;
    for _ in 0..2 {
        let (lane, now) = (club.lane.clone(), club.clock.now().wall);
        let dying = club.store.write("dying in flight", move |tx| {
            tx.begin_row(RowId(1), now)?;
            tx.unsettle_in_flight(&lane, now)
        });
        dying.await.unwrap();
    }
}

#[tokio::test]
async fn a_visit_that_is_never_answered_is_sent_three_times_and_then_needs_a_person() {
    let mut club = Club::open().await;
    sent_twice(&club).await;
    club.pretend.calls([fine(), Reply::Bytes(504, "text/html", Vec::new())]);
    club.start();
    let told = club.settled().await;
    let why = "it was sent 3 times without an answer that says it was taken, and may stand at Mywellness as often: visit \
               at Mywellness: the server failed with status 504";
    assert_eq!(told, format!("visit of M-1: parked {why}\n"));
    assert_eq!(club.asked(), ["GetFacilityUserByExternalID", "Visit"]);
    club.stop().await;
}

#[tokio::test]
async fn a_visit_in_doubt_is_not_sent_again_while_mywellness_answers_nothing() {
    let mut club = Club::open().await;
    sent_twice(&club).await;
    club.pretend.calls([Reply::Bytes(504, "text/html", Vec::new()), Reply::Cut, fine(), fine()]);
    club.start();
    assert_eq!(club.settled().await, "visit of M-1: delivered \n");
    let question = "GetFacilityUserByExternalID";
    assert_eq!(club.asked(), [question, question, question, "Visit"]);
    club.stop().await;
}

#[tokio::test]
async fn a_call_that_fails_for_one_person_holds_up_nobody_else_and_an_outage_is_when_nothing_else_is_answered_either() {
    // The fourth call after three failures is a question.
    for (failures, logins, updates) in [(1, 1, 4), (2, 1, 5), (3, 1, 6), (4, 2, 6)] {
        let mut club = Club::open().await;
        for number in 1..=3 {
            let person = club.visited(&format!("M-{number}"), json!({})).await;
            club.known_as(person, &format!("u-{number}")).await;
            let (lane, key, now) = (club.lane.clone(), format!("M-{number}"), club.clock.now().wall);
            let change = move |tx: &store::Tx<'_>| {
                tx.settle(&[(RowId(2 * number - 1), RowOutcome::Delivered)], now)?;
                tx.enqueue(&lane, FactKind::Person, &key, Some(person), "", now)
            };
            club.store.write("setting the scene", change).await.unwrap();
        }
        club.pretend.calls(vec![Reply::Bytes(500, "text/html", b"<html>".to_vec()); failures]);
        club.start();
        club.settled().await;
        let asked = club.pretend.actions();
        let count = |action| asked.iter().filter(|it| *it == action).count();
        assert_eq!((count("AccessIntegration"), count("Update")), (logins, updates), "after {failures} failures");
        club.stop().await;
    }
}

#[tokio::test]
async fn after_a_visit_whose_answer_was_lost_no_other_is_put_in_doubt() {
    let mut club = Club::open().await;
    for number in 1..=2 {
        let person = club.visited(&format!("M-{number}"), json!({})).await;
        club.known_as(person, &format!("u-{number}")).await;
    }
    club.pretend.calls([Reply::Cut]);
    club.start();
    club.settled().await;
    let logins = club.pretend.actions().iter().filter(|it| *it == "AccessIntegration").count();
    assert_eq!((logins, club.asked().len()), (2, 4), "two visits, one of them twice after a question");
    club.stop().await;
}

#[tokio::test]
async fn a_visit_in_flight_when_the_agent_died_is_in_doubt() {
    let mut club = Club::open().await;
    let person = club.visited("M-1", json!({})).await;
    club.known_as(person, "u-1").await;
    let now = club.clock.now().wall;
    club.store.write("dying in flight", move |tx| tx.begin_row(RowId(1), now)).await.unwrap();
    club.config.on_lost_answer = OnLostAnswer::Park;
    club.start();
    assert!(club.settled().await.contains("visit of M-1: parked the answer was lost"));
    assert_eq!(club.asked(), Vec::<String>::new());
    club.stop().await;
}

//! Answers to commands: remembered once, for a time, and in a bounded number.

use super::*;
use crate::store::{AnswerKept, CommandKey};

fn key(n: u32) -> CommandKey {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&n.to_le_bytes());
    CommandKey(bytes)
}

#[tokio::test]
async fn an_answer_is_remembered_for_a_month_and_with_its_person_only_while_they_are_known() {
    let club = club();
    let anna = club.put(person("M-1", "0415AB")).await;
    club.write(move |tx| tx.remember_answer(&key(1), Some(anna), r#"{"person":"M-1","problems":["x"]}"#, at("09:00")))
        .await;
    let kept = club.read(|view| view.answer_to(&key(1))).await.expect("it was remembered");
    assert_eq!(kept.person, Some(anna));
    let twice = |tx: &Tx<'_>| tx.remember_answer(&key(1), None, "{}", at("09:00"));
    assert!(club.store.write("a story", twice).await.is_err(), "a command has one answer");

    club.write(|tx| tx.erase_person(&name("M-1"), at("10:00"))).await;
    let kept = club.read(|view| view.answer_to(&key(1))).await;
    assert_eq!(kept, Some(AnswerKept { person: None, answer: r#"{"person":null,"problems":[]}"#.to_owned() }));

    let month = Duration::from_secs(30 * 86_400);
    let prune = async |now: Timestamp| club.write(move |tx| tx.prune(&Retention::default(), now, 10)).await;
    assert_eq!(prune(at("09:00") + month).await, 0);
    assert_eq!(prune(at("09:01") + month).await, 1);
    assert_eq!(club.read(|view| view.answer_to(&key(1))).await, None);
}

#[tokio::test]
async fn of_more_answers_than_are_kept_the_oldest_go() {
    let club = club();
    club.write(|tx| (0..100_003).try_for_each(|n| tx.remember_answer(&key(n), None, "{}", at("09:00")))).await;
    assert_eq!(club.write(|tx| tx.prune(&Retention::default(), at("09:00"), 2)).await, 2);
    assert_eq!(club.write(|tx| tx.prune(&Retention::default(), at("09:00"), 2)).await, 1);
    assert_eq!(club.write(|tx| tx.prune(&Retention::default(), at("09:00"), 2)).await, 0);
    let kept = club.read(|view| Ok((view.answer_to(&key(2))?, view.answer_to(&key(3))?))).await;
    assert!(kept.0.is_none() && kept.1.is_some());
}

//! History comes newest first in pages without gaps, and only what is final and old is forgotten.

use super::*;
use crate::store::{HistoryFilter, PassageEntry, Role};

async fn busy_club() -> Club {
    let club = club();
    for number in 0..5 {
        let id = club.put(person(&format!("M-{number}"), &format!("A{number}"))).await;
        club.record(passage(id, Way::In, at("09:00"))).await;
        club.record(passage(id, Way::Out, at(&format!("1{number}:00")))).await;
    }
    club
}

fn everything() -> HistoryFilter {
    HistoryFilter { limit: 500, ..HistoryFilter::default() }
}

async fn passages(club: &Club, filter: HistoryFilter) -> Vec<PassageEntry> {
    club.read(move |view| view.passages(&filter)).await.items
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps_also_among_equal_times() {
    let club = busy_club().await;
    let whole = passages(&club, everything()).await;
    let mut in_pages = Vec::new();
    let mut cursor = None;
    loop {
        let filter = HistoryFilter { limit: 3, cursor: cursor.clone(), ..HistoryFilter::default() };
        let page = club.read(move |view| view.passages(&filter)).await;
        in_pages.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }

    assert_eq!(whole.len(), 10);
    assert_eq!(in_pages, whole);
    assert!(whole.is_sorted_by(|newer, older| newer.at >= older.at));
}

#[tokio::test]
async fn filters_narrow_by_time_person_and_reader() {
    let club = busy_club().await;
    let between = HistoryFilter { from: Some(at("11:00")), to: Some(at("13:00")), ..everything() };
    let of_one = HistoryFilter { person: Some(name("M-3")), ..everything() };
    let exits = HistoryFilter { reader: Some(name("exit")), ..of_one.clone() };
    let of_nobody = HistoryFilter { person: Some(name("M-9")), ..everything() };

    assert_eq!(passages(&club, between).await.iter().map(|it| it.at).collect::<Vec<_>>(), [at("12:00"), at("11:00")]);
    assert_eq!(passages(&club, of_one.clone()).await.len(), 2);
    assert_eq!(passages(&club, exits).await.len(), 1);
    assert_eq!(passages(&club, of_nobody).await.len(), 0);
    let visits = club.read(move |view| view.visits(&of_one)).await.items;
    assert_eq!((visits.len(), visits[0].person.clone()), (1, Some(name("M-3"))));
    assert_eq!(visits[0].delivery.iter().map(|note| note.lane.as_str()).collect::<Vec<_>>(), ["mqtt", "mywellness"]);
}

#[tokio::test]
async fn a_cursor_that_no_page_ended_with_is_refused() {
    let club = club();
    let filter = HistoryFilter { cursor: Some("yesterday".to_owned()), ..everything() };
    let why = club.store.read("listing", move |view| view.passages(&filter)).await.expect_err("no such page");
    assert!(why.to_string().contains("yesterday"), "{why}");
    assert!(club.store.read("listing", |view| view.outbox(None, None, Some("x"), 1)).await.is_err());
    assert!(club.store.read("listing", |view| view.actions(None, None, None, Some("x"), 1)).await.is_err());
}

#[tokio::test]
async fn a_passage_is_served_as_it_was_recorded() {
    let club = club();
    let by_hand = Passage {
        person: None,
        decision: None,
        unknown_badge: Some("CAFE".to_owned()),
        outcome: PassageOutcome::Manual,
        origin: Origin::Operator { name: "desk".to_owned(), reason: "delivery".to_owned() },
        ..passage(PersonId(0), Way::In, at("09:00"))
    };
    club.record(by_hand.clone()).await;

    let served = passages(&club, everything()).await.remove(0);

    let expected = PassageEntry {
        passage_id: by_hand.id,
        at: at("09:00"),
        clock: ClockQuality::Synced,
        gate: name("turnstile"),
        reader: Some(name("entry")),
        direction: Some(Direction::In),
        way: Way::In,
        outcome: PassageOutcome::Manual,
        reasons: Vec::new(),
        person: None,
        unknown_badge: Some("CAFE".to_owned()),
        operator: Some("desk".to_owned()),
        note: Some("delivery".to_owned()),
        visit: None,
        new_visit: false,
        offline: false,
        trace: Vec::new(),
    };
    assert_eq!(served, expected);
}

#[tokio::test]
async fn only_final_rows_and_old_passages_are_forgotten_a_few_at_a_time() {
    let club = busy_club().await;
    let rows = club.read(|view| view.waiting_rows(&name("mqtt"), RowId(0), 100)).await;
    let delivered: Vec<_> = rows.iter().take(4).map(|row| (row.id, RowOutcome::Delivered)).collect();
    club.write(move |tx| tx.settle(&delivered, at("15:00"))).await;
    let waiting = club.number("SELECT count(*) FROM outbox WHERE state = 'pending'").await;
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    let rows = Retention { delivered: hours(24), ..Retention::default() };
    let prune = async |keep: &Retention, clock: &str| {
        let (keep, now) = (keep.clone(), at(clock) + hours(24));
        club.write(move |tx| tx.prune(&keep, now, 3)).await
    };

    assert_eq!(prune(&rows, "15:00").await, 0, "not past their time");
    assert_eq!(prune(&rows, "16:00").await, 3);
    assert_eq!(prune(&rows, "16:00").await, 1);
    assert_eq!(prune(&rows, "16:00").await, 0);
    let passages = Retention { passages: Some(hours(30)), ..rows };
    assert_eq!(prune(&passages, "16:00").await, 3);
    assert_eq!(prune(&passages, "16:00").await, 2);
    assert_eq!(club.number("SELECT count(*) FROM passage").await, 5);
    assert_eq!(club.number("SELECT count(*) FROM outbox WHERE state = 'pending'").await, waiting);
    assert_eq!(club.number("SELECT count(*) FROM visit").await, 5);
    let lanes = club.read(|view| view.lanes(&[])).await;
    assert!(lanes.iter().all(|lane| lane.delivered == 0), "pruned rows are no longer counted");

    club.write(|tx| tx.set_gate_mode(&name("turnstile"), GateMode::Free, "desk", "party", at("09:00"))).await;
    let all = Retention { visits: Some(hours(30)), commands: Some(hours(30)), ..passages };
    assert_eq!(prune(&all, "14:59").await, 0, "nothing of them began before 08:59");
    assert_eq!(prune(&all, "16:00").await, 4, "three visits of five, as many as go at a time, and the command");
    assert_eq!(club.number("SELECT count(*) FROM operator_command").await, 0);
}

#[tokio::test]
async fn gate_modes_and_tokens_are_remembered() {
    let club = club();
    let set = async |mode| {
        club.write(move |tx| tx.set_gate_mode(&name("turnstile"), mode, "desk", "party", at("09:00"))).await
    };
    set(GateMode::Free).await;
    set(GateMode::Locked).await;
    assert_eq!(club.read(|view| view.gate_modes()).await, [(name("turnstile"), GateMode::Locked)]);
    assert_eq!(club.number("SELECT count(*) FROM operator_command WHERE operator = 'desk'").await, 2);

    let keep = async |label: &'static str, byte| {
        club.write(move |tx| tx.insert_token(label, Role::Operator, &[byte; 32], at("09:00"))).await
    };
    keep("desk", 1).await;
    keep("desk", 2).await;
    let other = keep("gateway", 3).await;
    let revoke = async |which: String| club.write(move |tx| tx.revoke_tokens(&which, at("10:00"))).await;
    assert_eq!(revoke("desk".to_owned()).await, 2);
    assert_eq!(revoke("desk".to_owned()).await, 0);
    let found = club.read(|view| view.token_by_hash(&[3; 32])).await.expect("the token is known");
    assert_eq!((found.id, found.role, found.revoked_at), (other, Role::Operator, None));
    assert_eq!(revoke(other.to_string()).await, 1);
    assert!(club.read(|view| view.tokens()).await.iter().all(|token| token.revoked_at == Some(at("10:00"))));
}

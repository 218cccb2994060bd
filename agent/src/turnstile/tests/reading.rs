//! A badge at the turnstile: the gate first, the disk after it.

use super::*;

#[tokio::test]
async fn the_gate_opens_before_the_passage_is_written_down() {
    let mut stand = stand(Confirm::Assumed).await;
    let writer = stand.writer_hangs().await;
    stand.read("entry", ANNA).await;
    stand.opens().await;
    assert_eq!(stand.shows().await, [MemberText::Welcome]);
    assert!(stand.passages().await.is_empty(), "the disk has not answered yet");

    drop(writer);
    assert_eq!(stand.records().await, PassageOutcome::Passed);
    assert_eq!(stand.passages().await.len(), 1);
}

#[tokio::test]
async fn a_repeated_badge_is_shown_the_same_and_does_nothing_else() {
    let mut stand = stand(Confirm::Assumed).await;
    stand.read("entry", ANNA).await;
    stand.opens().await;
    assert_eq!(stand.records().await, PassageOutcome::Passed);
    stand.read("entry", ANNA).await;
    assert_eq!(stand.shows().await, [MemberText::Welcome], "the card still lies there");
    // Whoever comes next is answered after the repeat was dealt with.
    stand.read("entry", "FF").await;
    assert_eq!(stand.records().await, PassageOutcome::Denied);

    assert!(stand.commands.try_recv().is_err(), "it opened once");
    assert_eq!(stand.passages().await.len(), 2, "Anna's passage and the stranger's");
}

#[tokio::test]
async fn a_gate_whose_commands_pile_up_lets_nobody_pass_and_says_so_in_the_records() {
    let mut stand = stand(Confirm::Assumed).await;
    for _ in 0..GATE_COMMANDS_MAX {
        stand.queue.try_send(GateCommand::Open).unwrap();
    }
    stand.read("entry", ANNA).await;
    assert_eq!(stand.records().await, PassageOutcome::NotPassed);

    for _ in 0..GATE_COMMANDS_MAX {
        stand.is_told_to_open().await;
    }
    stand.read("entry", ANNA).await;
    stand.opens().await;
    assert_eq!(stand.records().await, PassageOutcome::Passed, "the next read is decided afresh");
}

#[tokio::test]
async fn what_is_under_way_when_the_door_closes_is_written_down_and_nothing_stays_reserved() {
    let mut stand = stand(Confirm::Rotation).await;
    stand.read("entry", ANNA).await;
    stand.opens().await;
    let (store, desk, anna, clock) = (stand.store.clone(), stand.desk.clone(), stand.anna().await, stand.clock.clone());
    stand.ends().await;

    let filter = HistoryFilter { limit: 9, ..HistoryFilter::default() };
    let passages = store.read("a story", move |view| view.passages(&filter)).await.unwrap().items;
    assert_eq!(passages.iter().map(|it| it.outcome).collect::<Vec<_>>(), [PassageOutcome::NotPassed]);
    let policy = world::policy();
    let question = Question {
        right: Right::Own,
        who: Who::Person(anna),
        reader: policy.readers[&"entry".parse::<ReaderId>().unwrap()].clone(),
        mode: GateMode::Normal,
        policy: Arc::new(policy),
        at: clock.now().wall,
    };
    assert!(desk.inquire(question).await.unwrap().decision.grant().is_some(), "her one entry is free again");
}

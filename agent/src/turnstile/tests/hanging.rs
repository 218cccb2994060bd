//! A store that hangs: nobody waits for it at the gate, and nobody is kept inside.

use super::*;

#[tokio::test]
async fn without_the_store_nobody_enters_and_everybody_may_leave() {
    let mut stand = stand(Confirm::Assumed).await;
    let look_ups = stand.look_ups_hang().await;
    stand.read("entry", ANNA).await;
    assert_eq!(stand.shows().await, [MemberText::Reason(Reason::StoreUnavailable)]);
    stand.read("exit", ANNA).await;
    stand.opens().await;

    drop(look_ups);
    stand.read("entry", "FF").await;
    let denied = stand.shows().await;
    assert_eq!(denied, [MemberText::Goodbye], "what the exit showed comes first");
    assert_eq!(stand.shows().await, [MemberText::Reason(Reason::UnknownCredential)], "the store answers again");
}

#[tokio::test]
async fn a_grant_that_came_too_late_keeps_nothing_reserved() {
    let mut stand = stand(Confirm::Assumed).await;
    let look_ups = stand.look_ups_hang().await;
    stand.read("entry", ANNA).await;
    assert_eq!(stand.shows().await, [MemberText::Reason(Reason::StoreUnavailable)]);
    drop(look_ups);

    // The same person at the other reader of the way in, since the entry takes her for a repeat.
    stand.read("court", ANNA).await;
    stand.opens().await;
    assert_eq!(stand.shows().await, [MemberText::Welcome]);
}

#[tokio::test]
async fn a_mode_that_waits_for_the_disk_holds_nobody_up() {
    let mut stand = stand(Confirm::Assumed).await;
    let writer = stand.writer_hangs().await;
    let (answer, answered) = oneshot::channel();
    let (operator, reason) = ("desk".to_owned(), "closing".to_owned());
    stand.orders.send(GateOrder::Mode(ModeOrder { operator, mode: GateMode::Locked, reason, answer })).await.unwrap();
    while stand.orders.capacity() < GATE_ORDERS_MAX {
        tokio::task::yield_now().await;
    }
    stand.read("entry", ANNA).await;
    stand.opens().await;

    drop(writer);
    assert_eq!(soon(answered).await.unwrap(), Ok(()));
}

#[tokio::test]
async fn who_did_not_walk_through_may_try_again_before_the_disk_has_it() {
    let mut stand = stand(Confirm::Rotation).await;
    let writer = stand.writer_hangs().await;
    stand.read("entry", ANNA).await;
    stand.opens().await;
    assert_eq!(stand.shows().await, [MemberText::Welcome]);
    // Until the time-out her badge is a repeat and shown the same; after it, her one entry is still hers.
    while stand.commands.try_recv().is_err() {
        stand.read("entry", ANNA).await;
        assert_eq!(stand.shows().await, [MemberText::Welcome]);
    }
    assert!(stand.passages().await.is_empty(), "the disk has not answered yet");
    drop(writer);
    assert_eq!(stand.records().await, PassageOutcome::NotPassed);
}

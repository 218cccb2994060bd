//! What operators order: openings by hand and modes.

use super::*;

impl Stand {
    async fn orders_to_open(
        &self,
        reader: &str,
        person: Option<PersonId>,
    ) -> oneshot::Receiver<Result<Opened, OrderRefused>> {
        let (answer, answered) = oneshot::channel();
        let (operator, reason) = ("desk".to_owned(), "forgot the card".to_owned());
        let order = OpenOrder { operator, reason, person, reader: reader.parse().unwrap(), answer };
        self.orders.send(GateOrder::Open(order)).await.unwrap();
        answered
    }

    async fn orders_mode(&self, mode: GateMode) {
        let (answer, answered) = oneshot::channel();
        let (operator, reason) = ("desk".to_owned(), "party".to_owned());
        self.orders.send(GateOrder::Mode(ModeOrder { operator, mode, reason, answer })).await.unwrap();
        assert_eq!(soon(answered).await.unwrap(), Ok(()));
    }
}

#[tokio::test]
async fn an_opening_by_hand_is_a_confirmed_passage_and_makes_a_visit() {
    let mut stand = stand(Confirm::Rotation).await;
    let anna = stand.anna().await;
    let answered = stand.orders_to_open("entry", Some(anna)).await;
    stand.opens().await;
    let opened = soon(answered).await.unwrap().unwrap();
    assert!(opened.new_visit.is_some(), "by the same rules as a badge");
    let passages = stand.passages().await;
    assert_eq!(passages.len(), 1);
    assert_eq!((passages[0].passage_id, passages[0].outcome), (opened.passage_id, PassageOutcome::Manual));
    assert_eq!(passages[0].operator.as_deref(), Some("desk"));
}

#[tokio::test]
async fn an_operator_hears_that_the_board_cannot_be_reached() {
    let mut stand = stand(Confirm::Assumed).await;
    let answered = stand.orders_to_open("entry", None).await;
    stand.is_told_to_open().await;
    let failed = DoorEvent::OpenFailed { gate: gate(Confirm::Assumed).id, why: "unplugged".to_owned() };
    stand.door.send(failed).await.unwrap();
    assert_eq!(soon(answered).await.unwrap(), Err(OrderRefused::Unreachable("unplugged".to_owned())));
}

#[tokio::test]
async fn an_opening_that_the_board_never_confirmed_is_not_told_as_one() {
    let mut stand = stand(Confirm::Assumed).await;
    let answered = stand.orders_to_open("entry", None).await;
    stand.is_told_to_open().await;
    let refused = soon(answered).await.unwrap().unwrap_err();
    assert!(matches!(refused, OrderRefused::Unreachable(_)), "{refused}");
    assert_eq!(stand.passages().await[0].outcome, PassageOutcome::NotPassed);
}

#[tokio::test]
async fn a_board_that_fails_one_opening_does_not_take_back_the_one_before() {
    let mut stand = stand(Confirm::Assumed).await;
    let writer = stand.writer_hangs().await;
    let first = stand.orders_to_open("entry", None).await;
    stand.opens().await;
    stand.shows().await;
    let second = stand.orders_to_open("entry", None).await;
    stand.is_told_to_open().await;
    let failed = DoorEvent::OpenFailed { gate: gate(Confirm::Assumed).id, why: "unplugged".to_owned() };
    stand.door.send(failed).await.unwrap();
    soon(second).await.unwrap().unwrap_err();

    drop(writer);
    assert!(soon(first).await.unwrap().is_ok(), "that one opened");
}

#[tokio::test]
async fn a_mode_is_in_force_and_remembered_once_it_is_answered() {
    let mut stand = stand(Confirm::Assumed).await;
    stand.orders_mode(GateMode::Locked).await;
    let modes = stand.store.read("a story", |view| view.gate_modes()).await.unwrap();
    assert_eq!(modes, [(gate(Confirm::Assumed).id, GateMode::Locked)]);
    stand.read("entry", ANNA).await;
    assert_eq!(stand.shows().await, [MemberText::Reason(Reason::GateLocked)]);

    stand.orders_mode(GateMode::Free).await;
    stand.read("entry", "FF").await;
    stand.opens().await;
    assert_eq!(stand.records().await, PassageOutcome::Denied, "Anna's");
    assert_eq!(stand.records().await, PassageOutcome::Free);
}

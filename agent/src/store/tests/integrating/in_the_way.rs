//! Stories about what is in the way of telling people, and what becomes of the others meanwhile.

use super::*;

#[tokio::test]
async fn whoever_mywellness_keeps_failing_at_is_set_aside_for_others_and_still_shown() {
    let club = club();
    let one_at_a_time =
        async || club.write(|tx| tx.plan_due(&name(LANE), (1, 1), &rules(), &noon(TODAY))).await.looked_at;
    club.put(anna()).await;
    club.put(Person { external_id: name("M-2"), credentials: Vec::new(), ..anna() }).await;
    assert_eq!((one_at_a_time().await, one_at_a_time().await), (1, 0));
    let failed = || RowOutcome::Failed("status 500".to_owned());
    club.answer(FactKind::Person, failed(), None).await;
    assert_eq!(one_at_a_time().await, 0, "the first may be an accident");
    club.answer(FactKind::Person, failed(), None).await;
    assert_eq!(club.state().await, (SyncState::New, Some(Cause::Failing)));
    assert_eq!((one_at_a_time().await, club.marks().await.len()), (1, 2));
    let counts = club.read(|view| view.sync_counts(at("10:00"))).await;
    assert_eq!((counts.remaining, counts.causes), (2, vec![(Cause::Failing, 1)]));
    assert_eq!(counts.put_off, [("status 500".to_owned(), 1)]);
    club.write(|tx| tx.plan_anew()).await;
    assert_eq!((one_at_a_time().await, one_at_a_time().await), (1, 1), "the first is set aside again");
    club.answer(FactKind::Person, RowOutcome::Delivered, None).await;
    assert_eq!((club.state().await, club.remaining().await), ((SyncState::Enabled, None), 1));
}

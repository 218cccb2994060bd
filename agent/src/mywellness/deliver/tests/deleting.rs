//! Stories of people who are to be deleted there, and whose answer had not come when that was ordered.

use super::*;
use crate::store::DeletionOrdered;

/// Orders the deletion there of somebody who is erased here.
async fn erased(club: &Club) -> DeletionOrdered {
    let now = club.clock.now().wall;
    let erasing = club.store.write("an erasure", move |tx| {
        let ordered = tx.order_remote_deletion(&"M-1".parse().unwrap(), now)?;
        tx.erase_person(&"M-1".parse().unwrap(), now).map(|_| ordered)
    });
    erasing.await.unwrap()
}

/// Somebody to be made known, whose creation was begun and not answered.
async fn begun(club: &Club) {
    let person = club.visited("M-1", json!({})).await;
    let (lane, now) = (club.lane.clone(), club.clock.now().wall);
    let writing = club.store.write("setting the scene", move |tx| {
        tx.settle(&[(RowId(1), RowOutcome::Delivered)], now)?;
        tx.enqueue(&lane, FactKind::Person, "M-1", Some(person), "", now)?;
        tx.begin_row(RowId(2), now)
    });
    writing.await.unwrap();
}

#[tokio::test]
async fn who_is_erased_before_the_answer_that_makes_them_known_is_looked_up_there_and_deleted() {
    let mut club = Club::open().await;
    begun(&club).await;
    assert_eq!(erased(&club).await, DeletionOrdered::LookedUp);
    club.pretend.calls([matched("Success", "u-1")]);
    club.start();
    club.settled().await;
    assert_eq!(club.asked(), ["GetFacilityUserByExternalID", "Delete"]);
    assert!(club.pretend.asked().last().unwrap().path.ends_with("/core/facilityuser/fu-1/Delete"));
    let order = club.rows().await.remove(2);
    assert_eq!((order.key.as_str(), order.state.as_str()), ("erasure", "delivered"), "nothing is kept of them");
    club.stop().await;
}

#[tokio::test]
async fn who_is_erased_while_they_are_made_known_is_deleted_under_the_ids_that_come() {
    let club = Club::open().await;
    begun(&club).await;
    assert_eq!(erased(&club).await, DeletionOrdered::LookedUp);
    let (lane, now) = (club.lane.clone(), club.clock.now().wall);
    let link = Link { user_id: "u".into(), facility_user_id: "fu".into(), permanent_token: None, linked_at: now };
    let coming = club.store.write("an answer", move |tx| {
        let saved = tx.save_link(&lane, PersonId(1), &link)?;
        tx.name_in_deletion(&"M-1".parse().unwrap(), &link.facility_user_id, now)?;
        Ok((saved, tx.waiting_rows(&lane, RowId(0), 9)?))
    });
    let (saved, mut rows) = coming.await.unwrap();
    assert_eq!((saved, rows.len()), (LinkSaved::Unwanted, 1));
    assert_eq!(rows.remove(0).body, r#"{"facility_user_id":"fu"}"#);
}

#[tokio::test]
async fn nothing_is_asked_of_mywellness_about_somebody_it_was_never_told_of() {
    let club = Club::open().await;
    club.visited("M-1", json!({})).await;
    assert_eq!(erased(&club).await, DeletionOrdered::Nothing);
}

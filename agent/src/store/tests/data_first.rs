//! Stories about visits that wait for what is marked of their person.

use super::{Club, at, club, name, person};
use crate::domain::*;
use crate::store::{HeldVisits, Link};
use crate::sync::{Attempt, Command};

const LANE: &str = "mywellness";

/// Anna, known at Mywellness, with a mark that waits and a visit that was written before it.
async fn anna_came_first(club: &Club) -> PersonId {
    let id = club.put(person("M-1", "A1")).await;
    let (user_id, facility_user_id) = ("u".to_owned(), "f".to_owned());
    let link = Link { user_id, facility_user_id, permanent_token: None, linked_at: at("09:00") };
    club.write(move |tx| {
        tx.save_link(&name(LANE), id, &link)?;
        tx.enqueue(&name(LANE), FactKind::Visit, "came", Some(id), "{}", at("09:10"))?;
        tx.enqueue(&name(LANE), FactKind::Membership, "M-1", Some(id), "", at("09:20"))
    })
    .await;
    id
}

/// The lane says of a row what became of it.
async fn settle(club: &Club, kind: FactKind, outcome: RowOutcome) {
    let rows = club.read(|view| view.waiting_rows(&name(LANE), RowId(0), 10)).await;
    let row = rows.into_iter().find(|row| row.kind == kind).expect("such a row waits");
    let attempt = Attempt {
        person: row.person.expect("it is Anna's"),
        kind,
        outcome: outcome.clone(),
        cause: None,
        told: None,
        candidates: Vec::new(),
    };
    club.write(move |tx| {
        tx.settle(&[(row.id, outcome.clone())], at("09:30"))?;
        if kind == FactKind::Visit {
            Ok(())
        } else {
            tx.note_attempts(&name(LANE), std::slice::from_ref(&attempt), at("09:30"))
        }
    })
    .await;
}

async fn visit(club: &Club) -> (RowState, Option<Hold>) {
    let rows = club.read(|view| view.outbox(Some(&name(LANE)), None, None, 10)).await.items;
    let visit = rows.into_iter().find(|row| row.kind == FactKind::Visit).expect("she came");
    (visit.state, visit.held_for)
}

const WAITS: (RowState, Option<Hold>) = (RowState::Held, Some(Hold::Data));
const GOES: (RowState, Option<Hold>) = (RowState::Pending, None);

#[tokio::test]
async fn a_visit_waits_for_the_marks_of_its_person_whatever_becomes_of_them() {
    let ends = [
        RowOutcome::Delivered,
        RowOutcome::Never("refused".to_owned()),
        RowOutcome::Suppressed("opted out".to_owned()),
        RowOutcome::Held(Hold::Approval),
    ];
    for end in ends {
        let club = club();
        let id = anna_came_first(&club).await;
        assert!(club.read(move |view| view.marks_wait(&name(LANE), id)).await);
        settle(&club, FactKind::Visit, RowOutcome::Held(Hold::Data)).await;
        assert_eq!(visit(&club).await, WAITS);
        settle(&club, FactKind::Membership, RowOutcome::Later("busy".to_owned())).await;
        settle(&club, FactKind::Membership, RowOutcome::Unsure("reset".to_owned())).await;
        assert_eq!(visit(&club).await, WAITS, "that is not the end of it");
        let mut changes = club.store.outbox_changes();
        changes.borrow_and_update();
        settle(&club, FactKind::Membership, end.clone()).await;
        assert_eq!(visit(&club).await, GOES, "{end:?}");
        assert!(changes.has_changed().expect("the store lives"), "the lane looks again");
    }
}

#[tokio::test]
async fn a_visit_goes_on_when_an_operator_gives_up_what_it_waits_for() {
    let club = club();
    anna_came_first(&club).await;
    let rows = club.read(|view| view.waiting_rows(&name(LANE), RowId(0), 10)).await;
    let mark = rows.into_iter().find(|row| row.kind == FactKind::Membership).expect("it waits").id;
    settle(&club, FactKind::Visit, RowOutcome::Held(Hold::Data)).await;
    club.write(move |tx| tx.discard_row(mark, "Sara", "a test row", at("09:40"))).await;
    assert_eq!(visit(&club).await, GOES);
    // The lane read it before the mark was given up, and says so only after.
    settle(&club, FactKind::Visit, RowOutcome::Held(Hold::Data)).await;
    assert_eq!(visit(&club).await, GOES, "nothing would release it");
}

#[tokio::test]
async fn a_suspension_takes_over_what_waits_for_data() {
    let club = club();
    anna_came_first(&club).await;
    settle(&club, FactKind::Visit, RowOutcome::Held(Hold::Data)).await;
    let command = async |command| {
        club.write(move |tx| tx.command_sync(&name("M-1"), command, HeldVisits::Send, "Sara", at("10:00"))).await
    };
    command(Command::Suspend).await.expect("it goes");
    assert_eq!(visit(&club).await, (RowState::Held, Some(Hold::Suspension)));
    command(Command::Enable).await.expect("it ends");
    assert_eq!(visit(&club).await, WAITS);
    settle(&club, FactKind::Membership, RowOutcome::Delivered).await;
    assert_eq!(visit(&club).await, GOES);
}

//! Stories about visits that wait for what is marked of their person.

use proptest::prelude::*;

use super::{Club, at, club, name, person};
use crate::domain::*;
use crate::store::error::during;
use crate::store::{HeldVisits, Link, StoreError, Tx};
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

#[derive(Clone, Debug)]
enum Event {
    Comes,
    Changes,
    Planned,
    Linked,
    Told { row: usize, outcome: RowOutcome },
    Begun { row: usize },
    GivenUp { row: usize },
    Retried { row: i64 },
    Commanded { command: Command, visits: HeldVisits },
    Restarted,
}

fn event() -> impl Strategy<Value = Event> {
    let outcome = prop_oneof![
        4 => Just(RowOutcome::Delivered),
        1 => Just(RowOutcome::Later("busy".to_owned())),
        1 => Just(RowOutcome::Unsure("reset".to_owned())),
        1 => Just(RowOutcome::Never("refused".to_owned())),
        1 => Just(RowOutcome::Suppressed("no".to_owned())),
        1 => prop_oneof![Just(Hold::Link), Just(Hold::Suspension), Just(Hold::Approval)].prop_map(RowOutcome::Held),
        3 => Just(RowOutcome::Held(Hold::Data)),
    ];
    let command = prop_oneof![
        10 => Just(Command::Synchronize),
        3 => Just(Command::Suspend),
        10 => Just(Command::Enable),
        1 => Just(Command::Delete),
    ];
    let visits = prop_oneof![Just(HeldVisits::Send), Just(HeldVisits::Discard)];
    prop_oneof![
        3 => Just(Event::Comes),
        2 => Just(Event::Changes),
        3 => Just(Event::Planned),
        3 => Just(Event::Linked),
        8 => (0..4_usize, outcome).prop_map(|(row, outcome)| Event::Told { row, outcome }),
        1 => (0..4_usize).prop_map(|row| Event::Begun { row }),
        2 => (0..4_usize).prop_map(|row| Event::GivenUp { row }),
        1 => (1..60_i64).prop_map(|row| Event::Retried { row }),
        2 => (command, visits).prop_map(|(command, visits)| Event::Commanded { command, visits }),
        1 => Just(Event::Restarted),
    ]
}

/// What the agent does of Anna, whose row it is; `number` tells the events apart.
fn happen(tx: &Tx<'_>, anna: PersonId, event: &Event, number: usize) -> Result<(), StoreError> {
    let (lane, key, now) = (name::<LaneId>(LANE), name::<ExternalId>("M-1"), at("10:00"));
    let waiting = |row: usize| Ok::<_, StoreError>(tx.waiting_rows(&lane, RowId(0), 10)?.into_iter().nth(row));
    match event {
        Event::Comes => {
            tx.enqueue(&lane, FactKind::Visit, &format!("visit {number}"), Some(anna), r#"{"person":"M-1"}"#, now)?;
        }
        Event::Changes => {
            let mobile = Some(format!("+39 333 {number}"));
            tx.put_person(&Person { mobile, ..super::integrating::anna() }, now).map(drop)?;
        }
        Event::Planned => {
            let noon = now.in_tz("Europe/Rome").expect("a zone");
            tx.plan_due(&lane, (10, 10), &super::integrating::rules(), &noon).map(drop)?;
        }
        Event::Linked => {
            let (user_id, facility_user_id) = ("u".to_owned(), "f".to_owned());
            tx.save_link(&lane, anna, &Link { user_id, facility_user_id, permanent_token: None, linked_at: now })?;
        }
        Event::Told { row, outcome } => {
            let Some(row) = waiting(*row)? else { return Ok(()) };
            // Only what a member did is held for data.
            let is_mark = row.body.is_empty() || row.kind == FactKind::Erasure;
            let outcome =
                if is_mark && *outcome == RowOutcome::Held(Hold::Data) { &RowOutcome::Delivered } else { outcome };
            tx.settle(&[(row.id, outcome.clone())], now)?;
            if let Some(person) = row.person.filter(|_| is_mark) {
                let (kind, outcome, candidates) = (row.kind, outcome.clone(), Vec::new());
                let attempt = Attempt { person, kind, outcome, cause: None, told: None, candidates };
                tx.note_attempts(&lane, &[attempt], now)?;
            }
        }
        Event::Begun { row } => {
            let Some(row) = waiting(*row)? else { return Ok(()) };
            tx.begin_row(row.id, now)?;
        }
        Event::GivenUp { row } => {
            let Some(row) = waiting(*row)? else { return Ok(()) };
            tx.discard_row(row.id, "Sara", "why not", now)?;
        }
        Event::Retried { row } => drop(tx.retry_row(RowId(*row), "Sara", now)?),
        Event::Commanded { command, visits } => drop(tx.command_sync(&key, *command, *visits, "Sara", now)?),
        Event::Restarted => {
            tx.unsettle_in_flight(&lane, now)?;
            tx.plan_anew()?;
        }
    }
    Ok(())
}

/// What would never go on: nothing that waits would release it.
const STUCK: &str = "SELECT count(*) FROM outbox stuck WHERE held_for = 'data'
    AND NOT EXISTS (SELECT 1 FROM integration WHERE person = stuck.person AND due = 1)
    AND NOT EXISTS (SELECT 1 FROM outbox WHERE person = stuck.person AND body = ''
        AND (state = 'pending' OR state = 'in_flight' OR state = 'unsure'))";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn whatever_happens_nothing_waits_for_data_that_nobody_will_tell(events in proptest::collection::vec(event(), 50..200)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let club = club();
        let happening = club.store.write("a life", move |tx| {
            tx.put_person(&super::integrating::anna(), at("09:00"))?;
            let anna = tx.person_id(&name("M-1"))?.expect("she was put");
            happen(tx, anna, &Event::Linked, 0)?;
            for (number, event) in events.iter().enumerate() {
                happen(tx, anna, event, number)?;
                let stuck: Option<i64> = during("looking for what is stuck", || tx.one(STUCK, [], |row| row.get(0)))?;
                assert_eq!(stuck, Some(0), "after {event:?}");
            }
            Ok(())
        });
        prop_assert!(runtime.block_on(happening).is_ok());
    }
}

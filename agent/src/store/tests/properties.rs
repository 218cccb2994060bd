//! Whatever happens in whatever order, the books balance.

use proptest::prelude::*;

use super::*;
use crate::store::error::during;

/// People of the stories: few, so that they meet themselves.
const PEOPLE: usize = 3;

#[derive(Clone, Debug)]
enum Event {
    Put { who: usize, entries: u32 },
    Erase { who: usize },
    Walk { who: usize, way: Way, outcome: PassageOutcome },
    Again,
    Wait { minutes: i64 },
    Sweep,
    Settle { row: i64, outcome: RowOutcome },
    Begin { row: i64 },
    Restart,
    Retry { row: i64 },
    Discard { row: i64 },
    Receipt,
}

fn event() -> impl Strategy<Value = Event> {
    let who = 0..PEOPLE;
    let row = 1..30_i64;
    let way = prop_oneof![Just(Way::In), Just(Way::Out)];
    let outcome = prop_oneof![
        4 => Just(PassageOutcome::Passed),
        1 => Just(PassageOutcome::NotPassed),
        1 => Just(PassageOutcome::Manual),
        1 => Just(PassageOutcome::Denied),
    ];
    let settled = prop_oneof![
        Just(RowOutcome::Delivered),
        Just(RowOutcome::Sent),
        Just(RowOutcome::Later("later".to_owned())),
        Just(RowOutcome::Unsure("unsure".to_owned())),
        Just(RowOutcome::Held(Hold::Link)),
        Just(RowOutcome::Never("never".to_owned())),
        Just(RowOutcome::Suppressed("no".to_owned())),
    ];
    prop_oneof![
        3 => (who.clone(), 0..3_u32).prop_map(|(who, entries)| Event::Put { who, entries }),
        1 => who.clone().prop_map(|who| Event::Erase { who }),
        8 => (who, way, outcome).prop_map(|(who, way, outcome)| Event::Walk { who, way, outcome }),
        1 => Just(Event::Again),
        2 => (-60..900_i64).prop_map(|minutes| Event::Wait { minutes }),
        1 => Just(Event::Sweep),
        4 => (row.clone(), settled).prop_map(|(row, outcome)| Event::Settle { row, outcome }),
        2 => row.clone().prop_map(|row| Event::Begin { row }),
        1 => Just(Event::Restart),
        1 => row.clone().prop_map(|row| Event::Retry { row }),
        1 => row.prop_map(|row| Event::Discard { row }),
        1 => Just(Event::Receipt),
    ]
}

/// The club as the events go through it.
struct Day {
    now: Timestamp,
    ids: [PersonId; PEOPLE],
    last: Option<Passage>,
}

impl Day {
    fn happen(&mut self, tx: &Tx<'_>, event: &Event) -> Result<(), StoreError> {
        let key = |who: usize| name::<ExternalId>(&format!("M-{who}"));
        match event {
            Event::Put { who, entries } => {
                let person = person_with_entries(key(*who).as_str(), &format!("A{who}"), *entries);
                tx.put_person(&person, self.now)?;
                self.ids[*who] = tx.person_id(&key(*who))?.expect("the person was put");
            }
            Event::Erase { who } => drop(tx.erase_person(&key(*who), self.now)?),
            Event::Walk { who, way, outcome } => {
                let mut walk = passage_on_punch_card(self.ids[*who], self.now);
                if *way == Way::Out {
                    walk = passage(self.ids[*who], Way::Out, self.now);
                }
                walk.outcome = *outcome;
                tx.record(&walk, &policy(), &lanes(), self.now)?;
                self.last = Some(walk);
            }
            Event::Again => {
                if let Some(last) = &self.last {
                    assert!(tx.record(last, &policy(), &lanes(), self.now)?.already);
                }
            }
            Event::Wait { minutes } => self.now += jiff::Span::new().minutes(*minutes),
            Event::Sweep => drop(tx.end_stale_presences(&policy(), self.now, self.now)?),
            Event::Settle { row, outcome } => tx.settle(&[(RowId(*row), outcome.clone())], self.now)?,
            Event::Begin { row } => tx.begin_row(RowId(*row), self.now)?,
            Event::Restart => drop(tx.unsettle_in_flight(&name("mywellness"), self.now)?),
            Event::Retry { row } => drop(tx.retry_row(RowId(*row), "desk", self.now)?),
            Event::Discard { row } => drop(tx.discard_row(RowId(*row), "desk", "why not", self.now)?),
            Event::Receipt => {
                let sent = tx.unreceipted_rows(&name("mqtt"), Timestamp::MAX, 3)?;
                let keys: Vec<_> = sent.into_iter().map(|row| row.key).collect();
                tx.receipts(&name("mqtt"), &keys, self.now)?;
            }
        }
        Ok(())
    }
}

/// Each must count nothing, whatever happened.
const NEVER: [(&str, &str); 7] = [
    (
        "two open visits of one person",
        "SELECT count(*) FROM (SELECT 1 FROM visit WHERE ended_at IS NULL AND person IS NOT NULL
         GROUP BY person HAVING count(*) > 1)",
    ),
    (
        "an occupancy that is not the number present",
        "SELECT count(*) FROM occupancy o WHERE people <> (SELECT count(*) FROM presence p WHERE p.zone = o.zone AND NOT over)",
    ),
    (
        "an entry consumed by no visit",
        "SELECT count(*) FROM consumption c WHERE NOT EXISTS
         (SELECT 1 FROM visit v WHERE v.id = c.visit AND v.person = c.person AND v.entries_taken = 1)",
    ),
    ("an entry taken from an empty card", "SELECT count(*) FROM visit WHERE overdrawn AND entries_taken > 0"),
    (
        "a visit that is not told to the central system",
        "SELECT abs((SELECT count(*) FROM visit) - (SELECT count(*) FROM outbox WHERE lane = 'mqtt' AND kind = 'visit'))",
    ),
    ("a visit that ended before it began", "SELECT count(*) FROM visit WHERE ended_at < started_at"),
    (
        "a trace of somebody who is not there",
        "SELECT count(*) FROM outbox o WHERE person IS NOT NULL AND NOT EXISTS (SELECT 1 FROM person p WHERE p.id = o.person)",
    ),
];

fn books_balance(tx: &Tx<'_>) -> Result<(), StoreError> {
    for (what, sql) in NEVER {
        let found: Option<i64> = during("checking the books", || tx.one(sql, [], |row| row.get(0)))?;
        assert_eq!(found, Some(0), "{what}");
    }
    let rows = tx.outbox(None, None, None, 500)?.items;
    for lane in tx.lanes(&[])? {
        let count = |states: &[RowState]| {
            rows.iter().filter(|row| row.lane == lane.lane && states.contains(&row.state)).count() as u64
        };
        assert_eq!(lane.waiting, count(&[RowState::Pending, RowState::InFlight, RowState::Unsure]));
        assert_eq!((lane.sent, lane.held), (count(&[RowState::Sent]), count(&[RowState::Held])));
        assert_eq!((lane.parked, lane.delivered), (count(&[RowState::Parked]), count(&[RowState::Delivered])));
    }
    for row in rows {
        assert!(!row.state.is_final() || row.held_for.is_none());
        let counted = row.attempts > 0 || !matches!(row.state, RowState::InFlight | RowState::Unsure | RowState::Sent);
        assert!(counted, "{row:?} was tried and not counted");
    }
    Ok(())
}

/// Final rows stay as they are; returns the rows that are final now.
fn final_rows(tx: &Tx<'_>, before: &[(RowId, RowState)]) -> Result<Vec<(RowId, RowState)>, StoreError> {
    let rows = tx.outbox(None, None, None, 500)?.items;
    let now: Vec<_> = rows.iter().filter(|row| row.state.is_final()).map(|row| (row.id, row.state)).collect();
    assert!(before.iter().all(|row| now.contains(row)), "a final row changed: {before:?} {now:?}");
    Ok(now)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_books_balance_after_every_event(events in proptest::collection::vec(event(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let club = club();
        let day = club.store.write("a day", move |tx| {
            let mut day = Day { now: at("09:00"), ids: [PersonId(0); PEOPLE], last: None };
            let mut done = Vec::new();
            for event in &events {
                day.happen(tx, event)?;
                books_balance(tx)?;
                done = final_rows(tx, &done)?;
            }
            Ok(())
        });
        prop_assert!(runtime.block_on(day).is_ok());
    }
}

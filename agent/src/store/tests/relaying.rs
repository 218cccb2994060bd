//! Rows change state only as drawn, each attempt is counted once, and a lost answer is never forgotten.

use expect_test::expect;

use super::*;
use crate::store::error::during;
use crate::store::{HistoryFilter, Link, LinkSaved};

const LANE: &str = "mywellness";

async fn enqueue(club: &Club, key: &'static str, who: Option<PersonId>) -> RowId {
    club.write(move |tx| {
        tx.enqueue(&name(LANE), FactKind::Visit, key, who, r#"{"person":"M-1"}"#, at("09:00"))?;
        Ok(RowId(tx.last_row()))
    })
    .await
}

async fn settle(club: &Club, row: RowId, outcome: RowOutcome) {
    club.write(move |tx| tx.settle(&[(row, outcome.clone())], at("10:00"))).await;
}

async fn begin(club: &Club, row: RowId) {
    club.write(move |tx| tx.begin_row(row, at("10:00"))).await;
}

async fn entry(club: &Club, row: RowId) -> OutboxEntry {
    let page = club.read(|view| view.outbox(None, None, None, 500)).await;
    page.items.into_iter().find(|entry| entry.id == row).expect("the row is there")
}

async fn waiting(club: &Club) -> Vec<String> {
    let rows = club.read(|view| view.waiting_rows(&name(LANE), RowId(0), 100)).await;
    rows.into_iter().map(|row| row.key).collect()
}

/// Puts a row into a state by force.
fn force(tx: &Tx<'_>, row: RowId, state: RowState) -> Result<(), StoreError> {
    let held_for = (state == RowState::Held).then_some("link");
    let sql = "UPDATE outbox SET state = ?2, held_for = ?3, attempts = 1 WHERE id = ?1";
    during("forcing a state", || tx.run(sql, (row.0, state.as_str(), held_for))).map(drop)
}

#[tokio::test]
async fn every_outcome_in_every_state_leads_where_the_table_says() {
    let club = club();
    let row = enqueue(&club, "a", None).await;
    let why = || "why".to_owned();
    let outcomes = [
        ("delivered", RowOutcome::Delivered),
        ("sent", RowOutcome::Sent),
        ("later", RowOutcome::Later(why())),
        ("unsure", RowOutcome::Unsure(why())),
        ("held", RowOutcome::Held(Hold::Link)),
        ("never", RowOutcome::Never(why())),
        ("suppressed", RowOutcome::Suppressed(why())),
    ];
    let mut table = String::new();
    for state in RowState::ALL {
        table += &format!("{:<10}", state.as_str());
        for (what, outcome) in outcomes.clone() {
            club.write(move |tx| {
                force(tx, row, state)?;
                tx.settle(&[(row, outcome.clone())], at("10:00"))
            })
            .await;
            let after = entry(&club, row).await;
            let changed = after.state != state || after.attempts != 1;
            let to = if changed { format!("{}/{}", after.state.as_str(), after.attempts) } else { "-".to_owned() };
            table += &format!(" {what}:{to:<13}");
        }
        table = format!("{}\n", table.trim_end());
    }
    expect![[r#"
        pending    delivered:delivered/2   sent:sent/2        later:pending/2     unsure:unsure/2      held:held/1        never:parked/1      suppressed:suppressed/1
        in_flight  delivered:delivered/1   sent:sent/1        later:pending/1     unsure:unsure/1      held:held/1        never:parked/1      suppressed:suppressed/1
        unsure     delivered:delivered/2   sent:sent/2        later:unsure/2      unsure:unsure/2      held:held/1        never:parked/1      suppressed:suppressed/1
        sent       delivered:delivered/1   sent:sent/2        later:sent/2        unsure:-             held:-             never:parked/1      suppressed:-
        held       delivered:delivered/2   sent:-             later:-             unsure:-             held:-             never:-             suppressed:-
        parked     delivered:delivered/2   sent:-             later:-             unsure:-             held:-             never:-             suppressed:-
        delivered  delivered:-             sent:-             later:-             unsure:-             held:-             never:-             suppressed:-
        suppressed delivered:-             sent:-             later:-             unsure:-             held:-             never:-             suppressed:-
        discarded  delivered:-             sent:-             later:-             unsure:-             held:-             never:-             suppressed:-
        erased     delivered:-             sent:-             later:-             unsure:-             held:-             never:-             suppressed:-
    "#]].assert_eq(&table);
}

#[tokio::test]
async fn a_row_whose_answer_was_lost_says_possibly_twice_once_it_is_sent_again() {
    let club = club();
    let anna = club.put(person("M-1", "A1")).await;
    club.record(passage(anna, Way::In, at("09:00"))).await;
    let rows = club.read(|view| view.waiting_rows(&name(LANE), RowId(0), 10)).await;
    let row = rows[0].id;
    let note = async || {
        let visits = club.read(|view| view.visits(&HistoryFilter { limit: 1, ..HistoryFilter::default() })).await;
        let notes = visits.items.into_iter().flat_map(|visit| visit.delivery);
        let note = notes.into_iter().find(|note| note.lane == name(LANE)).expect("the visit has a row");
        (note.state, note.attempts, note.possibly_twice)
    };

    begin(&club, row).await;
    assert_eq!(note().await, (RowState::InFlight, 1, false));
    settle(&club, row, RowOutcome::Unsure("timed out".to_owned())).await;
    assert_eq!(note().await, (RowState::Unsure, 1, false));
    begin(&club, row).await;
    settle(&club, row, RowOutcome::Delivered).await;
    assert_eq!(note().await, (RowState::Delivered, 2, true));
}

#[tokio::test]
async fn a_mark_that_stays_gives_way_to_the_same_that_was_made_while_it_was_in_flight() {
    let club = club();
    let anna = club.put(person("M-1", "A1")).await;
    let mark = async || {
        club.write(move |tx| tx.enqueue(&name(LANE), FactKind::Person, "M-1", Some(anna), "", at("09:00"))).await;
        club.read(|view| view.waiting_rows(&name(LANE), RowId(0), 100)).await.pop().expect("it waits").id
    };
    for outcome in [RowOutcome::Never("ambiguous".to_owned()), RowOutcome::Held(Hold::Approval)] {
        let first = mark().await;
        begin(&club, first).await;
        let second = mark().await;
        assert_ne!(first, second, "what was rendered before does not tell what changed after");

        settle(&club, first, outcome.clone()).await;
        settle(&club, second, outcome).await;

        let page = club.read(|view| view.outbox(None, None, None, 500)).await;
        assert_eq!(page.items.iter().map(|it| it.id).collect::<Vec<_>>(), [second]);
        club.write(|tx| during("clearing", || tx.run("DELETE FROM outbox", []).map(drop))).await;
    }
}

#[tokio::test]
async fn what_was_in_flight_when_the_power_went_is_unsure_at_the_next_start() {
    let club = club();
    let (begun, untouched) = (enqueue(&club, "a", None).await, enqueue(&club, "b", None).await);
    begin(&club, begun).await;

    let unsettled = club.write(|tx| tx.unsettle_in_flight(&name(LANE), at("11:00"))).await;

    assert_eq!(unsettled, 1);
    assert_eq!(entry(&club, begun).await.state, RowState::Unsure);
    assert_eq!(entry(&club, untouched).await.state, RowState::Pending);
    assert_eq!(waiting(&club).await, ["a", "b"]);
}

#[tokio::test]
async fn rows_held_for_a_link_are_released_by_it_in_their_order() {
    let club = club();
    let anna = club.put(person("M-1", "A1")).await;
    let bruno = club.put(person("M-2", "A2")).await;
    let rows = [enqueue(&club, "a", Some(anna)).await, enqueue(&club, "b", Some(anna)).await];
    let other = enqueue(&club, "c", Some(bruno)).await;
    for row in rows.into_iter().chain([other]) {
        settle(&club, row, RowOutcome::Held(Hold::Link)).await;
    }
    assert_eq!(waiting(&club).await.len(), 0);
    let link = |user: &str| Link {
        user_id: user.to_owned(),
        facility_user_id: format!("{user}@club"),
        permanent_token: None,
        linked_at: at("11:00"),
    };
    let save = async |who, link: Link| club.write(move |tx| tx.save_link(&name(LANE), who, &link)).await;

    assert_eq!(save(anna, link("u-1")).await, LinkSaved::Saved);
    assert_eq!(waiting(&club).await, ["a", "b"]);
    assert_eq!(save(bruno, link("u-1")).await, LinkSaved::TakenBy(anna), "one user upstream is one person here");
    assert_eq!(save(anna, link("u-3")).await, LinkSaved::Saved, "a person may be linked anew");
    assert_eq!(save(bruno, link("u-1")).await, LinkSaved::Saved, "the user is free again");
    assert_eq!(waiting(&club).await, ["a", "b", "c"]);
    club.write(move |tx| during("unlinking", || tx.remove_link(bruno))).await;
    assert_eq!(club.read(move |view| view.link(bruno)).await, None);
}

#[tokio::test]
async fn nobody_who_was_erased_is_linked_again() {
    let club = club();
    let anna = club.put(person("M-1", "A1")).await;
    club.write(|tx| tx.erase_person(&name("M-1"), at("09:00"))).await;
    let link = Link {
        user_id: "u".to_owned(),
        facility_user_id: "f".to_owned(),
        permanent_token: None,
        linked_at: at("09:00"),
    };

    let saved = club.store.write("linking", move |tx| tx.save_link(&name(LANE), anna, &link)).await;

    assert_eq!(saved.expect("nothing failed"), LinkSaved::Unwanted);
    assert_eq!(club.number("SELECT count(*) FROM link").await, 0);
}

#[tokio::test]
async fn rows_wait_for_the_receipt_and_are_delivered_by_it_alone() {
    let club = club();
    let row = enqueue(&club, "a", None).await;
    settle(&club, row, RowOutcome::Sent).await;
    let unreceipted = async |before| {
        let rows = club.read(move |view| view.unreceipted_rows(&name(LANE), before, 10)).await;
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };

    assert_eq!(waiting(&club).await.len(), 0);
    assert_eq!(unreceipted(at("10:00")).await, []);
    assert_eq!(unreceipted(at("10:01")).await, [row]);
    let keys = ["a".to_owned(), "never-heard-of".to_owned()];
    assert_eq!(club.write(move |tx| tx.receipts(&name(LANE), &keys, at("10:02"))).await, 1);
    assert_eq!(entry(&club, row).await.state, RowState::Delivered);
    let again = ["a".to_owned()];
    assert_eq!(club.write(move |tx| tx.receipts(&name(LANE), &again, at("10:03"))).await, 0, "it is final");
}

#[tokio::test]
async fn an_operator_retries_and_gives_up_rows_and_it_is_written_down() {
    let club = club();
    let (parked, waiting_row) = (enqueue(&club, "a", None).await, enqueue(&club, "b", None).await);
    settle(&club, parked, RowOutcome::Never("refused".to_owned())).await;
    let mut changes = club.store.outbox_changes();
    changes.borrow_and_update();

    assert!(club.write(move |tx| tx.retry_row(parked, "desk", at("11:00"))).await);
    assert_eq!(waiting(&club).await, ["a", "b"]);
    assert!(changes.has_changed().expect("the store lives"), "the lane looks again");
    let discard = async |row| club.write(move |tx| tx.discard_row(row, "desk", "a test row", at("12:00"))).await;
    assert!(discard(waiting_row).await);
    assert!(!discard(waiting_row).await, "final");
    assert!(!club.write(move |tx| tx.retry_row(waiting_row, "desk", at("12:00"))).await);
    assert!(!club.write(move |tx| tx.retry_row(RowId(999), "desk", at("12:00"))).await);
    settle(&club, waiting_row, RowOutcome::Delivered).await;
    assert_eq!(entry(&club, waiting_row).await.state, RowState::Discarded, "a late answer changes nothing");
    assert_eq!(club.number("SELECT count(*) FROM operator_command WHERE reason = 'a test row'").await, 1);
    let retried = "SELECT count(*) FROM operator_command WHERE command = 'retry_row' AND operator = 'desk'";
    assert_eq!(club.number(retried).await, 1, "only what was done");
}

#[tokio::test]
async fn what_waits_for_a_person_to_be_made_known_is_seen_and_parked_when_that_is_given_up() {
    let club = club();
    let anna = club.put(person("M-1", "A1")).await;
    let visits = [enqueue(&club, "a", Some(anna)).await, enqueue(&club, "b", Some(anna)).await];
    for visit in visits {
        settle(&club, visit, RowOutcome::Held(Hold::Link)).await;
    }
    let mark = || club.write(move |tx| tx.enqueue(&name(LANE), FactKind::Person, "M-1", Some(anna), "", at("09:00")));
    mark().await;
    let introduction = club.read(|view| view.waiting_rows(&name(LANE), RowId(0), 9)).await.remove(0).id;
    settle(&club, introduction, RowOutcome::Never("ambiguous".to_owned())).await;
    assert_eq!(entry(&club, introduction).await.waiting_on_it, 2, "the operator sees what hangs on it");
    assert_eq!(entry(&club, visits[0]).await.waiting_on_it, 0);

    assert!(club.write(move |tx| tx.discard_row(introduction, "desk", "not her", at("10:00"))).await);
    for visit in visits {
        let entry = entry(&club, visit).await;
        assert_eq!((entry.state, entry.held_for), (RowState::Parked, None));
        assert!(entry.last_error.is_some_and(|why| why.contains("was given up")));
    }
    assert_eq!(entry(&club, introduction).await.waiting_on_it, 0);

    // An operator gives one up as well; the other goes when the person is linked after all.
    assert!(club.write(move |tx| tx.discard_row(visits[0], "desk", "nor this", at("10:01"))).await);
    let (user_id, facility_user_id) = ("u".to_owned(), "f".to_owned());
    let link = Link { user_id, facility_user_id, permanent_token: None, linked_at: at("11:00") };
    club.write(move |tx| tx.save_link(&name(LANE), anna, &link)).await;
    assert_eq!(waiting(&club).await, ["b"]);
    assert_eq!(entry(&club, visits[1]).await.last_error, None);
}

#[tokio::test]
async fn what_waits_for_a_person_who_is_marked_again_goes_on_waiting() {
    let club = club();
    let anna = club.put(person("M-1", "A1")).await;
    let visit = enqueue(&club, "a", Some(anna)).await;
    settle(&club, visit, RowOutcome::Held(Hold::Link)).await;
    let mark = || club.write(move |tx| tx.enqueue(&name(LANE), FactKind::Person, "M-1", Some(anna), "", at("09:00")));
    mark().await;
    let first = club.read(|view| view.waiting_rows(&name(LANE), RowId(0), 9)).await.remove(0).id;
    club.write(move |tx| tx.begin_row(first, at("09:01"))).await;
    mark().await;
    assert!(club.write(move |tx| tx.discard_row(first, "desk", "the older one", at("10:00"))).await);
    assert_eq!(entry(&club, visit).await.state, RowState::Held);
}

#[tokio::test]
async fn a_lane_is_summed_up_with_or_without_rows() {
    let club = club();
    let rows = [enqueue(&club, "a", None).await, enqueue(&club, "b", None).await, enqueue(&club, "c", None).await];
    settle(&club, rows[0], RowOutcome::Delivered).await;
    settle(&club, rows[1], RowOutcome::Never("no".to_owned())).await;

    let lanes = club.read(|view| view.lanes(&[name("mqtt")])).await;

    let numbers: Vec<_> =
        lanes.iter().map(|it| (it.lane.as_str(), it.waiting, it.parked, it.delivered, it.oldest)).collect();
    assert_eq!(numbers, [("mqtt", 0, 0, 0, None), (LANE, 1, 1, 1, Some(at("09:00")))]);
    let parked = club.read(|view| view.outbox(Some(&name(LANE)), Some(RowState::Parked), None, 10)).await;
    assert_eq!(parked.items.len(), 1);
    assert_eq!(parked.items[0].last_error.as_deref(), Some("no"));

    settle(&club, rows[2], RowOutcome::Sent).await;
    let unconfirmed = club.read(|view| view.lanes(&[])).await.remove(0);
    let numbers = (unconfirmed.waiting, unconfirmed.sent, unconfirmed.oldest);
    assert_eq!(numbers, (0, 1, Some(at("09:00"))), "what nobody confirms goes on ageing");
}

#[tokio::test]
async fn every_look_of_a_lane_is_a_range_of_an_index() {
    let club = club();
    let plan = async |sql: String| {
        let plan = club.read(move |view| {
            during("planning", || view.all(&format!("EXPLAIN QUERY PLAN {sql}"), [], |row| row.get::<_, String>(3)))
        });
        plan.await.join("; ")
    };
    let waiting = crate::store::outbox::WAITING;
    let rows =
        plan(format!("SELECT * FROM outbox WHERE lane = 'a' AND id > 7 AND {waiting} ORDER BY id LIMIT 9")).await;
    let sent = "SELECT * FROM outbox WHERE lane = 'a' AND state = 'sent' AND changed_at < 5 ORDER BY id";
    let newest = "SELECT id FROM visit WHERE person = 1 AND NOT belated ORDER BY row DESC LIMIT 1";

    let marks =
        plan(format!("SELECT 1 FROM outbox WHERE person = 7 AND lane = 'a' AND body = '' AND {waiting} LIMIT 1")).await;
    assert_eq!(marks, "SEARCH outbox USING INDEX outbox_by_person (person=?)", "each visit asks for them");
    assert_eq!(rows, "SEARCH outbox USING INDEX outbox_waiting (lane=? AND id>?)");
    assert_eq!(plan(sent.to_owned()).await, "SEARCH outbox USING INDEX outbox_sent (lane=?)");
    assert_eq!(plan(newest.to_owned()).await, "SEARCH visit USING INDEX visit_by_person (person=?)");
}

#[tokio::test]
async fn writing_and_acknowledging_a_row_fills_no_table_beside_it() {
    let club = club();
    let steps = async |sql: String| {
        let steps = club.read(move |view| {
            during("planning", || view.all(&format!("EXPLAIN {sql}"), [], |row| row.get::<_, String>(1)))
        });
        steps.await
    };
    let written = "INSERT INTO outbox (lane, kind, key, state, written_at, changed_at, body)
                   VALUES ('a', 'visit', 'k', 'pending', 1, 1, '{}')";
    let acknowledged = crate::store::outbox::DELIVERED.replace("?1", "1").replace("?2", "2");
    for sql in [written.to_owned(), acknowledged] {
        let steps = steps(sql).await;
        assert!(steps.iter().any(|step| step == "IdxInsert"), "the row enters an index: {steps:?}");
        assert!(!steps.iter().any(|step| step == "OpenEphemeral"), "a table for one row: {steps:?}");
    }
}

#[tokio::test]
async fn what_nobody_confirms_is_published_again_ever_more_rarely_until_receipts_come() {
    use std::time::Duration;

    use crate::store::Patience;
    let club = club();
    let anna = club.put(person("M-1", "A1")).await;
    club.write(move |tx| tx.enqueue(&name(LANE), FactKind::Visit, "v", Some(anna), "{}", at("10:00"))).await;
    let row = club.read(|view| view.waiting_rows(&name(LANE), RowId(0), 1)).await[0].id;
    let minute = Duration::from_secs(60);
    let (mut now, mut waits) = (at("10:00"), Vec::new());
    for _ in 0..9 {
        club.write(move |tx| tx.settle(&[(row, RowOutcome::Sent)], now)).await;
        let sent = now;
        while club.write(move |tx| tx.send_again(&name(LANE), (now - minute, Patience::Growing(minute)), 9, now)).await
            == 0
        {
            now += minute;
        }
        waits.push((now - sent).get_seconds() / 60);
    }
    assert_eq!(waits, [2, 2, 3, 5, 9, 17, 33, 61, 61], "minutes, looked at once a minute");
    club.write(move |tx| tx.settle(&[(row, RowOutcome::Sent)], now)).await;
    let later = now + 2 * minute;
    let back = club.write(move |tx| tx.send_again(&name(LANE), (later - minute, Patience::None), 9, later)).await;
    assert_eq!(back, 1);
}

//! An erased person is gone from every table, while what happened at the gates stays as nobody's.

use super::*;
use crate::store::{HistoryFilter, Link, Note, Noted};

async fn erase(club: &Club) -> bool {
    club.write(|tx| tx.erase_person(&name("M-1"), at("12:00"))).await
}

/// Every text of every table, to look for what must not be there.
async fn everything(club: &Club) -> String {
    club.store.close().await;
    let conn = rusqlite::Connection::open(club.folder.path().join("varco.db")).expect("the file");
    let mut tables = conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").expect("SQL");
    let tables: Vec<String> =
        tables.query_map([], |row| row.get(0)).expect("rows").map(|it| it.expect("a row")).collect();
    let mut all = String::new();
    for table in tables {
        let mut rows = conn.prepare(&format!("SELECT * FROM {table}")).expect("SQL");
        let width = rows.column_count();
        let mut rows = rows.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            for column in 0..width {
                all += &format!("{table}: {:?}\n", row.get_ref(column).expect("a column"));
                if let Ok(text) = row.get::<_, String>(column) {
                    all += &format!("{table}: {text}\n");
                }
            }
        }
    }
    all
}

#[tokio::test]
async fn nothing_of_an_erased_person_is_left_in_any_table() {
    let club = club();
    let mut anna = person_with_entries("M-1", "CAFE01", 10);
    anna.photo = Some(Photo { taken_at: at("08:00"), jpeg_base64: "/9j/FACE".to_owned() });
    let before_enrolment = Passage {
        person: None,
        decision: None,
        unknown_badge: Some("CAFE01".to_owned()),
        outcome: PassageOutcome::Denied,
        ..passage(PersonId(0), Way::In, at("08:30"))
    };
    club.record(before_enrolment).await;
    let id = club.put(anna).await;
    let action = looking_up::open_action("M-1");
    let shown = vec![Shown { action: action.id, text: "Passa in reception".to_owned() }];
    let link = Link {
        user_id: "u-seventy".to_owned(),
        facility_user_id: "f-seventy".to_owned(),
        permanent_token: Some("p-seventy".to_owned()),
        linked_at: at("09:00"),
    };
    club.write(move |tx| {
        tx.insert_action(&action, id)?;
        tx.save_told(id, FactKind::Badge, r#"{"badge":"CAFE01"}"#)?;
        tx.save_link(&name("mywellness"), id, &link)
    })
    .await;
    let by_hand = Origin::Operator { name: "desk".to_owned(), reason: "Anna forgot her card".to_owned() };
    let mut entered = Passage { shown, origin: by_hand, ..passage_on_punch_card(id, at("09:01")) };
    entered.decision.as_mut().expect("decided").trace[0].detail = "ten-times serves".to_owned();
    club.record(entered).await;
    club.put(Person { last_name: "Bianchi".to_owned(), ..person("M-1", "CAFE01") }).await;

    assert!(erase(&club).await);
    assert!(!erase(&club).await, "there is nobody left");

    assert!(club.read(|view| view.is_erased(&name("M-1"))).await);
    assert!(!club.read(|view| view.is_erased(&name("M-2"))).await);
    let passages = club.read(|view| view.passages(&HistoryFilter { limit: 9, ..HistoryFilter::default() })).await;
    assert_eq!((passages.items.len(), passages.items[0].trace.len()), (2, 1), "what happened is kept");
    let left = everything(&club).await;
    for trace_of_her in
        ["M-1", "CAFE01", "Anna", "Rossi", "Bianchi", "anna@", "FACE", "seventy", "ten-times", "reception"]
    {
        assert!(!left.contains(trace_of_her), "{trace_of_her} is left:\n{left}");
    }
}

#[tokio::test]
async fn nothing_of_an_erased_person_is_left_in_the_files() {
    let club = club();
    let photo = |taken_at| Some(Photo { taken_at, jpeg_base64: "FACE".repeat(4000) });
    let id = club.put(Person { photo: photo(at("07:00")), ..person("M-1", "CAFE01") }).await;
    club.put(Person { photo: photo(at("08:00")), ..person("M-1", "CAFE01") }).await;
    club.record(passage(id, Way::In, at("09:00"))).await;
    let files = || {
        let read = |name: &str| std::fs::read(club.folder.path().join(name)).expect("a file of the store");
        let bytes = [read("varco.db"), read("varco.db-wal")].concat();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    assert!(files().contains("FACE") && files().contains("Rossi"), "this is where they are looked for");

    assert!(erase(&club).await);

    for trace_of_her in ["FACE", "Rossi", "anna@", "CAFE01"] {
        assert!(!files().contains(trace_of_her), "{trace_of_her} is left");
    }
}

#[tokio::test]
async fn what_operators_wrote_about_the_rows_of_an_erased_person_goes_too() {
    let club = club();
    let anna = club.put(person("M-1", "A1")).await;
    club.record(passage(anna, Way::In, at("09:00"))).await;
    let row = club.read(|view| view.waiting_rows(&name("mqtt"), RowId(0), 1)).await[0].id;
    club.write(move |tx| tx.discard_row(row, "desk", "Anna Rossi asked for it", at("10:00"))).await;

    erase(&club).await;

    let left = club.number("SELECT count(*) FROM operator_command WHERE operator = 'desk' AND reason IS NULL").await;
    assert_eq!(left, 1, "who did what and when stays");
}

#[tokio::test]
async fn rows_that_wait_become_nobodys_and_those_for_mywellness_are_not_sent() {
    let club = club();
    let anna = club.put(person("M-1", "A1")).await;
    let bruno = club.put(person("M-2", "A2")).await;
    let visit = club.record(passage(anna, Way::In, at("09:00"))).await.new_visit.expect("a visit");
    club.record(passage(bruno, Way::In, at("09:05"))).await;
    let being_sent = club.read(|view| view.waiting_rows(&name("mywellness"), RowId(0), 1)).await[0].id;
    club.write(move |tx| tx.begin_row(being_sent, at("09:10"))).await;

    erase(&club).await;
    club.write(move |tx| tx.settle(&[(being_sent, RowOutcome::Delivered)], at("12:01"))).await;

    let mqtt = club.read(|view| view.waiting_rows(&name("mqtt"), RowId(0), 10)).await;
    let told: VisitTold = serde_json::from_str(&mqtt[1].body).expect("a visit");
    assert_eq!((told.visit_id, told.person, told.membership), (visit, None, None));
    assert_eq!(mqtt[1].key, visit.to_string(), "the id stays");
    let told: PassageTold = serde_json::from_str(&mqtt[0].body).expect("a passage");
    assert_eq!((told.person, mqtt[0].person), (None, None));
    assert_eq!(serde_json::from_str::<PassageTold>(&mqtt[2].body).expect("a passage").person, Some(name("M-2")));
    let mywellness = club.read(|view| view.outbox(Some(&name("mywellness")), None, None, 10)).await;
    let states: Vec<_> = mywellness.items.iter().map(|row| row.state).collect();
    assert_eq!(states, [RowState::Erased, RowState::Pending], "also the one that was being sent");
}

#[tokio::test]
async fn an_erased_person_is_no_longer_counted_and_has_no_open_visit() {
    let club = club();
    let anna = club.put(person("M-1", "A1")).await;
    club.record(passage(anna, Way::In, at("09:00"))).await;

    erase(&club).await;

    assert_eq!(club.number("SELECT count(*) FROM presence").await, 0);
    assert_eq!(club.number("SELECT sum(people) FROM occupancy").await, 0);
    assert_eq!(club.number("SELECT count(*) FROM visit WHERE ended_at IS NULL").await, 0);
    assert_eq!(club.read(move |view| view.standing(anna, at("09:00"))).await, None);
    assert_eq!(club.number("SELECT count(*) FROM credential").await, 0);
}

#[tokio::test]
async fn notes_about_an_erased_person_go_with_them_whether_they_were_known_to_be_theirs_or_not() {
    let club = club();
    let anna = club.put(person("M-1", "A1")).await;
    let (user_id, facility_user_id) = ("g-1".to_owned(), "fu-1".to_owned());
    let link = Link { user_id, facility_user_id, permanent_token: Some("t-1".to_owned()), linked_at: at("08:00") };
    club.write(move |tx| tx.save_link(&name("mywellness"), anna, &link)).await;
    let notes = [
        (FactKind::Person, "fu-1", None, r#"{"made":{"user":"fu-1","external_id":null,"is_ours":false}}"#),
        (FactKind::Person, "fu-9", None, r#"{"made":{"user":"fu-9","external_id":"M-1","is_ours":false}}"#),
        (FactKind::Person, "fu-8", Some(anna), r#"{"made":{"user":"fu-8","external_id":"M-1","is_ours":false}}"#),
        (FactKind::Booking, "a/t-1", None, r#"{"class":{"activity":"a","day":"2096-11-23","user":{"token":"t-1"}}}"#),
        (FactKind::Booking, "a/fu-7", None, r#"{"class":{"activity":"a","day":"2096-11-23","user":{"user":"fu-7"}}}"#),
        (FactKind::Booking, "a/2", None, r#"{"class":{"activity":"a","day":"2096-11-23","user":null}}"#),
    ];
    for (kind, key, person, body) in notes {
        let park =
            move |tx: &Tx<'_>| tx.park_note(&name("mywellness"), &Note { kind, key, person, body }, "x", at("09:00"));
        assert_eq!(club.write(park).await, Noted::Parked);
    }

    erase(&club).await;

    let left = club.read(|view| view.outbox(Some(&name("mywellness")), None, None, 10)).await.items;
    let left: Vec<_> = left.iter().map(|row| (row.state.as_str(), row.key.as_str())).collect();
    let gone = ("erased", "");
    assert_eq!(left, [gone, gone, gone, gone, ("parked", "a/fu-7"), ("parked", "a/2")]);
}

#[tokio::test]
async fn no_command_of_an_operator_names_an_erased_person_and_no_byte_of_the_files_does() {
    let club = club();
    let her = "M-0815-4711";
    club.put(person(her, "A1")).await;
    let suspend = |tx: &Tx<'_>| {
        let command = crate::sync::Command::Suspend;
        tx.command_sync(&name("M-0815-4711"), command, crate::store::HeldVisits::Send, "desk", at("10:00"))
    };
    club.write(suspend).await.expect("it is allowed");
    let files = || {
        let read = |file: &str| std::fs::read(club.folder.path().join(file)).expect("a file of the store");
        String::from_utf8_lossy(&[read("varco.db"), read("varco.db-wal")].concat()).into_owned()
    };
    assert!(files().contains(her), "this is where she is looked for");

    club.write(|tx| tx.erase_person(&name("M-0815-4711"), at("12:00"))).await;

    assert!(!files().contains(her));
    let left =
        club.number("SELECT count(*) FROM operator_command WHERE operator = 'desk' AND command = 'suspend'").await;
    assert_eq!(left, 1, "who did what and when stays");
}

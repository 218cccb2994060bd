//! Golden events: what the developers of receivers build on.

use expect_test::{Expect, expect};

use super::*;
use crate::domain::{PersonId, RowId, RowState};

const VISIT: &str = r#"{"visit_id":"01932d5e-7c00-7000-8000-000000000001","person":"M-1001",
    "started_at":"2026-11-21T08:00:00Z","reader":"entry-1","gate":"turnstile-1","zone":"gym",
    "club_day":"2026-11-21","clock":"synced","membership":"S-1","entries_taken":1}"#;

fn row(kind: FactKind, key: &str, body: &str) -> OutboxRow {
    let (id, lane, person) = (RowId(1), "mqtt".parse().unwrap(), Some(PersonId(7)));
    let (key, body) = (key.to_owned(), body.to_owned());
    OutboxRow { id, lane, kind, key, person, state: RowState::Pending, attempts: 0, failures: 0, body }
}

fn check(row: &OutboxRow, named: Option<&Named>, expected: &Expect) {
    let told = match event(&"milano-centro".parse().unwrap(), row, named) {
        Err(refused) => format!("refused: {refused}\n"),
        Ok(payload) => format!("{:#}\n", serde_json::from_slice::<Value>(&payload).unwrap()),
    };
    expected.assert_eq(&told);
}

#[test]
fn a_visit_is_told_with_its_own_id_and_without_names() {
    check(
        &row(FactKind::Visit, "01932d5e-7c00-7000-8000-000000000001", VISIT),
        None,
        &expect![[r#"
        {
          "data": {
            "clock": "synced",
            "club_day": "2026-11-21",
            "entries_taken": 1,
            "gate": "turnstile-1",
            "membership": "S-1",
            "person": "M-1001",
            "reader": "entry-1",
            "started_at": "2026-11-21T08:00:00Z",
            "visit_id": "01932d5e-7c00-7000-8000-000000000001",
            "zone": "gym"
          },
          "datacontenttype": "application/json",
          "id": "01932d5e-7c00-7000-8000-000000000001",
          "source": "/sites/milano-centro/readers/entry-1",
          "specversion": "1.0",
          "time": "2026-11-21T08:00:00Z",
          "type": "club.varco.visit.v1"
        }
    "#]],
    );
}

#[test]
fn names_and_member_number_travel_where_they_may() {
    let named = Named { first_name: "Anna".into(), last_name: "Rossi".into(), member_number: "M-1001".into() };
    check(
        &row(FactKind::Visit, "01932d5e-7c00-7000-8000-000000000001", VISIT),
        Some(&named),
        &expect![[r#"
        {
          "data": {
            "clock": "synced",
            "club_day": "2026-11-21",
            "entries_taken": 1,
            "first_name": "Anna",
            "gate": "turnstile-1",
            "last_name": "Rossi",
            "member_number": "M-1001",
            "membership": "S-1",
            "person": "M-1001",
            "reader": "entry-1",
            "started_at": "2026-11-21T08:00:00Z",
            "visit_id": "01932d5e-7c00-7000-8000-000000000001",
            "zone": "gym"
          },
          "datacontenttype": "application/json",
          "id": "01932d5e-7c00-7000-8000-000000000001",
          "source": "/sites/milano-centro/readers/entry-1",
          "specversion": "1.0",
          "time": "2026-11-21T08:00:00Z",
          "type": "club.varco.visit.v1"
        }
    "#]],
    );
}

#[test]
fn a_passage_that_no_reader_asked_for_comes_from_its_gate() {
    let forced = r#"{"passage_id":"01932d5e-7c00-7000-8000-000000000002","reader":null,"gate":"turnstile-1",
        "direction":null,"outcome":"forced","reasons":[],"person":null,"at":"2026-11-21T08:00:01.25Z",
        "clock":"holdover"}"#;
    check(
        &row(FactKind::Passage, "01932d5e-7c00-7000-8000-000000000002", forced),
        None,
        &expect![[r#"
        {
          "data": {
            "at": "2026-11-21T08:00:01.25Z",
            "clock": "holdover",
            "direction": null,
            "gate": "turnstile-1",
            "outcome": "forced",
            "passage_id": "01932d5e-7c00-7000-8000-000000000002",
            "person": null,
            "reader": null,
            "reasons": []
          },
          "datacontenttype": "application/json",
          "id": "01932d5e-7c00-7000-8000-000000000002",
          "source": "/sites/milano-centro/gates/turnstile-1",
          "specversion": "1.0",
          "time": "2026-11-21T08:00:01.25Z",
          "type": "club.varco.passage.v1"
        }
    "#]],
    );
}

#[test]
fn an_alarm_is_told_as_it_was_written() {
    let alarm = r#"{"gate":"turnstile-1","at":"2026-11-21T08:00:00Z","what":"forced"}"#;
    check(
        &row(FactKind::Alarm, "a-1", alarm),
        None,
        &expect![[r#"
        {
          "data": {
            "at": "2026-11-21T08:00:00Z",
            "gate": "turnstile-1",
            "what": "forced"
          },
          "datacontenttype": "application/json",
          "id": "a-1",
          "source": "/sites/milano-centro/gates/turnstile-1",
          "specversion": "1.0",
          "time": "2026-11-21T08:00:00Z",
          "type": "club.varco.alarm.v1"
        }
    "#]],
    );
}

#[test]
fn what_can_never_be_told_says_why() {
    check(
        &row(FactKind::Person, "M-1", ""),
        None,
        &expect![[r#"
        refused: a person is no event
    "#]],
    );
    check(
        &row(FactKind::Visit, "v", r#"{"visit_id":"#),
        None,
        &expect![[r#"
        refused: reading the visit of this row: EOF while parsing a value at line 1 column 12
    "#]],
    );
    check(
        &row(FactKind::Alarm, "a", "{}"),
        None,
        &expect![[r#"
        refused: reading the alarm of this row: it has no time in `at`
    "#]],
    );
    let large = format!(r#"{{"at":"2026-11-21T08:00:00Z","what":"{}"}}"#, "x".repeat(EVENT_BYTES_MAX));
    check(
        &row(FactKind::Alarm, "a", &large),
        None,
        &expect![[r#"
        refused: the event has 131277 bytes, more than the 131072 that are told
    "#]],
    );
}

#[test]
fn who_came_to_a_class_is_told_where_they_passed_or_by_whose_hand() {
    let came = r#"{"attendance_id":"01932d5e-7c00-7000-8000-000000000002","class":"Y-1","product":"yoga",
        "starts_at":"2026-11-21T08:00:00Z","ends_at":"2026-11-21T09:00:00Z","person":"M-1001",
        "at":"2026-11-21T07:52:00Z","clock":"synced","by":"badge","walk_in":false,"reader":"entry-1","gate":"turnstile-1"}"#;
    let by_badge: crate::domain::Attendance = serde_json::from_str(came).unwrap();
    let by_hand = crate::domain::Attendance {
        by: crate::domain::TickedBy::Operator,
        walk_in: true,
        reader: None,
        gate: None,
        ..by_badge.clone()
    };
    for (came, source) in [(by_badge, "/sites/milano-centro/readers/entry-1"), (by_hand, "/sites/milano-centro")] {
        let body = serde_json::to_value(&came).unwrap();
        let row = row(FactKind::Attendance, "01932d5e-7c00-7000-8000-000000000002", &body.to_string());
        let told = event(&"milano-centro".parse().unwrap(), &row, None).unwrap();
        let event: Value = serde_json::from_slice(&told).unwrap();
        assert_eq!(event["type"], "club.varco.attendance.v1");
        assert_eq!((&event["id"], &event["time"]), (&body["attendance_id"], &body["at"]));
        assert_eq!((&event["source"], &event["data"]), (&Value::from(source), &body));
    }
}

#[test]
fn the_event_shown_to_integrators_is_the_one_that_is_told() {
    let page = include_str!("../../../../docs/integrating.md");
    let (_, after) = page.split_once("```json event").unwrap();
    let shown: Value = serde_json::from_str(after.split_once("```").unwrap().0).unwrap();
    let told =
        event(&"milano-centro".parse().unwrap(), &row(FactKind::Visit, shown["id"].as_str().unwrap(), VISIT), None);
    assert_eq!(shown, serde_json::from_slice::<Value>(&told.unwrap()).unwrap());
}

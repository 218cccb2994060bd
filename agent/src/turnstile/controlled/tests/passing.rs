//! People come and go while everything works.

use super::board::{ANNA, BRUNO, STRANGER};
use super::*;

#[tokio::test]
async fn a_member_reads_walks_through_and_has_a_visit() {
    let mut club = Club::open().await;
    club.board.card(ENTRY, ANNA);
    club.sees(|seen| seen.pulses == [1, 0] && seen.green).await;
    club.sees(|seen| seen.lines.last().is_some_and(|lines| lines[0] == "Buon allenamento")).await;
    club.board.walk(Way::In);

    let told = club.records().await;

    assert_eq!((told.outcome, told.person.as_ref().map(|it| it.as_str())), (PassageOutcome::Passed, Some("M-1")));
    let visits = club.visits().await;
    assert_eq!((visits.len(), visits[0].entries_taken), (1, 1));
    club.all_is_kept().await;
    assert!(!club.passages().await[0].offline);
}

#[tokio::test]
async fn nobody_walks_through_so_nothing_is_consumed() {
    let mut club = Club::open().await;
    club.board.card(ENTRY, ANNA);
    assert_eq!(club.records().await.outcome, PassageOutcome::NotPassed);
    assert!(club.visits().await.is_empty());
    club.all_is_kept().await;
}

#[tokio::test]
async fn a_stranger_reads_why_and_the_gate_stays_shut() {
    let mut club = Club::open().await;
    club.board.card(ENTRY, STRANGER);
    club.sees(|seen| seen.red && seen.lines.last().is_some_and(|lines| lines[0].starts_with("Tessera"))).await;

    assert_eq!(club.records().await.outcome, PassageOutcome::Denied);
    let denied = &club.passages().await[0];
    assert_eq!(denied.unknown_badge.as_deref(), Some("4D0929"));
    assert_eq!(club.board.seen().pulses, [0, 0]);
    club.all_is_kept().await;
}

#[tokio::test]
async fn an_exit_ends_the_visit_and_both_ways_open_at_once() {
    let mut club = Club::open().await;
    club.board.card(ENTRY, ANNA);
    club.sees(|seen| seen.pulses == [1, 0]).await;
    club.board.walk(Way::In);
    club.records().await;
    club.board.card(EXIT, ANNA);
    club.board.card(ENTRY, BRUNO);
    club.sees(|seen| seen.pulses == [2, 1]).await;
    club.board.walk(Way::Out);
    club.board.walk(Way::In);

    let told = [club.records().await, club.records().await];

    let told = told.map(|it| (it.person.unwrap().as_str().to_owned(), it.outcome));
    assert_eq!(told, [("M-1".into(), PassageOutcome::Passed), ("M-2".into(), PassageOutcome::Passed)]);
    let visits = club.visits().await;
    assert_eq!(visits.iter().map(|it| it.visit.ended.is_some()).collect::<Vec<_>>(), [true, false]);
    club.all_is_kept().await;
}

#[tokio::test]
async fn whoever_follows_closely_waits_and_is_let_in_when_the_gate_is_free() {
    let mut club = Club::open().await;
    club.board.card(ENTRY, BRUNO);
    club.sees(|seen| seen.pulses == [1, 0]).await;
    club.board.card(ENTRY, ANNA);
    club.sees(|seen| seen.red && !seen.green).await;
    assert_eq!(club.board.seen().pulses, [1, 0]);
    club.board.walk(Way::In);
    club.sees(|seen| seen.pulses == [2, 0]).await;
    club.board.walk(Way::In);

    let told = [club.records().await, club.records().await];

    assert_eq!(told.map(|it| it.person.unwrap().as_str().to_owned()), ["M-2", "M-1"]);
    assert_eq!(club.visits().await.len(), 2);
    club.all_is_kept().await;
}

#[tokio::test]
async fn a_rotation_without_a_grant_is_forced_and_an_alarm() {
    let mut club = Club::open().await;
    club.board.walk(Way::In);
    assert_eq!(club.records().await.outcome, PassageOutcome::Forced);
    assert_eq!(club.raises().await, (AlarmKind::Forced, AlarmState::Happened));
    club.all_is_kept().await;
}

#[tokio::test]
async fn tamper_and_emergency_are_alarms_that_begin_and_end_and_reach_upstream() {
    let mut club = Club::open().await;
    club.board.tamper(true);
    assert_eq!(club.raises().await, (AlarmKind::Tamper, AlarmState::Began));
    club.board.emergency(true);
    assert_eq!(club.raises().await, (AlarmKind::Emergency, AlarmState::Began));
    club.gate_is(|state| state.controller.as_ref().is_some_and(|it| it.emergency && it.tamper)).await;
    club.board.walk(Way::Out);
    assert_eq!(club.records().await.outcome, PassageOutcome::Emergency);
    club.board.emergency(false);
    assert_eq!(club.raises().await, (AlarmKind::Emergency, AlarmState::Ended));
    club.board.walk(Way::Out);
    assert_eq!(club.records().await.outcome, PassageOutcome::Forced);

    let rows =
        club.store.read("a story", |view| view.waiting_rows(&"mqtt".parse().unwrap(), RowId(0), 100)).await.unwrap();
    let mut told: Vec<Alarm> = rows
        .iter()
        .filter(|row| row.kind == FactKind::Alarm)
        .map(|row| serde_json::from_str(&row.body).unwrap())
        .collect();
    let mut written = club.alarms().await;
    // A beat that comes late on a busy machine moves the times of events by as much.
    written.sort_by_key(|alarm| alarm.alarm_id);
    told.sort_by_key(|alarm| alarm.alarm_id);
    assert_eq!(told, written);
    assert_eq!(written.len(), 4);
}

#[tokio::test]
async fn a_free_gate_turns_and_a_locked_one_refuses() {
    let mut club = Club::open().await;
    club.mode(GateMode::Free).await;
    club.sees(|seen| seen.is_free).await;
    club.board.walk(Way::In);
    assert_eq!(club.records().await.outcome, PassageOutcome::Free);
    club.board.card(ENTRY, ANNA);
    club.sees(|seen| seen.pulses == [1, 0]).await;
    club.board.walk(Way::In);
    assert_eq!(club.records().await.outcome, PassageOutcome::Free);
    club.mode(GateMode::Locked).await;
    club.sees(|seen| !seen.is_free).await;
    club.board.card(ENTRY, BRUNO);
    let told = club.records().await;
    assert_eq!((told.outcome, told.reasons), (PassageOutcome::Denied, vec![Reason::GateLocked]));
    assert!(club.visits().await.is_empty());
}

#[tokio::test]
async fn an_operator_opens_for_a_member_and_that_is_a_visit() {
    let mut club = Club::open().await;
    let opened = club.open_by_hand(Some("M-1")).await.unwrap();
    assert!(opened.new_visit.is_some());
    club.sees(|seen| seen.pulses == [1, 0]).await;
    club.board.walk(Way::In);
    club.all_is_kept().await;
    let passages = club.passages().await;
    assert_eq!(passages.iter().map(|it| it.outcome).collect::<Vec<_>>(), [PassageOutcome::Manual]);
}

#[tokio::test]
async fn an_operator_opens_over_somebody_who_does_not_walk() {
    let mut club = Club::open().await;
    club.board.card(ENTRY, ANNA);
    club.sees(|seen| seen.pulses == [1, 0]).await;
    club.open_by_hand(None).await.unwrap();
    let outcomes = club.passages().await.iter().map(|it| it.outcome).collect::<Vec<_>>();
    assert_eq!(outcomes, [PassageOutcome::NotPassed, PassageOutcome::Manual]);
    assert!(club.visits().await.is_empty());
}

#[tokio::test]
async fn a_gate_that_cannot_be_reached_says_so_to_the_operator() {
    let mut club = Club::open().await;
    club.board.mute(true);
    club.gate_is(|state| matches!(&state.line, LineState::Down { .. })).await;
    let refused = club.open_by_hand(None).await.unwrap_err();
    assert!(matches!(refused, OrderRefused::Unreachable(_)), "{refused}");
}

#[tokio::test]
async fn a_door_without_a_sensor_counts_who_was_let_in() {
    let mut club = Club::closed(OfflineEntry::Closed, Confirm::Assumed).await;
    club.start();
    club.is_up().await;
    club.board.card(ENTRY, ANNA);
    assert_eq!(club.records().await.outcome, PassageOutcome::Passed);
    assert_eq!(club.visits().await.len(), 1);
    club.all_is_kept().await;
}

#[tokio::test]
async fn swapped_wires_are_told_to_whoever_looks_at_the_reader() {
    let mut club = Club::open().await;
    let mut states = club.agent().site.board.watch();
    club.board.card(ENTRY, !ANNA & 0x3FF_FFFF);
    let entry: ReaderId = "entry".parse().unwrap();
    let misread =
        soon(states.wait_for(|states| states.readers[&entry].misreads == 1)).await.unwrap().readers[&entry].clone();
    assert!(misread.last_misread.unwrap().contains("D0 and D1 are swapped"));
    assert!(club.passages().await.is_empty());
}

#[tokio::test]
async fn a_barrier_that_stands_between_its_rests_is_an_alarm_until_it_does_not() {
    let mut club = Club::open().await;
    club.board.lean(true);
    assert_eq!(club.raises().await, (AlarmKind::HeldOpen, AlarmState::Began));
    club.board.lean(false);
    assert_eq!(club.raises().await, (AlarmKind::HeldOpen, AlarmState::Ended));
    club.all_is_kept().await;
}

#[tokio::test]
async fn a_scanner_on_its_own_line_opens_the_controllers_gate() {
    let mut club = Club::open().await;
    let badge = Badge::new(BadgeForm::Hex, ANNAS_CARD).unwrap();
    let at = club.agent().site.clock.now();
    let read = DoorEvent::Read { reader: "entry".parse().unwrap(), badge, at };
    club.agent().scanner.send(read).await.unwrap();
    club.sees(|seen| seen.pulses == [1, 0] && seen.lines.last().is_some_and(|lines| lines[0] == "Buon allenamento"))
        .await;
    club.board.walk(Way::In);
    assert_eq!(club.records().await.outcome, PassageOutcome::Passed);
    assert_eq!(club.visits().await.len(), 1);
    club.all_is_kept().await;
}

#[tokio::test]
async fn texts_that_are_read_again_stand_on_the_display_at_once() {
    let mut club = Club::open().await;
    club.sees(|seen| seen.lines.last().is_some_and(|lines| lines[0] == "Club Milano")).await;
    club.agent().policy.send_modify(|policy| Arc::make_mut(policy).site.name = "Palestra".into());
    club.agent().texts.send_modify(|_| {});
    club.sees(|seen| seen.lines.last().is_some_and(|lines| lines[0] == "Palestra")).await;
}

//! What the controller remembers while the agent is dead, deaf or slow, and what becomes of it.

use firmware_proto::gate::Contacts;

use super::board::{ANNA, BRUNO, STRANGER};
use super::*;

#[tokio::test]
async fn an_agent_that_dies_after_its_grant_is_followed_by_one_that_records_the_passage_once() {
    let mut club = Club::open().await;
    club.board.card(ENTRY, ANNA);
    club.sees(|seen| seen.pulses == [1, 0]).await;
    club.kill().await;
    club.board.walk(Way::In);
    club.start();

    let told = club.records().await;

    assert_eq!((told.outcome, told.person.unwrap().as_str()), (PassageOutcome::Passed, "M-1"));
    assert_eq!(club.visits().await[0].entries_taken, 1);
    club.all_is_kept().await;
    let passages = club.passages().await;
    assert_eq!((passages.len(), passages[0].offline), (1, false));
    assert_eq!(club.board.seen().pulses, [1, 0], "nothing opened again");
}

#[tokio::test]
async fn a_record_that_was_made_but_not_acknowledged_is_not_made_again() {
    let mut club = Club::open().await;
    let hold = club.writer_hangs().await;
    club.board.card(ENTRY, ANNA);
    club.sees(|seen| seen.pulses == [1, 0]).await;
    club.board.walk(Way::In);
    club.gate_is(|state| state.controller.as_ref().is_some_and(|it| it.room == 38)).await;
    club.kill().await;
    drop(hold);
    club.start();
    club.all_is_kept().await;
    assert_eq!(club.passages().await.len(), 1);
    assert_eq!(club.visits().await.len(), 1);
}

#[tokio::test]
async fn nothing_is_acknowledged_before_it_is_durable() {
    let mut club = Club::open().await;
    let hold = club.writer_hangs().await;
    club.board.card(ENTRY, ANNA);
    club.sees(|seen| seen.pulses == [1, 0]).await;
    club.board.walk(Way::In);
    club.gate_is(|state| state.controller.as_ref().is_some_and(|it| it.room == 38)).await;
    club.board.card(ENTRY, BRUNO);
    club.sees(|seen| seen.pulses == [2, 0]).await;
    club.board.walk(Way::In);
    club.gate_is(|state| state.controller.as_ref().is_some_and(|it| it.room == 36)).await;
    drop(hold);
    club.all_is_kept().await;
    assert_eq!(club.passages().await.len(), 2);
}

#[tokio::test]
async fn whoever_leaves_while_the_agent_is_dead_is_out_and_the_visit_ends_at_that_time() {
    let mut club = Club::open().await;
    club.board.card(ENTRY, ANNA);
    club.sees(|seen| seen.pulses == [1, 0]).await;
    club.board.walk(Way::In);
    club.records().await;
    club.all_is_kept().await;
    club.kill().await;
    club.sees(|seen| seen.lines.last().is_some_and(|lines| lines[0].starts_with("Fuori servizio"))).await;
    club.board.card(EXIT, ANNA);
    club.sees(|seen| seen.pulses == [1, 1]).await;
    club.board.walk(Way::Out);
    club.board.card(ENTRY, BRUNO);
    club.sees(|seen| seen.red).await;
    let before_restart = Clock::system().now().wall;
    club.start();

    let mut both = [club.records().await, club.records().await];
    both.sort_by_key(|it| it.at);

    let [told, refused] = both;
    assert_eq!((told.outcome, told.direction), (PassageOutcome::Passed, Some(Direction::Out)));
    assert!(told.at < before_restart);
    assert_eq!((refused.outcome, refused.reasons), (PassageOutcome::Stale, vec![Reason::Stale]));
    let passages = club.passages().await;
    assert_eq!(passages.iter().map(|it| it.offline).collect::<Vec<_>>(), [false, true, false]);
    let end = club.visits().await[0].visit.ended.unwrap();
    assert_eq!((end.at, end.by), (told.at, EndedBy::Exit));
    club.all_is_kept().await;
    assert_eq!(club.board.seen().pulses, [1, 1]);
}

#[tokio::test]
async fn a_pulled_cable_is_a_state_and_what_happened_meanwhile_is_told_once() {
    let mut club = Club::open().await;
    club.board.card(ENTRY, ANNA);
    club.sees(|seen| seen.pulses == [1, 0]).await;
    club.board.pull();
    club.gate_is(|state| matches!(&state.line, LineState::Down { why } if why.contains("unplugged"))).await;
    club.board.walk(Way::In);
    club.board.plug_in();
    club.is_up().await;
    assert_eq!(club.records().await.outcome, PassageOutcome::Passed);
    assert_eq!(club.visits().await.len(), 1);
    club.board.card(ENTRY, BRUNO);
    club.sees(|seen| seen.pulses == [2, 0]).await;
}

#[tokio::test]
async fn a_board_that_is_silent_on_an_open_line_is_down_and_comes_back() {
    let mut club = Club::closed(OfflineEntry::Closed, Confirm::Rotation).await;
    club.board.mute(true);
    club.start();
    club.gate_is(|state| matches!(&state.line, LineState::Down { why } if why.contains("nothing answers"))).await;
    club.board.mute(false);
    club.is_up().await;
    club.board.mute(true);
    club.gate_is(|state| matches!(&state.line, LineState::Down { why } if why.contains("any more"))).await;
    assert_eq!(club.state().controller, None);
}

#[tokio::test]
async fn an_emergency_that_ends_while_the_board_is_without_power_is_over_and_one_that_lasts_is_told_anew() {
    for lasts in [false, true] {
        let mut club = Club::open().await;
        club.board.tamper(true);
        assert_eq!(club.raises().await, (AlarmKind::Tamper, AlarmState::Began));
        club.board.emergency(true);
        assert_eq!(club.raises().await, (AlarmKind::Emergency, AlarmState::Began));
        club.all_is_kept().await;
        club.board.reset_with(Contacts { emergency: lasts, ..Contacts::default() });
        let told = [club.raises().await, club.raises().await, club.raises().await];
        let over = [
            (AlarmKind::Restarted, AlarmState::Happened),
            (AlarmKind::Tamper, AlarmState::Ended),
            (AlarmKind::Emergency, AlarmState::Ended),
        ];
        assert_eq!(told, over);
        if lasts {
            assert_eq!(club.raises().await, (AlarmKind::Emergency, AlarmState::Began));
        }
        club.board.walk(Way::Out);
        let outcome = if lasts { PassageOutcome::Emergency } else { PassageOutcome::Forced };
        assert_eq!(club.records().await.outcome, outcome);
    }
}

#[tokio::test]
async fn a_board_that_is_reset_is_an_alarm_and_whoever_it_had_let_in_has_not_passed() {
    let mut club = Club::open().await;
    club.board.card(ENTRY, ANNA);
    club.sees(|seen| seen.pulses == [1, 0]).await;
    club.board.reset();
    assert_eq!(club.records().await.outcome, PassageOutcome::NotPassed);
    club.is_up().await;
    assert_eq!(club.alarms().await.iter().map(|it| it.alarm).collect::<Vec<_>>(), [AlarmKind::Restarted]);
    club.board.card(ENTRY, ANNA);
    club.sees(|seen| seen.pulses == [2, 0]).await;
    club.board.walk(Way::In);
    assert_eq!(club.records().await.outcome, PassageOutcome::Passed);
}

#[tokio::test]
async fn an_agent_that_stops_leaves_nothing_to_be_told_again() {
    let mut club = Club::open().await;
    club.board.card(ENTRY, ANNA);
    club.sees(|seen| seen.pulses == [1, 0]).await;
    club.board.walk(Way::In);
    club.stop().await;
    club.start();
    club.all_is_kept().await;
    assert_eq!(club.passages().await.len(), 1);
}

#[tokio::test]
async fn who_is_on_the_list_enters_while_the_agent_is_dead_and_has_a_visit_of_that_time() {
    let by_list = OfflineEntry::List { good_for: Duration::from_secs(3600), size: 64 };
    let mut club = Club::closed(by_list, Confirm::Rotation).await;
    club.start();
    club.gate_is(|state| state.controller.as_ref().is_some_and(|it| it.list != 0)).await;
    club.kill().await;
    until_silent(&club).await;
    club.board.card(ENTRY, STRANGER);
    club.sees(|seen| seen.red).await;
    club.board.card(ENTRY, ANNA);
    club.sees(|seen| seen.pulses == [1, 0]).await;
    club.board.walk(Way::In);
    club.start();

    let mut both = [club.records().await, club.records().await];
    both.sort_by_key(|it| it.at);

    assert_eq!(both.each_ref().map(|it| it.outcome), [PassageOutcome::Stale, PassageOutcome::Passed]);
    let visits = club.visits().await;
    assert_eq!((visits.len(), visits[0].visit.started_at, visits[0].entries_taken), (1, both[1].at, 1));
    let passages = club.passages().await;
    assert_eq!(passages.iter().map(|it| it.offline).collect::<Vec<_>>(), [false, true]);
    assert_eq!(passages[0].unknown_badge.as_deref(), Some("4D0929"));
    club.all_is_kept().await;
}

#[tokio::test]
async fn nobody_enters_by_a_list_through_a_locked_gate() {
    let by_list = OfflineEntry::List { good_for: Duration::from_secs(3600), size: 64 };
    let mut club = Club::closed(by_list, Confirm::Rotation).await;
    club.start();
    club.gate_is(|state| state.controller.as_ref().is_some_and(|it| it.list != 0)).await;
    let before = club.state().controller.unwrap().list;
    club.mode(GateMode::Locked).await;
    club.gate_is(|state| state.controller.as_ref().is_some_and(|it| it.list != before && it.list != 0)).await;
    club.kill().await;
    until_silent(&club).await;
    club.board.card(ENTRY, ANNA);
    club.sees(|seen| seen.red).await;
    assert_eq!(club.board.seen().pulses, [0, 0]);
}

/// Waits until the controller must have noticed that nobody speaks to it.
async fn until_silent(club: &Club) {
    club.sees(|seen| seen.unheard_ms > u64::from(firmware_proto::link::SILENT_MS)).await;
}

//! What happens at one gate, told as scripts.

use expect_test::{Expect, expect};

use super::*;

fn check(script: &str, expected: Expect) {
    expected.assert_eq(&transcript(gate(Confirm::Rotation), script));
}

fn check_relay(script: &str, expected: Expect) {
    expected.assert_eq(&transcript(gate(Confirm::Assumed), script));
}

#[test]
fn a_member_reads_walks_through_and_is_recorded() {
    check(
        "badge 7; wait 2s; turn",
        expect![[r#"
        badge 7         -> Decide(7), Open, Show(Welcome)
        wait 2s         ->
        turn            -> Record(7, passed)
    "#]],
    );
}

#[test]
fn nobody_walks_through_so_the_passage_is_not_passed_and_a_later_turn_is_forced() {
    check(
        "badge 7; wait 9s; turn",
        expect![[r#"
        badge 7         -> Decide(7), Open, Show(Welcome)
        wait 9s         -> Record(7, not_passed)
        turn            -> Forced(In)
    "#]],
    );
}

#[test]
fn after_nobody_walked_through_the_next_read_is_decided_afresh() {
    check(
        "badge 7; wait 8s; badge 7; turn",
        expect![[r#"
        badge 7         -> Decide(7), Open, Show(Welcome)
        wait 8s         -> Record(7, not_passed)
        badge 7         -> Decide(7), Open, Show(Welcome)
        turn            -> Record(7, passed)
    "#]],
    );
}

#[test]
fn a_repeat_is_shown_the_same_text_and_opens_nothing() {
    check(
        "badge 7; turn; read 7; wait 2s; read 7; wait 2s; read 7; wait 3s; read 7",
        expect![[r#"
        badge 7         -> Decide(7), Open, Show(Welcome)
        turn            -> Record(7, passed)
        read 7          -> Show(Welcome)
        wait 2s         ->
        read 7          -> Show(Welcome)
        wait 2s         ->
        read 7          -> Show(Welcome)
        wait 3s         ->
        read 7          -> Decide(7)
    "#]],
    );
}

#[test]
fn a_refused_badge_held_to_the_reader_is_refused_once() {
    check(
        "read 9; deny 9; wait 1s; read 9; wait 3s; read 9",
        expect![[r#"
        read 9          -> Decide(9)
        deny 9          -> Show(Reason(NoEntitlement)), Record(9, denied)
        wait 1s         ->
        read 9          -> Show(Reason(NoEntitlement))
        wait 3s         ->
        read 9          -> Decide(9)
    "#]],
    );
}

#[test]
fn its_own_badge_keeps_a_grant_open_even_after_the_repeat_window() {
    check(
        "badge 7; wait 7s; read 7; wait 7s; turn",
        expect![[r#"
        badge 7         -> Decide(7), Open, Show(Welcome)
        wait 7s         ->
        read 7          -> Show(Welcome)
        wait 7s         ->
        turn            -> Record(7, passed)
    "#]],
    );
}

#[test]
fn a_card_left_on_the_reader_does_not_hold_the_gate_open_for_good() {
    check(
        "badge 7; wait 7s; read 7; wait 7s; read 7; wait 7s; read 7; wait 7s; read 7; wait 5s",
        expect![[r#"
        badge 7         -> Decide(7), Open, Show(Welcome)
        wait 7s         ->
        read 7          -> Show(Welcome)
        wait 7s         ->
        read 7          -> Show(Welcome)
        wait 7s         ->
        read 7          -> Show(Welcome)
        wait 7s         ->
        read 7          -> Show(Welcome)
        wait 5s         -> Record(7, not_passed)
    "#]],
    );
}

#[test]
fn a_refusal_is_answered_while_the_gate_is_open_for_another() {
    check(
        "badge 7; read 9; deny 9; turn",
        expect![[r#"
        badge 7         -> Decide(7), Open, Show(Welcome)
        read 9          -> Decide(9)
        deny 9          -> Show(Reason(NoEntitlement)), Record(9, denied)
        turn            -> Record(7, passed)
    "#]],
    );
}

#[test]
fn a_grant_for_another_waits_and_is_decided_again_when_the_gate_is_free() {
    check(
        "badge 7; read 8; grant 8; read 8; turn; grant 8; opened; turn",
        expect![[r#"
        badge 7         -> Decide(7), Open, Show(Welcome)
        read 8          -> Decide(8)
        grant 8         -> Forget(8)
        read 8          ->
        turn            -> Record(7, passed), Decide(8)
        grant 8         -> Open, Show(Welcome)
        opened          ->
        turn            -> Record(8, passed)
    "#]],
    );
}

#[test]
fn one_waits_and_a_third_is_told_nothing() {
    check(
        "badge 7; read 8; grant 8; read 6; grant 6; turn; deny 8; read 6",
        expect![[r#"
        badge 7         -> Decide(7), Open, Show(Welcome)
        read 8          -> Decide(8)
        grant 8         -> Forget(8)
        read 6          -> Decide(6)
        grant 6         -> Forget(6)
        turn            -> Record(7, passed), Decide(8)
        deny 8          -> Show(Reason(NoEntitlement)), Record(8, denied)
        read 6          -> Decide(6)
    "#]],
    );
}

#[test]
fn who_leaves_takes_the_place_of_who_waits_to_enter() {
    check(
        "badge 7; read 8; grant 8; read 6 exit; grant 6 exit; turn; grant 6 exit; opened; turn out",
        expect![[r#"
        badge 7         -> Decide(7), Open, Show(Welcome)
        read 8          -> Decide(8)
        grant 8         -> Forget(8)
        read 6 exit     -> Decide(6)
        grant 6 exit    -> Forget(6)
        turn            -> Record(7, passed), Decide(6)
        grant 6 exit    -> Open, Show(Goodbye)
        opened          ->
        turn out        -> Record(6, passed)
    "#]],
    );
}

#[test]
fn a_read_while_it_is_being_decided_is_asked_once() {
    check(
        "read 7; read 7; read 8; grant 7; opened; grant 8; turn",
        expect![[r#"
        read 7          -> Decide(7)
        read 7          ->
        read 8          -> Decide(8)
        grant 7         -> Open, Show(Welcome)
        opened          ->
        grant 8         -> Forget(8)
        turn            -> Record(7, passed), Decide(8)
    "#]],
    );
}

#[test]
fn an_answer_that_never_comes_does_not_mute_the_badge() {
    check(
        "read 7; wait 3s; read 7; grant 7; grant 7; opened; turn; grant 7",
        expect![[r#"
        read 7          -> Decide(7)
        wait 3s         ->
        read 7          -> Decide(7)
        grant 7         -> Open, Show(Welcome)
        grant 7         -> Forget(7)
        opened          ->
        turn            -> Record(7, passed)
        grant 7         -> Forget(7)
    "#]],
    );
}

#[test]
fn no_more_reads_are_decided_at_once_than_the_limit() {
    check(
        "read 1; read 2; read 3; read 4; read 5; deny 1; read 5",
        expect![[r#"
        read 1          -> Decide(1)
        read 2          -> Decide(2)
        read 3          -> Decide(3)
        read 4          -> Decide(4)
        read 5          ->
        deny 1          -> Show(Reason(NoEntitlement)), Record(1, denied)
        read 5          -> Decide(5)
    "#]],
    );
}

#[test]
fn a_board_that_cannot_open_leaves_the_passage_not_passed() {
    check(
        "read 7; grant 7; failed; read 7",
        expect![[r#"
        read 7          -> Decide(7)
        grant 7         -> Open, Show(Welcome)
        failed          -> Record(7, not_passed)
        read 7          -> Decide(7)
    "#]],
    );
}

#[test]
fn a_board_that_says_nothing_leaves_the_passage_not_passed() {
    check(
        "read 7; grant 7; wait 9s; opened; turn",
        expect![[r#"
        read 7          -> Decide(7)
        grant 7         -> Open, Show(Welcome)
        wait 9s         -> Record(7, not_passed)
        opened          ->
        turn            -> Forced(In)
    "#]],
    );
}

#[test]
fn a_rotation_told_before_the_command_was_answered_is_the_passage() {
    check(
        "read 7; grant 7; turn; opened; badge 8; turn",
        expect![[r#"
        read 7          -> Decide(7)
        grant 7         -> Open, Show(Welcome)
        turn            -> Record(7, passed)
        opened          ->
        badge 8         -> Decide(8), Open, Show(Welcome)
        turn            -> Record(8, passed)
    "#]],
    );
}

#[test]
fn a_second_turn_on_one_grant_is_forced() {
    check(
        "badge 7; turn; turn",
        expect![[r#"
        badge 7         -> Decide(7), Open, Show(Welcome)
        turn            -> Record(7, passed)
        turn            -> Forced(In)
    "#]],
    );
}

#[test]
fn a_turn_outwards_is_not_the_passage_of_who_enters() {
    check(
        "badge 7; turn out; turn",
        expect![[r#"
        badge 7         -> Decide(7), Open, Show(Welcome)
        turn out        -> Forced(Out)
        turn            -> Record(7, passed)
    "#]],
    );
    let free_exit = Gate { free_exit: true, ..gate(Confirm::Rotation) };
    expect![[r#"
        badge 7         -> Decide(7), Open, Show(Welcome)
        turn out        ->
        turn            -> Record(7, passed)
        turn out        ->
    "#]]
    .assert_eq(&transcript(free_exit, "badge 7; turn out; turn; turn out"));
}

#[test]
fn an_opening_by_hand_is_recorded_when_the_gate_opens() {
    check(
        "hand; opened; turn; hand; opened; wait 8s",
        expect![[r#"
        hand            -> Open, Show(Welcome)
        opened          -> Record(hand, manual)
        turn            ->
        hand            -> Open, Show(Welcome)
        opened          -> Record(hand, manual)
        wait 8s         ->
    "#]],
    );
}

#[test]
fn an_operator_does_not_wait_for_who_never_walked_through() {
    check(
        "badge 7; hand; opened; turn",
        expect![[r#"
        badge 7         -> Decide(7), Open, Show(Welcome)
        hand            -> Record(7, not_passed), Open, Show(Welcome)
        opened          -> Record(hand, manual)
        turn            ->
    "#]],
    );
    check(
        "read 7; grant 7; hand; opened; opened; turn",
        expect![[r#"
        read 7          -> Decide(7)
        grant 7         -> Open, Show(Welcome)
        hand            -> Record(7, not_passed), Open, Show(Welcome)
        opened          ->
        opened          -> Record(hand, manual)
        turn            ->
    "#]],
    );
}

#[test]
fn without_a_sensor_the_opening_is_the_passage_and_the_gate_is_free_after_the_pulse() {
    check_relay(
        "badge 7; read 8; grant 8; wait 1s; grant 8; opened; wait 1s",
        expect![[r#"
        badge 7         -> Decide(7), Open, Show(Welcome), Record(7, passed)
        read 8          -> Decide(8)
        grant 8         -> Forget(8)
        wait 1s         -> Decide(8)
        grant 8         -> Open, Show(Welcome)
        opened          -> Record(8, passed)
        wait 1s         ->
    "#]],
    );
}

#[test]
fn without_a_sensor_a_failed_opening_is_no_passage() {
    check_relay(
        "read 7; grant 7; failed; badge 7; wait 1s",
        expect![[r#"
        read 7          -> Decide(7)
        grant 7         -> Open, Show(Welcome)
        failed          -> Record(7, not_passed)
        badge 7         -> Decide(7), Open, Show(Welcome), Record(7, passed)
        wait 1s         ->
    "#]],
    );
}

#[test]
fn a_free_passage_is_recorded_as_free() {
    check(
        "read 7; free 7; opened; turn",
        expect![[r#"
        read 7          -> Decide(7)
        free 7          -> Open, Show(Welcome)
        opened          ->
        turn            -> Record(7, free)
    "#]],
    );
}

#[test]
fn a_gate_taken_down_records_who_was_granted_and_did_not_walk_through() {
    check(
        "badge 7; read 8; grant 8; read 6; close; turn; grant 6",
        expect![[r#"
        badge 7         -> Decide(7), Open, Show(Welcome)
        read 8          -> Decide(8)
        grant 8         -> Forget(8)
        read 6          -> Decide(6)
        close           -> Record(7, not_passed)
        turn            ->
        grant 6         -> Forget(6)
    "#]],
    );
    check_relay(
        "badge 7; close",
        expect![[r#"
        badge 7         -> Decide(7), Open, Show(Welcome), Record(7, passed)
        close           ->
    "#]],
    );
}

#[test]
fn a_gate_is_open_from_the_command_to_the_passage() {
    let mut bench = Bench::new(gate(Confirm::Rotation));
    let open: Vec<_> = ["read 7", "grant 7", "opened", "turn", "hand", "opened"]
        .map(|command| (bench.run(command), bench.machine.is_open()).1)
        .into();
    assert_eq!(open, [false, true, true, false, true, false]);
}

#[test]
fn a_boards_late_answer_is_not_about_the_next_grant() {
    check_relay(
        "read 7; grant 7; wait 8s; read 8; grant 8; opened; opened",
        expect![[r#"
            read 7          -> Decide(7)
            grant 7         -> Open, Show(Welcome)
            wait 8s         -> Record(7, not_passed)
            read 8          -> Decide(8)
            grant 8         -> Open, Show(Welcome)
            opened          ->
            opened          -> Record(8, passed)
        "#]],
    );
}

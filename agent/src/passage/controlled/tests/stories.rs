//! What happens at one gate with a controller, told as scripts.

use expect_test::expect;

use super::*;

#[test]
fn a_read_is_granted_rotated_recorded_and_then_forgotten() {
    check(
        "read 7; grant 7; turn grant 1; written",
        &expect![[r#"
        read 7                 -> Decide(7)
        grant 7                -> Grant(1 for read 1)
        turn grant 1           -> Record(1, passed)
        written                -> Keep(2)
    "#]],
    );
}

#[test]
fn nothing_is_forgotten_before_what_is_older() {
    check(
        "read 7; grant 7; turn nobody; written; turn grant 1; written",
        &expect![[r#"
        read 7                 -> Decide(7)
        grant 7                -> Grant(1 for read 1)
        turn nobody            -> Unasked(In, forced)
        written                ->
        turn grant 1           -> Record(1, passed)
        written                -> Keep(3)
    "#]],
    );
}

#[test]
fn a_refusal_is_answered_at_once_and_a_repeat_is_recorded_once() {
    check(
        "read 9; deny 9; written; wait 1s; read 9; wait 4s; read 9",
        &expect![[r#"
        read 9                 -> Decide(9)
        deny 9                 -> Deny(read 1, Refused), Record(1, denied)
        written                -> Keep(1)
        wait 1s                ->
        read 9                 -> Deny(read 2, Refused), Keep(2)
        wait 4s                ->
        read 9                 -> Decide(9)
    "#]],
    );
}

#[test]
fn a_repeat_while_the_gate_is_open_gives_more_time() {
    check(
        "read 7; grant 7; wait 2s; read 7; turn grant 1; read 7",
        &expect![[r#"
        read 7                 -> Decide(7)
        grant 7                -> Grant(1 for read 1)
        wait 2s                ->
        read 7                 -> Extend, Deny(read 2, Again)
        turn grant 1           -> Record(1, passed)
        read 7                 -> Deny(read 4, Again)
    "#]],
    );
}

#[test]
fn the_next_one_waits_and_is_asked_about_again() {
    check(
        "read 7; grant 7; read 8; grant 8; turn grant 1; grant 8 read 2; turn grant 2; written",
        &expect![[r#"
        read 7                 -> Decide(7)
        grant 7                -> Grant(1 for read 1)
        read 8                 -> Decide(8)
        grant 8                -> Forget(2), Deny(read 2, Wait)
        turn grant 1           -> Record(1, passed), Decide(8)
        grant 8 read 2         -> Grant(2)
        turn grant 2           -> Record(3, passed)
        written                -> Keep(1), Keep(4)
    "#]],
    );
}

#[test]
fn whoever_waits_before_a_controller_that_falls_silent_is_forgotten() {
    check(
        "read 7; grant 7; read 8; grant 8; ended; wait 20s; began 1; turn grant 1; written",
        &expect![[r#"
        read 7                 -> Decide(7)
        grant 7                -> Grant(1 for read 1)
        read 8                 -> Decide(8)
        grant 8                -> Forget(2), Deny(read 2, Wait)
        ended                  ->
        wait 20s               -> Release(1)
        began 1                ->
        turn grant 1           -> Record(1, passed)
        written                -> Keep(3)
    "#]],
    );
}

#[test]
fn who_leaves_does_not_wait_for_who_enters() {
    check(
        "read 7; grant 7; read 8 at exit; grant 8 at exit; turn out grant 2; turn grant 1; written",
        &expect![[r#"
        read 7                 -> Decide(7)
        grant 7                -> Grant(1 for read 1)
        read 8 at exit         -> Decide(8)
        grant 8 at exit        -> Grant(2 for read 2)
        turn out grant 2       -> Record(2, passed)
        turn grant 1           -> Record(1, passed)
        written                -> Keep(4)
    "#]],
    );
}

#[test]
fn a_grant_that_comes_too_late_is_stale_and_at_an_exit_the_controller_opens_anyway() {
    check(
        "read 7; grant 7; refused 1 late; read 8 at exit; grant 8 at exit; refused 2 late; turn out own 3; written",
        &expect![[r#"
            read 7                 -> Decide(7)
            grant 7                -> Grant(1 for read 1)
            refused 1 late         -> Record(1, stale)
            read 8 at exit         -> Decide(8)
            grant 8 at exit        -> Grant(2 for read 3)
            refused 2 late         ->
            turn out own 3         -> Record(2, passed)
            written                -> Keep(2), Keep(5)
        "#]],
    );
}

#[test]
fn after_a_crash_what_was_granted_is_recorded_without_deciding_again() {
    check(
        "late 7 granted old1; turn grant old1; late 8; late 9 refused; written",
        &expect![[r#"
        late 7 granted old1    ->
        turn grant old1        -> Late(7 as 1, passed by Agent)
        late 8                 -> Late(8 as 3, stale by Nobody)
        late 9 refused         -> Late(9 as 4, stale by Nobody)
        written                -> Keep(2), Keep(3), Keep(4)
    "#]],
    );
}

#[test]
fn after_a_crash_an_end_whose_read_is_gone_is_recorded_under_the_reads_key() {
    check(
        "turn grant old7; written",
        &expect![[r#"
            turn grant old7        -> Late(nobody as 1, passed by Agent)
            written                -> Keep(1)
        "#]],
    );
}

#[test]
fn after_a_crash_one_who_had_waited_and_was_let_in_has_passed() {
    check(
        "late 7 denied; written; turn grant old1; written",
        &expect![[r#"
        late 7 denied          -> Late(7 as 1, denied by Agent)
        written                -> Keep(1)
        turn grant old1        -> Late(7 as 2, passed by Agent)
        written                -> Keep(2)
    "#]],
    );
}

#[test]
fn what_the_controller_opened_alone_is_told_later() {
    check(
        "late 7 opened; turn own 1; late 8 at exit; missed own 3; turn out own 0; written",
        &expect![[r#"
        late 7 opened          ->
        turn own 1             -> Late(7 as 1, passed by Controller)
        late 8 at exit         ->
        missed own 3           -> Late(8 as 3, not_passed by Controller)
        turn out own 0         -> Late(nobody as 5, passed by Controller)
        written                -> Keep(2), Keep(4), Keep(5)
    "#]],
    );
}

#[test]
fn a_grant_that_never_arrived_is_stale_when_its_read_is_told_again() {
    check(
        "read 7; grant 7; ended; began 1; again 1 refused; written",
        &expect![[r#"
        read 7                 -> Decide(7)
        grant 7                -> Grant(1 for read 1)
        ended                  ->
        began 1                ->
        again 1 refused        -> Record(1, stale)
        written                -> Keep(1)
    "#]],
    );
}

#[test]
fn a_grant_whose_end_is_never_told_is_not_passed_once_the_controller_is_back() {
    check(
        "read 7; grant 7; ended; wait 20s; began 1; wait 20s; written",
        &expect![[r#"
        read 7                 -> Decide(7)
        grant 7                -> Grant(1 for read 1)
        ended                  ->
        wait 20s               -> Release(1)
        began 1                ->
        wait 20s               -> Record(1, not_passed)
        written                -> Keep(1)
    "#]],
    );
}

#[test]
fn a_reset_ends_whoever_was_on_the_way() {
    check(
        "read 7; grant 7; late 8 opened; began 2; read 9; grant 9 read 1; turn grant 2; written",
        &expect![[r#"
        read 7                 -> Decide(7)
        grant 7                -> Grant(1 for read 1)
        late 8 opened          ->
        began 2                -> Record(1, not_passed), Late(8 as 2, not_passed by Controller)
        read 9                 -> Decide(9)
        grant 9 read 1         -> Grant(2 for read 1)
        turn grant 2           -> Record(2, passed)
        written                -> Keep(2)
    "#]],
    );
}

#[test]
fn a_rotation_of_nobody_is_forced_free_or_an_emergencys() {
    check(
        "turn nobody; turn free; emergency on; turn out free; emergency off; written",
        &expect![[r#"
        turn nobody            -> Unasked(In, forced)
        turn free              -> Unasked(In, free)
        emergency on           -> Alarm
        turn out free          -> Unasked(Out, emergency)
        emergency off          -> Alarm
        written                -> Keep(1), Keep(2), Keep(3), Keep(4), Keep(5)
    "#]],
    );
}

#[test]
fn an_opening_by_hand_counts_when_the_controller_has_it_and_ends_who_did_not_walk() {
    check(
        "read 7; grant 7; hand; missed grant 1; taken 2; wait 1s; turn grant 2; written",
        &expect![[r#"
        read 7                 -> Decide(7)
        grant 7                -> Grant(1 for read 1)
        hand                   -> Withdraw, Grant(2)
        missed grant 1         -> Record(1, not_passed)
        taken 2                ->
        wait 1s                -> Record(2, manual)
        turn grant 2           ->
        written                -> Keep(3)
    "#]],
    );
}

#[test]
fn an_opening_by_hand_that_is_refused_is_said_to_be() {
    check(
        "hand; taken 1; refused 1; hand; wait 20s",
        &expect![[r#"
        hand                   -> Grant(1)
        taken 1                ->
        refused 1              -> NotOpened(somebody else is passing), Record(1, not_passed), Keep(1)
        hand                   -> Grant(2)
        wait 20s               -> NotOpened(it did not say in time that it opened), Record(2, not_passed)
    "#]],
    );
}

#[test]
fn without_a_sensor_a_grant_counts_when_it_is_taken() {
    let gate = gate(Confirm::Assumed);
    let expected = expect![[r#"
        read 7                 -> Decide(7)
        grant 7                -> Grant(1 for read 1)
        taken 1                ->
        wait 1s                -> Record(1, passed)
        missed grant 1         ->
        late 8 opened          -> Late(8 as 3, passed by Controller)
        missed own 3           ->
        written                -> Keep(2), Keep(4)
    "#]];
    check_at(
        &gate,
        "read 7; grant 7; taken 1; wait 1s; missed grant 1; late 8 opened; missed own 3; written",
        &expected,
    );
}

#[test]
fn a_gate_that_is_closed_leaves_to_the_controller_what_has_not_ended() {
    check(
        "read 7; grant 7; read 8; close; grant 8; turn grant 1; written",
        &expect![[r#"
        read 7                 -> Decide(7)
        grant 7                -> Grant(1 for read 1)
        read 8                 -> Decide(8)
        close                  -> Release(1)
        grant 8                -> Forget(2)
        turn grant 1           ->
        written                ->
    "#]],
    );
}

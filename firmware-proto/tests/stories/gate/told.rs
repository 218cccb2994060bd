//! What happens at one gate, told as events and as what the outputs did.

use expect_test::{Expect, expect};
use firmware_proto::gate::lane::RELAY_ON_MS_MAX;
use firmware_proto::gate::list::hash;
use firmware_proto::gate::{ANSWER_MS_MAX, REPEAT_MS};
use firmware_proto::link::SILENT_MS;
use firmware_proto::to_gate::Order;
use firmware_proto::words::Way;

use super::place::{ANNA, Agent, BRUNO, Place};

const IN: usize = 0;
const OUT: usize = 1;
const SILENCE: u64 = SILENT_MS as u64 + 1;

/// What was done, what the outputs did meanwhile, and what the agent has on its disk in the end.
fn check(place: &mut Place, story: impl FnOnce(&mut Place), told: &Expect) {
    place.seen.clear();
    story(place);
    let seen = place.seen.join(", ");
    told.assert_eq(&format!("{seen}\n{}", place.told()));
}

#[test]
fn a_granted_member_walks_in_and_the_relay_lets_go_behind() {
    let story = |place: &mut Place| {
        place.card(IN, ANNA);
        place.wait(300);
        place.walk(Way::In);
        place.wait(1000);
    };
    check(
        &mut Place::new(),
        story,
        &expect![[r#"
        relay in on, relay in off
        Read { reader: 0, credential: Credential(3 bytes), answer: None }
        Rotated { way: In, by: Grant(GrantId(1)) }
    "#]],
    );
}

#[test]
fn who_hesitates_and_turns_back_has_not_passed() {
    let story = |place: &mut Place| {
        place.card(IN, ANNA);
        place.wait(500);
        place.turn_back();
        place.wait(6000);
    };
    check(
        &mut Place::new(),
        story,
        &expect![[r#"
        relay in on, relay in off
        Read { reader: 0, credential: Credential(3 bytes), answer: None }
        NotPassed { by: Grant(GrantId(1)) }
    "#]],
    );
}

#[test]
fn who_is_late_by_less_than_the_grace_has_passed_and_who_is_later_has_forced_the_gate() {
    let story = |place: &mut Place| {
        place.card(IN, ANNA);
        place.wait(4600);
        place.walk(Way::In);
        place.wait(2000);
        place.card(IN, BRUNO);
        place.wait(6500);
        place.walk(Way::In);
        place.wait(1000);
    };
    check(
        &mut Place::new(),
        story,
        &expect![[r#"
        relay in on, relay in off, relay in on, relay in off
        Read { reader: 0, credential: Credential(3 bytes), answer: None }
        Rotated { way: In, by: Grant(GrantId(1)) }
        Read { reader: 0, credential: Credential(3 bytes), answer: None }
        NotPassed { by: Grant(GrantId(2)) }
        Rotated { way: In, by: Nobody }
    "#]],
    );
}

#[test]
fn a_tailgater_is_nobody_s() {
    let story = |place: &mut Place| {
        place.card(IN, ANNA);
        place.wait(300);
        place.walk(Way::In);
        place.wait(400);
        place.walk(Way::In);
        place.wait(1000);
    };
    check(
        &mut Place::new(),
        story,
        &expect![[r#"
        relay in on, relay in off
        Read { reader: 0, credential: Credential(3 bytes), answer: None }
        Rotated { way: In, by: Grant(GrantId(1)) }
        Rotated { way: In, by: Nobody }
    "#]],
    );
}

#[test]
fn a_refused_member_stays_outside_and_nobody_stays_inside() {
    let mut place = Place::new();
    place.agent = Agent::Denies;
    let story = |place: &mut Place| {
        place.card(IN, ANNA);
        place.wait(300);
        place.card(OUT, ANNA);
        place.wait(300);
        place.walk(Way::Out);
        place.wait(1000);
    };
    check(
        &mut place,
        story,
        &expect![[r#"
        relay out on, relay out off
        Read { reader: 0, credential: Credential(3 bytes), answer: None }
        Read { reader: 1, credential: Credential(3 bytes), answer: None }
        Rotated { way: Out, by: Own(2) }
    "#]],
    );
}

#[test]
fn an_agent_that_muses_keeps_the_entry_shut_and_the_exit_open() {
    let mut place = Place::new();
    place.agent = Agent::Muses;
    let story = |place: &mut Place| {
        place.card(IN, ANNA);
        place.card(OUT, BRUNO);
        place.wait(u64::from(ANSWER_MS_MAX) + 200);
        place.walk(Way::Out);
        place.wait(1000);
    };
    check(
        &mut place,
        story,
        &expect![[r#"
        relay out on, relay out off
        Read { reader: 0, credential: Credential(3 bytes), answer: None }
        Read { reader: 1, credential: Credential(3 bytes), answer: None }
        Rotated { way: Out, by: Own(2) }
    "#]],
    );
}

#[test]
fn a_grant_that_comes_too_late_for_its_read_opens_nothing_and_is_told() {
    let mut place = Place::new();
    place.agent = Agent::Muses;
    let story = |place: &mut Place| {
        place.card(IN, ANNA);
        place.wait(100 + u64::from(ANSWER_MS_MAX));
        place.grant(77, Some(1), 500);
        place.wait(1000);
    };
    check(
        &mut place,
        story,
        &expect![[r#"

        Read { reader: 0, credential: Credential(3 bytes), answer: None }
        GrantRefused { id: GrantId(77), why: TooLate }
    "#]],
    );
}

#[test]
fn a_read_that_waited_when_the_agent_died_is_not_opened_by_the_next_one() {
    let mut place = Place::new();
    place.agent = Agent::Muses;
    let story = |place: &mut Place| {
        place.is_cut = true;
        place.card(IN, ANNA);
        place.wait(90);
        place.host = None;
        place.is_cut = false;
        place.agent = Agent::Grants;
        place.start_agent();
        place.wait(1000);
    };
    check(
        &mut place,
        story,
        &expect![[r#"

        Read { reader: 0, credential: Credential(3 bytes), answer: Refused(Unanswered) }
    "#]],
    );
}

#[test]
fn a_grant_ordered_twice_opens_once_and_a_second_person_waits() {
    let story = |place: &mut Place| {
        place.grant(77, None, 500);
        place.wait(100);
        place.grant(78, None, 500);
        place.wait(100);
        place.walk(Way::In);
        place.wait(1000);
        place.grant(77, None, 500);
        place.wait(1000);
    };
    check(
        &mut Place::new(),
        story,
        &expect![[r#"
        relay in on, relay in off
        GrantRefused { id: GrantId(78), why: Busy }
        Rotated { way: In, by: Grant(GrantId(77)) }
    "#]],
    );
}

#[test]
fn a_relay_is_let_go_after_its_bound_however_long_a_pulse_is_ordered() {
    let mut place = Place::new();
    place.grant(77, None, u16::MAX);
    place.wait(10_000);
    assert_eq!(place.longest_pulse, u64::from(RELAY_ON_MS_MAX));
}

#[test]
fn an_agent_that_comes_back_is_told_what_happened_without_it_and_opens_nothing_for_it() {
    let mut place = Place::new();
    place.host = None;
    let story = |place: &mut Place| {
        place.wait(SILENCE);
        place.card(IN, ANNA);
        place.wait(300);
        place.card(OUT, BRUNO);
        place.wait(300);
        place.walk(Way::Out);
        place.wait(5000);
        place.seen.push("agent".to_owned());
        place.start_agent();
        place.wait(1000);
    };
    check(
        &mut place,
        story,
        &expect![[r#"
        relay out on, relay out off, agent
        Read { reader: 0, credential: Credential(3 bytes), answer: Refused(Offline) }
        Read { reader: 1, credential: Credential(3 bytes), answer: Opened }
        Rotated { way: Out, by: Own(2) }
    "#]],
    );
    assert_eq!(place.granted, []);
}

#[test]
fn who_is_on_the_list_enters_while_the_agent_is_silent() {
    let mut place = Place::new();
    let host = place.host.as_mut().expect("it was started");
    let anna = hash(b"0123456789abcdef", &[123, 0x11, 0xD7]).to_be_bytes();
    let hashes = heapless::Vec::from_slice(&[anna]).expect("one fits");
    for order in [Order::ListBegin { version: 3 }, Order::ListPart { hashes }, Order::ListEnd { version: 3, count: 1 }]
    {
        host.order(order).expect("it is up");
    }
    host.list_is_good(3);
    place.wait(300);
    place.host = None;
    let story = |place: &mut Place| {
        place.wait(SILENCE);
        place.card(IN, ANNA);
        place.wait(300);
        place.walk(Way::In);
        place.wait(1000);
        place.card(IN, BRUNO);
        place.wait(1000);
        place.start_agent();
        place.wait(1000);
    };
    check(
        &mut place,
        story,
        &expect![[r#"
        relay in on, relay in off
        Read { reader: 0, credential: Credential(3 bytes), answer: Opened }
        Rotated { way: In, by: Own(1) }
        Read { reader: 0, credential: Credential(3 bytes), answer: Refused(NotListed) }
    "#]],
    );
}

#[test]
fn the_emergency_input_frees_the_gate_in_the_same_turn_and_tells() {
    let story = |place: &mut Place| {
        place.contacts.emergency = true;
        place.wait(1);
        place.seen.push("then".to_owned());
        place.walk(Way::Out);
        place.wait(500);
        place.contacts.emergency = false;
        place.wait(1000);
    };
    check(
        &mut Place::new(),
        story,
        &expect![[r#"
        lock off, then, lock on
        Alarm { alarm: Emergency, on: true }
        Rotated { way: Out, by: Free }
        Alarm { alarm: Emergency, on: false }
    "#]],
    );
}

#[test]
fn a_card_left_at_the_entry_is_one_read() {
    let story = |place: &mut Place| {
        for _ in 0..20 {
            place.card(IN, ANNA);
            place.wait(u64::from(REPEAT_MS) / 2);
        }
    };
    check(
        &mut Place::new(),
        story,
        &expect![[r#"
        relay in on, relay in off
        Read { reader: 0, credential: Credential(3 bytes), answer: None }
        NotPassed { by: Grant(GrantId(1)) }
    "#]],
    );
}

#[test]
fn three_people_leave_one_after_the_other_when_they_present_their_cards_together() {
    let mut place = Place::new();
    place.host = None;
    let story = |place: &mut Place| {
        place.wait(SILENCE);
        for card in [ANNA, BRUNO, 0x88_0817] {
            place.card(OUT, card);
            place.wait(100);
        }
        for _ in 0..3 {
            place.walk(Way::Out);
            place.wait(700);
        }
        place.start_agent();
        place.wait(500);
    };
    check(
        &mut place,
        story,
        &expect![[r#"
        relay out on, relay out off, relay out on, relay out off, relay out on, relay out off
        Read { reader: 1, credential: Credential(3 bytes), answer: Opened }
        Read { reader: 1, credential: Credential(3 bytes), answer: Opened }
        Read { reader: 1, credential: Credential(3 bytes), answer: Opened }
        Rotated { way: Out, by: Own(1) }
        Rotated { way: Out, by: Own(2) }
        Rotated { way: Out, by: Own(3) }
    "#]],
    );
}

#[test]
fn tampering_and_a_barrier_that_is_held_are_told_when_they_begin_and_end() {
    let story = |place: &mut Place| {
        place.contacts.tamper = true;
        place.contacts.a = true;
        place.wait(11_000);
        place.contacts.tamper = false;
        place.contacts.a = false;
        place.wait(500);
    };
    check(
        &mut Place::new(),
        story,
        &expect![[r#"

        Alarm { alarm: Tamper, on: true }
        Alarm { alarm: HeldOpen, on: true }
        Alarm { alarm: HeldOpen, on: false }
        Alarm { alarm: Tamper, on: false }
    "#]],
    );
}

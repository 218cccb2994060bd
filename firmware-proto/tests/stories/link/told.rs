//! Single stories of the link, each about one promise.

use firmware_proto::frame::Packet;
use firmware_proto::from_gate::{FromGate, Health};
use firmware_proto::link::SILENT_MS;
use firmware_proto::link::gate_end::{GateEnd, Heard, Identity};
use firmware_proto::to_gate::ToGate;
use firmware_proto::uptime::Uptime;
use firmware_proto::words::{BootId, Session};

use super::club::Club;

fn up() -> Club {
    let mut club = Club::new(1);
    club.step(1);
    for _ in 0..10 {
        club.step(1);
    }
    assert_eq!(club.told, ["up"]);
    club
}

fn wait(club: &mut Club, ms: u64) {
    for _ in 0..ms {
        club.step(1);
    }
}

fn cut(club: &mut Club, cut: bool) {
    (club.to_gate.is_cut, club.from_gate.is_cut) = (cut, cut);
}

#[test]
fn events_of_a_cut_line_arrive_in_order_when_it_is_mended() {
    let mut club = up();
    cut(&mut club, true);
    for _ in 0..3 {
        club.happen();
        wait(&mut club, u64::from(SILENT_MS));
    }
    cut(&mut club, false);
    wait(&mut club, 1000);
    assert_eq!(club.told, ["up", "down", "up", "event 1", "event 2", "event 3"]);
    club.check_all_is_told();
}

#[test]
fn an_event_that_a_killed_agent_had_not_written_down_is_told_to_the_next_one() {
    let mut club = up();
    club.happen();
    while club.told.len() < 2 {
        club.step(1);
    }
    club.kill_agent();
    club.start_agent();
    wait(&mut club, 1000);
    assert_eq!(club.told, ["up", "event 1", "up", "event 1"]);
    club.check_all_is_told();
}

#[test]
fn an_event_that_a_killed_agent_had_written_down_is_not_told_again() {
    let mut club = up();
    club.happen();
    wait(&mut club, 200);
    club.kill_agent();
    club.start_agent();
    wait(&mut club, 1000);
    assert_eq!(club.told, ["up", "event 1", "up"]);
}

#[test]
fn a_reset_controller_is_noticed_at_once_and_gets_another_boot() {
    let mut club = up();
    club.happen();
    wait(&mut club, 200);
    club.reset_gate();
    club.happen();
    wait(&mut club, u64::from(SILENT_MS) / 2);
    assert_eq!(club.told, ["up", "event 1", "down", "up", "event 1"]);
    let boots: std::collections::BTreeSet<_> = club.disk.keys().map(|(boot, _)| *boot).collect();
    assert_eq!(boots.len(), 2);
}

#[test]
fn an_order_that_was_not_taken_before_the_cut_is_never_taken() {
    let mut club = up();
    cut(&mut club, true);
    club.order();
    wait(&mut club, 2 * u64::from(SILENT_MS));
    cut(&mut club, false);
    wait(&mut club, 1000);
    club.order();
    wait(&mut club, 1000);
    assert_eq!(club.orders_taken, [2]);
}

#[test]
fn what_a_full_ring_lost_is_told_as_a_number() {
    let mut club = up();
    cut(&mut club, true);
    for _ in 0..60 {
        club.happen();
    }
    cut(&mut club, false);
    wait(&mut club, 3000);
    club.happen();
    wait(&mut club, 1000);
    assert_eq!(club.lost(), (12, 12));
    club.check_all_is_told();
}

#[test]
fn a_welcome_left_over_from_before_a_reset_gives_no_second_controller_the_same_boot() {
    let ask = |session| Packet { session, message: ToGate::Ask { min: 1, current: 1 } };
    let (session, now) = (Session(7), Uptime(3));
    let hello_of = |gate: &mut GateEnd<32>| {
        assert_eq!(gate.receive(ask(session), now), None);
        match gate.transmit(now, Health::default()).expect("a question is answered").message {
            FromGate::Hello(hello) => hello,
            other => panic!("not a hello: {other:?}"),
        }
    };
    let switched_on = |seed| GateEnd::<32>::new(Identity { firmware: [0; 3], capabilities: 0, seed });
    let mut gate = switched_on(1);
    let nonce = hello_of(&mut gate).nonce;
    let welcome = Packet { session, message: ToGate::Welcome { proto: 1, nonce, boot: BootId(5) } };
    assert_eq!(gate.receive(welcome.clone(), now), Some(Heard::Welcomed));
    let mut gate = switched_on(2);
    hello_of(&mut gate);
    assert_eq!(gate.receive(welcome, now), None);
    assert_eq!(hello_of(&mut gate).boot, None);
}

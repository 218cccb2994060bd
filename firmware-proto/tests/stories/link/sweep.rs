//! 256 seeds of bad luck: cuts, losses, doubles, leftovers and restarts of either end, and what holds all the same.

use super::club::Club;
use super::line::Weather;

const STEP_MS: u64 = 10;
const BAD_MS: u64 = 20_000;
const CALM_MS: u64 = 8_000;

fn bad_luck(club: &mut Club) {
    let dice = &mut club.dice;
    if dice.one_in(8) {
        club.happen();
    }
    if club.dice.one_in(10) {
        club.order();
    }
    if club.dice.one_in(150) {
        let cut = !club.to_gate.is_cut;
        (club.to_gate.is_cut, club.from_gate.is_cut) = (cut, cut);
    }
    if club.dice.one_in(400) {
        club.reset_gate();
    }
    match club.host {
        Some(_) if club.dice.one_in(200) => club.kill_agent(),
        None if club.dice.one_in(40) => club.start_agent(),
        _ => {}
    }
}

fn survive(seed: u64) -> Club {
    let mut club = Club::new(seed);
    club.weather = Weather::Stormy;
    for _ in 0..BAD_MS / STEP_MS {
        bad_luck(&mut club);
        club.step(STEP_MS);
    }
    club.weather = Weather::Calm;
    (club.to_gate.is_cut, club.from_gate.is_cut) = (false, false);
    if club.host.is_none() {
        club.start_agent();
    }
    for _ in 0..CALM_MS / STEP_MS {
        club.step(STEP_MS);
    }
    club
}

#[test]
fn no_event_is_lost_or_told_twice_and_no_order_is_carried_out_twice_whatever_the_line_does() {
    let (mut events, mut orders) = (0, 0);
    for seed in 0..256 {
        let told = std::panic::catch_unwind(|| {
            let club = survive(seed);
            club.check_all_is_told();
            (club.events_on_disk(), club.orders_taken.len())
        });
        let (on_disk, taken) = told.unwrap_or_else(|_| panic!("seed {seed}"));
        (events, orders) = (events + on_disk, orders + taken);
    }
    // A sweep over a line that carries nothing would hold everything.
    assert!(events > 30_000 && orders > 10_000, "{events} events, {orders} orders");
}

//! 256 seeds of a busy day: everybody presents cards and walks as they like, and the agent comes and goes.

use firmware_proto::from_gate::Event;
use firmware_proto::gate::lane::RELAY_ON_MS_MAX;
use firmware_proto::words::{Answer, By, Way};

use super::place::{ANNA, Agent, BRUNO, Place};
use crate::dice::Dice;

fn live(place: &mut Place, dice: &mut Dice) {
    let card = if dice.one_in(2) { ANNA } else { BRUNO };
    match dice.below(12) {
        0..3 => place.card(0, card),
        3..6 => place.card(1, card),
        6 => place.walk(Way::In),
        7 => place.walk(Way::Out),
        8 => place.turn_back(),
        9 => place.is_cut = !place.is_cut,
        10 if place.host.is_some() => place.host = None,
        10 => place.start_agent(),
        _ => place.agent = [Agent::Grants, Agent::Denies, Agent::Muses][dice.below(3) as usize],
    }
    place.wait(100 + dice.below(3000));
}

fn a_day(seed: u64) -> Place {
    let (mut place, mut dice) = (Place::new(), Dice::new(seed));
    for _ in 0..40 {
        live(&mut place, &mut dice);
    }
    place.is_cut = false;
    place.start_agent();
    // The last ones to leave, each with time-out and grace.
    place.wait(60_000);
    place
}

fn ends(place: &Place, by: By) -> usize {
    let is_end = |event: &&Event| match event {
        Event::Rotated { by: it, .. } | Event::NotPassed { by: it } => *it == by,
        Event::Read { .. } | Event::GrantRefused { .. } | Event::Alarm { .. } | Event::Lost { .. } => false,
    };
    place.disk.values().map(|(_, event)| event).filter(is_end).count()
}

fn check(place: &Place) -> [u32; 2] {
    assert!(place.longest_pulse <= u64::from(RELAY_ON_MS_MAX), "{} ms", place.longest_pulse);
    let numbers: Vec<u32> = place.disk.keys().map(|(_, number)| *number).collect();
    let all: Vec<u32> = (1..=numbers.len() as u32).collect();
    assert_eq!(numbers, all, "none is lost, none is told twice");
    assert!(place.disk.values().map(|(at, _)| at).is_sorted(), "each has its own time, in order");
    let mut opened = [0, 0];
    for ((_, number), (_, event)) in &place.disk {
        let Event::Read { reader, answer, .. } = event else { continue };
        let own = ends(place, By::Own(*number));
        match (*answer, reader) {
            (Answer::Opened, _) => assert_eq!(own, 1, "read {number} opened and ended once"),
            (Answer::Granted(id), _) => assert_eq!(ends(place, By::Grant(id)) + own, 1, "grant {id:?}"),
            (Answer::Denied | Answer::Refused(_), 0) => assert_eq!(own, 0, "read {number} was refused"),
            // Heard before it was answered: the end tells what became of it.
            (Answer::None, 0) => assert!(own == 0, "an entry never opens on its own while the agent is asked"),
            (Answer::None, _) => {}
            (Answer::Denied | Answer::Refused(_), _) => panic!("read {number}: leaving is never refused"),
        }
        opened[usize::from(*reader)] += 1;
    }
    for id in &place.granted {
        assert!(ends(place, By::Grant(*id)) <= 1, "{id:?} opens once");
    }
    let exits = place.disk.values().filter(|(_, event)| matches!(event, Event::Read { reader: 1, .. })).count();
    assert_eq!(place.pulses_seen[1] as usize, exits, "every read at the exit opened");
    opened
}

#[test]
fn relays_are_bounded_exits_are_free_and_every_passage_has_one_end_whatever_people_and_agents_do() {
    let mut reads = [0, 0];
    for seed in 0..256 {
        let done = std::panic::catch_unwind(|| check(&a_day(seed)));
        let opened = done.unwrap_or_else(|_| panic!("seed {seed}"));
        reads = [reads[0] + opened[0], reads[1] + opened[1]];
    }
    assert!(reads.iter().all(|count| *count > 800), "{reads:?}");
}

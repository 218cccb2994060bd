//! An agent with a disk and a controller with a ring, both mortal, on one line; and what must hold of them.

use std::collections::{BTreeMap, BTreeSet};

use firmware_proto::from_gate::{Event, FromGate, Health, Kept};
use firmware_proto::link::gate_end::{GateEnd, Heard, Identity};
use firmware_proto::link::host_end::{Fresh, Happened, HostEnd, Remembered};
use firmware_proto::link::ring::Need;
use firmware_proto::to_gate::{Order, ToGate};
use firmware_proto::uptime::Uptime;
use firmware_proto::words::{BootId, By, GrantId};

use super::line::{Line, Weather};
use crate::dice::Dice;

/// Places in the controller's ring: few, so that it overflows.
const RING: usize = 48;

/// What the controller lived through since its reset.
#[derive(Default)]
struct Life {
    /// Serial numbers of what happened and found a place.
    remembered: Vec<u32>,
    unremembered: u32,
}

pub(crate) struct Club {
    pub(crate) now: u64,
    pub(crate) weather: Weather,
    pub(crate) dice: Dice,
    pub(crate) host: Option<HostEnd>,
    pub(crate) gate: GateEnd<RING>,
    switched_on: u64,
    pub(crate) to_gate: Line<ToGate>,
    pub(crate) from_gate: Line<FromGate>,
    /// Delivered, not yet durable: when it will be, boot, event.
    committing: Vec<(u64, BootId, Kept)>,
    boot: Option<BootId>,
    /// The agent's disk.
    pub(crate) disk: BTreeMap<(BootId, u32), Event>,
    disk_order: Vec<u32>,
    life: Life,
    serial: u32,
    /// Lives that a reset ended.
    past: Vec<Life>,
    lost_told: u32,
    order: u64,
    orders_given: BTreeSet<u64>,
    pub(crate) orders_taken: Vec<u64>,
    pub(crate) told: Vec<String>,
}

impl Club {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let gate = switched_on(&mut dice);
        let mut club = Self {
            now: 0,
            weather: Weather::Calm,
            dice,
            host: None,
            gate,
            switched_on: 0,
            to_gate: Line::new(),
            from_gate: Line::new(),
            committing: Vec::new(),
            boot: None,
            disk: BTreeMap::new(),
            disk_order: Vec::new(),
            life: Life::default(),
            serial: 0,
            past: Vec::new(),
            lost_told: 0,
            order: 0,
            orders_given: BTreeSet::new(),
            orders_taken: Vec::new(),
            told: Vec::new(),
        };
        club.start_agent();
        club
    }

    /// Something happens at the gate.
    pub(crate) fn happen(&mut self) {
        self.serial += 1;
        let event = Event::NotPassed { by: By::Own(self.serial) };
        match self.gate.ring.push(event, self.uptime(), Need::Must) {
            Some(_) => self.life.remembered.push(self.serial),
            None => self.life.unremembered += 1,
        }
    }

    /// The agent orders something.
    pub(crate) fn order(&mut self) {
        self.order += 1;
        let order = Order::Withdraw { id: GrantId(self.order) };
        if self.host.as_mut().is_some_and(|host| host.order(order).is_ok()) {
            self.orders_given.insert(self.order);
        }
    }

    /// The agent dies; what it had not written down is gone with it.
    pub(crate) fn kill_agent(&mut self) {
        self.host = None;
        self.committing.clear();
    }

    pub(crate) fn start_agent(&mut self) {
        let fresh = Fresh { session: self.dice.next() as u32, boot: self.dice.next() };
        let remembered = self.boot.map(|boot| {
            let of_boot = self.disk.range((boot, 0)..=(boot, u32::MAX));
            Remembered { boot, kept: of_boot.last().map_or(0, |((_, number), _)| *number) }
        });
        self.boot = None;
        self.host = Some(HostEnd::new(fresh, remembered.filter(|it| it.kept > 0), Uptime(self.now)));
        self.boot = remembered.map(|it| it.boot);
    }

    /// The controller's power fails for a moment: its ring is gone.
    pub(crate) fn reset_gate(&mut self) {
        self.past.push(std::mem::take(&mut self.life));
        self.gate = switched_on(&mut self.dice);
        self.switched_on = self.now;
    }

    pub(crate) fn uptime(&self) -> Uptime {
        Uptime(self.now - self.switched_on)
    }

    /// Lets so many milliseconds pass.
    pub(crate) fn step(&mut self, ms: u64) {
        self.now += ms;
        self.commit();
        self.agent_turn();
        self.gate_turn();
    }

    fn commit(&mut self) {
        let Some(host) = &mut self.host else { return };
        while self.committing.first().is_some_and(|(when, ..)| *when <= self.now) {
            let (_, boot, kept) = self.committing.remove(0);
            match &kept.event {
                Event::NotPassed { by: By::Own(serial) } => self.disk_order.push(*serial),
                Event::Lost { count } => self.lost_told += count,
                other => panic!("nobody said {other:?}"),
            }
            host.keep(boot, kept.number, Uptime(self.now));
            let before = self.disk.insert((boot, kept.number), kept.event);
            assert_eq!(before, None, "one event is written down once, and no name has two");
        }
    }

    fn agent_turn(&mut self) {
        let now = Uptime(self.now);
        let arrived = self.from_gate.arrived(self.now);
        let Some(host) = &mut self.host else { return };
        let mut happened: Vec<_> =
            arrived.into_iter().flatten().filter_map(|packet| host.receive(packet, now)).collect();
        happened.extend(host.tick(now));
        while let Some(packet) = host.transmit(now) {
            self.to_gate.send(&packet, self.now, self.weather, &mut self.dice);
        }
        for it in happened {
            self.hear(it);
        }
    }

    fn hear(&mut self, happened: Happened) {
        match happened {
            Happened::Up { boot, missing, .. } => {
                assert_eq!(missing, 0, "the controller forgets nothing that this agent has not written down");
                self.told.push("up".to_owned());
                // What was under way to the disk goes on being so: the same events are not delivered again.
                self.boot = Some(boot);
            }
            Happened::Event(kept) => {
                let boot = self.boot.expect("an event comes after its boot");
                let durable = self.committing.last().map_or(0, |(when, ..)| *when).max(self.now + self.dice.below(80));
                self.told.push(format!("event {}", kept.number));
                self.committing.push((durable, boot, kept));
            }
            Happened::Down => self.told.push("down".to_owned()),
            Happened::Beat(_) => {}
            other => panic!("nobody said {other:?}"),
        }
    }

    fn gate_turn(&mut self) {
        let now = self.uptime();
        for packet in self.to_gate.arrived(self.now).into_iter().flatten() {
            if let Some(Heard::Order(Order::Withdraw { id })) = self.gate.receive(packet, now) {
                assert!(self.orders_given.contains(&id.0), "only what was ordered is taken");
                assert!(self.orders_taken.last().is_none_or(|last| *last < id.0), "each order once, in order");
                self.orders_taken.push(id.0);
            }
        }
        while let Some(packet) = self.gate.transmit(now, Health::default()) {
            self.from_gate.send(&packet, self.now, self.weather, &mut self.dice);
        }
    }

    /// After some calm: everything that happened is on the disk once and in order, or went down with a reset
    /// controller, or found no place and was counted.
    pub(crate) fn check_all_is_told(&self) {
        assert!(self.disk_order.is_sorted_by(|a, b| a < b), "order is kept");
        assert_eq!(self.gate.ring.first(), self.gate.ring.next(), "the ring is empty");
        let is_told = |serial: &u32| self.disk_order.binary_search(serial).is_ok();
        assert!(self.life.remembered.iter().all(is_told), "none is lost");
        for life in &self.past {
            assert!(life.remembered.iter().map(is_told).is_sorted_by(|a, b| a >= b), "a reset loses only the last");
        }
    }

    pub(crate) fn events_on_disk(&self) -> usize {
        self.disk_order.len()
    }

    pub(crate) fn lost(&self) -> (u32, u32) {
        let lives = self.past.iter().chain([&self.life]);
        (self.lost_told, lives.map(|life| life.unremembered).sum())
    }
}

fn switched_on(dice: &mut Dice) -> GateEnd<RING> {
    GateEnd::new(Identity { firmware: [0, 1, 0], capabilities: 0, seed: dice.next() as u32 })
}

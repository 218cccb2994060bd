//! A gate with its controller, an agent at the other end of a cable, and people before it, in virtual time.

use std::collections::{BTreeMap, VecDeque};

use firmware_proto::frame::{Decoder, Message, Packet};
use firmware_proto::from_gate::{Event, FromGate};
use firmware_proto::gate::{Contacts, Controller};
use firmware_proto::link::gate_end::Identity;
use firmware_proto::link::host_end::{Fresh, Happened, HostEnd, Remembered};
use firmware_proto::to_gate::{Grant, Order};
use firmware_proto::uptime::Uptime;
use firmware_proto::wiegand::Wire;
use firmware_proto::words::{Answer, BootId, GrantId, Signal, Way};

use crate::every_message::{config, show};

/// 123 / 4567 and 1 / 1 in 26 bits, as published.
pub(crate) const ANNA: u64 = 0x2F6_23AE;
pub(crate) const BRUNO: u64 = 0x202_0002;

/// Length of a turn while nothing moves; a controller's own turns are never longer.
const STILL_TURN_MS: u64 = 10;

/// What the agent does with reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agent {
    Grants,
    Denies,
    Muses,
}

pub(crate) struct Place {
    pub(crate) now: u64,
    pub(crate) controller: Controller<64, 16>,
    pub(crate) host: Option<HostEnd>,
    pub(crate) agent: Agent,
    pub(crate) is_cut: bool,
    pub(crate) contacts: Contacts,
    pulses: VecDeque<(u64, usize, Wire)>,
    movements: VecDeque<(u64, bool, bool)>,
    decoder: Decoder<FromGate>,
    boot: Option<BootId>,
    sessions: u32,
    grants: u64,
    pub(crate) disk: BTreeMap<(BootId, u32), (u64, Event)>,
    /// When relays and lock changed, for transcripts and for bounds.
    pub(crate) seen: Vec<String>,
    outputs: [bool; 3],
    relay_since: [Option<u64>; 2],
    pub(crate) longest_pulse: u64,
    pub(crate) pulses_seen: [u32; 2],
    pub(crate) granted: Vec<GrantId>,
    transcript_at: usize,
}

impl Place {
    pub(crate) fn new() -> Self {
        let identity = Identity { firmware: [0, 1, 0], capabilities: 7, seed: 1 };
        let mut place = Self {
            now: 0,
            controller: Controller::new(identity),
            host: None,
            agent: Agent::Grants,
            is_cut: false,
            contacts: Contacts::default(),
            pulses: VecDeque::new(),
            movements: VecDeque::new(),
            decoder: Decoder::default(),
            boot: None,
            sessions: 0,
            grants: 0,
            disk: BTreeMap::new(),
            seen: Vec::new(),
            outputs: [false, false, true],
            relay_since: [None; 2],
            longest_pulse: 0,
            pulses_seen: [0; 2],
            granted: Vec::new(),
            transcript_at: 0,
        };
        place.start_agent();
        place.wait(50);
        place
    }

    pub(crate) fn start_agent(&mut self) {
        self.sessions += 100;
        let fresh = Fresh { session: self.sessions, boot: u64::from(self.sessions) };
        let last = self.disk.keys().next_back().map(|(boot, kept)| Remembered { boot: *boot, kept: *kept });
        self.host = Some(HostEnd::new(fresh, last, Uptime(self.now)));
    }

    /// The agent lets somebody in, whatever its rules say.
    pub(crate) fn grant(&mut self, id: u64, read: Option<u32>, open_ms: u16) {
        let text = show("Ciao", "", Signal::Welcome);
        let grant = Grant { id: GrantId(id), read, way: Way::In, open_ms, passage_ms: 20_000, show: text };
        self.host.as_mut().expect("it was started").order(Order::Grant(grant)).expect("it is up");
    }

    /// A card is presented: its bits come 2 ms apart.
    pub(crate) fn card(&mut self, reader: usize, frame: u64) {
        let bits = (0..26).rev().map(|place| if frame >> place & 1 == 1 { Wire::D1 } else { Wire::D0 });
        self.pulses.extend((0_u64..).zip(bits).map(|(at, wire)| (self.now + at * 2, reader, wire)));
    }

    /// Somebody walks through in 300 ms.
    pub(crate) fn walk(&mut self, way: Way) {
        let steps = match way {
            Way::In => [(true, false), (true, true), (false, true), (false, false)],
            Way::Out => [(false, true), (true, true), (true, false), (false, false)],
        };
        self.movements.extend((1_u64..).zip(steps).map(|(at, (a, b))| (self.now + at * 75, a, b)));
    }

    /// Somebody begins to walk, and turns back.
    pub(crate) fn turn_back(&mut self) {
        let steps = [(true, false), (true, true), (true, false), (false, false)];
        self.movements.extend((1_u64..).zip(steps).map(|(at, (a, b))| (self.now + at * 75, a, b)));
    }

    pub(crate) fn wait(&mut self, ms: u64) {
        let end = self.now + ms;
        while self.now < end {
            let is_still = self.pulses.is_empty() && self.movements.is_empty();
            self.now += if is_still { STILL_TURN_MS.min(end - self.now) } else { 1 };
            self.turn();
        }
    }

    fn turn(&mut self) {
        let now = Uptime(self.now);
        while let Some((_, reader, wire)) = self.pulses.pop_front_if(|(when, ..)| *when <= now.0) {
            self.controller.pulse(reader, wire, now);
        }
        while let Some((_, a, b)) = self.movements.pop_front_if(|(when, ..)| *when <= now.0) {
            (self.contacts.a, self.contacts.b) = (a, b);
        }
        self.controller.contacts(self.contacts, now);
        self.controller.tick(now);
        self.talk(now);
        self.look(now);
    }

    fn talk(&mut self, now: Uptime) {
        let mut from_gate = Vec::new();
        while let Some(wire) = self.controller.transmit(now) {
            from_gate.extend(wire);
        }
        let Some(host) = &mut self.host else { return };
        let heard: Vec<Packet<FromGate>> = match self.is_cut {
            true => Vec::new(),
            false => {
                from_gate.into_iter().filter_map(|byte| self.decoder.push(byte)).map(|it| it.expect("whole")).collect()
            }
        };
        let mut happened: Vec<_> = heard.into_iter().filter_map(|packet| host.receive(packet, now)).collect();
        happened.extend(host.tick(now));
        for it in happened {
            self.hear(it, now);
        }
        while let Some(packet) = self.host.as_mut().and_then(|host| host.transmit(now)) {
            if !self.is_cut {
                bytes(&packet).into_iter().for_each(|byte| self.controller.byte(byte, now));
            }
        }
    }

    fn hear(&mut self, happened: Happened, now: Uptime) {
        let Some(host) = &mut self.host else { return };
        match happened {
            Happened::Up { boot, .. } => {
                self.boot = Some(boot);
                host.order(Order::Configure(config())).expect("it is up");
            }
            Happened::Event(kept) => {
                let boot = self.boot.expect("an event comes after its boot");
                let is_new = now.since(kept.at) < 1000;
                if let (Event::Read { reader, answer: Answer::None, .. }, true) = (&kept.event, is_new) {
                    let way = if *reader == 0 { Way::In } else { Way::Out };
                    self.grants += u64::from(self.agent == Agent::Grants);
                    if let Some(order) = answer(self.agent, kept.number, way, self.grants) {
                        host.order(order).expect("it is up");
                        self.granted.push(GrantId(self.grants));
                    }
                }
                host.keep(boot, kept.number, now);
                let twice = self.disk.insert((boot, kept.number), (kept.at.0, kept.event));
                assert_eq!(twice, None, "an event is delivered once");
            }
            Happened::Down | Happened::Beat(_) | Happened::BadRead { .. } => {}
            other => panic!("nobody said {other:?}"),
        }
    }

    fn look(&mut self, now: Uptime) {
        let outputs = self.controller.outputs(now);
        let is = [outputs.relay_in, outputs.relay_out, outputs.lock];
        for (relay, since) in self.relay_since.iter_mut().enumerate() {
            match (is[relay], *since) {
                (true, None) => {
                    *since = Some(now.0);
                    self.pulses_seen[relay] += 1;
                }
                (false, Some(began)) => {
                    self.longest_pulse = self.longest_pulse.max(now.0 - began);
                    *since = None;
                }
                (true, Some(_)) | (false, None) => {}
            }
        }
        for (at, name) in ["relay in", "relay out", "lock"].into_iter().enumerate() {
            if is[at] != self.outputs[at] {
                self.seen.push(format!("{name} {}", if is[at] { "on" } else { "off" }));
            }
        }
        self.outputs = is;
    }

    /// What is on the agent's disk and has not been told yet, one line each.
    pub(crate) fn told(&mut self) -> String {
        let events: Vec<_> = self.disk.values().skip(self.transcript_at).collect();
        self.transcript_at = self.disk.len();
        events.into_iter().map(|(_, event)| format!("{event:?}\n")).collect()
    }
}

fn answer(agent: Agent, read: u32, way: Way, id: u64) -> Option<Order> {
    let text = show("Ciao", "", Signal::Welcome);
    match agent {
        Agent::Grants => {
            let id = GrantId(id);
            Some(Order::Grant(Grant { id, read: Some(read), way, open_ms: 500, passage_ms: 4000, show: text }))
        }
        Agent::Denies => Some(Order::Deny { read, show: show("Passa in", "segreteria", Signal::Denied) }),
        Agent::Muses => None,
    }
}

fn bytes<M: Message>(packet: &Packet<M>) -> Vec<u8> {
    packet.to_wire().expect("every message fits").to_vec()
}

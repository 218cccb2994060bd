//! The controller: bytes, pulses and contacts in; bytes, relays, lights and texts out; time is an argument.
//!
//! What it does by itself, whatever the agent says or does not say:
//!
//! * A readable card at a reader that leads out opens: on the agent's word within [`ANSWER_MS_MAX`], otherwise on its own.
//! * The emergency input frees the gate in the same turn.
//! * A relay is on for at most [`RELAY_ON_MS_MAX`](lane::RELAY_ON_MS_MAX).
//! * Nobody enters without a place to remember how that ended.
//!
//! [`Controller`] holds the state and is driven from outside; `entering` and `orders` are the two halves of its mind.

pub mod barrier;
pub mod contact;
mod entering;
pub mod lane;
pub mod list;
mod orders;
mod reads;
pub mod screen;

use heapless::{Deque, Vec};

pub use reads::{ANSWER_MS_MAX, REPEAT_MS};

use self::barrier::{Barrier, Seen};
use self::contact::Contact;
use self::lane::Lane;
use self::list::List;
use self::reads::Reader;
use self::screen::{Lights, Screen};
use crate::frame::{BadFrame, Decoder, Wire};
use crate::from_gate::{Alarm, BadRead, Event, Health};
use crate::link::gate_end::{GateEnd, Heard, Identity};
use crate::link::ring::Need;
use crate::to_gate::{Config, Mode, Offline, ToGate};
use crate::uptime::Uptime;
use crate::wiegand::{self, Pulses};
use crate::words::{By, Credential, EventNumber, GrantId, Line, Way};

/// Readers of one controller.
pub const READERS: usize = 2;

/// Grants whose ids are remembered: more than can be under way.
const GRANTS_REMEMBERED: usize = 16;

/// People on their way out who wait for the one before them. One more, and the first of them waits no longer.
const LEAVING_MAX: usize = 4;

/// A tamper contact is a spring in a box that people lean on.
const TAMPER_QUIET_MS: u32 = 50;

/// An emergency begins at once and ends when its contact has been quiet for so long.
const EMERGENCY_OVER_MS: u32 = 500;

/// What the contacts read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Contacts {
    /// The barrier's contact on the outer side.
    pub a: bool,
    /// The one on the inner side.
    pub b: bool,
    /// The housing is open.
    pub tamper: bool,
    /// The emergency input is on.
    pub emergency: bool,
}

/// What the outputs are to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outputs<'a> {
    /// The relay that lets one person in.
    pub relay_in: bool,
    /// The relay that lets one person out.
    pub relay_out: bool,
    /// The power of the lock. Without it the gate is free: so it is in an emergency and without any power.
    pub lock: bool,
    /// Lights and buzzer.
    pub lights: Lights,
    /// The display.
    pub lines: &'a [Line; 2],
}

/// A gate's controller, with places for `RING` events and `LIST` credentials.
#[derive(Debug)]
pub struct Controller<const RING: usize, const LIST: usize> {
    link: GateEnd<RING>,
    decoder: Decoder<ToGate>,
    config: Config,
    mode: Mode,
    pulses: [Pulses; READERS],
    readers: [Reader; READERS],
    bad_reads: u32,
    inwards: Lane,
    outwards: Lane,
    leaving: Deque<EventNumber, LEAVING_MAX>,
    grants: Deque<GrantId, GRANTS_REMEMBERED>,
    barrier: Barrier,
    tamper: Contact,
    emergency: Contact,
    alarms: u8,
    list: List<LIST>,
    screen: Screen,
}

impl<const RING: usize, const LIST: usize> Controller<RING, LIST> {
    /// A controller after its reset: the first reader leads in, the second out, and nobody enters without the agent.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self {
            link: GateEnd::new(identity),
            decoder: Decoder::default(),
            config: config_after_reset(),
            mode: Mode::Normal,
            pulses: Default::default(),
            readers: Default::default(),
            bad_reads: 0,
            inwards: Lane::default(),
            outwards: Lane::default(),
            leaving: Deque::new(),
            grants: Deque::new(),
            barrier: Barrier::default(),
            tamper: Contact::default(),
            emergency: Contact::default(),
            alarms: 0,
            list: List::default(),
            screen: Screen::default(),
        }
    }

    /// A byte of the agent.
    pub fn byte(&mut self, byte: u8, now: Uptime) {
        let heard = match self.decoder.push(byte) {
            Some(Ok(packet)) => self.link.receive(packet, now),
            Some(Err(BadFrame::Strange(strange))) => return self.link.receive_strange(strange, now),
            Some(Err(BadFrame::Shape | BadFrame::Checksum | BadFrame::Mark)) | None => None,
        };
        match heard {
            Some(Heard::Welcomed) => self.give_up_waiting(now),
            Some(Heard::ListIsGood(version)) => self.list.is_good(version, now),
            Some(Heard::Order(order)) => self.obey(order, now),
            None => {}
        }
    }

    /// A pulse of a reader. There are [`READERS`]; of any other it is nothing.
    pub fn pulse(&mut self, reader: usize, wire: wiegand::Wire, now: Uptime) {
        if let Some(pulses) = self.pulses.get_mut(reader) {
            pulses.pulse(wire, now);
        }
    }

    /// What the contacts read.
    pub fn contacts(&mut self, contacts: Contacts, now: Uptime) {
        let quiet_ms = if self.emergency.is_on() { EMERGENCY_OVER_MS } else { 0 };
        if let Some(on) = self.emergency.reads(contacts.emergency, quiet_ms, now) {
            self.alarm(Alarm::Emergency, on, now);
        }
        if let Some(on) = self.tamper.reads(contacts.tamper, TAMPER_QUIET_MS, now) {
            self.alarm(Alarm::Tamper, on, now);
        }
        match self.barrier.reads(contacts.a, contacts.b, self.config.held_ms, now) {
            Some(Seen::Rotated(way)) => self.rotated(way, now),
            Some(Seen::Held) => self.alarm(Alarm::HeldOpen, true, now),
            Some(Seen::Released) => self.alarm(Alarm::HeldOpen, false, now),
            None => {}
        }
    }

    /// What time brings. Call it in every turn of the loop, at least every 10 ms.
    pub fn tick(&mut self, now: Uptime) {
        for reader in 0..READERS {
            match self.pulses[reader].ended(now) {
                Some((_, Ok(number))) => self.card(reader, &number, now),
                Some((bits, Err(why))) => self.bad_read(reader, why, bits),
                None => {}
            }
            if let Some(waiting) = self.readers[reader].tick(now) {
                self.unanswered(waiting, now);
            }
        }
        let late = [(Need::Must, self.inwards.tick(now)), (Need::Should, self.outwards.tick(now))];
        for (need, by) in late {
            self.not_passed(by, need, now);
        }
        self.next_leaves(now);
        self.screen.tick(now);
    }

    /// The next frame to send, if there is one now. Ask until there is none.
    pub fn transmit(&mut self, now: Uptime) -> Option<Wire> {
        let health = self.health();
        // Every message of this crate fits a frame: the tests hold the longest ones to it.
        self.link.transmit(now, health)?.to_wire().ok()
    }

    /// What the outputs are to be now.
    #[must_use]
    pub fn outputs(&self, now: Uptime) -> Outputs<'_> {
        let is_closed = self.link.is_silent(now) && self.config.offline == Offline::Closed;
        let at_rest = if is_closed { &self.config.closed } else { &self.config.idle };
        Outputs {
            relay_in: self.inwards.relay_is_on(now),
            relay_out: self.outwards.relay_is_on(now),
            lock: !self.is_free(),
            lights: self.screen.lights(now),
            lines: self.screen.lines().unwrap_or(at_rest),
        }
    }

    fn is_free(&self) -> bool {
        self.mode == Mode::Free || self.emergency.is_on()
    }

    fn card(&mut self, reader: usize, number: &[u8], now: Uptime) {
        // Eight bytes always fit.
        if let Ok(bytes) = Vec::from_slice(number) {
            self.read(reader, Credential(bytes), now);
        }
    }

    fn bad_read(&mut self, reader: usize, why: BadRead, bits: u8) {
        self.bad_reads = self.bad_reads.saturating_add(1);
        self.link.bad_read(u8::try_from(reader).unwrap_or(u8::MAX), why, bits);
    }

    fn rotated(&mut self, way: Way, now: Uptime) {
        let (lane, need) = match way {
            Way::In => (&mut self.inwards, Need::Must),
            Way::Out => (&mut self.outwards, Need::Should),
        };
        let (by, need) = match lane.rotated(now) {
            Some(by) => (by, need),
            None if self.is_free() || (way == Way::Out && self.config.free_exit) => (By::Free, Need::Should),
            None => (By::Nobody, Need::Should),
        };
        self.link.ring.push(Event::Rotated { way, by }, now, need);
    }

    fn not_passed(&mut self, by: Option<By>, need: Need, now: Uptime) {
        if let Some(by) = by {
            self.link.ring.push(Event::NotPassed { by }, now, need);
        }
    }

    fn alarm(&mut self, alarm: Alarm, on: bool, now: Uptime) {
        let bit = 1 << alarm as u8;
        self.alarms = if on { self.alarms | bit } else { self.alarms & !bit };
        self.link.ring.push(Event::Alarm { alarm, on }, now, Need::Should);
    }

    fn health(&self) -> Health {
        Health {
            alarms: self.alarms,
            list: self.list.version(),
            room: u16::try_from(self.link.ring.room(Need::Must)).unwrap_or(u16::MAX),
            lost: self.link.ring.lost(),
            bad_frames: self.decoder.counts().bad,
            bad_reads: self.bad_reads,
        }
    }
}

fn config_after_reset() -> Config {
    Config {
        readers: [Some(Way::In), Some(Way::Out)],
        free_exit: false,
        open_ms: 500,
        passage_ms: 8_000,
        grace_ms: 1_500,
        held_ms: 10_000,
        offline: Offline::Closed,
        idle: Default::default(),
        closed: Default::default(),
    }
}

//! The controller's end of the link: answers questions, takes orders in order, sends events until they are kept.

use heapless::Deque;

use super::ring::Ring;
use super::{RESEND_MS, SILENT_MS, WINDOW};
use crate::frame::{Packet, Strange};
use crate::from_gate::{BadRead, Beat, FromGate, Health, Hello};
use crate::to_gate::{Order, ToGate};
use crate::uptime::Uptime;
use crate::version;
use crate::words::{BootId, EventNumber, OrderNumber, Session};

/// Variant numbers, as a strange message shows them.
const ORDER_VARIANT: u32 = 3;

/// Words that nobody keeps, and that wait for the line; when they are more, the oldest are dropped.
const LOOSE_MAX: usize = 4;

/// What a frame means to the controller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// A new conversation: reads that wait for an answer will get none.
    Welcomed,
    /// The list of this version is still good.
    ListIsGood(u32),
    /// Something to do.
    Order(Order),
}

/// Who the controller is; does not change while it runs.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// The version of its firmware.
    pub firmware: [u8; 3],
    /// What it can do.
    pub capabilities: u32,
    /// What differs from the reset before: any noise there is. With equal seeds a welcome to the controller before
    /// its reset could be taken for one to the controller after it, if it lay in a buffer meanwhile.
    pub seed: u32,
}

/// The controller's end.
#[derive(Debug)]
pub struct GateEnd<const N: usize> {
    identity: Identity,
    /// What has happened.
    pub ring: Ring<N>,
    boot: Option<BootId>,
    /// The session that asked last, and how many have.
    asked: Option<Session>,
    questions: u32,
    session: Option<Session>,
    /// When the session's last frame came.
    last_heard: Uptime,
    taken: OrderNumber,
    /// The beat to be echoed, and whether it has to be.
    beat: u32,
    owes_hello: bool,
    owes_beat: bool,
    loose: Deque<FromGate, LOOSE_MAX>,
    heard: EventNumber,
    sent: EventNumber,
    resend_at: Uptime,
}

impl<const N: usize> GateEnd<N> {
    /// A controller after its reset.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            ring: Ring::default(),
            boot: None,
            asked: None,
            questions: 0,
            session: None,
            last_heard: Uptime(0),
            taken: 0,
            beat: 0,
            owes_hello: false,
            owes_beat: false,
            loose: Deque::new(),
            heard: 0,
            sent: 0,
            resend_at: Uptime(0),
        }
    }

    /// Takes a message.
    pub fn receive(&mut self, packet: Packet<ToGate>, now: Uptime) -> Option<Heard> {
        match packet.message {
            ToGate::Ask { .. } => self.asked_by(packet.session),
            ToGate::Welcome { proto, nonce, boot } => return self.welcome(packet.session, proto, nonce, boot, now),
            ToGate::Beat { .. } | ToGate::Order { .. } if self.session != Some(packet.session) => {
                // An agent that has not noticed the reset is told of it; leftovers of a former agent are nothing.
                if self.session.is_none() {
                    self.asked_by(packet.session);
                }
            }
            ToGate::Beat { beat, heard, kept, list } => {
                self.last_heard = now;
                (self.beat, self.owes_beat) = (beat, true);
                self.acknowledged(heard, kept, now);
                return Some(Heard::ListIsGood(list));
            }
            ToGate::Order { number, order } => {
                self.last_heard = now;
                return self.take(number).then_some(Heard::Order(order));
            }
        }
        None
    }

    /// Takes a message that this version does not know: an order is answered with its kind and counts as taken, since
    /// an agent that is told nothing would send it for ever.
    pub fn receive_strange(&mut self, strange: Strange, now: Uptime) {
        if self.session != Some(strange.session) {
            return;
        }
        self.last_heard = now;
        if strange.variant == ORDER_VARIANT && self.take(strange.number) {
            self.say(FromGate::Unsupported { number: strange.number, kind: strange.kind });
        }
    }

    /// Tells of a read that is no credential. Nobody keeps it.
    pub fn bad_read(&mut self, reader: u8, why: BadRead, bits: u8) {
        self.say(FromGate::BadRead { reader, why, bits });
    }

    /// The next message to send, if there is one now. Ask until there is none.
    pub fn transmit(&mut self, now: Uptime, health: Health) -> Option<Packet<FromGate>> {
        if core::mem::take(&mut self.owes_hello) {
            return Some(Packet { session: self.asked?, message: FromGate::Hello(self.hello(now)) });
        }
        let session = self.session?;
        let packet = |message| Some(Packet { session, message });
        if core::mem::take(&mut self.owes_beat) {
            let (beat, taken, first) = (self.beat, self.taken, self.ring.first());
            return packet(FromGate::Beat(Beat { beat, uptime: now, taken, first, health }));
        }
        if let Some(message) = self.loose.pop_front() {
            return packet(message);
        }
        if self.sent > self.heard && now >= self.resend_at {
            self.sent = self.heard;
        }
        if self.sent - self.heard >= WINDOW || self.is_silent(now) {
            return None;
        }
        let event = self.ring.get(self.sent.checked_add(1)?)?.clone();
        if self.sent == self.heard {
            self.resend_at = now.after(RESEND_MS);
        }
        self.sent = event.number;
        packet(FromGate::Event(event))
    }

    /// Nobody has spoken in the session for [`SILENT_MS`], or there is none.
    #[must_use]
    pub fn is_silent(&self, now: Uptime) -> bool {
        self.session.is_none() || now.since(self.last_heard) >= u64::from(SILENT_MS)
    }

    fn asked_by(&mut self, session: Session) {
        if self.asked != Some(session) {
            self.asked = Some(session);
            self.questions = self.questions.wrapping_add(1);
        }
        self.owes_hello = true;
    }

    fn nonce(&self) -> u32 {
        // Seeds may be close to each other: what follows one must not be another.
        self.identity.seed.wrapping_add(self.questions.wrapping_mul(0x9E37_79B9))
    }

    fn welcome(&mut self, session: Session, proto: u16, nonce: u32, boot: BootId, now: Uptime) -> Option<Heard> {
        let meant = self.asked == Some(session) && nonce == self.nonce();
        if !meant || version::agreed(proto, proto).is_none() || self.boot.is_some_and(|own| own != boot) {
            return None;
        }
        self.owes_beat = true;
        if self.session == Some(session) {
            return None;
        }
        self.session = Some(session);
        self.boot = Some(boot);
        self.last_heard = now;
        (self.taken, self.beat) = (0, 0);
        self.loose.clear();
        self.heard = self.ring.first() - 1;
        self.sent = self.heard;
        Some(Heard::Welcomed)
    }

    fn acknowledged(&mut self, heard: EventNumber, kept: EventNumber, now: Uptime) {
        if heard > self.heard && heard < self.ring.next() {
            self.heard = heard;
            self.sent = self.sent.max(heard);
            self.resend_at = now.after(RESEND_MS);
        }
        // Kept implies heard; a number beyond it is not about these events.
        if kept <= self.heard {
            self.ring.forget_through(kept);
        }
    }

    fn take(&mut self, number: OrderNumber) -> bool {
        let is_next = self.taken.checked_add(1) == Some(number);
        if is_next {
            self.taken = number;
        }
        self.owes_beat = true;
        is_next
    }

    fn say(&mut self, message: FromGate) {
        if self.loose.is_full() {
            self.loose.pop_front();
        }
        // There is a place: one was made.
        let _ = self.loose.push_back(message);
    }

    fn hello(&self, now: Uptime) -> Hello {
        Hello {
            min: version::MIN,
            current: version::CURRENT,
            firmware: self.identity.firmware,
            capabilities: self.identity.capabilities,
            nonce: self.nonce(),
            boot: self.boot,
            uptime: now,
        }
    }
}

//! The agent's end of the link: asks, welcomes, gives orders in order, and delivers each event once.
//!
//! ```text
//!     asking ──Hello──▶ welcoming ──first frame of the session──▶ up
//!       ▲                   │                                      │
//!       └───── silence, or a Hello with another nonce ◀────────────┘
//! ```

use heapless::Deque;

use super::{ASK_MS, BEAT_MS, RESEND_MS, SILENT_MS, WINDOW};
use crate::frame::Packet;
use crate::from_gate::{BadRead, Beat, FromGate, Hello, Kept};
use crate::to_gate::{Order, ToGate};
use crate::uptime::Uptime;
use crate::version;
use crate::words::{BootId, EventNumber, OrderNumber, Session};

/// Most orders given and not yet taken.
pub const ORDERS_MAX: usize = 32;

/// Numbers nobody has used before, from which sessions and boot ids are counted on: random at each start of the agent.
#[derive(Clone, Copy, Debug)]
pub struct Fresh {
    /// The first session.
    pub session: u32,
    /// The first boot id that is issued.
    pub boot: u64,
}

/// How far a controller's events were delivered and written down before the agent started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Remembered {
    /// Its boot.
    pub boot: BootId,
    /// The last event that is durable.
    pub kept: EventNumber,
}

/// What the link tells the agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Happened {
    /// The controller is there. What it is to know has to be ordered anew: configuration, mode, list.
    Up {
        /// Its boot, with the number of an event the event's name.
        boot: BootId,
        /// The version both speak.
        proto: u16,
        /// Events that the controller has forgotten and that never came here: somebody else acknowledged them.
        missing: u32,
    },
    /// Something happened at the gate, once, in order. Acknowledge it with [`HostEnd::keep`] when it is durable.
    Event(Kept),
    /// The controller's health, and how far it has taken its orders.
    Beat(Beat),
    /// An order of a kind that the controller does not know.
    Unsupported {
        /// The order.
        number: OrderNumber,
        /// Its kind.
        kind: u32,
    },
    /// A reader sent something that is no credential.
    BadRead {
        /// The reader.
        reader: u8,
        /// Why.
        why: BadRead,
        /// Its length.
        bits: u8,
    },
    /// The controller is silent, or was reset. Orders that were not taken are gone.
    Down,
    /// There is a controller, and no version that both speak.
    Stranger {
        /// Its oldest version.
        min: u16,
        /// Its newest.
        current: u16,
    },
}

/// An order cannot be given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotGiven {
    /// The controller is not there.
    Down,
    /// [`ORDERS_MAX`] wait already.
    Full,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Asking,
    Welcoming { nonce: u32, boot: BootId, proto: u16 },
    Up { nonce: u32 },
}

/// The agent's end.
#[derive(Debug)]
pub struct HostEnd {
    fresh: Fresh,
    phase: Phase,
    boot: Option<BootId>,
    /// Events up to this one have been delivered.
    heard: EventNumber,
    /// Events up to this one are durable.
    kept: EventNumber,
    last_heard: Uptime,
    /// When the next question, welcome or beat is due.
    speak_at: Uptime,
    beat: u32,
    list: u32,
    orders: Deque<(OrderNumber, Order), ORDERS_MAX>,
    next_order: OrderNumber,
    /// Orders up to this one have been sent since the last turn back.
    sent: OrderNumber,
    taken: OrderNumber,
    resend_at: Uptime,
}

impl HostEnd {
    /// An agent that has just opened the line.
    #[must_use]
    pub fn new(fresh: Fresh, remembered: Option<Remembered>, now: Uptime) -> Self {
        let kept = remembered.map_or(0, |it| it.kept);
        Self {
            fresh,
            phase: Phase::Asking,
            boot: remembered.map(|it| it.boot),
            heard: kept,
            kept,
            last_heard: now,
            speak_at: now,
            beat: 0,
            list: 0,
            orders: Deque::new(),
            next_order: 1,
            sent: 0,
            taken: 0,
            resend_at: now,
        }
    }

    /// Gives an order.
    ///
    /// # Errors
    /// When the controller is not there or does not keep up.
    pub fn order(&mut self, order: Order) -> Result<OrderNumber, NotGiven> {
        let Phase::Up { .. } = self.phase else { return Err(NotGiven::Down) };
        let number = self.next_order;
        let next = number.checked_add(1).ok_or(NotGiven::Full)?;
        self.orders.push_back((number, order)).map_err(|_| NotGiven::Full)?;
        self.next_order = next;
        Ok(number)
    }

    /// Events of this boot up to this one are durable.
    pub fn keep(&mut self, boot: BootId, through: EventNumber, now: Uptime) {
        if self.boot == Some(boot) && through > self.kept && through <= self.heard {
            self.kept = through;
            self.speak_at = now;
        }
    }

    /// The cached list of this version is still good; 0 for none.
    pub fn list_is_good(&mut self, version: u32) {
        self.list = version;
    }

    /// Takes a message.
    pub fn receive(&mut self, packet: Packet<FromGate>, now: Uptime) -> Option<Happened> {
        if packet.session != self.session() {
            return None;
        }
        match (self.phase, packet.message) {
            (Phase::Asking, FromGate::Hello(hello)) => self.greet(&hello, now),
            (Phase::Welcoming { nonce, .. } | Phase::Up { nonce }, FromGate::Hello(hello)) => {
                // The same one again, or a controller that was reset meanwhile.
                if hello.nonce == nonce { None } else { self.down(now) }
            }
            (Phase::Asking, _) => None,
            (Phase::Welcoming { nonce, boot, proto }, FromGate::Beat(beat)) => {
                self.last_heard = now;
                self.phase = Phase::Up { nonce };
                let missing = self.begin(boot, beat.first, now);
                Some(Happened::Up { boot, proto, missing })
            }
            // What comes before the first beat is sent again.
            (Phase::Welcoming { .. }, _) => None,
            (Phase::Up { .. }, message) => {
                self.last_heard = now;
                self.hear(message, now)
            }
        }
    }

    /// What time brings: the end of a controller's silence is not awaited for ever.
    pub fn tick(&mut self, now: Uptime) -> Option<Happened> {
        let silent = now.since(self.last_heard) >= u64::from(SILENT_MS);
        match self.phase {
            Phase::Asking => None,
            Phase::Welcoming { .. } | Phase::Up { .. } if !silent => None,
            Phase::Welcoming { .. } | Phase::Up { .. } => self.down(now),
        }
    }

    /// The next message to send, if there is one now. Ask until there is none.
    pub fn transmit(&mut self, now: Uptime) -> Option<Packet<ToGate>> {
        let session = self.session();
        let packet = |message| Some(Packet { session, message });
        match self.phase {
            Phase::Asking if now >= self.speak_at => {
                self.speak_at = now.after(ASK_MS);
                packet(ToGate::Ask { min: version::MIN, current: version::CURRENT })
            }
            Phase::Welcoming { nonce, boot, proto } if now >= self.speak_at => {
                self.speak_at = now.after(RESEND_MS);
                packet(ToGate::Welcome { proto, nonce, boot })
            }
            Phase::Asking | Phase::Welcoming { .. } => None,
            Phase::Up { .. } => self.next_order(now).or_else(|| self.next_beat(now)).and_then(packet),
        }
    }

    /// When [`tick`](Self::tick) and [`transmit`](Self::transmit) are due next, unless something arrives before.
    #[must_use]
    pub fn deadline(&self) -> Uptime {
        let speak = if self.sent > self.taken { self.speak_at.min(self.resend_at) } else { self.speak_at };
        match self.phase {
            Phase::Asking => self.speak_at,
            Phase::Welcoming { .. } | Phase::Up { .. } => speak.min(self.last_heard.after(SILENT_MS)),
        }
    }

    fn session(&self) -> Session {
        Session(self.fresh.session)
    }

    fn greet(&mut self, hello: &Hello, now: Uptime) -> Option<Happened> {
        let Some(proto) = version::agreed(hello.min, hello.current) else {
            self.down(now);
            self.speak_at = now.after(SILENT_MS);
            return Some(Happened::Stranger { min: hello.min, current: hello.current });
        };
        let boot = hello.boot.unwrap_or_else(|| {
            // Never the same one twice: a controller may be reset right after it took this one.
            let issued = BootId(self.fresh.boot);
            self.fresh.boot = self.fresh.boot.wrapping_add(1);
            issued
        });
        self.phase = Phase::Welcoming { nonce: hello.nonce, boot, proto };
        (self.last_heard, self.speak_at) = (now, now);
        None
    }

    /// The session begins. Events of a known boot go on where they stopped, those of a new one at its oldest. Gives how
    /// many are missing between.
    fn begin(&mut self, boot: BootId, first: EventNumber, now: Uptime) -> u32 {
        let before = first.saturating_sub(1);
        let heard = if self.boot == Some(boot) { self.heard } else { before };
        let missing = before.saturating_sub(heard);
        self.boot = Some(boot);
        self.heard = heard.max(before);
        self.kept = self.kept.max(before).min(self.heard);
        self.orders.clear();
        (self.next_order, self.sent, self.taken) = (1, 0, 0);
        self.speak_at = now;
        missing
    }

    fn down(&mut self, now: Uptime) -> Option<Happened> {
        let was_up = matches!(self.phase, Phase::Up { .. });
        self.phase = Phase::Asking;
        self.fresh.session = self.fresh.session.wrapping_add(1);
        self.orders.clear();
        self.speak_at = now;
        was_up.then_some(Happened::Down)
    }

    fn hear(&mut self, message: FromGate, now: Uptime) -> Option<Happened> {
        match message {
            FromGate::Hello(_) => None,
            FromGate::Beat(beat) => {
                self.taken_through(beat.taken, now);
                Some(Happened::Beat(beat))
            }
            FromGate::Event(kept) => self.event(kept, now),
            FromGate::Unsupported { number, kind } => Some(Happened::Unsupported { number, kind }),
            FromGate::BadRead { reader, why, bits } => Some(Happened::BadRead { reader, why, bits }),
        }
    }

    fn event(&mut self, kept: Kept, now: Uptime) -> Option<Happened> {
        // Also one heard before is acknowledged: the acknowledgement may have been lost.
        self.speak_at = now;
        if self.heard.checked_add(1) != Some(kept.number) {
            return None;
        }
        self.heard = kept.number;
        Some(Happened::Event(kept))
    }

    fn taken_through(&mut self, taken: OrderNumber, now: Uptime) {
        if taken <= self.taken || taken >= self.next_order {
            return;
        }
        self.taken = taken;
        self.sent = self.sent.max(taken);
        self.resend_at = now.after(RESEND_MS);
        while self.orders.front().is_some_and(|(number, _)| *number <= taken) {
            self.orders.pop_front();
        }
    }

    fn next_order(&mut self, now: Uptime) -> Option<ToGate> {
        if self.sent > self.taken && now >= self.resend_at {
            self.sent = self.taken;
        }
        if self.sent - self.taken >= WINDOW {
            return None;
        }
        let place = usize::try_from(self.sent - self.taken).ok()?;
        let (number, order) = self.orders.get(place)?.clone();
        if self.sent == self.taken {
            self.resend_at = now.after(RESEND_MS);
        }
        self.sent = number;
        Some(ToGate::Order { number, order })
    }

    fn next_beat(&mut self, now: Uptime) -> Option<ToGate> {
        if now < self.speak_at {
            return None;
        }
        self.speak_at = now.after(BEAT_MS);
        self.beat = self.beat.wrapping_add(1);
        Some(ToGate::Beat { beat: self.beat, heard: self.heard, kept: self.kept, list: self.list })
    }
}

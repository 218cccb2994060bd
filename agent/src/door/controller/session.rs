//! One conversation with a controller: bytes and orders in, what happened out; without IO, and over for good when it ends.

use std::collections::VecDeque;

use firmware_proto::frame::{Decoder, Packet};
use firmware_proto::from_gate::{BadRead, Beat, FromGate};
use firmware_proto::link::host_end::{Fresh, Happened, HostEnd, NotGiven, Remembered};
use firmware_proto::to_gate::{LIST_PART_HASHES_MAX, Order};
use firmware_proto::uptime::Uptime;
use firmware_proto::words::{BootId, OrderNumber, Session as SessionId};

use super::ControllerHealth;
use super::translate::{self, Step};
use crate::domain::Now;
use crate::passage::controlled::{EventKey, GrantId};

/// A conversation that has not begun, goes on, or has ended.
pub(super) struct Session {
    host: HostEnd,
    decoder: Decoder<FromGate>,
    id: Option<SessionId>,
    step: Option<Step>,
    firmware: [u8; 3],
    was_reset: bool,
    /// Grants given and not taken yet, in their order.
    grants: VecDeque<(OrderNumber, GrantId)>,
    list: Option<Sending>,
    health: Option<ControllerHealth>,
    bytes: u64,
}

/// A list on its way: one part at a time, so that a grant never waits for more than that.
struct Sending {
    version: u32,
    hashes: std::sync::Arc<[u64]>,
    sent: usize,
    under_way: Option<OrderNumber>,
    is_whole: bool,
}

/// What a conversation brings.
pub(super) enum Heard {
    Began { boot: u64, was_reset: bool, missing: u32 },
    Event(firmware_proto::from_gate::Kept, Step),
    Taken(GrantId),
    Health(ControllerHealth),
    BadRead { reader: u8, why: BadRead, bits: u8 },
    Unknown { kind: u32 },
    ListRefused { entries: usize },
    Ended,
    Stranger { min: u16, current: u16 },
}

impl Session {
    /// Not begun yet. `kept`: what the controller was told last that it may forget.
    pub(super) fn new(kept: Option<EventKey>, now: Now) -> Self {
        let remembered = kept.map(|key| Remembered { boot: BootId(key.boot), kept: key.number });
        Self {
            host: HostEnd::new(fresh(), remembered, millis(now)),
            decoder: Decoder::default(),
            id: None,
            step: None,
            firmware: [0; 3],
            was_reset: false,
            grants: VecDeque::new(),
            list: None,
            health: None,
            bytes: 0,
        }
    }

    pub(super) fn firmware(&self) -> String {
        let [major, minor, patch] = self.firmware;
        format!("{major}.{minor}.{patch}")
    }

    /// Whether bytes arrive of which nothing is a frame.
    pub(super) fn hears_noise(&self) -> bool {
        self.bytes > 0 && self.decoder.counts().good == 0
    }

    /// Takes bytes from the line.
    pub(super) fn hear(&mut self, bytes: &[u8], now: Now) -> Vec<Heard> {
        let mut heard = Vec::new();
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        for byte in bytes {
            // A frame that fails is sent again; the decoder counts it.
            if let Some(Ok(packet)) = self.decoder.push(*byte) {
                heard.extend(self.packet(packet, now));
            }
        }
        heard
    }

    fn packet(&mut self, packet: Packet<FromGate>, now: Now) -> Vec<Heard> {
        let mut clock = None;
        match &packet.message {
            FromGate::Hello(hello) if Some(packet.session) == self.id => {
                (self.firmware, self.was_reset) = (hello.firmware, hello.boot.is_none());
            }
            FromGate::Beat(beat) => clock = Some((beat.uptime.0, *beat)),
            FromGate::Hello(_) | FromGate::Event(_) | FromGate::Unsupported { .. } | FromGate::BadRead { .. } => {}
        }
        let Some(happened) = self.host.receive(packet, millis(now)) else { return Vec::new() };
        if let (Some((theirs, _)), Happened::Up { .. } | Happened::Beat(_)) = (clock, &happened) {
            let step = Step { theirs, ours: now.uptime };
            self.step = Some(self.step.map_or(step, |before| before.or(step)));
        }
        let first_beat = clock.filter(|_| matches!(happened, Happened::Up { .. }));
        let mut heard = self.happened(happened);
        if let Some((_, beat)) = first_beat {
            heard.extend(self.health(&beat));
        }
        heard
    }

    /// What time brings.
    pub(super) fn tick(&mut self, now: Now) -> Vec<Heard> {
        self.host.tick(millis(now)).map(|happened| self.happened(happened)).unwrap_or_default()
    }

    fn happened(&mut self, happened: Happened) -> Vec<Heard> {
        match happened {
            Happened::Up { boot, missing, .. } => {
                vec![Heard::Began { boot: boot.0, was_reset: self.was_reset, missing }]
            }
            Happened::Event(kept) => self.step.map(|step| Heard::Event(kept, step)).into_iter().collect(),
            Happened::Beat(beat) => {
                let mut heard = self.taken(beat.taken);
                heard.extend(self.list_taken(&beat));
                heard.extend(self.health(&beat));
                heard
            }
            Happened::Unsupported { kind, .. } => vec![Heard::Unknown { kind }],
            Happened::BadRead { reader, why, bits } => vec![Heard::BadRead { reader, why, bits }],
            Happened::Down => vec![Heard::Ended],
            Happened::Stranger { min, current } => vec![Heard::Stranger { min, current }],
        }
    }

    fn taken(&mut self, taken: OrderNumber) -> Vec<Heard> {
        let mut heard = Vec::new();
        while let Some((_, grant)) = self.grants.pop_front_if(|(number, _)| *number <= taken) {
            heard.push(Heard::Taken(grant));
        }
        heard
    }

    fn health(&mut self, beat: &Beat) -> Option<Heard> {
        let health = translate::health(self.firmware, &beat.health);
        if self.health.as_ref() == Some(&health) {
            return None;
        }
        self.health = Some(health.clone());
        Some(Heard::Health(health))
    }

    /// Gives an order. A grant that is given is told when it is taken.
    ///
    /// # Errors
    /// When the controller is not there, or has not taken what it was given before.
    pub(super) fn order(&mut self, order: Order) -> Result<(), NotGiven> {
        let grant = if let Order::Grant(grant) = &order { Some(GrantId(grant.id.0)) } else { None };
        let number = self.host.order(order)?;
        self.grants.extend(grant.map(|grant| (number, grant)));
        Ok(())
    }

    /// Events up to this one are durable.
    pub(super) fn keep(&mut self, key: EventKey, now: Now) {
        self.host.keep(BootId(key.boot), key.number, millis(now));
    }

    /// Sends a new list, part by part.
    pub(super) fn list(&mut self, version: u32, hashes: std::sync::Arc<[u64]>) {
        self.host.list_is_good(0);
        let under_way = self.host.order(Order::ListBegin { version }).ok();
        // A controller that is not there, or takes nothing, is sent a list in its next session.
        self.list = under_way.map(|_| Sending { version, hashes, sent: 0, under_way, is_whole: false });
    }

    /// No list is good.
    pub(super) fn no_list(&mut self) {
        self.host.list_is_good(0);
        self.list = None;
    }

    fn list_taken(&mut self, beat: &Beat) -> Option<Heard> {
        let list = self.list.as_mut()?;
        if list.under_way.is_none_or(|number| number > beat.taken) {
            return None;
        }
        if list.is_whole {
            let entries = list.hashes.len();
            let is_in_use = beat.health.list == list.version;
            self.list = None;
            return (!is_in_use).then_some(Heard::ListRefused { entries });
        }
        let rest = &list.hashes[list.sent..];
        let part = &rest[..rest.len().min(LIST_PART_HASHES_MAX)];
        let order = if part.is_empty() {
            let count = u32::try_from(list.hashes.len()).unwrap_or(u32::MAX);
            Order::ListEnd { version: list.version, count }
        } else {
            Order::ListPart { hashes: part.iter().map(|hash| hash.to_be_bytes()).collect() }
        };
        // While there is no room for it, the next beat tries again.
        let Ok(number) = self.host.order(order) else { return None };
        list.under_way = Some(number);
        list.is_whole = part.is_empty();
        list.sent += part.len();
        if list.is_whole {
            self.host.list_is_good(list.version);
        }
        None
    }

    /// The bytes to send now.
    pub(super) fn transmit(&mut self, now: Now) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(packet) = self.host.transmit(millis(now)) {
            self.id = Some(packet.session);
            // Every message of the protocol fits a frame: its own tests hold the longest ones to it.
            bytes.extend(packet.to_wire().into_iter().flatten());
        }
        bytes
    }

    /// When [`tick`](Self::tick) and [`transmit`](Self::transmit) are due next.
    pub(super) fn deadline(&self) -> Uptime {
        self.host.deadline()
    }
}

/// What a session and a boot are called: from the system's entropy, since a small controller has none.
fn fresh() -> Fresh {
    let mut bytes = [0; 12];
    if getrandom::fill(&mut bytes).is_err() {
        // Without entropy the machine has none of its secrets either; ids of time and version still never repeat.
        bytes = uuid::Uuid::now_v7().as_bytes()[..12].try_into().unwrap_or(bytes);
    }
    let [a, b, c, d, boot @ ..] = bytes;
    Fresh { session: u32::from_le_bytes([a, b, c, d]), boot: u64::from_le_bytes(boot) }
}

/// Our uptime as the link counts it.
pub(super) fn millis(now: Now) -> Uptime {
    Uptime(u64::try_from(now.uptime.0.as_millis()).unwrap_or(u64::MAX))
}

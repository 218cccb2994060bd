//! What a controller says to the agent.

use serde::{Deserialize, Serialize};

use crate::uptime::Uptime;
use crate::words::{Answer, BootId, By, Credential, EventNumber, GrantId, OrderNumber, Way};

/// A message from a controller. Variants are only ever added, at the end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FromGate {
    /// Answers an `Ask`.
    Hello(Hello),
    /// Answers a `Beat`, a `Welcome` and every order.
    Beat(Beat),
    /// Something happened. Sent again until the agent has heard it, kept until the agent has written it down.
    Event(Kept),
    /// An order of a kind that this controller does not know. It counts as taken.
    Unsupported {
        /// The order.
        number: OrderNumber,
        /// The number of its kind.
        kind: u32,
    },
    /// A reader sent something that is no credential. For the admin who wires it; nobody keeps it.
    BadRead {
        /// The reader.
        reader: u8,
        /// Why it is none.
        why: BadRead,
        /// How many bits it had.
        bits: u8,
    },
}

/// Who a controller is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hello {
    /// The oldest version it speaks.
    pub min: u16,
    /// The newest.
    pub current: u16,
    /// The version of its firmware.
    pub firmware: [u8; 3],
    /// What it can do: the sum of [`capability`] bits.
    pub capabilities: u32,
    /// Another one after each reset, and after each question of another session.
    pub nonce: u32,
    /// Its boot id, if it has been issued one since its reset.
    pub boot: Option<BootId>,
    /// Its time.
    pub uptime: Uptime,
}

/// What controllers differ in.
pub mod capability {
    /// It has a display.
    pub const DISPLAY: u32 = 1;
    /// It sees rotations and their direction.
    pub const ROTATION: u32 = 2;
    /// It can hold a list of credentials.
    pub const LIST: u32 = 4;
}

/// How a controller is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Beat {
    /// Of the agent's last beat.
    pub beat: u32,
    /// Its time.
    pub uptime: Uptime,
    /// Orders up to this one have been taken.
    pub taken: OrderNumber,
    /// The oldest event it still has, or the next one it will have.
    pub first: EventNumber,
    /// Its health.
    pub health: Health,
}

/// What an admin wants to know of a controller.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Health {
    /// Alarms that are on: the sum of `1 << alarm`.
    pub alarms: u8,
    /// The list in use; 0 for none.
    pub list: u32,
    /// Places left for events.
    pub room: u16,
    /// Events that found no place since the reset.
    pub lost: u32,
    /// Frames of the agent that arrived broken.
    pub bad_frames: u32,
    /// Reads that were no credential.
    pub bad_reads: u32,
}

/// An event with its number and time, as the ring holds it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// Its number in this boot.
    pub number: EventNumber,
    /// When it happened.
    pub at: Uptime,
    /// What happened.
    pub event: Event,
}

/// What happens at a gate. Variants are only ever added, at the end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Event {
    /// A card was presented.
    Read {
        /// At this reader.
        reader: u8,
        /// What the card says.
        credential: Credential,
        /// What it was answered. Sent again after an answer, the read tells it, so that nobody answers it twice.
        answer: Answer,
    },
    /// Somebody passed.
    Rotated {
        /// Which way.
        way: Way,
        /// On whose word.
        by: By,
    },
    /// Somebody was let through and did not pass.
    NotPassed {
        /// On whose word.
        by: By,
    },
    /// A grant was not carried out.
    GrantRefused {
        /// The grant.
        id: GrantId,
        /// Why.
        why: GrantRefusal,
    },
    /// An alarm begins or ends.
    Alarm {
        /// Which.
        alarm: Alarm,
        /// Whether it begins.
        on: bool,
    },
    /// At this place events are missing, because there was no room for them.
    Lost {
        /// How many.
        count: u32,
    },
}

/// Why a grant was not carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum GrantRefusal {
    /// The read it answers is too long ago, was answered, or was never here.
    TooLate,
    /// Somebody else is passing.
    Busy,
    /// There is no room to remember the passage.
    Full,
}

/// What somebody should look at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Alarm {
    /// The housing is open.
    Tamper,
    /// The barrier stands between its rests.
    HeldOpen,
    /// The emergency input is on: the gate is free.
    Emergency,
}

/// Why a frame of a reader is no credential.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum BadRead {
    /// Its parity is wrong.
    Parity,
    /// Its parity is wrong and that of its inverse is right: if every read says so, D0 and D1 are swapped.
    SwappedWires,
    /// No format has so many bits: the cable loses some.
    UnknownBits,
    /// A key of a keypad.
    KeyPress,
    /// Two bytes of a 7-byte UID, which many cards share.
    TruncatedUid,
}

// The ring holds a few hundred of these in the RAM of a microcontroller.
const _: () = assert!(size_of::<Kept>() <= 64 && size_of::<FromGate>() <= 80);

//! The words that messages in both directions are made of.
//!
//! postcard writes a variant by its number and a struct by its fields, without names. So a shipped struct is never
//! edited and a shipped variant never moved: new things are new variants at the end, and [`crate::version`] rises.

use core::fmt;

use heapless::{String, Vec};
use serde::{Deserialize, Serialize};

/// One run of a controller from reset to reset. The agent issues it, since a small controller has no entropy; with a
/// gate and the number of an event it names that event for good.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct BootId(pub u64);

/// One conversation between an agent and a controller. Frames of any other are left over in some buffer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Session(pub u32);

/// One permission to pass, given by the agent. The same id never opens twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct GrantId(pub u64);

/// The number of an event, from 1 in each boot.
pub type EventNumber = u32;

/// The number of an order, from 1 in each session.
pub type OrderNumber = u32;

/// Most bytes of a credential: the longest UID of ISO 14443-3 has 10.
pub const CREDENTIAL_BYTES_MAX: usize = 12;

/// What a card says it is: the bytes of its number, most significant first. Personal data: it prints only its size.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential(pub Vec<u8, CREDENTIAL_BYTES_MAX>);

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({} bytes)", self.0.len())
    }
}

/// Which way somebody passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Way {
    /// Into the club.
    In,
    /// Out of it.
    Out,
}

/// Characters in a line of the display.
pub const LINE_CHARS: usize = 16;

/// One line of the display, fitted and in plain ASCII by the agent; the controller shows `?` for what it lacks.
pub type Line = String<LINE_CHARS>;

/// What light and buzzer say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Signal {
    /// Nothing.
    Quiet,
    /// Come in.
    Welcome,
    /// Come in, and read the display.
    Message,
    /// Not this time.
    Denied,
    /// Wait a moment.
    Wait,
    /// Something is wrong with the gate.
    Alarm,
}

/// A text with its signal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Show {
    /// Both lines of the display.
    pub lines: [Line; 2],
    /// Light and buzzer.
    pub signal: Signal,
    /// How long, before the idle text comes back.
    pub for_ms: u16,
}

/// On whose word somebody passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum By {
    /// The agent's.
    Grant(GrantId),
    /// The controller's own, on the read of this number: leaving is always free, and the cached list may let in.
    Own(EventNumber),
    /// The gate is free: an order, or an emergency.
    Free,
    /// Nobody's: forced.
    Nobody,
}

/// The answer that a read got.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// None: the agent was asked and said nothing, or nothing yet.
    None,
    /// The agent refused.
    Denied,
    /// The agent granted.
    Granted(GrantId),
    /// The controller opened by itself, the agent being silent or slow.
    Opened,
    /// The controller refused by itself, for this reason.
    Refused(Refusal),
}

/// Why a controller refuses an entry by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Refusal {
    /// The agent is silent and there is no list, or none that may be used.
    Offline,
    /// The agent is silent and the credential is not on the list.
    NotListed,
    /// Somebody else is passing.
    Busy,
    /// There is no room to remember the passage.
    Full,
    /// The agent was asked and did not answer in time.
    Unanswered,
}

// A ring of events lives in the few KiB of a microcontroller.
const _: () = assert!(size_of::<Credential>() <= 24 && size_of::<By>() <= 16 && size_of::<Answer>() <= 16);

//! What the agent says to a controller.

use heapless::Vec;
use serde::{Deserialize, Serialize};

use crate::words::{BootId, EventNumber, GrantId, Line, OrderNumber, Show, Way};

/// A message to a controller. Variants are only ever added, at the end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ToGate {
    /// Who are you? A controller that spoke first would speak to a port nobody has opened.
    Ask {
        /// The oldest version of the agent.
        min: u16,
        /// The newest.
        current: u16,
    },
    /// Answers a `Hello`; from here on orders and events flow, in this session.
    Welcome {
        /// The version both speak.
        proto: u16,
        /// Of the `Hello`: a welcome left over from before a reset has another.
        nonce: u32,
        /// The controller's own boot id, or one issued for a controller that has none yet.
        boot: BootId,
    },
    /// I am here, and have so much. A controller answers each one.
    Beat {
        /// Comes back in the answer.
        beat: u32,
        /// Events up to this one have arrived; they need not be sent again in this session.
        heard: EventNumber,
        /// Events up to this one are on the agent's disk; the controller may forget them.
        kept: EventNumber,
        /// The cached list that is still good; 0 for none.
        list: u32,
    },
    /// Something to do, each once and in order.
    Order {
        /// Counts up.
        number: OrderNumber,
        /// What.
        order: Order,
    },
}

/// What a controller is to do. Variants are only ever added, at the end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Order {
    /// Let one person pass.
    Grant(Grant),
    /// Answer a read with no.
    Deny {
        /// The read.
        read: EventNumber,
        /// What the member sees.
        show: Show,
    },
    /// Show something.
    Show(Show),
    /// A grant gets more time: its badge was presented again.
    Extend {
        /// The grant.
        id: GrantId,
        /// From now.
        passage_ms: u16,
    },
    /// A grant is over before its time.
    Withdraw {
        /// The grant.
        id: GrantId,
    },
    /// How the gate treats everybody.
    Mode(Mode),
    /// How the gate is built and what it does when the agent is silent.
    Configure(Config),
    /// A new list of credentials begins; the one before is gone.
    ListBegin {
        /// Its version, never 0.
        version: u32,
    },
    /// A part of the list, in order.
    ListPart {
        /// Hashes as numbers, rising through the whole list.
        hashes: Vec<[u8; 8], LIST_PART_HASHES_MAX>,
    },
    /// The list is complete.
    ListEnd {
        /// Its version.
        version: u32,
        /// How many hashes it has. A list with another count is not used.
        count: u32,
    },
}

/// Hashes in one part of the list: they leave a frame short enough to be lost without regret.
pub const LIST_PART_HASHES_MAX: usize = 16;

/// A permission for one person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Grant {
    /// Never opens twice.
    pub id: GrantId,
    /// The read it answers; none if somebody opens by hand.
    pub read: Option<EventNumber>,
    /// Which way.
    pub way: Way,
    /// Length of the relay's pulse; the controller bounds it.
    pub open_ms: u16,
    /// How long the person may take.
    pub passage_ms: u16,
    /// What the member sees.
    pub show: Show,
}

/// How the gate treats everybody.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Mode {
    /// Each person is asked for.
    Normal,
    /// The lock is off; who passes is counted.
    Free,
}

/// How the gate is built, and what it does by itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// Which way each reader leads; none: nothing is wired to that input.
    pub readers: [Option<Way>; 2],
    /// The barrier turns freely outwards: a rotation outwards is never forced.
    pub free_exit: bool,
    /// The relay's pulse when the controller opens by itself.
    pub open_ms: u16,
    /// How long a person may take when the controller opens by itself.
    pub passage_ms: u16,
    /// How long after the end of a grant a rotation still belongs to it.
    pub grace_ms: u16,
    /// How long the barrier may stand between its rests before it is held open.
    pub held_ms: u16,
    /// Entry while the agent is silent.
    pub offline: Offline,
    /// Shown while nobody is there.
    pub idle: [Line; 2],
    /// Shown to who may not enter because the agent is silent.
    pub closed: [Line; 2],
}

/// Entry while the agent is silent. Leaving is always free.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Offline {
    /// Nobody enters.
    Closed,
    /// Who is on the cached list enters.
    List {
        /// The key of its hashes.
        key: [u8; 16],
        /// The list is good for so long after the agent last said so.
        age_s_max: u32,
    },
}

// A message on its way is a local variable of a small stack.
const _: () = assert!(size_of::<ToGate>() <= 256);

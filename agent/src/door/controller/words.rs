//! What a turnstile orders of a gate controller, and what a controller's link tells: plain words, without the wire's.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::Way;
use crate::passage::controlled::{EventKey, GrantId, Told};

/// Orders waiting for one controller: as many as may be under way on its wire. A turnstile that gives more has not been
/// heard for seconds, and its grants are refused.
pub const CONTROLLER_ORDERS_MAX: usize = 32;

/// What a controller is told.
#[derive(Clone, PartialEq, Debug)]
pub enum ControllerOrder {
    /// How the gate is built and what it does when the agent is silent. Its readers are known from the wiring.
    Set(ControllerSetting),
    /// Whether everybody may pass.
    Free(bool),
    /// Let one person pass.
    Grant {
        /// Names it for good.
        grant: GrantId,
        /// The read that waits for it.
        read: Option<u32>,
        /// Which way.
        way: Way,
        /// What is shown.
        sign: Sign,
    },
    /// Answer a read with no.
    Deny {
        /// The read.
        read: u32,
        /// What is shown.
        sign: Sign,
    },
    /// Show something.
    Show(Sign),
    /// Give a grant more time.
    Extend(GrantId),
    /// End a grant.
    Withdraw(GrantId),
    /// Events up to this one are durable.
    Keep(EventKey),
    /// Who may enter while the agent is silent: hashes, rising, under the key of the setting.
    List {
        /// Never 0, and never that of another list.
        version: u32,
        /// The hashes.
        hashes: Arc<[u64]>,
    },
    /// The list is not good any more.
    NoList,
}

/// How a controller's gate is built.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ControllerSetting {
    /// The barrier turns freely outwards.
    pub free_exit: bool,
    /// Length of the relay's pulse; at most five seconds.
    pub open_for: Duration,
    /// How long a person may take; at most a minute.
    pub passage_timeout: Duration,
    /// How long after that a rotation is still theirs.
    pub grace: Duration,
    /// How long the barrier may stand between its rests.
    pub held_open_after: Duration,
    /// Shown while nobody is there.
    pub idle: [String; 2],
    /// Shown to who may not enter because the agent is silent.
    pub closed: [String; 2],
    /// Entry while the agent is silent: the key of the list's hashes, and how long the list is good after the agent last
    /// said so. None: nobody enters.
    pub list: Option<([u8; 16], Duration)>,
}

/// Two lines and a light.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sign {
    /// The lines of the display.
    pub lines: [String; 2],
    /// Light and buzzer.
    pub light: Light,
    /// How long, before the idle text comes back.
    pub lasts: Duration,
}

/// What light and buzzer say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Light {
    /// Come in.
    Welcome,
    /// Come in, and read the display.
    Message,
    /// Not this time.
    Denied,
    /// Wait a moment.
    Wait,
}

/// What a controller's link tells.
#[derive(Clone, Debug)]
pub enum ControllerEvent {
    /// A session began: setting, mode and list have to be ordered anew.
    Began {
        /// The controller's boot.
        boot: u64,
        /// It was reset since it was last heard by anybody, and its memory is gone.
        was_reset: bool,
        /// Events that it has forgotten without this agent having seen them.
        missing: u32,
    },
    /// The session ended.
    Ended,
    /// Something happened at the gate.
    Told(Told),
    /// It has taken a grant.
    Taken(GrantId),
    /// It cannot be given a grant.
    NotGiven(GrantId),
    /// How it is.
    Health(ControllerHealth),
}

/// A controller at this moment.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct ControllerHealth {
    /// The version of its firmware.
    pub firmware: String,
    /// Places left in its memory of events.
    pub room: u16,
    /// Events that found no place since its reset.
    pub lost: u32,
    /// Frames of the agent that arrived broken since its reset.
    pub bad_frames: u32,
    /// Reads that were no badge since its reset.
    pub bad_reads: u32,
    /// The version of the list it would let people in by while the agent is silent; 0: none.
    pub list: u32,
    /// The housing is open.
    pub tamper: bool,
    /// The barrier stands between its rests.
    pub held_open: bool,
    /// The emergency input is on: the gate is free.
    pub emergency: bool,
}

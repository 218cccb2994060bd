//! What a gate controller tells, and what the machine of its gate wants done: plain words, without the wire's.

use super::super::Ask;
use crate::domain::{Decision, Display, MemberText, Now, PassageId, PassageOutcome, ReaderId, Way};

/// One permission to pass, named for good: a count that begins anywhere at each start of the agent, and the number of
/// the read it answers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct GrantId(pub u64);

/// Stands where the number of a read would, in a grant by hand.
const BY_HAND: u32 = u32::MAX;

impl GrantId {
    pub(super) fn new(count: u32, read: Option<u32>) -> Self {
        Self(u64::from(count) << 32 | u64::from(read.unwrap_or(0)))
    }

    pub(super) fn by_hand(count: u32) -> Self {
        Self::new(count, Some(BY_HAND))
    }

    pub(super) fn is_by_hand(self) -> bool {
        self.low() == BY_HAND
    }

    /// The controller's read that it answers; none for a reader on another line and for an opening by hand.
    pub(super) fn read(self) -> Option<u32> {
        Some(self.low()).filter(|read| *read != 0 && *read != BY_HAND)
    }

    fn low(self) -> u32 {
        u32::try_from(self.0 & u64::from(u32::MAX)).expect("it is masked")
    }
}

/// An event of a controller, named for good by its gate and these.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct EventKey {
    /// The controller's run, from reset to reset.
    pub boot: u64,
    /// From 1 in each boot.
    pub number: u32,
}

/// An event of a controller. Each comes once in a session, in the order of numbers; a new session begins with the
/// oldest that was not acknowledged.
#[derive(Clone, PartialEq, Debug)]
pub struct Told {
    /// Its number in this boot.
    pub number: u32,
    /// When it happened at the gate.
    pub at: Now,
    /// A read that waits for its answer at this moment.
    pub is_fresh: bool,
    /// What happened.
    pub what: What,
}

/// What happened at a gate with a controller.
#[derive(Clone, PartialEq, Debug)]
pub enum What {
    /// A badge was read.
    Read {
        /// Its reader and the badge; none if that input is nobody's or the value no badge.
        ask: Option<Ask>,
        /// The reader leads out: the controller opens by itself if it is not answered, or answered with no.
        leads_out: bool,
        /// What it was answered so far.
        answer: Given,
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
    Refused {
        /// The grant.
        grant: GrantId,
        /// The read had waited too long; otherwise somebody else was passing, or there was no room to remember it.
        too_late: bool,
    },
    /// An alarm begins or ends.
    Alarm {
        /// Which.
        alarm: Trouble,
        /// Whether it begins.
        on: bool,
    },
    /// Here events are missing, for which there was no room.
    Lost {
        /// How many.
        count: u32,
    },
}

/// What a controller raises an alarm about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// The housing is open.
    Tamper,
    /// The barrier stands between its rests.
    HeldOpen,
    /// The emergency input is on.
    Emergency,
}

/// The answer that a read got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Given {
    /// None, or none yet.
    Nothing,
    /// The agent refused.
    Denied,
    /// The agent granted.
    Granted(GrantId),
    /// The controller opened by itself.
    Opened,
    /// The controller refused by itself.
    Refused,
}

/// On whose word somebody passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// The agent's.
    Grant(GrantId),
    /// The controller's own, on the read of this number.
    Own(u32),
    /// The gate is free.
    Free,
    /// Nobody's.
    Nobody,
}

/// What happens at a gate with a controller.
#[derive(Clone, PartialEq, Debug)]
pub enum Input {
    /// A session with the controller began.
    Began {
        /// Its boot.
        boot: u64,
        /// It was reset since an agent last heard it.
        was_reset: bool,
    },
    /// The session ended: the controller is silent or gone.
    Ended,
    /// The controller told something.
    Told(Told),
    /// A badge at a reader of this gate that is not the controller's.
    Read {
        /// The badge and its reader.
        ask: Ask,
        /// When.
        at: Now,
    },
    /// The rules have answered.
    Decided {
        /// What was asked.
        ask: Ask,
        /// The controller's read, if it was one.
        read: Option<u32>,
        /// The passage's id, made with the decision.
        id: PassageId,
        /// The answer; a grant is reserved.
        decision: Box<Decision>,
        /// The reader's display.
        display: Display,
    },
    /// An operator opens.
    Manual {
        /// The passage's id.
        id: PassageId,
        /// The reader whose direction it has.
        reader: ReaderId,
        /// The operator's decision, always a grant.
        decision: Box<Decision>,
        /// When it was asked for.
        at: Now,
    },
    /// The controller has taken a grant.
    Taken(GrantId),
    /// A grant could not be given to the controller.
    NotGiven(GrantId),
    /// What an event tells is durable.
    Settled(EventKey),
    /// The deadline came.
    Tick,
    /// The gate is taken down. What has not ended is left in the controller's memory for the next start.
    Closing,
}

/// What is to be done, in this order.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Ask the rules; a grant is reserved, and the answer comes back as [`Input::Decided`].
    Decide {
        /// What to ask.
        ask: Ask,
        /// The controller's read, if it is one.
        read: Option<u32>,
        /// When it was read.
        at: Now,
    },
    /// Order the controller to let one person pass.
    Grant {
        /// The grant.
        grant: GrantId,
        /// The read that waits for it.
        read: Option<u32>,
        /// Which way.
        way: Way,
        /// At which reader it is shown.
        reader: ReaderId,
        /// What is shown, most important first.
        texts: Vec<MemberText>,
    },
    /// Answer a read with no.
    Deny {
        /// The read.
        read: u32,
        /// The reader, if it is known.
        reader: Option<ReaderId>,
        /// What is shown, most important first; may be nothing.
        texts: Vec<MemberText>,
        /// What it means.
        meaning: No,
    },
    /// Show texts at a reader that is not the controller's.
    Show {
        /// The reader.
        reader: ReaderId,
        /// Its texts, most important first.
        texts: Vec<MemberText>,
        /// Whether they go with a refusal.
        meaning: No,
    },
    /// Give a grant more time.
    Extend(GrantId),
    /// End a grant.
    Withdraw(GrantId),
    /// Write a passage down that was decided here, and release its reservation once that is durable.
    Record {
        /// The passage.
        id: PassageId,
        /// The read that is its key, and that the record settles.
        read: Option<EventKey>,
        /// How it ended.
        outcome: PassageOutcome,
    },
    /// Write a passage down that was not decided by this run of the agent.
    RecordLate(Late),
    /// Write down a rotation that nobody asked for.
    Unasked {
        /// Its event.
        key: EventKey,
        /// When.
        at: Now,
        /// Which way.
        way: Way,
        /// Forced, free, or in an emergency.
        outcome: PassageOutcome,
    },
    /// Write an alarm down.
    Alarm {
        /// Its event.
        key: EventKey,
        /// When.
        at: Now,
        /// What the controller told.
        what: What,
    },
    /// Release the reservation: the decision has no effect, and nothing is written down.
    Forget {
        /// The passage that will not be.
        id: PassageId,
    },
    /// Release the reservation of a passage whose end is not known yet.
    Release {
        /// The passage.
        id: PassageId,
    },
    /// Whoever ordered a passage by hand is to hear that it was not carried out.
    NotOpened {
        /// The passage.
        id: PassageId,
        /// Why.
        why: &'static str,
    },
    /// Acknowledge events up to this one.
    Keep(EventKey),
}

/// What a no means to the member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum No {
    /// Refused.
    Refused,
    /// Once was enough: the gate has been opened for this badge.
    Again,
    /// Somebody else is passing; this one is next.
    Wait,
}

/// A passage that the controller remembered.
#[derive(Clone, PartialEq, Debug)]
pub struct Late {
    /// The event that is its key, and that the record settles.
    pub key: EventKey,
    /// Not to be written if the passage of this read is written as passed: it is the same one. If it is written
    /// otherwise, it says who this was.
    pub unless_passed: Option<EventKey>,
    /// Whose badge at which reader; none if that is not known.
    pub ask: Option<Ask>,
    /// When.
    pub at: Now,
    /// Which way, as far as the controller knows.
    pub way: Way,
    /// By whose word.
    pub by: Decider,
    /// How it ended.
    pub outcome: PassageOutcome,
}

/// Who decided a passage that the controller remembered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decider {
    /// An agent, whose record was not made.
    Agent,
    /// The controller, while the agent was silent or slow.
    Controller,
    /// Nobody: it opened nothing.
    Nobody,
}

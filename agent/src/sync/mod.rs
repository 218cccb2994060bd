//! How a person stands with Mywellness, and what is to be told of them there: rules that decide, and ask nobody. Pure.
//!
//! | file | what |
//! |---|---|
//! | `state` | the integration's states, and what moves it from one to another |
//! | `selection` | who may be told of: a member's own choice first, then the club's selection |
//! | `verdict` | all of that for one person on one day, with what is missing |
//! | `personalia` `membership` `photo` `badge` | what is told, and what differs from what was told last |
//! | `nightly` | when everybody is compared |

mod badge;
mod membership;
mod nightly;
mod personalia;
mod photo;
mod selection;
mod state;
mod verdict;
#[cfg(test)]
mod world;

pub use badge::{BadgeTold, badge, worn};
pub use membership::{MembershipTold, Operation, Phase, membership, operations};
pub use nightly::{is_due, last_moment};
pub use personalia::{Personalia, group_ids};
pub use photo::{PhotoTold, photo, publishable};
pub use selection::{NotTold, is_frozen, lets_activity_sync, lets_sync, makes_member, selects};
pub use state::{Command, Footing, Input, NotAllowed, SyncState, on};
pub use verdict::{Approval, Barred, Cause, Integration, Missing, Told, differing, may_be_known, missing, to_tell};

use std::collections::BTreeMap;

use jiff::{Timestamp, Zoned};

use crate::domain::{FactKind, Person, RowOutcome};

/// What the club has configured about who is told of, and what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rules {
    /// Automatic, or after an operator's step.
    pub mode: Mode,
    /// What is sent.
    pub send: Vec<FactKind>,
    /// What can be taken back there, when the person has none any more.
    pub takes_back: Vec<FactKind>,
    /// Group name here → id there.
    pub group_ids: BTreeMap<String, i64>,
    /// Whether the groups told replace those there. Off: groups are not told, only tried out.
    pub group_master: GroupMaster,
    /// Whether an e-mail address is required.
    pub email_required: bool,
    /// Whether the gender is required.
    pub gender_required: bool,
    /// Who is sent.
    pub selection: Selection,
}

impl Rules {
    /// The kinds of mark that are told, in the order in which a person's are told: the person first. The list of groups
    /// replaces the one there: without a mapping an empty one would wipe what the club keeps there by hand.
    #[must_use]
    pub fn marks(&self) -> Vec<FactKind> {
        let tells_groups = self.group_master == GroupMaster::On && !self.group_ids.is_empty();
        let is_told = |kind: &FactKind| self.send.contains(kind) && (*kind != FactKind::Groups || tells_groups);
        let kinds = [FactKind::Person, FactKind::Membership, FactKind::Groups, FactKind::Photo, FactKind::Badge];
        kinds.into_iter().filter(is_told).collect()
    }
}

/// Why everybody is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Occasion {
    /// It is night: what was refused is left to who mends it.
    Night,
    /// The rules are others than those by which something was refused.
    OtherRules,
}

/// A person at a moment, as the rules look at what is to be told of them. Of a photo they need no more than its time.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The document; whether its photo is in it does not matter.
    pub person: &'a Person,
    /// When their photo was taken or imported; none: they have none.
    pub photo_taken_at: Option<Timestamp>,
    /// Local time of the site.
    pub now: &'a Zoned,
}

/// What is to be said of something that a person has or has not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Saying<T> {
    /// This.
    Tell(T),
    /// That they have none any more.
    TakeBack,
    /// Nothing that is not known there.
    Nothing,
}

/// Automatic, or after an operator's step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// By itself.
    Automatic,
    /// An operator approves each person first.
    Operator,
}

/// Whether this side decides about groups.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GroupMaster {
    /// The groups told replace those there.
    On,
    /// No groups are told.
    Off,
}

/// Who is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Selection {
    /// People with an active subscription whose product gives membership.
    Members,
    /// People of a group.
    Group(String),
    /// People of a category.
    Category(String),
    /// Everyone.
    Everyone,
}

/// One try to tell something of a person, and what came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempt {
    /// Whose.
    pub person: crate::domain::PersonId,
    /// What was told.
    pub kind: FactKind,
    /// What came of it.
    pub outcome: RowOutcome,
    /// Why not, if not.
    pub cause: Option<Cause>,
    /// What Mywellness knows of this kind from now on, as JSON.
    pub told: Option<String>,
    /// Whom the person could be there, if that was in doubt.
    pub candidates: Vec<Candidate>,
}

/// Somebody at Mywellness who could be the person.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Candidate {
    /// The user, across all clubs.
    pub user_id: String,
    /// The user at this club.
    pub facility_user_id: String,
    /// Their e-mail address, masked.
    pub email: Option<String>,
}

/// Most candidates kept of one match: a family under one name has fewer.
pub const CANDIDATES_MAX: usize = 20;

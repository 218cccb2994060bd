//! Everything the rules need to know of one person, gathered in one read.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    AccessAction, BookedClass, ClassId, Credential, CrmActionId, MembershipId, Person, PersonId, ReaderId, VisitId,
    ZoneId,
};

/// What the store knows of a badge.
#[derive(Clone, PartialEq, Debug)]
pub enum Identified {
    /// No credential has this value.
    Unknown,
    /// Credentials of several people read as this value in this reader's form.
    Ambiguous,
    /// One person's.
    Known(Box<Standing>),
}

/// What the store knows of one person at one moment.
#[derive(Clone, PartialEq, Debug)]
pub struct Standing {
    /// The row.
    pub id: PersonId,
    /// The document.
    pub person: Person,
    /// The credential presented; none for a person named by an operator.
    pub credential: Option<Credential>,
    /// Entries consumed here since the `entries_as_of` of each punch card.
    pub consumed: BTreeMap<MembershipId, u32>,
    /// CRM actions not concluded, with what their types say. Oldest first.
    pub actions: Vec<OpenAction>,
    /// The newest visit, open or ended.
    pub visit: Option<Visit>,
    /// Where the person is counted, if anywhere.
    pub presence: Option<Presence>,
    /// Where they were last seen going in, if they have not left since: a while longer than they are counted there.
    pub last_seen: Option<Presence>,
    /// Bookings of classes that begin within a day and a half of the moment, first class first; taken back or not.
    pub bookings: Vec<BookedClass>,
    /// How many people are counted in each zone itself, zones inside it not included.
    pub occupancy: BTreeMap<ZoneId, u32>,
}

/// An open CRM action joined with its type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenAction {
    /// Its id.
    pub id: CrmActionId,
    /// What its type does at a gate.
    pub access_action: AccessAction,
    /// The type is obsolete.
    pub obsolete: bool,
    /// Kinds of device it acts on; empty: all.
    pub device_types: Vec<String>,
    /// The type's text for the member.
    pub message: Option<String>,
    /// By when it is to be dealt with.
    pub due_on: Option<civil::Date>,
    /// Not acting after this.
    pub valid_until: Option<Timestamp>,
    /// Its message is shown at most so many times.
    pub show_limit: Option<u32>,
    /// How many times it was shown.
    pub shown: u32,
}

/// Where a person is counted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Presence {
    /// The innermost zone.
    pub zone: ZoneId,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

/// A visit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Visit {
    /// Its id, the idempotency key everywhere.
    pub id: VisitId,
    /// When it began at the gate.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// Where.
    pub reader: ReaderId,
    /// The club day it belongs to.
    #[schema(value_type = String, format = Date)]
    pub club_day: civil::Date,
    /// The membership it uses; re-entries use it again and consume nothing.
    pub membership: Option<MembershipId>,
    /// The booked class it was begun for, in place of a membership.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<ClassId>,
    /// When and how it ended; open if none.
    pub ended: Option<VisitEnd>,
}

/// When and how a visit ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct VisitEnd {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How.
    pub by: EndedBy,
}

/// How a visit ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// By an exit. The next entry is a new visit.
    Exit,
    /// By a passage in another club day.
    NextDay,
    /// The maximum stay ran out. Only presence ends: an entry on the same club day continues the visit.
    Timeout,
}

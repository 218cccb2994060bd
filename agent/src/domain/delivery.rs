//! What waits for an upstream, and what became of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    ClassId, ClockQuality, Direction, ExternalId, GateId, LaneId, MembershipId, PassageId, PassageOutcome, PersonId,
    ReaderId, Reason, RowId, VisitId, ZoneId,
};

/// What a row tells.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FactKind {
    /// A passage, as a snapshot.
    Passage,
    /// A visit, as a snapshot.
    Visit,
    /// Attendance of a class, as a snapshot.
    Attendance,
    /// An alarm of a gate, as a snapshot.
    Alarm,
    /// The answer to a command of the central system, as a snapshot.
    Answer,
    /// What an upstream told of a class or its bookings and nobody here could act on: a note.
    Booking,
    /// A person changed: a mark, rendered when sent.
    Person,
    /// A membership changed: a mark, rendered when sent.
    Membership,
    /// Groups changed: a mark, rendered when sent.
    Groups,
    /// The photo changed: a mark, rendered when sent.
    Photo,
    /// The badge changed: a mark, rendered when sent.
    Badge,
    /// A person is to be deleted upstream: a snapshot of who they are there, since nothing of it is kept here.
    Erasure,
}

impl FactKind {
    /// The stable word, as in topics and the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passage => "passage",
            Self::Visit => "visit",
            Self::Attendance => "attendance",
            Self::Alarm => "alarm",
            Self::Answer => "answer",
            Self::Booking => "booking",
            Self::Person => "person",
            Self::Membership => "membership",
            Self::Groups => "groups",
            Self::Photo => "photo",
            Self::Badge => "badge",
            Self::Erasure => "erasure",
        }
    }
}

/// Where a row stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    /// To be sent.
    Pending,
    /// Being sent; committed before the request leaves, for upstreams that do not dedupe.
    InFlight,
    /// Sent, and the answer was lost.
    Unsure,
    /// Acknowledged by the broker, waiting for the central system's receipt.
    Sent,
    /// Waits for a named gate.
    Held,
    /// Needs a person.
    Parked,
    /// Acknowledged by its receiver.
    Delivered,
    /// Not to be sent: the person opted out.
    Suppressed,
    /// Given up by an operator, with a reason.
    Discarded,
    /// Its person was erased.
    Erased,
}

impl RowState {
    /// Every state.
    pub const ALL: [Self; 10] = [
        Self::Pending,
        Self::InFlight,
        Self::Unsure,
        Self::Sent,
        Self::Held,
        Self::Parked,
        Self::Delivered,
        Self::Suppressed,
        Self::Discarded,
        Self::Erased,
    ];

    /// The stable word, as in the API and the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InFlight => "in_flight",
            Self::Unsure => "unsure",
            Self::Sent => "sent",
            Self::Held => "held",
            Self::Parked => "parked",
            Self::Delivered => "delivered",
            Self::Suppressed => "suppressed",
            Self::Discarded => "discarded",
            Self::Erased => "erased",
        }
    }

    /// Whether later rows of the same person wait for this one.
    #[must_use]
    pub fn blocks_later_rows(self) -> bool {
        matches!(self, Self::Pending | Self::InFlight | Self::Unsure)
    }

    /// Whether nothing more will happen to it.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Delivered | Self::Suppressed | Self::Discarded | Self::Erased)
    }
}

/// The gate a held row waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// The person is not linked upstream yet.
    Link,
    /// The person's integration is suspended.
    Suspension,
    /// The class has no mapping.
    Mapping,
    /// An operator must approve.
    Approval,
    /// The person's data are told first.
    Data,
}

/// A row of the outbox.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutboxRow {
    /// Its number, in the order of writing.
    pub id: RowId,
    /// The upstream.
    pub lane: LaneId,
    /// What it tells.
    pub kind: FactKind,
    /// The fact's own id: the idempotency key at the receiver.
    pub key: String,
    /// Whose it is: rows of one person keep their order.
    pub person: Option<PersonId>,
    /// Where it stands.
    pub state: RowState,
    /// How many times it was tried.
    pub attempts: u32,
    /// How many of the tries failed at this very row. Of a row without a harmless repetition each may have had its effect.
    pub failures: u32,
    /// The snapshot as JSON; empty for marks, which are rendered when sent.
    pub body: String,
}

/// What became of a row that was handed to its upstream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RowOutcome {
    /// Acknowledged by its receiver.
    Delivered,
    /// Acknowledged by the broker, waiting for a receipt.
    Sent,
    /// Not now; said why. The row stays where it is in its person's order.
    Later(String),
    /// Sent, and the answer was lost; said how.
    Unsure(String),
    /// The receiver failed at this very row, as far as can be told; said how. A row whose request had left is unsure. The
    /// next try comes later after each.
    Failed(String),
    /// Waits for a named gate.
    Held(Hold),
    /// Never, unless a person does something; said why.
    Never(String),
    /// Not to be sent: said why.
    Suppressed(String),
}

/// A lane in numbers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct LaneSummary {
    /// The lane.
    pub lane: LaneId,
    /// Rows that will be sent by themselves: pending, in flight, unsure.
    pub waiting: u64,
    /// Rows sent that wait for a receipt.
    pub sent: u64,
    /// Rows that wait for a named gate.
    pub held: u64,
    /// Rows that need a person.
    pub parked: u64,
    /// Rows delivered and still kept.
    pub delivered: u64,
    /// When the oldest row was written that waits to be sent or for its receipt.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub oldest: Option<Timestamp>,
}

/// A row as the operator sees it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct OutboxEntry {
    /// Its number.
    pub id: RowId,
    /// The upstream.
    pub lane: LaneId,
    /// What it tells.
    pub kind: FactKind,
    /// The fact's own id.
    pub key: String,
    /// Whose it is.
    pub person: Option<ExternalId>,
    /// Where it stands.
    pub state: RowState,
    /// The gate it waits for, if held.
    pub held_for: Option<Hold>,
    /// How many times it was tried.
    pub attempts: u32,
    /// What the last try said.
    pub last_error: Option<String>,
    /// Rows of the person that wait until this one has made them known upstream. Given up, it parks them.
    pub waiting_on_it: u64,
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    pub written_at: Timestamp,
    /// When its state last changed.
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
}

/// Which facts a lane wants to be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LanePlan {
    /// The lane.
    pub lane: LaneId,
    /// The kinds of fact it relays.
    pub facts: Vec<FactKind>,
    /// Only facts that have a person: Mywellness knows nothing of strangers.
    pub audience: Audience,
}

/// Whose facts a lane relays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Audience {
    /// Everybody's, the unknown included.
    Everybody,
    /// Known people's only.
    KnownPeople,
}

/// A visit as told to upstreams: the body of its outbox rows. Names are not in it; who sends them looks them up.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct VisitTold {
    /// The visit's id.
    pub visit_id: VisitId,
    /// The person; null after erasure.
    pub person: Option<ExternalId>,
    /// When it began at the gate.
    pub started_at: Timestamp,
    /// The reader.
    pub reader: ReaderId,
    /// The gate.
    pub gate: GateId,
    /// The zone entered.
    pub zone: Option<ZoneId>,
    /// The club day.
    pub club_day: jiff::civil::Date,
    /// How far to believe the time.
    pub clock: ClockQuality,
    /// The membership used.
    pub membership: Option<MembershipId>,
    /// The booked class used in place of a membership.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<ClassId>,
    /// Entries taken from it.
    pub entries_taken: u32,
}

/// Who is to be deleted upstream: the body of an erasure's row.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ErasureTold {
    /// One whose id there is known.
    User {
        /// The user at this club.
        facility_user_id: String,
    },
    /// One who may have been made known: the answer was lost, or is still to come.
    Whoever {
        /// Their key here, by which they are looked up.
        external_id: ExternalId,
    },
}

/// A passage as told to upstreams: the body of its outbox rows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PassageTold {
    /// The passage's id.
    pub passage_id: PassageId,
    /// The reader, if one asked.
    pub reader: Option<ReaderId>,
    /// The gate.
    pub gate: GateId,
    /// The reader's direction.
    pub direction: Option<Direction>,
    /// How it ended.
    pub outcome: PassageOutcome,
    /// Stable reason codes.
    pub reasons: Vec<Reason>,
    /// The person, if known; null after erasure.
    pub person: Option<ExternalId>,
    /// When it happened.
    pub at: Timestamp,
    /// How far to believe the time.
    pub clock: ClockQuality,
}

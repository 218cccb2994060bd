//! The words of classes: products, classes, bookings, and who was ticked off as having come.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AttendanceId, ClassId, ClassProductId, ClockQuality, ExternalId, GateId, ReaderId, ZoneId};

/// A kind of class that a club offers, such as yoga.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ClassProduct {
    /// Its key in the management system.
    pub id: ClassProductId,
    /// Its name for people.
    pub name: String,
    /// The activity it is at Mywellness. Without one, attendance of its classes waits here.
    #[serde(default)]
    pub mywellness_id: Option<String>,
    /// Whether a booking of its classes opens gates.
    #[serde(default)]
    pub opens_gate: bool,
    /// Minutes before the start from which a booking counts; as configured if null.
    #[serde(default)]
    pub early_minutes: Option<u16>,
    /// Minutes after the start until which a booking counts; as configured if null.
    #[serde(default)]
    pub late_minutes: Option<u16>,
}

/// A class: one occurrence, on one day.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Class {
    /// Its key in the management system.
    pub id: ClassId,
    /// What it is one of.
    pub product: ClassProductId,
    /// When it begins.
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: Timestamp,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Timestamp,
    /// Where it takes place; anywhere if null.
    #[serde(default)]
    pub zone: Option<ZoneId>,
    /// How many can take part, as the management system says. Bookings are its own: none is refused here.
    #[serde(default)]
    pub capacity: Option<u32>,
    /// Whether it takes place.
    #[serde(default)]
    pub status: ClassStatus,
}

/// Whether a class takes place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClassStatus {
    /// It does.
    #[default]
    Scheduled,
    /// It does not: its bookings open nothing and nobody is ticked off.
    Cancelled,
}

/// How a booking stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BookingStatus {
    /// There is a place.
    #[default]
    Booked,
    /// On the waiting list.
    Waiting,
    /// Taken back.
    Cancelled,
}

/// A person's booking of a class.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Booking {
    /// The class.
    pub class: ClassId,
    /// Whose it is.
    pub person: ExternalId,
    /// How it stands.
    pub status: BookingStatus,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// By whose hand somebody was ticked off.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TickedBy {
    /// Their own, by the badge they passed with.
    Badge,
    /// An operator's.
    Operator,
    /// The management system's.
    Api,
}

impl TickedBy {
    /// The stable word, as in events and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Badge => "badge",
            Self::Operator => "operator",
            Self::Api => "api",
        }
    }
}

/// A person came to a class: also as told to upstreams, the body of its outbox rows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Attendance {
    /// Its id, the idempotency key everywhere. A person is ticked off once for a class.
    pub attendance_id: AttendanceId,
    /// The class.
    pub class: ClassId,
    /// What it is one of.
    pub product: ClassProductId,
    /// When the class begins.
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: Timestamp,
    /// When the class ends.
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Timestamp,
    /// Who; null after erasure.
    pub person: Option<ExternalId>,
    /// When they were ticked off.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How far to believe that.
    pub clock: ClockQuality,
    /// By whose hand.
    pub by: TickedBy,
    /// They had no booking.
    pub walk_in: bool,
    /// The reader they passed; null if ticked off by hand.
    pub reader: Option<ReaderId>,
    /// Its gate.
    pub gate: Option<GateId>,
}

/// A booking with all that the rules ask about its class.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct BookedClass {
    /// The class.
    #[serde(flatten)]
    pub class: Class,
    /// How the booking stands.
    pub booking: BookingStatus,
    /// Whether it opens gates.
    pub opens_gate: bool,
    /// Minutes before the start from which it counts; as configured if null.
    pub early_minutes: Option<u16>,
    /// Minutes after the start until which it counts; as configured if null.
    pub late_minutes: Option<u16>,
    /// The person was ticked off.
    pub attended: bool,
}

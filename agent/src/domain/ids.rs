//! Names and numbers of things, each its own type so that a gate is never taken for a reader.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why a text is not a name; the `Display` text says what would be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a name: {1}")]
pub struct BadName(pub String, pub &'static str);

/// The longest slug, in bytes: names go into topics, metric labels and log fields.
const SLUG_BYTES_MAX: usize = 64;
/// The longest foreign key of another system, in characters.
const FOREIGN_CHARS_MAX: usize = 128;

fn slug(text: &str) -> Result<Arc<str>, BadName> {
    let fits = !text.is_empty()
        && text.len() <= SLUG_BYTES_MAX
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    fits.then(|| text.into()).ok_or_else(|| BadName(text.into(), "write 1 to 64 characters of a-z, 0-9 and -"))
}

fn foreign(text: &str) -> Result<Arc<str>, BadName> {
    let trimmed = text.trim();
    let fits =
        !trimmed.is_empty() && trimmed.chars().count() <= FOREIGN_CHARS_MAX && !trimmed.chars().any(char::is_control);
    fits.then(|| trimmed.into()).ok_or_else(|| BadName(text.into(), "write 1 to 128 printable characters"))
}

macro_rules! named {
    ($($(#[$doc:meta])* $name:ident by $rule:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schema(value_type = String)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl FromStr for $name {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> { $rule(text).map(Self) }
        }
        impl TryFrom<String> for $name {
            type Error = BadName;
            fn try_from(text: String) -> Result<Self, BadName> { text.parse() }
        }
        impl From<$name> for String {
            fn from(name: $name) -> String { name.0.as_ref().to_owned() }
        }
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str { &self.0 }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{}({})", stringify!($name), self.0) }
        }
    )*};
}

named! {
    /// The club, in topics and event sources.
    SiteId by slug;
    /// A turnstile, door or barrier.
    GateId by slug;
    /// A badge reader.
    ReaderId by slug;
    /// A part of the club whose people are counted.
    ZoneId by slug;
    /// One upstream in the outbox: `mqtt`, `mywellness`, or `webhook-` and a webhook's id.
    LaneId by slug;
    /// A person's key in the management system; all that other systems and logs know of them.
    ExternalId by foreign;
    /// A membership's key in the management system, unique within its person.
    MembershipId by foreign;
    /// A CRM action type's key.
    ActionTypeId by foreign;
    /// A CRM outcome's key.
    OutcomeId by foreign;
    /// A class's key in the management system.
    ClassId by foreign;
    /// A class product's key in the management system.
    ClassProductId by foreign;
}

macro_rules! made_here {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }
        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> { text.parse().map(Self) }
        }
    )*};
}

made_here! {
    /// A passage: its event's id everywhere. UUID version 7, made where the passage is made.
    PassageId;
    /// A visit: the idempotency key everywhere. UUID version 7.
    VisitId;
    /// A CRM action. UUID version 7.
    CrmActionId;
    /// An alarm of a gate: its event's id everywhere. UUID version 7.
    AlarmId;
    /// A person's attendance of a class: the idempotency key everywhere. UUID version 7.
    AttendanceId;
}

/// A person's row in the store; never leaves the agent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PersonId(pub i64);

/// A row of the outbox, in the order of writing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct RowId(pub i64);

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

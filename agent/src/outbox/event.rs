//! A row of the outbox as receivers read it, whatever carries it: a CloudEvent in structured JSON; pure.
//!
//! The format is CloudEvents 1.0 (github.com/cloudevents/spec, JSON event format, structured mode): MQTT 3.1.1 has no
//! headers, so the attributes travel in the payload, and a webhook's body is the same.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::domain::{FactKind, GateId, OutboxRow, PassageTold, Person, ReaderId, SiteId, VisitTold};

/// The largest event told, in bytes. A snapshot has about 500.
pub const EVENT_BYTES_MAX: usize = 128 * 1024;

/// Who it was, for receivers that have no directory of their own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Named {
    first_name: String,
    last_name: String,
    member_number: String,
}

impl From<&Person> for Named {
    fn from(person: &Person) -> Self {
        Self {
            first_name: person.first_name.clone(),
            last_name: person.last_name.clone(),
            member_number: person.external_id.to_string(),
        }
    }
}

/// Why a row can never be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untranslatable {
    /// Its body is not what its kind has.
    #[error("reading the {0} of this row: {1}")]
    Unreadable(&'static str, String),
    /// Its kind is a mark for another upstream.
    #[error("a {0} is no event")]
    NoEvent(&'static str),
    /// It is too large.
    #[error("the event has {0} bytes, more than the {EVENT_BYTES_MAX} that are told")]
    TooLarge(usize),
}

#[derive(Serialize)]
struct CloudEvent<'a, D> {
    specversion: &'static str,
    id: &'a str,
    source: String,
    r#type: String,
    time: Timestamp,
    datacontenttype: &'static str,
    data: D,
}

#[derive(Serialize)]
struct WithNames<'a, D> {
    #[serde(flatten)]
    told: D,
    #[serde(flatten)]
    named: &'a Named,
}

/// Translates a row; `named` only where the configuration lets names travel.
///
/// # Errors
/// When the row is none that is told as an event, cannot be read, or is too large: no try will change that.
pub fn event(site: &SiteId, row: &OutboxRow, named: Option<&Named>) -> Result<Vec<u8>, Untranslatable> {
    let payload = match row.kind {
        FactKind::Visit => {
            let told: VisitTold = read(row)?;
            let source = source(site, Some(&told.reader), Some(&told.gate));
            envelope(row, source, told.started_at, &told, named)?
        }
        FactKind::Passage => {
            let told: PassageTold = read(row)?;
            let source = source(site, told.reader.as_ref(), Some(&told.gate));
            envelope(row, source, told.at, &told, named)?
        }
        FactKind::Attendance | FactKind::Alarm | FactKind::Answer => {
            let told: Value = read(row)?;
            let (reader, gate) = (field::<ReaderId>(&told, "reader"), field::<GateId>(&told, "gate"));
            let at = field(&told, "at").ok_or_else(|| unreadable(row, "it has no time in `at`"))?;
            envelope(row, source(site, reader.as_ref(), gate.as_ref()), at, &told, named)?
        }
        FactKind::Person
        | FactKind::Membership
        | FactKind::Groups
        | FactKind::Photo
        | FactKind::Badge
        | FactKind::Erasure
        | FactKind::Booking => {
            return Err(Untranslatable::NoEvent(row.kind.as_str()));
        }
    };
    if payload.len() > EVENT_BYTES_MAX {
        return Err(Untranslatable::TooLarge(payload.len()));
    }
    Ok(payload)
}

fn envelope(
    row: &OutboxRow,
    source: String,
    time: Timestamp,
    told: impl Serialize,
    named: Option<&Named>,
) -> Result<Vec<u8>, Untranslatable> {
    let r#type = format!("club.varco.{}.v1", row.kind.as_str());
    let (specversion, datacontenttype) = ("1.0", "application/json");
    let written = match named {
        None => {
            let data = told;
            serde_json::to_vec(&CloudEvent { specversion, id: &row.key, source, r#type, time, datacontenttype, data })
        }
        Some(named) => {
            let data = WithNames { told, named };
            serde_json::to_vec(&CloudEvent { specversion, id: &row.key, source, r#type, time, datacontenttype, data })
        }
    };
    written.map_err(|error| unreadable(row, error))
}

/// Where it happened, as exactly as is known.
fn source(site: &SiteId, reader: Option<&ReaderId>, gate: Option<&GateId>) -> String {
    match (reader, gate) {
        (Some(reader), _) => format!("/sites/{site}/readers/{reader}"),
        (None, Some(gate)) => format!("/sites/{site}/gates/{gate}"),
        (None, None) => format!("/sites/{site}"),
    }
}

fn read<T: DeserializeOwned>(row: &OutboxRow) -> Result<T, Untranslatable> {
    serde_json::from_str(&row.body).map_err(|error| unreadable(row, error))
}

fn field<T: DeserializeOwned>(told: &Value, name: &str) -> Option<T> {
    told.get(name).and_then(|value| serde_json::from_value(value.clone()).ok())
}

fn unreadable(row: &OutboxRow, why: impl std::fmt::Display) -> Untranslatable {
    Untranslatable::Unreadable(row.kind.as_str(), why.to_string())
}

#[cfg(test)]
mod tests;

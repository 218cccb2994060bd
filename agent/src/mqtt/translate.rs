//! A row of the outbox as the central system reads it: a topic and a CloudEvent in structured JSON; pure.
//!
//! The format is CloudEvents 1.0 (github.com/cloudevents/spec, JSON event format, structured mode): MQTT 3.1.1 has no
//! headers, so the attributes travel in the payload.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::topics::Topics;
use super::wire::PAYLOAD_BYTES_MAX;
use crate::domain::{FactKind, GateId, OutboxRow, PassageTold, Person, ReaderId, VisitTold};

/// What is published.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Publication {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
}

/// Who it was, for receivers that have no directory of their own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Named {
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

/// Why a row can never be published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Untranslatable {
    #[error("reading the {0} of this row: {1}")]
    Unreadable(&'static str, String),
    #[error("a {0} is no event for MQTT")]
    NoEvent(&'static str),
    #[error("the event has {0} bytes, more than the {PAYLOAD_BYTES_MAX} that are published")]
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
pub(super) fn translate(
    topics: &Topics,
    row: &OutboxRow,
    named: Option<&Named>,
) -> Result<Publication, Untranslatable> {
    let payload = match row.kind {
        FactKind::Visit => {
            let told: VisitTold = read(row)?;
            let source = source(topics, Some(&told.reader), Some(&told.gate));
            event(row, source, told.started_at, &told, named)?
        }
        FactKind::Passage => {
            let told: PassageTold = read(row)?;
            let source = source(topics, told.reader.as_ref(), Some(&told.gate));
            event(row, source, told.at, &told, named)?
        }
        FactKind::Attendance | FactKind::Alarm => {
            let told: Value = read(row)?;
            let (reader, gate) = (field::<ReaderId>(&told, "reader"), field::<GateId>(&told, "gate"));
            let at = field(&told, "at").ok_or_else(|| unreadable(row, "it has no time in `at`"))?;
            event(row, source(topics, reader.as_ref(), gate.as_ref()), at, &told, named)?
        }
        FactKind::Person | FactKind::Membership | FactKind::Groups => {
            return Err(Untranslatable::NoEvent(row.kind.as_str()));
        }
    };
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(Untranslatable::TooLarge(payload.len()));
    }
    Ok(Publication { topic: topics.fact(row.kind), payload })
}

fn event(
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
fn source(topics: &Topics, reader: Option<&ReaderId>, gate: Option<&GateId>) -> String {
    let site = &topics.site;
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

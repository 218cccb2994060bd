//! A member at the entry of a small club, ready to be changed by a test.

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::{GateCondition, Records, Reservations, decide};
use crate::domain::*;
use crate::visit::world::{policy, rome};

/// Everything `decide` looks at. Tuesday 10 March 2026, 09:00 in Milan; the member has one subscription.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) standing: Standing,
    pub(super) reader: Reader,
    pub(super) gate: GateCondition,
    pub(super) policy: Policy,
    pub(super) reserved: Reservations,
    pub(super) now: Timestamp,
}

impl Scene {
    pub(super) fn at(reader: &str) -> Self {
        let policy = policy();
        Self {
            standing: standing(1),
            reader: policy.readers[reader].clone(),
            gate: GateCondition { mode: GateMode::Normal, records: Records::Open },
            policy,
            reserved: Reservations::default(),
            now: rome("2026-03-10T09:00"),
        }
    }

    pub(super) fn decide(&self) -> Decision {
        self.decide_for(&Identified::Known(Box::new(self.standing.clone())))
    }

    pub(super) fn decide_for(&self, who: &Identified) -> Decision {
        decide(who, &self.reader, self.gate, &self.policy, &self.reserved, self.now)
    }
}

pub(super) fn standing(id: i64) -> Standing {
    Standing {
        id: PersonId(id),
        person: person(vec![subscription("S-1")]),
        credential: Some(Credential {
            value: "0415AB12CD".into(),
            kind: CredentialKind::Card,
            status: CredentialStatus::Active,
            valid_from: None,
            valid_until: None,
            aliases: Vec::new(),
        }),
        consumed: BTreeMap::new(),
        actions: Vec::new(),
        visit: None,
        presence: None,
        last_seen: None,
        bookings: Vec::new(),
        occupancy: BTreeMap::new(),
    }
}

fn person(memberships: Vec<Membership>) -> Person {
    let document = r#"{"external_id":"M-1001","first_name":"Anna","last_name":"Rossi"}"#;
    Person { memberships, ..serde_json::from_str(document).unwrap() }
}

pub(super) fn subscription(id: &str) -> Membership {
    serde_json::from_value(serde_json::json!({"id": id, "kind": "subscription"})).unwrap()
}

pub(super) fn punch_card(id: &str, entries_left: u32) -> Membership {
    serde_json::from_value(serde_json::json!({"id": id, "kind": "punch_card", "entries_left": entries_left})).unwrap()
}

pub(super) fn action(number: u128, access_action: AccessAction, message: Option<&str>) -> OpenAction {
    OpenAction {
        id: CrmActionId(Uuid::from_u128(number)),
        access_action,
        obsolete: false,
        device_types: Vec::new(),
        message: message.map(str::to_owned),
        due_on: None,
        valid_until: None,
        show_limit: None,
        shown: 0,
    }
}

pub(super) fn presence_in(zone: &str, since: &str) -> Presence {
    Presence { zone: zone.parse().unwrap(), since: rome(since) }
}

pub(super) fn passage(number: u128) -> PassageId {
    PassageId(Uuid::from_u128(number))
}

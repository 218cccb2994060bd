//! What the tests of these rules begin with: a club's rules, a member of whom all is known, and a moment.

use jiff::Zoned;
use serde_json::{Value, json};

use super::{GroupMaster, Mode, Rules, Selection};
use crate::domain::{FactKind, Person};

/// Rules under which members are told of everything that can be marked.
pub(super) fn rules() -> Rules {
    use FactKind::{Badge, Groups, Membership, Photo, Visit};
    Rules {
        mode: Mode::Automatic,
        send: vec![FactKind::Person, Membership, Groups, Photo, Badge, Visit],
        takes_back: Vec::new(),
        group_ids: [("Gold".to_owned(), 12)].into(),
        group_master: GroupMaster::On,
        email_required: true,
        gender_required: true,
        selection: Selection::Members,
    }
}

/// A member of the group Gold, without photo and badge.
pub(super) fn anna() -> Person {
    anna_with(&json!({}))
}

/// The same with changes to the document.
pub(super) fn anna_with(changes: &Value) -> Person {
    let mut document = json!({"external_id": "M-1", "first_name": "Anna", "last_name": "Rossi", "gender": "F",
        "birth_date": "1990-04-12", "email": "anna@example.org", "groups": ["Gold"],
        "memberships": [{"id": "S-1", "kind": "subscription", "gives_membership": true}]});
    document.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    serde_json::from_value(document).unwrap()
}

/// A moment at a club in Rome.
pub(super) fn at(moment: &str) -> Zoned {
    moment.parse::<jiff::Timestamp>().unwrap().in_tz("Europe/Rome").unwrap()
}

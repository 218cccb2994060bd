//! The people of these stories: documents as a management system sends them, with names that stand nowhere else.

use serde_json::{Value, json};

/// A member with a subscription that holds for years.
pub(crate) fn member(id: &str, badge: &str) -> Value {
    json!({
        "external_id": id, "first_name": format!("Fiammetta-{id}"), "last_name": format!("Quarantotti-{id}"),
        "birth_date": "1990-04-12", "gender": "F",
        "email": format!("{}@posta.example", id.to_lowercase()), "mobile": format!("+39 333 55 {id}"),
        "language": "it", "allow_sync": true, "allow_activity_sync": true,
        "credentials": [{ "value": badge, "kind": "card", "status": "active" }],
        "memberships": [{
            "id": format!("S-{id}"), "product": "Gold 12 mesi", "kind": "subscription", "gives_membership": true,
            "starts_on": "2020-01-01", "ends_on": "2099-12-31", "charged_until": "2099-12-31", "zones": ["gym"],
        }],
    })
}

/// Somebody with a punch card and nothing else, counted at `as_of`.
pub(crate) fn with_punch_card(id: &str, badge: &str, entries_left: u32, as_of: &str) -> Value {
    let mut person = member(id, badge);
    person["memberships"] = json!([{
        "id": format!("C-{id}"), "product": "Carnet", "kind": "punch_card", "gives_membership": false,
        "starts_on": "2020-01-01", "ends_on": "2099-12-31", "entries_left": entries_left, "entries_as_of": as_of,
    }]);
    person
}

/// A member who must stay out.
pub(crate) fn banned(id: &str, badge: &str) -> Value {
    let mut person = member(id, badge);
    person["ban"] = json!({ "until": null, "reason": "damage" });
    person
}

/// What must never leave the store for a log: names, addresses, numbers and cards of a document.
pub(crate) fn secrets_of(person: &Value) -> Vec<String> {
    let texts = ["first_name", "last_name", "email", "mobile", "birth_date"];
    let texts = texts.into_iter().filter_map(|field| person[field].as_str());
    let cards = person["credentials"].as_array().into_iter().flatten().filter_map(|card| card["value"].as_str());
    texts.chain(cards).map(str::to_owned).collect()
}

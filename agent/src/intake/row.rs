//! What a row of a spreadsheet makes of a person: a field without a column stays as it is, an empty cell clears its field.
//!
//! A sheet knows one membership and one due of each person, and of a card no more than its value. What it cannot say
//! stays: hours and freezes, other memberships and dues, whether a card is lost, and until when it is valid.

use serde_json::{Map, Value};

use super::document::from_json;
use super::person::CheckedPerson;
use super::refused::{Cause, Findings, Refused};
use crate::domain::{Credential, CredentialKind, CredentialStatus, ExternalId, Now, Person, Policy, read_alike};

/// The parts of a document of which a sheet knows one each, and how their columns begin.
const ONE_OF_SEVERAL: [(&str, &str); 2] = [("memberships", "membership"), ("dues", "due")];

/// What the cells of a row say of a person. Absent: there is no such column; null: its cell is empty.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Row {
    external_id: ExternalId,
    cells: Map<String, Value>,
}

impl Row {
    /// Checks the cells as far as they can be without what is stored.
    ///
    /// # Errors
    /// With what is wrong, and of whom if that could be read.
    pub(super) fn new(
        cells: Map<String, Value>,
        policy: &Policy,
        now: Now,
    ) -> Result<Self, (Option<ExternalId>, Refused)> {
        named(&cells).map_err(|refused| (None, refused))?;
        let (alone, _) = onto(&of_somebody_new(&cells), None).map_err(|refused| (None, refused))?;
        let external_id = alone.external_id.clone();
        match CheckedPerson::new(alone, policy, now) {
            Ok(_) => Ok(Self { external_id, cells }),
            Err(refused) => Err((Some(external_id), refused)),
        }
    }

    /// Whose row it is.
    pub(super) fn external_id(&self) -> &ExternalId {
        &self.external_id
    }

    /// The document that it makes of the stored one.
    ///
    /// # Errors
    /// When they do not go together.
    pub(super) fn checked(&self, stored: Option<Person>, policy: &Policy, now: Now) -> Result<CheckedPerson, Refused> {
        let (person, found) = onto(&self.cells, stored)?;
        Ok(CheckedPerson::new(person, policy, now)?.warned_of(found.settle()?))
    }
}

/// What stands beside an empty id belongs to nothing.
fn named(cells: &Map<String, Value>) -> Result<(), Refused> {
    let mut found = Findings::default();
    for (field, column) in ONE_OF_SEVERAL {
        let Some(Value::Object(one)) = cells.get(field) else { continue };
        if is_empty(one.get("id")) && one.values().any(|cell| !cell.is_null()) {
            found.refuse(format!("{column}.id"), "is empty, so that what stands beside it belongs to nothing");
        }
    }
    found.settle().map(drop)
}

/// The cells of a sheet that leaves to what is stored of which kind a membership is.
fn of_somebody_new(cells: &Map<String, Value>) -> Map<String, Value> {
    let mut cells = cells.clone();
    if let Some(Value::Object(membership)) = cells.get_mut("memberships")
        && !membership.contains_key("kind")
    {
        membership.insert("kind".to_owned(), "subscription".into());
    }
    cells
}

fn onto(cells: &Map<String, Value>, stored: Option<Person>) -> Result<(Person, Findings), Refused> {
    let (mut cards, mut photo, mut document) = (Vec::new(), None, Map::new());
    if let Some(mut stored) = stored {
        // Large, and in no cell.
        photo = stored.photo.take();
        cards = std::mem::take(&mut stored.credentials);
        document = match serde_json::to_value(stored) {
            Ok(Value::Object(document)) => document,
            _ => return Err(Refused::one(Cause::Broken, ".", "what is stored of this person cannot be read")),
        };
    }
    let mut found = Findings::default();
    for (field, said) in cells.iter().filter(|(field, _)| *field != "credentials") {
        let known = document.remove(field);
        let column = ONE_OF_SEVERAL.iter().find(|(list, _)| list == field).map(|(_, column)| *column);
        let becomes = match column {
            Some(column) => Some(one_of_several(known, said, column, &mut found)?),
            None => merged(known, said),
        };
        document.extend(becomes.map(|value| (field.clone(), value)));
    }
    let mut person: Person = from_json(Value::Object(document))?;
    person.photo = photo;
    person.credentials = cells.get("credentials").map_or(cards.clone(), |listed| in_use(cards, listed, &mut found));
    Ok((person, found))
}

/// A field, or the parts of one of which there are columns. None: nothing is left of it.
fn merged(known: Option<Value>, said: &Value) -> Option<Value> {
    let Value::Object(parts) = said else { return Some(said.clone()).filter(|said| !said.is_null()) };
    let mut whole = match known {
        Some(Value::Object(whole)) => whole,
        _ => Map::new(),
    };
    if parts.contains_key("entries_left") {
        // A number is of its own date, never of an older number's.
        whole.remove("entries_as_of");
    }
    for (name, part) in parts {
        whole.remove(name);
        whole.extend((!part.is_null()).then(|| (name.clone(), part.clone())));
    }
    whole.values().any(|part| !part.is_null()).then_some(Value::Object(whole))
}

/// The list with the one that the row knows. While there is no more than one here, the row says which it is or that
/// there is none; of several it takes none away.
fn one_of_several(known: Option<Value>, said: &Value, column: &str, found: &mut Findings) -> Result<Value, Refused> {
    let mut all = match known {
        Some(Value::Array(all)) => all,
        _ => Vec::new(),
    };
    if is_empty(said.get("id")) {
        if all.len() > 1 {
            let why = "a spreadsheet takes none of several away; say which over the API";
            found.warn(format!("{column}.id"), format!("is empty, and there are {} here: {why}", all.len()));
        } else {
            all.clear();
        }
        return Ok(all.into());
    }
    if let Some(same) = all.iter_mut().find(|one| one.get("id") == said.get("id")) {
        *same = merged(Some(same.take()), said).unwrap_or_default();
        return Ok(all.into());
    }
    if column == "membership" && is_empty(said.get("kind")) {
        let when = if said.get("kind").is_some() { "is empty" } else { "is required of a membership not known here" };
        let why = format!("{when}; write subscription or punch_card");
        return Err(Refused::one(Cause::Invalid, "membership.kind", why));
    }
    if let ([only], "membership") = (&all[..], column) {
        let only = only.get("id").and_then(Value::as_str).unwrap_or_default();
        found.warn("membership.id", format!("takes the place of {only}, which was the only one"));
    }
    if all.len() == 1 {
        all.clear();
    }
    all.extend(merged(None, said));
    Ok(all.into())
}

fn is_empty(cell: Option<&Value>) -> bool {
    cell.is_none_or(Value::is_null)
}

/// The cards listed, each as it is known here, and those that were lost or withdrawn: a sheet cannot say of a card that
/// it is, so that it does not say that it is not.
fn in_use(mut known: Vec<Credential>, listed: &Value, found: &mut Findings) -> Vec<Credential> {
    let mut cards: Vec<Credential> = Vec::new();
    for value in listed.as_array().into_iter().flatten().filter_map(Value::as_str) {
        let is_it = |card: &Credential| {
            read_alike(&card.value, value) || card.aliases.iter().any(|alias| read_alike(alias, value))
        };
        if cards.iter().any(is_it) {
            continue;
        }
        let Some(at) = known.iter().position(is_it) else {
            cards.push(card(value));
            continue;
        };
        let card = known.remove(at);
        if let Some(word) = out_of_use(card.status) {
            let why = format!("a card listed here is marked {word} and stays so; say otherwise over the API");
            found.warn("credentials", why);
        }
        cards.push(card);
    }
    cards.extend(known.into_iter().filter(|card| out_of_use(card.status).is_some()));
    cards
}

fn out_of_use(status: CredentialStatus) -> Option<&'static str> {
    match status {
        CredentialStatus::Active => None,
        CredentialStatus::Lost => Some("lost"),
        CredentialStatus::Revoked => Some("revoked"),
    }
}

fn card(value: &str) -> Credential {
    Credential {
        value: value.to_owned(),
        kind: CredentialKind::default(),
        status: CredentialStatus::default(),
        valid_from: None,
        valid_until: None,
        aliases: Vec::new(),
    }
}

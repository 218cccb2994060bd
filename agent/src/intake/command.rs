//! What the central system can have done: the documents of the API, each under a name, whatever carried them here.

use std::fmt::Display;
use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;

use super::classes::{self, Booking, NewAttendance, NewBooking, NewClass, NewProduct, Ticking, Written};
use super::crm::{self, ActionWritten, AdvanceAction, Advancing, NewAction};
use super::document::from_json;
use super::person::CheckedPerson;
use super::put::{Remote, erase_person, put_person};
use super::refused::{Cause, Problem, Refused};
use crate::domain::{
    ActionType, ActionTypeId, ClassId, ClassProductId, CrmActionId, ExternalId, LanePlan, Membership, Now, Outcome,
    OutcomeId, Policy, TickedBy,
};
use crate::store::{StoreError, Tx};

/// Who ticked off, when the central system did.
const OPERATOR: &str = "central system";

/// The names of all commands.
pub const COMMANDS: [&str; 11] = [
    "person",
    "person/delete",
    "membership",
    "crm/outcome",
    "crm/action-type",
    "crm/action",
    "crm/action/advance",
    "class/product",
    "class",
    "class/booking",
    "class/attendance",
];

/// Something to be done.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// `person`: write a person down.
    PutPerson(Box<CheckedPerson>),
    /// `person/delete`: erase one.
    ErasePerson(ExternalId),
    /// `membership`: write one membership of a person down; the others stay.
    PutMembership(ExternalId, Box<Membership>),
    /// `crm/outcome`.
    PutOutcome(OutcomeId, Outcome),
    /// `crm/action-type`.
    PutActionType(ActionTypeId, Box<ActionType>),
    /// `crm/action`: make one.
    NewAction(NewAction),
    /// `crm/action/advance`: take one further.
    Advance(CrmActionId, AdvanceAction),
    /// `class/product`.
    PutClassProduct(ClassProductId, NewProduct),
    /// `class`.
    PutClass(ClassId, NewClass),
    /// `class/booking`.
    PutBooking(ClassId, ExternalId, NewBooking),
    /// `class/attendance`: tick somebody off.
    TickOff(ClassId, NewAttendance),
}

/// A membership and whose it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneMembership {
    person: ExternalId,
    membership: Membership,
}

/// What obeying needs to know beside the command.
#[derive(Clone, Copy, Debug)]
pub struct Means<'a> {
    /// The policy in force.
    pub policy: &'a Policy,
    /// Who is told of attendance.
    pub lanes: &'a [LanePlan],
    /// When it is done.
    pub now: Now,
    /// The id of a CRM action it may make, made before the transaction, so that a repeated one makes the same.
    pub fresh: CrmActionId,
}

/// What came of a command that was obeyed.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Obeyed {
    /// Whether what was written is new here.
    pub created: Option<bool>,
    /// The CRM action made or taken further.
    pub action: Option<CrmActionId>,
    /// What is odd about it.
    pub warnings: Vec<Problem>,
}

impl From<Written> for Obeyed {
    fn from(Written { created, warnings }: Written) -> Self {
        Self { created: Some(created), warnings, ..Self::default() }
    }
}

impl Command {
    /// Reads a command's document by the command's name.
    ///
    /// # Errors
    /// When there is no such command, or with the fields that are wrong.
    pub fn read(name: &str, mut data: Value, policy: &Policy, now: Now) -> Result<Self, Refused> {
        Ok(match name {
            "person" => Self::PutPerson(Box::new(CheckedPerson::new(from_json(data)?, policy, now)?)),
            "person/delete" => Self::ErasePerson(alone(data, "external_id")?),
            "membership" => {
                let OneMembership { person, membership } = from_json(data)?;
                Self::PutMembership(person, Box::new(membership))
            }
            "crm/outcome" => Self::PutOutcome(take(&mut data, "id")?, from_json(data)?),
            "crm/action-type" => Self::PutActionType(take(&mut data, "id")?, Box::new(from_json(data)?)),
            "crm/action" => Self::NewAction(from_json(data)?),
            "crm/action/advance" => Self::Advance(take(&mut data, "id")?, from_json(data)?),
            "class/product" => Self::PutClassProduct(take(&mut data, "id")?, from_json(data)?),
            "class" => Self::PutClass(take(&mut data, "id")?, from_json(data)?),
            "class/booking" => {
                let (class, person) = (take(&mut data, "class")?, take(&mut data, "person")?);
                Self::PutBooking(class, person, from_json(data)?)
            }
            "class/attendance" => Self::TickOff(take(&mut data, "class")?, from_json(data)?),
            _ => return Err(Refused::one(Cause::Unknown, "type", "there is no such command")),
        })
    }

    /// The person it is about, if it names one.
    #[must_use]
    pub fn person(&self) -> Option<&ExternalId> {
        match self {
            Self::PutPerson(person) => Some(&person.person().external_id),
            Self::ErasePerson(person) | Self::PutMembership(person, _) | Self::PutBooking(_, person, _) => Some(person),
            Self::NewAction(action) => Some(&action.person),
            Self::TickOff(_, attendance) => Some(&attendance.person),
            Self::PutOutcome(..)
            | Self::PutActionType(..)
            | Self::Advance(..)
            | Self::PutClassProduct(..)
            | Self::PutClass(..) => None,
        }
    }
}

/// Does what a command says, as the API does it. Refused: nothing was written.
///
/// # Errors
/// When the store cannot.
pub fn obey(tx: &Tx<'_>, command: &Command, means: Means<'_>) -> Result<Result<Obeyed, Refused>, StoreError> {
    let now = means.now.wall;
    let created = |created| Obeyed { created: Some(created), ..Obeyed::default() };
    Ok(match command {
        Command::PutPerson(person) => put(tx, person, means)?,
        Command::ErasePerson(person) => {
            if erase_person(tx, person, Remote::Stays, now)?.is_some() {
                Ok(Obeyed::default())
            } else {
                Err(nobody(person))
            }
        }
        Command::PutMembership(person, membership) => put_membership(tx, person, membership, means)?,
        Command::PutOutcome(id, outcome) => crm::put_outcome(tx, id, outcome.clone())?.map(created),
        Command::PutActionType(id, action_type) => {
            crm::put_action_type(tx, id, ActionType::clone(action_type))?.map(created)
        }
        Command::NewAction(wanted) => {
            let made = crm::new_action(tx, wanted, means.fresh, means.now)?;
            made.map(|made| Obeyed { created: Some(true), ..acted(made) })
        }
        Command::Advance(id, wanted) => advanced(*id, crm::advance_action(tx, *id, wanted, means.fresh, means.now)?),
        Command::PutClassProduct(id, new) => classes::put_class_product(tx, id, new.clone(), now)?.map(Obeyed::from),
        Command::PutClass(id, new) => classes::put_class(tx, id, new.clone(), means.policy, now)?.map(Obeyed::from),
        Command::PutBooking(class, person, new) => match classes::put_booking(tx, class, person, new, now)? {
            Booking::NoSuchClass => Err(unknown("class", "class", class)),
            Booking::NoSuchPerson => Err(nobody(person)),
            Booking::Done { created: is_new } => Ok(created(is_new)),
        },
        Command::TickOff(class, new) => {
            let by = (TickedBy::Api, OPERATOR);
            match classes::tick_off(tx, class, new, by, means.now, means.lanes)? {
                Ticking::NoSuchClass => Err(unknown("class", "class", class)),
                Ticking::ClassCancelled => {
                    Err(Refused::one(Cause::Conflict, "class", format!("class {class} is cancelled")))
                }
                Ticking::Refused(refused) => Err(refused),
                Ticking::Already(_) => Ok(created(false)),
                Ticking::Done(_) => Ok(created(true)),
            }
        }
    })
}

fn put(tx: &Tx<'_>, person: &CheckedPerson, means: Means<'_>) -> Result<Result<Obeyed, Refused>, StoreError> {
    let put = put_person(tx, person, means.now.wall)?;
    Ok(put.map(|put| Obeyed { created: Some(put.created), warnings: put.warnings, ..Obeyed::default() }))
}

/// The document as it stands, with one membership written in place of the one of its id, or beside the others.
fn put_membership(
    tx: &Tx<'_>,
    person: &ExternalId,
    membership: &Membership,
    means: Means<'_>,
) -> Result<Result<Obeyed, Refused>, StoreError> {
    let Some(stored) = tx.person(person)? else { return Ok(Err(nobody(person))) };
    let mut person = stored.person;
    let known = person.memberships.iter_mut().find(|known| known.id == membership.id);
    let is_new = known.is_none();
    match known {
        Some(known) => *known = membership.clone(),
        None => person.memberships.push(membership.clone()),
    }
    let checked = match CheckedPerson::new(person, means.policy, means.now) {
        Ok(checked) => checked,
        Err(refused) => return Ok(Err(refused)),
    };
    let put = put(tx, &checked, means)?;
    Ok(put.map(|obeyed| Obeyed { created: Some(is_new), ..obeyed }))
}

fn advanced(id: CrmActionId, advancing: Advancing) -> Result<Obeyed, Refused> {
    match advancing {
        Advancing::Done(written) => Ok(acted(*written)),
        Advancing::Unknown => Err(unknown("id", "CRM action", id)),
        Advancing::Refused(refused) => Err(refused),
        Advancing::Conflict(why) => Err(Refused::one(Cause::Conflict, "id", why.to_string())),
    }
}

fn acted(ActionWritten { action, warnings }: ActionWritten) -> Obeyed {
    Obeyed { action: Some(action.id), warnings, created: None }
}

fn nobody(person: &ExternalId) -> Refused {
    unknown("person", "person", person)
}

fn unknown(path: &str, what: &str, id: impl Display) -> Refused {
    Refused::one(Cause::Unknown, path, format!("there is no {what} {id}"))
}

/// Takes an id out of a document, which in the API stands in the address.
fn take<T: FromStr<Err: Display>>(data: &mut Value, field: &'static str) -> Result<T, Refused> {
    let refuse = |why: String| Refused::one(Cause::Invalid, field, why);
    let taken = data.as_object_mut().and_then(|object| object.remove(field));
    match taken {
        Some(Value::String(text)) => text.parse().map_err(|why: T::Err| refuse(why.to_string())),
        Some(_) => Err(refuse("is no text".into())),
        None => Err(refuse("is required".into())),
    }
}

/// A document that is an id and nothing else.
fn alone<T: FromStr<Err: Display>>(mut data: Value, field: &'static str) -> Result<T, Refused> {
    let id = take(&mut data, field)?;
    match data.as_object().and_then(|rest| rest.keys().next()) {
        None => Ok(id),
        Some(more) => Err(Refused::one(Cause::Invalid, more.as_str(), format!("is not known here; send {field} only"))),
    }
}

//! Writing CRM down: outcomes, action types, new actions, and taking actions further.

use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::crm::{self, Advance};
use crate::domain::{
    ActionRecord, ActionStatus, ActionType, ActionTypeId, AdvanceMode, ClockQuality, CrmActionId, ExternalId, Now,
    Outcome, OutcomeId,
};
use crate::store::{StoreError, Tx, View};

use super::refused::{Findings, Problem, Refused};
use super::wording::{LONG_CHARS_MAX, NAME_CHARS_MAX, SHORT_CHARS_MAX, optional, required};

/// Longest message shown to members, in characters: a page on a wall shows it; a 2×16 display the beginning.
const MESSAGE_CHARS_MAX: usize = 300;
/// Most outcomes and device types of an action type.
const LIST_MAX: usize = 100;

/// A CRM action to be made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAction {
    /// Whose it is.
    pub person: ExternalId,
    /// Its type; the default type if absent.
    #[serde(default, rename = "type")]
    pub action_type: Option<ActionTypeId>,
    /// Who deals with it.
    pub operator: String,
    /// What is to be done, for operators.
    pub text: String,
    /// By when.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub due_on: Option<civil::Date>,
    /// The purpose under data protection law.
    #[serde(default)]
    pub purpose: Option<String>,
    /// Not acting at gates after this moment.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_until: Option<Timestamp>,
    /// Its message is shown at most so many times; a block is never limited.
    #[serde(default)]
    pub show_limit: Option<u32>,
}

/// How an action is taken further.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdvanceAction {
    /// In which of three ways.
    pub mode: AdvanceMode,
    /// Its outcome, one of those of its type.
    pub outcome: OutcomeId,
    /// What was said; with `close_with_history` only, and required there.
    #[serde(default)]
    pub note: Option<String>,
    /// What is to be done next; with `continue` only, and required there.
    #[serde(default)]
    pub next: Option<NextAction>,
}

/// The action that follows another, for the same person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NextAction {
    /// Its type; that of the action it follows if absent.
    #[serde(default, rename = "type")]
    pub action_type: Option<ActionTypeId>,
    /// Who deals with it; who dealt with the action it follows if absent.
    #[serde(default)]
    pub operator: Option<String>,
    /// What is to be done, for operators.
    pub text: String,
    /// By when.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub due_on: Option<civil::Date>,
    /// The purpose under data protection law; that of the action it follows if absent.
    #[serde(default)]
    pub purpose: Option<String>,
    /// Not acting at gates after this moment.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_until: Option<Timestamp>,
    /// Its message is shown at most so many times.
    #[serde(default)]
    pub show_limit: Option<u32>,
}

/// Writes an outcome down; true if new.
///
/// # Errors
/// When the store cannot.
pub fn put_outcome(tx: &Tx<'_>, id: &OutcomeId, mut outcome: Outcome) -> Result<Result<bool, Refused>, StoreError> {
    let mut found = Findings::default();
    required(&mut outcome.name, "name", NAME_CHARS_MAX, &mut found);
    match found.settle() {
        Err(refused) => Ok(Err(refused)),
        Ok(_) => tx.put_outcome(id, &outcome).map(Ok),
    }
}

/// Writes an action type down; true if new. A new default takes the mark from the old one.
///
/// # Errors
/// When the store cannot.
pub fn put_action_type(
    tx: &Tx<'_>,
    id: &ActionTypeId,
    mut action_type: ActionType,
) -> Result<Result<bool, Refused>, StoreError> {
    let mut found = Findings::default();
    tidy_type(&mut action_type, &mut found);
    for (at, outcome) in action_type.outcomes.iter().enumerate() {
        if tx.outcome(outcome)?.is_none() {
            found.refuse(format!("outcomes[{at}]"), format!("there is no outcome {outcome}; put it first"));
        }
    }
    match found.settle() {
        Err(refused) => Ok(Err(refused)),
        Ok(_) => tx.put_action_type(id, &action_type).map(Ok),
    }
}

fn tidy_type(it: &mut ActionType, found: &mut Findings) {
    required(&mut it.name, "name", NAME_CHARS_MAX, found);
    optional(&mut it.description, "description", LONG_CHARS_MAX, found);
    optional(&mut it.message, "message", MESSAGE_CHARS_MAX, found);
    optional(&mut it.colour, "colour", SHORT_CHARS_MAX, found);
    if it.colour.as_deref().is_some_and(|colour| !is_colour(colour)) {
        found.refuse("colour", "is no colour; write #rrggbb, such as #cc0000");
    }
    if it.default && it.obsolete {
        found.refuse("default", "an obsolete type cannot be the default");
    }
    for (at, device_type) in it.device_types.iter_mut().enumerate() {
        required(device_type, &format!("device_types[{at}]"), SHORT_CHARS_MAX, found);
    }
    if it.device_types.len() > LIST_MAX || it.outcomes.len() > LIST_MAX {
        found.refuse(".", format!("at most {LIST_MAX} outcomes and device types are taken"));
    }
    let mut seen = std::collections::HashSet::new();
    it.outcomes.retain(|outcome| seen.insert(outcome.clone()));
}

fn is_colour(text: &str) -> bool {
    text.strip_prefix('#').is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// An action that was made or taken further.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ActionWritten {
    /// The action as it is now.
    pub action: ActionRecord,
    /// What is odd about what was written.
    pub warnings: Vec<Problem>,
}

/// Makes an action under an id made by the caller, so that a repeated transaction makes the same one.
///
/// # Errors
/// When the store cannot.
pub fn new_action(
    tx: &Tx<'_>,
    wanted: &NewAction,
    id: CrmActionId,
    now: Now,
) -> Result<Result<ActionWritten, Refused>, StoreError> {
    let mut found = Findings::default();
    let person = tx.person_id(&wanted.person)?;
    if person.is_none() {
        found.refuse("person", format!("there is no person {}", wanted.person));
    }
    let drafted = draft(tx, wanted, id, now, &mut found)?;
    match (found.settle(), drafted, person) {
        (Ok(warnings), Some((action, _)), Some(person)) => {
            tx.insert_action(&action, person).map(|()| Ok(ActionWritten { action, warnings }))
        }
        (Err(refused), ..) => Ok(Err(refused)),
        (Ok(_), ..) => unreachable!("whatever is missing was noted as a problem"),
    }
}

/// What came of taking an action further.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Advancing {
    /// It was taken further.
    Done(Box<ActionWritten>),
    /// There is no such action.
    Unknown,
    /// The document is wrong.
    Refused(Refused),
    /// The action is not in a state to be advanced so.
    Conflict(crm::Refused),
}

/// Takes an action further; a next action gets `next_id`.
///
/// # Errors
/// When the store cannot.
pub fn advance_action(
    tx: &Tx<'_>,
    id: CrmActionId,
    wanted: &AdvanceAction,
    next_id: CrmActionId,
    now: Now,
) -> Result<Advancing, StoreError> {
    let Some(action) = tx.action(id)? else { return Ok(Advancing::Unknown) };
    let mut found = Findings::default();
    let outcome = tx.outcome(&wanted.outcome)?;
    if outcome.is_none() {
        found.refuse("outcome", format!("there is no outcome {}", wanted.outcome));
    }
    let how = how(tx, &action, wanted, next_id, now, &mut found)?;
    let action_type = tx.action_type(&action.action_type)?;
    let (warnings, how, outcome) = match (found.settle(), how, outcome) {
        (Err(refused), ..) => return Ok(Advancing::Refused(refused)),
        (Ok(warnings), Some(how), Some(outcome)) => (warnings, how, outcome),
        (Ok(_), ..) => unreachable!("whatever is missing was noted as a problem"),
    };
    let Some(action_type) = action_type else {
        let what = format!("the type of action {id}");
        return Err(StoreError::Unreadable { what, why: "it is not there".to_owned() });
    };
    match crm::advance(&action, &action_type, (&wanted.outcome, &outcome), how) {
        Err(refused) => Ok(Advancing::Conflict(refused)),
        Ok(advanced) => written(tx, advanced, warnings),
    }
}

fn written(tx: &Tx<'_>, advanced: crm::Advanced, warnings: Vec<Problem>) -> Result<Advancing, StoreError> {
    if let Some(next) = &advanced.next
        && let Some(person) = &next.person
        && let Some(person) = tx.person_id(person)?
    {
        tx.insert_action(next, person)?;
    }
    tx.update_action(&advanced.action)?;
    Ok(Advancing::Done(Box::new(ActionWritten { action: advanced.action, warnings })))
}

/// The mode with what it needs; what stands there without being asked for is a mistake worth telling.
fn how(
    view: &View<'_>,
    action: &ActionRecord,
    wanted: &AdvanceAction,
    next_id: CrmActionId,
    now: Now,
    found: &mut Findings,
) -> Result<Option<Advance>, StoreError> {
    if wanted.note.is_some() && wanted.mode != AdvanceMode::CloseWithHistory {
        found.refuse("note", "is taken with mode close_with_history only");
    }
    if wanted.next.is_some() && wanted.mode != AdvanceMode::Continue {
        found.refuse("next", "is taken with mode continue only");
    }
    Ok(match (wanted.mode, &wanted.next) {
        (AdvanceMode::Close, _) => Some(Advance::Close),
        (AdvanceMode::CloseWithHistory, _) => {
            let mut note = wanted.note.clone().unwrap_or_default();
            required(&mut note, "note", LONG_CHARS_MAX, found);
            Some(Advance::CloseWithHistory { note })
        }
        (AdvanceMode::Continue, Some(next)) => follow(view, action, next, next_id, now, found)?,
        (AdvanceMode::Continue, None) => {
            found.refuse("next", "is required with mode continue");
            None
        }
    })
}

fn follow(
    view: &View<'_>,
    action: &ActionRecord,
    next: &NextAction,
    next_id: CrmActionId,
    now: Now,
    found: &mut Findings,
) -> Result<Option<Advance>, StoreError> {
    let Some(person) = action.person.clone() else {
        found.refuse("next", "the person of this action was erased");
        return Ok(None);
    };
    let next = next.clone();
    let wanted = NewAction {
        person,
        action_type: Some(next.action_type.unwrap_or_else(|| action.action_type.clone())),
        operator: next.operator.unwrap_or_else(|| action.operator.clone()),
        text: next.text,
        due_on: next.due_on,
        purpose: next.purpose.or_else(|| action.purpose.clone()),
        valid_until: next.valid_until,
        show_limit: next.show_limit,
    };
    let mut within = Findings::default();
    let drafted = draft(view, &wanted, next_id, now, &mut within)?;
    found.take_under("next", within);
    Ok(drafted.map(|(next, next_type)| Advance::Continue { next: Box::new(next), next_type: Box::new(next_type) }))
}

/// An action as it would be stored, with its type. None: a problem was noted.
fn draft(
    view: &View<'_>,
    wanted: &NewAction,
    id: CrmActionId,
    now: Now,
    found: &mut Findings,
) -> Result<Option<(ActionRecord, ActionType)>, StoreError> {
    let mut wanted = wanted.clone();
    required(&mut wanted.operator, "operator", NAME_CHARS_MAX, found);
    required(&mut wanted.text, "text", LONG_CHARS_MAX, found);
    optional(&mut wanted.purpose, "purpose", SHORT_CHARS_MAX, found);
    if wanted.show_limit == Some(0) {
        found.refuse("show_limit", "must be at least 1; leave it out for no limit");
    }
    // Taken none the less: a management system that brings its history brings such actions too.
    if now.quality != ClockQuality::Untrusted && wanted.valid_until.is_some_and(|until| until < now.wall) {
        found.warn("valid_until", "lies in the past: this action acts at no gate");
    }
    let Some((type_id, action_type)) = usable_type(view, wanted.action_type.as_ref(), found)? else {
        return Ok(None);
    };
    Ok(Some((record(wanted, type_id, id, now.wall), action_type)))
}

fn record(wanted: NewAction, action_type: ActionTypeId, id: CrmActionId, now: Timestamp) -> ActionRecord {
    ActionRecord {
        id,
        person: Some(wanted.person),
        action_type,
        operator: wanted.operator,
        text: wanted.text,
        due_on: wanted.due_on,
        purpose: wanted.purpose,
        valid_until: wanted.valid_until,
        show_limit: wanted.show_limit,
        outcome: None,
        status: ActionStatus::Open,
        created_at: now,
        next: None,
        note: None,
        shown: Vec::new(),
    }
}

/// The type asked for, or the default type, if new actions can be made of it.
fn usable_type(
    view: &View<'_>,
    asked: Option<&ActionTypeId>,
    found: &mut Findings,
) -> Result<Option<(ActionTypeId, ActionType)>, StoreError> {
    let Some(id) = asked else {
        let default = view.action_types()?.into_iter().find(|(_, action_type)| action_type.default);
        if default.is_none() {
            found.refuse("type", "is required: no action type is the default");
        }
        return Ok(default);
    };
    let action_type = view.action_type(id)?;
    match &action_type {
        None => found.refuse("type", format!("there is no action type {id}")),
        Some(action_type) if action_type.obsolete => found.refuse("type", format!("action type {id} is obsolete")),
        Some(_) => {}
    }
    Ok(action_type.map(|action_type| (id.clone(), action_type)))
}

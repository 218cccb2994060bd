//! Makes the calls of the contract and believes an answer only when its result says that it was done.

use jiff::Timestamp;
use serde_json::Value;

use super::actions::Filled;
use super::answer::{self, Failure};
use super::client::{CallError, Client, Permit};
use super::wire::{Action, CreateBody, DeleteBody, LookUpBody, MembershipBody, UpdateBody, VisitBody};
use crate::store::Link;
use crate::sync::{CANDIDATES_MAX, Candidate};

/// Longest permanent token kept; they are opaque, and those seen have under a hundred characters.
const PERMANENT_TOKEN_BYTES_MAX: usize = 1024;

/// Longest e-mail address kept of a candidate: no valid one is longer.
const EMAIL_CHARS_MAX: usize = 254;

/// What came of making or matching a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Creation {
    /// One person there is the one.
    Linked {
        /// Their ids.
        link: Link,
        /// `Created` or `MatchFound`.
        how: String,
    },
    /// Several could be. Which one is for a person to say, never for us.
    Ambiguous {
        /// How many.
        count: usize,
        /// Those of them that can be chosen.
        candidates: Vec<Candidate>,
    },
}

/// Tells a visit.
pub(super) async fn visit(client: &mut Client, permit: Permit, user: &str, body: &VisitBody) -> Result<(), CallError> {
    let action = Action::Visit { user };
    let data = client.call(permit, action, body).await?;
    succeeded(action, &data)
}

/// Makes or matches a person.
pub(super) async fn create(
    client: &mut Client,
    permit: Permit,
    body: &CreateBody,
    now: Timestamp,
) -> Result<Creation, CallError> {
    let data = client.call(permit, Action::Create, body).await?;
    let refused = |why: String| CallError::Call { action: Action::Create.name(), failure: Failure::Refused(why) };
    match answer::result(&data) {
        Some(how @ ("Created" | "MatchFound" | "AlreadyExists")) => match link(&data, now) {
            Some(link) => Ok(Creation::Linked { link, how: how.into() }),
            None => Err(refused(format!("result {how} without ids"))),
        },
        Some("UserEmailAndDataMatchFound") => {
            let matched = data.get("matchedUsers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let candidates = matched.iter().filter_map(candidate).take(CANDIDATES_MAX).collect();
            Ok(Creation::Ambiguous { count: matched.len(), candidates })
        }
        Some(other) => Err(refused(format!("result {other}"))),
        None => Err(garbled(Action::Create)),
    }
}

/// Finds a person by our own key; none if they are not there. The action's name is one integration's word against
/// another's, so an answer that it does not exist counts as not found.
pub(super) async fn find(
    client: &mut Client,
    permit: Permit,
    external_id: &str,
    now: Timestamp,
) -> Result<Option<Link>, CallError> {
    match ask_for(client, permit, external_id, now).await {
        Err(CallError::Call { failure: Failure::Refused(_) | Failure::NoSuchAction, .. }) => Ok(None),
        found => found,
    }
}

/// The same where it matters that they are certainly not there.
pub(super) async fn find_for_certain(
    client: &mut Client,
    permit: Permit,
    external_id: &str,
    now: Timestamp,
) -> Result<Option<Link>, CallError> {
    match ask_for(client, permit, external_id, now).await {
        Err(CallError::Call { failure: Failure::Refused(why), .. }) if why.contains("NotFound") => Ok(None),
        found => found,
    }
}

async fn ask_for(
    client: &mut Client,
    permit: Permit,
    external_id: &str,
    now: Timestamp,
) -> Result<Option<Link>, CallError> {
    let body = LookUpBody { external_id: external_id.into() };
    let data = client.call(permit, Action::LookUp, &body).await?;
    let is_theirs = data.get("externalId").and_then(Value::as_str).is_none_or(|theirs| theirs == external_id);
    Ok(link(&data, now).filter(|_| is_theirs))
}

/// Brings a person's data up to date.
pub(super) async fn update(
    client: &mut Client,
    permit: Permit,
    facility_user: &str,
    body: &UpdateBody,
) -> Result<(), CallError> {
    let action = Action::Update { facility_user };
    let data = client.call(permit, action, body).await?;
    // No integration shows a result of this action: its absence is no failure.
    if answer::result(&data).is_none() { Ok(()) } else { succeeded(action, &data) }
}

/// Brings the one membership up to date.
pub(super) async fn save_membership(
    client: &mut Client,
    permit: Permit,
    facility_user: &str,
    body: &MembershipBody,
) -> Result<(), CallError> {
    let action = Action::SaveMembership { facility_user };
    let data = client.call(permit, action, body).await?;
    succeeded(action, &data)
}

/// Makes a call that the club wrote down, and believes what it wrote of success. Returns the answer's `data`.
pub(super) async fn written(
    client: &mut Client,
    permit: Permit,
    name: &'static str,
    call: &Filled,
) -> Result<Value, CallError> {
    let data = client.call(permit, Action::Written { name, call }, &call.body).await?;
    if call.success.shows(&data) {
        return Ok(data);
    }
    let said = answer::result(&data).map_or("no result".to_owned(), |word| format!("result {word}"));
    Err(CallError::Call { action: name, failure: Failure::Refused(said) })
}

/// Has a person deleted. One who is not there any more is deleted: the answer to an earlier try may have been lost.
pub(super) async fn delete(client: &mut Client, permit: Permit, facility_user: &str) -> Result<(), CallError> {
    let action = Action::Delete { facility_user };
    match client.call(permit, action, &DeleteBody {}).await {
        Ok(data) => succeeded(action, &data),
        Err(CallError::Call { failure: Failure::Refused(why), .. }) if why.contains("NotFound") => Ok(()),
        Err(error) => Err(error),
    }
}

fn succeeded(action: Action<'_>, data: &Value) -> Result<(), CallError> {
    match answer::result(data) {
        Some("Success") => Ok(()),
        Some(other) => {
            Err(CallError::Call { action: action.name(), failure: Failure::Refused(format!("result {other}")) })
        }
        None => Err(garbled(action)),
    }
}

fn garbled(action: Action<'_>) -> CallError {
    CallError::Call { action: action.name(), failure: Failure::Garbled("it names no result") }
}

/// Somebody who can be chosen: with both ids, and an e-mail address that is masked, by us if not by them.
fn candidate(data: &Value) -> Option<Candidate> {
    Some(Candidate {
        user_id: answer::id(data, "userId")?,
        facility_user_id: answer::id(data, "facilityUserId")?,
        email: data.get("email").and_then(Value::as_str).map(masked),
    })
}

fn masked(email: &str) -> String {
    let email: String = email.chars().filter(|c| !c.is_control()).take(EMAIL_CHARS_MAX).collect();
    let (name, host) = email.split_once('@').unwrap_or((&email, ""));
    if name.contains('*') {
        return email;
    }
    let first: String = name.chars().take(1).collect();
    format!("{first}***@{host}")
}

fn link(data: &Value, now: Timestamp) -> Option<Link> {
    let permanent_token = data.get("permanentToken").and_then(Value::as_str);
    let fits = |token: &&str| (1..=PERMANENT_TOKEN_BYTES_MAX).contains(&token.len());
    Some(Link {
        user_id: answer::id(data, "userId")?,
        facility_user_id: answer::id(data, "facilityUserId")?,
        permanent_token: permanent_token.filter(fits).map(str::to_owned),
        linked_at: now,
    })
}

#[cfg(test)]
mod tests;

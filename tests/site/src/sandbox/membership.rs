//! The one membership that Mywellness keeps of a person, and what each operation makes of it.

use serde::Serialize;
use serde_json::{Map, Value};

use super::cloud::{Outcome, said};
use super::form::Form;
use super::people::Person;

/// Every operation, in Mywellness's own spelling.
const OPERATIONS: [&str; 6] = ["Subscribe", "Renew", "UnSubscribe", "Update", "Froze", "UnFroze"];

/// The membership of a person.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Membership {
    /// The operation received last.
    pub operation: String,
    /// Since when a member.
    pub member_since: Option<String>,
    /// First day.
    pub start_on: Option<String>,
    /// Last day.
    pub expires_on: Option<String>,
    /// Free text.
    pub description: String,
    /// Whether it is frozen.
    pub frozen: bool,
    /// Whether it is subscribed.
    pub active: bool,
}

/// What the portal calls a person, with the numbers of the webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Never had a membership.
    Lead = 0,
    /// Had one once.
    ExMember = 7,
    /// Has one.
    Member = 10,
}

impl Status {
    /// By the membership, on a day written `yyyy-MM-dd`.
    pub(super) fn of(membership: Option<&Membership>, today: &str) -> Self {
        match membership {
            None => Self::Lead,
            // Dates of this form sort as texts.
            Some(it) if it.active && it.expires_on.as_deref().is_none_or(|end| end >= today) => Self::Member,
            Some(_) => Self::ExMember,
        }
    }
}

/// Performs `SaveMembership`. What needs a membership that is not there is told in `data.result`, not in `errors`.
pub(super) fn save(person: &mut Person, body: &Map<String, Value>) -> Outcome {
    let mut form = Form::new(body, &["operation", "memberSince", "startOn", "expiresOn", "description"]);
    let operation = form.word("operation", &OPERATIONS);
    let description = form.optional_text("description").unwrap_or_default().to_owned();
    let begins = matches!(operation, "Subscribe" | "Renew");
    let mut dates = ["memberSince", "startOn", "expiresOn"].map(|field| {
        let date = if begins { form.date(field) } else { form.optional_date(field) };
        date.map(|date| date.to_string())
    });
    if let [_, Some(start), Some(end)] = &dates
        && end < start
    {
        form.complain("expiresOn", "Validation", format!("{end} is before {start}"));
    }
    form.finish()?;
    if !is_possible(operation, person.membership.as_ref()) {
        return Ok(said("Error"));
    }
    let membership = person.membership.get_or_insert_with(Membership::default);
    let [member_since, start_on, expires_on] = &mut dates;
    membership.member_since = member_since.take().or(membership.member_since.take());
    membership.start_on = start_on.take().or(membership.start_on.take());
    membership.expires_on = expires_on.take().or(membership.expires_on.take());
    membership.active = begins || (membership.active && operation != "UnSubscribe");
    membership.frozen = operation == "Froze" || (membership.frozen && operation == "Update");
    membership.operation = operation.to_owned();
    membership.description = description;
    Ok(said("Success"))
}

/// Nobody can be frozen who was never subscribed; to end twice, or to freeze twice, changes nothing and is no error.
fn is_possible(operation: &str, membership: Option<&Membership>) -> bool {
    match operation {
        "Froze" | "UnFroze" => membership.is_some_and(|it| it.active),
        "Renew" | "Update" => membership.is_some(),
        _ => true,
    }
}

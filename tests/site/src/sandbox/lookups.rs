//! Looking people up: the two ways that the contract is sure of, and those that only one weak source names.

use serde_json::{Map, Value, json};

use super::cloud::{Cloud, Outcome};
use super::form::{Complaint, Form};
use super::people::Person;

/// By what one is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// The club's own number.
    ExternalId,
    /// The lasting handle.
    PermanentToken,
    /// The global user.
    UserId,
    /// Not one but all with this address.
    Email,
}

impl By {
    /// Of an action below `core/facility/{facilityId}`. Several names of one look-up are several integrations' words.
    pub(super) fn named(action: &str, has_weak: bool) -> Option<Self> {
        Some(match action {
            "GetFacilityUserByExternalID" => Self::ExternalId,
            "GetFacilityUserFromPermanentToken" => Self::PermanentToken,
            "GetFacilityUserFromExternalId" if has_weak => Self::ExternalId,
            "GetFacilityUser" | "GetFacilityUserFromUserId" if has_weak => Self::UserId,
            "SearchUsers" if has_weak => Self::Email,
            _ => return None,
        })
    }

    pub(super) fn look_up(self, cloud: &Cloud, body: &Map<String, Value>) -> Outcome {
        let field = match self {
            Self::ExternalId => "externalId",
            Self::PermanentToken => "permanentToken",
            Self::UserId => "userId",
            Self::Email => "email",
        };
        let mut form = Form::new(body, &[field]);
        let wanted = form.text(field);
        form.finish()?;
        let found = match self {
            Self::ExternalId => cloud.people.by_external_id(wanted),
            Self::PermanentToken => cloud.people.by_permanent_token(wanted),
            Self::UserId => cloud.people.by_user(wanted),
            Self::Email => return Ok(json!({ "users": with_email(cloud, wanted) })),
        };
        found.map(profile).ok_or_else(|| nobody(field))
    }
}

/// `details` of a person of the club, and `GetUserProfile` of a user: grade C both.
pub(super) fn details(person: Option<&Person>, field: &str, body: &Map<String, Value>) -> Outcome {
    Form::new(body, &[]).finish()?;
    let person = person.ok_or_else(|| nobody(field))?;
    let mut data = profile(person);
    if let Some(membership) = &person.membership {
        data["memberSince"] = json!(membership.member_since);
        data["startOn"] = json!(membership.start_on);
        data["expiresOn"] = json!(membership.expires_on);
        data["isFrozen"] = json!(membership.frozen);
    }
    Ok(data)
}

/// What every action says of an id that nobody has.
pub(super) fn nobody(field: &str) -> Vec<Complaint> {
    vec![Complaint::new(field, "NotFound", "there is no such person")]
}

/// This one looks at everybody: a search is made by hand.
fn with_email(cloud: &Cloud, email: &str) -> Vec<Value> {
    let has_it = |person: &&Person| person.profile.get("email").and_then(Value::as_str) == Some(email);
    cloud.people.all().iter().filter(|person| person.is_reachable()).filter(has_it).map(profile).collect()
}

fn profile(person: &Person) -> Value {
    let mut data = person.profile.clone();
    data.insert("userId".into(), json!(person.user_id));
    data.insert("facilityUserId".into(), json!(person.facility_user_id));
    data.insert("permanentToken".into(), json!(person.permanent_token));
    data.insert("externalId".into(), json!(person.external_id));
    Value::Object(data)
}

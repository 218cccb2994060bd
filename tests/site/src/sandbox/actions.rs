//! The actions of the contract: log in, create or match, look up, update, delete, membership, visit.

use serde_json::{Map, Value, json};

use super::cloud::{APPLICATION_ID, Call, Cloud, Membership, Options, Outcome, Person, Visit};
use super::form::{Complaint, Form};

/// What one path asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action<'a> {
    Create {
        facility: &'a str,
    },
    FindByExternalId {
        facility: &'a str,
    },
    FindByPermanentToken {
        facility: &'a str,
    },
    Update {
        facility_user: &'a str,
    },
    Delete {
        facility_user: &'a str,
    },
    SaveMembership {
        facility_user: &'a str,
    },
    Visit {
        user: &'a str,
    },
    /// One the operator of the sandbox allowed by name.
    Extra,
}

/// The action behind a facility's path, or none: names are matched exactly.
pub(super) fn find<'a>(options: &Options, path: &[&'a str]) -> Option<Action<'a>> {
    Some(match *path {
        ["core", "facility", facility, "CreateFacilityUserFromThirdParty"] => Action::Create { facility },
        ["core", "facility", facility, "GetFacilityUserByExternalID"] => Action::FindByExternalId { facility },
        ["core", "facility", facility, "GetFacilityUserFromPermanentToken"] => {
            Action::FindByPermanentToken { facility }
        }
        ["core", "facilityuser", facility_user, "Update"] => Action::Update { facility_user },
        ["core", "facilityuser", facility_user, "Delete"] => Action::Delete { facility_user },
        ["core", "facilityuser", facility_user, "SaveMembership"] => Action::SaveMembership { facility_user },
        ["core", "user", user, "Visit"] => Action::Visit { user },
        [.., name] if options.extra_actions.iter().any(|extra| extra == name) => Action::Extra,
        _ => return None,
    })
}

impl Action<'_> {
    /// Does it.
    pub(super) fn perform(&self, cloud: &mut Cloud, call: &Call<'_>) -> Outcome {
        if let Self::Create { facility } | Self::FindByExternalId { facility } | Self::FindByPermanentToken { facility } =
            self
            && **facility != cloud.facility_id
        {
            return Err(vec![Complaint::new("facilityId", "NotFound", "there is no such facility")]);
        }
        match self {
            Self::Create { .. } => create(cloud, call.body),
            Self::FindByExternalId { .. } => {
                look_up(cloud, call.body, "externalId", |person| person.external_id.as_deref())
            }
            Self::FindByPermanentToken { .. } => {
                look_up(cloud, call.body, "permanentToken", |person| Some(&person.permanent_token))
            }
            Self::Update { facility_user } => update(of_facility(cloud, facility_user)?, call.body),
            Self::Delete { facility_user } => delete(of_facility(cloud, facility_user)?, call.body),
            Self::SaveMembership { facility_user } => save_membership(of_facility(cloud, facility_user)?, call.body),
            Self::Visit { user } => visit(cloud, user, call),
            Self::Extra => Ok(json!({ "result": "Success" })),
        }
    }
}

/// Checks the login. A wrong password is an error with HTTP 200, like all others.
pub(super) fn log_in(cloud: &Cloud, application: &str, body: &Map<String, Value>) -> Outcome {
    let options = &cloud.options;
    let mut form = Form::new(body, &["apiKey", "username", "password"]);
    let given = (form.text("apiKey"), form.text("username"), form.text("password"));
    form.finish()?;
    if application != APPLICATION_ID {
        return Err(vec![Complaint::new("ApplicationNotFound", "Security", "there is no such application")]);
    }
    if given != (&options.api_key, &options.username, &options.password) {
        return Err(vec![Complaint::new("InvalidCredentials", "Security", "user name or password is wrong")]);
    }
    Ok(json!({
        "facilities": [{
            "id": cloud.facility_id, "url": options.facility_url, "name": "Sandbox", "companyName": "Sandbox",
            "logoUrl": "", "isDemo": true,
        }],
        "accountConfirmed": true,
        "userContext": { "id": "integration", "firstName": "Integration", "lastName": "User", "email": options.username },
        "result": "Success",
        "credentialId": "sandbox",
    }))
}

fn create(cloud: &mut Cloud, body: &Map<String, Value>) -> Outcome {
    let mut form = Form::new(body, &["firstName", "lastName", "email", "dateOfBirth", "gender", "externalId"]);
    let mut profile = Map::new();
    profile.insert("firstName".into(), json!(form.text("firstName")));
    profile.insert("lastName".into(), json!(form.text("lastName")));
    let email = if cloud.options.email_required { Some(form.text("email")) } else { form.optional_text("email") };
    profile.insert("email".into(), json!(email));
    form.date("dateOfBirth");
    profile.insert("birthDate".into(), json!(form.optional_text("dateOfBirth")));
    if cloud.options.gender_required {
        form.text("gender");
    }
    profile.insert("gender".into(), json!(form.optional_word("gender", &["M", "F"])));
    let external_id = form.text("externalId");
    form.finish()?;

    let same = |person: &&mut Person| {
        let key = ["firstName", "lastName", "birthDate", "gender"];
        !person.deleted && key.iter().all(|field| person.profile.get(*field) == profile.get(*field))
    };
    let taken = cloud.people.iter().any(|it| !it.deleted && it.external_id.as_deref() == Some(external_id));
    let mut matches: Vec<&mut Person> = cloud.people.iter_mut().filter(same).collect();
    match matches.as_mut_slice() {
        [] if taken => Err(vec![Complaint::new("externalId", "Validation", "it belongs to another person")]),
        [] => Ok(ids("Created", cloud.add(profile, Some(external_id.to_owned())))),
        [only] => {
            // A person linked elsewhere keeps that link: it is for the caller to notice that the ids are not new to it.
            only.external_id.get_or_insert_with(|| external_id.to_owned());
            Ok(ids("MatchFound", only))
        }
        several => {
            let matched: Vec<Value> = several.iter().map(|person| masked(person)).collect();
            Ok(json!({ "result": "UserEmailAndDataMatchFound", "matchedUsers": matched }))
        }
    }
}

fn ids(result: &str, person: &Person) -> Value {
    let Person { user_id, facility_user_id, permanent_token, .. } = person;
    json!({
        "result": result, "userId": user_id, "facilityUserId": facility_user_id, "permanentToken": permanent_token,
    })
}

fn masked(person: &Person) -> Value {
    let email = person.profile.get("email").and_then(Value::as_str).unwrap_or_default();
    let (name, host) = email.split_once('@').unwrap_or((email, ""));
    let first: String = name.chars().take(1).collect();
    json!({
        "userId": person.user_id, "facilityUserId": person.facility_user_id, "email": format!("{first}***@{host}"),
    })
}

fn look_up(cloud: &Cloud, body: &Map<String, Value>, field: &str, key: impl Fn(&Person) -> Option<&str>) -> Outcome {
    let mut form = Form::new(body, &[field]);
    let wanted = form.text(field);
    form.finish()?;
    let found = cloud.people.iter().find(|person| !person.deleted && key(person) == Some(wanted));
    let person = found.ok_or_else(|| vec![Complaint::new(field, "NotFound", "there is no such person")])?;
    let mut data = person.profile.clone();
    data.insert("userId".into(), json!(person.user_id));
    data.insert("facilityUserId".into(), json!(person.facility_user_id));
    data.insert("permanentToken".into(), json!(person.permanent_token));
    data.insert("externalId".into(), json!(person.external_id));
    Ok(Value::Object(data))
}

fn of_facility<'a>(cloud: &'a mut Cloud, facility_user: &str) -> Result<&'a mut Person, Vec<Complaint>> {
    let found = cloud.people.iter_mut().find(|person| !person.deleted && person.facility_user_id == facility_user);
    found.ok_or_else(|| vec![Complaint::new("facilityUserId", "NotFound", "there is no such person")])
}

const PROFILE_TEXTS: [&str; 12] = [
    "firstName",
    "lastName",
    "nickName",
    "email",
    "notes",
    "address",
    "address1",
    "zipCode",
    "city",
    "stateProvince",
    "phoneNumber",
    "mobilePhoneNumber",
];

/// A partial update: what is absent stays, and `groups` replaces the set.
fn update(person: &mut Person, body: &Map<String, Value>) -> Outcome {
    let others = ["birthDate", "gender", "levelOfInterest", "measurementSystem", "groups"];
    let known: Vec<&str> = PROFILE_TEXTS.into_iter().chain(others).collect();
    let mut form = Form::new(body, &known);
    for field in PROFILE_TEXTS {
        form.optional_text(field);
    }
    for field in ["firstName", "lastName"] {
        if body.contains_key(field) {
            form.text(field);
        }
    }
    form.optional_date("birthDate");
    form.optional_word("gender", &["M", "F"]);
    form.optional_word("levelOfInterest", &["NotInterested", "Interested", "VeryInterested"]);
    form.optional_word("measurementSystem", &["Metric", "Imperial", "UsStandard"]);
    let groups = form.optional_numbers("groups");
    form.finish()?;
    for (field, value) in body.iter().filter(|(field, _)| !["token", "groups"].contains(&field.as_str())) {
        person.profile.insert(field.clone(), value.clone());
    }
    if let Some(groups) = groups {
        person.groups = groups;
    }
    Ok(json!({ "result": "Success" }))
}

fn delete(person: &mut Person, body: &Map<String, Value>) -> Outcome {
    Form::new(body, &[]).finish()?;
    person.deleted = true;
    Ok(json!({ "result": "Success" }))
}

fn save_membership(person: &mut Person, body: &Map<String, Value>) -> Outcome {
    let mut form = Form::new(body, &["operation", "memberSince", "startOn", "expiresOn", "description"]);
    let operation = form.word("operation", &["Subscribe", "Renew", "UnSubscribe", "Update", "Froze", "UnFroze"]);
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
    let membership = person.membership.get_or_insert_with(Membership::default);
    let [member_since, start_on, expires_on] = &mut dates;
    membership.member_since = member_since.take().or(membership.member_since.take());
    membership.start_on = start_on.take().or(membership.start_on.take());
    membership.expires_on = expires_on.take().or(membership.expires_on.take());
    membership.active = begins || (membership.active && operation != "UnSubscribe");
    membership.frozen = operation == "Froze" || (membership.frozen && operation == "Update");
    membership.operation = operation.to_owned();
    membership.description = description;
    Ok(json!({ "result": "Success" }))
}

/// Counts every visit it accepts; two equal ones are two visits.
fn visit(cloud: &mut Cloud, user: &str, call: &Call<'_>) -> Outcome {
    let mut form = Form::new(call.body, &["visitDate"]);
    let visit_date = form.moment("visitDate").to_owned();
    form.finish()?;
    let found = cloud.people.iter().find(|person| !person.deleted && person.user_id == user);
    let person = found.ok_or_else(|| vec![Complaint::new("userId", "NotFound", "there is no such person")])?;
    let external_id = person.external_id.clone();
    cloud.visits.push(Visit { user_id: user.to_owned(), external_id, visit_date, at: call.at });
    Ok(json!({ "result": "Success" }))
}

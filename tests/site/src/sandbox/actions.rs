//! The actions of the contract: log in, create or match, look up, update, delete, membership, visit.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::cloud::{APPLICATION_ID, Call, Cloud, Outcome, said};
use super::form::{Complaint, Form};
use super::lookups::{self, By, nobody};
use super::membership;
use super::options::Options;
use super::people::{People, Person};
use super::visits::Visit;
use super::webhooks;

/// What a webhook calls third parties.
const US: &str = "thirdparties";

/// What one path asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action<'a> {
    Create {
        facility: &'a str,
    },
    LookUp {
        facility: &'a str,
        by: By,
    },
    DetailsOf {
        facility_user: &'a str,
    },
    ProfileOf {
        user: &'a str,
    },
    SearchCalendar {
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
    Extra {
        name: &'a str,
    },
}

/// The action behind a facility's path, or none: names are matched exactly.
pub(super) fn find<'a>(options: &Options, path: &[&'a str]) -> Option<Action<'a>> {
    Some(match *path {
        ["core", "facility", facility, "CreateFacilityUserFromThirdParty"] => Action::Create { facility },
        ["core", "facilityuser", facility_user, "Update"] => Action::Update { facility_user },
        ["core", "facilityuser", facility_user, "Delete"] => Action::Delete { facility_user },
        ["core", "facilityuser", facility_user, "SaveMembership"] => Action::SaveMembership { facility_user },
        ["core", "user", user, "Visit"] => Action::Visit { user },
        ["core", "facilityuser", facility_user, "details"] if options.weak_actions => {
            Action::DetailsOf { facility_user }
        }
        ["core", "user", user, "GetUserProfile"] if options.weak_actions => Action::ProfileOf { user },
        ["core", "facility", facility, "SearchCalendarEvents"] if options.weak_actions => {
            Action::SearchCalendar { facility }
        }
        ["core", "facility", facility, name] if let Some(by) = By::named(name, options.weak_actions) => {
            Action::LookUp { facility, by }
        }
        [.., name] if options.extra_actions.iter().any(|extra| extra == name) => Action::Extra { name },
        _ => return None,
    })
}

impl Action<'_> {
    /// Does it.
    pub(super) fn perform(&self, cloud: &mut Cloud, call: &Call<'_>) -> Outcome {
        if let Self::Create { facility } | Self::LookUp { facility, .. } | Self::SearchCalendar { facility } = self
            && **facility != cloud.facility_id
        {
            return Err(vec![Complaint::new("facilityId", "NotFound", "there is no such facility")]);
        }
        match self {
            Self::Create { .. } => create(cloud, call),
            Self::LookUp { by, .. } => by.look_up(cloud, call.body),
            Self::DetailsOf { facility_user } => {
                lookups::details(cloud.people.by_facility_user(facility_user), "facilityUserId", call.body)
            }
            Self::ProfileOf { user } => lookups::details(cloud.people.by_user(user), "userId", call.body),
            Self::SearchCalendar { .. } => cloud.calendar.search(call.body),
            Self::Update { facility_user } => {
                let groups = &cloud.options.groups;
                change(&mut cloud.people, facility_user, |person| update(person, call.body, groups))
            }
            Self::Delete { facility_user } => {
                change(&mut cloud.people, facility_user, |person| delete(person, call.body))
            }
            Self::SaveMembership { facility_user } => {
                change(&mut cloud.people, facility_user, |person| membership::save(person, call.body))
            }
            Self::Visit { user } => visit(cloud, user, call),
            Self::Extra { name } => extra(cloud, name, call),
        }
    }
}

/// Nothing is known of such an action but that it cannot be about nobody.
fn extra(cloud: &Cloud, name: &str, call: &Call<'_>) -> Outcome {
    let of_path = |kind: &str| call.path.windows(2).find(|pair| pair[0] == kind).map(|pair| pair[1]);
    let of_body = |field: &str| call.body.get(field).and_then(Value::as_str);
    let named = |kind, field: &str| of_path(kind).or_else(|| of_body(field));
    if named("user", "userId").is_some_and(|id| cloud.people.by_user(id).is_none()) {
        return Err(nobody("userId"));
    }
    if named("facilityuser", "facilityUserId").is_some_and(|id| cloud.people.by_facility_user(id).is_none()) {
        return Err(nobody("facilityUserId"));
    }
    Ok(cloud.answers.get(name).cloned().unwrap_or_else(|| said("Success")))
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

fn create(cloud: &mut Cloud, call: &Call<'_>) -> Outcome {
    let mut form = Form::new(call.body, &["firstName", "lastName", "email", "dateOfBirth", "gender", "externalId"]);
    let mut profile = Map::new();
    profile.insert("firstName".into(), json!(form.text("firstName")));
    profile.insert("lastName".into(), json!(form.text("lastName")));
    if cloud.options.email_required {
        form.text("email");
    }
    profile.insert("email".into(), json!(form.optional_email("email")));
    form.date("dateOfBirth");
    profile.insert("birthDate".into(), json!(form.optional_text("dateOfBirth")));
    if cloud.options.gender_required {
        form.text("gender");
    }
    profile.insert("gender".into(), json!(form.optional_word("gender", &["M", "F"])));
    let external_id = form.text("externalId");
    form.finish()?;

    let facility = cloud.options.facility_url.clone();
    let alike = cloud.people.alike(&profile);
    match alike.as_slice() {
        [] if cloud.people.by_external_id(external_id).is_some() => {
            Err(vec![Complaint::new("externalId", "Validation", "it belongs to another person")])
        }
        [] => {
            let person = cloud.people.add(profile, Some(external_id.to_owned())).ok_or_else(full)?;
            let (said, notice) = (ids("Created", person), webhooks::creation(&facility, person, US, call.at));
            cloud.tell(notice);
            Ok(said)
        }
        [only] => {
            let (user, is_new_here) = (only.user_id.clone(), !only.in_club);
            let person = cloud.people.join(&user, external_id).expect("who was found is there");
            let (said, notice) = (ids("MatchFound", person), webhooks::creation(&facility, person, US, call.at));
            if is_new_here {
                cloud.tell(notice);
            }
            Ok(said)
        }
        several => {
            let matched: Vec<Value> = several.iter().map(|person| masked(person)).collect();
            Ok(json!({ "result": "UserEmailAndDataMatchFound", "matchedUsers": matched }))
        }
    }
}

fn full() -> Vec<Complaint> {
    vec![Complaint::new("FacilityFull", "Validation", "the sandbox holds no more people")]
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
    // Who is known from another club only has no id in this one yet.
    let facility_user = person.in_club.then_some(&person.facility_user_id);
    json!({ "userId": person.user_id, "facilityUserId": facility_user, "email": format!("{first}***@{host}") })
}

fn change(people: &mut People, facility_user: &str, change: impl FnOnce(&mut Person) -> Outcome) -> Outcome {
    people.change(facility_user, change).unwrap_or_else(|| Err(nobody("facilityUserId")))
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
fn update(person: &mut Person, body: &Map<String, Value>, known_groups: &BTreeMap<i64, String>) -> Outcome {
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
    form.optional_email("email");
    let groups = form.optional_numbers("groups");
    for group in groups.iter().flatten().filter(|group| !known_groups.is_empty() && !known_groups.contains_key(group)) {
        form.complain("groups", "NotFound", format!("there is no group {group}"));
    }
    form.finish()?;
    for (field, value) in body.iter().filter(|(field, _)| !["token", "groups"].contains(&field.as_str())) {
        person.profile.insert(field.clone(), value.clone());
    }
    if let Some(groups) = groups {
        person.groups = groups;
    }
    Ok(said("Success"))
}

fn delete(person: &mut Person, body: &Map<String, Value>) -> Outcome {
    Form::new(body, &[]).finish()?;
    person.deleted = true;
    Ok(said("Success"))
}

/// Counts every visit it accepts; two equal ones are two visits.
fn visit(cloud: &mut Cloud, user: &str, call: &Call<'_>) -> Outcome {
    let mut form = Form::new(call.body, &["visitDate"]);
    let visit_date = form.moment("visitDate").to_owned();
    form.finish()?;
    let person = cloud.people.by_user(user).ok_or_else(|| nobody("userId"))?;
    let external_id = person.external_id.clone();
    let visit = Visit { user_id: user.to_owned(), external_id, visit_date, at: call.at };
    if cloud.visits.add(visit) { Ok(said("Success")) } else { Ok(said("Error")) }
}

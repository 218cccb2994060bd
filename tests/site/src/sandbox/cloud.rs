//! What Mywellness knows of one facility, and how it answers one call: no sockets, no clock.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::actions;
use super::form::Complaint;

/// The application every third party logs in to.
pub const APPLICATION_ID: &str = "69295ed5-a53c-434b-8518-f2e0b5f05b28";

/// Who may call and how strict the facility is.
#[derive(Debug, Clone)]
pub struct Options {
    /// The facility's part of every path.
    pub facility_url: String,
    /// For the header and the login.
    pub api_key: String,
    /// The integration's staff user.
    pub username: String,
    /// Its password.
    pub password: String,
    /// How long a token is good for.
    pub token_life: Duration,
    /// Whether a person without e-mail is refused.
    pub email_required: bool,
    /// Whether a person without gender is refused.
    pub gender_required: bool,
    /// Names of actions outside the public contract that are accepted and answered with success.
    pub extra_actions: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            facility_url: "clubmilano".into(),
            api_key: "sandbox-api-key".into(),
            username: "integration@clubmilano.example".into(),
            password: "sandbox-password".into(),
            token_life: Duration::from_secs(1800),
            email_required: true,
            gender_required: true,
            extra_actions: Vec::new(),
        }
    }
}

/// A person with a Mywellness account from elsewhere, to be matched.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Birth date, `yyyy-MM-dd`.
    pub birth_date: String,
    /// `M` or `F`.
    pub gender: String,
    /// E-mail.
    pub email: String,
    /// Whom another integration has linked already.
    pub external_id: Option<String>,
}

impl Known {
    /// The account a person of an import document already has.
    pub fn of_document(person: &Value) -> Self {
        let text = |field: &str| person[field].as_str().unwrap_or_default().to_owned();
        Self {
            first_name: text("first_name"),
            last_name: text("last_name"),
            birth_date: text("birth_date"),
            gender: text("gender"),
            email: text("email"),
            external_id: None,
        }
    }
}

/// A person of the facility.
#[derive(Debug, Clone, Serialize)]
pub struct Person {
    /// The global user: visits.
    pub user_id: String,
    /// The person in this club: update, membership, deletion.
    pub facility_user_id: String,
    /// An opaque lasting handle.
    pub permanent_token: String,
    /// The club's own number, once linked.
    pub external_id: Option<String>,
    /// Every field sent, under the name it has in `Update`.
    pub profile: Map<String, Value>,
    /// Group ids, as sent last.
    pub groups: Vec<i64>,
    /// The one membership.
    pub membership: Option<Membership>,
    /// Whether `Delete` was called.
    pub deleted: bool,
}

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

/// A visit that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Visit {
    /// Whose.
    pub user_id: String,
    /// Whose, in the club's own numbers.
    pub external_id: Option<String>,
    /// As sent.
    pub visit_date: String,
    /// When it arrived.
    pub at: Timestamp,
}

/// One call, with the path behind the host.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) path: Vec<&'a str>,
    pub(super) client: Option<&'a str>,
    pub(super) api_key: Option<&'a str>,
    pub(super) body: &'a Map<String, Value>,
    pub(super) at: Timestamp,
}

/// What a call gets.
#[derive(Debug, PartialEq)]
pub(super) enum Reply {
    /// An envelope, with HTTP 200 whether it holds data or errors.
    Envelope(Value),
    /// The page ASP.NET shows for an action nobody wrote.
    NoSuchAction,
}

pub(super) type Outcome = Result<Value, Vec<Complaint>>;

/// The state of the facility.
#[derive(Debug)]
pub(super) struct Cloud {
    pub(super) options: Options,
    pub(super) facility_id: String,
    pub(super) people: Vec<Person>,
    pub(super) visits: Vec<Visit>,
    pub(super) suspended: bool,
    tokens: HashMap<String, Timestamp>,
}

impl Cloud {
    pub(super) fn new(options: Options) -> Self {
        Self {
            options,
            facility_id: Uuid::new_v4().to_string(),
            people: Vec::new(),
            visits: Vec::new(),
            suspended: false,
            tokens: HashMap::new(),
        }
    }

    /// Answers one call. Headers come before the facility, the facility before the token, the token before the fields.
    pub(super) fn answer(&mut self, call: &Call<'_>) -> Reply {
        let Some((facility, path)) = call.path.split_first() else { return Reply::NoSuchAction };
        if call.client != Some("thirdParties") || call.api_key != Some(&self.options.api_key) {
            return refuse("ClientApplicationNotTrusted", "Security", "the client headers are missing or unknown");
        }
        if *facility != self.options.facility_url {
            return refuse("facilityUrl", "NotFound", "there is no such facility");
        }
        if self.suspended {
            return refuse("FacilityNotActive", "Security", "the facility is suspended");
        }
        if let ["application", application, "AccessIntegration"] = path {
            let outcome = actions::log_in(self, application, call.body);
            let allowed = outcome.is_ok();
            return Reply::Envelope(self.envelope(outcome, allowed, call.at));
        }
        let Some(action) = actions::find(&self.options, path) else { return Reply::NoSuchAction };
        if !self.token_is_valid(call) {
            return refuse("TokenNotValid", "Security", "the token is missing, unknown or expired");
        }
        let outcome = action.perform(self, call);
        Reply::Envelope(self.envelope(outcome, true, call.at))
    }

    pub(super) fn expire_tokens(&mut self) {
        self.tokens.clear();
    }

    pub(super) fn know(&mut self, known: Known) {
        let profile = json!({
            "firstName": known.first_name, "lastName": known.last_name, "birthDate": known.birth_date,
            "gender": known.gender, "email": known.email,
        });
        let Value::Object(profile) = profile else { return };
        self.add(profile, known.external_id);
    }

    pub(super) fn add(&mut self, profile: Map<String, Value>, external_id: Option<String>) -> &Person {
        self.people.push(Person {
            user_id: Uuid::new_v4().to_string(),
            facility_user_id: Uuid::new_v4().to_string(),
            permanent_token: format!("pt-{}", Uuid::new_v4().simple()),
            external_id,
            profile,
            groups: Vec::new(),
            membership: None,
            deleted: false,
        });
        self.people.last().expect("one was just pushed")
    }

    fn token_is_valid(&self, call: &Call<'_>) -> bool {
        let token = call.body.get("token").and_then(Value::as_str).unwrap_or_default();
        self.tokens.get(token).is_some_and(|expires_at| call.at < *expires_at)
    }

    /// Every answer to a trusted caller carries the token to use next; older ones stay good until their own end.
    fn envelope(&mut self, outcome: Outcome, with_token: bool, at: Timestamp) -> Value {
        let mut envelope = match outcome {
            Ok(data) => json!({ "data": data }),
            Err(complaints) => json!({ "errors": complaints.iter().map(Complaint::to_json).collect::<Vec<_>>() }),
        };
        if with_token {
            let token = format!("{}.{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
            envelope["token"] = json!(token);
            envelope["expireIn"] = json!(self.options.token_life.as_secs());
            self.tokens.retain(|_, expires_at| at < *expires_at);
            self.tokens.insert(token, at + self.options.token_life);
        }
        envelope["version"] = json!("sandbox");
        envelope["currentUtcTimestamp"] = json!(at.as_millisecond());
        envelope
    }
}

fn refuse(field: &str, kind: &'static str, details: &str) -> Reply {
    Reply::Envelope(json!({ "errors": [Complaint::new(field, kind, details).to_json()], "version": "sandbox" }))
}

//! What Mywellness knows of one facility, and how it answers one call: no sockets, no clock.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::actions;
use super::classes::Calendar;
use super::form::Complaint;
use super::options::Options;
use super::people::People;
use super::token::Tokens;
use super::visits::Visits;
use super::webhooks::{NOTICES_MAX, Notice};

/// The application every third party logs in to.
pub const APPLICATION_ID: &str = "69295ed5-a53c-434b-8518-f2e0b5f05b28";

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
    pub(super) people: People,
    pub(super) visits: Visits,
    pub(super) calendar: Calendar,
    /// What webhooks tell; [`Cloud::tell`] bounds it.
    pub(super) notices: Vec<Notice>,
    pub(super) suspended: bool,
    /// What the actions outside the public contract answer, by name; `Success` where nothing is said.
    pub(super) answers: HashMap<String, Value>,
    tokens: Tokens,
}

impl Cloud {
    pub(super) fn new(options: Options) -> Self {
        Self {
            options,
            facility_id: Uuid::new_v4().to_string(),
            people: People::default(),
            visits: Visits::default(),
            calendar: Calendar::default(),
            notices: Vec::new(),
            suspended: false,
            answers: HashMap::new(),
            tokens: Tokens::default(),
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

    /// Notes what webhooks tell.
    pub(super) fn tell(&mut self, notice: Notice) {
        if self.notices.len() < NOTICES_MAX {
            self.notices.push(notice);
        }
    }

    pub(super) fn expire_tokens(&mut self) {
        self.tokens.expire();
    }

    /// The club's own number of whoever a call is about, if it names them.
    pub(super) fn subject(&self, path: &str, body: Option<&Map<String, Value>>) -> Option<String> {
        let own = body.and_then(|body| body.get("externalId")?.as_str()).map(str::to_owned);
        own.or_else(|| path.split('/').find_map(|part| self.people.named(part))?.external_id.clone())
    }

    fn token_is_valid(&self, call: &Call<'_>) -> bool {
        let token = call.body.get("token").and_then(Value::as_str).unwrap_or_default();
        self.tokens.accepts(token, call.at, self.options.newest_token_only)
    }

    /// Every answer to a trusted caller carries the token to use next; older ones stay good until their own end.
    fn envelope(&mut self, outcome: Outcome, with_token: bool, at: Timestamp) -> Value {
        let mut envelope = match outcome {
            Ok(data) => json!({ "data": data }),
            Err(complaints) => json!({ "errors": complaints.iter().map(Complaint::to_json).collect::<Vec<_>>() }),
        };
        if with_token {
            envelope["token"] = json!(self.tokens.give(at, self.options.token_life));
            envelope["expireIn"] = json!(self.options.token_life.as_secs());
        }
        envelope["version"] = json!("sandbox");
        envelope["currentUtcTimestamp"] = json!(at.as_millisecond());
        envelope
    }
}

fn refuse(field: &str, kind: &'static str, details: &str) -> Reply {
    Reply::Envelope(json!({ "errors": [Complaint::new(field, kind, details).to_json()], "version": "sandbox" }))
}

/// A `data` that says how it went and nothing else.
pub(super) fn said(result: &str) -> Value {
    json!({ "result": result })
}

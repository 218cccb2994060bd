//! Who may call the sandbox's facility, and how strict it is.

use std::collections::BTreeMap;
use std::time::Duration;

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
    /// Whether only the token given last is good. The contract makes it likely that older ones stay good until their
    /// own end; who keeps the newest one need not care.
    pub newest_token_only: bool,
    /// Whether a person without e-mail is refused.
    pub email_required: bool,
    /// Whether a person without gender is refused.
    pub gender_required: bool,
    /// The groups made in the portal, by their ids; others are refused. Empty: any id is taken.
    pub groups: BTreeMap<i64, String>,
    /// Whether actions that only one weak source names are there too: further look-ups, the calendar.
    pub weak_actions: bool,
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
            newest_token_only: false,
            email_required: true,
            gender_required: true,
            groups: BTreeMap::new(),
            weak_actions: false,
            extra_actions: Vec::new(),
        }
    }
}

//! Speaks to one facility of Mywellness: logs in, keeps the newest token, paces itself, and asks one thing at a time.

use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::Value;

use super::Config;
use super::actions::Method;
use super::answer::{self, Answer, Failure, Raw};
use super::facts::{CallMade, LoggedIn};
use super::reach::{self, BadSetup};
use super::wire::{Action, LoginBody, WithToken};
use crate::clock::Clock;
use crate::domain::Uptime;
use crate::outbox::{retry_after, root_cause};
use crate::telemetry::Fact;

/// A session's token is valid for 30 minutes and other integrations renew it at 25; so do we, counted from the login
/// although every answer brings a fresh one: whether that prolongs anything is not documented.
const RENEW_AFTER: Duration = Duration::from_secs(25 * 60);
/// Longest answer read: a profile has about 2 KiB, and an error page must not fill the memory of a small box.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Why Mywellness cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// The configuration cannot be right.
    #[error(transparent)]
    Setup(#[from] BadSetup),
    /// It did not let us in. The text names the operation and the cause, never a secret.
    #[error("{0}")]
    LogIn(String),
}

/// Logs in once, as `varco check --online` does. Changes nothing there.
///
/// # Errors
/// What keeps the lane from working, in words for who configures it.
pub async fn check(config: &Config) -> Result<(), CheckError> {
    let mut client = Client::new(config, Clock::system())?;
    client.log_in().await.map_err(|error| CheckError::LogIn(error.to_string()))
}

/// Why a call came to nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum CallError {
    /// There is no session: the call itself was not made, or its first try was refused for the token.
    #[error("logging in to Mywellness: {0}")]
    LogIn(Failure),
    /// The call was made.
    #[error("{action} at Mywellness: {failure}")]
    Call {
        /// Its name.
        action: &'static str,
        /// What is known of its effect.
        failure: Failure,
    },
}

/// The right to make one call: its holder is logged in and has waited for the pace. Taken before a row is committed
/// as in flight, so that a crash while waiting leaves no doubt about the row.
#[must_use]
pub(super) struct Permit(());

/// A client of one facility.
pub(super) struct Client {
    http: reqwest::Client,
    /// Base address and facility slug; the parts of an action's path follow.
    facility: Url,
    application_id: String,
    api_key: SecretString,
    username: String,
    password: SecretString,
    facility_slug: String,
    request_timeout: Duration,
    pace: DefaultDirectRateLimiter,
    clock: Clock,
    session: Option<Session>,
    /// Mywellness asked to be left alone until then.
    resting_until: Option<Uptime>,
}

struct Session {
    token: SecretString,
    facility_id: String,
    renew_at: Uptime,
}

impl Client {
    /// A client that has not logged in. A TLS provider must be installed in the process.
    pub(super) fn new(config: &Config, clock: Clock) -> Result<Self, BadSetup> {
        let facility = reach::address(config)?;
        let between_calls = Duration::from_secs(1) / config.requests_per_second.get();
        let quota = Quota::with_period(between_calls).expect("a second in at most four billion parts is not zero");
        Ok(Self {
            http: reach::http(config, &facility)?,
            facility,
            application_id: config.application_id.clone(),
            api_key: config.api_key.clone(),
            username: config.username.clone(),
            password: config.password.clone(),
            facility_slug: config.facility_url.clone(),
            request_timeout: config.request_timeout,
            pace: RateLimiter::direct(quota),
            clock,
            session: None,
            resting_until: None,
        })
    }

    /// Begins a new session there. Without effect on any record, and so the way to find out whether it is reached.
    pub(super) async fn log_in(&mut self) -> Result<(), CallError> {
        self.session = None;
        self.rest_is_over()?;
        self.pace.until_ready().await;
        let body = LoginBody {
            api_key: self.api_key.expose_secret(),
            username: &self.username,
            password: self.password.expose_secret(),
        };
        let body = serde_json::to_vec(&body).expect("a body of ours is plain data");
        let application = self.application_id.clone();
        let answer = self.post(Action::LogIn { application: &application }, "", body).await;
        self.session = Some(answer.and_then(|answer| self.entered(answer)).map_err(CallError::LogIn)?);
        LoggedIn.tell();
        Ok(())
    }

    /// Waits until one more call may be made; logs in if there is no session or it is about to end.
    pub(super) async fn permit(&mut self) -> Result<Permit, CallError> {
        let now = self.clock.now().uptime;
        if self.session.as_ref().is_none_or(|session| session.renew_at <= now) {
            self.log_in().await?;
        }
        self.rest_is_over()?;
        self.pace.until_ready().await;
        Ok(Permit(()))
    }

    /// Asks one thing and returns `data`, null if the answer had none. If the session is refused, or a web page answers,
    /// logs in and asks once more: neither has reached the service.
    pub(super) async fn call(
        &mut self,
        _permit: Permit,
        action: Action<'_>,
        body: &impl Serialize,
    ) -> Result<Value, CallError> {
        let first = self.ask(action, body).await;
        let answer = match first {
            Err(Failure::TokenRefused | Failure::WebPage(_)) => {
                self.session = None;
                let _again = self.permit().await?;
                self.ask(action, body).await
            }
            other => other,
        };
        answer.map_err(|failure| CallError::Call { action: action.name(), failure })
    }

    async fn ask(&mut self, action: Action<'_>, body: &impl Serialize) -> Result<Value, Failure> {
        let Some(Session { token, facility_id, .. }) = &self.session else { return Err(Failure::TokenRefused) };
        let body = WithToken { body, token: token.expose_secret() };
        let body = serde_json::to_vec(&body).expect("a body of ours is plain data");
        let facility_id = facility_id.clone();
        let answer = self.post(action, &facility_id, body).await?;
        if let (Some(session), Some(token)) = (&mut self.session, answer.token) {
            session.token = token;
        }
        answer.data
    }

    async fn post(&mut self, action: Action<'_>, facility_id: &str, body: Vec<u8>) -> Result<Answer, Failure> {
        let mut url = self.facility.clone();
        url.path_segments_mut().expect("the address was built from parts").extend(action.path(facility_id));
        let started = self.clock.now().uptime;
        let method = match action.method() {
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
        };
        let answer = match self.exchange(method, url, body).await {
            Ok(raw) => Ok(answer::read(&raw)),
            Err(error) => Err(self.unanswered(error)),
        };
        let failure = match &answer {
            Ok(answer) => answer.data.as_ref().err(),
            Err(failure) => Some(failure),
        };
        CallMade { action: action.name(), failure, took: self.clock.now().uptime.since(started) }.tell();
        if let Some(Failure::Throttled { retry_after: Some(wait), .. }) = failure {
            self.resting_until = Some(self.clock.now().uptime.after(*wait));
        }
        answer
    }

    async fn exchange(&self, method: reqwest::Method, url: Url, body: Vec<u8>) -> Result<Raw, reqwest::Error> {
        let mut response = self.http.request(method, url).body(body).send().await?;
        let header = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let wall = self.clock.now().wall;
        let mut raw = Raw {
            status: response.status().as_u16(),
            content_type: header(CONTENT_TYPE).map(str::to_ascii_lowercase),
            retry_after: header(RETRY_AFTER).and_then(|text| retry_after(text, wall)),
            body: Vec::new(),
        };
        while let Some(chunk) = response.chunk().await? {
            let room = ANSWER_BYTES_MAX - raw.body.len();
            raw.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            // An answer cut off here is no JSON and is treated as what cannot be understood.
            if chunk.len() > room {
                break;
            }
        }
        Ok(raw)
    }

    /// An answer that is not whole: whether the request left decides what it means.
    fn unanswered(&self, error: reqwest::Error) -> Failure {
        if error.is_connect() || error.is_builder() {
            return Failure::NotSent(root_cause(&error));
        }
        if error.is_timeout() {
            return Failure::Silent(self.request_timeout);
        }
        Failure::Lost(root_cause(&error))
    }

    fn entered(&self, answer: Answer) -> Result<Session, Failure> {
        let data = match answer.data {
            // Whatever a login is refused for is a matter of the installation, never of a row.
            Err(Failure::Refused(why)) => return Err(Failure::NotTrusted(why)),
            Err(Failure::TokenRefused) => return Err(Failure::NotTrusted("status 401 or TokenNotValid".into())),
            Err(Failure::Throttled { status: 403, .. }) => return Err(Failure::NotTrusted("status 403".into())),
            other => other?,
        };
        if let Some(result) = answer::result(&data).filter(|result| *result != "Success") {
            return Err(Failure::NotTrusted(format!("result {result}")));
        }
        let token = answer.token.ok_or(Failure::Garbled("it has no token"))?;
        let facility_id = facility_id(&data, &self.facility_slug).ok_or(Failure::Garbled("it names no facility"))?;
        // A sixth of a token's life is left for the call under way, as with 25 of 30 minutes.
        let lifetime = answer.lifetime.map_or(RENEW_AFTER, |whole| RENEW_AFTER.min(whole / 6 * 5));
        Ok(Session { token, facility_id, renew_at: self.clock.now().uptime.after(lifetime) })
    }

    fn rest_is_over(&self) -> Result<(), CallError> {
        let now = self.clock.now().uptime;
        match self.resting_until {
            Some(until) if now < until => {
                let left = Duration::from_secs(until.since(now).as_secs() + 1);
                Err(CallError::LogIn(Failure::NotSent(format!("it asked to be left alone for {left:?} more"))))
            }
            _ => Ok(()),
        }
    }
}

/// The facility with our slug, or the first: an integration user belongs to one.
fn facility_id(data: &Value, slug: &str) -> Option<String> {
    let facilities = data.get("facilities")?.as_array()?;
    let is_ours = |facility: &&Value| facility.get("url").and_then(Value::as_str) == Some(slug);
    answer::id(facilities.iter().find(is_ours).or(facilities.first())?, "id")
}

#[cfg(test)]
mod tests;

//! How Mywellness is reached, and by which rules it is told of people.

use std::num::NonZeroU32;
use std::time::Duration;

use secrecy::SecretString;

use super::Actions;
use crate::sync::Rules;

/// `[mywellness]`.
#[derive(Clone, Debug)]
pub struct Config {
    /// Scheme, host and port, without a final slash.
    pub base_url: String,
    /// The facility's slug, first part of every path.
    pub facility_url: String,
    /// `X-MWAPPS-APIKEY`.
    pub api_key: SecretString,
    /// The integration user.
    pub username: String,
    /// Their password.
    pub password: SecretString,
    /// The application id in the login path.
    pub application_id: String,
    /// Most requests a second.
    pub requests_per_second: NonZeroU32,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// What happens to a visit whose answer was lost.
    pub on_lost_answer: OnLostAnswer,
    /// When everybody is compared with what was told last, local time.
    pub compare_at: jiff::civil::Time,
    /// Who is told of, and what.
    pub rules: Rules,
    /// Calls that no public document describes.
    pub actions: Actions,
}

/// What happens to a visit whose answer was lost: Mywellness is not known to dedupe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnLostAnswer {
    /// Sent again, and flagged in its history.
    Resend,
    /// Left for an operator.
    Park,
}

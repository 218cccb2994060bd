//! How Mywellness is reached, and whom it is told about.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use secrecy::SecretString;

use super::Actions;
use crate::domain::FactKind;

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
    /// Automatic, or after an operator's step.
    pub mode: Mode,
    /// What is sent.
    pub send: Vec<FactKind>,
    /// What happens to a visit whose answer was lost.
    pub on_lost_answer: OnLostAnswer,
    /// Group name here → id there.
    pub group_ids: BTreeMap<String, i64>,
    /// Whether an e-mail address is required.
    pub email_required: bool,
    /// Whether the gender is required.
    pub gender_required: bool,
    /// Who is sent.
    pub selection: Selection,
    /// Calls that no public document describes.
    pub actions: Actions,
}

/// Automatic, or after an operator's step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// By itself.
    Automatic,
    /// An operator approves each person first.
    Operator,
}

/// What happens to a visit whose answer was lost: Mywellness is not known to dedupe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnLostAnswer {
    /// Sent again, and flagged in its history.
    Resend,
    /// Left for an operator.
    Park,
}

/// Who is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Selection {
    /// People with an active subscription whose product gives membership.
    Members,
    /// People of a group.
    Group(String),
    /// People of a category.
    Category(String),
    /// Everyone.
    Everyone,
}

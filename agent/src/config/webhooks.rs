//! `[[webhook]]`: receivers of events over HTTP.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::addresses::hook;
use super::files::{SecretKeys, Surroundings, certificate_file};
use super::problem::Place;
use super::section::{Fault, Section};
use super::tree::Node;
use super::values::{choice, duration, list, text};
use crate::domain::{BadName, FactKind, LaneId, SiteId};
use crate::webhook::{self, Key};

/// Shortest and longest time one request may take.
const REQUEST_TIMEOUT_MIN: Duration = Duration::from_secs(1);
const REQUEST_TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// How long one may take unless told otherwise: what Standard Webhooks advises receivers to stay under.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// Keys at once: an old one and a new one.
const KEYS_MAX: usize = 2;

/// The secret of a webhook, out or in.
pub(super) const SECRET: SecretKeys = SecretKeys { inline: "secret", file: "secret_file", env: "secret_env" };

const EVENTS: [(&str, FactKind); 4] = [
    ("visit", FactKind::Visit),
    ("attendance", FactKind::Attendance),
    ("passage", FactKind::Passage),
    ("alarm", FactKind::Alarm),
];

/// A webhook with the places that other checks point at.
pub(super) struct WebhookDraft {
    pub(super) id: Option<String>,
    pub(super) id_place: Place,
    pub(super) config: Option<webhook::Config>,
}

/// Reads one `[[webhook]]`.
pub(super) fn webhook(mut section: Section<'_>, site: Option<&SiteId>, around: &Surroundings) -> WebhookDraft {
    let id_place = section.place("id");
    let lane = section.required("id", "id = \"central\"", lane);
    let id = section.text_of("id").map(str::to_owned);
    // Its path or its query may be what the receiver knows its senders by.
    section.hide("url");
    let url = section.required("url", "url = \"https://central.example.org/hooks/varco\"", hook);
    let keys = keys(&mut section, around);
    let facts = section.or("events", vec![FactKind::Visit, FactKind::Attendance], events);
    let request_timeout =
        section.or("request_timeout", REQUEST_TIMEOUT, duration(REQUEST_TIMEOUT_MIN..=REQUEST_TIMEOUT_MAX));
    let ca_file = certificate_file(&mut section, "ca_file", around);
    if url.as_ref().is_some_and(|url| url.starts_with("http:")) {
        section.refuse(&["ca_file"], "is for TLS", "write url = \"https://…\", or remove it");
    }
    section.finish();
    let config = || {
        let (lane, url, keys, site) = (lane?, url?, keys?, site?.clone());
        Some(webhook::Config { lane, url, keys, facts, site, request_timeout, ca_file })
    };
    WebhookDraft { id, id_place, config: config() }
}

/// The lane of a webhook's id; both are names.
fn lane(node: &Node) -> Result<LaneId, Fault> {
    let id = text(node)?;
    let named = id.parse::<LaneId>().and_then(|_| format!("webhook-{id}").parse());
    named.map_err(|BadName(_, mend)| Fault::new(format!("{id:?} is not a name, or too long a one"), mend))
}

/// The keys of one secret, old and new separated by a space.
pub(super) fn keys(section: &mut Section<'_>, around: &Surroundings) -> Option<Vec<Key>> {
    let secret: SecretString = SECRET.require(section, around)?;
    let written: Vec<_> = secret.expose_secret().split_whitespace().map(str::parse).collect();
    let key = if section.has(SECRET.file) { SECRET.file } else { SECRET.env };
    match written.into_iter().collect::<Result<Vec<Key>, _>>() {
        Ok(keys) if keys.len() <= KEYS_MAX => Some(keys),
        Ok(_) => {
            let mend = "keep the secret, or an old and a new one separated by a space";
            section.problem(key, format!("it holds more than {KEYS_MAX} secrets"), mend);
            None
        }
        Err(bad) => {
            section.problem(key, bad.to_string(), "make one: echo \"whsec_$(openssl rand -base64 32)\"");
            None
        }
    }
}

/// Each kind once, in the order of the file.
fn events(node: &Node) -> Result<Vec<FactKind>, Fault> {
    let mut kinds: Vec<FactKind> = Vec::new();
    for kind in list(choice_of_event)(node)? {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    if kinds.is_empty() { Err(Fault::new("no event is named", "write events = [\"visit\"]")) } else { Ok(kinds) }
}

fn choice_of_event(node: &Node) -> Result<FactKind, Fault> {
    choice(&EVENTS)(node)
}

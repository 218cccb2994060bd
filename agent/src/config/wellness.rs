//! `[mywellness]`: how Technogym's cloud is reached, and whom it is told about.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use super::actions::{actions, taken_back};
use super::addresses::{hide_login_in, web};
use super::files::{PASSWORD, SecretKeys, Surroundings};
use super::section::{Fault, Section};
use super::tree::{Entry, Node, Value};
use super::values::{choice, duration, flag, list, text, time_of_day, whole, wrong_kind};
use crate::domain::FactKind;
use crate::mywellness::{self, OnLostAnswer};
use crate::sync::{GroupMaster, Mode, Rules, Selection};

/// Shortest and longest time one request may take.
const REQUEST_TIMEOUT_MIN: Duration = Duration::from_millis(100);
const REQUEST_TIMEOUT_MAX: Duration = Duration::from_secs(300);
/// Most requests a second: far above what Mywellness is known to allow.
const REQUESTS_PER_SECOND_MAX: u32 = 10_000;
/// The application that signs in: the id that independent public integrations use.
const APPLICATION_ID: &str = "69295ed5-a53c-434b-8518-f2e0b5f05b28";

const API_KEY: SecretKeys = SecretKeys { inline: "api_key", file: "api_key_file", env: "api_key_env" };

/// When everybody is compared: the quietest hour of a club.
const COMPARE_AT: jiff::civil::Time = jiff::civil::time(3, 0, 0, 0);

const MODES: [(&str, Mode); 2] = [("automatic", Mode::Automatic), ("operator", Mode::Operator)];
const ON_LOST_ANSWER: [(&str, OnLostAnswer); 2] = [("resend", OnLostAnswer::Resend), ("park", OnLostAnswer::Park)];
const SENDABLE: [(&str, FactKind); 7] = [
    ("people", FactKind::Person),
    ("memberships", FactKind::Membership),
    ("groups", FactKind::Groups),
    ("visits", FactKind::Visit),
    ("photos", FactKind::Photo),
    ("badges", FactKind::Badge),
    ("attendance", FactKind::Attendance),
];
/// What is sent unless the file says otherwise: what needs no action of the club's own.
const SENT: [FactKind; 4] = [FactKind::Person, FactKind::Membership, FactKind::Groups, FactKind::Visit];

/// Reads `[mywellness]`.
pub(super) fn mywellness(mut section: Section<'_>, around: &Surroundings) -> Option<mywellness::Config> {
    hide_login_in(&section, "base_url");
    let base_url = section.or("base_url", "https://api.mywellness.com".into(), web);
    let facility_url = section.required("facility_url", "facility_url = \"clubmilano\"", facility_url);
    let api_key = API_KEY.require(&mut section, around);
    let username = section.required("username", "username = \"…\", the integration user", text);
    let password = PASSWORD.require(&mut section, around);
    let application_id = section.or("application_id", APPLICATION_ID.into(), text);
    let requests_per_second = section.or("requests_per_second", 1, whole(1..=REQUESTS_PER_SECOND_MAX));
    let request_timeout =
        section.or("request_timeout", Duration::from_secs(30), duration(REQUEST_TIMEOUT_MIN..=REQUEST_TIMEOUT_MAX));
    let mode = section.or("mode", Mode::Automatic, choice(&MODES));
    let send = section.or("send", SENT.to_vec(), sent_kinds);
    let on_lost_answer = section.or("on_lost_answer", OnLostAnswer::Resend, choice(&ON_LOST_ANSWER));
    let group_ids = section.or("group_ids", BTreeMap::new(), group_ids);
    let group_master = match section.or("group_master", true, flag) {
        true => GroupMaster::On,
        false => GroupMaster::Off,
    };
    let compare_at = section.or("compare_at", COMPARE_AT, time_of_day);
    let selection = section.section("selection").map_or(Some(Selection::Members), selection);
    let (email_required, gender_required) = required(&mut section);
    let actions = actions(&mut section, &send);
    section.finish();
    Some(mywellness::Config {
        base_url,
        facility_url: facility_url?,
        api_key: api_key?,
        username: username?,
        password: password?,
        application_id,
        requests_per_second: NonZeroU32::new(requests_per_second)?,
        request_timeout,
        on_lost_answer,
        compare_at,
        rules: Rules {
            mode,
            send,
            takes_back: taken_back(&actions),
            group_ids,
            group_master,
            email_required,
            gender_required,
            selection: selection?,
        },
        actions,
    })
}

/// The first part of every path, as in `https://www.mywellness.com/clubmilano`.
fn facility_url(node: &Node) -> Result<String, Fault> {
    let slug = text(node)?;
    let fits = slug.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    let mend = "write only the club's own part of its Mywellness address, as in \"clubmilano\"";
    if fits { Ok(slug) } else { Err(Fault::new(format!("{slug:?} is no facility's name"), mend)) }
}

/// Each kind once, in the order of the file.
fn sent_kinds(node: &Node) -> Result<Vec<FactKind>, Fault> {
    let mut kinds = list(|node: &Node| choice(&SENDABLE)(node))(node)?;
    let mut seen = Vec::new();
    kinds.retain(|kind| {
        !seen.contains(kind) && {
            seen.push(*kind);
            true
        }
    });
    Ok(kinds)
}

/// `{ Gold = 12 }`.
fn group_ids(node: &Node) -> Result<BTreeMap<String, i64>, Fault> {
    let Value::Table(entries) = &node.value else { return Err(wrong_kind(node, "{ Gold = 12 }")) };
    let one = |entry: &Entry| {
        let id =
            whole(1..=i64::MAX)(&entry.node).map_err(|fault| Fault { at: Some(entry.node.span.clone()), ..fault })?;
        Ok((entry.key.clone(), id))
    };
    entries.iter().map(one).collect()
}

#[derive(Clone, Copy)]
enum SelectedBy {
    Members,
    Group,
    Category,
    Everyone,
}

const SELECTIONS: [(&str, SelectedBy); 4] = [
    ("members", SelectedBy::Members),
    ("group", SelectedBy::Group),
    ("category", SelectedBy::Category),
    ("everyone", SelectedBy::Everyone),
];

fn selection(mut section: Section<'_>) -> Option<Selection> {
    let mode = section.or("mode", SelectedBy::Members, choice(&SELECTIONS));
    let (group, category) = (section.optional("group", text), section.optional("category", text));
    let selection = match mode {
        SelectedBy::Members => Some(Selection::Members),
        SelectedBy::Everyone => Some(Selection::Everyone),
        SelectedBy::Group => {
            if !section.has("group") {
                section.missing("group", "group = \"…\", the group's name");
            }
            group.map(Selection::Group)
        }
        SelectedBy::Category => {
            if !section.has("category") {
                section.missing("category", "category = \"…\", the category's name");
            }
            category.map(Selection::Category)
        }
    };
    section.finish();
    selection
}

/// Whether e-mail and gender are required. Both are unless told otherwise: Mywellness's partners differ on gender.
fn required(mywellness: &mut Section<'_>) -> (bool, bool) {
    let Some(mut section) = mywellness.section("required") else { return (true, true) };
    let required = (section.or("email", true, flag), section.or("gender", true, flag));
    section.finish();
    required
}

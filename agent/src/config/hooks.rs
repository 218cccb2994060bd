//! `[[hook]]`: systems that tell us something by webhooks of theirs.

use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::actions::json_pointer;
use super::files::Surroundings;
use super::problem::Place;
use super::section::{Fault, Section};
use super::tree::Node;
use super::values::{choice, text};
use super::webhooks::{SECRET, keys};
use crate::console::{Hook, Proof};
use crate::domain::{BadName, LaneId, Site};
use crate::mywellness::{self, ClassEvent, ClassForm, Ear, EventAt, UserIs};

/// Shortest secret in an address, in characters: nobody guesses a hundred bits.
const PATH_SECRET_CHARS_MIN: usize = 24;

/// A hook with the places that other checks point at.
pub(super) struct HookDraft {
    pub(super) id: Option<String>,
    pub(super) id_place: Place,
    pub(super) hook: Option<Hook>,
}

#[derive(Clone, Copy)]
enum ProvenBy {
    Signature,
    Path,
}

const EVENTS: [(&str, ClassEvent); 3] =
    [("booked", ClassEvent::Booked), ("unbooked", ClassEvent::Unbooked), ("changed", ClassEvent::Changed)];
const USERS: [(&str, UserIs); 4] = [
    ("facility_user_id", UserIs::FacilityUser),
    ("user_id", UserIs::User),
    ("permanent_token", UserIs::Token),
    ("external_id", UserIs::External),
];
const PROOFS: [(&str, ProvenBy); 2] = [("signature", ProvenBy::Signature), ("path", ProvenBy::Path)];

/// Reads one `[[hook]]`; Mywellness is the only sender so far, and its news are about what `[mywellness]` names.
pub(super) fn hook(
    mut section: Section<'_>,
    (site, mywellness): (Option<&Site>, Option<&mywellness::Config>),
    around: &Surroundings,
) -> HookDraft {
    let id_place = section.place("id");
    let id = section.required("id", "id = \"mywellness\"", name);
    section.required("from", "from = \"mywellness\"", choice(&[("mywellness", ())]));
    let proof = match section.or("proof", ProvenBy::Signature, choice(&PROOFS)) {
        ProvenBy::Signature => keys(&mut section, around).map(Proof::Signature),
        ProvenBy::Path => path_secret(&mut section, around),
    };
    if mywellness.is_none() && section.is_sound("from") {
        section.problem("from", "there is no good [mywellness] to take news for", "write [mywellness] as well");
    }
    let classes = section.section("class").map(class_form);
    section.finish();
    let hook = || {
        let (site, mywellness) = (site?, mywellness?);
        let lane: LaneId = "mywellness".parse().expect("a name of a-z");
        let (facility_url, rules) = (mywellness.facility_url.clone(), mywellness.rules.clone());
        let ear = Ear { lane, facility_url, rules, timezone: site.timezone.clone(), classes: classes.clone() };
        Some(Hook { id: id.clone()?, proof: proof?, ear })
    };
    HookDraft { hook: hook(), id, id_place }
}

/// Reads `[hook.class]`: where the values of a class's news stand.
fn class_form(mut section: Section<'_>) -> ClassForm {
    let usual = ClassForm::default();
    let form = ClassForm {
        event: event(&mut section, usual.event),
        activity: section.or("activity", usual.activity, json_pointer),
        day: section.or("day", usual.day, json_pointer),
        user: section.or("user", usual.user, json_pointer),
        user_is: section.or("user_is", usual.user_is, choice(&USERS)),
        at: section.or("at", usual.at, json_pointer),
        id: section.optional("id", json_pointer),
        starts_at: section.optional("starts_at", json_pointer),
        ends_at: section.optional("ends_at", json_pointer),
    };
    section.finish();
    form
}

/// Three words at a pointer; or one event always, where Mywellness posts each to an address of its own.
fn event(section: &mut Section<'_>, usual: EventAt) -> EventAt {
    let EventAt::Pointer { pointer, words: [booked, unbooked, changed] } = usual else { return usual };
    let always = section.optional("always", choice(&EVENTS));
    if section.has("always") {
        section.refuse(&["event", "booked", "unbooked", "changed"], "has no use beside `always`", "write one of them");
    }
    let pointer = section.or("event", pointer, json_pointer);
    let words = [
        section.or("booked", booked, text),
        section.or("unbooked", unbooked, text),
        section.or("changed", changed, text),
    ];
    always.map_or(EventAt::Pointer { pointer, words }, EventAt::Always)
}

/// A name like those of lanes: it stands in an address.
fn name(node: &Node) -> Result<String, Fault> {
    let id = text(node)?;
    match id.parse::<LaneId>() {
        Ok(_) => Ok(id),
        Err(BadName(_, mend)) => Err(Fault::new(format!("{id:?} is not a name"), mend)),
    }
}

fn path_secret(section: &mut Section<'_>, around: &Surroundings) -> Option<Proof> {
    let secret = SECRET.require(section, around)?;
    let secret = secret.expose_secret();
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if secret.len() >= PATH_SECRET_CHARS_MIN && secret.chars().all(is_safe) {
        return Some(Proof::Path(Sha256::digest(secret.as_bytes()).into()));
    }
    let key = if section.has(SECRET.file) { SECRET.file } else { SECRET.env };
    let what = format!("a secret in an address has at least {PATH_SECRET_CHARS_MIN} letters, digits, - and _");
    section.problem(key, what, "make one: openssl rand -hex 24");
    None
}

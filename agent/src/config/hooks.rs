//! `[[hook]]`: systems that tell us something by webhooks of theirs.

use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::files::Surroundings;
use super::problem::Place;
use super::section::{Fault, Section};
use super::tree::Node;
use super::values::{choice, text};
use super::webhooks::{SECRET, keys};
use crate::console::{Hook, Proof};
use crate::domain::{BadName, LaneId};
use crate::mywellness::{self, Ear};

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

const PROOFS: [(&str, ProvenBy); 2] = [("signature", ProvenBy::Signature), ("path", ProvenBy::Path)];

/// Reads one `[[hook]]`; Mywellness is the only sender so far, and its news are about what `[mywellness]` names.
pub(super) fn hook(
    mut section: Section<'_>,
    mywellness: Option<&mywellness::Config>,
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
    section.finish();
    let hook = || {
        let mywellness = mywellness?;
        let lane: LaneId = "mywellness".parse().expect("a name of a-z");
        let ear = Ear { lane, facility_url: mywellness.facility_url.clone(), rules: mywellness.rules.clone() };
        Some(Hook { id: id.clone()?, proof: proof?, ear })
    };
    HookDraft { hook: hook(), id, id_place }
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

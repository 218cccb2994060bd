//! News that somebody was made known at the club.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Doubt, Ear, Heard, NoNews};
use crate::domain::{ExternalId, FactKind};
use crate::store::{NameThere, StoreError, Tx};
use crate::sync::{Approval, Mode};

/// Who made a user that we made.
const OURS: &str = "thirdparties";
/// Longest id, in bytes: theirs are GUIDs.
const ID_BYTES_MAX: usize = 64;

/// "Facility User Creation".
#[derive(Deserialize)]
struct UserMade {
    facility_url: Option<String>,
    facility_user_id: Option<String>,
    #[serde(rename = "facility_user_externalId")]
    external_id: Option<String>,
    by_application: Option<String>,
}

/// Somebody was made known.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Made {
    pub(super) user: String,
    pub(super) external_id: Option<ExternalId>,
    pub(super) is_ours: bool,
}

impl Made {
    pub(super) fn read(said: serde_json::Value, facility_url: &str) -> Result<Self, NoNews> {
        let made: UserMade =
            serde_json::from_value(said).map_err(|_| NoNews::at(".", "is no creation of a facility user in JSON"))?;
        if made.facility_url.as_deref() != Some(facility_url) {
            return Err(NoNews::at("facility_url", "is not that of this club"));
        }
        let is_id = |id: &String| {
            (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let user = made.facility_user_id.filter(is_id);
        let user = user.ok_or_else(|| NoNews::at("facility_user_id", "is missing, or no id"))?;
        let external_id = made.external_id.filter(|text| !text.trim().is_empty());
        Ok(Self {
            user,
            // A text that can be no external id is nobody's here.
            external_id: external_id.and_then(|text| text.parse().ok()),
            is_ours: made.by_application.as_deref() == Some(OURS),
        })
    }
}

impl Ear {
    pub(super) fn act_on_creation(
        &self,
        tx: &Tx<'_>,
        made: &Made,
        now: Timestamp,
    ) -> Result<Result<Heard, Doubt>, StoreError> {
        let found = match &made.external_id {
            Some(external_id) => tx.person_id(external_id)?.map(|id| (id, external_id)),
            None => None,
        };
        let Some((person, external_id)) = found else {
            let is_known = tx.person_called(&NameThere::FacilityUser(made.user.clone()))?.is_some();
            return Ok(match (is_known, made.is_ours, made.external_id.is_some()) {
                (true, ..) => Ok(Heard::Known),
                (false, true, _) => Ok(Heard::Ours),
                (false, false, true) => Err(Doubt::of(NOBODY, None)),
                (false, false, false) => Err(Doubt::of(UNNAMED, None)),
            });
        };
        let in_doubt = |why| Ok(Err(Doubt::of(why, Some(person))));
        match tx.link(person)? {
            Some(link) if link.facility_user_id == made.user => return Ok(Ok(Heard::Known)),
            Some(_) => return in_doubt(LINKED_OTHERWISE),
            None if made.is_ours => return Ok(Ok(Heard::Ours)),
            None => {}
        }
        let approval = tx.integration(person)?.map_or(Approval::None, |it| it.approval);
        match (approval, self.rules.mode) {
            _ if !self.rules.send.contains(&FactKind::Person) => in_doubt(PEOPLE_NOT_SENT),
            (Approval::Withdrawn, _) => in_doubt(DELETED),
            (Approval::None, Mode::Operator) => in_doubt(NOT_APPROVED),
            (Approval::Given, _) | (Approval::None, Mode::Automatic) => {
                tx.enqueue(&self.lane, FactKind::Person, external_id.as_str(), Some(person), "", now)?;
                Ok(Ok(Heard::Asked))
            }
        }
    }
}

pub(in super::super) const NOBODY: &str = "made there under an external id that nobody has here: write the person down, then retry this; or \
                      discard it";
const UNNAMED: &str = "made there without an external id: write the person down here, and retry this once they are \
                       linked; or discard it";
const LINKED_OTHERWISE: &str = "made there for a person who is linked to another user: retry this once that is settled, \
                                or discard it";
const PEOPLE_NOT_SENT: &str =
    "made there for a person, and people are not in mywellness.send, so that nobody is linked";
const DELETED: &str = "made there for a person whose integration was deleted here: synchronize them, then retry this; or \
                       discard it";
const NOT_APPROVED: &str = "made there for a person who waits for an operator's step here: synchronize them, then retry \
                            this; or discard it";

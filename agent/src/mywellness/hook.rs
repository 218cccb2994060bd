//! What Mywellness tells of its own accord: that somebody was made known at the club. Who it is, is never guessed.
//!
//! The fields are those that integrators have published of the "facility user creation" webhook. It carries the user's id
//! at the club and not their id across all clubs, so that it links nobody by itself: it has the lane ask, which links
//! only who matches for certain. What cannot be acted on is a note among the parked rows of the lane; retried, it is
//! heard again as things stand then.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{ExternalId, FactKind, LaneId, OutboxRow, PersonId};
use crate::store::{Note, Noted, StoreError, Tx};
use crate::sync::{Approval, Mode, Rules};

/// Who made a user that we made.
const OURS: &str = "thirdparties";
/// Longest id, in bytes: theirs are GUIDs.
const ID_BYTES_MAX: usize = 64;

/// How a club hears Mywellness.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ear {
    /// The lane that asks there.
    pub lane: LaneId,
    /// The club's own part of its Mywellness address: others' news is none of ours.
    pub facility_url: String,
    /// Who is told of there, and after whose step.
    pub rules: Rules,
}

/// What came of a piece of news.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// They are linked as it says.
    Known,
    /// We made them ourselves; the lane that did knows the rest.
    Ours,
    /// The lane asks there, and links them if they match for certain.
    Asked,
    /// It is left for an operator, among the parked rows of the lane.
    Parked,
    /// It should be left for an operator, and too much is already: it is to be told again.
    NoRoom,
}

impl Heard {
    /// The stable word, as in answers and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Ours => "ours",
            Self::Asked => "asked",
            Self::Parked => "parked",
            Self::NoRoom => "no_room",
        }
    }
}

/// Why a document is no news for us: the field, and what is wrong with it. Nothing of the document is quoted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}: {1}")]
pub struct NoNews(pub &'static str, pub &'static str);

/// "Facility User Creation".
#[derive(Deserialize)]
struct UserMade {
    facility_url: Option<String>,
    facility_user_id: Option<String>,
    #[serde(rename = "facility_user_externalId")]
    external_id: Option<String>,
    by_application: Option<String>,
    /// News of a class names its user as well; only this tells it from a creation.
    calendar_event_id: Option<serde::de::IgnoredAny>,
}

/// A piece of news that can be acted on; also what a note keeps of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct News {
    user: String,
    external_id: Option<ExternalId>,
    is_ours: bool,
}

/// Why news cannot be acted on, for whoever deals with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Doubt {
    pub(super) why: &'static str,
    person: Option<PersonId>,
}

impl Ear {
    /// Reads what was posted.
    ///
    /// # Errors
    /// When it is no creation of a user at this club.
    pub fn read(&self, body: &[u8]) -> Result<News, NoNews> {
        let made: UserMade =
            serde_json::from_slice(body).map_err(|_| NoNews(".", "is no creation of a facility user in JSON"))?;
        if made.calendar_event_id.is_some() {
            return Err(NoNews(
                "calendar_event_id",
                "is of news of a class; this hook takes creations of facility users",
            ));
        }
        if made.facility_url.as_deref() != Some(&self.facility_url) {
            return Err(NoNews("facility_url", "is not that of this club"));
        }
        let is_id = |id: &String| {
            (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let user = made.facility_user_id.filter(is_id).ok_or(NoNews("facility_user_id", "is missing, or no id"))?;
        let external_id = made.external_id.filter(|text| !text.trim().is_empty());
        Ok(News {
            user,
            // A text that can be no external id is nobody's here.
            external_id: external_id.and_then(|text| text.parse().ok()),
            is_ours: made.by_application.as_deref() == Some(OURS),
        })
    }

    /// Does what follows from a piece of news, or leaves it for an operator.
    ///
    /// # Errors
    /// When the store cannot.
    pub fn hear(&self, tx: &Tx<'_>, news: &News, now: Timestamp) -> Result<Heard, StoreError> {
        let Doubt { why, person } = match self.act(tx, news, now)? {
            Ok(heard) => return Ok(heard),
            Err(doubt) => doubt,
        };
        let body = serde_json::to_string(news).expect("news have only texts as keys");
        let note = Note { kind: FactKind::Person, key: &news.user, person, body: &body };
        Ok(match tx.park_note(&self.lane, &note, why, now)? {
            Noted::Parked => Heard::Parked,
            Noted::Full => Heard::NoRoom,
        })
    }

    /// Does what follows from a piece of news, as things stand. A doubt changed nothing.
    pub(super) fn act(&self, tx: &Tx<'_>, news: &News, now: Timestamp) -> Result<Result<Heard, Doubt>, StoreError> {
        let found = match &news.external_id {
            Some(external_id) => tx.person_id(external_id)?.map(|id| (id, external_id)),
            None => None,
        };
        let Some((person, external_id)) = found else {
            let (is_known, is_named) = (tx.person_of_user(&news.user)?.is_some(), news.external_id.is_some());
            return Ok(match (is_known, news.is_ours, is_named) {
                (true, ..) => Ok(Heard::Known),
                (false, true, _) => Ok(Heard::Ours),
                (false, false, true) => Err(Doubt { why: NOBODY, person: None }),
                (false, false, false) => Err(Doubt { why: UNNAMED, person: None }),
            });
        };
        let in_doubt = |why| Ok(Err(Doubt { why, person: Some(person) }));
        match tx.link(person)? {
            Some(link) if link.facility_user_id == news.user => return Ok(Ok(Heard::Known)),
            Some(_) => return in_doubt(LINKED_OTHERWISE),
            None if news.is_ours => return Ok(Ok(Heard::Ours)),
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

pub(super) const NOBODY: &str = "made there under an external id that nobody has here: write the person down, then retry this; or \
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

/// The news of a note; none: the row is no note. Marks of people have no body.
pub(super) fn noted(row: &OutboxRow) -> Option<Result<News, serde_json::Error>> {
    (row.kind == FactKind::Person && !row.body.is_empty()).then(|| serde_json::from_str(&row.body))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::pretend;
    use super::*;

    fn ear() -> Ear {
        Ear { lane: "mywellness".parse().unwrap(), facility_url: "clubmilano".into(), rules: pretend::rules() }
    }

    #[test]
    fn a_creation_names_the_user_and_perhaps_the_person() {
        let mut body = json!({"facility_url": "clubmilano", "facility_name": "Club", "facility_lat": 45.4, "facility_lon": 9.1,
            "facility_user_status": 10, "facility_user_id": "2f4a-82ff", "facility_user_externalId": "M-1001",
            "when_utc": "2026-11-21T08:00:00Z", "by_application": "prescribe"});
        let read = |body: &serde_json::Value| ear().read(body.to_string().as_bytes());
        let news = News { user: "2f4a-82ff".into(), external_id: Some("M-1001".parse().unwrap()), is_ours: false };
        assert_eq!(read(&body), Ok(news.clone()));
        (body["facility_user_externalId"], body["by_application"]) = (json!(""), json!("thirdparties"));
        assert_eq!(read(&body), Ok(News { external_id: None, is_ours: true, ..news }));
        body["facility_user_id"] = json!("../x");
        assert_eq!(read(&body).unwrap_err().0, "facility_user_id");
        body["facility_url"] = json!("clubroma");
        assert_eq!(read(&body).unwrap_err().0, "facility_url");
        assert_eq!(read(&json!({})).unwrap_err().0, "facility_url");
        assert_eq!(ear().read(b"[]").unwrap_err().0, ".");
    }

    #[test]
    fn somebody_who_books_a_class_is_not_made_known_by_it() {
        let booked = json!({"facility_url": "clubmilano", "facility_user_id": "2f4a-82ff", "calendar_event_id": "7",
            "calendar_event_partition_date": 20261122});
        assert_eq!(ear().read(booked.to_string().as_bytes()).unwrap_err().0, "calendar_event_id");
    }

    proptest! {
        #[test]
        fn any_bytes_may_arrive(bytes: Vec<u8>) {
            let _read_or_not = ear().read(&bytes);
        }
    }
}

//! What Mywellness tells of its own accord: somebody was made known at the club; a class was booked, left or changed.
//!
//! Who is meant is never guessed. What cannot be acted on is a note among the parked rows of the lane; retried, it is
//! heard again as things stand then.
//!
//! | file | what |
//! |---|---|
//! | `made` | somebody was made known: links nobody by itself, but has the lane ask, which links only a certain match |
//! | `class` | how a club says where the values of a class's news stand, and how they are read (pure) |
//! | `booking` | what follows from a class's news |

mod booking;
mod class;
mod made;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use class::{ClassEvent, ClassForm, EventAt, Notice, UserIs};
pub use made::Made;

use crate::domain::{FactKind, LaneId, OutboxRow, PersonId};
use crate::store::{Note, Noted, StoreError, Tx};
use crate::sync::Rules;

/// How a club hears Mywellness.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ear {
    /// The lane that asks there.
    pub lane: LaneId,
    /// The club's own part of its Mywellness address: others' news is none of ours.
    pub facility_url: String,
    /// Who is told of there, and after whose step.
    pub rules: Rules,
    /// The site's: a class is told by its local day.
    pub timezone: TimeZone,
    /// Where the values of a class's news stand; none: they are not taken.
    pub classes: Option<ClassForm>,
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
    /// The booking is written down.
    Booked,
    /// The booking is taken back.
    Unbooked,
    /// The class is moved to its new time.
    Changed,
    /// Newer news of the same came before: it changes nothing.
    Overtaken,
    /// It is of an activity that no class product here is linked to; one note for each activity says so.
    Unmapped,
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
            Self::Booked => "booked",
            Self::Unbooked => "unbooked",
            Self::Changed => "changed",
            Self::Overtaken => "overtaken",
            Self::Unmapped => "unmapped",
            Self::Parked => "parked",
            Self::NoRoom => "no_room",
        }
    }
}

/// Why a document is no news for us: the field, and what is wrong with it. Nothing of the document is quoted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}: {1}")]
pub struct NoNews(pub String, pub &'static str);

impl NoNews {
    fn at(field: &str, why: &'static str) -> Self {
        Self(field.to_owned(), why)
    }
}

/// A piece of news that can be acted on; also what a note keeps of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// Somebody was made known.
    Made(Made),
    /// A class was booked, left or changed.
    Class(Notice),
}

/// How the same news is known when it comes again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sameness<'a> {
    /// By its own id.
    Id(&'a str),
    /// By all it says: a moment is in it, or it can happen but once.
    Content,
    /// Not at all: the same may happen again, and to act on it twice does no harm.
    Unknown,
}

impl News {
    /// How the same news is known when it comes again.
    #[must_use]
    pub fn sameness(&self) -> Sameness<'_> {
        match self {
            Self::Made(_) => Sameness::Content,
            Self::Class(notice) => match (&notice.id, notice.at) {
                (Some(id), _) => Sameness::Id(id),
                (None, Some(_)) => Sameness::Content,
                (None, None) => Sameness::Unknown,
            },
        }
    }

    fn kind(&self) -> FactKind {
        match self {
            Self::Made(_) => FactKind::Person,
            Self::Class(_) => FactKind::Booking,
        }
    }

    fn key(&self) -> String {
        match self {
            Self::Made(made) => made.user.clone(),
            Self::Class(notice) => notice.key(),
        }
    }

    /// When it happened, if it says so.
    fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Made(_) => None,
            Self::Class(notice) => notice.at,
        }
    }
}

/// Why news cannot be acted on, for whoever deals with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Doubt {
    pub(super) why: &'static str,
    person: Option<PersonId>,
    /// The activity that all its news share this doubt of.
    activity: Option<String>,
}

impl Doubt {
    fn of(why: &'static str, person: Option<PersonId>) -> Self {
        Self { why, person, activity: None }
    }
}

impl Ear {
    /// Reads what was posted.
    ///
    /// # Errors
    /// When it is no news of this club that is taken.
    pub fn read(&self, body: &[u8]) -> Result<News, NoNews> {
        let said: Value = serde_json::from_slice(body).map_err(|_| NoNews::at(".", "is no JSON"))?;
        match &self.classes {
            Some(form) if form.is_of_class(&said) => {
                if said.get("facility_url").is_some_and(|url| url != &self.facility_url) {
                    return Err(NoNews::at("facility_url", "is not that of this club"));
                }
                form.read(&said, &self.timezone).map(News::Class)
            }
            None if said.get("calendar_event_id").is_some() => Err(NoNews::at(
                "calendar_event_id",
                "is of news of a class, which are not taken here: [hook.class] says how",
            )),
            _ => Made::read(said, &self.facility_url).map(News::Made),
        }
    }

    /// Does what follows from a piece of news, or leaves it for an operator.
    ///
    /// # Errors
    /// When the store cannot.
    pub fn hear(&self, tx: &Tx<'_>, news: &News, now: Timestamp) -> Result<Heard, StoreError> {
        let today = now.to_zoned(self.timezone.clone()).date();
        // A class that began late yesterday may still go on.
        tx.end_notes_before(&self.lane, today.yesterday().unwrap_or(today), now)?;
        match self.act(tx, news, now)? {
            Ok(heard) => {
                self.overtake(tx, news, now)?;
                Ok(heard)
            }
            Err(doubt) => self.note(tx, news, &doubt, now),
        }
    }

    /// Does what follows from a piece of news, as things stand. A doubt leaves people, classes and bookings as they are.
    pub(super) fn act(&self, tx: &Tx<'_>, news: &News, now: Timestamp) -> Result<Result<Heard, Doubt>, StoreError> {
        match news {
            News::Made(made) => self.act_on_creation(tx, made, now),
            News::Class(notice) => self.act_on_class(tx, notice, now),
        }
    }

    /// What could be acted on leaves nothing for an operator to do about older news of the same.
    fn overtake(&self, tx: &Tx<'_>, news: &News, now: Timestamp) -> Result<(), StoreError> {
        let News::Class(_) = news else { return Ok(()) };
        let Some(parked) = tx.note_of(&self.lane, (news.kind(), &news.key()))? else { return Ok(()) };
        if is_newer(&parked.body, news) { Ok(()) } else { tx.overtake_note(parked.id, now) }
    }

    fn note(&self, tx: &Tx<'_>, news: &News, doubt: &Doubt, now: Timestamp) -> Result<Heard, StoreError> {
        let (kind, body) = (news.kind(), serde_json::to_string(news).expect("news have only texts as keys"));
        let (key, heard) = match &doubt.activity {
            Some(activity) => (activity.clone(), Heard::Unmapped),
            None => (news.key(), Heard::Parked),
        };
        if doubt.activity.is_some() && tx.note_was_discarded(&self.lane, (kind, &key))? {
            return Ok(heard);
        }
        if tx.note_of(&self.lane, (kind, &key))?.is_some_and(|parked| is_newer(&parked.body, news)) {
            return Ok(Heard::Overtaken);
        }
        let note = Note { kind, key: &key, person: doubt.person, body: &body };
        Ok(match tx.park_note(&self.lane, &note, doubt.why, now)? {
            Noted::Parked => heard,
            Noted::Full => Heard::NoRoom,
        })
    }
}

/// Whether a note's news happened after these. News that do not say when are in the order in which they come.
fn is_newer(noted: &str, news: &News) -> bool {
    let noted = serde_json::from_str::<News>(noted).ok().and_then(|noted| noted.at());
    noted.zip(news.at()).is_some_and(|(noted, heard)| noted > heard)
}

/// The news of a note; none: the row is no note. Marks of people have no body.
pub(super) fn noted(row: &OutboxRow) -> Option<Result<News, serde_json::Error>> {
    let is_note = matches!(row.kind, FactKind::Person | FactKind::Booking) && !row.body.is_empty();
    is_note.then(|| serde_json::from_str(&row.body))
}

/// For stories about retried notes.
#[cfg(test)]
pub(super) use made::NOBODY;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::pretend;
    use super::*;

    fn ear() -> Ear {
        Ear {
            lane: "mywellness".parse().unwrap(),
            facility_url: "clubmilano".into(),
            rules: pretend::rules(),
            timezone: TimeZone::get("Europe/Rome").unwrap(),
            classes: None,
        }
    }

    #[test]
    fn a_creation_names_the_user_and_perhaps_the_person() {
        let mut body = json!({"facility_url": "clubmilano", "facility_name": "Club", "facility_lat": 45.4, "facility_lon": 9.1,
            "facility_user_status": 10, "facility_user_id": "2f4a-82ff", "facility_user_externalId": "M-1001",
            "when_utc": "2026-11-21T08:00:00Z", "by_application": "prescribe"});
        let read = |body: &serde_json::Value| ear().read(body.to_string().as_bytes());
        let made = Made { user: "2f4a-82ff".into(), external_id: Some("M-1001".parse().unwrap()), is_ours: false };
        assert_eq!(read(&body), Ok(News::Made(made.clone())));
        (body["facility_user_externalId"], body["by_application"]) = (json!(""), json!("thirdparties"));
        assert_eq!(read(&body), Ok(News::Made(Made { external_id: None, is_ours: true, ..made })));
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

//! How a club says where the values of a class's news stand, and how they are read. Pure.
//!
//! Of these webhooks only `calendar_event_id` and `calendar_event_partition_date` are public. The other defaults are the
//! names that the same values have in the "facility user creation"; a club writes down what Technogym told it.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::NoNews;
use crate::store::NameThere;

/// Longest value that is taken over, in bytes: ids and tokens.
const VALUE_BYTES_MAX: usize = 256;

/// What happened to a class.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassEvent {
    /// Somebody took a place.
    Booked,
    /// Somebody left.
    Unbooked,
    /// The class itself changed.
    Changed,
}

/// What tells the three apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EventAt {
    /// One of three words at a JSON pointer.
    Pointer {
        /// Where it stands.
        pointer: String,
        /// For booked, unbooked and changed; capitals are the same as small letters.
        words: [String; 3],
    },
    /// The address: this hook is told of nothing else.
    Always(ClassEvent),
}

/// What the value at `user` is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UserIs {
    /// The user at this club.
    FacilityUser,
    /// The user, across all clubs.
    User,
    /// The token that Mywellness gave for them.
    Token,
    /// Our own key.
    External,
}

/// Where the values stand: JSON pointers into the posted document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClassForm {
    /// What happened.
    pub event: EventAt,
    /// The activity, as in a product's `mywellness_id`.
    pub activity: String,
    /// The day of the class: the number `yyyyMMdd`, or a date.
    pub day: String,
    /// Who booked or left.
    pub user: String,
    /// What that is.
    pub user_is: UserIs,
    /// When it happened; what is not there is taken to happen in the order in which it comes.
    pub at: String,
    /// The news' own id.
    pub id: Option<String>,
    /// When a changed class begins.
    pub starts_at: Option<String>,
    /// When a changed class ends; as long after the beginning as before, if it does not say.
    pub ends_at: Option<String>,
}

impl Default for ClassForm {
    fn default() -> Self {
        Self {
            event: EventAt::Pointer {
                pointer: "/event".into(),
                words: ["Booked".into(), "Unbooked".into(), "Changed".into()],
            },
            activity: "/calendar_event_id".into(),
            day: "/calendar_event_partition_date".into(),
            user: "/facility_user_id".into(),
            user_is: UserIs::FacilityUser,
            at: "/when_utc".into(),
            id: None,
            starts_at: None,
            ends_at: None,
        }
    }
}

/// A class was booked, left or changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Notice {
    pub(super) event: ClassEvent,
    pub(super) activity: String,
    pub(super) day: Date,
    pub(super) user: Option<NameThere>,
    pub(super) at: Option<Timestamp>,
    #[serde(skip)]
    pub(super) id: Option<String>,
    pub(super) starts_at: Option<Timestamp>,
    pub(super) ends_at: Option<Timestamp>,
}

impl Notice {
    /// News of one key are about the same: a person's place in a class, or the class.
    pub(super) fn key(&self) -> String {
        let who = self.user.as_ref().map_or("the class", NameThere::as_str);
        format!("{}/{}/{who}", self.activity, self.day)
    }
}

impl ClassForm {
    /// Whether a document is of a class.
    pub(super) fn is_of_class(&self, said: &Value) -> bool {
        said.pointer(&self.activity).is_some()
    }

    /// Reads a document; every value that is named and needed must be there and good.
    pub(super) fn read(&self, said: &Value, timezone: &TimeZone) -> Result<Notice, NoNews> {
        let event = self.event(said)?;
        let day = said.pointer(&self.day).and_then(day);
        Ok(Notice {
            event,
            activity: value(said, &self.activity).ok_or_else(|| NoNews::at(&self.activity, NO_VALUE))?,
            day: day.ok_or_else(|| NoNews::at(&self.day, "is no day as in 20261123"))?,
            user: self.user(said, event)?,
            at: moment(said, &self.at, &TimeZone::UTC)?,
            id: self.id.as_deref().and_then(|pointer| value(said, pointer)),
            starts_at: self.time(said, event, self.starts_at.as_deref(), timezone)?,
            ends_at: self.time(said, event, self.ends_at.as_deref(), timezone)?,
        })
    }

    fn event(&self, said: &Value) -> Result<ClassEvent, NoNews> {
        let (pointer, words) = match &self.event {
            EventAt::Always(event) => return Ok(*event),
            EventAt::Pointer { pointer, words } => (pointer, words),
        };
        let word = value(said, pointer).ok_or_else(|| NoNews::at(pointer, NO_VALUE))?;
        let which = words.iter().position(|known| known.eq_ignore_ascii_case(&word));
        let events = [ClassEvent::Booked, ClassEvent::Unbooked, ClassEvent::Changed];
        which.map(|which| events[which]).ok_or_else(|| NoNews::at(pointer, "is none of the words of [hook.class]"))
    }

    fn user(&self, said: &Value, event: ClassEvent) -> Result<Option<NameThere>, NoNews> {
        if event == ClassEvent::Changed {
            return Ok(None);
        }
        let name = value(said, &self.user).ok_or_else(|| NoNews::at(&self.user, NO_VALUE))?;
        Ok(Some(match self.user_is {
            UserIs::FacilityUser => NameThere::FacilityUser(name),
            UserIs::User => NameThere::User(name),
            UserIs::Token => NameThere::Token(name),
            UserIs::External => {
                NameThere::External(name.parse().map_err(|_| NoNews::at(&self.user, "can be no external id"))?)
            }
        }))
    }

    fn time(
        &self,
        said: &Value,
        event: ClassEvent,
        pointer: Option<&str>,
        timezone: &TimeZone,
    ) -> Result<Option<Timestamp>, NoNews> {
        match pointer {
            Some(pointer) if event == ClassEvent::Changed => moment(said, pointer, timezone),
            Some(_) | None => Ok(None),
        }
    }
}

const NO_VALUE: &str = "is missing, or no id or word; [hook.class] says where it stands";

/// A text or a whole number, as text.
fn value(said: &Value, pointer: &str) -> Option<String> {
    let text = match said.pointer(pointer)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) if number.is_u64() => number.to_string(),
        _ => return None,
    };
    ((1..=VALUE_BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control)).then_some(text)
}

fn day(said: &Value) -> Option<Date> {
    let text = match said {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    ["%Y%m%d", "%Y-%m-%d"].iter().find_map(|form| Date::strptime(form, &text).ok())
}

/// A moment, if it is there: with an offset, or else as `timezone` reads it.
fn moment(said: &Value, pointer: &str, timezone: &TimeZone) -> Result<Option<Timestamp>, NoNews> {
    let bad = || NoNews::at(pointer, "is no moment as in 2026-11-23T18:00:00+01:00");
    match said.pointer(pointer) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => when(text.trim(), timezone).ok_or_else(bad).map(Some),
        Some(_) => Err(bad()),
    }
}

fn when(text: &str, timezone: &TimeZone) -> Option<Timestamp> {
    let with_offset = || Timestamp::strptime("%Y-%m-%d %H:%M:%S %:z", text).ok();
    let local = || text.parse::<DateTime>().ok()?.to_zoned(timezone.clone()).ok().map(|zoned| zoned.timestamp());
    text.parse::<Timestamp>().ok().or_else(with_offset).or_else(local)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn rome() -> TimeZone {
        TimeZone::get("Europe/Rome").unwrap()
    }

    fn booked() -> Value {
        json!({"event": "Booked", "calendar_event_id": "act-7", "calendar_event_partition_date": 20_261_123,
            "facility_user_id": "fu-1", "when_utc": "2026-11-21T08:00:00Z"})
    }

    #[test]
    fn news_of_a_class_are_read_by_the_names_that_are_known() {
        let notice = ClassForm::default().read(&booked(), &rome()).unwrap();
        assert_eq!(notice.key(), "act-7/2026-11-23/fu-1");
        assert_eq!((notice.event, notice.at), (ClassEvent::Booked, "2026-11-21T08:00:00Z".parse().ok()));
        let said = |field: &str, value: Value| {
            let mut said = booked();
            said[field] = value;
            ClassForm::default().read(&said, &rome())
        };
        let key = |field: &str, value: Value| said(field, value).map(|notice| notice.key()).map_err(|bad| bad.0);
        assert_eq!(key("calendar_event_id", json!(7)), Ok("7/2026-11-23/fu-1".into()));
        assert_eq!(key("calendar_event_partition_date", json!("2026-11-24")), Ok("act-7/2026-11-24/fu-1".into()));
        assert_eq!(
            key("calendar_event_partition_date", json!(20_261_131)),
            Err("/calendar_event_partition_date".into())
        );
        assert_eq!(key("event", json!("Cancelled")), Err("/event".into()));
        assert_eq!(key("facility_user_id", Value::Null), Err("/facility_user_id".into()));
        assert_eq!(key("when_utc", json!("yesterday")), Err("/when_utc".into()));
        assert_eq!(said("event", json!("CHANGED")).unwrap().key(), "act-7/2026-11-23/the class");
        assert_eq!(said("when_utc", Value::Null).unwrap().at, None, "nobody has promised it");
    }

    #[test]
    fn a_club_says_where_values_stand_that_are_told_to_integrators_only() {
        let form = ClassForm {
            event: EventAt::Always(ClassEvent::Changed),
            activity: "/class/type".into(),
            day: "/class/day".into(),
            starts_at: Some("/class/from".into()),
            ends_at: Some("/class/to".into()),
            id: Some("/id".into()),
            ..ClassForm::default()
        };
        let said = json!({"id": 17, "class": {"type": "act-7", "day": "20261123", "from": "2026-11-23T18:00:00",
            "to": "2026-11-23 19:00:00 +01:00"}});
        let notice = form.read(&said, &rome()).unwrap();
        assert_eq!(notice.id.as_deref(), Some("17"));
        assert_eq!(notice.starts_at, "2026-11-23T17:00:00Z".parse().ok(), "the club's time");
        assert_eq!(notice.ends_at, "2026-11-23T18:00:00Z".parse().ok());
        assert!(form.is_of_class(&said) && !form.is_of_class(&booked()));
    }

    proptest! {
        #[test]
        fn any_values_may_stand_there(event: String, day: String, at: String, user: String) {
            let said = json!({"event": event, "calendar_event_id": user, "calendar_event_partition_date": day,
                "facility_user_id": user, "when_utc": at});
            let _read_or_not = ClassForm::default().read(&said, &rome());
        }
    }
}

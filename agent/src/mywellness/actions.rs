//! `[mywellness.actions]`: calls that no public document describes, as the club writes them down.

use serde_json::Value;

use super::template::{BodyTemplate, PathPart, PathTemplate, Placeholder, Values};

/// The calls written down; none unless configured.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Actions {
    /// Says that a member came to a class.
    pub check_in: Option<TemplatedAction>,
    /// Gives the person's photo.
    pub photo: Option<TemplatedAction>,
    /// Says that the person has no photo any more that may be published.
    pub no_photo: Option<TemplatedAction>,
    /// Gives the person's badge.
    pub badge: Option<TemplatedAction>,
    /// Says that the person has no badge any more.
    pub no_badge: Option<TemplatedAction>,
    /// Lists the activities that class products can be linked to.
    pub activities: Option<ActivitiesAction>,
}

/// How activities are listed, and where they stand in the answer's `data`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ActivitiesAction {
    /// The call.
    pub call: TemplatedAction,
    /// Where the list is, as a JSON pointer.
    pub items: String,
    /// Where an item has its id.
    pub id: String,
    /// Where an item has its name.
    pub name: String,
}

/// What a listing of activities may ask for.
pub const ACTIVITIES: &[Placeholder] = &[Placeholder::FacilityId, Placeholder::FromDay, Placeholder::ToDay];

/// What a check-in may ask for.
pub const CHECK_IN: &[Placeholder] = &[
    Placeholder::FacilityId,
    Placeholder::UserId,
    Placeholder::FacilityUserId,
    Placeholder::PermanentToken,
    Placeholder::ExternalId,
    Placeholder::ActivityId,
    Placeholder::ClassId,
    Placeholder::StartsAt,
    Placeholder::EndsAt,
    Placeholder::StartDate,
    Placeholder::PartitionDate,
    Placeholder::AttendedAt,
];

/// What giving a photo may ask for.
pub const PHOTO: &[Placeholder] = &[
    Placeholder::FacilityId,
    Placeholder::UserId,
    Placeholder::FacilityUserId,
    Placeholder::PermanentToken,
    Placeholder::ExternalId,
    Placeholder::Photo,
    Placeholder::PhotoType,
    Placeholder::PhotoTakenAt,
];

/// What taking a photo back may ask for.
pub const NO_PHOTO: &[Placeholder] = &[
    Placeholder::FacilityId,
    Placeholder::UserId,
    Placeholder::FacilityUserId,
    Placeholder::PermanentToken,
    Placeholder::ExternalId,
];

/// What giving a badge may ask for.
pub const BADGE: &[Placeholder] = &[
    Placeholder::FacilityId,
    Placeholder::UserId,
    Placeholder::FacilityUserId,
    Placeholder::PermanentToken,
    Placeholder::ExternalId,
    Placeholder::Badge,
    Placeholder::BadgeKind,
];

/// What taking a badge back may ask for: of the badge, what was told of it.
pub const NO_BADGE: &[Placeholder] = &[
    Placeholder::FacilityId,
    Placeholder::UserId,
    Placeholder::FacilityUserId,
    Placeholder::PermanentToken,
    Placeholder::ExternalId,
    Placeholder::Badge,
];

/// One call as written down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TemplatedAction {
    /// How it is asked.
    pub method: Method,
    /// Where, after the facility's own part.
    pub path: PathTemplate,
    /// What is said; the session's token is added.
    pub body: BodyTemplate,
    /// What shows that it was done.
    pub success: Success,
}

/// How a call is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Method {
    /// With POST, like all calls that are known.
    #[default]
    Post,
    /// With PUT.
    Put,
}

/// What shows that a call was done, beside a good status and no `errors`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Success {
    /// Nothing else.
    Answered,
    /// A value in the answer's `data`.
    Says {
        /// Where it stands, as a JSON pointer (RFC 6901).
        pointer: String,
        /// What it is, as text.
        value: String,
    },
}

impl Default for Success {
    fn default() -> Self {
        Self::Says { pointer: "/result".into(), value: "Success".into() }
    }
}

impl Success {
    /// Whether an answer's `data` shows it.
    pub(super) fn shows(&self, data: &Value) -> bool {
        match self {
            Self::Answered => true,
            Self::Says { pointer, value } => match data.pointer(pointer) {
                Some(Value::String(text)) => text == value,
                Some(other) => serde_json::from_str::<Value>(value).is_ok_and(|wanted| wanted == *other),
                None => false,
            },
        }
    }
}

/// A call ready to be made.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Filled {
    pub(super) method: Method,
    pub(super) path: Vec<PathPart>,
    pub(super) body: Value,
    pub(super) success: Success,
}

impl TemplatedAction {
    /// Whether it says this anywhere.
    #[must_use]
    pub fn asks_for(&self, placeholder: Placeholder) -> bool {
        self.path.asks_for(placeholder) || self.body.asks_for(placeholder)
    }

    /// The call with these values. None: a part of its path would be empty.
    pub(super) fn fill(&self, values: &Values) -> Option<Filled> {
        let Self { method, path, body, success } = self;
        Some(Filled { method: *method, path: path.fill(values)?, body: body.fill(values), success: success.clone() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_was_done_when_its_answer_says_so() {
        let data = json!({"result": "Success", "marked": true, "n": 7});
        let says =
            |pointer: &str, value: &str| Success::Says { pointer: pointer.into(), value: value.into() }.shows(&data);
        assert!(Success::default().shows(&data) && Success::Answered.shows(&Value::Null));
        assert!(says("/marked", "true") && says("/n", "7"));
        assert!(!says("/result", "Done") && !says("/nothing", "") && !Success::default().shows(&Value::Null));
    }
}

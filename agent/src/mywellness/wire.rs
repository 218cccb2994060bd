//! The documents of the third-party contract as they travel; none of these types leaves this edge.
//!
//! Field names are those of two independent integrations that agree, unless a comment says otherwise. What comes back
//! is read field by field from loose JSON, because errors, changed types and whole web pages arrive with status 200.

use serde::Serialize;

use super::actions::{Filled, Method};
use super::template::PathPart;

/// Body of `AccessIntegration`. Not `Debug`: it holds the secrets.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LoginBody<'a> {
    pub(super) api_key: &'a str,
    pub(super) username: &'a str,
    pub(super) password: &'a str,
}

/// Any later body: the session's token travels inside it. Not `Debug`: it holds the token.
#[derive(Serialize)]
pub(super) struct WithToken<'a, B> {
    #[serde(flatten)]
    pub(super) body: &'a B,
    pub(super) token: &'a str,
}

/// Body of `CreateFacilityUserFromThirdParty`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateBody {
    pub(super) external_id: String,
    pub(super) first_name: String,
    pub(super) last_name: String,
    /// `yyyy-MM-dd`.
    pub(super) date_of_birth: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gender: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<String>,
}

/// Body of `GetFacilityUserByExternalID`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct LookUpBody {
    /// The contract writes the path with `ID` and the field with `Id`.
    #[serde(rename = "externalId")]
    pub(super) external_id: String,
}

/// Body of `Update`. What is absent stays as it is there.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UpdateBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_name: Option<String>,
    /// `yyyy-MM-dd`; named differently from the create body's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) birth_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gender: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) address1: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) zip_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state_province: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) phone_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mobile_phone_number: Option<String>,
    /// Ids of groups there; the array replaces the whole set (inferred from one integration).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) groups: Option<Vec<i64>>,
}

/// Body of `SaveMembership`. One membership state per facility user: it has no id.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MembershipBody {
    /// One of six words.
    pub(super) operation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) member_since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) start_on: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires_on: Option<String>,
    pub(super) description: String,
}

/// Body of `Delete`: nothing but the token.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct DeleteBody {}

/// Body of `Visit`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VisitBody {
    /// Local time with its offset, `yyyy-MM-dd HH:mm:ss +HH:MM`.
    pub(super) visit_date: String,
}

/// What is asked of Mywellness: the last parts of a path, and the name in errors and metrics.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Action<'a> {
    LogIn {
        application: &'a str,
    },
    Create,
    LookUp,
    Update {
        facility_user: &'a str,
    },
    SaveMembership {
        facility_user: &'a str,
    },
    Delete {
        facility_user: &'a str,
    },
    Visit {
        user: &'a str,
    },
    /// A call as the club wrote it down, by its name.
    Written {
        name: &'static str,
        call: &'a Filled,
    },
}

impl<'a> Action<'a> {
    /// The parts of the path after the facility's slug.
    pub(super) fn path(self, facility_id: &'a str) -> Vec<&'a str> {
        match self {
            Self::LogIn { application } => vec!["application", application, "AccessIntegration"],
            Self::Create => vec!["core", "facility", facility_id, "CreateFacilityUserFromThirdParty"],
            Self::LookUp => vec!["core", "facility", facility_id, "GetFacilityUserByExternalID"],
            Self::Update { facility_user } => vec!["core", "facilityuser", facility_user, "Update"],
            Self::SaveMembership { facility_user } => vec!["core", "facilityuser", facility_user, "SaveMembership"],
            Self::Delete { facility_user } => vec!["core", "facilityuser", facility_user, "Delete"],
            Self::Visit { user } => vec!["core", "user", user, "Visit"],
            Self::Written { call, .. } => {
                let part = |part: &'a PathPart| match part {
                    PathPart::Text(text) => text.as_str(),
                    PathPart::FacilityId => facility_id,
                };
                call.path.iter().map(part).collect()
            }
        }
    }

    /// All that is publicly known is asked with POST.
    pub(super) fn method(self) -> Method {
        if let Self::Written { call, .. } = self { call.method } else { Method::Post }
    }

    /// The stable word, as in errors and metrics.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::LogIn { .. } => "login",
            Self::Create => "create",
            Self::LookUp => "lookup",
            Self::Update { .. } => "update",
            Self::SaveMembership { .. } => "membership",
            Self::Delete { .. } => "delete",
            Self::Visit { .. } => "visit",
            Self::Written { name, .. } => name,
        }
    }
}

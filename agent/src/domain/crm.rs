//! The words of CRM: outcomes, action types and the actions that may reach the gate.

use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::null::null_is_default;
use super::{ActionTypeId, CrmActionId, ExternalId, OutcomeId, PassageId};

/// In which of four groups an outcome lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeGroup {
    /// Not begun yet.
    NotStarted,
    /// Under way.
    InProgress,
    /// Concluded well: the action no longer acts at the gate.
    Positive,
    /// Concluded badly: the action no longer acts at the gate.
    Negative,
}

impl OutcomeGroup {
    /// Whether an action with such an outcome is concluded.
    #[must_use]
    pub fn concludes(self) -> bool {
        matches!(self, Self::Positive | Self::Negative)
    }
}

/// A result an action can have.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Its name for operators.
    pub name: String,
    /// Its group.
    pub group: OutcomeGroup,
}

/// What an open action does when its person comes to a gate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccessAction {
    /// Nothing.
    #[default]
    None,
    /// A message, if the reader has a display.
    Message,
    /// The message, and the gate stays shut, with or without a display.
    MessageAndBlock,
}

/// A kind of CRM action.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionType {
    /// Its name for operators.
    pub name: String,
    /// A colour for the console, `#rrggbb`.
    #[serde(default)]
    pub colour: Option<String>,
    /// No longer used: its open actions stop acting at gates, and no new ones are made.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schema(nullable)]
    pub obsolete: bool,
    /// The type preselected for new actions. At most one type is.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schema(nullable)]
    pub default: bool,
    /// For operators.
    #[serde(default)]
    pub description: Option<String>,
    /// What it does at a gate.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schema(nullable)]
    pub access_action: AccessAction,
    /// The kinds of device it acts on; empty: all.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schema(nullable)]
    pub device_types: Vec<String>,
    /// The text shown to the member; the action's own text is for operators.
    #[serde(default)]
    pub message: Option<String>,
    /// The outcomes its actions can have. A type without any is flagged: its actions can never be concluded.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schema(nullable)]
    pub outcomes: Vec<OutcomeId>,
}

/// Whether an action is still to be dealt with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionStatus {
    /// To be dealt with.
    Open,
    /// Its outcome lies in a concluding group.
    Concluded,
}

/// How an action is taken further.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AdvanceMode {
    /// An outcome, and nothing more.
    Close,
    /// An outcome and a note.
    CloseWithHistory,
    /// An outcome and a next action.
    Continue,
}

/// A message that a member was shown because of an action.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ShownMessage {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// At which passage.
    pub passage: PassageId,
    /// The text.
    pub text: String,
}

/// A CRM action as stored and served. Actions cannot be deleted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ActionRecord {
    /// Its id.
    pub id: CrmActionId,
    /// Whose it is; null after the person was erased.
    pub person: Option<ExternalId>,
    /// Its type.
    #[serde(rename = "type")]
    pub action_type: ActionTypeId,
    /// Who deals with it.
    pub operator: String,
    /// What is to be done, for operators.
    pub text: String,
    /// By when.
    #[schema(value_type = Option<String>, format = Date)]
    pub due_on: Option<civil::Date>,
    /// The purpose under data protection law.
    pub purpose: Option<String>,
    /// Not acting at gates after this moment.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_until: Option<Timestamp>,
    /// Its message is shown at most so many times; a block is never limited.
    pub show_limit: Option<u32>,
    /// Its outcome so far.
    pub outcome: Option<OutcomeId>,
    /// Open or concluded.
    pub status: ActionStatus,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// The action that followed it (`continue`), if any.
    pub next: Option<CrmActionId>,
    /// The note left when it was closed.
    pub note: Option<String>,
    /// What the member was shown, oldest first.
    pub shown: Vec<ShownMessage>,
}

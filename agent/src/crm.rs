//! Rules of CRM actions: which are in force at a gate, and how an action is taken further.

mod advance;
mod in_force;

pub use advance::{Advance, Advanced, Refused, advance};
pub use in_force::{Acting, in_force};

use std::fmt;

use crate::domain::{AccessAction, ActionType};

/// What an operator should know of an action type; it is stored and used all the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Warning {
    /// No outcome is attached, so its actions can never be concluded.
    NoOutcomes,
    /// It shows a message at the gate, and there is none.
    NoMessage,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoOutcomes => "no outcomes are attached: actions of this type can never be concluded",
            Self::NoMessage => {
                "it has an access action but no message: a block shows a general text, a message nothing"
            }
        })
    }
}

/// What is doubtful about an action type.
#[must_use]
pub fn warnings(action_type: &ActionType) -> Vec<Warning> {
    let speaks = action_type.access_action > AccessAction::None;
    let silent = action_type.message.as_deref().is_none_or(|text| text.trim().is_empty());
    let found = [
        (action_type.outcomes.is_empty(), Warning::NoOutcomes), //
        (speaks && silent, Warning::NoMessage),
    ];
    found.into_iter().filter_map(|(applies, warning)| applies.then_some(warning)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(access_action: AccessAction, message: Option<&str>, outcomes: &[&str]) -> ActionType {
        ActionType {
            name: "Call back".into(),
            colour: None,
            obsolete: false,
            default: false,
            description: None,
            access_action,
            device_types: Vec::new(),
            message: message.map(str::to_owned),
            outcomes: outcomes.iter().map(|id| id.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn a_type_without_outcomes_is_flagged() {
        assert_eq!(warnings(&kind(AccessAction::None, None, &[])), [Warning::NoOutcomes]);
        assert_eq!(warnings(&kind(AccessAction::None, None, &["done"])), []);
    }

    #[test]
    fn a_type_that_speaks_without_a_text_is_flagged() {
        assert_eq!(warnings(&kind(AccessAction::Message, Some("  "), &["done"])), [Warning::NoMessage]);
        assert_eq!(warnings(&kind(AccessAction::MessageAndBlock, Some("Ask at the desk"), &["done"])), []);
    }
}

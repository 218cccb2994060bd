//! Taking a CRM action further: close it, close it with a note, or continue with a next action.

use crate::domain::{ActionRecord, ActionStatus, ActionType, ActionTypeId, CrmActionId, Outcome, OutcomeId};

/// How an action is taken further (Sportrick "Avanza": Chiudi, Chiudi con storico, Prosegui con azione).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Advance {
    /// An outcome, and nothing more.
    Close,
    /// An outcome and a note. A second note is added below the first.
    CloseWithHistory {
        /// The note.
        note: String,
    },
    /// An outcome and a next action for the same person.
    Continue {
        /// The next action as it will be stored; its person is taken from the action it follows.
        next: Box<ActionRecord>,
        /// The next action's type.
        next_type: Box<ActionType>,
    },
}

/// What advancing changes; both are written in one transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Advanced {
    /// The action with its outcome, status, note and next action.
    pub action: ActionRecord,
    /// The action that follows it, to be inserted.
    pub next: Option<ActionRecord>,
}

/// Why an action cannot be advanced so.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// It is over.
    #[error("action {0} is concluded; to go on, make a new action or a copy of it")]
    Concluded(CrmActionId),
    /// It was continued and its follower is the one to advance.
    #[error("action {0} was already continued; advance action {1} instead")]
    Continued(CrmActionId, CrmActionId),
    /// The type has no outcomes at all.
    #[error("action type {0} has no outcomes; attach outcomes to it first")]
    NoOutcomes(ActionTypeId),
    /// The outcome belongs to other types.
    #[error("outcome {outcome} is not attached to action type {action_type}")]
    OutcomeOfOtherType {
        /// The outcome asked for.
        outcome: OutcomeId,
        /// The action's type.
        action_type: ActionTypeId,
    },
    /// No new actions of an obsolete type.
    #[error("action type {0} is obsolete; choose another for the next action")]
    ObsoleteType(ActionTypeId),
    /// Closing with history needs the history.
    #[error("closing action {0} with history needs a note")]
    NoNote(CrmActionId),
}

/// Advances an action. Its status follows from the group of the outcome: positive and negative conclude, the other
/// groups leave it open, to be advanced again. A concluded action stays as it is: actions are the club's memory.
///
/// # Errors
/// When the action is concluded, when the outcome is not one of its type's, or when what the mode asks for is missing.
pub fn advance(
    action: &ActionRecord,
    action_type: &ActionType,
    (id, outcome): (&OutcomeId, &Outcome),
    how: Advance,
) -> Result<Advanced, Refused> {
    may_have(action, action_type, id)?;
    let mut after = action.clone();
    after.outcome = Some(id.clone());
    after.status = if outcome.group.concludes() { ActionStatus::Concluded } else { ActionStatus::Open };
    let next = match how {
        Advance::Close => None,
        Advance::CloseWithHistory { note } => {
            after.note = Some(with_history(action, &note)?);
            None
        }
        Advance::Continue { next, next_type } => {
            let next = follower(action, *next, &next_type)?;
            after.next = Some(next.id);
            Some(next)
        }
    };
    Ok(Advanced { action: after, next })
}

fn may_have(action: &ActionRecord, action_type: &ActionType, outcome: &OutcomeId) -> Result<(), Refused> {
    if action.status == ActionStatus::Concluded {
        return Err(Refused::Concluded(action.id));
    }
    if action_type.outcomes.is_empty() {
        return Err(Refused::NoOutcomes(action.action_type.clone()));
    }
    if !action_type.outcomes.contains(outcome) {
        let (outcome, action_type) = (outcome.clone(), action.action_type.clone());
        return Err(Refused::OutcomeOfOtherType { outcome, action_type });
    }
    Ok(())
}

fn with_history(action: &ActionRecord, note: &str) -> Result<String, Refused> {
    match (action.note.as_deref(), note.trim()) {
        (_, "") => Err(Refused::NoNote(action.id)),
        (None, note) => Ok(note.to_owned()),
        (Some(earlier), note) => Ok(format!("{earlier}\n{note}")),
    }
}

fn follower(action: &ActionRecord, next: ActionRecord, next_type: &ActionType) -> Result<ActionRecord, Refused> {
    if let Some(follower) = action.next {
        return Err(Refused::Continued(action.id, follower));
    }
    if next_type.obsolete {
        return Err(Refused::ObsoleteType(next.action_type));
    }
    Ok(ActionRecord { person: action.person.clone(), ..next })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{AccessAction, OutcomeGroup};

    fn call(number: u128) -> ActionRecord {
        ActionRecord {
            id: CrmActionId(Uuid::from_u128(number)),
            person: Some("M-1001".parse().unwrap()),
            action_type: "call".parse().unwrap(),
            operator: "Sara".into(),
            text: "Ask about the renewal".into(),
            due_on: None,
            purpose: None,
            valid_until: None,
            show_limit: None,
            outcome: None,
            status: ActionStatus::Open,
            created_at: "2026-03-10T12:00:00Z".parse().unwrap(),
            next: None,
            note: None,
            shown: Vec::new(),
        }
    }

    fn calls(outcomes: &[&str]) -> ActionType {
        ActionType {
            name: "Call".into(),
            colour: None,
            obsolete: false,
            default: false,
            description: None,
            access_action: AccessAction::Message,
            device_types: Vec::new(),
            message: None,
            outcomes: outcomes.iter().map(|id| id.parse().unwrap()).collect(),
        }
    }

    fn outcome(id: &str, group: OutcomeGroup) -> (OutcomeId, Outcome) {
        (id.parse().unwrap(), Outcome { name: id.into(), group })
    }

    fn try_advance(action: &ActionRecord, to: (&str, OutcomeGroup), how: Advance) -> Result<Advanced, Refused> {
        let (id, outcome) = outcome(to.0, to.1);
        advance(action, &calls(&["renewed", "refused", "no-answer"]), (&id, &outcome), how)
    }

    #[test]
    fn closing_well_or_badly_concludes_and_nothing_else_changes() {
        for (id, group) in [("renewed", OutcomeGroup::Positive), ("refused", OutcomeGroup::Negative)] {
            let advanced = try_advance(&call(1), (id, group), Advance::Close).unwrap();
            let outcome = Some(id.parse().unwrap());
            assert_eq!(advanced.action, ActionRecord { outcome, status: ActionStatus::Concluded, ..call(1) });
            assert_eq!(advanced.next, None);
        }
    }

    #[test]
    fn an_outcome_under_way_leaves_the_action_open_to_be_advanced_again() {
        let under_way = try_advance(&call(1), ("no-answer", OutcomeGroup::InProgress), Advance::Close).unwrap().action;
        assert_eq!(under_way.status, ActionStatus::Open);
        let done = try_advance(&under_way, ("renewed", OutcomeGroup::Positive), Advance::Close).unwrap().action;
        assert_eq!(done.status, ActionStatus::Concluded);
    }

    #[test]
    fn closing_with_history_keeps_every_note() {
        let note = |text: &str| Advance::CloseWithHistory { note: text.into() };
        let first = try_advance(&call(1), ("no-answer", OutcomeGroup::InProgress), note("rang twice")).unwrap().action;
        let second = try_advance(&first, ("renewed", OutcomeGroup::Positive), note(" a year more ")).unwrap().action;
        assert_eq!(second.note.as_deref(), Some("rang twice\na year more"));
        let empty = try_advance(&call(1), ("renewed", OutcomeGroup::Positive), note(" "));
        assert_eq!(empty, Err(Refused::NoNote(call(1).id)));
    }

    #[test]
    fn continuing_makes_one_next_action_for_the_same_person() {
        let next = |number| Advance::Continue {
            next: Box::new(ActionRecord { person: None, ..call(number) }),
            next_type: Box::new(calls(&[])),
        };
        let advanced = try_advance(&call(1), ("no-answer", OutcomeGroup::InProgress), next(2)).unwrap();
        assert_eq!(advanced.action.next, Some(call(2).id));
        assert_eq!(advanced.next, Some(call(2)));
        let again = try_advance(&advanced.action, ("no-answer", OutcomeGroup::InProgress), next(3));
        assert_eq!(again, Err(Refused::Continued(call(1).id, call(2).id)));
    }

    #[test]
    fn the_next_action_is_never_of_an_obsolete_type() {
        let obsolete = ActionType { obsolete: true, ..calls(&["renewed"]) };
        let how = Advance::Continue { next: Box::new(call(2)), next_type: Box::new(obsolete) };
        let refused = try_advance(&call(1), ("no-answer", OutcomeGroup::InProgress), how);
        assert_eq!(refused, Err(Refused::ObsoleteType("call".parse().unwrap())));
    }

    #[test]
    fn a_concluded_action_cannot_be_advanced_again() {
        let done = try_advance(&call(1), ("refused", OutcomeGroup::Negative), Advance::Close).unwrap().action;
        let again = try_advance(&done, ("renewed", OutcomeGroup::Positive), Advance::Close);
        assert_eq!(again, Err(Refused::Concluded(done.id)));
    }

    #[test]
    fn only_outcomes_attached_to_the_type_can_be_chosen() {
        let stranger = try_advance(&call(1), ("sold", OutcomeGroup::Positive), Advance::Close);
        let (outcome, action_type) = ("sold".parse().unwrap(), "call".parse().unwrap());
        assert_eq!(stranger, Err(Refused::OutcomeOfOtherType { outcome, action_type }));
        let (id, sold) = self::outcome("sold", OutcomeGroup::Positive);
        let none = advance(&call(1), &calls(&[]), (&id, &sold), Advance::Close);
        assert_eq!(none, Err(Refused::NoOutcomes("call".parse().unwrap())));
    }
}

//! Rule 10: the CRM actions that act at this reader, and what the member is told because of them.

use super::case::Case;
use super::trace::Finding;
use crate::crm::{self, Acting};
use crate::domain::{AccessAction, MemberText, Reason, Severity, Way};

/// What CRM says, and the messages in the order in which they are shown. Leaving is never held up: there only the
/// message acts.
pub(super) fn in_force(case: &Case<'_>) -> (Vec<Finding>, Option<Vec<MemberText>>) {
    let acting = crm::in_force(&case.standing.actions, case.reader, case.now);
    let findings = acting.iter().filter_map(|it| found(it, case.way)).collect();
    (findings, Some(acting.iter().filter_map(message).collect()))
}

fn found(acting: &Acting<'_>, way: Way) -> Option<Finding> {
    let detail = format!("action {}", acting.action.id);
    if acting.action.access_action == AccessAction::MessageAndBlock && way != Way::Out {
        return Some(Finding::block(Reason::CrmBlock, detail));
    }
    acting.message.map(|_| Finding::new(Severity::Warn, Reason::CrmMessage, detail))
}

fn message(acting: &Acting<'_>) -> Option<MemberText> {
    Some(MemberText::Crm { action: acting.action.id, text: acting.message?.to_owned() })
}

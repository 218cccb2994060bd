//! Rules 2 to 4: whether the credential may be used, whether its holder is banned, whether they are staff.

use super::case::Case;
use super::trace::Finding;
use crate::domain::{CredentialStatus, Reason};

/// Rule 2. A person named by an operator presents no credential, and there is nothing to test.
pub(super) fn credential(case: &Case<'_>) -> Vec<Finding> {
    let Some(credential) = &case.standing.credential else { return Vec::new() };
    let mut found = match credential.status {
        CredentialStatus::Active => Vec::new(),
        CredentialStatus::Lost => vec![Finding::block(Reason::CredentialLost, "reported lost")],
        CredentialStatus::Revoked => vec![Finding::block(Reason::CredentialRevoked, "withdrawn")],
    };
    if let Some(from) = credential.valid_from.filter(|from| case.now < *from) {
        found.push(Finding::block(Reason::CredentialNotYetValid, format!("valid from {from}")));
    }
    if let Some(until) = credential.valid_until.filter(|until| *until < case.now) {
        found.push(Finding::block(Reason::CredentialExpired, format!("valid until {until}")));
    }
    found
}

/// Rule 3. Before every entitlement, so that no membership out-votes it, and before the staff bypass. Its reason may
/// name people and stays with the operator's own page.
pub(super) fn ban(case: &Case<'_>) -> Vec<Finding> {
    let Some(ban) = &case.standing.person.ban else { return Vec::new() };
    match ban.until {
        Some(until) if until < case.today() => vec![Finding::note(format!("a ban ended on {until}"))],
        Some(until) => vec![Finding::block(Reason::Banned, format!("until {until}"))],
        None => vec![Finding::block(Reason::Banned, "until further notice")],
    }
}

/// Rule 4.
pub(super) fn staff(case: &Case<'_>) -> Vec<Finding> {
    if case.standing.person.staff { vec![Finding::note("staff: passes without entitlement")] } else { Vec::new() }
}

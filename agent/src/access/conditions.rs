//! Rule 8: conditions beside the membership, each off, warn or block: association fee, dues, medical certificate.

use jiff::{Span, civil};

use super::case::Case;
use super::presence::severity;
use super::trace::Finding;
use crate::domain::{Due, Level, Reason};

/// What fails. An unknown date is a failed check.
pub(super) fn met(case: &Case<'_>) -> Vec<Finding> {
    [fee(case), dues(case), certificate(case)].into_iter().flatten().collect()
}

fn failed(level: Level, reason: Reason, detail: impl Into<String>) -> Option<Finding> {
    severity(level).map(|severity| Finding::new(severity, reason, detail))
}

fn fee(case: &Case<'_>) -> Option<Finding> {
    let level = case.policy.fee;
    match case.standing.person.fee_valid_until {
        None => failed(level, Reason::FeeMissing, "not known to be paid"),
        Some(until) if until < case.today() => failed(level, Reason::FeeExpired, format!("paid until {until}")),
        Some(_) => None,
    }
}

fn dues(case: &Case<'_>) -> Option<Finding> {
    let rule = case.policy.dues;
    let mut overdue = case.standing.person.dues.iter().filter(|due| is_overdue(due, rule.grace_days, case.today()));
    let first = overdue.next()?;
    failed(rule.level, Reason::DuesOverdue, format!("due {} and {} more", first.id, overdue.count()))
}

/// With grace, a due opens the gate up to and including so many days after its date.
fn is_overdue(due: &Due, grace_days: u16, today: civil::Date) -> bool {
    let grace = Span::new().days(i32::from(grace_days));
    !due.exempt && due.due_on.is_none_or(|due_on| due_on.saturating_add(grace) < today)
}

fn certificate(case: &Case<'_>) -> Option<Finding> {
    let rule = case.policy.certificate;
    match case.standing.person.certificate_valid_until {
        None if rule.level == Level::Off => None,
        None => failed(rule.missing, Reason::CertificateMissing, "not known"),
        Some(until) if until < case.today() => {
            failed(rule.level, Reason::CertificateExpired, format!("valid until {until}"))
        }
        Some(_) => None,
    }
}

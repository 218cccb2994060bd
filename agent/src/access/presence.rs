//! Rule 6: which way the passage goes, and whether the person is inside already.

use jiff::Timestamp;

use super::case::Case;
use super::trace::Finding;
use crate::domain::{Direction, Level, Policy, Presence, Reader, Reason, Severity, Standing, Visit, Way};
use crate::visit::lingers_until;

/// Which way a passage at this reader goes for this person, who would go on with this visit.
pub(super) fn way(reader: &Reader, policy: &Policy, standing: &Standing, visit: Option<&Visit>, now: Timestamp) -> Way {
    match reader.direction {
        Direction::In => Way::In,
        Direction::Out => Way::Out,
        Direction::Both if is_still_inside(reader, policy, standing, now) => Way::Out,
        Direction::Both => Way::In,
        Direction::Inner if visit.is_some() => Way::Inner,
        Direction::Inner => Way::In,
    }
}

/// Anti-passback. Only the way in counts: inner readers are passed again and again without a reader on the way back. Who
/// is expected at another gate counts as inside: the second card of one person is not for a friend at the next gate.
pub(super) fn passback(case: &Case<'_>) -> Vec<Finding> {
    let again = case.visit.map(|visit| Finding::note(format!("visit {} goes on", visit.id)));
    let breach = severity(case.policy.anti_passback).and_then(|severity| {
        let detail = if case.way != Way::In {
            return None;
        } else if is_inside(case.reader, case.policy, case.visit, case.presence) {
            "inside already"
        } else if case.reserved.expects(case.standing.id) {
            "expected at a gate already"
        } else {
            return None;
        };
        Some(Finding::new(severity, Reason::Passback, detail))
    });
    again.into_iter().chain(breach).collect()
}

/// Whether the person is behind this reader, counted there or not: the cut-off and the maximum stay put nobody out.
fn is_still_inside(reader: &Reader, policy: &Policy, standing: &Standing, now: Timestamp) -> bool {
    let lingers = |since: Timestamp| now < lingers_until(&policy.site, since);
    let seen = standing.last_seen.as_ref().filter(|it| lingers(it.since));
    let visit = standing.visit.as_ref().filter(|it| lingers(it.started_at));
    is_inside(reader, policy, visit, seen)
}

/// Whether the person is counted behind this reader. A reader without a zone leads into the club as a whole, where who
/// has an open visit is inside.
fn is_inside(reader: &Reader, policy: &Policy, visit: Option<&Visit>, presence: Option<&Presence>) -> bool {
    match &reader.zone {
        Some(zone) => presence.is_some_and(|presence| policy.lies_in(&presence.zone, zone)),
        None => presence.is_some() || visit.is_some_and(|visit| visit.ended.is_none()),
    }
}

/// The weight of a failed check; none if it is not looked at.
pub(super) fn severity(level: Level) -> Option<Severity> {
    match level {
        Level::Off => None,
        Level::Warn => Some(Severity::Warn),
        Level::Block => Some(Severity::Block),
    }
}

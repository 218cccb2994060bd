//! Rule 7: which membership entitles the person, subscriptions before punch cards, and why the others do not.

use std::cmp::Reverse;

use jiff::civil;

use super::case::Case;
use super::trace::Finding;
use crate::domain::{Entitlement, EntitlementKind, Frozen, Membership, MembershipKind, Reason, Severity, Visit, Way};

/// The entitlement, with the reasons of every candidate that failed. When nothing serves, the most telling reason of
/// all blocks.
pub(super) fn choose(case: &Case<'_>) -> (Vec<Finding>, Option<Entitlement>) {
    let going_on = case.visit.map(|visit| of_visit(case, visit));
    if let Some(Ok(entitlement)) = going_on {
        let note = entitlement.as_ref().map_or("none".to_owned(), |it| it.membership.to_string());
        return (vec![Finding::note(format!("the open visit's entitlement serves again: {note}"))], entitlement);
    }
    let failed_visit = going_on.and_then(Result::err);
    let tried: Vec<_> = candidates(case).into_iter().map(|it| (it, failures(case, it))).collect();
    let serves = tried.iter().find(|(_, failures)| failures.is_empty()).map(|(membership, _)| *membership);
    let mut found: Vec<_> = failed_visit.iter().chain(tried.iter()).flat_map(|(it, why)| notes(it, why)).collect();
    found.push(match serves {
        Some(membership) => Finding::note(format!("{} serves", membership.id)),
        None => refusal(failed_visit.iter().chain(&tried)),
    });
    (found, serves.map(entitled))
}

/// A membership with all that speaks against it.
type Tried<'a> = (&'a Membership, Vec<Reason>);

/// An open visit uses its entitlement again and consumes nothing, even if the membership ran out or was used up since:
/// the right was the visit's. What closes the door to the person here and now still does: a freeze, an early end, a
/// zone it never opened, and, coming in from outside, its hours. A membership gone from the document was used up.
fn of_visit<'a>(case: &Case<'a>, visit: &Visit) -> Result<Option<Entitlement>, Tried<'a>> {
    let Some(id) = &visit.membership else { return Ok(None) };
    let known = case.standing.person.memberships.iter().find(|membership| membership.id == *id);
    let still_asked = |reason: &Reason| match reason {
        Reason::MembershipFrozen | Reason::MembershipEnded | Reason::WrongZone => true,
        Reason::OutsideHours => case.way == Way::In,
        _ => false,
    };
    match known.map(|it| (it, failures(case, it).into_iter().filter(still_asked).collect::<Vec<_>>())) {
        Some((membership, against)) if !against.is_empty() => Err((membership, against)),
        Some(_) | None => Ok(Some(Entitlement { membership: id.clone(), kind: EntitlementKind::Visit })),
    }
}

/// Subscriptions, the one reaching furthest first; then punch cards, the soonest to expire first (BRP's order). While a
/// visit is open only subscriptions can step in: an entry is taken with a visit, and this visit has begun.
fn candidates<'a>(case: &Case<'a>) -> Vec<&'a Membership> {
    let all = || case.standing.person.memberships.iter();
    let in_use = case.visit.and_then(|visit| visit.membership.as_ref());
    let mut subscriptions: Vec<_> =
        all().filter(|it| it.kind == MembershipKind::Subscription && Some(&it.id) != in_use).collect();
    subscriptions.sort_by_key(|it| (Reverse(it.ends_on.unwrap_or(civil::Date::MAX)), &it.id));
    let mut cards: Vec<_> = all().filter(|it| it.kind == MembershipKind::PunchCard && case.visit.is_none()).collect();
    cards.sort_by_key(|it| (it.ends_on.unwrap_or(civil::Date::MAX), &it.id));
    subscriptions.into_iter().chain(cards).collect()
}

/// Every test that a membership fails.
fn failures(case: &Case<'_>, it: &Membership) -> Vec<Reason> {
    let today = case.today();
    let tests = [
        (it.ended, Reason::MembershipEnded),
        (it.starts_on.is_some_and(|first| today < first), Reason::MembershipNotStarted),
        (it.ends_on.is_some_and(|last| last < today), Reason::MembershipExpired),
        (it.frozen.as_ref().is_some_and(|frozen| is_frozen(frozen, today)), Reason::MembershipFrozen),
        (!is_charged(it, today), Reason::MembershipNotCharged),
        (!opens_zone(case, it), Reason::WrongZone),
        (!it.hours.is_empty() && !it.hours.iter().any(|hours| hours.cover(case.local)), Reason::OutsideHours),
    ];
    tests.into_iter().filter_map(|(fails, reason)| fails.then_some(reason)).chain(no_entries(case, it)).collect()
}

fn is_frozen(frozen: &Frozen, today: civil::Date) -> bool {
    frozen.from.is_none_or(|from| from <= today) && frozen.until.is_none_or(|until| today <= until)
}

/// BRP asks that a subscription is charged at least to today. One that renews by itself is trusted to be charged in the
/// night run that follows; what it then owes is a due, and rule 8 looks at dues. An unknown date asks nothing.
fn is_charged(it: &Membership, today: civil::Date) -> bool {
    let asked = it.kind == MembershipKind::Subscription && !it.auto_renew;
    !asked || it.charged_until.is_none_or(|until| today <= until)
}

/// A zone named by the membership opens all zones inside it. A reader without a zone leads to no zone that could be wrong.
fn opens_zone(case: &Case<'_>, it: &Membership) -> bool {
    let mut around = case.zones().peekable();
    it.zones.is_empty() || around.peek().is_none() || around.any(|zone| it.zones.contains(&zone.id))
}

fn no_entries(case: &Case<'_>, it: &Membership) -> Option<Reason> {
    if it.kind == MembershipKind::Subscription {
        return None;
    }
    let Some(counted) = it.entries_left else { return Some(Reason::EntriesUnknown) };
    let consumed = case.standing.consumed.get(&it.id).copied().unwrap_or(0);
    let left = counted.saturating_sub(consumed).saturating_sub(case.reserved.entries(case.standing.id, &it.id));
    (left == 0).then_some(Reason::NoEntriesLeft)
}

fn entitled(membership: &Membership) -> Entitlement {
    let kind = match membership.kind {
        MembershipKind::Subscription => EntitlementKind::Subscription,
        MembershipKind::PunchCard => EntitlementKind::PunchCard,
    };
    Entitlement { membership: membership.id.clone(), kind }
}

fn notes(membership: &Membership, why: &[Reason]) -> Vec<Finding> {
    why.iter().map(|reason| Finding::new(Severity::Note, *reason, membership.id.to_string())).collect()
}

/// The most telling reason: that of the membership nearest to serving. Last year's subscription explains nothing to
/// somebody whose present one is frozen.
fn refusal<'a>(tried: impl Iterator<Item = &'a Tried<'a>>) -> Finding {
    let worst =
        |(it, why): &Tried<'a>| why.iter().max_by_key(|reason| gravity(**reason)).map(|reason| (*reason, &it.id));
    match tried.filter_map(worst).min_by_key(|(reason, _)| gravity(*reason)) {
        Some((reason, id)) => Finding::block(reason, id.to_string()),
        None => Finding::block(Reason::NoEntitlement, "no memberships"),
    }
}

/// How far a failed test is from being mended, nearest first.
fn gravity(reason: Reason) -> usize {
    const ORDER: [Reason; 9] = [
        Reason::OutsideHours,
        Reason::WrongZone,
        Reason::MembershipNotCharged,
        Reason::MembershipFrozen,
        Reason::EntriesUnknown,
        Reason::NoEntriesLeft,
        Reason::MembershipNotStarted,
        Reason::MembershipExpired,
        Reason::MembershipEnded,
    ];
    ORDER.iter().position(|known| *known == reason).unwrap_or(ORDER.len())
}

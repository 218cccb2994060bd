//! Rule 7: what entitles the person, booked classes before subscriptions before punch cards, and why the rest does not.

use std::cmp::Reverse;

use jiff::civil;

use super::case::Case;
use super::trace::Finding;
use crate::domain::{
    BookedClass, BookingStatus, ClassStatus, Entitlement, EntitlementKind, Frozen, Membership, MembershipKind, Reason,
    Severity, Title, Visit, Way,
};
use crate::visit::{Timing, leads_to, timing};

/// Something that may entitle, with all that speaks against it.
struct Candidate {
    entitlement: Entitlement,
    against: Vec<Reason>,
}

/// The entitlement, with the reasons of every candidate that failed. When nothing serves, the most telling reason of
/// all blocks.
pub(super) fn choose(case: &Case<'_>) -> (Vec<Finding>, Option<Entitlement>) {
    let of_visit = case.visit.and_then(|visit| of_visit(case, visit));
    if let Some(Candidate { entitlement, against }) = &of_visit
        && against.is_empty()
    {
        let note = format!("the open visit's entitlement serves again: {}", entitlement.title);
        return (vec![Finding::note(note)], Some(entitlement.clone()));
    }
    let tried: Vec<_> = of_visit.into_iter().chain(booked(case)).chain(held(case)).collect();
    let serves = tried.iter().find(|it| it.against.is_empty()).map(|it| it.entitlement.clone());
    let mut found: Vec<_> = tried.iter().flat_map(notes).collect();
    found.push(match &serves {
        Some(entitlement) => Finding::note(format!("{} serves", entitlement.title)),
        None => refusal(case, &tried),
    });
    (found, serves)
}

/// An open visit uses its entitlement again and consumes nothing, even if the membership ran out or was used up since,
/// or the class is over: the right was the visit's. What closes the door to the person here and now still does: a
/// freeze, an early end, a zone it never opened, and, coming in from outside, its hours. A membership gone from the
/// document was used up. A visit that was begun by hand without any right gives none.
fn of_visit(case: &Case<'_>, visit: &Visit) -> Option<Candidate> {
    let (title, against) = match (&visit.membership, &visit.class) {
        (Some(membership), _) => {
            let known = case.standing.person.memberships.iter().find(|it| it.id == *membership);
            (Title::Membership(membership.clone()), known.map(|it| failures(case, it)).unwrap_or_default())
        }
        (None, Some(class)) => {
            let known = case.standing.bookings.iter().find(|it| it.class.id == *class);
            let leads_away = known.is_some_and(|it| !leads_to(it, case.reader, case.policy));
            (Title::Class(class.clone()), leads_away.then_some(Reason::WrongZone).into_iter().collect())
        }
        (None, None) => return None,
    };
    let still_asked = |reason: &Reason| match reason {
        Reason::MembershipFrozen | Reason::MembershipEnded | Reason::WrongZone => true,
        Reason::OutsideHours => case.way == Way::In,
        _ => false,
    };
    let against = against.into_iter().filter(still_asked).collect();
    Some(Candidate { entitlement: Entitlement { title, kind: EntitlementKind::Visit }, against })
}

/// Today's bookings that open gates, the first class first. One taken back, or whose class is over, is not worth a word.
fn booked(case: &Case<'_>) -> impl Iterator<Item = Candidate> {
    let is_today = |it: &&BookedClass| case.policy.site.timezone.to_datetime(it.class.starts_at).date() == case.today();
    let opens = case.standing.bookings.iter().filter(|it| it.opens_gate && it.booking != BookingStatus::Cancelled);
    opens.filter_map(move |it| {
        let when = match timing(it, case.policy, case.now) {
            Timing::Early if is_today(&it) => Some(Reason::ClassTooEarly),
            Timing::Late => Some(Reason::ClassTooLate),
            Timing::Counts => None,
            Timing::Early | Timing::Over => return None,
        };
        let tests = [
            (it.class.status == ClassStatus::Cancelled, Reason::ClassCancelled),
            (it.booking == BookingStatus::Waiting, Reason::ClassWaitingList),
            (!leads_to(it, case.reader, case.policy), Reason::WrongZone),
        ];
        let against = tests.into_iter().filter_map(|(fails, reason)| fails.then_some(reason)).chain(when).collect();
        let entitlement = Entitlement { title: Title::Class(it.class.id.clone()), kind: EntitlementKind::Class };
        Some(Candidate { entitlement, against })
    })
}

/// Subscriptions, the one reaching furthest first; then punch cards, the soonest to expire first (BRP's order). While a
/// visit is open only subscriptions can step in: an entry is taken with a visit, and this visit has begun.
fn held(case: &Case<'_>) -> impl Iterator<Item = Candidate> {
    let all = || case.standing.person.memberships.iter();
    let in_use = case.visit.and_then(|visit| visit.membership.as_ref());
    let mut subscriptions: Vec<_> =
        all().filter(|it| it.kind == MembershipKind::Subscription && Some(&it.id) != in_use).collect();
    subscriptions.sort_by_key(|it| (Reverse(it.ends_on.unwrap_or(civil::Date::MAX)), &it.id));
    let mut cards: Vec<_> = all().filter(|it| it.kind == MembershipKind::PunchCard && case.visit.is_none()).collect();
    cards.sort_by_key(|it| (it.ends_on.unwrap_or(civil::Date::MAX), &it.id));
    subscriptions
        .into_iter()
        .chain(cards)
        .map(|it| Candidate { entitlement: entitled(it), against: failures(case, it) })
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
    Entitlement { title: Title::Membership(membership.id.clone()), kind }
}

fn notes(failed: &Candidate) -> impl Iterator<Item = Finding> {
    failed.against.iter().map(|reason| Finding::new(Severity::Note, *reason, failed.entitlement.title.to_string()))
}

/// The most telling reason: that of the candidate nearest to serving. Last year's subscription explains nothing to
/// somebody whose present one is frozen.
fn refusal(case: &Case<'_>, tried: &[Candidate]) -> Finding {
    let worst = |it: &Candidate| it.against.iter().copied().max_by_key(|reason| gravity(*reason));
    let nearest = tried.iter().filter_map(|it| Some((worst(it)?, &it.entitlement.title)));
    match nearest.min_by_key(|(reason, _)| gravity(*reason)) {
        Some((reason, title)) => Finding::block(reason, title.to_string()),
        None if case.standing.person.memberships.is_empty() => Finding::block(Reason::NoEntitlement, "no memberships"),
        None => {
            Finding::block(Reason::NoEntitlement, "an entry is taken when a visit begins, and this one began by hand")
        }
    }
}

/// How far a failed test is from being mended, nearest first.
fn gravity(reason: Reason) -> usize {
    const ORDER: [Reason; 13] = [
        Reason::ClassTooEarly,
        Reason::OutsideHours,
        Reason::WrongZone,
        Reason::ClassTooLate,
        Reason::ClassWaitingList,
        Reason::ClassCancelled,
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

//! Rules of visits: the club day, when a confirmed passage is a new visit, where a person is counted, what is consumed,
//! and which booked classes are ticked off.
//!
//! ```text
//!                 entry at a new_visit reader
//!     no visit ─────────────────────────────────▶ open ◀──────────┐ entry, same club day:
//!        ▲                                         │ │            │ the same visit goes on
//!        │ exit · passage in another club day      │ │ maximum    │
//!        └─────────────────────────────────────────┘ │ stay       │
//!        ▲                                           ▼            │
//!        └───────────────────────────────────── timed out ────────┘
//!          exit · another club day
//! ```
//!
//! A visit that timed out is ended for the books, so that reports see people go, yet it is not over: the person may
//! still be inside and walk past a reader. Only an exit or another club day makes the next entry a new visit.

mod attend;
mod club_day;
mod late;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod world;

pub use attend::{Timing, attended, leads_to, timing};
pub use club_day::{StayEnd, begins, club_day, lingers_until, stay_ends};
pub use late::{Around, Move, Written};

use jiff::{Timestamp, civil};

use crate::domain::{
    EndedBy, Entitlement, EntitlementKind, GrantKind, MembershipId, PassageOutcome, Policy, Presence, Reader, Site,
    Title, Visit, VisitEnd, VisitId, Way, ZoneId,
};

/// What is true of a person in the transaction that writes their confirmed passage.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The club as configured.
    pub policy: &'a Policy,
    /// The reader; none if it is no longer configured, and then nothing but the passage is written.
    pub reader: Option<&'a Reader>,
    /// Which way it went.
    pub way: Way,
    /// By what right.
    pub kind: GrantKind,
    /// What the decision found to entitle them.
    pub entitlement: Option<&'a Entitlement>,
    /// The person's newest visit, open or ended.
    pub visit: Option<&'a Visit>,
    /// Entries left in this transaction on the entitlement's membership; none if it is no punch card or unknown.
    pub entries_left: Option<u32>,
    /// When it happened at the gate.
    pub at: Timestamp,
    /// What is written of the person around that time, if a later passage of theirs is.
    pub late: Option<&'a Around>,
}

/// What a confirmed passage changes. Apply `ends` before `visit` and `splits`: one person has at most one open visit.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct After {
    /// A visit that this passage ends. It may have been ended by timeout before: an exit overrides that.
    pub ends: Option<Ending>,
    /// The visit the passage belongs to.
    pub visit: VisitChange,
    /// A visit that turns out to have been two.
    pub splits: Option<Split>,
    /// Where the person is counted from now on.
    pub presence: PresenceChange,
    /// What the passage consumes.
    pub takes: Takes,
}

/// A visit and its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ending {
    /// The visit.
    pub visit: VisitId,
    /// When and how.
    pub end: VisitEnd,
}

/// The visit a passage belongs to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum VisitChange {
    /// None.
    #[default]
    Untouched,
    /// A new one; its id is made where the passage is written.
    Opens(Opening),
    /// The newest one goes on. It is open again if it had timed out.
    Continues {
        /// Its id.
        visit: VisitId,
    },
    /// One that is written already, as it is: the passage is told late.
    Joins {
        /// Its id.
        visit: VisitId,
    },
}

/// A visit that begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opening {
    /// The club day it belongs to.
    pub club_day: civil::Date,
    /// The membership or the booked class it uses.
    pub title: Option<Title>,
    /// When and how it was over, if it was when its beginning was told.
    pub ended: Option<VisitEnd>,
    /// A later visit is written already: this one is not the person's newest.
    pub is_belated: bool,
}

/// An exit that was told late cuts a visit in two: a part of its passages belongs to a visit of their own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Split {
    /// The visit that keeps the other part.
    pub of: VisitId,
    /// The passage that begins the new one.
    pub entry: Move,
    /// The last moment of the passages that go over to the new one, from `entry` on.
    pub until: Timestamp,
    /// The new one.
    pub opening: Opening,
}

/// Where a person is counted after a passage.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum PresenceChange {
    /// Where they were.
    #[default]
    Untouched,
    /// In this zone. Being seen again counts anew, also in the same zone.
    Counted(Presence),
    /// Nowhere.
    Gone,
}

/// What a passage consumes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Takes {
    /// Nothing.
    #[default]
    Nothing,
    /// One entry of a punch card.
    Entry(MembershipId),
    /// An entry was due, but the card was emptied since the gate opened: nothing is taken and the visit is flagged.
    Overdrawn(MembershipId),
}

/// Whether a passage with this outcome moves a person, so that [`settle`] applies to it.
#[must_use]
pub fn moves(outcome: PassageOutcome) -> bool {
    match outcome {
        PassageOutcome::Passed | PassageOutcome::Free | PassageOutcome::Manual => true,
        PassageOutcome::NotPassed
        | PassageOutcome::Denied
        | PassageOutcome::Forced
        | PassageOutcome::Emergency
        | PassageOutcome::Stale => false,
    }
}

/// The visit that a passage at `at` goes on with: the newest, if it is of the same club day and no exit ended it.
#[must_use]
pub fn going_on<'a>(visit: Option<&'a Visit>, site: &Site, at: Timestamp) -> Option<&'a Visit> {
    visit.filter(|visit| {
        let left = visit.ended.is_some_and(|end| end.by != EndedBy::Timeout);
        !left && visit.club_day == club_day(at, &site.timezone, site.club_day_starts)
    })
}

/// Where a person is counted at `at`; nowhere once the maximum stay or the club day is over, swept from the store or not.
#[must_use]
pub fn counted<'a>(presence: Option<&'a Presence>, site: &Site, at: Timestamp) -> Option<&'a Presence> {
    presence.filter(|presence| at < stay_ends(site, presence.since).at)
}

/// What a confirmed passage of a known person changes. Called by the store inside the writer's transaction.
#[must_use]
pub fn settle(facts: &Facts<'_>) -> After {
    let Some(reader) = facts.reader else { return After::default() };
    match (facts.late, facts.way) {
        (Some(around), _) => late::settle(facts, reader, around),
        (None, Way::In | Way::Inner) => entered(facts, reader),
        (None, Way::Out) => left(facts, reader),
    }
}

/// `In` and `Inner` are one here: whether a visit is open is known for certain only inside the transaction.
fn entered(facts: &Facts<'_>, reader: &Reader) -> After {
    let site = &facts.policy.site;
    let visit = match (facts.kind, going_on(facts.visit, site, facts.at)) {
        (GrantKind::Member | GrantKind::Manual, Some(visit)) => VisitChange::Continues { visit: visit.id },
        (GrantKind::Member | GrantKind::Manual, None) if reader.new_visit => VisitChange::Opens(Opening {
            club_day: club_day(facts.at, &site.timezone, site.club_day_starts),
            title: facts.entitlement.map(|it| it.title.clone()),
            ended: None,
            is_belated: false,
        }),
        (GrantKind::Member | GrantKind::Manual, None)
        | (GrantKind::Staff | GrantKind::Free | GrantKind::Exit, Some(_) | None) => VisitChange::Untouched,
    };
    let takes = match visit {
        VisitChange::Opens(_) => taken(facts),
        VisitChange::Continues { .. } | VisitChange::Joins { .. } | VisitChange::Untouched => Takes::Nothing,
    };
    After { ends: outlived(facts), presence: moved_to(facts, reader), visit, splits: None, takes }
}

/// A visit open since another club day ends with that day. "Another" may lie ahead, when a wrong clock was put right:
/// waiting for that day to come would lose the visits until then.
fn outlived(facts: &Facts<'_>) -> Option<Ending> {
    let site = &facts.policy.site;
    let visit = facts.visit.filter(|visit| visit.ended.is_none())?;
    if going_on(Some(visit), site, facts.at).is_some() {
        return None;
    }
    let day_is_over = begins(visit.club_day.saturating_add(jiff::Span::new().days(1)), site);
    let at = day_is_over.min(facts.at).max(visit.started_at);
    Some(Ending { visit: visit.id, end: VisitEnd { at, by: EndedBy::NextDay } })
}

/// An entry is due for a visit on a punch card. Also when the decision saw an open visit that has been left meanwhile:
/// otherwise two cards of one person, one going out while the other comes in, would enter for nothing.
fn taken(facts: &Facts<'_>) -> Takes {
    let Some(Entitlement { title: Title::Membership(membership), kind }) = facts.entitlement else {
        return Takes::Nothing;
    };
    taken_by(*kind, membership, facts.entries_left)
}

/// The same for a visit by the right of another one.
fn taken_again(title: &Title, entries_left: Option<u32>) -> Takes {
    title.membership().map_or(Takes::Nothing, |it| taken_by(EntitlementKind::Visit, it, entries_left))
}

fn taken_by(kind: EntitlementKind, membership: &MembershipId, entries_left: Option<u32>) -> Takes {
    match (kind, entries_left) {
        (_, Some(1..)) => Takes::Entry(membership.clone()),
        (_, Some(0)) | (EntitlementKind::PunchCard, None) => Takes::Overdrawn(membership.clone()),
        (EntitlementKind::Subscription | EntitlementKind::Class | EntitlementKind::Visit, None) => Takes::Nothing,
    }
}

fn left(facts: &Facts<'_>, reader: &Reader) -> After {
    let (policy, at) = (facts.policy, facts.at);
    if !leads_out_of_visit(policy, reader.zone.as_ref()) {
        return After { ends: outlived(facts), presence: moved_to(facts, reader), ..After::default() };
    }
    let open = facts.visit.filter(|visit| visit.ended.is_none());
    let ends = going_on(facts.visit, &policy.site, at)
        .or(open)
        .map(|visit| Ending { visit: visit.id, end: VisitEnd { at: at.max(visit.started_at), by: EndedBy::Exit } });
    After { ends, presence: PresenceChange::Gone, ..After::default() }
}

/// Leaving ends the visit when it leads out of a zone that a `new_visit` reader enters, and not into another one.
/// A reader without a zone stands at the edge of the club.
fn leads_out_of_visit(policy: &Policy, zone: Option<&ZoneId>) -> bool {
    let Some(zone) = zone else { return true };
    let visited = policy.visit_zones();
    let leaves_one = visited.iter().any(|visited| policy.lies_in(visited, zone));
    let stays_in_one = policy.with_parents(zone).skip(1).any(|around| visited.contains(&around.id));
    leaves_one && !stays_in_one
}

/// Where the passage leaves the person: in the zone entered, in the one around a zone left inside the visit, or nowhere.
fn moved_to(facts: &Facts<'_>, reader: &Reader) -> PresenceChange {
    let (policy, zone) = (facts.policy, reader.zone.as_ref());
    let counted = |zone: &ZoneId| PresenceChange::Counted(Presence { zone: zone.clone(), since: facts.at });
    match facts.way {
        Way::In | Way::Inner => zone.map_or(PresenceChange::Untouched, counted),
        Way::Out if leads_out_of_visit(policy, zone) => PresenceChange::Gone,
        Way::Out => {
            let around = zone.and_then(|zone| policy.zones.get(zone)?.parent.as_ref());
            around.map_or(PresenceChange::Gone, counted)
        }
    }
}

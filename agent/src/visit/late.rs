//! Rules of what is told late: a passage that is written down after a later one of the same person, as when a gate tells
//! what it did while the agent was dead.
//!
//! The exits of a club day cut it into stretches, and a stretch with an entry in it is one visit. So a late exit cuts a
//! stretch in two, of which the one without a visit begins one if somebody entered in it; and a late entry begins a visit
//! only in a stretch that has none. In whatever order the passages are told, there are as many visits as if each had been
//! told at once. A visit that was told keeps its id and its beginning: nothing that upstreams know is taken back.

use jiff::{Span, Timestamp};

use super::{
    After, Ending, Facts, Opening, PresenceChange, Split, Takes, VisitChange, begins, club_day, leads_out_of_visit,
    moved_to, outlived, taken, taken_again,
};
use crate::domain::{
    ClockQuality, EndedBy, GateId, GrantKind, Policy, Reader, ReaderId, Title, Visit, VisitEnd, VisitId, Way,
};

/// A confirmed passage of the person that is written already.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Move {
    /// When it happened at the gate.
    pub at: Timestamp,
    /// How far to believe that.
    pub clock: ClockQuality,
    /// The gate.
    pub gate: GateId,
    /// The reader.
    pub reader: ReaderId,
    /// Which way it went.
    pub way: Way,
    /// The visit it belongs to.
    pub visit: Option<VisitId>,
}

/// A visit that is written already.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written {
    /// The visit.
    pub visit: Visit,
    /// Entries left in this transaction on its membership; none if that is no punch card or unknown.
    pub entries_left: Option<u32>,
}

/// What is written of a person around a passage that is told late.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Around {
    /// Their confirmed passages since the passage's club day began, in the order of time. Those that lie ahead of the
    /// clock are left out: their times are known to be wrong.
    pub moves: Vec<Move>,
    /// Their visits of that club day.
    pub visits: Vec<Written>,
}

/// The stretch of a club day, between two exits, that a late passage falls into.
struct Stretch<'a> {
    facts: &'a Facts<'a>,
    around: &'a Around,
    day_is_over: Timestamp,
    /// The exit before, if there is one.
    from: Option<Timestamp>,
    /// The exit after, if there is one on that day.
    until: Option<Timestamp>,
}

pub(super) fn settle(facts: &Facts<'_>, reader: &Reader, around: &Around) -> After {
    let stretch = Stretch::of(facts, around);
    let after = match facts.way {
        Way::In | Way::Inner => stretch.entered(reader),
        Way::Out if leads_out_of_visit(facts.policy, reader.zone.as_ref()) => stretch.left(),
        Way::Out => After::default(),
    };
    let is_outdated = around.moves.iter().any(|it| it.at > facts.at && it.moves_presence(facts.policy));
    let presence = if is_outdated { PresenceChange::Untouched } else { moved_to(facts, reader) };
    After { presence, ..after }
}

impl Move {
    fn reader<'a>(&self, policy: &'a Policy) -> Option<&'a Reader> {
        policy.readers.get(&self.reader)
    }

    fn leads_out(&self, policy: &Policy) -> bool {
        let reader = self.reader(policy);
        self.way == Way::Out && reader.is_some_and(|it| leads_out_of_visit(policy, it.zone.as_ref()))
    }

    /// A passage by a reader that is no longer configured says nothing of where the person is.
    fn moves_presence(&self, policy: &Policy) -> bool {
        self.reader(policy).is_some_and(|reader| self.way == Way::Out || reader.zone.is_some())
    }

    /// Whether it would have begun a visit, had there been none: those of staff and through free gates have no visit.
    fn enters(&self, policy: &Policy) -> bool {
        self.way != Way::Out && self.visit.is_some() && self.reader(policy).is_some_and(|reader| reader.new_visit)
    }
}

impl<'a> Stretch<'a> {
    fn of(facts: &'a Facts<'a>, around: &'a Around) -> Self {
        let site = &facts.policy.site;
        let today = club_day(facts.at, &site.timezone, site.club_day_starts);
        let day_is_over = begins(today.saturating_add(Span::new().days(1)), site);
        let passed = around.moves.iter().filter(|it| it.leads_out(facts.policy)).map(|it| it.at);
        let exits: Vec<_> = passed.chain(around.visits.iter().filter_map(|it| exit_of(&it.visit))).collect();
        let exits = || exits.iter().copied().filter(|at| *at < day_is_over);
        let from = exits().filter(|at| *at <= facts.at).max();
        let until = exits().filter(|at| *at > facts.at).min();
        Self { facts, around, day_is_over, from, until }
    }

    fn holds(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && at < self.until.unwrap_or(self.day_is_over)
    }

    fn visit(&self) -> Option<&'a Written> {
        let was_left = |visit: &Visit| exit_of(visit).is_some_and(|at| at <= self.facts.at);
        self.around.visits.iter().find(|it| self.holds(it.visit.started_at) && !was_left(&it.visit))
    }

    fn entered(&self, reader: &Reader) -> After {
        let facts = self.facts;
        let (GrantKind::Member | GrantKind::Manual) = facts.kind else { return After::default() };
        if let Some(Written { visit, .. }) = self.visit() {
            let belongs = reader.new_visit || visit.started_at <= facts.at;
            let visit = if belongs { VisitChange::Joins { visit: visit.id } } else { VisitChange::Untouched };
            return After { visit, ..After::default() };
        }
        if !reader.new_visit {
            return After::default();
        }
        let ended = self.end();
        let site = &facts.policy.site;
        let opening = Opening {
            club_day: club_day(facts.at, &site.timezone, site.club_day_starts),
            title: facts.entitlement.map(|it| it.title.clone()),
            ended,
            is_belated: facts.visit.is_some_and(|newest| newest.started_at > facts.at) && ended.is_some(),
        };
        let ends = if ended.is_none() { self.gives_way() } else { None };
        After { ends, visit: VisitChange::Opens(opening), takes: taken(facts), ..After::default() }
    }

    /// When a visit that begins here was over, if it was: at the exit, or by the first passage of another day.
    fn end(&self) -> Option<VisitEnd> {
        if let Some(at) = self.until {
            return Some(VisitEnd { at, by: EndedBy::Exit });
        }
        let next = self.around.moves.iter().find(|it| it.at >= self.day_is_over)?;
        Some(match next.leads_out(self.facts.policy) {
            true => VisitEnd { at: next.at, by: EndedBy::Exit },
            false => VisitEnd { at: self.day_is_over, by: EndedBy::NextDay },
        })
    }

    /// One person has one open visit. One that is open elsewhere is of another day, or of a clock that was wrong.
    fn gives_way(&self) -> Option<Ending> {
        let (open, at) = (self.facts.visit.filter(|it| it.ended.is_none())?, self.facts.at);
        let end = VisitEnd { at: at.max(open.started_at), by: EndedBy::NextDay };
        outlived(self.facts).or(Some(Ending { visit: open.id, end }))
    }

    fn left(&self) -> After {
        let Some(written) = self.visit() else { return After::default() };
        let (visit, at) = (&written.visit, self.facts.at);
        let end = VisitEnd { at, by: EndedBy::Exit };
        let entries = || self.around.moves.iter().filter(|it| self.holds(it.at) && it.visit == Some(visit.id));
        let mut entries = entries().filter(|it| it.enters(self.facts.policy));
        if visit.started_at > at {
            let first = entries.find(|it| it.at <= at);
            return first.map(|entry| self.splits(written, entry, Some(end), at)).unwrap_or_default();
        }
        let ends = Some(Ending { visit: visit.id, end });
        let Some(entry) = entries.find(|it| it.at > at) else { return After { ends, ..After::default() } };
        let inherited = visit.ended.map(|end| VisitEnd { at: end.at.max(entry.at), ..end });
        After { ends, ..self.splits(written, entry, inherited, Timestamp::MAX) }
    }

    /// The half without a visit begins one, by the right of the visit that it was taken for.
    fn splits(&self, of: &Written, entry: &Move, ended: Option<VisitEnd>, until: Timestamp) -> After {
        let visit = &of.visit;
        let membership = visit.membership.clone().map(Title::Membership);
        let title = membership.or_else(|| visit.class.clone().map(Title::Class));
        let takes = title.as_ref().map_or(Takes::Nothing, |title| taken_again(title, of.entries_left));
        let is_newest = self.facts.visit.is_some_and(|newest| newest.id == visit.id) && until == Timestamp::MAX;
        let opening = Opening { club_day: visit.club_day, title, ended, is_belated: !is_newest };
        let split = Split { of: visit.id, entry: entry.clone(), until, opening };
        After { splits: Some(split), takes, ..After::default() }
    }
}

fn exit_of(visit: &Visit) -> Option<Timestamp> {
    visit.ended.filter(|end| end.by == EndedBy::Exit).map(|end| end.at)
}

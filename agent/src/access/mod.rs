//! The decision: one pure function over one standing, the same at the gate, offline and in the dry run.
//!
//! ```text
//!  standing ─▶ 0 gate ─▶ 2 identify ─▶ 3 ban ─▶ 4 staff ─▶ 5 reader ─▶ 6 presence ─┐
//!  decision ◀─ 11 combine ◀─ 10 CRM ◀─ 9 capacity ◀─ 8 conditions ◀─ 7 entitlement ◀┘
//! ```
//!
//! Every rule leaves a line in the trace, also when an earlier one holds the gate: the operator sees all reasons, the
//! member one. By what right somebody would pass is settled first, because it says which rules are asked at all:
//!
//! | right  | who                       | asked                    | weight         |
//! |--------|---------------------------|--------------------------|----------------|
//! | exit   | whoever leaves, known or not | 2, 3, 8, 10           | warns at most  |
//! | free   | whoever enters a free gate | 0, 2, 3                 | 2, 3 only warn |
//! | staff  | staff who enter           | 0, 2, 3, 4               | full           |
//! | member | everybody else            | all                      | full           |
//! | manual | whom an operator lets in  | all                      | warns at most  |

mod actions;
mod capacity;
mod case;
mod conditions;
mod entitlement;
mod gate;
mod identify;
mod presence;
mod reservations;
mod suitability;
mod texts;
mod trace;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod world;

pub use gate::{GateCondition, Records};
pub use reservations::Reservations;
pub use texts::{Line16, Texts, TextsProblem};

use jiff::Timestamp;

use crate::domain::{
    Decision, Direction, GateMode, Grant, GrantKind, Identified, Policy, Reader, Reason, Standing, Step, Way,
};
use case::Case;
use trace::{Finding, Trace};

/// Decides. The same arguments give the same decision.
#[must_use]
pub fn decide(
    who: &Identified,
    reader: &Reader,
    gate: GateCondition,
    policy: &Policy,
    reserved: &Reservations,
    now: Timestamp,
) -> Decision {
    match who {
        Identified::Known(standing) => {
            let case = Case::new(standing, reader, gate, policy, reserved, now);
            known(&case, right(case.way, gate.mode, standing))
        }
        Identified::Unknown => nobody(Reason::UnknownCredential, reader, gate, now),
        Identified::Ambiguous => nobody(Reason::AmbiguousCredential, reader, gate, now),
    }
}

/// An opening by an operator: always granted, with all that the rules would have said as warnings. With a person, the
/// membership that serves is used, so that the visit and its entry are counted as if they had come by badge.
#[must_use]
pub fn by_hand(
    person: Option<&Standing>,
    reader: &Reader,
    gate: GateCondition,
    policy: &Policy,
    reserved: &Reservations,
    now: Timestamp,
) -> Decision {
    let Some(standing) = person else {
        let mut trace = Trace::new(GrantKind::Manual);
        trace.ask(Step::GateMode, || vec![Finding::note("opened by an operator for nobody in particular")]);
        let grant = Grant { kind: GrantKind::Manual, entitlement: None, enters: None };
        return trace.combine(grant, None, way_of_a_stranger(reader), now, Vec::new());
    };
    known(&Case::new(standing, reader, gate, policy, reserved, now), GrantKind::Manual)
}

/// A passage that has been: somebody was let in before, by an agent or a controller whose record was not made. Always
/// granted, by the right they had, with all that the rules would have said at that moment as warnings. What the person
/// did after that moment is known and does not count.
#[must_use]
pub fn looking_back(
    who: &Identified,
    reader: &Reader,
    gate: GateCondition,
    policy: &Policy,
    reserved: &Reservations,
    then: Timestamp,
) -> Decision {
    match who {
        Identified::Known(standing) => {
            let standing = as_of(standing, then);
            let case = Case::new(&standing, reader, gate, policy, reserved, then);
            let kind = right(case.way, gate.mode, &standing);
            ask_all(&case, kind, Trace::looking_back(kind))
        }
        Identified::Unknown => stranger(Reason::UnknownCredential, reader, gate, then, Trace::looking_back),
        Identified::Ambiguous => stranger(Reason::AmbiguousCredential, reader, gate, then, Trace::looking_back),
    }
}

fn as_of(standing: &Standing, then: Timestamp) -> Standing {
    let mut standing = standing.clone();
    standing.presence = standing.presence.filter(|it| it.since <= then);
    standing.last_seen = standing.last_seen.filter(|it| it.since <= then);
    standing.visit = standing.visit.filter(|it| it.started_at <= then);
    if let Some(visit) = &mut standing.visit {
        visit.ended = visit.ended.filter(|end| end.at <= then);
    }
    standing
}

fn right(way: Way, mode: GateMode, standing: &Standing) -> GrantKind {
    match (way, mode) {
        (Way::Out, _) => GrantKind::Exit,
        (Way::In | Way::Inner, GateMode::Free) => GrantKind::Free,
        (Way::In | Way::Inner, GateMode::Normal | GateMode::Staff | GateMode::Locked) if standing.person.staff => {
            GrantKind::Staff
        }
        (Way::In | Way::Inner, GateMode::Normal | GateMode::Staff | GateMode::Locked) => GrantKind::Member,
    }
}

fn known(case: &Case<'_>, kind: GrantKind) -> Decision {
    ask_all(case, kind, Trace::new(kind))
}

fn ask_all(case: &Case<'_>, kind: GrantKind, mut trace: Trace) -> Decision {
    trace.ask(Step::GateMode, || gate::admits(case.gate, case.way, kind));
    trace.ask(Step::ReadHygiene, Vec::new);
    trace.ask(Step::Identify, || identify::credential(case));
    trace.ask(Step::Ban, || identify::ban(case));
    trace.ask(Step::Staff, || identify::staff(case));
    trace.ask(Step::ReaderSuitability, || suitability::suits(case));
    trace.ask(Step::Presence, || presence::passback(case));
    let entitlement = trace.ask_for(Step::Entitlement, || entitlement::choose(case));
    trace.ask(Step::Conditions, || conditions::met(case));
    trace.ask(Step::Capacity, || capacity::has_room(case));
    let messages = trace.ask_for(Step::Crm, || actions::in_force(case)).unwrap_or_default();
    let grant = Grant { kind, entitlement, enters: capacity::place_taken(case) };
    trace.combine(grant, Some(case.standing.id), case.way, case.now, messages)
}

/// A badge that leads to nobody, or to several: in through a free gate only, and always out.
fn nobody(reason: Reason, reader: &Reader, condition: GateCondition, now: Timestamp) -> Decision {
    stranger(reason, reader, condition, now, Trace::new)
}

fn stranger(
    reason: Reason,
    reader: &Reader,
    condition: GateCondition,
    now: Timestamp,
    trace: impl FnOnce(GrantKind) -> Trace,
) -> Decision {
    let way = way_of_a_stranger(reader);
    let kind = match (way, condition.mode) {
        (Way::Out, _) => GrantKind::Exit,
        (Way::In | Way::Inner, GateMode::Free) => GrantKind::Free,
        (Way::In | Way::Inner, GateMode::Normal | GateMode::Staff | GateMode::Locked) => GrantKind::Member,
    };
    let mut trace = trace(kind);
    trace.ask(Step::GateMode, || gate::admits(condition, way, kind));
    trace.ask(Step::ReadHygiene, Vec::new);
    trace.ask(Step::Identify, || vec![Finding::block(reason, "")]);
    trace.combine(Grant { kind, entitlement: None, enters: None }, None, way, now, Vec::new())
}

/// Who is unknown is taken to come in: a `both` reader stands at a gate that turns freely outwards.
fn way_of_a_stranger(reader: &Reader) -> Way {
    match reader.direction {
        Direction::Out => Way::Out,
        Direction::In | Direction::Both | Direction::Inner => Way::In,
    }
}

//! A passage that the controller remembered, as it is written down: by the same rules, at its own time.

use super::super::{Question, Right, Site, Who};
use crate::domain::{
    Decision, GateId, GateMode, GrantKind, Origin, Passage, PassageId, PassageOutcome, Reason, Severity, Step,
    TraceLine,
};
use crate::passage::controlled::{Decider, EventKey, Late};
use crate::store::StoreError;

/// Asks the rules what they say of it. Whoever was let in was; the others open nothing any more. None: it is written
/// already, under its read.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn passage(
    site: &Site,
    gate: GateId,
    mode: GateMode,
    late: Late,
) -> Result<Option<Passage>, StoreError> {
    let Late { key, unless_passed, ask, at, way, by, outcome } = late;
    let before = match unless_passed {
        None => None,
        Some(EventKey { boot, number }) => {
            let gate = gate.clone();
            // Nobody else writes passages of this gate, and this is written one after the other.
            let read = move |view: &crate::store::View<'_>| view.passage_of_event(&gate, boot, number);
            site.store.read("looking a passage up", read).await?
        }
    };
    if before.as_ref().is_some_and(|it| matches!(it.outcome, PassageOutcome::Passed | PassageOutcome::Free)) {
        return Ok(None);
    }
    let policy = site.policy.borrow().clone();
    let badge = ask.as_ref().map(|ask| ask.badge.clone());
    let who = match (badge.clone(), before.as_ref().and_then(|it| it.person)) {
        (Some(badge), _) => Some(Who::Badge(badge)),
        (None, person) => person.map(Who::Person),
    };
    let reader = ask.map(|ask| ask.reader).or_else(|| before.and_then(|it| it.reader));
    let reader = reader.and_then(|reader| policy.readers.get(&reader)).cloned();
    let (mut decision, mut unknown_badge) = (None, None);
    if let (Some(who), Some(reader)) = (who, &reader) {
        let opened = matches!(outcome, PassageOutcome::Passed | PassageOutcome::NotPassed);
        let (right, mode) = if opened { (Right::Past, then(mode)) } else { (Right::Own, mode) };
        let question = Question { right, who, reader: reader.clone(), mode, policy, at: at.wall };
        let answer = site.desk.inquire(question).await?;
        unknown_badge = badge.filter(|_| answer.badge_is_unknown).map(|badge| badge.value().to_owned());
        decision = Some(said_of(answer.decision, by, outcome));
    }
    let is_free = decision.as_ref().and_then(Decision::grant).is_some_and(|grant| grant.kind == GrantKind::Free);
    let outcome = if is_free && outcome == PassageOutcome::Passed { PassageOutcome::Free } else { outcome };
    let offline = by == Decider::Controller;
    Ok(Some(Passage {
        id: PassageId(uuid::Uuid::now_v7()),
        at: at.wall,
        clock: at.quality,
        gate,
        direction: reader.as_ref().map(|reader| reader.direction),
        reader: reader.map(|reader| reader.id),
        way: decision.as_ref().map_or(way, |decision| decision.way),
        outcome,
        person: decision.as_ref().and_then(|decision| decision.person),
        unknown_badge,
        decision,
        shown: Vec::new(),
        origin: Origin::Controller { boot: key.boot, sequence: key.number.into(), offline },
    }))
}

/// Nobody remembers in which mode the gate was. One that is free makes no visits, and others did not let in by mode.
fn then(mode: GateMode) -> GateMode {
    match mode {
        GateMode::Free => GateMode::Free,
        GateMode::Normal | GateMode::Staff | GateMode::Locked => GateMode::Normal,
    }
}

/// The operator reads first who decided it.
fn said_of(mut decision: Decision, by: Decider, outcome: PassageOutcome) -> Decision {
    let (reason, severity, detail) = match by {
        Decider::Nobody => (Some(Reason::Stale), Severity::Block, "told too late: it opened nothing"),
        Decider::Controller => (None, Severity::Note, "the controller opened by itself, and told it later"),
        Decider::Agent => (None, Severity::Note, "decided before the agent was started again, and told later"),
    };
    if outcome == PassageOutcome::Stale {
        // What the rules say today is not why nobody was let in then.
        decision.trace.iter_mut().for_each(|line| line.severity = Severity::Note);
    }
    decision.trace.insert(0, TraceLine { step: Step::ReadHygiene, reason, severity, detail: detail.to_owned() });
    decision
}

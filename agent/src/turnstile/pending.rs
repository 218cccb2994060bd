//! Passages between their decision and their record, by id.

use std::collections::HashMap;

use tokio::sync::oneshot;

use super::{Answer, OpenOrder, Opened, OrderRefused};
use crate::domain::{
    Badge, Decision, Display, GateId, MemberText, Now, Origin, Passage, PassageId, PassageOutcome, Reader, ReaderId,
    Shown,
};

type OrderAnswer = oneshot::Sender<Result<Opened, OrderRefused>>;

/// A passage that was decided and has not ended.
pub(super) struct Pending {
    at: Now,
    pub(super) reader: Reader,
    pub(super) decision: Decision,
    language: Option<String>,
    unknown_badge: Option<String>,
    origin: Origin,
    order: Option<OrderAnswer>,
}

impl Pending {
    pub(super) fn by_badge(at: Now, reader: Reader, answer: Answer, badge: &Badge) -> Self {
        Self {
            at,
            reader,
            unknown_badge: answer.badge_is_unknown.then(|| badge.value().to_owned()),
            decision: answer.decision,
            language: answer.language,
            origin: Origin::Agent,
            order: None,
        }
    }

    pub(super) fn by_hand(at: Now, reader: Reader, answer: Answer, order: OpenOrder) -> Self {
        let origin = Origin::Operator { name: order.operator, reason: order.reason };
        let Answer { decision, language, .. } = answer;
        Self { at, reader, decision, language, unknown_badge: None, origin, order: Some(order.answer) }
    }

    fn shown(&self) -> Vec<Shown> {
        if self.reader.display == Display::None {
            return Vec::new();
        }
        let messages = self.decision.texts.iter().filter_map(|text| match text {
            MemberText::Crm { action, text } => Some(Shown { action: *action, text: text.clone() }),
            MemberText::Welcome | MemberText::Goodbye | MemberText::Reason(_) => None,
        });
        messages.collect()
    }
}

/// Passages that were decided and have not ended, and orders that wait for their record.
#[derive(Default)]
pub(super) struct PendingPassages {
    undecided: HashMap<PassageId, Pending>,
    orders: HashMap<PassageId, OrderAnswer>,
    /// The language of whoever was last decided about, by reader: repeats are shown in it too.
    languages: HashMap<ReaderId, Option<String>>,
}

impl PendingPassages {
    pub(super) fn insert(&mut self, id: PassageId, mut pending: Pending) {
        self.languages.insert(pending.reader.id.clone(), pending.language.take());
        if let Some(order) = pending.order.take() {
            self.orders.insert(id, order);
        }
        self.undecided.insert(id, pending);
    }

    pub(super) fn language_at(&self, reader: &ReaderId) -> Option<String> {
        self.languages.get(reader).cloned().flatten()
    }

    pub(super) fn forget(&mut self, id: PassageId) {
        self.undecided.remove(&id);
    }

    /// The passage as it is to be written down, now that it has ended.
    pub(super) fn settle(&mut self, id: PassageId, outcome: PassageOutcome, gate: &GateId) -> Option<Passage> {
        let pending = self.undecided.remove(&id)?;
        Some(Passage {
            id,
            at: pending.at.wall,
            clock: pending.at.quality,
            gate: gate.clone(),
            direction: Some(pending.reader.direction),
            way: pending.decision.way,
            outcome,
            person: pending.decision.person,
            shown: pending.shown(),
            reader: Some(pending.reader.id),
            unknown_badge: pending.unknown_badge,
            decision: Some(pending.decision),
            origin: pending.origin,
        })
    }

    /// Who waits to hear that a passage opened by hand is durable.
    pub(super) fn answer_to(&mut self, id: PassageId) -> Option<OrderAnswer> {
        self.orders.remove(&id)
    }

    /// The gate could not be opened: whoever ordered it hears so at once. Those whose passage has ended wait for its
    /// record; for them it did open.
    pub(super) fn refuse_orders(&mut self, refused: &OrderRefused) {
        for (_, answer) in self.orders.extract_if(|id, _| self.undecided.contains_key(id)) {
            let _gone = answer.send(Err(refused.clone()));
        }
    }
}

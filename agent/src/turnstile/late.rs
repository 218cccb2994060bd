//! A passage that no reader told of, as an operator tells it later: recorded by the same rules at its own time. It opens
//! nothing.

use std::sync::Arc;

use jiff::Timestamp;

use super::facts::PassageRecorded;
use super::{Answer, Desk, Opened, Question, Right, Who};
use crate::domain::{
    Decision, GateMode, LanePlan, Now, Origin, Passage, PassageId, PassageOutcome, Policy, Reader, Reason, Severity,
    Step, TraceLine,
};
use crate::store::{Recorded, StoreError};
use crate::telemetry::Fact;

/// Somebody passed, and no reader told of it.
#[derive(Clone, Debug)]
pub struct LatePassage {
    /// The id that the passage gets.
    pub id: PassageId,
    /// Who passed.
    pub who: Who,
    /// At which reader.
    pub reader: Reader,
    /// When, as the operator says.
    pub at: Timestamp,
    /// When it is written down.
    pub now: Now,
    /// The name of the token used.
    pub operator: String,
    /// Why it is written down by hand.
    pub reason: String,
}

/// A late passage that is durable.
#[derive(Clone, Debug)]
pub struct LateRecorded {
    /// The passage and the visit it began.
    pub opened: Opened,
    /// What the rules would have said at the gate; none of it kept the passage from being recorded.
    pub reasons: Vec<Reason>,
    /// What recording made of it, for the live feed.
    pub recorded: Recorded,
}

/// Why a late passage is not recorded.
#[derive(Debug, thiserror::Error)]
pub enum LateRefused {
    /// Nobody, or more than one, is known by this badge.
    #[error("this badge is not that of one person")]
    Nobody,
    /// A form that was sent twice.
    #[error("this very passage is recorded already")]
    Already,
    /// The store cannot.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Desk {
    /// Writes down a passage that has been: with its visit and what that consumes, as if it had been told then.
    ///
    /// # Errors
    /// When it is nobody's, when it is recorded already, or when the store cannot.
    pub async fn record_late(
        &self,
        late: LatePassage,
        policy: Arc<Policy>,
        lanes: Arc<[LanePlan]>,
    ) -> Result<LateRecorded, LateRefused> {
        let question = Question {
            right: Right::Past,
            who: late.who.clone(),
            reader: late.reader.clone(),
            // Nobody remembers in which mode the gate was.
            mode: GateMode::Normal,
            policy: Arc::clone(&policy),
            at: late.at,
        };
        let Answer { decision, .. } = self.inquire(question).await?;
        let person = decision.person.ok_or(LateRefused::Nobody)?;
        let reasons = decision.reasons().collect();
        let (reader, now) = (late.reader.id.clone(), late.now.wall);
        let passage = passage_of(late, told_by_hand(decision));
        let written = passage.clone();
        let write = move |tx: &crate::store::Tx<'_>| {
            let already = tx.passed_at(person, &reader, written.at)?;
            if already { Ok(None) } else { tx.record(&written, &policy, &lanes, now).map(Some) }
        };
        let recorded = self.store.write("recording a late passage", write).await?.ok_or(LateRefused::Already)?;
        PassageRecorded { passage: &passage, recorded: &recorded }.tell();
        let opened = Opened { passage_id: passage.id, at: passage.at, new_visit: recorded.new_visit };
        Ok(LateRecorded { opened, reasons, recorded })
    }
}

fn passage_of(late: LatePassage, decision: Decision) -> Passage {
    Passage {
        id: late.id,
        at: late.at,
        clock: late.now.quality,
        gate: late.reader.gate,
        direction: Some(late.reader.direction),
        reader: Some(late.reader.id),
        way: decision.way,
        outcome: PassageOutcome::Manual,
        person: decision.person,
        unknown_badge: None,
        decision: Some(decision),
        shown: Vec::new(),
        origin: Origin::Operator { name: late.operator, reason: late.reason },
    }
}

/// Whoever reads the trace reads this first.
fn told_by_hand(mut decision: Decision) -> Decision {
    let detail = "written down later by an operator: no reader told of it".to_owned();
    decision.trace.insert(0, TraceLine { step: Step::ReadHygiene, reason: None, severity: Severity::Note, detail });
    decision
}

//! Where decisions are made: the facts of the store, the reservations of all gates, the policy in force.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::access::{self, GateCondition, Records, Reservations};
use crate::domain::{Badge, Decision, GateMode, Identified, PassageId, PersonId, Policy, Reader};
use crate::store::{Store, StoreError, StoreState, View};

/// How long a gate waits for the store before it decides without it: a member at a turnstile reads anything longer as
/// broken. A look-up takes microseconds; only a dying disk takes longer.
const LOOK_UP_MAX: Duration = Duration::from_millis(250);
/// How many snapshots a decision may find outdated before it gives up. Each means that another gate settled a passage
/// within the microseconds of a look-up.
const SNAPSHOTS_MAX: u32 = 16;

/// Where decisions are made. All clones share the reservations.
#[derive(Clone)]
pub struct Desk {
    pub(super) store: Store,
    reserved: Arc<Mutex<Reserved>>,
}

/// The reservations, and how many were ever released: a snapshot of the store read before a release is too old to
/// decide by, since what was reserved may have been consumed in between (ADR 3).
#[derive(Default)]
struct Reserved {
    reservations: Reservations,
    releases: u64,
}

/// Whom a decision is about.
#[derive(Clone, Debug)]
pub enum Who {
    /// Whoever holds this badge.
    Badge(Badge),
    /// A person named by an operator.
    Person(PersonId),
    /// Nobody in particular.
    Anybody,
}

/// By whose right somebody would pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Right {
    /// Their own: the rules decide.
    Own,
    /// An operator's: the gate opens, and what the rules would have said is kept.
    Operators,
    /// Their own, at a moment that is over: the gate did open, and what the rules would have said then is kept.
    Past,
}

/// One question to the rules.
#[derive(Clone, Debug)]
pub struct Question {
    /// By whose right.
    pub right: Right,
    /// About whom.
    pub who: Who,
    /// At which reader.
    pub reader: Reader,
    /// In which mode the gate is.
    pub mode: GateMode,
    /// By which policy.
    pub policy: Arc<Policy>,
    /// When.
    pub at: Timestamp,
}

/// An answer, and what of the person is needed to say it to them.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The decision.
    pub decision: Decision,
    /// The person's language, if known.
    pub language: Option<String>,
    /// The badge belongs to nobody.
    pub badge_is_unknown: bool,
}

impl Desk {
    /// A desk over a store, with nothing reserved.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, reserved: Arc::default() }
    }

    /// Decides, and reserves what a grant would use under the passage's id until [`Desk::release`].
    ///
    /// Never fails and never takes longer than a member waits: without an answer of the store, entry is refused as
    /// `store_unavailable` and leaving is free.
    pub async fn decide(&self, passage: PassageId, question: Question) -> Answer {
        let mut look_up = Box::pin(self.clone().decide_by_the_newest(passage, question.clone()));
        match tokio::time::timeout(LOOK_UP_MAX, &mut look_up).await {
            Ok(Some(answer)) => answer,
            Ok(None) => without_store(&question),
            Err(_elapsed) => {
                // The look-up may still come to a grant that nobody waits for.
                let desk = self.clone();
                drop(tokio::spawn(async move {
                    let _late = look_up.await;
                    desk.release(passage);
                }));
                without_store(&question)
            }
        }
    }

    /// None: the store cannot be read, or others kept settling in between.
    async fn decide_by_the_newest(self, passage: PassageId, question: Question) -> Option<Answer> {
        for _ in 0..SNAPSHOTS_MAX {
            let (reserved, records, asked) = (Arc::clone(&self.reserved), self.records(), question.clone());
            let releases_before = lock(&reserved).releases;
            let look_up = self.store.at_gate("deciding at a gate", move |view| {
                let identified = identify(view, &asked.who, asked.at)?;
                let mut reserved = lock(&reserved);
                if reserved.releases != releases_before {
                    return Ok(None);
                }
                let answer = decide(&identified, &asked, records, &reserved.reservations);
                if let Some(grant) = answer.decision.grant() {
                    reserved.reservations.reserve(passage, answer.decision.person, grant);
                }
                Ok(Some(answer))
            });
            if let Some(answer) = look_up.await.ok()? {
                return Some(answer);
            }
        }
        None
    }

    /// The same decision as at the gate, free of side effects.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn inquire(&self, question: Question) -> Result<Answer, StoreError> {
        let (reserved, records) = (Arc::clone(&self.reserved), self.records());
        let look_up = move |view: &View<'_>| {
            let identified = identify(view, &question.who, question.at)?;
            Ok(decide(&identified, &question, records, &lock(&reserved).reservations))
        };
        self.store.read("answering why", look_up).await
    }

    /// Frees what was reserved for a passage: it is durable, or nobody went through.
    pub fn release(&self, passage: PassageId) {
        let mut reserved = lock(&self.reserved);
        reserved.releases += 1;
        reserved.reservations.release(passage);
    }

    fn records(&self) -> Records {
        if self.store.state() == StoreState::Overflowing { Records::Full } else { Records::Open }
    }
}

fn identify(view: &View<'_>, who: &Who, at: Timestamp) -> Result<Identified, StoreError> {
    match who {
        Who::Badge(badge) => view.identify(badge, at),
        Who::Person(person) => {
            Ok(view.standing(*person, at)?.map_or(Identified::Unknown, |it| Identified::Known(Box::new(it))))
        }
        Who::Anybody => Ok(Identified::Unknown),
    }
}

fn without_store(question: &Question) -> Answer {
    let answer = decide(&Identified::Unknown, question, Records::Full, &Reservations::default());
    Answer { badge_is_unknown: false, ..answer }
}

fn decide(identified: &Identified, question: &Question, records: Records, reserved: &Reservations) -> Answer {
    let gate = GateCondition { mode: question.mode, records };
    let Question { reader, policy, at, .. } = question;
    let person = match identified {
        Identified::Known(standing) => Some(standing.as_ref()),
        Identified::Unknown | Identified::Ambiguous => None,
    };
    let decision = match question.right {
        Right::Own => access::decide(identified, reader, gate, policy, reserved, *at),
        Right::Past => access::looking_back(identified, reader, gate, policy, reserved, *at),
        Right::Operators => access::by_hand(person, reader, gate, policy, reserved, *at),
    };
    Answer {
        decision,
        language: person.and_then(|standing| standing.person.language.clone()),
        badge_is_unknown: *identified == Identified::Unknown,
    }
}

fn lock(reserved: &Mutex<Reserved>) -> MutexGuard<'_, Reserved> {
    // A panic elsewhere must not close every gate: the map is consistent after each of its calls.
    reserved.lock().unwrap_or_else(PoisonError::into_inner)
}

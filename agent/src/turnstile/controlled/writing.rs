//! What is to be written down of a gate with a controller, one after the other in the order in which it happened.
//!
//! A visit depends on those before it, and what a controller remembered comes in a row: so nothing overtakes. What the
//! disk does not take is tried again, and until then the controller remembers it and everything after it.

use std::collections::VecDeque;
use std::time::Duration;

use super::super::Site;
use super::super::gate_loop::Going;
use super::late;
use crate::domain::{Alarm, AlarmKind, AlarmState, GateId, GateMode, Now, Passage, PassageOutcome};
use crate::passage::controlled::{EventKey, Late};
use crate::store::{Recorded, StoreError};

/// How long what could not be written down waits before it is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How often that is tried where the disk is not to blame. A record that can never be written must not shut the gate by
/// filling its controller's memory.
const TRIES_MAX: u32 = 10;

/// Something to be written down.
#[derive(Clone, Debug)]
pub(super) enum Job {
    /// A passage that was decided here.
    Passage(Passage),
    /// A passage that the controller remembered.
    Late(Late),
    /// A rotation that nobody asked for.
    Unasked(Passage),
    /// An alarm, and its event if a controller told it.
    Alarm(Alarm, Option<EventKey>),
    /// The controller's boot.
    Boot {
        /// It.
        boot: u64,
        /// It is another one than before, or it says that it was reset.
        was_reset: bool,
        /// When it was heard.
        at: Now,
    },
}

/// How something was written down.
pub(super) struct Written {
    /// The event that it settles.
    pub(super) settles: Option<EventKey>,
    /// The passage, if it is one.
    pub(super) passage: Option<Box<(Passage, Option<Recorded>)>>,
    /// The alarms that were raised.
    pub(super) alarms: Vec<Alarm>,
}

/// Why something was not written down.
pub(super) struct Failed {
    /// The passage, if it is one.
    pub(super) passage: Option<Passage>,
    /// Why.
    pub(super) error: StoreError,
    /// It is given up.
    pub(super) for_good: bool,
    /// The event that it would have settled.
    pub(super) settles: Option<EventKey>,
}

/// What is to be written down, oldest first. The controllers' memory bounds it, since nothing is acknowledged before it
/// is durable.
#[derive(Default)]
pub(super) struct Writing {
    waiting: VecDeque<(Job, Option<EventKey>)>,
    under_way: Option<Going<Result<Outcome, StoreError>>>,
    tries: u32,
}

/// What came of the oldest.
struct Outcome {
    passage: Option<Box<(Passage, Option<Recorded>)>>,
    alarms: Vec<Alarm>,
}

impl Writing {
    /// To be written after everything before it.
    pub(super) fn add(&mut self, job: Job, settles: Option<EventKey>) {
        self.waiting.push_back((job, settles));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Writes the oldest, and tells how that went; pending while there is nothing to write. May be dropped and called again.
    pub(super) async fn next(&mut self, site: &Site, gate: &GateId, mode: GateMode) -> Result<Written, Box<Failed>> {
        let Some((job, settles)) = self.waiting.front() else { return std::future::pending().await };
        let settles = *settles;
        let pause = if self.tries == 0 { Duration::ZERO } else { AGAIN_AFTER };
        let under_way =
            self.under_way.get_or_insert_with(|| write(site.clone(), gate.clone(), mode, job.clone(), pause));
        let written = under_way.await;
        self.under_way = None;
        match written {
            Ok(Outcome { passage, alarms }) => {
                self.tries = 0;
                self.waiting.pop_front();
                Ok(Written { settles, passage, alarms })
            }
            Err(error) => {
                let is_the_disk =
                    matches!(error, StoreError::Full { .. } | StoreError::Busy { .. } | StoreError::Closed { .. });
                self.tries = if is_the_disk { 1 } else { self.tries + 1 };
                let for_good = self.tries >= TRIES_MAX;
                let job = if for_good { self.waiting.pop_front() } else { self.waiting.front().cloned() };
                let passage = job.and_then(|(job, _)| job.passage());
                if for_good {
                    self.tries = 0;
                }
                Err(Box::new(Failed { passage, error, for_good, settles }))
            }
        }
    }
}

impl Job {
    fn passage(self) -> Option<Passage> {
        match self {
            Self::Passage(passage) | Self::Unasked(passage) => Some(passage),
            Self::Late(_) | Self::Alarm(..) | Self::Boot { .. } => None,
        }
    }
}

fn write(site: Site, gate: GateId, mode: GateMode, job: Job, pause: Duration) -> Going<Result<Outcome, StoreError>> {
    Box::pin(async move {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        match job {
            Job::Passage(passage) => record(&site, passage, None).await,
            Job::Unasked(passage) => {
                let alarm = (passage.outcome == PassageOutcome::Forced).then(|| forced(&passage));
                record(&site, passage, alarm).await
            }
            Job::Late(late) => match late::passage(&site, gate, mode, late).await? {
                Some(passage) => record(&site, passage, None).await,
                None => Ok(Outcome { passage: None, alarms: Vec::new() }),
            },
            Job::Alarm(alarm, event) => raise(&site, alarm, event).await,
            Job::Boot { boot, was_reset, at } => note_boot(&site, gate, boot, was_reset, at).await,
        }
    })
}

async fn record(site: &Site, passage: Passage, alarm: Option<Alarm>) -> Result<Outcome, StoreError> {
    let (policy, lanes) = (site.policy.borrow().clone(), site.lanes.clone());
    let (clock, written, raised) = (site.clock.clone(), passage.clone(), alarm.clone());
    let write = move |tx: &crate::store::Tx<'_>| {
        let recorded = tx.record(&written, &policy, &lanes, clock.now().wall)?;
        if let Some(alarm) = raised.as_ref().filter(|_| !recorded.already) {
            tx.raise(alarm, None, &lanes)?;
        }
        Ok(recorded)
    };
    let recorded = site.store.write_through("recording a passage", write).await?;
    let alarms = alarm.filter(|_| !recorded.already).into_iter().collect();
    let recorded = Some(recorded).filter(|recorded| !recorded.already);
    Ok(Outcome { passage: Some(Box::new((passage, recorded))), alarms })
}

async fn raise(site: &Site, alarm: Alarm, event: Option<EventKey>) -> Result<Outcome, StoreError> {
    let (raised, lanes) = (alarm.clone(), site.lanes.clone());
    let event = event.map(|key| (key.boot, key.number));
    let is_new = site.store.write_through("writing an alarm down", move |tx| tx.raise(&raised, event, &lanes)).await?;
    Ok(Outcome { passage: None, alarms: if is_new { vec![alarm] } else { Vec::new() } })
}

/// A controller that was reset has forgotten what it had not told; somebody should know why. What lasted before is over
/// then: what goes on is told anew. The first boot at a gate is news to nobody.
async fn note_boot(site: &Site, gate: GateId, boot: u64, was_reset: bool, at: Now) -> Result<Outcome, StoreError> {
    let lanes = site.lanes.clone();
    let note = move |tx: &crate::store::Tx<'_>| {
        let before = tx.controller_runs(&gate, boot)?;
        if !was_reset || before.is_none() {
            return Ok(Vec::new());
        }
        let over = tx.alarms_that_last(&gate)?.into_iter().map(|kind| alarm(&gate, kind, AlarmState::Ended, at));
        let restarted = alarm(&gate, AlarmKind::Restarted, AlarmState::Happened, at);
        let alarms: Vec<Alarm> = std::iter::once(restarted).chain(over).collect();
        for alarm in &alarms {
            tx.raise(alarm, None, &lanes)?;
        }
        Ok(alarms)
    };
    let alarms = site.store.write_through("remembering a controller's boot", note).await?;
    Ok(Outcome { passage: None, alarms })
}

fn forced(passage: &Passage) -> Alarm {
    let Passage { at, clock, .. } = *passage;
    let at = Now { wall: at, quality: clock, uptime: crate::domain::Uptime::default() };
    alarm(&passage.gate, AlarmKind::Forced, AlarmState::Happened, at)
}

/// An alarm of this moment.
pub(super) fn alarm(gate: &GateId, alarm: AlarmKind, state: AlarmState, at: Now) -> Alarm {
    let alarm_id = crate::domain::AlarmId(uuid::Uuid::now_v7());
    Alarm { alarm_id, gate: gate.clone(), alarm, state, count: None, at: at.wall, clock: at.quality }
}

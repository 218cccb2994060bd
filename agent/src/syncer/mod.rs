//! Plans what Mywellness is told of people: whoever is due, a few at a time, and everybody once a night. The lane alone sends.
//!
//! A few at a time, because the lane sends in the order of rows: fifty thousand people to be told of must not stand
//! before the visit that has just begun.

mod compare;
mod facts;

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::domain::{ClockQuality, LaneId};
use crate::store::{Planned, Store, StoreError};
use crate::sync::{self, Occasion, Rules};
use crate::telemetry::Fact;

use facts::{Compared, PlanningFailed, SyncPlanned};

/// Most people with something in the outbox at a time. A new visit waits behind so many calls or a few times as many.
const PLANNED_MAX: u32 = 64;
/// People planned in one transaction: their documents are read on the thread that also writes passages down.
const BATCH_PEOPLE_MAX: u32 = 16;
/// How long changes gather before they are planned: a put is soon followed by others.
const GATHER: Duration = Duration::from_millis(25);
/// How often it is looked whether the comparison is due, and what failed is tried again.
const TURN: Duration = Duration::from_secs(30);

/// What the syncer works with.
#[derive(Clone)]
pub struct Syncer {
    /// The store.
    pub store: Store,
    /// The clocks.
    pub clock: Clock,
    /// The lane of Mywellness.
    pub lane: LaneId,
    /// Who is told of, and what.
    pub rules: Arc<Rules>,
    /// The site's.
    pub timezone: TimeZone,
    /// When everybody is compared, local time.
    pub compare_at: Time,
}

impl Syncer {
    /// Plans until cancelled.
    pub async fn run(self, cancel: CancellationToken) {
        tokio::select! {
            () = cancel.cancelled() => {}
            () = self.work() => {}
        }
    }

    async fn work(&self) {
        let mut changes = self.store.sync_changes();
        let mut turns = tokio::time::interval(TURN);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        self.told_if_failed(self.store.write("planning anew", |tx| tx.plan_anew()).await);
        loop {
            tokio::select! {
                _ = turns.tick() => self.told_if_failed(self.compare_if_due().await),
                changed = changes.changed() => match changed {
                    Ok(()) => tokio::time::sleep(GATHER).await,
                    // The store is gone, and with it all that could be planned.
                    Err(_) => std::future::pending().await,
                },
            }
            changes.mark_unchanged();
            self.told_if_failed(self.plan().await);
        }
    }

    fn told_if_failed(&self, result: Result<(), StoreError>) {
        if let Err(error) = result {
            PlanningFailed { error: &error }.tell();
        }
    }

    /// Plans who is due until nobody is, or enough are planned.
    async fn plan(&self) -> Result<(), StoreError> {
        // A clock that is certainly wrong cannot tell who is a member.
        if self.clock.now().quality == ClockQuality::Untrusted {
            return Ok(());
        }
        let mut all = Planned::default();
        loop {
            let (lane, rules) = (self.lane.clone(), Arc::clone(&self.rules));
            let now = self.clock.now().wall.to_zoned(self.timezone.clone());
            let planning = self.store.write("planning what Mywellness is told", move |tx| {
                tx.plan_due(&lane, (BATCH_PEOPLE_MAX, PLANNED_MAX), &rules, &now)
            });
            let planned = planning.await?;
            all.looked_at += planned.looked_at;
            all.marks += planned.marks;
            all.up_to_date += planned.up_to_date;
            all.barred += planned.barred;
            if planned.looked_at < BATCH_PEOPLE_MAX {
                break;
            }
        }
        if all.looked_at > 0 {
            SyncPlanned { planned: all }.tell();
        }
        Ok(())
    }

    async fn compare_if_due(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        if now.quality == ClockQuality::Untrusted {
            return Ok(());
        }
        let last = self.store.read("looking for the last comparison", |view| view.last_comparison()).await?;
        let (noted, digest) =
            (self.store.read("reading the noted rules", |view| view.noted_rules()).await?, self.digest());
        // By other rules what was refused may go, and what is known there may be wrong.
        let occasion = if noted.is_some_and(|noted| noted != digest) { Occasion::OtherRules } else { Occasion::Night };
        if occasion == Occasion::Night && !sync::is_due(last, now.wall, &self.timezone, self.compare_at) {
            return Ok(());
        }
        let (compared, differing) = compare::everybody(self, now.wall, occasion).await?;
        self.store.write("noting the rules", move |tx| tx.note_rules(&digest)).await?;
        Compared { compared, differing }.tell();
        Ok(())
    }

    /// Tells rules from others. Another version may write them down otherwise, and then looks at everybody once more.
    fn digest(&self) -> Vec<u8> {
        Sha256::digest(format!("{:?}", self.rules)).to_vec()
    }
}

#[cfg(test)]
mod tests;

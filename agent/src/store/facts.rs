//! What the store tells: the disk is full or has space again, commits that failed, work that a bug stopped.

use metrics::{counter, gauge};

use super::StoreError;
use super::health::StoreState;
use crate::telemetry::Fact;

/// The store's state changed.
pub(super) struct StoreStateChanged {
    pub(super) state: StoreState,
}

impl Fact for StoreStateChanged {
    fn tell(&self) {
        let level = match self.state {
            StoreState::Ready => 0.0,
            StoreState::Full => 1.0,
            StoreState::Overflowing => 2.0,
        };
        gauge!("varco_store_state").set(level);
        match self.state {
            StoreState::Ready => tracing::info!("the store takes writes"),
            StoreState::Full => tracing::error!("the disk is full: passages wait in memory, other writes are refused"),
            StoreState::Overflowing => {
                tracing::error!("the queue of passages is full: gates refuse entry until the store can write");
            }
        }
    }
}

/// A group of jobs could not be committed; what must not be lost is tried again.
pub(super) struct CommitFailed<'a> {
    pub(super) why: &'a StoreError,
    pub(super) kept: usize,
}

impl Fact for CommitFailed<'_> {
    fn tell(&self) {
        counter!("varco_store_commits_failed_total").increment(1);
        tracing::warn!(why = %self.why, kept = self.kept, "a commit failed");
    }
}

/// A group of jobs is durable.
pub(super) struct Committed {
    pub(super) jobs: usize,
}

impl Fact for Committed {
    fn tell(&self) {
        counter!("varco_store_commits_total").increment(1);
        counter!("varco_store_jobs_total").increment(self.jobs as u64);
        tracing::trace!(jobs = self.jobs, "committed");
    }
}

/// A bug stopped a job or a look halfway; it was undone.
pub(super) struct WorkBroke {
    pub(super) doing: &'static str,
}

impl Fact for WorkBroke {
    fn tell(&self) {
        counter!("varco_store_broken_total").increment(1);
        tracing::error!(doing = self.doing, "a bug stopped work in the store; it was undone");
    }
}

/// The store was closed while the disk would not take what waited in memory.
pub(super) struct RecordsGivenUp {
    pub(super) jobs: usize,
}

impl Fact for RecordsGivenUp {
    fn tell(&self) {
        counter!("varco_store_given_up_total").increment(self.jobs as u64);
        tracing::error!(jobs = self.jobs, "closing with records that the disk would not take; they are lost");
    }
}

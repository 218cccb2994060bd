//! The writer's two bounded queues: what must not be lost, and everything else.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::StoreError;
use super::transaction::Tx;

/// Passages and acknowledgements that may wait for the disk: at about 4 KiB each a bounded 16 MiB, and at one passage
/// a second and gate an hour of a club with one gate.
pub(super) const THROUGH_MAX: usize = 4096;
/// Other writes that may wait; more callers wait for a slot.
pub(super) const ORDINARY_MAX: usize = 1024;
/// Callers that may wait for a slot of either queue. A disk that hangs without failing would pile them up for ever.
pub(super) const CALLERS_MAX: usize = 4096;

/// What is asked of a job.
pub(super) enum Step<'t> {
    /// Write. May be asked again after a commit that failed.
    Run(&'t Tx<'t>),
    /// Tell the caller how it ended; asked once, last.
    Answer(Result<(), StoreError>),
}

/// A job's closure, with the caller's own type inside.
pub(super) type Work = Box<dyn FnMut(Step<'_>) -> Result<(), StoreError> + Send>;

/// Whether a job may be refused when the disk is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Urgency {
    /// Answered with the error.
    Ordinary,
    /// Kept and tried until it is durable.
    Through,
}

/// A write that waits, with the slot it takes.
pub(super) struct Job {
    pub(super) doing: &'static str,
    pub(super) urgency: Urgency,
    pub(super) work: Work,
    #[expect(dead_code, reason = "held, not read: it frees its place in the queue when the job is dropped")]
    pub(super) slot: OwnedSemaphorePermit,
}

impl Job {
    pub(super) fn answer(mut self, how: Result<(), StoreError>) {
        // Answering cannot fail: whoever no longer listens is not told.
        let _told = (self.work)(Step::Answer(how));
    }
}

/// Why the writer woke.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wake {
    /// Jobs wait.
    Jobs,
    /// Nothing came for a while.
    Quiet,
    /// Closed, and nothing waits.
    Done,
}

#[derive(Default)]
struct Waiting {
    through: VecDeque<Job>,
    ordinary: VecDeque<Job>,
    closed: bool,
}

/// Both queues. Callers push from any task, the writer thread alone takes.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    pushed: Condvar,
    ordinary_slots: Arc<Semaphore>,
    through_slots: Arc<Semaphore>,
    /// Room for the callers that wait for a slot.
    pub(super) callers: Semaphore,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            waiting: Mutex::default(),
            pushed: Condvar::new(),
            ordinary_slots: Arc::new(Semaphore::new(ORDINARY_MAX)),
            through_slots: Arc::new(Semaphore::new(THROUGH_MAX)),
            callers: Semaphore::new(CALLERS_MAX),
        }
    }

    /// The slots of a queue; closed together with it.
    pub(super) fn slots(&self, urgency: Urgency) -> &Arc<Semaphore> {
        match urgency {
            Urgency::Ordinary => &self.ordinary_slots,
            Urgency::Through => &self.through_slots,
        }
    }

    /// Adds a job. A job that comes after the close is dropped, which its caller sees.
    pub(super) fn push(&self, job: Job) {
        let mut waiting = self.lock();
        if waiting.closed {
            return;
        }
        match job.urgency {
            Urgency::Ordinary => waiting.ordinary.push_back(job),
            Urgency::Through => waiting.through.push_back(job),
        }
        drop(waiting);
        self.pushed.notify_one();
    }

    /// The next job: what must not be lost goes first.
    pub(super) fn take(&self) -> Option<Job> {
        let mut waiting = self.lock();
        waiting.through.pop_front().or_else(|| waiting.ordinary.pop_front())
    }

    /// Puts jobs back whose commit failed, in their order, ahead of all others.
    pub(super) fn put_back(&self, jobs: Vec<Job>) {
        let mut waiting = self.lock();
        for job in jobs.into_iter().rev() {
            waiting.through.push_front(job);
        }
    }

    /// Takes every job that may be refused.
    pub(super) fn take_ordinary(&self) -> VecDeque<Job> {
        std::mem::take(&mut self.lock().ordinary)
    }

    /// Takes every job.
    pub(super) fn take_all(&self) -> Vec<Job> {
        let mut waiting = self.lock();
        let through = std::mem::take(&mut waiting.through);
        through.into_iter().chain(std::mem::take(&mut waiting.ordinary)).collect()
    }

    /// Waits for a job, at most so long.
    pub(super) fn wait(&self, at_most: Duration) -> Wake {
        let idle = |waiting: &mut Waiting| waiting.is_empty() && !waiting.closed;
        let (waiting, _) = self.pushed.wait_timeout_while(self.lock(), at_most, idle).expect(UNBROKEN);
        match (waiting.is_empty(), waiting.closed) {
            (false, _) => Wake::Jobs,
            (true, true) => Wake::Done,
            (true, false) => Wake::Quiet,
        }
    }

    /// Pauses whether jobs wait or not; ends early when the queue is closed.
    pub(super) fn pause(&self, at_most: Duration) {
        let open = |waiting: &mut Waiting| !waiting.closed;
        let _woken = self.pushed.wait_timeout_while(self.lock(), at_most, open).expect(UNBROKEN);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Takes no more jobs; those that wait are still done.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.ordinary_slots.close();
        self.through_slots.close();
        self.pushed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect(UNBROKEN)
    }
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.through.is_empty() && self.ordinary.is_empty()
    }
}

const UNBROKEN: &str = "nothing that can panic runs under this lock";

//! The one writer: a thread that commits jobs in groups, each job whole or not at all.
//!
//! ```text
//!  wait ─▶ BEGIN ─▶ job, job, job… ─────────▶ COMMIT ─▶ answer all ─▶ wait
//!                    │ │ a job fails             ▲ │
//!                    │ └─▶ ROLLBACK, BEGIN, ─────┘ │
//!                    │     each job in a savepoint │
//!                    ▼ the disk fails              ▼
//!      ROLLBACK, give the ballast up, answer what may be refused, keep what must not be lost, pause ─▶ wait
//! ```
//!
//! Group commit makes one flush of the disk serve everybody who waits. The savepoints keep one failing job from
//! harming the others.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::watch;

use super::ballast::Ballast;
use super::error::{StoreError, during};
use super::facts::{CommitFailed, Committed, RecordsGivenUp, WorkBroke};
use super::health::{Disk, Health, Room};
use super::queue::{Job, Queue, Step, Urgency, Wake};
use super::transaction::{News, Told, Tx};
use crate::clock::Clock;
use crate::domain::{ClockQuality, Uptime};
use crate::telemetry::Fact;

/// Jobs in one commit: past this a flush costs little of each, and callers wait longer for no gain.
const GROUP_JOBS_MAX: usize = 512;
/// Time one commit may collect jobs for: a passage that comes meanwhile is not held up by a long import.
const GROUP_TIME_MAX: Duration = Duration::from_millis(20);
/// Pause before what a failing disk refused is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// How long ordinary writes wait for another process's lock before they are refused.
const BUSY_PATIENCE: Duration = Duration::from_secs(30);
/// How often an idle writer looks for what another process wrote.
const LOOK_AROUND_EVERY: Duration = Duration::from_secs(1);

/// The writer's side of the store.
pub(super) struct Writer {
    pub(super) conn: Connection,
    pub(super) queue: Arc<Queue>,
    pub(super) health: Arc<Health>,
    pub(super) ballast: Ballast,
    pub(super) clock: Clock,
    pub(super) outbox_changes: watch::Sender<u64>,
    pub(super) sync_changes: watch::Sender<u64>,
    pub(super) news: News,
    pub(super) version_seen: i64,
    pub(super) busy_since: Option<Uptime>,
    /// The write-ahead log may hold what has been erased.
    pub(super) log_to_empty: bool,
}

/// A job that ran, and how.
type Ran = (Job, Result<(), StoreError>);

impl Writer {
    /// Works until the queue is closed and empty.
    pub(super) fn run(mut self) {
        loop {
            match self.queue.wait(LOOK_AROUND_EVERY) {
                Wake::Jobs => self.commit_a_group(),
                Wake::Quiet => self.look_around(),
                Wake::Done => break,
            }
        }
        // A checkpoint that another process prevents is made by the next start.
        let _later = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }

    fn commit_a_group(&mut self) {
        let mut ran = Vec::new();
        match self.try_group(&mut ran) {
            Ok(()) => self.committed(ran),
            Err(why) => self.failed(&why, ran),
        }
        self.watch_room();
    }

    /// Runs the jobs that wait, at first without savepoints: keeping every touched page for a job that may fail costs more
    /// than the job. If one does fail, the group is undone and run again with them.
    fn try_group(&mut self, ran: &mut Vec<Ran>) -> Result<(), StoreError> {
        self.begin()?;
        let began = self.clock.now().uptime;
        while ran.len() < GROUP_JOBS_MAX && self.clock.now().uptime.since(began) < GROUP_TIME_MAX {
            let Some(mut job) = self.queue.take() else { break };
            let result = self.run_job(&mut job);
            let failed = result.clone().err();
            ran.push((job, result));
            match failed {
                None => {}
                Some(why) if why.may_pass() => return Err(why),
                Some(_) if ran.len() == 1 => return self.undo(),
                Some(_) => {
                    self.undo()?;
                    self.run_again(ran)?;
                    break;
                }
            }
        }
        during("committing", || self.conn.execute_batch("COMMIT"))
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        during("beginning a commit", || self.conn.execute_batch("BEGIN IMMEDIATE"))?;
        self.busy_since = None;
        Ok(())
    }

    /// Takes back what the group wrote. An error that ended the whole transaction has done so already.
    fn undo(&self) -> Result<(), StoreError> {
        self.news.back_to(Told::default());
        if self.conn.is_autocommit() {
            return Ok(());
        }
        during("taking a group back", || self.conn.execute_batch("ROLLBACK"))
    }

    fn run_again(&mut self, ran: &mut [Ran]) -> Result<(), StoreError> {
        self.begin()?;
        for (job, result) in ran {
            *result = self.in_savepoint(job);
            let stop = result.as_ref().err().filter(|why| why.may_pass() || self.conn.is_autocommit()).cloned();
            stop.map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    fn in_savepoint(&self, job: &mut Job) -> Result<(), StoreError> {
        let doing = job.doing;
        let savepoint = |sql| during(doing, || self.conn.prepare_cached(sql)?.execute([]));
        savepoint("SAVEPOINT job")?;
        let before = self.news.mark();
        let done = self.run_job(job);
        if done.is_err() {
            self.news.back_to(before);
            // A full disk may have ended the whole transaction, and the savepoint with it.
            if self.conn.is_autocommit() {
                return done;
            }
            savepoint("ROLLBACK TO job")?;
        }
        savepoint("RELEASE job")?;
        done
    }

    fn run_job(&self, job: &mut Job) -> Result<(), StoreError> {
        let doing = job.doing;
        let tx = Tx::new(&self.conn, &self.news);
        catch_unwind(AssertUnwindSafe(|| (job.work)(Step::Run(&tx)))).unwrap_or_else(|_panic| {
            WorkBroke { doing }.tell();
            Err(StoreError::Broken { doing })
        })
    }

    fn committed(&mut self, ran: Vec<Ran>) {
        let told = self.news.take();
        for (newest, quality) in
            [(told.newest_synced, ClockQuality::Synced), (told.newest_held, ClockQuality::Holdover)]
        {
            if let Some(at) = newest {
                self.clock.has_recorded(at, quality);
            }
        }
        if told.outbox {
            self.outbox_changes.send_modify(|changes| *changes += 1);
        }
        if told.sync {
            self.sync_changes.send_modify(|changes| *changes += 1);
        }
        if told.erased {
            self.log_to_empty = true;
            self.empty_log();
        }
        Committed { jobs: ran.len() }.tell();
        for (job, result) in ran {
            job.answer(result);
        }
        self.look_for_space();
    }

    fn failed(&mut self, why: &StoreError, ran: Vec<Ran>) {
        // If even this fails the connection has no transaction left to take back.
        let _undone = self.undo();
        if matches!(why, StoreError::Busy { .. }) {
            CommitFailed { why, kept: self.sort_out(why, ran) }.tell();
            return self.be_patient();
        }
        // The state and the ballast go first: whoever is answered finds them so.
        self.health.disk_is(Disk::Failing);
        let freed = matches!(why, StoreError::Full { .. }) && self.ballast.release();
        CommitFailed { why, kept: self.sort_out(why, ran) }.tell();
        self.refuse_ordinary(|_| why.clone());
        if !freed {
            self.wait_for_space();
        }
    }

    /// Answers the jobs that failed by themselves or may be refused, and keeps the others; returns how many.
    fn sort_out(&self, why: &StoreError, ran: Vec<Ran>) -> usize {
        let mut kept = Vec::new();
        for (job, result) in ran {
            match (result, job.urgency) {
                (Err(own), _) if !own.may_pass() => job.answer(Err(own)),
                (_, Urgency::Ordinary) => job.answer(Err(why.clone())),
                (_, Urgency::Through) => kept.push(job),
            }
        }
        let count = kept.len();
        self.queue.put_back(kept);
        count
    }

    /// Another process holds the lock. It is not waited for for ever: operators want an answer.
    fn be_patient(&mut self) {
        let now = self.clock.now().uptime;
        let since = *self.busy_since.get_or_insert(now);
        if now.since(since) >= BUSY_PATIENCE || self.queue.is_closed() {
            self.refuse_ordinary(|doing| StoreError::Busy { doing });
        }
        if self.queue.is_closed() && now.since(since) >= BUSY_PATIENCE {
            self.give_up();
        }
    }

    /// The disk takes nothing at present, not even in the place of the ballast.
    fn wait_for_space(&self) {
        if self.queue.is_closed() {
            return self.give_up();
        }
        self.watch_room();
        self.queue.pause(RETRY_AFTER);
    }

    fn refuse_ordinary(&self, why: impl Fn(&'static str) -> StoreError) {
        for job in self.queue.take_ordinary() {
            let why = why(job.doing);
            job.answer(Err(why));
        }
    }

    /// Closed, and the disk takes nothing: waiting longer would only end in a kill.
    fn give_up(&self) {
        let jobs = self.queue.take_all();
        RecordsGivenUp { jobs: jobs.len() }.tell();
        for job in jobs {
            let doing = job.doing;
            job.answer(Err(StoreError::Closed { doing }));
        }
    }

    /// Moves the write-ahead log into the database and cuts it off. While another process reads, it is tried again.
    fn empty_log(&mut self) {
        if self.log_to_empty {
            let busy = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
            self.log_to_empty = busy.unwrap_or(true);
        }
    }

    fn look_around(&mut self) {
        self.look_for_space();
        self.empty_log();
        let version = self.conn.query_row("PRAGMA data_version", [], |row| row.get(0)).unwrap_or(self.version_seen);
        if version != self.version_seen {
            self.version_seen = version;
            self.outbox_changes.send_modify(|changes| *changes += 1);
            self.sync_changes.send_modify(|changes| *changes += 1);
        }
    }

    /// After a full disk: the ballast is taken again before anything else may fill the space.
    fn look_for_space(&self) {
        if self.health.disk() == Disk::Failing && self.ballast.take_again().is_ok() {
            self.health.disk_is(Disk::Able);
        }
    }

    fn watch_room(&self) {
        let room = if self.queue.slots(Urgency::Through).available_permits() == 0 { Room::None } else { Room::Left };
        self.health.room_is(room);
    }
}

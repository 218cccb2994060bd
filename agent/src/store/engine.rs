//! The store as the rest of the agent holds it: reads and writes handed to the threads that own the connections.

use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use tokio::sync::{mpsc, oneshot, watch};

use super::ballast::Ballast;
use super::columns::Moment;
use super::config::Config;
use super::error::{StoreError, during};
use super::facts::WorkBroke;
use super::health::{Disk, Health, Room, StoreState};
use super::open;
use super::queue::{Job, Queue, Step, Urgency};
use super::readers::{self, Look};
use super::transaction::{News, Tx, View};
use super::writer::Writer;
use crate::clock::Clock;
use crate::domain::ClockQuality;
use crate::telemetry::Fact;

/// The store: cheap to clone, closed when the last clone is gone or [`Store::close`] was called.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

struct Shared {
    queue: Arc<Queue>,
    health: Arc<Health>,
    outbox_changes: watch::Sender<u64>,
    sync_changes: watch::Sender<u64>,
    threads: Mutex<Threads>,
}

/// Who works for the store; emptied by the close.
struct Threads {
    gates: Option<mpsc::Sender<Look>>,
    others: Option<mpsc::Sender<Look>>,
    running: Vec<JoinHandle<()>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl Store {
    /// Opens or creates the store, checks it, brings it to the newest schema and tells the clock the newest record.
    ///
    /// # Errors
    /// When the file cannot be opened, is damaged, is another program's, or was written by a newer version.
    pub fn open(config: &Config, clock: Clock) -> Result<Self, StoreError> {
        let ballast = Ballast::beside(&config.path, config.ballast_bytes);
        let conn = open::for_writing(&config.path).or_else(|why| {
            // On a full disk even opening needs a few pages of space.
            if ballast.release() { open::for_writing(&config.path) } else { Err(why) }
        })?;
        let gates = open::for_reading(&config.path)?;
        let others = open::for_reading(&config.path)?;
        for quality in [ClockQuality::Synced, ClockQuality::Holdover] {
            if let Some(newest) = View::new(&conn).newest_record(quality)? {
                clock.has_recorded(newest, quality);
            }
        }
        let health = Arc::new(Health::new());
        if ballast.take().is_err() {
            health.disk_is(Disk::Failing);
        }
        let started = Self::start(conn, [gates, others], ballast, health, clock);
        started.map_err(|error| StoreError::Unusable { path: config.path.clone(), why: error.to_string() })
    }

    /// Opens the store beside a running agent, whose ballast stays its own: for the command line.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_beside(config: &Config, clock: Clock) -> Result<Self, StoreError> {
        Self::open(&Config { ballast_bytes: 0, ..config.clone() }, clock)
    }

    fn start(
        conn: rusqlite::Connection,
        [gates, others]: [rusqlite::Connection; 2],
        ballast: Ballast,
        health: Arc<Health>,
        clock: Clock,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::new());
        let outbox_changes = watch::Sender::new(0);
        let sync_changes = watch::Sender::new(0);
        let (gates, gates_thread) = readers::start(gates, "store-gates")?;
        let (others, others_thread) = readers::start(others, "store-reads")?;
        let writer = Writer {
            conn,
            queue: queue.clone(),
            health: health.clone(),
            ballast,
            clock,
            outbox_changes: outbox_changes.clone(),
            sync_changes: sync_changes.clone(),
            news: News::default(),
            version_seen: 0,
            busy_since: None,
            log_to_empty: false,
        };
        let writing = thread::Builder::new().name("store-writes".to_owned()).spawn(move || writer.run())?;
        let running = vec![gates_thread, others_thread, writing];
        let threads = Mutex::new(Threads { gates: Some(gates), others: Some(others), running });
        Ok(Self(Arc::new(Shared { queue, health, outbox_changes, sync_changes, threads })))
    }

    /// Reads on the thread of the console and the lanes. `doing` names the operation in errors.
    ///
    /// # Errors
    /// What the closure returns, or that the transaction could not begin.
    pub async fn read<T: Send + 'static>(
        &self,
        doing: &'static str,
        f: impl FnOnce(&View<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let looks = self.threads().others.clone();
        look(looks, doing, f).await
    }

    /// Reads on the thread kept for gates alone.
    ///
    /// # Errors
    /// What the closure returns, or that the transaction could not begin.
    pub async fn at_gate<T: Send + 'static>(
        &self,
        doing: &'static str,
        f: impl FnOnce(&View<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let looks = self.threads().gates.clone();
        look(looks, doing, f).await
    }

    /// Writes in the next group commit; resolves when it is durable. Refused at once while the disk is full. The closure
    /// may be called again, after what it wrote was taken back: hence `FnMut`. A dropped future does not take back what was queued.
    ///
    /// # Errors
    /// What the closure returns (then nothing of it is written), or that the commit failed.
    pub async fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        f: impl FnMut(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.state() != StoreState::Ready {
            return Err(StoreError::Full { doing });
        }
        self.submit(Urgency::Ordinary, doing, f).await
    }

    /// Like [`Self::write`], for what must not be refused while the disk is full (passages, acknowledgements): waits in a bounded
    /// queue and is tried again until it is durable. Goes ahead of ordinary writes. Resolves when durable.
    ///
    /// # Errors
    /// What the closure returns; [`StoreError::Full`] when the disk is full and the queue is as well, or when the disk
    /// hangs and no more callers may wait for a place in the queue.
    pub async fn write_through<T: Send + 'static>(
        &self,
        doing: &'static str,
        f: impl FnMut(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.submit(Urgency::Through, doing, f).await
    }

    async fn submit<T: Send + 'static>(
        &self,
        urgency: Urgency,
        doing: &'static str,
        mut f: impl FnMut(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let slot = self.slot(urgency, doing).await?;
        let (reply, answer) = oneshot::channel();
        let (mut made, mut reply) = (None, Some(reply));
        let work = Box::new(move |step: Step<'_>| match step {
            Step::Run(tx) => f(tx).map(|value| made = Some(value)),
            Step::Answer(how) => {
                let value = how.map(|()| made.take().expect("a job that ended well has made its value"));
                let _nobody_listens = reply.take().map(|reply| reply.send(value));
                Ok(())
            }
        });
        self.0.queue.push(Job { doing, urgency, work, slot });
        answer.await.unwrap_or(Err(StoreError::Closed { doing }))
    }

    async fn slot(
        &self,
        urgency: Urgency,
        doing: &'static str,
    ) -> Result<tokio::sync::OwnedSemaphorePermit, StoreError> {
        let slots = self.0.queue.slots(urgency);
        let slot = match slots.clone().try_acquire_owned() {
            Ok(slot) => slot,
            // Waiting for a slot that only a freed disk gives back would pile the callers up instead of the jobs.
            Err(_) if self.0.health.disk() == Disk::Failing => return Err(StoreError::Full { doing }),
            Err(_) => {
                let _room = self.0.queue.callers.try_acquire().map_err(|_full| StoreError::Full { doing })?;
                slots.clone().acquire_owned().await.map_err(|_closed| StoreError::Closed { doing })?
            }
        };
        if urgency == Urgency::Through && slots.available_permits() == 0 {
            self.0.health.room_is(Room::None);
        }
        Ok(slot)
    }

    /// Whether the store takes writes.
    #[must_use]
    pub fn state(&self) -> StoreState {
        self.0.health.state()
    }

    /// Changes of [`Self::state`].
    #[must_use]
    pub fn states(&self) -> watch::Receiver<StoreState> {
        self.0.health.states()
    }

    /// Counts up whenever a commit wrote, released or made due an outbox row of any lane, here or in another process.
    #[must_use]
    pub fn outbox_changes(&self) -> watch::Receiver<u64> {
        self.0.outbox_changes.subscribe()
    }

    /// Counts up whenever a commit may have made an integration due, here or in another process.
    #[must_use]
    pub fn sync_changes(&self) -> watch::Receiver<u64> {
        self.0.sync_changes.subscribe()
    }

    /// Finishes what is queued and checkpoints. Later calls are answered [`StoreError::Closed`].
    pub async fn close(&self) {
        self.0.queue.close();
        let running = {
            let mut threads = self.threads();
            (threads.gates, threads.others) = (None, None);
            std::mem::take(&mut threads.running)
        };
        let ended = tokio::task::spawn_blocking(move || {
            for thread in running {
                // A thread that panicked outside of a closure has told so on standard error; there is nothing to save.
                let _panicked = thread.join();
            }
        });
        let _cancelled = ended.await;
    }

    fn threads(&self) -> std::sync::MutexGuard<'_, Threads> {
        self.0.threads.lock().expect("nothing that can panic runs under this lock")
    }
}

async fn look<T: Send + 'static>(
    looks: Option<mpsc::Sender<Look>>,
    doing: &'static str,
    f: impl FnOnce(&View<'_>) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let looks = looks.ok_or(StoreError::Closed { doing })?;
    let (reply, answer) = oneshot::channel();
    let look: Look = Box::new(move |view| {
        if !reply.is_closed() {
            let _nobody_listens = reply.send(view.and_then(f));
        }
    });
    looks.send(look).await.map_err(|_ended| StoreError::Closed { doing })?;
    answer.await.map_err(|_panicked| {
        WorkBroke { doing }.tell();
        StoreError::Broken { doing }
    })?
}

impl View<'_> {
    /// The newest moment recorded by a clock of this quality.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn newest_record(&self, quality: ClockQuality) -> Result<Option<jiff::Timestamp>, StoreError> {
        during("reading the newest record", || {
            let sql = "SELECT at FROM passage WHERE clock = ?1 ORDER BY at DESC LIMIT 1";
            self.one(sql, [quality.as_str()], |row| row.get::<_, Moment>(0).map(|moment| moment.0))
        })
    }
}

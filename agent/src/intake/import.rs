//! Importing people from a file of any length, beside an agent at work: bad lines are told and skipped.
//!
//! A thread reads and checks; batches go to the store one after the other. People whose credentials still belong to
//! somebody else are held back, and settled when the whole file has been read.

use std::io::{self, BufRead};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use utoipa::ToSchema;

use crate::clock::Clock;
use crate::domain::{ExternalId, Now, Policy};
use crate::store::{Store, StoreError, Tx};
use crate::telemetry::Fact;

use super::facts::PeopleImported;
use super::put::{Put, put_person};
use super::read::{Batch, Entry, People};
use super::refused::{Cause, Problem, Refused};
use super::settle::Held;

/// Batches read ahead of the store: enough that neither waits for the other, few enough that photos fit in memory.
const BATCHES_AHEAD: usize = 2;
/// Pause between two batches. A writer of another process that waits for the lock looks every half millisecond, so that
/// it finds the gap.
const PAUSE: Duration = Duration::from_millis(2);
/// How often a batch is tried while another process holds the write lock; each try waits for seconds.
const BUSY_TRIES_MAX: u32 = 5;

/// How a file is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// One JSON document a line.
    Ndjson,
    /// A spreadsheet whose first line names the columns.
    Csv,
}

/// What an import has done so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Lines that hold something, the header of a spreadsheet not included.
    pub lines: u64,
    /// People who are new here.
    pub created: u64,
    /// People who were known: their document was replaced, or changed as far as a spreadsheet has columns.
    pub replaced: u64,
    /// Lines that were skipped.
    pub skipped: u64,
}

/// What there is to say about one line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct LineNote {
    /// Its number, from 1.
    pub line: u64,
    /// The person on it, if it was read so far.
    pub external_id: Option<ExternalId>,
    /// What is wrong or odd.
    pub problems: Vec<Problem>,
}

/// What an import tells while it runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ImportNews {
    /// A batch is durable, and this is how far it got.
    Progress(Counts),
    /// A line was skipped, and why.
    Skipped(LineNote),
    /// A line was taken; this is odd about it.
    Warned(LineNote),
}

/// Why an import stopped. What was committed stays; importing the same file again is harmless.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read on.
    #[error("reading the file: {0}")]
    Read(#[from] io::Error),
    /// The columns are not what they should be.
    #[error("the header of the file: {0}")]
    Header(Refused),
    /// The store cannot write.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Imports a file into a store, which may be open in a running agent as well. `tell` hears of every line that is
/// skipped, and how far it got after every batch.
///
/// # Errors
/// When the file cannot be read on or the store cannot write; bad lines are no error.
pub async fn import_people(
    store: &Store,
    policy: Arc<Policy>,
    clock: &Clock,
    format: Format,
    source: impl BufRead + Send + 'static,
    tell: impl FnMut(ImportNews) + Send,
) -> Result<Counts, ImportError> {
    let (to_store, mut batches) = mpsc::channel(BATCHES_AHEAD);
    let (reading_policy, reading_clock) = (Arc::clone(&policy), clock.clone());
    tokio::task::spawn_blocking(move || read_ahead(source, format, reading_policy, reading_clock, &to_store));
    let mut import = Import { store, policy, clock, counts: Counts::default(), held: Held::default(), tell };
    while let Some(batch) = batches.recv().await {
        import.take(batch?).await?;
    }
    import.settle().await?;
    let Counts { created, replaced, skipped, .. } = import.counts;
    PeopleImported { written: created + replaced, skipped }.tell();
    Ok(import.counts)
}

/// Reads until the end, the first error, or until nobody wants more.
fn read_ahead(
    source: impl BufRead,
    format: Format,
    policy: Arc<Policy>,
    clock: Clock,
    to_store: &mpsc::Sender<Result<Batch, ImportError>>,
) {
    let mut people = match People::of(source, format, policy, clock) {
        Ok(people) => people,
        Err(why) => return drop(to_store.blocking_send(Err(why))),
    };
    loop {
        let batch = people.next_batch();
        let ended = batch.as_ref().map_or(true, Batch::is_empty);
        if matches!(&batch, Ok(batch) if batch.is_empty()) || to_store.blocking_send(batch).is_err() || ended {
            return;
        }
    }
}

/// An import under way.
pub(super) struct Import<'a, T> {
    store: &'a Store,
    pub(super) policy: Arc<Policy>,
    clock: &'a Clock,
    counts: Counts,
    pub(super) held: Held,
    tell: T,
}

impl<T: FnMut(ImportNews) + Send> Import<'_, T> {
    async fn take(&mut self, batch: Batch) -> Result<(), ImportError> {
        self.counts.lines += (batch.people.len() + batch.bad.len()) as u64;
        for note in batch.bad {
            self.skip(note);
        }
        self.take_people(batch.people).await?;
        (self.tell)(ImportNews::Progress(self.counts));
        Ok(())
    }

    /// Writes at most a batch of people, and holds those whose credentials somebody else has.
    pub(super) async fn take_people(&mut self, people: Vec<Entry>) -> Result<(), ImportError> {
        for (entry, result) in self.put(people).await? {
            match result {
                Ok(put) => self.written(&entry, put),
                Err(refused) if refused.cause == Cause::Claimed => self.hold(entry, refused),
                Err(refused) => self.skip(entry.note(refused.problems)),
            }
        }
        Ok(())
    }

    /// Writes people in one transaction; then leaves the store to others for a moment.
    async fn put(&self, people: Vec<Entry>) -> Result<Vec<(Entry, Result<Put, Refused>)>, ImportError> {
        if people.is_empty() {
            return Ok(Vec::new());
        }
        let people = Arc::new(people);
        let (writing, policy) = (Arc::clone(&people), Arc::clone(&self.policy));
        let put_all = move |tx: &Tx<'_>, now| writing.iter().map(|entry| put_entry(tx, entry, &policy, now)).collect();
        let results: Vec<_> = self.write(put_all).await?;
        Ok(people.iter().cloned().zip(results).collect())
    }

    /// One write, tried again while another process is writing.
    pub(super) async fn write<R: Send + 'static>(
        &self,
        write: impl Fn(&Tx<'_>, Now) -> Result<R, StoreError> + Send + Sync + 'static,
    ) -> Result<R, ImportError> {
        let write = Arc::new(write);
        let mut tries = 0;
        loop {
            let (again, now) = (Arc::clone(&write), self.clock.now());
            let result = self.store.write("importing people", move |tx| again(tx, now)).await;
            tries += 1;
            tokio::time::sleep(PAUSE).await;
            match result {
                Err(StoreError::Busy { .. }) if tries < BUSY_TRIES_MAX => {}
                result => return Ok(result?),
            }
        }
    }

    pub(super) fn written(&mut self, entry: &Entry, put: Put) {
        let count = if put.created { &mut self.counts.created } else { &mut self.counts.replaced };
        *count += 1;
        if !put.warnings.is_empty() {
            (self.tell)(ImportNews::Warned(entry.note(put.warnings)));
        }
        // An earlier line of the same person is no longer what the file says of them.
        if let Some((earlier, refused)) = self.held.release(entry.external_id()) {
            self.skip(earlier.note(refused.problems));
        }
    }

    fn hold(&mut self, entry: Entry, refused: Refused) {
        for (entry, refused) in self.held.hold(entry, refused) {
            self.skip(entry.note(refused.problems));
        }
    }

    pub(super) fn skip(&mut self, note: LineNote) {
        self.counts.skipped += 1;
        (self.tell)(ImportNews::Skipped(note));
    }

    /// The second pass.
    async fn settle(&mut self) -> Result<(), ImportError> {
        self.settle_moves().await?;
        self.settle_exchanges().await?;
        for (entry, refused) in std::mem::take(&mut self.held).into_entries() {
            self.skip(entry.note(refused.problems));
        }
        (self.tell)(ImportNews::Progress(self.counts));
        Ok(())
    }
}

fn put_entry(tx: &Tx<'_>, entry: &Entry, policy: &Policy, now: Now) -> Result<Result<Put, Refused>, StoreError> {
    match entry.document(tx, policy, now)? {
        Ok(person) => put_person(tx, &person, now.wall),
        Err(refused) => Ok(Err(refused)),
    }
}

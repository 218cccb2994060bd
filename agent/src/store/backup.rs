//! A consistent copy of a live store, made beside the running agent and verified before it counts.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::columns::Count;
use super::error::StoreError;
use super::open;

/// Pages copied at a time: four mebibytes, so that the copy never holds much in memory.
const PAGES_A_STEP: i32 = 1024;
/// The tables whose rows are counted in the store and in its copy.
const COUNTED: [&str; 4] = ["person", "passage", "visit", "outbox"];

/// What a copy holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BackedUp {
    /// Size in bytes.
    pub bytes: u64,
    /// People.
    pub people: u64,
    /// Passages.
    pub passages: u64,
    /// Visits.
    pub visits: u64,
    /// Rows of the outbox, delivered ones included.
    pub outbox_rows: u64,
}

/// Copies the store at `source` to `dest`, one file complete in itself, of one moment however busy the agent is. The
/// copy is flushed and verified; what fails verification is removed.
///
/// # Errors
/// When `dest` is there and not empty, the store cannot be read, the copy cannot be written, or it is not the same.
pub fn back_up(source: &Path, dest: &Path) -> Result<BackedUp, StoreError> {
    claim(dest).map_err(|why| unusable(dest, why))?;
    let copied = copy(source, dest).and_then(|counts| verify(dest, counts));
    if copied.is_err() {
        // Half a copy must not be taken for one.
        let _left = fs::remove_file(dest);
    }
    copied
}

/// Takes the name, readable by the owner alone, and only if nothing is there to lose.
fn claim(dest: &Path) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(dest)?;
    if file.metadata()?.len() > 0 {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is there already; name a new file"));
    }
    Ok(())
}

fn copy(source: &Path, dest: &Path) -> Result<[u64; 4], StoreError> {
    let store = open::for_reading(source)?;
    let of_store = |error: rusqlite::Error| unusable(source, error);
    let of_copy = |error: rusqlite::Error| unusable(dest, error);
    let mut target = Connection::open_with_flags(dest, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(of_copy)?;
    // One read transaction around all steps: whatever is written meanwhile is not in the copy, and no step starts over.
    store.execute_batch("BEGIN DEFERRED").map_err(of_store)?;
    let counts = counts(&store).map_err(of_store)?;
    let steps = Backup::new(&store, &mut target).map_err(of_copy)?;
    loop {
        match steps.step(PAGES_A_STEP).map_err(of_copy)? {
            StepResult::Done => break,
            StepResult::More => {}
            _ => return Err(unusable(dest, "another process writes to it")),
        }
    }
    drop(steps);
    // Without a write-ahead log the copy is one file, which can also lie on a read-only disk.
    target.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(())).map_err(of_copy)?;
    Ok(counts)
}

fn verify(dest: &Path, expected: [u64; 4]) -> Result<BackedUp, StoreError> {
    let flush = || -> io::Result<u64> {
        let file = File::open(dest)?;
        file.sync_all()?;
        File::open(open::folder_of(dest))?.sync_all()?;
        Ok(file.metadata()?.len())
    };
    let bytes = flush().map_err(|why| unusable(dest, why))?;
    let of_copy = |error: rusqlite::Error| unusable(dest, error);
    let conn = Connection::open_with_flags(dest, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(of_copy)?;
    let verdict: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(of_copy)?;
    if verdict != "ok" {
        return Err(unusable(dest, format!("the copy is damaged ({verdict})")));
    }
    let found = counts(&conn).map_err(of_copy)?;
    if found != expected {
        return Err(unusable(dest, format!("the copy has {found:?} rows of {COUNTED:?}, the store {expected:?}")));
    }
    let [people, passages, visits, outbox_rows] = found;
    Ok(BackedUp { bytes, people, passages, visits, outbox_rows })
}

fn counts(conn: &Connection) -> rusqlite::Result<[u64; 4]> {
    let mut counts = [0; 4];
    for (count, table) in counts.iter_mut().zip(COUNTED) {
        *count = conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, Count>(0))?.0;
    }
    Ok(counts)
}

fn unusable(path: &Path, why: impl ToString) -> StoreError {
    StoreError::Unusable { path: path.to_owned(), why: why.to_string() }
}

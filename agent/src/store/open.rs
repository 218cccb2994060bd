//! Opening the file: whose it is, whether it is sound, and how its connections are set up.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Once;
use std::thread;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::error::StoreError;
use super::schema;

/// Page cache of a reading connection. More gained nothing in look-ups among 500,000 people and cost its size in memory.
const READING_CACHE_KIB: i64 = 2048;
/// Page cache of the writing connection: most pages that 500 people of an import touch. Twice as much filled a store with
/// a million people a tenth faster at best, recorded passages no faster, and took the agent past 40 MiB.
const WRITING_CACHE_KIB: i64 = 4096;
/// Pages in the write-ahead log before they are moved into the database: 16 MiB, so that a page touched by several
/// groups in a row is moved once.
const WAL_PAGES: i64 = 4096;
/// Prepared statements kept by each connection: all of the store's statements, so that none is compiled twice.
const STATEMENTS_KEPT: usize = 192;
/// The write-ahead log is cut back to this after a checkpoint.
const WAL_BYTES_KEPT: i64 = 64 * 1024 * 1024;
/// Pause between two looks at a lock that another process holds. SQLite's own handler soon looks only ten times a
/// second and would miss the gaps that a busy import leaves.
const LOCK_PAUSE: Duration = Duration::from_micros(500);
/// Looks before `SQLITE_BUSY`: five seconds.
const LOCK_LOOKS_MAX: i32 = 10_000;

/// Keeps SQLite from counting its memory: the counters are guarded by a lock that every allocation of every thread takes,
/// a tenth of all the work of a commit.
#[expect(unsafe_code, reason = "SQLite's start-up options have no safe wrapper")]
fn count_no_memory() {
    static ONCE: Once = Once::new();
    // SAFETY: the option takes one int, and SQLite refuses it harmlessly once it has started; no connection is open yet,
    // since all are opened by this module, after this.
    ONCE.call_once(|| unsafe {
        rusqlite::ffi::sqlite3_config(rusqlite::ffi::SQLITE_CONFIG_MEMSTATUS, 0);
    });
}

/// Opens or creates the file for writing: checked, set up and brought to the newest schema.
pub(super) fn for_writing(path: &Path) -> Result<Connection, StoreError> {
    count_no_memory();
    let unusable = |why: String| StoreError::Unusable { path: path.to_owned(), why };
    create_private(path).map_err(|error| unusable(error.to_string()))?;
    let told = |error: rusqlite::Error| unusable(explain(&error));
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags).map_err(told)?;
    set_up(&conn).map_err(told)?;
    refuse_foreign(&conn).map_err(told)?.map_or(Ok(()), |why| Err(unusable(why)))?;
    set_up_writing(&conn).map_err(told)?;
    schema::MIGRATIONS.to_latest(&mut conn).map_err(|error| unusable(error.to_string()))?;
    // The log of a process that was killed may hold who was erased. If it cannot be emptied now, the end does it.
    let _later = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    Ok(conn)
}

/// Opens the file for reading; it has been opened for writing before.
pub(super) fn for_reading(path: &Path) -> Result<Connection, StoreError> {
    count_no_memory();
    let told = |error: rusqlite::Error| StoreError::Unusable { path: path.to_owned(), why: explain(&error) };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(told)?;
    set_up(&conn).map_err(told)?;
    conn.pragma_update(None, "cache_size", -READING_CACHE_KIB).map_err(told)?;
    conn.pragma_update(None, "query_only", true).map_err(told)?;
    Ok(conn)
}

/// Personal data lie in it: only the owner reads it. SQLite gives its other files the same mode.
fn create_private(path: &Path) -> std::io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn set_up(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_handler(Some(|looks| {
        thread::sleep(LOCK_PAUSE);
        looks < LOCK_LOOKS_MAX
    }))?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // Plans may not depend on bound values: else statements near a partial index are compiled anew at each use.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.pragma_update(None, "trusted_schema", false)
}

/// Says why the file is not one this version can write; none if it is.
fn refuse_foreign(conn: &Connection) -> rusqlite::Result<Option<String>> {
    let number = |pragma: &str| conn.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        return Ok(None);
    }
    if number("application_id")? != i64::from(schema::APPLICATION_ID) {
        return Ok(Some("the file is another program's database; name another file in store.path".to_owned()));
    }
    let (version, newest) = (number("user_version")?, schema::newest_version());
    if usize::try_from(version).is_ok_and(|version| version > newest) {
        return Ok(Some(format!(
            "a newer Varco wrote it (schema {version}, this one knows {newest}); install that version again"
        )));
    }
    let verdict: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    let damaged = || format!("the file is damaged ({verdict}); put a backup in its place");
    Ok((verdict != "ok").then(damaged))
}

/// The settings that make what was acknowledged survive a power cut: WAL with `synchronous=FULL`.
fn set_up_writing(conn: &Connection) -> rusqlite::Result<()> {
    // Takes effect only before the first table.
    conn.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    conn.pragma_update(None, "application_id", schema::APPLICATION_ID)?;
    conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "cache_size", -WRITING_CACHE_KIB)?;
    conn.pragma_update_and_check(None, "wal_autocheckpoint", WAL_PAGES, |_| Ok(()))?;
    conn.pragma_update_and_check(None, "journal_size_limit", WAL_BYTES_KEPT, |_| Ok(()))?;
    // What was erased is overwritten, also where a whole page of it is given back: a photograph has pages of its own.
    conn.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))
}

fn explain(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => "the file is not a database; name another file in store.path".into(),
        Some(rusqlite::ErrorCode::DatabaseCorrupt) => {
            format!("the file is damaged ({error}); put a backup in its place")
        }
        Some(_) | None => error.to_string(),
    }
}

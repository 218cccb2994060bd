//! Opening the file: whose it is, whether it is sound, and how its connections are set up.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
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
    make(path).map_err(|error| refused(path, &error))?;
    let told = |error: rusqlite::Error| unusable(explain(path, &error));
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
    let told = |error: rusqlite::Error| StoreError::Unusable { path: path.to_owned(), why: explain(path, &error) };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(told)?;
    set_up(&conn).map_err(told)?;
    conn.pragma_update(None, "cache_size", -READING_CACHE_KIB).map_err(told)?;
    conn.pragma_update(None, "query_only", true).map_err(told)?;
    Ok(conn)
}

/// SQLite gives its other files the owner and the mode of this one.
fn make(path: &Path) -> io::Result<()> {
    // Whoever cannot open what is there is told more by `explain`. It is not opened: closing a second descriptor of the
    // file would take back the locks that SQLite holds in this process.
    if path.exists() { Ok(()) } else { private_file(path).map(drop) }
}

/// Opens a file of the store, or makes it: personal data lie here, so only the owner reads it. What root makes belongs to
/// the owner of the folder, since a token made with sudo before the first start must not lock the agent out.
pub(super) fn private_file(path: &Path) -> io::Result<File> {
    let open = |options: &mut OpenOptions| options.read(true).write(true).mode(0o600).open(path);
    match open(OpenOptions::new().create_new(true)) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => open(&mut OpenOptions::new()),
        made => {
            let made = made?;
            let folder = fs::metadata(folder_of(path))?;
            if folder.uid() != made.metadata()?.uid() {
                // Only root may; whoever else may write here keeps what they make.
                let _kept = fchown(&made, Some(folder.uid()), Some(folder.gid()));
            }
            Ok(made)
        }
    }
}

pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
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

fn explain(path: &Path, error: &rusqlite::Error) -> String {
    use rusqlite::ErrorCode::{CannotOpen, DatabaseCorrupt, NotADatabase, PermissionDenied, ReadOnly};
    match error.sqlite_error_code() {
        Some(NotADatabase) => "the file is not a database; name another file in store.path".into(),
        Some(DatabaseCorrupt) => {
            format!("the file is damaged ({error}); put a backup in its place")
        }
        Some(CannotOpen | ReadOnly | PermissionDenied) => format!("{error}{}", whose(path).unwrap_or_default()),
        Some(_) | None => error.to_string(),
    }
}

/// Why a file of the store cannot be opened or made, and whose it is if that may be the reason.
pub(super) fn refused(path: &Path, error: &io::Error) -> StoreError {
    let is_forbidden = error.kind() == io::ErrorKind::PermissionDenied;
    let whose = is_forbidden.then(|| whose(path).or_else(|| whose(folder_of(path)))).flatten();
    StoreError::Unusable { path: path.to_owned(), why: format!("{error}{}", whose.unwrap_or_default()) }
}

/// Whose the file is, if it belongs to somebody else than this process.
fn whose(path: &Path) -> Option<String> {
    let (owner, own) = (fs::metadata(path).ok()?.uid(), rustix::process::geteuid().as_raw());
    let name = |user: u32| if user == 0 { "root".to_owned() } else { format!("the user with number {user}") };
    (owner != own).then(|| {
        format!(
            "; {} belongs to {}, and this is {}: run the command as the agent's user (sudo -u varco varco …), \
             or let that user own it (sudo chown varco: {})",
            path.display(),
            name(owner),
            name(own),
            path.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::chown;

    use super::*;

    /// Of no user that there is.
    const STRANGER: u32 = 60_000;

    /// A folder of somebody else's; none without the right to make one: only root can give anything away.
    fn folder_of_a_stranger() -> Option<tempfile::TempDir> {
        let folder = tempfile::tempdir().expect("a folder");
        chown(folder.path(), Some(STRANGER), Some(STRANGER)).is_ok().then_some(folder)
    }

    #[test]
    fn what_root_makes_belongs_to_the_owner_of_the_folder() {
        let Some(folder) = folder_of_a_stranger() else { return };
        let path = folder.path().join("varco.db");
        let writing = for_writing(&path).expect("a new store");
        let reading = for_reading(&path).expect("the same");
        private_file(&folder.path().join("varco.db.lock")).expect("a lock");
        writing.execute("CREATE TABLE used (it)", []).expect("a write");
        let made: Vec<_> = fs::read_dir(folder.path()).expect("a folder").map(|made| made.expect("a file")).collect();
        assert_eq!(made.len(), 4, "store, log, index of the log, lock: {made:?}");
        for file in made {
            let about = file.metadata().expect("it is there");
            assert_eq!((about.uid(), about.gid(), about.mode() & 0o777), (STRANGER, STRANGER, 0o600), "{file:?}");
        }
        drop((writing, reading));
    }

    #[test]
    fn a_store_that_belongs_to_somebody_else_says_to_whom() {
        let Some(folder) = folder_of_a_stranger() else { return };
        let path = folder.path().join("varco.db");
        fs::write(&path, "").expect("written");
        assert_eq!(whose(&path), None, "it is our own");
        chown(&path, Some(STRANGER), None).expect("given away");
        let told = refused(&path, &io::ErrorKind::PermissionDenied.into()).to_string();
        for part in ["permission denied", "belongs to the user with number 60000", "this is root", "sudo -u varco"] {
            assert!(told.contains(part), "{part} in {told}");
        }
        let missing = refused(&folder.path().join("new"), &io::ErrorKind::PermissionDenied.into()).to_string();
        assert!(missing.contains(&format!("{} belongs to", folder.path().display())), "{missing}");
    }
}

//! Read connections, each on a thread of its own: one kept for gates alone, one for everybody else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::error::{StoreError, during};
use super::transaction::View;

/// Looks that may wait for one thread; more callers wait for a slot. At 50 µs a look this is 13 ms of work.
const LOOKS_MAX: usize = 256;

/// A look at the store, with the caller's own type inside; an error if the transaction could not begin.
pub(super) type Look = Box<dyn FnOnce(Result<&View<'_>, StoreError>) + Send>;

/// Starts a reading thread; it ends when the last sender is gone.
pub(super) fn start(conn: Connection, name: &str) -> std::io::Result<(mpsc::Sender<Look>, JoinHandle<()>)> {
    let (looks, mut next) = mpsc::channel::<Look>(LOOKS_MAX);
    let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
        while let Some(look) = next.blocking_recv() {
            in_one_transaction(&conn, look);
        }
    })?;
    Ok((looks, thread))
}

/// One transaction, so that what a look sees is of one moment, and each statement is spared its own locks.
fn in_one_transaction(conn: &Connection, look: Look) {
    let transaction = |sql| during("reading", || conn.prepare_cached(sql)?.execute([]));
    let begun = transaction("BEGIN DEFERRED");
    let view = View::new(conn);
    // The caller learns of a panic by its answer never coming; the thread lives on for the others.
    let _panicked = catch_unwind(AssertUnwindSafe(|| look(begun.map(|_| &view))));
    if !conn.is_autocommit() && transaction("COMMIT").is_err() {
        let _ended = transaction("ROLLBACK");
    }
}

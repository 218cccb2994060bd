//! Why the store could not do something: the operation, and what stood in the way.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::ErrorCode;
use rusqlite::ffi;

/// Why the store could not do it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The disk is full; nothing was written.
    #[error("{doing}: the disk is full")]
    Full {
        /// The operation.
        doing: &'static str,
    },
    /// Another process holds the write lock for too long.
    #[error("{doing}: another process is writing to the store")]
    Busy {
        /// The operation.
        doing: &'static str,
    },
    /// SQLite says so.
    #[error("{doing}: {source}")]
    Sqlite {
        /// The operation.
        doing: &'static str,
        /// What SQLite said.
        source: Arc<rusqlite::Error>,
    },
    /// A document in the store cannot be read, or a thing that must be there is not.
    #[error("reading {what} from the store: {why}")]
    Unreadable {
        /// What was to be read.
        what: String,
        /// Why it could not be.
        why: String,
    },
    /// A list was asked to go on from where no page of it ended.
    #[error("no page of this list ended at {cursor:?}")]
    UnknownCursor {
        /// What was asked for.
        cursor: String,
    },
    /// The store's file cannot be used.
    #[error("opening the store {path}: {why}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why not, and what to do about it.
        why: String,
    },
    /// Another agent runs at the store.
    #[error(
        "another agent{} runs at the store {path}; stop it, or give this one a store of its own in store.path",
        .pid.map_or(String::new(), |pid| format!(" (pid {pid})"))
    )]
    Taken {
        /// The store's file.
        path: PathBuf,
        /// The process id of the other agent, if it has written it down.
        pid: Option<u32>,
    },
    /// A bug stopped the operation halfway; it was undone.
    #[error("{doing}: a bug stopped it halfway, and it was undone")]
    Broken {
        /// The operation.
        doing: &'static str,
    },
    /// The store has been closed.
    #[error("{doing}: the store is closed")]
    Closed {
        /// The operation.
        doing: &'static str,
    },
}

impl StoreError {
    /// Sorts what SQLite said by what can be done about it.
    pub(super) fn of(doing: &'static str, error: rusqlite::Error) -> Self {
        if is_full(&error) {
            return Self::Full { doing };
        }
        match error {
            rusqlite::Error::SqliteFailure(failure, _)
                if matches!(failure.code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) =>
            {
                Self::Busy { doing }
            }
            rusqlite::Error::FromSqlConversionFailure(_, _, why) => {
                Self::Unreadable { what: doing.to_owned(), why: why.to_string() }
            }
            source => Self::Sqlite { doing, source: Arc::new(source) },
        }
    }

    /// Whether the surroundings failed rather than the operation: the same work may succeed a moment later.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Full { .. } | Self::Busy { .. } => true,
            Self::Sqlite { source, .. } => source.sqlite_error_code().is_some_and(|code| {
                matches!(
                    code,
                    ErrorCode::SystemIoFailure
                        | ErrorCode::CannotOpen
                        | ErrorCode::ReadOnly
                        | ErrorCode::OutOfMemory
                        | ErrorCode::OperationInterrupted
                        | ErrorCode::FileLockingProtocolFailed
                )
            }),
            Self::Unreadable { .. }
            | Self::UnknownCursor { .. }
            | Self::Unusable { .. }
            | Self::Taken { .. }
            | Self::Broken { .. }
            | Self::Closed { .. } => false,
        }
    }
}

/// The unix VFS says `SQLITE_FULL` for a write that met `ENOSPC`; growing the shared memory file or flushing on a full
/// disk shows as one of these I/O errors instead (<https://sqlite.org/rescode.html>).
fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|failure| {
        failure.code == ErrorCode::DiskFull
            || matches!(
                failure.extended_code,
                ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_SHMSIZE
            )
    })
}

/// Runs SQL and names the operation in the error.
pub(super) fn during<T>(doing: &'static str, work: impl FnOnce() -> rusqlite::Result<T>) -> Result<T, StoreError> {
    work().map_err(|error| StoreError::of(doing, error))
}

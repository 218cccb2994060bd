//! The two handles that closures work with: a view of one moment, and a transaction that changes it.

use std::cell::Cell;

use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, Row};

use crate::domain::ClockQuality;

/// A read transaction: everything seen through it is of one moment.
pub struct View<'c> {
    conn: &'c Connection,
}

impl<'c> View<'c> {
    pub(super) fn new(conn: &'c Connection) -> Self {
        Self { conn }
    }

    /// A statement compiled once per connection.
    pub(super) fn sql(&self, sql: &str) -> rusqlite::Result<CachedStatement<'c>> {
        self.conn.prepare_cached(sql)
    }

    /// The first row, if there is one.
    pub(super) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        self.sql(sql)?.query_row(params, read).optional()
    }

    /// All rows.
    pub(super) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        self.sql(sql)?.query_map(params, read)?.collect()
    }
}

/// A write transaction; everything a [`View`] can read, it can too.
pub struct Tx<'c> {
    view: View<'c>,
    news: &'c News,
}

impl<'c> std::ops::Deref for Tx<'c> {
    type Target = View<'c>;
    fn deref(&self) -> &View<'c> {
        &self.view
    }
}

impl<'c> Tx<'c> {
    pub(super) fn new(conn: &'c Connection, news: &'c News) -> Self {
        Self { view: View::new(conn), news }
    }

    /// Changes rows; returns how many.
    pub(super) fn run(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
        self.sql(sql)?.execute(params)
    }

    /// The number of the row just written.
    pub(super) fn last_row(&self) -> i64 {
        self.view.conn.last_insert_rowid()
    }

    pub(super) fn news(&self) -> &News {
        self.news
    }
}

/// What the rest of the agent is told once a commit is durable.
#[derive(Default)]
pub(super) struct News(Cell<Told>);

/// What a group of jobs has to tell.
#[derive(Clone, Copy, Default)]
pub(super) struct Told {
    /// An outbox row was written, released or made due.
    pub(super) outbox: bool,
    /// An integration is due, or a planned one was settled.
    pub(super) sync: bool,
    /// Somebody was erased, and stands in the write-ahead log as they were before.
    pub(super) erased: bool,
    /// The newest moment recorded by a clock that was synced.
    pub(super) newest_synced: Option<Timestamp>,
    /// The newest moment recorded by a clock that kept time by itself.
    pub(super) newest_held: Option<Timestamp>,
}

impl News {
    pub(super) fn outbox_changed(&self) {
        self.0.set(Told { outbox: true, ..self.0.get() });
    }

    pub(super) fn sync_changed(&self) {
        self.0.set(Told { sync: true, ..self.0.get() });
    }

    pub(super) fn erased(&self) {
        self.0.set(Told { erased: true, ..self.0.get() });
    }

    pub(super) fn recorded(&self, at: Timestamp, quality: ClockQuality) {
        let mut told = self.0.get();
        match quality {
            ClockQuality::Synced => told.newest_synced = told.newest_synced.max(Some(at)),
            ClockQuality::Holdover => told.newest_held = told.newest_held.max(Some(at)),
            ClockQuality::Untrusted => {}
        }
        self.0.set(told);
    }

    pub(super) fn mark(&self) -> Told {
        self.0.get()
    }

    /// Forgets what was noted since the mark.
    pub(super) fn back_to(&self, mark: Told) {
        self.0.set(mark);
    }

    pub(super) fn take(&self) -> Told {
        self.0.take()
    }
}

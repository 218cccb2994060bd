//! What stands in the agent's store, read from outside with plain SQL: the truth that all others are compared with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rusqlite::{Connection, OpenFlags, Row};
use site::sandbox::Visit;
use uuid::Uuid;

/// A store, open for reading only.
pub struct Ledger(Connection);

/// What became of the visits at Mywellness, which dedupes nothing.
#[derive(Debug, Default)]
pub struct Told {
    /// Visits the store says were delivered.
    pub visits: usize,
    /// Of them, those whose history says that they may stand there twice.
    pub possibly_twice: usize,
    /// Of those, how often one does.
    pub surplus: usize,
}

/// A visit's row for Mywellness.
struct Entry {
    person: String,
    local_time: String,
    state: String,
    possibly_twice: bool,
}

impl Ledger {
    /// Opens the store at `path`, beside an agent or after one.
    pub fn open(path: &Path) -> Result<Self> {
        let store = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        Ok(Self(store))
    }

    /// SQLite's own full check.
    pub fn is_sound(&self) -> Result<()> {
        let verdict: String = self.0.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        ensure!(verdict == "ok", "the store is damaged: {verdict}");
        Ok(())
    }

    /// The ids of all rows of a table: `passage` or `visit`.
    pub fn ids(&self, table: &str) -> Result<BTreeSet<String>> {
        let id = |row: &Row<'_>| row.get::<_, [u8; 16]>(0).map(|id| Uuid::from_bytes(id).to_string());
        let mut rows = self.0.prepare(&format!("SELECT id FROM {table}"))?;
        Ok(rows.query_map([], id)?.collect::<rusqlite::Result<_>>()?)
    }

    /// One number.
    pub fn count(&self, sql: &str) -> Result<usize> {
        let count: u32 = self.0.query_row(sql, [], |row| row.get(0)).with_context(|| format!("counting {sql}"))?;
        Ok(count as usize)
    }

    /// Rows of texts.
    pub fn texts<const COLUMNS: usize>(&self, sql: &str) -> Result<Vec<[String; COLUMNS]>> {
        let mut rows = self.0.prepare(sql).with_context(|| format!("reading {sql}"))?;
        let texts = |row: &Row<'_>| {
            let mut texts = [const { String::new() }; COLUMNS];
            for (column, text) in texts.iter_mut().enumerate() {
                *text = row.get(column)?;
            }
            Ok(texts)
        };
        Ok(rows.query_map([], texts)?.collect::<rusqlite::Result<_>>()?)
    }

    /// Compares the visits at Mywellness with those here: each once, and more often only if its history says so.
    pub fn compare(&self, there: &[Visit]) -> Result<Told> {
        let mut found: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for visit in there {
            *found.entry((visit.external_id.as_deref().unwrap_or_default(), &visit.visit_date)).or_default() += 1;
        }
        let entries = self.told_to_mywellness()?;
        // Two visits of one person within a second look the same there.
        let mut owed: BTreeMap<(&str, &str), Vec<&Entry>> = BTreeMap::new();
        for entry in &entries {
            ensure!(entry.state == "delivered", "a visit of {} is {}", entry.person, entry.state);
            owed.entry((&entry.person, &entry.local_time)).or_default().push(entry);
        }
        let mut told = Told { visits: entries.len(), ..Told::default() };
        for (visit, entries) in &owed {
            let times = found.remove(visit).unwrap_or(0);
            let possibly_twice = entries.iter().filter(|entry| entry.possibly_twice).count();
            ensure!(times >= entries.len(), "{visit:?} is said to be there and is not");
            ensure!(
                times == entries.len() || possibly_twice > 0,
                "{visit:?} is there {times} times, and nothing says so"
            );
            told.possibly_twice += possibly_twice;
            told.surplus += times - entries.len();
        }
        ensure!(found.is_empty(), "Mywellness has visits that nobody made: {found:?}");
        Ok(told)
    }

    fn told_to_mywellness(&self) -> Result<Vec<Entry>> {
        let sql = "SELECT p.external_id, v.started_at, o.state, o.lost_answer FROM visit v
                   JOIN person p ON p.id = v.person
                   JOIN outbox o ON o.lane = 'mywellness' AND o.kind = 'visit' AND o.body <> ''
                    AND o.key = lower(substr(hex(v.id), 1, 8) || '-' || substr(hex(v.id), 9, 4) || '-' ||
                                      substr(hex(v.id), 13, 4) || '-' || substr(hex(v.id), 17, 4) || '-' ||
                                      substr(hex(v.id), 21))";
        let rome = TimeZone::get("Europe/Rome")?;
        let entry = |row: &Row<'_>| {
            let started_at = Timestamp::from_microsecond(row.get(1)?).expect("a moment the agent wrote");
            Ok(Entry {
                person: row.get(0)?,
                local_time: started_at.to_zoned(rome.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string(),
                state: row.get(2)?,
                possibly_twice: row.get::<_, i64>(3)? == 2,
            })
        };
        let mut rows = self.0.prepare(sql)?;
        Ok(rows.query_map([], entry)?.collect::<rusqlite::Result<_>>()?)
    }
}

//! Integrations as operators look at them: lists, one with its history, and all of them in numbers.

use jiff::Timestamp;
use rusqlite::Row;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::columns::{Count, Moment, Word};
use super::error::{StoreError, during};
use super::integration::integration;
use super::links::LANE;
use super::outbox::WAITING;
use super::page::{Page, number_of, page_of, rows_wanted};
use super::transaction::View;
use crate::domain::{ExternalId, Person, PersonId};
use crate::sync::{Candidate, Cause, Integration, SyncState};

/// Errors told apart in the progress: an outage has one or two.
const ERRORS_MAX: u32 = 10;

/// An integration with its person.
#[derive(Clone, PartialEq, Debug)]
pub struct SyncEntry {
    /// Whose.
    pub id: PersonId,
    /// Their document, without the photo.
    pub person: Person,
    /// How it stands.
    pub integration: Integration,
    /// When they were linked; none: they are not.
    pub linked_at: Option<Timestamp>,
}

/// An integration with its history, newest first.
#[derive(Clone, PartialEq, Debug)]
pub struct SyncDetails {
    /// The integration.
    pub entry: SyncEntry,
    /// What happened to it.
    pub history: Vec<SyncEvent>,
}

/// Something that happened to an integration.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct SyncEvent {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What was told (`person`, `membership`, `groups`, `photo`, `badge`, `erasure`), or what was commanded.
    pub what: String,
    /// What came of it: `delivered`, `refused`, `failed`, `put_off`, `answer_lost`, `held`, `suppressed`, `barred` or `commanded`.
    pub outcome: String,
    /// The state that followed.
    pub state: SyncState,
    /// What the answer, or the operator, said.
    pub reason: Option<String>,
    /// The name of the operator's token.
    pub operator: Option<String>,
}

/// Which integrations are asked for.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SyncFilter {
    /// In this state.
    pub state: Option<SyncState>,
    /// With this in the way.
    pub cause: Option<Cause>,
    /// Where the page begins.
    pub cursor: Option<String>,
    /// 1 to 500.
    pub limit: u32,
}

/// All integrations in numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SyncCounts {
    /// How many are in each state that has any.
    pub states: Vec<(SyncState, u64)>,
    /// How many have each thing in the way.
    pub causes: Vec<(Cause, u64)>,
    /// How many are to be planned or told.
    pub remaining: u64,
    /// What the last tries said of marks that wait, and how many marks: the ten most frequent.
    pub put_off: Vec<(String, u64)>,
    /// Things told and acknowledged since the moment asked for.
    pub delivered: u64,
    /// The last comparison of everybody.
    pub comparison: Option<Comparison>,
}

/// A comparison of everybody with what Mywellness was told last.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Comparison {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How many people were compared.
    pub compared: u32,
    /// How many of them had something to be told.
    pub differing: u32,
}

impl View<'_> {
    /// Integrations in the order in which their people came.
    ///
    /// # Errors
    /// When SQLite fails, a document cannot be read or the cursor is none of ours.
    pub fn sync_people(&self, filter: &SyncFilter) -> Result<Page<SyncEntry>, StoreError> {
        let after = number_of(filter.cursor.as_deref())?;
        let tests = [
            filter.state.map(|it| format!(" AND i.state = '{}'", it.as_str())),
            filter.cause.map(|_| " AND i.cause = ?3".to_owned()),
        ];
        let tests: String = tests.into_iter().flatten().collect();
        let sql = format!("{ENTRY} WHERE i.person > ?1{tests} ORDER BY i.person LIMIT ?2");
        let rows = during("listing integrations", || match filter.cause {
            Some(cause) => self.all(&sql, (after, rows_wanted(filter.limit), Word(cause)), entry),
            None => self.all(&sql, (after, rows_wanted(filter.limit)), entry),
        })?;
        Ok(page_of(rows, filter.limit, |last| last.id.0.to_string()))
    }

    /// One integration with its history.
    ///
    /// # Errors
    /// When SQLite fails or a document cannot be read.
    pub fn sync_details(&self, person: &ExternalId) -> Result<Option<SyncDetails>, StoreError> {
        let Some(id) = self.person_id(person)? else { return Ok(None) };
        during("reading an integration", || {
            let Some(entry) = self.one(&format!("{ENTRY} WHERE i.person = ?1"), [id.0], entry)? else {
                return Ok(None);
            };
            let sql = "SELECT at, what, outcome, state, reason, operator FROM integration_event
                       WHERE person = ?1 ORDER BY id DESC";
            let history = self.all(sql, [id.0], |row| {
                Ok(SyncEvent {
                    at: row.get::<_, Moment>(0)?.0,
                    what: row.get(1)?,
                    outcome: row.get(2)?,
                    state: row.get::<_, Word<_>>(3)?.0,
                    reason: row.get(4)?,
                    operator: row.get(5)?,
                })
            })?;
            Ok(Some(SyncDetails { entry, history }))
        })
    }

    /// Whom a person could be at Mywellness, after an ambiguous match.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn candidates(&self, person: PersonId) -> Result<Vec<Candidate>, StoreError> {
        let sql = "SELECT user_id, facility_user_id, email FROM candidate WHERE person = ?1 ORDER BY facility_user_id";
        during("listing candidates", || {
            self.all(sql, [person.0], |row| {
                Ok(Candidate { user_id: row.get(0)?, facility_user_id: row.get(1)?, email: row.get(2)? })
            })
        })
    }

    /// All integrations in numbers, with what was delivered since a moment.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn sync_counts(&self, since: Timestamp) -> Result<SyncCounts, StoreError> {
        during("counting integrations", || {
            let number = |sql: &str| self.sql(sql)?.query_row([], |row| row.get::<_, Count>(0)).map(|count| count.0);
            let delivered = "SELECT count(*) FROM integration_event WHERE at >= ?1 AND outcome = 'delivered'";
            Ok(SyncCounts {
                states: self.all("SELECT state, count(*) FROM integration GROUP BY state", [], counted)?,
                causes: self.all(
                    "SELECT cause, count(*) FROM integration WHERE cause IS NOT NULL GROUP BY cause",
                    [],
                    counted,
                )?,
                remaining: number("SELECT count(*) FROM integration WHERE due = 1")?
                    + number("SELECT count(*) FROM integration WHERE due = 2")?
                    + number("SELECT count(*) FROM integration WHERE due = 3")?,
                put_off: self.put_off()?,
                delivered: self.sql(delivered)?.query_row([Moment(since)], |row| row.get::<_, Count>(0))?.0,
                comparison: self.comparison()?,
            })
        })
    }

    /// Of the few who are being told, and those set aside from them.
    fn put_off(&self) -> rusqlite::Result<Vec<(String, u64)>> {
        let sql = format!(
            "SELECT last_error, count(*) AS rows FROM outbox WHERE person IN
                 (SELECT person FROM integration WHERE due = 2 UNION ALL SELECT person FROM integration WHERE due = 3)
             AND lane = ?1 AND body = '' AND last_error IS NOT NULL AND {WAITING}
             GROUP BY last_error ORDER BY rows DESC, last_error LIMIT {ERRORS_MAX}"
        );
        self.all(&sql, [LANE], |row| Ok((row.get(0)?, row.get::<_, Count>(1)?.0)))
    }

    /// When everybody was last compared.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn last_comparison(&self) -> Result<Option<Timestamp>, StoreError> {
        during("looking for the last comparison", || Ok(self.comparison()?.map(|it| it.at)))
    }

    fn comparison(&self) -> rusqlite::Result<Option<Comparison>> {
        self.one("SELECT at, compared, differing FROM comparison", [], |row| {
            Ok(Comparison { at: row.get::<_, Moment>(0)?.0, compared: row.get(1)?, differing: row.get(2)? })
        })
    }
}

const ENTRY: &str = "SELECT i.person, p.doc, l.linked_at, i.state, i.cause, i.reason, i.since, i.approval, i.complete
    FROM integration i JOIN person p ON p.id = i.person LEFT JOIN link l ON l.person = i.person";

fn entry(row: &Row<'_>) -> rusqlite::Result<SyncEntry> {
    Ok(SyncEntry {
        id: PersonId(row.get(0)?),
        person: row.get::<_, super::columns::Doc<_>>(1)?.0,
        linked_at: row.get::<_, Option<Moment>>(2)?.map(|it| it.0),
        integration: integration(row, 3)?,
    })
}

fn counted<T: serde::de::DeserializeOwned>(row: &Row<'_>) -> rusqlite::Result<(T, u64)> {
    Ok((row.get::<_, Word<T>>(0)?.0, row.get::<_, Count>(1)?.0))
}

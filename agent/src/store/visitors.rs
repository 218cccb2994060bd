//! Who is likely to come next: those who came last, and then everybody else, a page at a time.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::Row;

use super::error::{StoreError, during};
use super::transaction::View;
use crate::domain::{PersonId, Standing};

/// Where a page of likely visitors begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Likely {
    /// Among those who have visited, before this visit's row.
    Visited {
        /// The row; the greatest for the newest.
        before: i64,
    },
    /// Among the others, after this person.
    Others {
        /// The person's row.
        after: i64,
    },
}

impl Default for Likely {
    fn default() -> Self {
        Self::Visited { before: i64::MAX }
    }
}

impl View<'_> {
    /// A page of people, most recent visitors first, each as often as they came, and then those who never came, oldest
    /// first; with where the next page begins. None: that was all.
    ///
    /// # Errors
    /// When SQLite fails or a document cannot be read.
    pub fn likely_visitors(
        &self,
        from: Likely,
        limit: u32,
        now: Timestamp,
    ) -> Result<(Vec<Standing>, Option<Likely>), StoreError> {
        const VISITED: &str =
            "SELECT row, person FROM visit WHERE row < ?1 AND person IS NOT NULL ORDER BY row DESC LIMIT ?2";
        const OTHERS: &str = "SELECT id, id FROM person p WHERE id > ?1
             AND NOT EXISTS (SELECT 1 FROM visit v WHERE v.person = p.id) ORDER BY id LIMIT ?2";
        during("listing likely visitors", || {
            let place_and_id = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, PersonId(row.get(1)?)));
            let (found, next) = match from {
                Likely::Visited { before } => {
                    let found = self.all(VISITED, (before, limit), place_and_id)?;
                    let next =
                        found.last().map_or(Likely::Others { after: 0 }, |(row, _)| Likely::Visited { before: *row });
                    (found, Some(next))
                }
                Likely::Others { after } => {
                    let found = self.all(OTHERS, (after, limit), place_and_id)?;
                    let next = found.last().map(|(id, _)| Likely::Others { after: *id });
                    (found, next)
                }
            };
            Ok((found, next))
        })
        .and_then(|(found, next)| {
            let ids: BTreeSet<PersonId> = found.iter().map(|(_, id)| *id).collect();
            let standings: Result<Vec<_>, _> = ids.into_iter().map(|id| self.standing(id, now)).collect();
            let mut standings: Vec<Standing> = standings?.into_iter().flatten().collect();
            standings.sort_by_key(|standing| found.iter().position(|(_, id)| *id == standing.id));
            Ok((standings, next))
        })
    }

    /// A number that changes whenever somebody else has changed the store, seen from the same reading thread.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn changes(&self) -> Result<i64, StoreError> {
        let changes = during("looking for changes", || self.one("PRAGMA data_version", [], |row| row.get(0)))?;
        Ok(changes.unwrap_or_default())
    }
}

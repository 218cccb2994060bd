//! Orders to delete somebody at Mywellness: they outlive their person here, with no more of them than it takes to find them.

use jiff::Timestamp;

use super::columns::{Doc, Moment};
use super::error::{StoreError, during};
use super::integration::lane;
use super::links::LANE;
use super::outbox::DELIVERED;
use super::transaction::Tx;
use crate::domain::{ErasureTold, ExternalId, FactKind, PersonId, RowId};

/// What was ordered at Mywellness.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeletionOrdered {
    /// The user there is known, and deleted.
    Known,
    /// They were perhaps made known, by an answer that was lost or is still to come: they are looked up there by their
    /// external id, and deleted if they are found.
    LookedUp,
    /// Nothing: it was not asked for, or they were never made known there.
    Nothing,
}

impl DeletionOrdered {
    /// The stable word, as in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Known => "ordered",
            Self::LookedUp => "looked_up",
            Self::Nothing => "nothing",
        }
    }
}

impl Tx<'_> {
    /// Has somebody who is to be erased here deleted at Mywellness too, if they are known there or may be. The order is
    /// nobody's: it outlives its person.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn order_remote_deletion(&self, person: &ExternalId, now: Timestamp) -> Result<DeletionOrdered, StoreError> {
        let Some(id) = self.person_id(person)? else { return Ok(DeletionOrdered::Nothing) };
        during("ordering a deletion at Mywellness", || self.order_deletion((id, person), None, now))
    }

    /// Has a person deleted at Mywellness. `owner` is whose row it is; nobody's, if they are erased here.
    pub(super) fn order_deletion(
        &self,
        (person, key): (PersonId, &ExternalId),
        owner: Option<PersonId>,
        now: Timestamp,
    ) -> rusqlite::Result<DeletionOrdered> {
        let sql = "SELECT facility_user_id FROM link WHERE person = ?1";
        let (ordered, told) = match self.one(sql, [person.0], |row| row.get(0))? {
            Some(facility_user_id) => (DeletionOrdered::Known, ErasureTold::User { facility_user_id }),
            None if self.was_introduced(person)? => {
                (DeletionOrdered::LookedUp, ErasureTold::Whoever { external_id: key.clone() })
            }
            None => return Ok(DeletionOrdered::Nothing),
        };
        self.write_row(&lane(), FactKind::Erasure, &order_of(key), owner, &Doc(told), now)?;
        Ok(ordered)
    }

    /// Whether it was ever begun to make the person known there.
    fn was_introduced(&self, person: PersonId) -> rusqlite::Result<bool> {
        let sql = "SELECT 1 FROM outbox WHERE person = ?1 AND +lane = ?2 AND kind = 'person' AND body = ''
                   AND attempts > 0 LIMIT 1";
        Ok(self.one(sql, (person.0, LANE), |_| Ok(()))?.is_some())
    }

    /// The answer came after all that says who somebody is there whose deletion is ordered.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn name_in_deletion(
        &self,
        person: &ExternalId,
        facility_user_id: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let told = ErasureTold::User { facility_user_id: facility_user_id.to_owned() };
        let sql = "UPDATE outbox SET body = ?2, changed_at = ?3, state = iif(state = 'parked', 'pending', state)
                   WHERE key = ?1 AND body <> '' AND lane = ?4 AND kind = 'erasure'
                   AND (state = 'pending' OR state = 'in_flight' OR state = 'unsure' OR state = 'parked')";
        during("naming whom a deletion is about", || {
            self.run(sql, (order_of(person), Doc(told), Moment(now), LANE))?;
            self.news().outbox_changed();
            Ok(())
        })
    }

    /// An order that is nobody's was carried out: nothing is kept of whom it was about.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn deletion_done(&self, order: RowId, now: Timestamp) -> Result<(), StoreError> {
        during("forgetting whom a deletion was about", || {
            self.run(DELIVERED, (order.0, Moment(now)))?;
            self.run("UPDATE outbox SET key = 'erasure', body = '{}' WHERE id = ?1", [order.0]).map(drop)
        })
    }
}

fn order_of(person: &ExternalId) -> String {
    format!("erasure of {person}")
}

//! Dirty marks: what changed about a person is noted once per lane, and looked up again when it is sent.

use jiff::Timestamp;

use super::columns::Moment;
use super::error::{StoreError, during};
use super::links;
use super::people::StoredPerson;
use super::transaction::Tx;
use crate::domain::{FactKind, LaneId, Person, PersonId};

impl Tx<'_> {
    /// Marks what changed of a person who is linked to Mywellness; one whose link was given up is tried again. The key of a membership's mark is the membership's id,
    /// that of the others the external id.
    pub(super) fn mark_changes(
        &self,
        old: &StoredPerson,
        new: &Person,
        photo_changed: bool,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        if !self.is_linked(old.id)? {
            return if itself(&old.person) == itself(new) { Ok(()) } else { self.introduce_again(old.id, now) };
        }
        let mark = |kind, key: &str| self.mark(kind, key, old.id, now);
        if photo_changed || itself(&old.person) != itself(new) {
            mark(FactKind::Person, new.external_id.as_str())?;
        }
        for membership in &new.memberships {
            if !old.person.memberships.contains(membership) {
                mark(FactKind::Membership, membership.id.as_str())?;
            }
        }
        for gone in &old.person.memberships {
            if !new.memberships.iter().any(|membership| membership.id == gone.id) {
                mark(FactKind::Membership, gone.id.as_str())?;
            }
        }
        if old.person.groups != new.groups {
            mark(FactKind::Groups, new.external_id.as_str())?;
        }
        Ok(())
    }

    /// Whoever could not be made known at Mywellness, because something required was missing, is tried again: it may be
    /// there now.
    fn introduce_again(&self, person: PersonId, now: Timestamp) -> rusqlite::Result<()> {
        let sql = "SELECT id FROM outbox
                   WHERE person = ?1 AND lane = ?2 AND kind = ?3 AND body = '' AND state = 'parked'";
        for row in self.all(sql, (person.0, links::LANE, FactKind::Person.as_str()), |row| row.get(0))? {
            self.make_pending(row, now)?;
        }
        Ok(())
    }

    /// Puts a note for an operator among the parked rows of a lane: nobody's, and sent only if somebody wants it to be. One
    /// that waits already is not added again.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn park_note(
        &self,
        lane: &LaneId,
        kind: FactKind,
        key: &str,
        why: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let waits =
            "SELECT 1 FROM outbox WHERE lane = ?1 AND kind = ?2 AND key = ?3 AND person IS NULL AND state = 'parked'";
        let park = "INSERT INTO outbox (lane, kind, key, state, last_error, written_at, changed_at, body)
                    VALUES (?1, ?2, ?3, 'parked', ?4, ?5, ?5, '')";
        during("parking a note", || {
            if self.one(waits, (lane.as_str(), kind.as_str(), key), |_| Ok(()))?.is_none() {
                self.run(park, (lane.as_str(), kind.as_str(), key, why, Moment(now)))?;
                self.news().outbox_changed();
            }
            Ok(())
        })
    }

    fn mark(&self, kind: FactKind, key: &str, person: PersonId, now: Timestamp) -> rusqlite::Result<()> {
        let lane: LaneId = links::LANE.parse().expect("the lane's name is a slug");
        self.add_mark(&lane, kind, key, Some(person), now)
    }
}

/// The person apart from what has marks of its own or does not travel.
fn itself(person: &Person) -> Person {
    Person { groups: Vec::new(), memberships: Vec::new(), credentials: Vec::new(), dues: Vec::new(), ..person.clone() }
}

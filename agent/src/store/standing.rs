//! What the rules need of one person, gathered in one read: a handful of statements, each one look into one index.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::Row;

use super::columns::{Doc, Key, Moment, Word};
use super::error::{StoreError, during};
use super::transaction::View;
use crate::domain::{
    ActionType, Badge, Credential, CredentialStatus, CrmActionId, Identified, Membership, MembershipId, OpenAction,
    Person, PersonId, Presence, Standing, Visit, VisitEnd, VisitId, ZoneId, loose_key,
};

/// Open actions that act at gates looked at for one person, those that block first, then the oldest: more than a desk
/// could mean, few enough to stay quick.
const ACTIONS_MAX: u32 = 64;

impl View<'_> {
    /// Whose badge it is, and what the rules need of them at that moment. A credential in use goes before one reported lost or withdrawn; what those mean is left to
    /// the rules.
    ///
    /// # Errors
    /// When SQLite fails or a document cannot be read.
    pub fn identify(&self, badge: &Badge, at: Timestamp) -> Result<Identified, StoreError> {
        during("identifying a badge", || {
            let mut owners = Vec::new();
            for id in self.people_filed_under(badge)? {
                let Some(person) = self.document(id)? else { continue };
                let Some(credential) = presented(&person, badge) else { continue };
                owners.push((id, person, credential));
            }
            if owners.len() > 1 && owners.iter().any(|(_, _, it)| it.status == CredentialStatus::Active) {
                owners.retain(|(_, _, credential)| credential.status == CredentialStatus::Active);
            }
            let Some((id, person, credential)) = owners.pop() else { return Ok(Identified::Unknown) };
            if !owners.is_empty() {
                return Ok(Identified::Ambiguous);
            }
            Ok(Identified::Known(Box::new(self.standing_of(id, person, Some(credential), at)?)))
        })
    }

    /// What the rules need at that moment of a person named by an operator.
    ///
    /// # Errors
    /// When SQLite fails or a document cannot be read.
    pub fn standing(&self, person: PersonId, at: Timestamp) -> Result<Option<Standing>, StoreError> {
        during("reading a standing", || {
            let Some(doc) = self.document(person)? else { return Ok(None) };
            self.standing_of(person, doc, None, at).map(Some)
        })
    }

    fn standing_of(
        &self,
        id: PersonId,
        person: Person,
        credential: Option<Credential>,
        at: Timestamp,
    ) -> rusqlite::Result<Standing> {
        let seen = self.last_seen(id)?;
        Ok(Standing {
            consumed: self.consumed(id, &person.memberships)?,
            actions: self.open_actions(id)?,
            visit: self.newest_visit(id)?,
            presence: seen.clone().filter(|(_, is_counted)| *is_counted).map(|(seen, _)| seen),
            last_seen: seen.map(|(seen, _)| seen),
            bookings: self.bookings_around(id, at)?,
            occupancy: self.occupancy()?,
            id,
            person,
            credential,
        })
    }

    /// One look into one index, whatever the reader's form: the loose key brings the candidates, the badge's own form
    /// picks among them.
    fn people_filed_under(&self, badge: &Badge) -> rusqlite::Result<Vec<PersonId>> {
        let sql = "SELECT person, value FROM credential WHERE key = ?1";
        let filed = self.all(sql, [loose_key(badge.value())], |row| {
            let alike = badge.is(row.get_ref(1)?.as_str()?);
            Ok((PersonId(row.get(0)?), alike))
        })?;
        let mut people: Vec<_> = filed.into_iter().filter(|(_, alike)| *alike).map(|(person, _)| person).collect();
        people.dedup();
        Ok(people)
    }

    pub(super) fn document(&self, id: PersonId) -> rusqlite::Result<Option<Person>> {
        self.one("SELECT doc FROM person WHERE id = ?1", [id.0], |row| row.get::<_, Doc<Person>>(0).map(|doc| doc.0))
    }

    fn consumed(&self, id: PersonId, memberships: &[Membership]) -> rusqlite::Result<BTreeMap<MembershipId, u32>> {
        let mut consumed = BTreeMap::new();
        for membership in memberships.iter().filter(|it| it.entries_left.is_some()) {
            let entries = self.entries_consumed(id, membership)?;
            if entries > 0 {
                consumed.insert(membership.id.clone(), entries);
            }
        }
        Ok(consumed)
    }

    /// Entries consumed here since the card's entries were counted.
    pub(super) fn entries_consumed(&self, id: PersonId, membership: &Membership) -> rusqlite::Result<u32> {
        let since = membership.entries_as_of.map_or(i64::MIN, |at| at.as_microsecond());
        let sql = "SELECT count(*) FROM consumption WHERE person = ?1 AND membership = ?2 AND at > ?3";
        let entries = self.one(sql, (id.0, membership.id.as_str(), since), |row| row.get(0))?;
        Ok(entries.unwrap_or_default())
    }

    fn open_actions(&self, id: PersonId) -> rusqlite::Result<Vec<OpenAction>> {
        self.all(OPEN_ACTIONS, (id.0, ACTIONS_MAX), open_action)
    }

    /// The newest visit in the order of recording, which no clock correction disturbs. One told after a later one is not
    /// the newest.
    pub(super) fn newest_visit(&self, id: PersonId) -> rusqlite::Result<Option<Visit>> {
        let sql = "SELECT id, started_at, reader, club_day, membership, ended_at, ended_by, class FROM visit
                   WHERE person = ?1 AND NOT belated ORDER BY row DESC LIMIT 1";
        self.one(sql, [id.0], visit)
    }

    /// Where the person was last seen going in, and whether they are counted there.
    fn last_seen(&self, id: PersonId) -> rusqlite::Result<Option<(Presence, bool)>> {
        self.one("SELECT zone, since, NOT over FROM presence WHERE person = ?1", [id.0], |row| {
            let seen = Presence { zone: row.get::<_, Word<ZoneId>>(0)?.0, since: row.get::<_, Moment>(1)?.0 };
            Ok((seen, row.get(2)?))
        })
    }

    fn occupancy(&self) -> rusqlite::Result<BTreeMap<ZoneId, u32>> {
        let zones = self.all("SELECT zone, people FROM occupancy WHERE people > 0", [], |row| {
            Ok((row.get::<_, Word<ZoneId>>(0)?.0, row.get(1)?))
        })?;
        Ok(zones.into_iter().collect())
    }
}

const OPEN_ACTIONS: &str = "SELECT a.id, a.due_on, a.valid_until, a.show_limit, t.doc,
        (SELECT count(*) FROM crm_shown s WHERE s.action = a.id)
    FROM crm_action a JOIN crm_action_type t ON t.id = a.action_type
    WHERE a.person = ?1 AND a.status = 'open'
    ORDER BY t.doc ->> 'obsolete', t.doc ->> 'access_action' = 'message_and_block' DESC,
             t.doc ->> 'access_action' = 'message' DESC, a.id
    LIMIT ?2";

/// Reads `id, started_at, reader, club_day, membership, ended_at, ended_by`.
pub(super) fn visit(row: &Row<'_>) -> rusqlite::Result<Visit> {
    let ended = match row.get::<_, Option<Moment>>(5)? {
        Some(Moment(at)) => Some(VisitEnd { at, by: row.get::<_, Word<_>>(6)?.0 }),
        None => None,
    };
    Ok(Visit {
        id: VisitId(row.get::<_, Key>(0)?.0),
        started_at: row.get::<_, Moment>(1)?.0,
        reader: row.get::<_, Word<_>>(2)?.0,
        club_day: row.get::<_, Word<_>>(3)?.0,
        membership: row.get::<_, Option<Word<_>>>(4)?.map(|it| it.0),
        class: row.get::<_, Option<Word<_>>>(7)?.map(|it| it.0),
        ended,
    })
}

fn open_action(row: &Row<'_>) -> rusqlite::Result<OpenAction> {
    let Doc(what) = row.get::<_, Doc<ActionType>>(4)?;
    Ok(OpenAction {
        id: CrmActionId(row.get::<_, Key>(0)?.0),
        access_action: what.access_action,
        obsolete: what.obsolete,
        device_types: what.device_types,
        message: what.message,
        due_on: row.get::<_, Option<Word<_>>>(1)?.map(|it| it.0),
        valid_until: row.get::<_, Option<Moment>>(2)?.map(|it| it.0),
        show_limit: row.get(3)?,
        shown: row.get(5)?,
    })
}

/// The credential of a person that reads as this badge: one in use, if there is one.
fn presented(person: &Person, badge: &Badge) -> Option<Credential> {
    let reads_as = |credential: &&Credential| {
        badge.is(&credential.value) || credential.aliases.iter().any(|alias| badge.is(alias))
    };
    let mut candidates = person.credentials.iter().filter(reads_as);
    let first = candidates.next()?;
    let in_use = |credential: &&Credential| credential.status == CredentialStatus::Active;
    Some(std::iter::once(first).chain(candidates).find(in_use).unwrap_or(first).clone())
}

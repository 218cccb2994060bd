//! What is written around a passage that is told after a later one, and a visit that turns out to have been two.

use jiff::Timestamp;
use rusqlite::Row;

use super::columns::{Key, Moment, Word};
use super::standing::visit;
use super::transaction::Tx;
use crate::domain::{Entitlement, EntitlementKind, Passage, PersonId, Policy, Title, Visit, VisitId};
use crate::visit::{self, Around, Move, Split, Written};

/// The passages of a person that are looked at, from the beginning of the club day on: more than a day can have.
const MOVES_MAX: u32 = 1_000;

/// Confirmed passages, as `visit::moves` has it, of a person between two moments.
const MOVES: &str = "SELECT at, clock, gate, reader, way, visit FROM passage
    WHERE person = ?1 AND at >= ?2 AND at <= ?3 AND reader IS NOT NULL
    AND (outcome = 'passed' OR outcome = 'free' OR outcome = 'manual')
    ORDER BY at, row LIMIT ?4";

impl Tx<'_> {
    /// What is written of the person around this passage, if a later one is. What lies ahead of the clock is not later:
    /// it was written while the clock was wrong.
    pub(super) fn around(
        &self,
        passage: &Passage,
        policy: &Policy,
        person: PersonId,
        now: Timestamp,
    ) -> rusqlite::Result<Option<Around>> {
        let moves = |from: i64, most: u32| self.all(MOVES, (person.0, from, Moment(now), most), a_move);
        if moves(passage.at.as_microsecond().saturating_add(1), 1)?.is_empty() {
            return Ok(None);
        }
        let site = &policy.site;
        let day = visit::club_day(passage.at, &site.timezone, site.club_day_starts);
        let moves = moves(visit::begins(day, site).as_microsecond(), MOVES_MAX)?;
        let sql = "SELECT id, started_at, reader, club_day, membership, ended_at, ended_by, class FROM visit
                   WHERE person = ?1 AND club_day = ?2 ORDER BY started_at, row";
        let visits = self.all(sql, (person.0, Word(day)), visit)?;
        let visits = visits.into_iter().map(|it| self.written(person, it)).collect::<rusqlite::Result<_>>()?;
        Ok(Some(Around { moves, visits }))
    }

    fn written(&self, person: PersonId, visit: Visit) -> rusqlite::Result<Written> {
        let title = visit.membership.clone().map(Title::Membership);
        let entitlement = title.map(|title| Entitlement { title, kind: EntitlementKind::Visit });
        let entries_left = self.entries_left(person, entitlement.as_ref())?;
        Ok(Written { visit, entries_left })
    }

    /// The passages of a visit that was two go over to the new one.
    pub(super) fn part(&self, split: &Split, person: PersonId, new: VisitId) -> rusqlite::Result<()> {
        let until = split.until.as_microsecond();
        self.run(
            "UPDATE passage SET visit = ?1 WHERE person = ?2 AND at >= ?3 AND at <= ?4 AND visit = ?5",
            (Key(new.0), person.0, Moment(split.entry.at), until, Key(split.of.0)),
        )?;
        Ok(())
    }
}

fn a_move(row: &Row<'_>) -> rusqlite::Result<Move> {
    Ok(Move {
        at: row.get::<_, Moment>(0)?.0,
        clock: row.get::<_, Word<_>>(1)?.0,
        gate: row.get::<_, Word<_>>(2)?.0,
        reader: row.get::<_, Word<_>>(3)?.0,
        way: row.get::<_, Word<_>>(4)?.0,
        visit: row.get::<_, Option<Key>>(5)?.map(|it| VisitId(it.0)),
    })
}

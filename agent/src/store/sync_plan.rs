//! Planning what Mywellness is told: people whose integration is due become marks in the outbox, a few at a time.

use jiff::{Timestamp, Zoned};

use super::columns::{Count, Moment, Word};
use super::error::{StoreError, during};
use super::integration::{DUE, Event, NOT_DUE, PLANNED, SET_ASIDE, Standing, next};
use super::links::LANE;
use super::outbox::WAITING;
use super::transaction::{Tx, View};
use crate::domain::{ExternalId, FactKind, LaneId, PersonId, RowId};
use crate::sync::{Barred, Cause, Footing, Input, Integration, Mode, Occasion, Rules, Subject, to_tell};

/// What is to be told, or what is in the way.
type Verdict = Result<Vec<FactKind>, Barred>;

/// Failures of a mark after which its person is set aside from the few who are being told: one may be an accident, and
/// the second try comes soon.
const FAILURES_AMONG_THE_FEW: u32 = 2;
/// Most people set aside before nobody else is planned: tried once an hour each, they leave most calls to visits.
const SET_ASIDE_MAX: u64 = 512;

/// What became of the people who were looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Planned {
    /// How many were due.
    pub looked_at: u32,
    /// Marks written, or found waiting.
    pub marks: u32,
    /// People with nothing to tell that is not known there.
    pub up_to_date: u32,
    /// People who are not told of.
    pub barred: u32,
}

impl View<'_> {
    /// People whose integration is due, in the order of their rows.
    fn due_people(&self, limit: u32) -> rusqlite::Result<Vec<PersonId>> {
        let sql = "SELECT person FROM integration WHERE due = 1 ORDER BY person LIMIT ?1";
        self.all(sql, [limit], |row| row.get(0).map(PersonId))
    }

    /// How many people may still be planned, of at most so many.
    fn room(&self, planned_max: u32) -> rusqlite::Result<u32> {
        let count = |sql| self.sql(sql)?.query_row([], |row| row.get::<_, Count>(0)).map(|count| count.0);
        if count("SELECT count(*) FROM integration WHERE due = 3")? >= SET_ASIDE_MAX {
            return Ok(0);
        }
        let planned = count("SELECT count(*) FROM integration WHERE due = 2")?;
        Ok(planned_max.saturating_sub(u32::try_from(planned).unwrap_or(u32::MAX)))
    }

    /// People after `after` in the order of their rows, at most `limit`, and which of them Mywellness knows wrongly or
    /// could come to know; what was refused is left to who mends it, unless by other rules. The last row looked at; none: that was everybody.
    ///
    /// # Errors
    /// When SQLite fails or a document cannot be read.
    pub fn differing_people(
        &self,
        after: PersonId,
        limit: u32,
        (rules, occasion): (&Rules, Occasion),
        now: &Zoned,
    ) -> Result<(u32, Vec<PersonId>, Option<PersonId>), StoreError> {
        let sql = "SELECT person FROM integration WHERE person > ?1 ORDER BY person LIMIT ?2";
        let people =
            during("listing integrations", || self.all(sql, (after.0, limit), |row| row.get(0).map(PersonId)))?;
        let mut differing = Vec::new();
        for id in &people {
            let Some(standing) = during("reading an integration", || self.integration_of(*id))? else { continue };
            let Some((_, verdict)) = self.verdict(*id, &standing, rules, now)? else { continue };
            let refused = during("listing what was refused", || self.refused_kinds(*id))?;
            if standing.due == NOT_DUE && is_news(&standing, verdict, &refused, (rules, occasion)) {
                differing.push(*id);
            }
        }
        let looked_at = u32::try_from(people.len()).unwrap_or(u32::MAX);
        Ok((looked_at, differing, people.last().copied()))
    }

    /// The digest of the rules by which everybody was last looked at.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn noted_rules(&self) -> Result<Option<Vec<u8>>, StoreError> {
        during("reading the noted rules", || self.one("SELECT rules FROM planned_by", [], |row| row.get(0)))
    }

    /// The kinds of mark of a person that need an operator.
    fn refused_kinds(&self, id: PersonId) -> rusqlite::Result<Vec<FactKind>> {
        let sql = "SELECT kind FROM outbox WHERE person = ?1 AND +lane = ?2 AND body = '' AND state = 'parked'";
        self.all(sql, (id.0, LANE), |row| row.get::<_, Word<FactKind>>(0).map(|kind| kind.0))
    }

    /// Planned, if a mark of theirs waits to be sent; set aside, if that keeps failing. One that is held is not sent, so
    /// nothing would settle it.
    pub(super) fn due_while_told(&self, lane: &LaneId, id: PersonId) -> rusqlite::Result<i64> {
        let sql =
            format!("SELECT max(failures) FROM outbox WHERE person = ?1 AND lane = ?2 AND body = '' AND {WAITING}");
        let failures = self.one(&sql, (id.0, lane.as_str()), |row| row.get::<_, Option<u32>>(0))?.flatten();
        Ok(match failures {
            None => NOT_DUE,
            Some(few) if few < FAILURES_AMONG_THE_FEW => PLANNED,
            Some(_) => SET_ASIDE,
        })
    }

    /// What is to be told of a person, by the newest that is known of them, with their key; none: they are gone.
    fn verdict(
        &self,
        id: PersonId,
        standing: &Standing,
        rules: &Rules,
        now: &Zoned,
    ) -> Result<Option<(ExternalId, Verdict)>, StoreError> {
        let Some((person, photo_taken_at)) = self.person_without_photo(id)? else { return Ok(None) };
        let subject = Subject { person: &person, photo_taken_at, now };
        let verdict = to_tell(&subject, (&standing.it, standing.footing), &self.told(id)?, rules);
        Ok(Some((person.external_id, verdict)))
    }
}

/// Whether a comparison found what is not known yet. Who waits for a person's word is not news.
fn is_news(standing: &Standing, verdict: Verdict, refused: &[FactKind], (rules, occasion): (&Rules, Occasion)) -> bool {
    use crate::sync::SyncState::{CreationFailed, Enabled, InError, New, Suspended, ToDelete, ToUpdate};
    let waits_for_approval = rules.mode == Mode::Operator
        && standing.footing == Footing::Unlinked
        && standing.it.approval != crate::sync::Approval::Given;
    match (standing.it.state, verdict) {
        (Suspended | ToDelete, _) => false,
        (CreationFailed | InError, Ok(kinds)) => {
            let may_go_now = match standing.it.cause {
                // Which of several they are is for a person to say, by whatever rules.
                Some(Cause::Ambiguous | Cause::LinkedElsewhere) => false,
                Some(Cause::Incomplete | Cause::Failing) => true,
                _ => occasion == Occasion::OtherRules || kinds.iter().any(|kind| !refused.contains(kind)),
            };
            may_go_now && !kinds.is_empty() && !waits_for_approval
        }
        (CreationFailed | InError, Err(barred)) => {
            let was_barred = matches!(standing.it.cause, Some(Cause::Incomplete));
            was_barred && standing.it.cause != Some(barred.cause())
        }
        (New | Enabled | ToUpdate, Ok(kinds)) => {
            let is_barred_no_longer = standing.it.cause.is_some();
            (!kinds.is_empty() || is_barred_no_longer) && !waits_for_approval
        }
        // What bars them today is another reason than the one written down.
        (New | Enabled | ToUpdate, Err(barred)) => standing.it.cause != Some(barred.cause()),
    }
}

impl Tx<'_> {
    /// Plans people who are due, as long as fewer than `planned_max` are planned, at most `limit` in one transaction: the
    /// person's newest document, link and state are looked at in it, so that no change slips in between.
    ///
    /// # Errors
    /// When SQLite fails or a document cannot be read.
    pub fn plan_due(
        &self,
        lane: &LaneId,
        (limit, planned_max): (u32, u32),
        rules: &Rules,
        now: &Zoned,
    ) -> Result<Planned, StoreError> {
        let limit = limit.min(during("counting the planned", || self.room(planned_max))?);
        let mut planned = Planned::default();
        for id in during("listing who is due", || self.due_people(limit))? {
            planned.looked_at += 1;
            self.plan_person(lane, id, rules, now, &mut planned)?;
        }
        Ok(planned)
    }

    fn plan_person(
        &self,
        lane: &LaneId,
        id: PersonId,
        rules: &Rules,
        now: &Zoned,
        planned: &mut Planned,
    ) -> Result<(), StoreError> {
        let Some(standing) = during("reading an integration", || self.integration_of(id))? else { return Ok(()) };
        let Some((key, verdict)) = self.verdict(id, &standing, rules, now)? else { return Ok(()) };
        let (key, now) = (key.as_str(), now.timestamp());
        during("planning what is told", || match verdict {
            // The lane says that it is held; the row is what shows it.
            Err(Barred::Approval) => {
                planned.barred += 1;
                self.plan_marks(lane, (id, key), &[FactKind::Person], &standing, now)
            }
            Err(barred) => {
                planned.barred += 1;
                self.bar(id, &standing, &barred, now)
            }
            Ok(kinds) if kinds.is_empty() => {
                planned.up_to_date += 1;
                self.found_up_to_date(lane, id, &standing, now)
            }
            Ok(kinds) => {
                planned.marks += u32::try_from(kinds.len()).unwrap_or(u32::MAX);
                self.plan_marks(lane, (id, key), &kinds, &standing, now)
            }
        })
    }

    fn plan_marks(
        &self,
        lane: &LaneId,
        (id, key): (PersonId, &str),
        kinds: &[FactKind],
        standing: &Standing,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        for kind in kinds {
            self.add_mark(lane, *kind, key, Some(id), now)?;
        }
        self.put_integration(id, &standing.it, &standing.it, self.due_while_told(lane, id)?, now)
    }

    /// The person is not told of; says why, once.
    fn bar(&self, id: PersonId, standing: &Standing, barred: &Barred, now: Timestamp) -> rusqlite::Result<()> {
        let old = &standing.it;
        let input = match barred {
            Barred::Incomplete(_) => Input::Refused,
            Barred::NotTold(_) | Barred::Suspended | Barred::Deleted | Barred::Approval => Input::Spared,
        };
        let state = next(old.state, standing.footing, input);
        let (cause, reason) = (Some(barred.cause()), Some(barred.to_string()));
        let new = Integration { state, cause, reason, ..old.clone() };
        self.put_integration(id, old, &new, NOT_DUE, now)?;
        if (new.state, new.cause) == (old.state, old.cause) && new.reason == old.reason {
            return Ok(());
        }
        let event = Event { what: "plan", outcome: "barred", reason: new.reason.as_deref(), operator: None };
        self.note(id, new.state, &event, now)
    }

    fn found_up_to_date(
        &self,
        lane: &LaneId,
        id: PersonId,
        standing: &Standing,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let old = &standing.it;
        // What was refused asks for nothing any more: sent again it settles itself.
        let sql = "SELECT id FROM outbox WHERE person = ?1 AND lane = ?2 AND body = '' AND state = 'parked'";
        for row in self.all(sql, (id.0, lane.as_str()), |row| row.get(0))? {
            self.make_pending(row, now)?;
        }
        if self.has_open_marks(lane, id)? {
            return self.put_integration(id, old, old, self.due_while_told(lane, id)?, now);
        }
        let input = if standing.footing == Footing::Linked { Input::Told } else { Input::Spared };
        let state = next(old.state, standing.footing, input);
        let new = Integration { state, cause: None, reason: None, complete: false, ..old.clone() };
        self.put_integration(id, old, &new, NOT_DUE, now)
    }

    /// At start: whoever was planned is looked at anew.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn plan_anew(&self) -> Result<(), StoreError> {
        during("planning anew", || {
            self.run("UPDATE integration SET due = 1 WHERE due >= 2", [])?;
            self.news().sync_changed();
            Ok(())
        })
    }

    /// Remembers the digest of the rules by which everybody was looked at.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn note_rules(&self, digest: &[u8]) -> Result<(), StoreError> {
        during("noting the rules", || {
            self.run("INSERT OR REPLACE INTO planned_by (only, rules) VALUES (1, ?1)", [digest]).map(drop)
        })
    }

    /// Makes people due.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn make_due(&self, people: &[PersonId]) -> Result<(), StoreError> {
        during("making integrations due", || {
            for person in people {
                self.run("UPDATE integration SET due = ?2 WHERE person = ?1", (person.0, DUE))?;
            }
            self.news().sync_changed();
            Ok(())
        })
    }

    /// Remembers that everybody was compared, and with what result.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn note_comparison(&self, at: Timestamp, compared: u32, differing: u32) -> Result<(), StoreError> {
        during("noting a comparison", || {
            let sql = "INSERT OR REPLACE INTO comparison (only, at, compared, differing) VALUES (1, ?1, ?2, ?3)";
            self.run(sql, (Moment(at), compared, differing)).map(drop)
        })
    }

    /// An operator gave a row up: its person waits for it no longer.
    pub(super) fn unplan_row(&self, row: RowId, now: Timestamp) -> rusqlite::Result<()> {
        let sql = "SELECT person FROM outbox WHERE id = ?1 AND person IS NOT NULL AND body = ''";
        let Some(person) = self.one(sql, [row.0], |row| row.get(0).map(PersonId))? else { return Ok(()) };
        if self.run("UPDATE integration SET due = 0 WHERE due >= 2 AND person = ?1", [person.0])? > 0 {
            self.news().sync_changed();
        }
        self.release_after_data(person, now)
    }
}

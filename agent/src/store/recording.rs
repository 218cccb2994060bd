//! Writing a passage down: with its visit, presence, entry, shown messages and outbox rows, everything or nothing.

use jiff::{Timestamp, ToSpan};
use rusqlite::{ToSql, named_params};
use uuid::Uuid;

use super::columns::{Doc, Key, Moment, Word};
use super::error::{StoreError, during};
use super::transaction::Tx;
use crate::domain::{
    Attendance, Audience, ClockQuality, EndedBy, Entitlement, EntitlementKind, ExternalId, FactKind, LanePlan,
    Membership, MembershipId, Origin, Passage, PassageTold, PersonId, Policy, Presence, Reason, Title, VisitId,
    VisitTold,
};
use crate::visit::{self, After, Move, Opening, PresenceChange, Takes, VisitChange};

/// What recording a passage made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Recorded before (a controller told it twice): nothing was changed.
    pub already: bool,
    /// The passage as upstreams are told it.
    pub told: PassageTold,
    /// The visit it began.
    pub new_visit: Option<VisitId>,
    /// The visit it ended.
    pub ended_visit: Option<VisitId>,
    /// A punch card that was empty when the visit was written.
    pub overdrawn: bool,
    /// What the person was ticked off for.
    pub attended: Vec<Attendance>,
}

/// Somebody the store knows.
pub(super) struct Known {
    pub(super) id: PersonId,
    pub(super) external_id: ExternalId,
}

impl Tx<'_> {
    /// Writes passage, visit, presence, consumption, shown messages and outbox rows: everything or nothing. The same
    /// passage a second time changes nothing. A person erased meanwhile is recorded as nobody. `now` tells what was
    /// written by a clock that had run ahead from what makes this passage one that is told late.
    ///
    /// # Errors
    /// When SQLite fails or a document cannot be read.
    pub fn record(
        &self,
        passage: &Passage,
        policy: &Policy,
        lanes: &[LanePlan],
        now: Timestamp,
    ) -> Result<Recorded, StoreError> {
        during("recording a passage", || {
            let known = self.known(passage.person)?;
            let told = told(passage, known.as_ref());
            if self.is_recorded(passage)? {
                return Ok(Recorded {
                    already: true,
                    told,
                    new_visit: None,
                    ended_visit: None,
                    overdrawn: false,
                    attended: Vec::new(),
                });
            }
            let after = known.as_ref().map_or(Ok(After::default()), |it| self.after(passage, policy, it.id, now))?;
            let opened = known.as_ref().map_or(Ok(None), |known| self.apply(passage, known, &after, policy))?;
            self.write_passage(passage, known.as_ref(), visit_of(&after, opened.as_ref()))?;
            self.write_shown(passage, known.as_ref())?;
            self.tell(&told, known.as_ref(), opened.as_ref(), lanes)?;
            let attended =
                known.as_ref().map_or(Ok(Vec::new()), |it| self.tick_by_badge(passage, it, policy, lanes))?;
            self.news().recorded(passage.at, passage.clock);
            Ok(Recorded {
                already: false,
                told,
                new_visit: opened.map(|visit| visit.visit_id),
                ended_visit: after.ends.map(|ending| ending.visit),
                overdrawn: matches!(after.takes, Takes::Overdrawn(_)),
                attended,
            })
        })
    }

    fn is_recorded(&self, passage: &Passage) -> rusqlite::Result<bool> {
        let by_id = self.one("SELECT 1 FROM passage WHERE id = ?1", [Key(passage.id.0)], |_| Ok(()))?;
        let (None, Origin::Controller { boot, sequence, .. }) = (by_id, &passage.origin) else {
            return Ok(by_id.is_some());
        };
        let sql = "SELECT 1 FROM passage WHERE gate = ?1 AND boot = ?2 AND sequence = ?3";
        let key = (passage.gate.as_str(), boot.cast_signed(), sequence.cast_signed());
        Ok(self.one(sql, key, |_| Ok(()))?.is_some())
    }

    fn known(&self, person: Option<PersonId>) -> rusqlite::Result<Option<Known>> {
        let Some(id) = person else { return Ok(None) };
        self.one("SELECT external_id FROM person WHERE id = ?1", [id.0], |row| {
            Ok(Known { id, external_id: row.get::<_, Word<_>>(0)?.0 })
        })
    }

    /// What the passage changes, by the rules, from what is true inside this transaction.
    fn after(&self, passage: &Passage, policy: &Policy, person: PersonId, now: Timestamp) -> rusqlite::Result<After> {
        let grant = passage.decision.as_ref().and_then(|decision| decision.grant());
        let Some(grant) = grant.filter(|_| visit::moves(passage.outcome)) else { return Ok(After::default()) };
        let (newest, around) = (self.newest_visit(person)?, self.around(passage, policy, person, now)?);
        Ok(visit::settle(&visit::Facts {
            policy,
            reader: passage.reader.as_ref().and_then(|reader| policy.readers.get(reader)),
            way: passage.way,
            kind: grant.kind,
            entitlement: grant.entitlement.as_ref(),
            visit: newest.as_ref(),
            entries_left: self.entries_left(person, grant.entitlement.as_ref())?,
            at: passage.at,
            late: around.as_ref(),
        }))
    }

    pub(super) fn entries_left(
        &self,
        person: PersonId,
        entitlement: Option<&Entitlement>,
    ) -> rusqlite::Result<Option<u32>> {
        // A subscription has no entries to count, which spares the reading of the document.
        let punched = entitlement.filter(|it| it.kind != EntitlementKind::Subscription);
        let Some(membership) = punched.and_then(|it| it.title.membership()) else { return Ok(None) };
        let Some(card) = self.membership(person, membership)? else { return Ok(None) };
        let Some(counted) = card.entries_left else { return Ok(None) };
        Ok(Some(counted.saturating_sub(self.entries_consumed(person, &card)?)))
    }

    fn membership(&self, person: PersonId, id: &MembershipId) -> rusqlite::Result<Option<Membership>> {
        let doc = self.document(person)?;
        Ok(doc.and_then(|doc| doc.memberships.into_iter().find(|membership| membership.id == *id)))
    }

    /// Applies the changes; returns the visit if a new one began. The old visit ends before the new one begins.
    fn apply(
        &self,
        passage: &Passage,
        known: &Known,
        after: &After,
        policy: &Policy,
    ) -> rusqlite::Result<Option<VisitTold>> {
        if let Some(ending) = &after.ends {
            self.run(
                "UPDATE visit SET ended_at = ?2, ended_by = ?3 WHERE id = ?1",
                (Key(ending.visit.0), Moment(ending.end.at), Word(ending.end.by)),
            )?;
        }
        self.move_presence(known.id, &after.presence)?;
        if let Some(split) = &after.splits {
            let told = self.open_visit(&split.entry, &split.opening, known, &after.takes, policy)?;
            self.part(split, known.id, told.visit_id)?;
            return Ok(Some(told));
        }
        match &after.visit {
            VisitChange::Untouched | VisitChange::Joins { .. } => Ok(None),
            VisitChange::Continues { visit } => {
                self.run("UPDATE visit SET ended_at = NULL, ended_by = NULL WHERE id = ?1", [Key(visit.0)])?;
                Ok(None)
            }
            VisitChange::Opens(opening) => {
                let Some(reader) = passage.reader.clone() else { return Ok(None) };
                let Passage { at, clock, way, .. } = *passage;
                let entry = Move { at, clock, gate: passage.gate.clone(), reader, way, visit: None };
                self.open_visit(&entry, opening, known, &after.takes, policy).map(Some)
            }
        }
    }

    /// Writes a visit down that begins with a passage.
    fn open_visit(
        &self,
        entry: &Move,
        opening: &Opening,
        known: &Known,
        takes: &Takes,
        policy: &Policy,
    ) -> rusqlite::Result<VisitTold> {
        let title = opening.title.as_ref();
        let told = VisitTold {
            visit_id: VisitId(id_of(entry.at)),
            person: Some(known.external_id.clone()),
            started_at: entry.at,
            reader: entry.reader.clone(),
            gate: entry.gate.clone(),
            zone: policy.readers.get(&entry.reader).and_then(|reader| reader.zone.clone()),
            club_day: opening.club_day,
            clock: entry.clock,
            membership: title.and_then(Title::membership).cloned(),
            class: title.and_then(Title::class).cloned(),
            entries_taken: u32::from(matches!(takes, Takes::Entry(_))),
        };
        self.run(
            "INSERT INTO visit (id, person, started_at, reader, gate, zone, club_day, clock, membership, class,
                                entries_taken, overdrawn, ended_at, ended_by, belated)
             VALUES (:id, :person, :started_at, :reader, :gate, :zone, :club_day, :clock, :membership, :class,
                     :taken, :overdrawn, :ended_at, :ended_by, :belated)",
            named_params! {
                ":id": Key(told.visit_id.0), ":person": known.id.0, ":started_at": Moment(told.started_at),
                ":reader": told.reader.as_str(), ":gate": told.gate.as_str(),
                ":zone": told.zone.as_ref().map(|zone| zone.as_str()), ":club_day": Word(told.club_day),
                ":clock": told.clock.as_str(), ":membership": told.membership.as_ref().map(|it| it.as_str()),
                ":class": told.class.as_ref().map(|it| it.as_str()),
                ":taken": told.entries_taken, ":overdrawn": matches!(takes, Takes::Overdrawn(_)),
                ":ended_at": opening.ended.map(|end| Moment(end.at)), ":ended_by": opening.ended.map(|end| Word(end.by)),
                ":belated": opening.is_belated,
            },
        )?;
        self.consume(known.id, takes, &told)?;
        Ok(told)
    }

    fn consume(&self, person: PersonId, takes: &Takes, told: &VisitTold) -> rusqlite::Result<()> {
        let Takes::Entry(card) = takes else { return Ok(()) };
        let at = self.counts_from(person, card, told)?;
        self.run(
            "INSERT INTO consumption (person, membership, at, visit) VALUES (?1, ?2, ?3, ?4)",
            (person.0, card.as_str(), Moment(at), Key(told.visit_id.0)),
        )?;
        Ok(())
    }

    /// When an entry counts as consumed. By a clock known to be wrong it would lie before the card was counted, and be
    /// given back; so then it counts as just after.
    fn counts_from(&self, person: PersonId, card: &MembershipId, told: &VisitTold) -> rusqlite::Result<Timestamp> {
        if told.clock != ClockQuality::Untrusted {
            return Ok(told.started_at);
        }
        let counted = self.membership(person, card)?.and_then(|card| card.entries_as_of);
        let just_after = counted.map(|at| at.saturating_add(1.microsecond()).unwrap_or(at));
        Ok(just_after.map_or(told.started_at, |at| at.max(told.started_at)))
    }

    fn move_presence(&self, person: PersonId, change: &PresenceChange) -> rusqlite::Result<()> {
        match change {
            PresenceChange::Untouched => Ok(0),
            PresenceChange::Gone => self.run("DELETE FROM presence WHERE person = ?1", [person.0]),
            PresenceChange::Counted(Presence { zone, since }) => self.run(
                "INSERT INTO presence (person, zone, since) VALUES (?1, ?2, ?3)
                 ON CONFLICT (person) DO UPDATE SET zone = ?2, since = ?3, over = 0",
                (person.0, zone.as_str(), Moment(*since)),
            ),
        }
        .map(drop)
    }

    fn write_passage(&self, passage: &Passage, known: Option<&Known>, visit: Option<VisitId>) -> rusqlite::Result<()> {
        let (boot, sequence, offline) = match passage.origin {
            Origin::Controller { boot, sequence, offline } => {
                (Some(boot.cast_signed()), Some(sequence.cast_signed()), offline)
            }
            Origin::Agent | Origin::Operator { .. } => (None, None, false),
        };
        let (operator, note) = match &passage.origin {
            Origin::Operator { name, reason } => (Some(name), Some(reason)),
            Origin::Agent | Origin::Controller { .. } => (None, None),
        };
        let mut trace = passage.decision.as_ref().map(|decision| decision.trace.clone()).unwrap_or_default();
        if passage.person.is_some() && known.is_none() {
            trace.iter_mut().for_each(|line| line.detail.clear());
        }
        self.run(
            "INSERT INTO passage (id, at, clock, gate, reader, direction, way, outcome, reasons, person, unknown_badge,
                                  operator, note, visit, boot, sequence, offline, trace)
             VALUES (:id, :at, :clock, :gate, :reader, :direction, :way, :outcome, :reasons, :person, :unknown_badge,
                     :operator, :note, :visit, :boot, :sequence, :offline, :trace)",
            named_params! {
                ":id": Key(passage.id.0), ":at": Moment(passage.at), ":clock": passage.clock.as_str(),
                ":gate": passage.gate.as_str(), ":reader": passage.reader.as_ref().map(|reader| reader.as_str()),
                ":direction": passage.direction.map(Word), ":way": Word(passage.way),
                ":outcome": passage.outcome.as_str(), ":reasons": Doc(reasons(passage)),
                ":person": known.map(|known| known.id.0), ":unknown_badge": passage.unknown_badge,
                ":operator": operator, ":note": note, ":visit": visit.map(|visit| Key(visit.0)),
                ":boot": boot, ":sequence": sequence, ":offline": offline, ":trace": Doc(trace),
            },
        )?;
        Ok(())
    }

    fn write_shown(&self, passage: &Passage, known: Option<&Known>) -> rusqlite::Result<()> {
        let Some(known) = known else { return Ok(()) };
        for shown in &passage.shown {
            self.run(
                "INSERT OR IGNORE INTO crm_shown (action, at, passage, text)
                 SELECT id, ?2, ?3, ?4 FROM crm_action WHERE id = ?1 AND person = ?5",
                (Key(shown.action.0), Moment(passage.at), Key(passage.id.0), &shown.text, known.id.0),
            )?;
        }
        Ok(())
    }

    /// The outbox rows, in the transaction of the facts they tell.
    fn tell(
        &self,
        told: &PassageTold,
        known: Option<&Known>,
        opened: Option<&VisitTold>,
        lanes: &[LanePlan],
    ) -> rusqlite::Result<()> {
        let person = known.map(|known| known.id);
        self.tell_fact(FactKind::Passage, told.passage_id.0, person, (&Doc(told), told.at), lanes)?;
        let Some(visit) = opened else { return Ok(()) };
        self.tell_fact(FactKind::Visit, visit.visit_id.0, person, (&Doc(visit), told.at), lanes)
    }

    /// A row for each lane that wants to be told of such a fact.
    pub(super) fn tell_fact(
        &self,
        kind: FactKind,
        id: Uuid,
        person: Option<PersonId>,
        (body, now): (&dyn ToSql, Timestamp),
        lanes: &[LanePlan],
    ) -> rusqlite::Result<()> {
        let wants =
            |plan: &&LanePlan| plan.facts.contains(&kind) && (plan.audience == Audience::Everybody || person.is_some());
        let key = id.to_string();
        lanes.iter().filter(wants).try_for_each(|plan| self.write_row(&plan.lane, kind, &key, person, body, now))
    }

    /// Ends presences that outlasted `maximum_stay` or the club day; returns how many. They are forgotten a while later,
    /// for who leaves by a reader that leads both ways. A visit whose maximum stay ran out is ended for the books. `by` is
    /// the time that is believed: `wall`, what the clock says, or one before it. A presence that lies ahead of the clock,
    /// from when it was wrong, begins now instead.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn end_stale_presences(&self, policy: &Policy, by: Timestamp, wall: Timestamp) -> Result<u32, StoreError> {
        during("ending stale presences", || {
            self.run("UPDATE presence SET since = ?1 WHERE since > ?1", [Moment(wall)])?;
            let seen = self.all("SELECT person, since, over FROM presence", [], |row| {
                Ok((PersonId(row.get(0)?), row.get::<_, Moment>(1)?.0, row.get::<_, bool>(2)?))
            })?;
            let mut ended = 0;
            for (person, since, is_over) in seen {
                let end = visit::stay_ends(&policy.site, since);
                if !is_over && end.at <= by {
                    self.end_presence(person, end)?;
                    ended += 1;
                }
                if visit::lingers_until(&policy.site, since) <= by {
                    self.run("DELETE FROM presence WHERE person = ?1", [person.0])?;
                }
            }
            Ok(ended)
        })
    }

    fn end_presence(&self, person: PersonId, end: visit::StayEnd) -> rusqlite::Result<()> {
        self.run("UPDATE presence SET over = 1 WHERE person = ?1", [person.0])?;
        if end.by == EndedBy::Timeout {
            self.run(
                "UPDATE visit SET ended_at = max(?2, started_at), ended_by = 'timeout'
                 WHERE person = ?1 AND ended_at IS NULL",
                (person.0, Moment(end.at)),
            )?;
        }
        Ok(())
    }
}

/// The visit a passage belongs to: the one it began, goes on with, or left.
fn visit_of(after: &After, opened: Option<&VisitTold>) -> Option<VisitId> {
    match &after.visit {
        VisitChange::Opens(_) => opened.map(|visit| visit.visit_id),
        VisitChange::Continues { visit } | VisitChange::Joins { visit } => Some(*visit),
        VisitChange::Untouched => {
            let left = after.ends.filter(|ending| ending.end.by == EndedBy::Exit).map(|ending| ending.visit);
            left.or(opened.map(|visit| visit.visit_id))
        }
    }
}

/// An id in the order of time, of the moment at the gate.
pub(super) fn id_of(at: Timestamp) -> Uuid {
    let second = u64::try_from(at.as_second()).unwrap_or_default();
    let nanosecond = u32::try_from(at.subsec_nanosecond()).unwrap_or_default();
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, second, nanosecond))
}

fn reasons(passage: &Passage) -> Vec<Reason> {
    passage.decision.as_ref().map(|decision| decision.reasons().collect()).unwrap_or_default()
}

fn told(passage: &Passage, known: Option<&Known>) -> PassageTold {
    PassageTold {
        passage_id: passage.id,
        reader: passage.reader.clone(),
        gate: passage.gate.clone(),
        direction: passage.direction,
        outcome: passage.outcome,
        reasons: reasons(passage),
        person: known.map(|known| known.external_id.clone()),
        at: passage.at,
        clock: passage.clock,
    }
}

//! Who was ticked off for which class: once each, with the rows that tell it, in the transaction of what proves it.

use jiff::Timestamp;
use rusqlite::Row;

use super::columns::{Doc, Key, Moment, Word};
use super::error::{StoreError, during};
use super::history::DeliveryNote;
use super::page::{self, Page, page_of, rows_wanted};
use super::recording::{Known, id_of};
use super::transaction::{Tx, View};
use crate::domain::{
    Attendance, AttendanceId, BookingStatus, Class, ClassId, ClockQuality, ExternalId, FactKind, LaneId, LanePlan,
    Origin, Passage, PassageId, Policy, TickedBy,
};
use crate::visit;

/// Somebody is to be ticked off by hand.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// The class.
    pub class: Class,
    /// Who.
    pub person: ExternalId,
    /// When.
    pub at: Timestamp,
    /// How far to believe that.
    pub clock: ClockQuality,
    /// By whose hand.
    pub by: TickedBy,
    /// The name of the token used.
    pub operator: String,
}

/// What became of a tick.
#[derive(Clone, Debug, PartialEq)]
pub enum Ticked {
    /// There is nobody of this id.
    NoSuchPerson,
    /// They were ticked off before; nothing was changed.
    Already(Attendance),
    /// They are ticked off.
    Done(Attendance),
}

/// Somebody's attendance, and how its relays stand.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct AttendanceEntry {
    /// The attendance.
    #[serde(flatten)]
    pub attendance: Attendance,
    /// How its relays stand.
    pub delivery: Vec<DeliveryNote>,
}

/// What became of taking a tick back.
#[derive(Clone, Debug, PartialEq)]
pub enum Withdrawn {
    /// The person was not ticked off for that class.
    NotTicked,
    /// An upstream was told of it, or may have been: it would not hear that it was a mistake.
    Told(LaneId),
    /// It is taken back, and no upstream is told of it.
    Done(Attendance),
}

impl View<'_> {
    /// Who was ticked off for a class, in that order. What was taken back is not among them.
    ///
    /// # Errors
    /// When SQLite fails, a document cannot be read or the cursor is none of ours.
    pub fn attendance(
        &self,
        class: &ClassId,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<AttendanceEntry>, StoreError> {
        let after = page::number_of(cursor)?;
        let sql = format!(
            "{ATTENDANCE} WHERE a.class = ?1 AND a.row > ?2 AND a.withdrawn_at IS NULL ORDER BY a.row LIMIT ?3"
        );
        let rows = during("listing attendance", || {
            self.all(&sql, (class.as_str(), after, rows_wanted(limit)), |row| Ok((row.get(2)?, attendance(row)?)))
        })?;
        let page = page_of(rows, limit, |(row, _): &(i64, _)| row.to_string());
        let entry = |(_, attendance): (i64, Attendance)| {
            let delivery = self.deliveries(FactKind::Attendance, attendance.attendance_id.0)?;
            Ok(AttendanceEntry { attendance, delivery })
        };
        let items = during("reading how attendance was told", || page.items.into_iter().map(entry).collect())?;
        Ok(Page { items, next: page.next })
    }
}

impl Tx<'_> {
    /// Ticks somebody off, booked or not; a second time changes nothing.
    ///
    /// # Errors
    /// When SQLite fails or a document cannot be read.
    pub fn tick(&self, tick: &Tick, lanes: &[LanePlan]) -> Result<Ticked, StoreError> {
        let Some(id) = self.person_id(&tick.person)? else { return Ok(Ticked::NoSuchPerson) };
        let booking = self.booking(&tick.class.id, id)?;
        during("ticking somebody off", || {
            let sql = format!("{ATTENDANCE} WHERE a.class = ?1 AND a.person = ?2 AND a.withdrawn_at IS NULL");
            if let Some(found) = self.one(&sql, (tick.class.id.as_str(), id.0), attendance)? {
                return Ok(Ticked::Already(found));
            }
            let booked = booking.is_some_and(|it| it.booking.status == BookingStatus::Booked);
            let Tick { at, clock, by, .. } = *tick;
            let made = Attendance { walk_in: !booked, by, ..of_class(&tick.class, at, clock) };
            let known = Known { id, external_id: tick.person.clone() };
            self.write_attendance(&made, &known, (Some(&tick.operator), None), lanes).map(Ticked::Done)
        })
    }

    /// Takes a mistaken tick back, as long as no upstream was told of it; it stays on record, with who did it and why.
    ///
    /// # Errors
    /// When SQLite fails or a document cannot be read.
    pub fn withdraw_tick(
        &self,
        (class, person): (&ClassId, &ExternalId),
        (operator, reason): (&str, Option<&str>),
        now: Timestamp,
    ) -> Result<Withdrawn, StoreError> {
        let Some(id) = self.person_id(person)? else { return Ok(Withdrawn::NotTicked) };
        during("taking a tick back", || {
            let sql = format!("{ATTENDANCE} WHERE a.class = ?1 AND a.person = ?2 AND a.withdrawn_at IS NULL");
            let found = self.one(&sql, (class.as_str(), id.0), |row| Ok((row.get::<_, i64>(2)?, attendance(row)?)))?;
            let Some((row, ticked)) = found else { return Ok(Withdrawn::NotTicked) };
            let key = ticked.attendance_id.0.to_string();
            if let Some(lane) = self.one(TOLD, [&key], |row| row.get::<_, Word<LaneId>>(0))? {
                return Ok(Withdrawn::Told(lane.0));
            }
            self.run(UNTOLD, (&key, Moment(now)))?;
            self.run("UPDATE attendance SET withdrawn_at = ?2 WHERE row = ?1", (row, Moment(now)))?;
            self.audit(Some(operator), "withdraw_tick", &key, reason, now)?;
            self.news().outbox_changed();
            Ok(Withdrawn::Done(ticked))
        })
    }

    /// Ticks off whoever passed a reader that does so, for the classes they booked.
    pub(super) fn tick_by_badge(
        &self,
        passage: &Passage,
        known: &Known,
        policy: &Policy,
        lanes: &[LanePlan],
    ) -> rusqlite::Result<Vec<Attendance>> {
        let reader = passage.reader.as_ref().and_then(|reader| policy.readers.get(reader));
        let Some(reader) = reader.filter(|it| it.attendance && visit::moves(passage.outcome)) else {
            return Ok(Vec::new());
        };
        let bookings = self.bookings_around(known.id, passage.at)?;
        let by = match passage.origin {
            Origin::Agent | Origin::Controller { .. } => TickedBy::Badge,
            Origin::Operator { .. } => TickedBy::Operator,
        };
        let mut attended = Vec::new();
        for booked in visit::attended(&bookings, (reader, passage.way), policy, passage.at) {
            let (reader, gate) = (Some(reader.id.clone()), Some(passage.gate.clone()));
            let made = Attendance { by, reader, gate, ..of_class(&booked.class, passage.at, passage.clock) };
            attended.push(self.write_attendance(&made, known, (None, Some(passage.id)), lanes)?);
        }
        Ok(attended)
    }

    fn write_attendance(
        &self,
        made: &Attendance,
        known: &Known,
        (operator, passage): (Option<&str>, Option<PassageId>),
        lanes: &[LanePlan],
    ) -> rusqlite::Result<Attendance> {
        self.run(
            "INSERT INTO attendance (class, person, operator, passage, doc) VALUES (?1, ?2, ?3, ?4, ?5)",
            (made.class.as_str(), known.id.0, operator, passage.map(|it| Key(it.0)), Doc(made)),
        )?;
        let told = Attendance { person: Some(known.external_id.clone()), ..made.clone() };
        self.tell_fact(FactKind::Attendance, told.attendance_id.0, Some(known.id), (&Doc(&told), told.at), lanes)?;
        Ok(told)
    }
}

/// Nobody's attendance yet. The person never stands in the stored document: after erasure it must not.
fn of_class(class: &Class, at: Timestamp, clock: ClockQuality) -> Attendance {
    Attendance {
        attendance_id: AttendanceId(id_of(at)),
        class: class.id.clone(),
        product: class.product.clone(),
        starts_at: class.starts_at,
        ends_at: class.ends_at,
        person: None,
        at,
        clock,
        by: TickedBy::Badge,
        walk_in: false,
        reader: None,
        gate: None,
    }
}

/// A lane that was told of an attendance, or may have been. Mywellness alone is known not to have been by a try that
/// was put off.
const TOLD: &str = "SELECT lane FROM outbox WHERE key = ?1 AND body <> '' AND kind = 'attendance'
    AND (state = 'in_flight' OR state = 'unsure' OR state = 'sent' OR state = 'delivered' OR lost_answer > 0
        OR (attempts > 0 AND lane <> 'mywellness' AND state <> 'discarded')) LIMIT 1";
const UNTOLD: &str = "UPDATE outbox SET state = 'discarded', held_for = NULL, changed_at = ?2,
        last_error = 'the tick was taken back'
    WHERE key = ?1 AND body <> '' AND kind = 'attendance' AND (state = 'pending' OR state = 'held' OR state = 'parked')";
const ATTENDANCE: &str = "SELECT a.doc, p.external_id, a.row FROM attendance a LEFT JOIN person p ON p.id = a.person";

fn attendance(row: &Row<'_>) -> rusqlite::Result<Attendance> {
    let Doc(doc) = row.get::<_, Doc<Attendance>>(0)?;
    Ok(Attendance { person: row.get::<_, Option<Word<ExternalId>>>(1)?.map(|it| it.0), ..doc })
}

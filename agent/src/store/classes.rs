//! Classes as stored: products, classes with their bookings, and what a gate asks about those of the day.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Row, named_params};

use super::columns::{Count, Doc, Moment, Word};
use super::error::{StoreError, during};
use super::page::{self, Page, page_of, rows_wanted};
use super::transaction::{Tx, View};
use crate::domain::{
    BookedClass, Booking, BookingStatus, Class, ClassId, ClassProduct, ClassProductId, ExternalId, LaneId, PersonId,
};

/// How far from a moment classes are looked at: a club day whichever way a clock is set, and the longest class.
const AROUND: SignedDuration = SignedDuration::from_hours(36);
/// Most bookings looked at for one person at a gate: more than a day has hours.
const BOOKINGS_MAX: u32 = 64;
/// Most classes of one activity on one day that are told apart: one every half an hour.
const OF_ACTIVITY_MAX: u32 = 48;
/// Old classes deleted at a time, with their bookings: some hundred rows, so that no passage waits.
const PRUNED_MAX: u32 = 20;

/// A class with its numbers.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct ClassEntry {
    /// The class.
    #[serde(flatten)]
    pub class: Class,
    /// How many have a place.
    pub booked: u64,
    /// How many are on the waiting list.
    pub waiting: u64,
    /// How many were ticked off.
    pub attended: u64,
}

/// A booking, and whether it was kept.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct BookingEntry {
    /// The booking.
    #[serde(flatten)]
    pub booking: Booking,
    /// The person was ticked off.
    pub attended: bool,
}

/// Which classes are asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassFilter {
    /// Beginning from this moment, inclusive.
    pub from: Option<Timestamp>,
    /// Beginning before this moment.
    pub to: Option<Timestamp>,
    /// Only of this product.
    pub product: Option<ClassProductId>,
    /// Where the page begins.
    pub cursor: Option<String>,
    /// 1 to 500.
    pub limit: u32,
}

impl View<'_> {
    /// A class product.
    ///
    /// # Errors
    /// When SQLite fails or the document cannot be read.
    pub fn class_product(&self, id: &ClassProductId) -> Result<Option<ClassProduct>, StoreError> {
        let sql = "SELECT doc FROM class_product WHERE id = ?1";
        during("reading a class product", || self.one(sql, [id.as_str()], product))
    }

    /// Class products, by id.
    ///
    /// # Errors
    /// When SQLite fails or a document cannot be read.
    pub fn class_products(&self, cursor: Option<&str>, limit: u32) -> Result<Page<ClassProduct>, StoreError> {
        let sql = "SELECT doc FROM class_product WHERE id > ?1 ORDER BY id LIMIT ?2";
        let after = page::name_of(cursor)?;
        let rows = during("listing class products", || self.all(sql, (after, rows_wanted(limit)), product))?;
        Ok(page_of(rows, limit, |last| page::after_name(&last.id)))
    }

    /// A class with its numbers.
    ///
    /// # Errors
    /// When SQLite fails or the document cannot be read.
    pub fn class(&self, id: &ClassId) -> Result<Option<ClassEntry>, StoreError> {
        let sql = format!("{CLASS} WHERE c.id = ?1");
        during("reading a class", || self.one(&sql, [id.as_str()], class))
    }

    /// Classes of an activity at Mywellness that begin from `from` and before `to`, the first few; none: no class product
    /// is linked to that activity.
    ///
    /// # Errors
    /// When SQLite fails or a document cannot be read.
    pub fn classes_of_activity(
        &self,
        activity: &str,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Option<Vec<Class>>, StoreError> {
        during("looking for the classes of an activity", || {
            let linked = "SELECT 1 FROM class_product WHERE mywellness_id = ?1 LIMIT 1";
            if self.one(linked, [activity], |_| Ok(()))?.is_none() {
                return Ok(None);
            }
            let sql = "SELECT c.doc FROM class c JOIN class_product p ON p.id = c.product
                       WHERE p.mywellness_id = ?1 AND c.starts_at >= ?2 AND c.starts_at < ?3
                       ORDER BY c.starts_at, c.id LIMIT ?4";
            let rows = (activity, Moment(from), Moment(to), OF_ACTIVITY_MAX);
            self.all(sql, rows, |row| row.get::<_, Doc<_>>(0).map(|doc| doc.0)).map(Some)
        })
    }

    /// Classes in the order of their beginning.
    ///
    /// # Errors
    /// When SQLite fails, a document cannot be read or the cursor is none of ours.
    pub fn classes(&self, filter: &ClassFilter) -> Result<Page<ClassEntry>, StoreError> {
        let (after, after_id) = page::moment_and_name_of(filter.cursor.as_deref())?;
        let sql = format!(
            "{CLASS} WHERE (c.starts_at, c.id) > (:after, :after_id) AND c.starts_at >= :from AND c.starts_at < :to
             AND (:product IS NULL OR c.product = :product) ORDER BY c.starts_at, c.id LIMIT :rows"
        );
        let rows = during("listing classes", || {
            self.all(
                &sql,
                named_params! {
                    ":after": after, ":after_id": after_id,
                    ":from": filter.from.map_or(i64::MIN, |from| from.as_microsecond()),
                    ":to": filter.to.map_or(i64::MAX, |to| to.as_microsecond()),
                    ":product": filter.product.as_ref().map(ClassProductId::as_str),
                    ":rows": rows_wanted(filter.limit),
                },
                class,
            )
        })?;
        let place =
            |last: &ClassEntry| page::after_moment_and_name(last.class.starts_at.as_microsecond(), &last.class.id);
        Ok(page_of(rows, filter.limit, place))
    }

    /// The bookings of a class, taken back or not.
    ///
    /// # Errors
    /// When SQLite fails or the cursor is none of ours.
    pub fn bookings(
        &self,
        class: &ClassId,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<BookingEntry>, StoreError> {
        let after = page::number_of(cursor)?;
        let sql = format!("{BOOKING} WHERE b.class = ?1 AND b.person > ?2 ORDER BY b.person LIMIT ?3");
        let rows = during("listing bookings", || {
            self.all(&sql, (class.as_str(), after, rows_wanted(limit)), |row| Ok((row.get(5)?, booking(row)?)))
        })?;
        let page = page_of(rows, limit, |(person, _): &(i64, _)| person.to_string());
        Ok(Page { items: page.items.into_iter().map(|(_, entry)| entry).collect(), next: page.next })
    }

    /// A person's booking of a class.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn booking(&self, class: &ClassId, person: PersonId) -> Result<Option<BookingEntry>, StoreError> {
        let sql = format!("{BOOKING} WHERE b.class = ?1 AND b.person = ?2");
        during("reading a booking", || self.one(&sql, (class.as_str(), person.0), booking))
    }

    /// A person's bookings of classes that begin near a moment, the first class first.
    pub(super) fn bookings_around(&self, person: PersonId, at: Timestamp) -> rusqlite::Result<Vec<BookedClass>> {
        let edge = |moment: Result<Timestamp, _>, end| moment.map_or(end, Timestamp::as_microsecond);
        let (from, to) = (edge(at.checked_sub(AROUND), i64::MIN), edge(at.checked_add(AROUND), i64::MAX));
        self.all(BOOKED_AROUND, (person.0, from, to, BOOKINGS_MAX), booked)
    }
}

impl Tx<'_> {
    /// Writes a class product; true if new. Attendance that waited for its activity at Mywellness is released.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn put_class_product(&self, product: &ClassProduct, now: Timestamp) -> Result<bool, StoreError> {
        let is_new = self.class_product(&product.id)?.is_none();
        let sql = "INSERT OR REPLACE INTO class_product (id, mywellness_id, doc) VALUES (?1, ?2, ?3)";
        during("writing a class product", || {
            self.run(sql, (product.id.as_str(), &product.mywellness_id, Doc(product)))?;
            if product.mywellness_id.is_none() {
                return Ok(());
            }
            self.wake_notes_of_product(&product.id, now)?;
            self.release_mapped(&product.id, now)
        })?;
        Ok(is_new)
    }

    /// Writes a class; true if new.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn put_class(&self, class: &Class, now: Timestamp) -> Result<bool, StoreError> {
        let is_new = self.class(&class.id)?.is_none();
        during("writing a class", || {
            self.run(
                "INSERT OR REPLACE INTO class (id, product, starts_at, doc) VALUES (?1, ?2, ?3, ?4)",
                (class.id.as_str(), class.product.as_str(), Moment(class.starts_at), Doc(class)),
            )?;
            let sql = "UPDATE booking SET starts_at = ?2 WHERE class = ?1 AND starts_at <> ?2";
            self.run(sql, (class.id.as_str(), Moment(class.starts_at)))?;
            self.wake_notes_of_product(&class.product, now)
        })?;
        Ok(is_new)
    }

    /// Writes a booking of a class that is there; true if new. Without `at`, the moment of an older booking stays.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn put_booking(
        &self,
        class: &Class,
        person: PersonId,
        (status, at): (BookingStatus, Option<Timestamp>),
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let old = self.booking(&class.id, person)?;
        let at = at.or(old.as_ref().map(|old| old.booking.at)).unwrap_or(now);
        let sql = "INSERT OR REPLACE INTO booking (class, person, starts_at, status, at) VALUES (?1, ?2, ?3, ?4, ?5)";
        during("writing a booking", || {
            self.run(sql, (class.id.as_str(), person.0, Moment(class.starts_at), Word(status), Moment(at)))
        })?;
        Ok(old.is_none())
    }

    /// Remembers when news of Mywellness on a booking happened, or on the class itself; false: newer news came before.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn is_newest_of_class(
        &self,
        class: &ClassId,
        person: Option<PersonId>,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "INSERT INTO class_news (class, person, at) VALUES (?1, ?2, ?3)
                   ON CONFLICT (class, person) DO UPDATE SET at = excluded.at WHERE excluded.at >= class_news.at";
        let of = (class.as_str(), person.map_or(0, |it| it.0), Moment(at));
        Ok(during("remembering news of a class", || self.run(sql, of))? > 0)
    }

    /// A row held for a mapping that came while it was on its way to be held goes on at once.
    pub(super) fn hold_for_mapping(&self, row: i64, now: Moment) -> rusqlite::Result<usize> {
        let held = self.run(HELD_FOR_MAPPING, (row, now))?;
        if held == 0 {
            self.news().outbox_changed();
        }
        Ok(held)
    }

    /// In row order, as the lane reads them.
    fn release_mapped(&self, product: &ClassProductId, now: Timestamp) -> rusqlite::Result<()> {
        let lane: LaneId = super::links::LANE.parse().expect("the lane's name is a slug");
        if self.run(RELEASED_BY_MAPPING, (lane.as_str(), product.as_str(), Moment(now)))? > 0 {
            self.news().outbox_changed();
        }
        Ok(())
    }

    /// Deletes classes that began before a moment, with their bookings and attendance.
    pub(super) fn prune_classes(&self, before: Moment) -> rusqlite::Result<usize> {
        let old = "SELECT id FROM class WHERE starts_at < ?1 ORDER BY starts_at LIMIT ?2";
        let mut gone = 0;
        for id in self.all(old, (before, PRUNED_MAX), |row| row.get::<_, String>(0))? {
            for sql in [
                "DELETE FROM booking WHERE class = ?1",
                "DELETE FROM attendance WHERE class = ?1",
                "DELETE FROM class_news WHERE class = ?1",
                "DELETE FROM class WHERE id = ?1",
            ] {
                gone += self.run(sql, [&id])?;
            }
        }
        Ok(gone)
    }
}

const CLASS: &str = "SELECT c.doc,
        (SELECT count(*) FROM booking b WHERE b.class = c.id AND b.status = 'booked'),
        (SELECT count(*) FROM booking b WHERE b.class = c.id AND b.status = 'waiting'),
        (SELECT count(*) FROM attendance a WHERE a.class = c.id AND a.withdrawn_at IS NULL)
    FROM class c";

const BOOKING: &str = "SELECT b.class, p.external_id, b.status, b.at,
        EXISTS (SELECT 1 FROM attendance a WHERE a.class = b.class AND a.person = b.person
            AND a.withdrawn_at IS NULL), b.person
    FROM booking b JOIN person p ON p.id = b.person";

const BOOKED_AROUND: &str = "SELECT c.doc, b.status, p.doc,
        EXISTS (SELECT 1 FROM attendance a WHERE a.class = b.class AND a.person = b.person
            AND a.withdrawn_at IS NULL)
    FROM booking b JOIN class c ON c.id = b.class JOIN class_product p ON p.id = c.product
    WHERE b.person = ?1 AND b.starts_at BETWEEN ?2 AND ?3 ORDER BY b.starts_at, b.class LIMIT ?4";

/// Whether the product in the body of an outbox row has an activity at Mywellness.
const HELD_FOR_MAPPING: &str = "UPDATE outbox SET state = 'held', held_for = 'mapping', changed_at = ?2
    WHERE id = ?1 AND (state = 'pending' OR state = 'in_flight' OR state = 'unsure')
    AND NOT EXISTS (SELECT 1 FROM class_product p
        WHERE p.id = json_extract(outbox.body, '$.product') AND p.mywellness_id IS NOT NULL)";
const RELEASED_BY_MAPPING: &str = "UPDATE outbox SET state = 'pending', held_for = NULL, changed_at = ?3
    WHERE lane = ?1 AND state = 'held' AND held_for = 'mapping' AND json_extract(body, '$.product') = ?2";

fn product(row: &Row<'_>) -> rusqlite::Result<ClassProduct> {
    row.get::<_, Doc<_>>(0).map(|doc| doc.0)
}

fn class(row: &Row<'_>) -> rusqlite::Result<ClassEntry> {
    Ok(ClassEntry {
        class: row.get::<_, Doc<_>>(0)?.0,
        booked: row.get::<_, Count>(1)?.0,
        waiting: row.get::<_, Count>(2)?.0,
        attended: row.get::<_, Count>(3)?.0,
    })
}

fn booking(row: &Row<'_>) -> rusqlite::Result<BookingEntry> {
    Ok(BookingEntry {
        booking: Booking {
            class: row.get::<_, Word<_>>(0)?.0,
            person: row.get::<_, Word<ExternalId>>(1)?.0,
            status: row.get::<_, Word<_>>(2)?.0,
            at: row.get::<_, Moment>(3)?.0,
        },
        attended: row.get(4)?,
    })
}

fn booked(row: &Row<'_>) -> rusqlite::Result<BookedClass> {
    let Doc(product) = row.get::<_, Doc<ClassProduct>>(2)?;
    Ok(BookedClass {
        class: row.get::<_, Doc<_>>(0)?.0,
        booking: row.get::<_, Word<_>>(1)?.0,
        opens_gate: product.opens_gate,
        early_minutes: product.early_minutes,
        late_minutes: product.late_minutes,
        attended: row.get(3)?,
    })
}

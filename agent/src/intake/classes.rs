//! Writing classes down: products, classes, bookings, and who came. The management system is their master.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::refused::{Cause, Findings, Problem, Refused};
use super::wording::{NAME_CHARS_MAX, SHORT_CHARS_MAX, optional, required};
use crate::domain::{
    Attendance, BookingStatus, Class, ClassId, ClassProduct, ClassProductId, ClassStatus, ExternalId, LanePlan, Now,
    Policy, TickedBy, ZoneId, null_is_default,
};
use crate::store::{StoreError, Tick, Ticked, Tx, Withdrawn};

/// Longest class: a camp of several days is several classes.
const CLASS_MAX: SignedDuration = SignedDuration::from_hours(24);
/// Most minutes before or after the start in which a booking counts: half a day.
const MARGIN_MINUTES_MAX: u16 = 720;
/// How far a moment said to be past may lie ahead: two clocks never agree.
const AHEAD_MAX: SignedDuration = SignedDuration::from_mins(5);

/// A class product to be written down.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProduct {
    /// Its key; that of the address if absent.
    #[serde(default)]
    pub id: Option<ClassProductId>,
    /// Its name for people.
    pub name: String,
    /// The activity it is at Mywellness; null: none yet, and attendance waits.
    #[serde(default)]
    pub mywellness_id: Option<String>,
    /// Whether a booking of its classes opens gates.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schema(nullable)]
    pub opens_gate: bool,
    /// Minutes before the start from which a booking counts, at most 720; as configured if null.
    #[serde(default)]
    pub early_minutes: Option<u16>,
    /// Minutes after the start until which a booking counts, at most 720; as configured if null.
    #[serde(default)]
    pub late_minutes: Option<u16>,
}

/// A class to be written down.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClass {
    /// Its key; that of the address if absent.
    #[serde(default)]
    pub id: Option<ClassId>,
    /// What it is one of.
    pub product: ClassProductId,
    /// When it begins.
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: Timestamp,
    /// When it ends: after it begins, within a day.
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Timestamp,
    /// Where it takes place; anywhere if null.
    #[serde(default)]
    pub zone: Option<ZoneId>,
    /// How many can take part; unknown if null.
    #[serde(default)]
    pub capacity: Option<u32>,
    /// Whether it takes place.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schema(nullable)]
    pub status: ClassStatus,
}

/// A booking to be written down.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBooking {
    /// How it stands.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schema(nullable)]
    pub status: BookingStatus,
    /// When it was made; if null, as known before, else at this moment.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
}

/// Somebody came to a class.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAttendance {
    /// Who.
    pub person: ExternalId,
    /// When; at this moment if null.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// Whether people without a booking may be ticked off; they may unless this is false.
    #[serde(default)]
    pub walk_in: Option<bool>,
}

/// A document was written down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written {
    /// Whether it is new here.
    pub created: bool,
    /// What is odd about it.
    pub warnings: Vec<Problem>,
}

/// Writes a class product down. One that gets its activity at Mywellness releases the attendance that waited for it.
///
/// # Errors
/// When the store cannot.
pub fn put_class_product(
    tx: &Tx<'_>,
    id: &ClassProductId,
    mut new: NewProduct,
    now: Timestamp,
) -> Result<Result<Written, Refused>, StoreError> {
    let mut found = Findings::default();
    same_id(new.id.as_ref(), id, &mut found);
    required(&mut new.name, "name", NAME_CHARS_MAX, &mut found);
    optional(&mut new.mywellness_id, "mywellness_id", SHORT_CHARS_MAX, &mut found);
    for (minutes, path) in [(new.early_minutes, "early_minutes"), (new.late_minutes, "late_minutes")] {
        if minutes.is_some_and(|minutes| minutes > MARGIN_MINUTES_MAX) {
            found.refuse(path, format!("is more than half a day; write 0 to {MARGIN_MINUTES_MAX}, or null"));
        }
    }
    let warnings = match found.settle() {
        Err(refused) => return Ok(Err(refused)),
        Ok(warnings) => warnings,
    };
    let NewProduct { name, mywellness_id, opens_gate, early_minutes, late_minutes, .. } = new;
    let product = ClassProduct { id: id.clone(), name, mywellness_id, opens_gate, early_minutes, late_minutes };
    Ok(Ok(Written { created: tx.put_class_product(&product, now)?, warnings }))
}

/// Writes a class down. Its bookings stay.
///
/// # Errors
/// When the store cannot.
pub fn put_class(
    tx: &Tx<'_>,
    id: &ClassId,
    new: NewClass,
    policy: &Policy,
    now: Timestamp,
) -> Result<Result<Written, Refused>, StoreError> {
    let mut found = Findings::default();
    same_id(new.id.as_ref(), id, &mut found);
    check_class(&new, policy, &mut found);
    if tx.class_product(&new.product)?.is_none() {
        found.refuse("product", format!("there is no class product {}; put it first", new.product));
    }
    let warnings = match found.settle() {
        Err(refused) => return Ok(Err(refused)),
        Ok(warnings) => warnings,
    };
    let NewClass { product, starts_at, ends_at, zone, capacity, status, .. } = new;
    let class = Class { id: id.clone(), product, starts_at, ends_at, zone, capacity, status };
    Ok(Ok(Written { created: tx.put_class(&class, now)?, warnings }))
}

/// Moves a class to another time. Its bookings move with it.
///
/// # Errors
/// When the store cannot.
pub fn move_class(
    tx: &Tx<'_>,
    class: &Class,
    (starts_at, ends_at): (Timestamp, Timestamp),
    now: Timestamp,
) -> Result<Result<Written, Refused>, StoreError> {
    let mut found = Findings::default();
    check_times((starts_at, ends_at), &mut found);
    let warnings = match found.settle() {
        Err(refused) => return Ok(Err(refused)),
        Ok(warnings) => warnings,
    };
    let moved = Class { starts_at, ends_at, ..class.clone() };
    Ok(Ok(Written { created: tx.put_class(&moved, now)?, warnings }))
}

fn check_times((starts_at, ends_at): (Timestamp, Timestamp), found: &mut Findings) {
    let lasts = ends_at.duration_since(starts_at);
    if lasts <= SignedDuration::ZERO {
        found.refuse("ends_at", "does not lie after starts_at");
    } else if lasts > CLASS_MAX {
        found.refuse("ends_at", "lies more than a day after starts_at; write one class for each day");
    }
}

fn check_class(new: &NewClass, policy: &Policy, found: &mut Findings) {
    check_times((new.starts_at, new.ends_at), found);
    if let Some(zone) = new.zone.as_ref().filter(|zone| !policy.zones.contains_key(*zone)) {
        found.warn("zone", format!("zone {zone} is not configured at this site: no reader leads to this class"));
    }
}

/// The address names what is written; a document that names something else was sent to the wrong one.
fn same_id<T: PartialEq + std::fmt::Display>(said: Option<&T>, addressed: &T, found: &mut Findings) {
    if said.is_some_and(|said| said != addressed) {
        found.refuse("id", format!("is not {addressed}, as the address says"));
    }
}

/// What came of writing a booking.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Booking {
    /// There is no such class.
    NoSuchClass,
    /// There is nobody of this id.
    NoSuchPerson,
    /// It is written.
    Done {
        /// Whether it is new here.
        created: bool,
    },
}

/// Writes a booking down. More bookings than places are the management system's to settle: none is refused.
///
/// # Errors
/// When the store cannot.
pub fn put_booking(
    tx: &Tx<'_>,
    class: &ClassId,
    person: &ExternalId,
    new: &NewBooking,
    now: Timestamp,
) -> Result<Booking, StoreError> {
    let Some(class) = tx.class(class)? else { return Ok(Booking::NoSuchClass) };
    let Some(person) = tx.person_id(person)? else { return Ok(Booking::NoSuchPerson) };
    let created = tx.put_booking(&class.class, person, (new.status, new.at), now)?;
    Ok(Booking::Done { created })
}

/// What came of ticking somebody off.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ticking {
    /// There is no such class.
    NoSuchClass,
    /// The class does not take place.
    ClassCancelled,
    /// The document is wrong.
    Refused(Refused),
    /// They had been ticked off before: this is when.
    Already(Box<Attendance>),
    /// They are ticked off.
    Done(Box<Attendance>),
}

/// Ticks somebody off by hand, in the name of a token, and tells the lanes.
///
/// # Errors
/// When the store cannot.
pub fn tick_off(
    tx: &Tx<'_>,
    class: &ClassId,
    new: &NewAttendance,
    (by, operator): (TickedBy, &str),
    now: Now,
    lanes: &[LanePlan],
) -> Result<Ticking, StoreError> {
    let Some(class) = tx.class(class)?.map(|entry| entry.class) else { return Ok(Ticking::NoSuchClass) };
    if class.status == ClassStatus::Cancelled {
        return Ok(Ticking::ClassCancelled);
    }
    let at = new.at.unwrap_or(now.wall);
    let mut found = Findings::default();
    if at.duration_since(now.wall) > AHEAD_MAX {
        found.refuse("at", "lies ahead; write when they came, or nothing for now");
    }
    if new.walk_in == Some(false) && !is_booked(tx, &class, &new.person)? {
        found.refuse("walk_in", format!("is false, and {} has no booking of this class", new.person));
    }
    if let Err(refused) = found.settle() {
        return Ok(Ticking::Refused(refused));
    }
    let (person, clock, operator) = (new.person.clone(), now.quality, operator.to_owned());
    Ok(match tx.tick(&Tick { class, person, at, clock, by, operator }, lanes)? {
        Ticked::Done(attendance) => Ticking::Done(Box::new(attendance)),
        Ticked::Already(attendance) => Ticking::Already(Box::new(attendance)),
        Ticked::NoSuchPerson => {
            Ticking::Refused(Refused::one(Cause::Invalid, "person", format!("there is no person {}", new.person)))
        }
    })
}

/// Takes a mistaken tick back, in the name of a token.
///
/// # Errors
/// When the store cannot.
pub fn withdraw_tick(
    tx: &Tx<'_>,
    (class, person): (&ClassId, &ExternalId),
    (operator, reason): (&str, Option<&str>),
    now: Timestamp,
) -> Result<Withdrawn, StoreError> {
    tx.withdraw_tick((class, person), (operator, reason), now)
}

fn is_booked(tx: &Tx<'_>, class: &Class, person: &ExternalId) -> Result<bool, StoreError> {
    let Some(person) = tx.person_id(person)? else { return Ok(false) };
    Ok(tx.booking(&class.id, person)?.is_some_and(|it| it.booking.status == BookingStatus::Booked))
}

//! What follows from a class's news: the booking of that person for that class here, or the class's time.
//!
//! The classes here are the management system's. Its products are linked to activities there, so that an activity and a
//! day name a class, if there is only one.

use jiff::Timestamp;
use jiff::civil::Date;

use super::class::{ClassEvent, Notice};
use super::{Doubt, Ear, Heard};
use crate::domain::{BookingStatus, Class};
use crate::intake::{self, NewBooking};
use crate::store::{StoreError, Tx};

impl Ear {
    pub(super) fn act_on_class(
        &self,
        tx: &Tx<'_>,
        notice: &Notice,
        now: Timestamp,
    ) -> Result<Result<Heard, Doubt>, StoreError> {
        let classes = match self.day(notice.day) {
            None => None,
            Some(day) => tx.classes_of_activity(&notice.activity, day)?,
        };
        let class = match classes.as_deref() {
            None => {
                let activity = Some(notice.activity.clone());
                return Ok(Err(Doubt { why: UNMAPPED, person: None, activity }));
            }
            Some([class]) => class,
            Some([]) => return self.in_doubt(tx, notice, NO_CLASS),
            Some(_) => return self.in_doubt(tx, notice, SEVERAL_CLASSES),
        };
        match notice.event {
            ClassEvent::Booked => self.book(tx, notice, (class, BookingStatus::Booked), now),
            ClassEvent::Unbooked => self.book(tx, notice, (class, BookingStatus::Cancelled), now),
            ClassEvent::Changed => self.change(tx, notice, class, now),
        }
    }

    fn book(
        &self,
        tx: &Tx<'_>,
        notice: &Notice,
        (class, status): (&Class, BookingStatus),
        now: Timestamp,
    ) -> Result<Result<Heard, Doubt>, StoreError> {
        let person = notice.user.as_ref().map_or(Ok(None), |name| tx.person_called(name))?;
        let Some((id, person)) = person else { return Ok(Err(Doubt::of(NOBODY, None))) };
        if let Some(at) = happened(notice, now)
            && !tx.is_newest_of_class(&class.id, Some(id), at)?
        {
            return Ok(Ok(Heard::Overtaken));
        }
        let (at, heard) = match status {
            // Of one that is taken back stays when it was made.
            BookingStatus::Cancelled => (None, Heard::Unbooked),
            BookingStatus::Booked | BookingStatus::Waiting => (happened(notice, now), Heard::Booked),
        };
        Ok(match intake::put_booking(tx, &class.id, &person, &NewBooking { status, at }, now)? {
            intake::Booking::Done { .. } => Ok(heard),
            intake::Booking::NoSuchClass | intake::Booking::NoSuchPerson => Err(Doubt::of(NO_CLASS, Some(id))),
        })
    }

    fn change(
        &self,
        tx: &Tx<'_>,
        notice: &Notice,
        class: &Class,
        now: Timestamp,
    ) -> Result<Result<Heard, Doubt>, StoreError> {
        let Some(starts_at) = notice.starts_at else { return Ok(Err(Doubt::of(CHANGED, None))) };
        let lasts = class.ends_at.duration_since(class.starts_at);
        let ends_at = notice.ends_at.or_else(|| starts_at.checked_add(lasts).ok());
        // Which day its later news will name, is not known.
        if starts_at.to_zoned(self.timezone.clone()).date() != notice.day {
            return Ok(Err(Doubt::of(OTHER_DAY, None)));
        }
        let Some(ends_at) = ends_at.filter(|ends_at| *ends_at > starts_at) else {
            return Ok(Err(Doubt::of(BAD_TIMES, None)));
        };
        if let Some(at) = happened(notice, now)
            && !tx.is_newest_of_class(&class.id, None, at)?
        {
            return Ok(Ok(Heard::Overtaken));
        }
        let moved = intake::move_class(tx, class, (starts_at, ends_at), now)?;
        Ok(moved.map(|_| Heard::Changed).map_err(|_| Doubt::of(BAD_TIMES, None)))
    }

    /// Whose it is, is told with the doubt, if that is known.
    fn in_doubt(&self, tx: &Tx<'_>, notice: &Notice, why: &'static str) -> Result<Result<Heard, Doubt>, StoreError> {
        let person = notice.user.as_ref().map_or(Ok(None), |name| tx.person_called(name))?;
        Ok(Err(Doubt::of(why, person.map(|(id, _)| id))))
    }

    /// When a day begins and ends here; none: beyond the calendar.
    fn day(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        let begins = |day: Date| day.to_zoned(self.timezone.clone()).ok().map(|zoned| zoned.timestamp());
        begins(day).zip(day.tomorrow().ok().and_then(begins))
    }
}

/// A moment that lies ahead would overtake whatever comes until then: one of the two clocks is wrong.
fn happened(notice: &Notice, now: Timestamp) -> Option<Timestamp> {
    notice.at.map(|at| at.min(now))
}

const UNMAPPED: &str = "classes of this activity are booked at Mywellness and no class product here is linked to it: set a \
                        product's mywellness_id to take its bookings from then on, or discard this";
const NO_CLASS: &str = "no class of this activity is written down here for that day: this is looked at again when it is; \
                        or discard it";
const SEVERAL_CLASSES: &str = "several classes of this activity are written down here for that day: write the booking down \
                               by hand, and discard this";
const NOBODY: &str = "the user is linked to nobody here: this is looked at again when they are; or discard it";
const CHANGED: &str = "the class was changed at Mywellness, which does not say how: look there, mend the class here, and \
                       discard this";
const OTHER_DAY: &str = "the class was moved to another day at Mywellness: mend the class here, and discard this";
const BAD_TIMES: &str =
    "the class was changed at Mywellness to times that no class can have: look there, and discard this";

//! The club day: a local date with a cut-off such as 04:00, whole and in order whatever the clocks of the country do.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, civil};

use crate::domain::{EndedBy, Site};

/// How many dates before tomorrow can hold a moment: yesterday's night, and one more where a country skipped a whole
/// day (Samoa, 30 December 2011).
const DATES_BACK_MAX: u8 = 3;
/// How long after the end of a stay a reader that leads both ways takes people to be inside still. The end is a rule for
/// counting, and nobody is put out by it: who trains through the cut-off leaves after it.
const LINGERS: SignedDuration = SignedDuration::from_hours(1);
/// Until when, at least, after somebody was last seen going in: no training is longer. Much beyond that and the hour above
/// they have rather left unseen, through a barrier that turns freely outwards, and are coming again.
const TRAINS_MAX: SignedDuration = SignedDuration::from_hours(6);

/// The club day of a moment: the last one that has begun.
///
/// A day begins when the clocks first show `starts`, or would have shown it: a cut-off inside the skipped hour of spring
/// comes after the gap, one inside the repeated hour of autumn comes the first time. So days never overlap or go back.
#[must_use]
pub fn club_day(at: Timestamp, timezone: &TimeZone, starts: civil::Time) -> civil::Date {
    let local = timezone.to_datetime(at).date();
    let mut day = local.saturating_add(Span::new().days(1));
    for _ in 0..DATES_BACK_MAX {
        if beginning(day, timezone, starts) <= at {
            return day;
        }
        day = day.saturating_sub(Span::new().days(1));
    }
    day
}

/// When a club day begins.
#[must_use]
pub fn begins(day: civil::Date, site: &Site) -> Timestamp {
    beginning(day, &site.timezone, site.club_day_starts)
}

fn beginning(day: civil::Date, timezone: &TimeZone, starts: civil::Time) -> Timestamp {
    // The only failure is a date at the very ends of the calendar, which no clock of a club shows.
    timezone.to_ambiguous_timestamp(day.to_datetime(starts)).compatible().unwrap_or(Timestamp::MAX)
}

/// When, at the latest, a person seen at a moment is no longer counted, and what that means for their visit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StayEnd {
    /// From this moment on.
    pub at: Timestamp,
    /// `Timeout`: the maximum stay ran out, which ends the visit for the books. `NextDay`: the cut-off came, which
    /// ends the presence only; the visit waits for the person's next passage.
    pub by: EndedBy,
}

/// Until when somebody last seen going in at `since` is taken to be inside by a reader that leads both ways: beyond the
/// end of the stay, after which they are no longer counted.
#[must_use]
pub fn lingers_until(site: &Site, since: Timestamp) -> Timestamp {
    let later = |at: Timestamp, by| at.checked_add(by).unwrap_or(Timestamp::MAX);
    later(stay_ends(site, since).at, LINGERS).max(later(since, TRAINS_MAX))
}

/// The end of a stay that began, or was last confirmed by a passage, at `since`.
#[must_use]
pub fn stay_ends(site: &Site, since: Timestamp) -> StayEnd {
    let tomorrow = club_day(since, &site.timezone, site.club_day_starts).saturating_add(Span::new().days(1));
    let cut_off = begins(tomorrow, site);
    let longest = site.maximum_stay.and_then(|stay| since.checked_add(stay).ok());
    match longest {
        Some(at) if at < cut_off => StayEnd { at, by: EndedBy::Timeout },
        Some(_) | None => StayEnd { at: cut_off, by: EndedBy::NextDay },
    }
}

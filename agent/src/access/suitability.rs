//! Rule 5: whether this reader suits this person now: opening hours and age.

use jiff::civil;

use super::case::Case;
use super::trace::Finding;
use crate::domain::Reason;

/// The zone and every zone around it must be open, and the person old enough. An unknown age is refused, as BRP does.
pub(super) fn suits(case: &Case<'_>) -> Vec<Finding> {
    let closed = case.zones().find(|zone| !zone.hours.is_empty() && !zone.hours.iter().any(|it| it.cover(case.local)));
    let closed = closed.map(|zone| Finding::block(Reason::Closed, format!("zone {} is closed", zone.id)));
    closed.into_iter().chain(too_young(case)).collect()
}

fn too_young(case: &Case<'_>) -> Option<Finding> {
    let minimum = case.reader.minimum_age.filter(|years| *years > 0)?;
    let Some(born) = case.standing.person.birth_date else {
        return Some(Finding::block(Reason::AgeUnknown, format!("from {minimum} years, and the age is unknown")));
    };
    let young = age(born, case.today()) < i16::from(minimum);
    young.then(|| Finding::block(Reason::TooYoung, format!("from {minimum} years")))
}

/// Whole years on a date. Who was born on 29 February grows older on 1 March.
fn age(born: civil::Date, on: civil::Date) -> i16 {
    let before_birthday = (on.month(), on.day()) < (born.month(), born.day());
    on.year() - born.year() - i16::from(before_birthday)
}

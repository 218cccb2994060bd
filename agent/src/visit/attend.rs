//! When and where a booking counts: from a while before its class begins until a while after, on the way to its zone.

use jiff::{SignedDuration, Timestamp};

use crate::domain::{BookedClass, BookingStatus, ClassStatus, Policy, Reader, Way};

/// Where a moment lies, seen from a booked class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timing {
    /// Its booking does not count yet.
    Early,
    /// Its booking counts.
    Counts,
    /// Its booking counts no longer, though the class goes on.
    Late,
    /// The class is over.
    Over,
}

/// Where a moment lies, seen from a booked class: the product's own minutes go before those configured.
#[must_use]
pub fn timing(booked: &BookedClass, policy: &Policy, at: Timestamp) -> Timing {
    let own = |minutes: Option<u16>| minutes.map(|minutes| SignedDuration::from_mins(minutes.into()));
    let configured = |span| SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
    let early = own(booked.early_minutes).unwrap_or_else(|| configured(policy.classes.early));
    let late = own(booked.late_minutes).unwrap_or_else(|| configured(policy.classes.late));
    let since_start = at.duration_since(booked.class.starts_at);
    match () {
        () if since_start < -early => Timing::Early,
        () if since_start <= late => Timing::Counts,
        () if at < booked.class.ends_at => Timing::Late,
        () => Timing::Over,
    }
}

/// Whether a reader stands on the way to a class: at its zone, at one around it, or inside it. A class or a reader
/// without a zone is anywhere.
#[must_use]
pub fn leads_to(booked: &BookedClass, reader: &Reader, policy: &Policy) -> bool {
    let (Some(there), Some(here)) = (&booked.class.zone, &reader.zone) else { return true };
    policy.lies_in(here, there) || policy.lies_in(there, here)
}

/// The classes that somebody who went through a reader is ticked off for. All of them whose bookings count at the time:
/// who comes for two in a row passes once.
pub fn attended<'a>(
    bookings: &'a [BookedClass],
    (reader, way): (&'a Reader, Way),
    policy: &'a Policy,
    at: Timestamp,
) -> impl Iterator<Item = &'a BookedClass> {
    let ticks = reader.attendance && way != Way::Out;
    bookings.iter().filter(move |it| {
        ticks
            && !it.attended
            && it.booking == BookingStatus::Booked
            && it.class.status == ClassStatus::Scheduled
            && leads_to(it, reader, policy)
            && timing(it, policy, at) == Timing::Counts
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Direction;
    use crate::visit::world::{booked, policy, reader, rome};

    fn ticking(zone: Option<&str>) -> Reader {
        Reader { attendance: true, ..reader("entry", Direction::In, zone) }
    }

    #[test]
    fn a_booking_counts_from_half_an_hour_before_until_a_quarter_after_unless_its_product_differs() {
        let (usual, policy) = (booked("Y-1", "2026-03-10T18:00"), policy());
        let strict = BookedClass { early_minutes: Some(10), late_minutes: Some(0), ..usual.clone() };
        let mut table = String::new();
        for at in ["17:29", "17:30", "17:50", "18:00", "18:01", "18:15", "18:16", "18:59", "19:00"] {
            let at = rome(&format!("2026-03-10T{at}"));
            let (usual, strict) = (timing(&usual, &policy, at), timing(&strict, &policy, at));
            table += &format!("{} {usual:?}, strict {strict:?}\n", at.strftime("%H:%M"));
        }
        expect![[r#"
            16:29 Early, strict Early
            16:30 Counts, strict Early
            16:50 Counts, strict Counts
            17:00 Counts, strict Counts
            17:01 Counts, strict Late
            17:15 Counts, strict Late
            17:16 Late, strict Late
            17:59 Late, strict Late
            18:00 Over, strict Over
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn a_reader_leads_to_classes_in_its_zone_around_it_and_inside_it() {
        let policy = policy();
        let leads = |here: Option<&str>, there: Option<&str>| {
            let mut class = booked("Y-1", "2026-03-10T18:00");
            class.class.zone = there.map(|zone| zone.parse().unwrap());
            leads_to(&class, &ticking(here), &policy)
        };
        assert!(leads(Some("gym"), Some("gym")));
        assert!(leads(Some("gym"), Some("pool")), "the pool lies in the gym: this is the way there");
        assert!(leads(Some("pool"), Some("gym")), "who may be in the gym may be in its pool");
        assert!(leads(Some("gym"), None) && leads(None, Some("gym")));
        assert!(!leads(Some("gym"), Some("spa")), "a zone that is not configured lies nowhere");
    }

    #[test]
    fn only_a_kept_booking_is_ticked_off_and_only_on_the_way_in() {
        let (policy, at) = (policy(), rome("2026-03-10T18:00"));
        let ticked = |change: fn(&mut BookedClass, &mut Reader, &mut Way)| {
            let (mut class, mut reader, mut way) = (booked("Y-1", "2026-03-10T18:00"), ticking(Some("gym")), Way::In);
            change(&mut class, &mut reader, &mut way);
            attended(&[class], (&reader, way), &policy, at).count() == 1
        };
        assert!(ticked(|_, _, _| ()));
        assert!(ticked(|_, _, way| *way = Way::Inner));
        assert!(ticked(|class, _, _| class.opens_gate = false), "by a subscription, to a class that opens nothing");
        assert!(!ticked(|_, reader, _| reader.attendance = false));
        assert!(!ticked(|_, _, way| *way = Way::Out));
        assert!(!ticked(|class, _, _| class.attended = true));
        assert!(!ticked(|class, _, _| class.booking = BookingStatus::Waiting));
        assert!(!ticked(|class, _, _| class.booking = BookingStatus::Cancelled));
        assert!(!ticked(|class, _, _| class.class.status = ClassStatus::Cancelled));
        assert!(!ticked(|class, _, _| class.class.zone = Some("spa".parse().unwrap())));
    }

    #[test]
    fn who_comes_for_two_classes_in_a_row_passes_once() {
        let bookings = [booked("Y-1", "2026-03-10T17:50"), booked("Y-2", "2026-03-10T18:20")];
        let (policy, reader) = (policy(), ticking(None));
        let ticked: Vec<_> = attended(&bookings, (&reader, Way::In), &policy, rome("2026-03-10T18:00"))
            .map(|it| it.class.id.to_string())
            .collect();
        assert_eq!(ticked, ["Y-1", "Y-2"]);
    }

    proptest! {
        #[test]
        fn time_runs_from_early_over_counts_and_late_to_over(
            early in proptest::option::of(0_u16..800), late in proptest::option::of(0_u16..800), a in -2000_i64..2000, b in -2000_i64..2000
        ) {
            let policy = policy();
            let class = BookedClass { early_minutes: early, late_minutes: late, ..booked("Y-1", "2026-03-10T18:00") };
            let rank = |minutes: i64| match timing(&class, &policy, class.class.starts_at + SignedDuration::from_mins(minutes)) {
                Timing::Early => 0,
                Timing::Counts => 1,
                Timing::Late => 2,
                Timing::Over => 3,
            };
            prop_assert!(rank(a.min(b)) <= rank(a.max(b)));
            prop_assert_eq!(rank(0), 1, "at its start a booking counts");
        }
    }
}

//! A small club for tests of the rules: a gym with a pool in it, inside the club, in Milan.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use uuid::Uuid;

use crate::domain::*;

pub(crate) fn site(timezone: &str) -> Site {
    Site {
        id: "milano-centro".parse().unwrap(),
        name: "Club Milano Centro".into(),
        timezone: TimeZone::get(timezone).unwrap(),
        locale: Locale::It,
        club_day_starts: civil::time(4, 0, 0, 0),
        maximum_stay: None,
    }
}

fn zone(id: &str, parent: Option<&str>) -> (ZoneId, Zone) {
    let id: ZoneId = id.parse().unwrap();
    (id.clone(), Zone { id, capacity: None, parent: parent.map(|it| it.parse().unwrap()), hours: Vec::new() })
}

/// club ⊃ gym ⊃ pool; entry into the gym (new visits), exit out of it, pool and pool-exit inside, court for `both`.
pub(crate) fn policy() -> Policy {
    let readers = [
        reader("entry", Direction::In, Some("gym")),
        reader("exit", Direction::Out, Some("gym")),
        reader("pool", Direction::Inner, Some("pool")),
        reader("pool-exit", Direction::Out, Some("pool")),
        reader("court", Direction::Both, Some("gym")),
    ];
    Policy {
        site: site("Europe/Rome"),
        zones: BTreeMap::from([zone("club", None), zone("gym", Some("club")), zone("pool", Some("gym"))]),
        gates: BTreeMap::new(),
        readers: readers.map(|reader| (reader.id.clone(), reader)).into(),
        repeat_window: Duration::from_secs(3),
        anti_passback: Level::Off,
        fee: Level::Off,
        dues: DuesRule::default(),
        certificate: CertificateRule::default(),
        classes: ClassesRule::default(),
    }
}

/// `entry` and `court` make new visits.
pub(crate) fn reader(id: &str, direction: Direction, zone: Option<&str>) -> Reader {
    Reader {
        id: id.parse().unwrap(),
        gate: "turnstile-1".parse().unwrap(),
        direction,
        new_visit: matches!(direction, Direction::In | Direction::Both),
        zone: zone.map(|zone| zone.parse().unwrap()),
        device_type: "turnstile".into(),
        display: Display::Web,
        attendance: false,
        minimum_age: None,
        badge: BadgeFormat { form: BadgeForm::Hex, order: BadgeOrder::AsSent, strip: None, take: None },
    }
}

/// A visit since a local time in Rome, such as `2026-03-10T09:00`.
pub(crate) fn visit_since(local: &str, membership: Option<&str>) -> Visit {
    let site = site("Europe/Rome");
    let started_at = rome(local);
    Visit {
        id: VisitId(Uuid::from_u128(1)),
        started_at,
        reader: "entry".parse().unwrap(),
        club_day: super::club_day(started_at, &site.timezone, site.club_day_starts),
        membership: membership.map(|it| it.parse().unwrap()),
        class: None,
        ended: None,
    }
}

/// A booking in good order of a class of an hour, beginning at a local time in Rome, that opens gates.
pub(crate) fn booked(id: &str, starts: &str) -> BookedClass {
    let starts_at = rome(starts);
    BookedClass {
        class: Class {
            id: id.parse().unwrap(),
            product: "yoga".parse().unwrap(),
            starts_at,
            ends_at: starts_at + jiff::SignedDuration::from_hours(1),
            zone: None,
            capacity: None,
            status: ClassStatus::Scheduled,
        },
        booking: BookingStatus::Booked,
        opens_gate: true,
        early_minutes: None,
        late_minutes: None,
        attended: false,
    }
}

pub(crate) fn rome(local: &str) -> Timestamp {
    let local: civil::DateTime = local.parse().unwrap();
    local.in_tz("Europe/Rome").unwrap().timestamp()
}

//! What benchmarks share: a club of any size, and a table with ratios.

#![allow(dead_code, reason = "each benchmark uses its own part")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tempfile::TempDir;
use varco::clock::Clock;
use varco::domain::{
    Badge, BadgeForm, BadgeFormat, BadgeOrder, CertificateRule, Confirm, Credential, CredentialKind, CredentialStatus,
    Direction, Display, DuesRule, ExternalId, Gate, Level, Locale, Membership, MembershipKind, Person, Policy, Reader,
    Site,
};
use varco::store::{Config, Store};

/// People written in one transaction.
const BATCH: usize = 500;

/// A store in a folder that vanishes with it.
pub(crate) struct Club {
    pub(crate) folder: TempDir,
    pub(crate) store: Store,
    pub(crate) people: usize,
}

/// The configuration of a store in a folder.
pub(crate) fn store_in(folder: &Path) -> Config {
    Config {
        path: folder.join("varco.db"),
        keep_delivered: Duration::from_secs(86_400),
        keep_passages: None,
        ballast_bytes: 1 << 20,
    }
}

impl Club {
    /// A club of so many people, each with a card and a subscription.
    pub(crate) async fn of(people: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(&store_in(folder.path()), Clock::system()).expect("the store opens");
        let club = Self { folder, store, people };
        club.fill(0..people).await;
        club
    }

    /// Writes the people of a range.
    pub(crate) async fn fill(&self, range: std::ops::Range<usize>) {
        let now = "2026-06-01T10:00:00Z".parse::<Timestamp>().expect("a timestamp");
        for start in range.clone().step_by(BATCH) {
            let batch: Vec<Person> = (start..range.end.min(start + BATCH)).map(member).collect();
            let write = move |tx: &varco::store::Tx<'_>| {
                batch.iter().try_for_each(|person| tx.put_person(person, now).map(drop))
            };
            self.store.write("filling the club", write).await.expect("people are written");
        }
    }
}

/// The card of the member with a number.
pub(crate) fn card(number: usize) -> Badge {
    Badge::new(BadgeForm::Hex, &format!("{number:010X}")).expect("ten hex digits")
}

/// The member with a number.
pub(crate) fn member(number: usize) -> Person {
    let external_id: ExternalId = format!("M-{number}").parse().expect("a name");
    let mut person: Person = serde_json::from_value(serde_json::json!({
        "external_id": external_id, "first_name": "Anna", "last_name": format!("Rossi {number}"),
        "birth_date": "1990-04-12", "gender": "F", "email": format!("anna.{number}@example.org"),
    }))
    .expect("a person");
    person.credentials.push(Credential {
        value: card(number).value().to_owned(),
        kind: CredentialKind::Card,
        status: CredentialStatus::Active,
        valid_from: None,
        valid_until: None,
        aliases: Vec::new(),
    });
    let subscription: Membership = serde_json::from_value(serde_json::json!({
        "id": "S-1", "kind": MembershipKind::Subscription, "product": "Gold 12 mesi", "gives_membership": true,
        "starts_on": "2026-01-01", "ends_on": "2027-12-31",
    }))
    .expect("a membership");
    person.memberships.push(subscription);
    person
}

/// A moment at which the members' subscriptions are valid.
pub(crate) fn open_day() -> Timestamp {
    "2026-06-02T08:00:00Z".parse().expect("a timestamp")
}

/// Times, in the order of measuring.
#[derive(Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    /// Adds one.
    pub(crate) fn add(&mut self, since: Instant) {
        self.0.push(since.elapsed());
    }

    /// Adds one that was measured elsewhere.
    pub(crate) fn push(&mut self, took: Duration) {
        self.0.push(took);
    }

    /// The time that so many per thousand stay under.
    pub(crate) fn per_mille(&mut self, share: usize) -> Duration {
        self.0.sort_unstable();
        let at = (self.0.len() * share / 1000).min(self.0.len().saturating_sub(1));
        self.0.get(at).copied().unwrap_or_default()
    }
}

/// Microseconds with one digit.
pub(crate) fn micros(time: Duration) -> String {
    format!("{:.1} µs", time.as_secs_f64() * 1e6)
}

/// Prints a table: a title, a header, rows of equal length.
#[allow(clippy::print_stdout, reason = "the table is the benchmark's output")]
pub(crate) fn table(title: &str, header: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).chain([header[column].chars().count()]).max().unwrap_or(0)
    };
    let line = |cells: Vec<String>| {
        let padded: Vec<_> =
            cells.iter().enumerate().map(|(at, cell)| format!("{cell:<width$}", width = width(at))).collect();
        println!("| {} |", padded.join(" | "));
    };
    println!("\n{title}\n");
    line(header.iter().map(ToString::to_string).collect());
    line((0..header.len()).map(|column| "-".repeat(width(column))).collect());
    rows.iter().for_each(|row| line(row.clone()));
}

/// A club with one gate and one reader.
pub(crate) fn policy() -> Policy {
    let gate = Gate {
        id: "turnstile-1".parse().expect("a name"),
        confirm: Confirm::Assumed,
        passage_timeout: Duration::from_secs(8),
        open_for: Duration::from_millis(500),
        free_exit: false,
    };
    let reader = Reader {
        id: "entry-1".parse().expect("a name"),
        gate: gate.id.clone(),
        direction: Direction::In,
        new_visit: true,
        zone: None,
        device_type: "turnstile".into(),
        display: Display::None,
        minimum_age: None,
        badge: BadgeFormat { form: BadgeForm::Hex, order: BadgeOrder::AsSent, strip: None, take: None },
    };
    Policy {
        site: Site {
            id: "bench".parse().expect("a name"),
            name: "Bench".into(),
            timezone: jiff::tz::TimeZone::get("Europe/Rome").expect("the zone is known"),
            locale: Locale::It,
            club_day_starts: jiff::civil::time(4, 0, 0, 0),
            maximum_stay: None,
        },
        zones: BTreeMap::new(),
        gates: BTreeMap::from([(gate.id.clone(), gate)]),
        readers: BTreeMap::from([(reader.id.clone(), reader)]),
        repeat_window: Duration::from_secs(3),
        anti_passback: Level::Off,
        fee: Level::Off,
        dues: DuesRule::default(),
        certificate: CertificateRule::default(),
    }
}

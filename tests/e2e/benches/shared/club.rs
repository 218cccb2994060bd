//! A club of any size in a store of its own: its people, the visits they made, and the rules in force.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{Span, Timestamp};
use tempfile::TempDir;
use varco::clock::Clock;
use varco::domain::{
    Audience, Badge, BadgeForm, BadgeFormat, BadgeOrder, BookingStatus, CertificateRule, Class, ClassProduct,
    ClassesRule, ClockQuality, Confirm, Credential, CredentialKind, CredentialStatus, Decision, Direction, Display,
    DuesRule, ExternalId, FactKind, Gate, Grant, GrantKind, LanePlan, Level, Locale, Membership, MembershipKind,
    Origin, Passage, PassageId, PassageOutcome, Person, PersonId, Policy, Reader, Site, Verdict, Way, Zone,
};
use varco::store::{Config, Retention, Store};

/// People written in one transaction.
const BATCH: usize = 500;
/// Members of a large club who come on one day.
const VISITORS_A_DAY: usize = 10_000;
/// Places of a class.
const CLASS_PLACES: usize = 20;

/// A store in a folder that vanishes with it.
pub(crate) struct Club {
    pub(crate) folder: TempDir,
    pub(crate) store: Store,
    pub(crate) people: usize,
}

/// The configuration of a store in a folder.
pub(crate) fn store_in(folder: &Path) -> Config {
    Config { path: folder.join("varco.db"), keep: Retention::default(), ballast_bytes: 1 << 20 }
}

impl Club {
    /// A club of so many people, each with a card and a subscription.
    pub(crate) async fn of(people: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(&store_in(folder.path()), Clock::system()).expect("the store opens");
        fill(&store, people).await;
        Self { folder, store, people }
    }

    /// Has so many of them, from the first on, book a class that begins soon; there are enough classes for all.
    pub(crate) async fn book(&self, people: usize) {
        let now = open_day();
        let product: ClassProduct = serde_json::from_value(serde_json::json!({
            "id": "spinning", "name": "Spinning", "opens_gate": true,
        }))
        .expect("a product");
        let write = move |tx: &varco::store::Tx<'_>| tx.put_class_product(&product, now).map(drop);
        self.store.write("writing a product", write).await.expect("it is written");
        for start in (0..people).step_by(CLASS_PLACES) {
            let class: Class = serde_json::from_value(serde_json::json!({
                "id": format!("C-{start}"), "product": "spinning",
                "starts_at": now + Span::new().minutes(10), "ends_at": now + Span::new().minutes(70),
            }))
            .expect("a class");
            let write = move |tx: &varco::store::Tx<'_>| {
                tx.put_class(&class, now)?;
                (start..people.min(start + CLASS_PLACES)).try_for_each(|number| {
                    tx.put_booking(&class, person_id(number), (BookingStatus::Booked, None), now).map(drop)
                })
            };
            self.store.write("booking a class", write).await.expect("bookings are written");
        }
    }
}

/// Makes the store of an agent that is started on it afterwards: people, and visits of some of them that wait to be told.
pub(crate) async fn prepare_store(folder: &Path, people: usize, visits: usize) {
    let store = Store::open(&store_in(folder), Clock::system()).expect("the store opens");
    fill(&store, people).await;
    keep_waiting(&store, people, visits).await;
    store.close().await;
}

/// Writes so many people.
async fn fill(store: &Store, people: usize) {
    let now = "2026-06-01T10:00:00Z".parse::<Timestamp>().expect("a timestamp");
    for start in (0..people).step_by(BATCH) {
        let batch: Vec<Person> = (start..people.min(start + BATCH)).map(member).collect();
        let write =
            move |tx: &varco::store::Tx<'_>| batch.iter().try_for_each(|person| tx.put_person(person, now).map(drop));
        store.write("filling the club", write).await.expect("people are written");
    }
}

/// Records entries, day after day, so that each is a new visit with one row in the lane `mqtt`.
async fn keep_waiting(store: &Store, people: usize, visits: usize) {
    let (policy, lanes) = (Arc::new(policy()), Arc::new([visits_to_mqtt()]));
    let a_day = people.min(VISITORS_A_DAY);
    for start in (0..visits).step_by(BATCH) {
        let (policy, lanes) = (Arc::clone(&policy), Arc::clone(&lanes));
        let batch: Vec<Passage> = (start..visits.min(start + BATCH))
            .map(|number| {
                let at = open_day() + Span::new().hours(i64::try_from(24 * (number / a_day)).expect("some days"));
                entry(number % a_day, at, &policy)
            })
            .collect();
        let write = move |tx: &varco::store::Tx<'_>| {
            batch.iter().try_for_each(|passage| {
                let recorded = tx.record(passage, &policy, &*lanes, passage.at)?;
                assert!(recorded.new_visit.is_some(), "the first entry of a day is a new visit");
                Ok(())
            })
        };
        store.write("recording visits", write).await.expect("visits are written");
    }
}

/// A lane that is told visits and nothing else.
fn visits_to_mqtt() -> LanePlan {
    LanePlan { lane: "mqtt".parse().expect("a name"), facts: vec![FactKind::Visit], audience: Audience::Everybody }
}

/// An entry of the member with a number.
pub(crate) fn entry(number: usize, at: Timestamp, policy: &Policy) -> Passage {
    let reader = policy.readers.values().next().expect("the policy has a reader");
    let person = person_id(number);
    let grant = Grant { kind: GrantKind::Member, entitlement: None, enters: None };
    let (texts, trace) = (Vec::new(), Vec::new());
    let decision = Decision { verdict: Verdict::Grant(grant), person: Some(person), way: Way::In, at, texts, trace };
    Passage {
        id: PassageId(uuid::Uuid::now_v7()),
        at,
        clock: ClockQuality::Synced,
        gate: reader.gate.clone(),
        reader: Some(reader.id.clone()),
        direction: Some(Direction::In),
        way: Way::In,
        outcome: PassageOutcome::Passed,
        person: Some(person),
        unknown_badge: None,
        decision: Some(decision),
        shown: Vec::new(),
        origin: Origin::Agent,
    }
}

/// The row of the member with a number in a fresh store.
fn person_id(number: usize) -> PersonId {
    PersonId(i64::try_from(number).expect("a small number") + 1)
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
        "starts_on": "2026-01-01", "ends_on": "2099-12-31",
    }))
    .expect("a membership");
    person.memberships.push(subscription);
    person
}

/// A moment at which the members' subscriptions are valid.
pub(crate) fn open_day() -> Timestamp {
    "2026-06-02T08:00:00Z".parse().expect("a timestamp")
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
        zone: Some("gym".parse().expect("a name")),
        device_type: "turnstile".into(),
        display: Display::None,
        attendance: false,
        minimum_age: None,
        badge: BadgeFormat { form: BadgeForm::Hex, order: BadgeOrder::AsSent, strip: None, take: None },
    };
    let gym = Zone { id: "gym".parse().expect("a name"), capacity: None, parent: None, hours: Vec::new() };
    Policy {
        site: Site {
            id: "bench".parse().expect("a name"),
            name: "Bench".into(),
            timezone: jiff::tz::TimeZone::get("Europe/Rome").expect("the zone is known"),
            locale: Locale::It,
            club_day_starts: jiff::civil::time(4, 0, 0, 0),
            maximum_stay: None,
        },
        zones: BTreeMap::from([(gym.id.clone(), gym)]),
        gates: BTreeMap::from([(gate.id.clone(), gate)]),
        readers: BTreeMap::from([(reader.id.clone(), reader)]),
        repeat_window: Duration::from_secs(3),
        anti_passback: Level::Off,
        fee: Level::Off,
        dues: DuesRule::default(),
        certificate: CertificateRule::default(),
        classes: ClassesRule::default(),
    }
}

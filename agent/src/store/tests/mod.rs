//! Stories of the store, on real files; the club they happen in.

mod answering;
mod classes;
mod committing;
mod erasing;
mod data_first;
mod integrating;
mod interleaving;
mod looking_back;
mod looking_up;
mod properties;
mod recording;
mod relaying;
mod surviving;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::time;
use jiff::tz::TimeZone;
use tempfile::TempDir;
use uuid::Uuid;

use super::{Config, Retention, Store, StoreError, Tx, View};
use crate::clock::Clock;
use crate::domain::*;

/// A store in a folder of its own, which vanishes with it.
pub(super) struct Club {
    pub(super) folder: TempDir,
    pub(super) store: Store,
    pub(super) policy: Policy,
}

/// The ballast of the stories: small, so that they are quick.
pub(super) const BALLAST_BYTES: u64 = 64 * 1024;

pub(super) fn config(folder: &TempDir) -> Config {
    Config { path: folder.path().join("varco.db"), keep: Retention::default(), ballast_bytes: BALLAST_BYTES }
}

pub(super) fn club() -> Club {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&config(&folder), Clock::system()).expect("a new store");
    Club { folder, store, policy: policy() }
}

impl Club {
    /// Writes and waits until it is durable.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        f: impl FnMut(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.store.write("a story", f).await.expect("the write succeeds")
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        f: impl FnOnce(&View<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.store.read("a story", f).await.expect("the read succeeds")
    }

    pub(super) async fn put(&self, person: Person) -> PersonId {
        self.write(move |tx| {
            tx.put_person(&person, at("09:00"))?;
            Ok(tx.person_id(&person.external_id)?.expect("the person was put"))
        })
        .await
    }

    /// Writes a passage of the stories' day down, at the end of that day.
    pub(super) async fn record(&self, passage: Passage) -> super::Recorded {
        let (policy, now) = (self.policy.clone(), passage.at.max(at("23:59")));
        self.write(move |tx| tx.record(&passage, &policy, &lanes(), now)).await
    }

    pub(super) async fn standing(&self, person: PersonId) -> Standing {
        self.read(move |view| view.standing(person, at("09:00"))).await.expect("the person is known")
    }

    /// The number a query gives, for facts that no method serves.
    pub(super) async fn number(&self, sql: &'static str) -> i64 {
        self.read(move |view| {
            super::error::during("counting", || Ok(view.one(sql, [], |row| row.get(0))?.unwrap_or_default()))
        })
        .await
    }
}

/// A moment of the stories' day, by the clock on the wall in UTC, where the club is.
pub(super) fn at(time: &str) -> Timestamp {
    format!("2026-11-23T{time}:00Z").parse().expect("a time of day")
}

pub(super) fn name<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text} is a name"))
}

/// A club with a gym behind one turnstile: `entry` begins visits, `exit` ends them.
pub(super) fn policy() -> Policy {
    let site = Site {
        id: name("club"),
        name: "Club".to_owned(),
        timezone: TimeZone::UTC,
        locale: Locale::It,
        club_day_starts: time(4, 0, 0, 0),
        maximum_stay: Some(Duration::from_secs(4 * 3600)),
    };
    let gym = Zone { id: name("gym"), capacity: Some(200), parent: None, hours: Vec::new() };
    let gate = Gate {
        id: name("turnstile"),
        confirm: Confirm::Rotation,
        passage_timeout: Duration::from_secs(8),
        open_for: Duration::from_millis(500),
        free_exit: false,
    };
    Policy {
        site,
        zones: BTreeMap::from([(gym.id.clone(), gym)]),
        gates: BTreeMap::from([(gate.id.clone(), gate)]),
        readers: [reader("entry", Direction::In), reader("exit", Direction::Out)]
            .map(|reader| (reader.id.clone(), reader))
            .into(),
        repeat_window: Duration::from_secs(3),
        anti_passback: Level::Off,
        fee: Level::Off,
        dues: DuesRule::default(),
        certificate: CertificateRule::default(),
        classes: ClassesRule::default(),
    }
}

fn reader(id: &str, direction: Direction) -> Reader {
    Reader {
        id: name(id),
        gate: name("turnstile"),
        direction,
        new_visit: direction == Direction::In,
        zone: Some(name("gym")),
        device_type: "turnstile".to_owned(),
        display: Display::None,
        attendance: direction == Direction::In,
        minimum_age: None,
        badge: BadgeFormat { form: BadgeForm::Hex, order: BadgeOrder::AsSent, strip: None, take: None },
    }
}

/// MQTT wants everything, Mywellness the visits of people it can know.
pub(super) fn lanes() -> Vec<LanePlan> {
    vec![
        LanePlan {
            lane: name("mqtt"),
            facts: vec![FactKind::Passage, FactKind::Visit, FactKind::Attendance],
            audience: Audience::Everybody,
        },
        LanePlan {
            lane: name("mywellness"),
            facts: vec![FactKind::Visit, FactKind::Attendance],
            audience: Audience::KnownPeople,
        },
    ]
}

/// A person with one card, whose value is the external id in hex digits.
pub(super) fn person(external_id: &str, card: &str) -> Person {
    serde_json::from_value(serde_json::json!({
        "external_id": external_id, "first_name": "Anna", "last_name": "Rossi", "email": "anna@example.org",
        "credentials": [{"value": card}],
        "memberships": [{"id": "gold", "kind": "subscription"}],
    }))
    .expect("a valid person")
}

/// A person with a punch card of so many entries, as counted at the put.
pub(super) fn person_with_entries(external_id: &str, card: &str, entries: u32) -> Person {
    let mut person = person(external_id, card);
    person.memberships = vec![
        serde_json::from_value(serde_json::json!({"id": "ten-times", "kind": "punch_card", "entries_left": entries}))
            .expect("a valid membership"),
    ];
    person
}

/// A confirmed passage of a member through the entry or the exit.
pub(super) fn passage(who: PersonId, way: Way, at: Timestamp) -> Passage {
    let (reader, kind) = match way {
        Way::In | Way::Inner => ("entry", GrantKind::Member),
        Way::Out => ("exit", GrantKind::Exit),
    };
    let entitlement = Entitlement { title: Title::Membership(name("gold")), kind: EntitlementKind::Subscription };
    let decision = Decision {
        verdict: Verdict::Grant(Grant { kind, entitlement: Some(entitlement), enters: None }),
        person: Some(who),
        way,
        at,
        texts: vec![MemberText::Welcome],
        trace: vec![TraceLine {
            step: Step::Entitlement,
            reason: None,
            severity: Severity::Note,
            detail: "gold serves".to_owned(),
        }],
    };
    Passage {
        id: PassageId(Uuid::now_v7()),
        at,
        clock: ClockQuality::Synced,
        gate: name("turnstile"),
        reader: Some(name(reader)),
        direction: Some(if way == Way::Out { Direction::Out } else { Direction::In }),
        way,
        outcome: PassageOutcome::Passed,
        person: Some(who),
        unknown_badge: None,
        decision: Some(decision),
        shown: Vec::new(),
        origin: Origin::Agent,
    }
}

/// The same, on the punch card.
pub(super) fn passage_on_punch_card(who: PersonId, at: Timestamp) -> Passage {
    let mut passage = passage(who, Way::In, at);
    let grant = Grant {
        kind: GrantKind::Member,
        entitlement: Some(Entitlement {
            title: Title::Membership(name("ten-times")),
            kind: EntitlementKind::PunchCard,
        }),
        enters: None,
    };
    passage.decision.as_mut().expect("it was decided").verdict = Verdict::Grant(grant);
    passage
}

//! Stories of the planning on a real store, with no lane behind it.

use std::collections::BTreeMap;

use jiff::civil::time;
use serde_json::json;

use super::*;
use crate::domain::{FactKind, Person, RowId};
use crate::store;
use crate::sync::{GroupMaster, Mode, Selection};

/// How long a story may take before it counts as stuck.
const STUCK_AFTER: Duration = Duration::from_secs(30);

struct Club {
    _folder: tempfile::TempDir,
    store: Store,
    cancel: CancellationToken,
    running: Option<tokio::task::JoinHandle<()>>,
}

fn lane() -> LaneId {
    "mywellness".parse().unwrap()
}

impl Club {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config =
            store::Config { path: folder.path().join("varco.db"), keep: store::Retention::default(), ballast_bytes: 0 };
        let store = Store::open(&config, Clock::system()).unwrap();
        Self { _folder: folder, store, cancel: CancellationToken::new(), running: None }
    }

    async fn put(&self, people: std::ops::Range<u32>) {
        let person = |number: u32| -> Person {
            let document = json!({"external_id": format!("M-{number}"), "first_name": "Anna", "last_name": "Rossi",
                "birth_date": "1990-04-12", "gender": "F", "email": format!("anna.{number}@example.org")});
            serde_json::from_value(document).unwrap()
        };
        let people: Vec<_> = people.map(person).collect();
        let now = Clock::system().now().wall;
        let writing = self
            .store
            .write("setting the scene", move |tx| people.iter().try_for_each(|it| tx.put_person(it, now).map(drop)));
        writing.await.unwrap();
    }

    fn start(&mut self) {
        self.start_by(true);
    }

    fn start_by(&mut self, email_required: bool) {
        let rules = Rules {
            mode: Mode::Automatic,
            send: vec![FactKind::Person, FactKind::Visit],
            takes_back: Vec::new(),
            group_ids: BTreeMap::new(),
            group_master: GroupMaster::On,
            email_required,
            gender_required: true,
            selection: Selection::Everyone,
        };
        let syncer = Syncer {
            store: self.store.clone(),
            clock: Clock::system(),
            lane: lane(),
            rules: Arc::new(rules),
            timezone: TimeZone::UTC,
            compare_at: time(3, 0, 0, 0),
        };
        self.running = Some(tokio::spawn(syncer.run(self.cancel.clone())));
    }

    async fn marks(&self) -> Vec<RowId> {
        let rows = self.store.read("looking", |view| view.waiting_rows(&lane(), RowId(0), 2000)).await.unwrap();
        rows.into_iter().map(|row| row.id).collect()
    }

    async fn marks_are(&self, wanted: usize) {
        let waiting = async {
            while self.marks().await.len() != wanted {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let within = tokio::time::timeout(STUCK_AFTER, waiting).await;
        assert!(within.is_ok(), "{} marks instead of {wanted}", self.marks().await.len());
    }

    async fn stop(&mut self) {
        self.cancel.cancel();
        self.running.take().unwrap().await.unwrap();
    }
}

#[tokio::test]
async fn a_thousand_new_people_are_planned_a_few_at_a_time_so_that_a_visit_soon_has_its_turn() {
    let mut club = Club::open();
    club.put(0..1000).await;
    club.start();
    let few = usize::try_from(PLANNED_MAX).unwrap();
    club.marks_are(few).await;
    let due = club.store.read("looking", |view| view.sync_counts(jiff::Timestamp::MIN)).await.unwrap().remaining;
    assert_eq!(due, 1000, "the others wait where they are");
    // An operator gives up what waits: the next ones have their turn, and nobody is stuck.
    let given_up = club.marks().await;
    let now = Clock::system().now().wall;
    let giving_up = club.store.write("giving up", move |tx| {
        given_up.iter().try_for_each(|row| tx.discard_row(*row, "Sara", "a story", now).map(drop))
    });
    giving_up.await.unwrap();
    club.marks_are(few).await;
    club.stop().await;
}

#[tokio::test]
async fn whoever_was_planned_when_the_agent_died_is_planned_again_and_not_twice() {
    let mut club = Club::open();
    club.put(0..3).await;
    club.start();
    club.marks_are(3).await;
    club.stop().await;
    club.cancel = CancellationToken::new();
    club.put(3..5).await;
    club.start();
    club.marks_are(5).await;
    club.stop().await;
}

#[tokio::test]
async fn everybody_is_compared_at_the_first_start_and_then_once_a_night() {
    let mut club = Club::open();
    club.put(0..250).await;
    club.start();
    let compared = async {
        loop {
            let counts = club.store.read("looking", |view| view.sync_counts(jiff::Timestamp::MIN)).await.unwrap();
            if let Some(it) = counts.comparison {
                return it;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let first = tokio::time::timeout(STUCK_AFTER, compared).await.expect("a comparison is made");
    assert_eq!((first.compared, first.differing), (250, 0), "who is due is not news");
    club.stop().await;
    club.cancel = CancellationToken::new();
    club.start();
    club.put(250..251).await;
    club.marks_are(usize::try_from(PLANNED_MAX).unwrap()).await;
    let again = club.store.read("looking", |view| view.last_comparison()).await.unwrap();
    assert_eq!(again, Some(first.at), "this night's is made");
    club.stop().await;
}

#[tokio::test]
async fn whoever_could_not_go_by_the_rules_goes_as_soon_as_the_agent_starts_with_others() {
    let mut club = Club::open();
    let without_email = json!({"external_id": "M-1", "first_name": "Anna", "last_name": "Rossi",
        "birth_date": "1990-04-12", "gender": "F"});
    let (person, now): (Person, _) = (serde_json::from_value(without_email).unwrap(), Clock::system().now().wall);
    club.store.write("setting the scene", move |tx| tx.put_person(&person, now).map(drop)).await.unwrap();
    club.start();
    let noted = async {
        while club.store.read("looking", |view| view.noted_rules()).await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(STUCK_AFTER, noted).await.expect("everybody is compared");
    assert_eq!(club.marks().await, []);
    club.stop().await;
    club.cancel = CancellationToken::new();
    club.start_by(false);
    club.marks_are(1).await;
    club.stop().await;
}

//! Stories of a lane with the real store and an upstream that answers as the story tells.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Deliver, Feed, LaneStatus, SessionLost, run};
use crate::clock::Clock;
use crate::domain::{FactKind, Hold, LaneId, PersonId, RowOutcome, RowState};
use crate::store::{Config, Retention, Store};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the upstream says to a row.
#[derive(Clone)]
enum Says {
    Outcome(RowOutcome),
    /// The connection is lost after the request left.
    NothingMore,
}

/// An upstream that acknowledges whatever the story does not say otherwise, and tells what it was asked.
struct Upstream {
    says: Arc<Mutex<HashMap<String, VecDeque<Says>>>>,
    asked: mpsc::Sender<(String, RowState)>,
}

impl Deliver for Upstream {
    fn window(&self) -> usize {
        4
    }

    async fn session(&mut self, feed: &mut Feed) -> Result<(), SessionLost> {
        feed.online();
        while let Some(row) = feed.next().await {
            feed.begin(&row).await?;
            self.asked.send((row.key.clone(), row.state)).await.unwrap();
            let said = self.says.lock().unwrap().get_mut(&row.key).and_then(VecDeque::pop_front);
            match said.unwrap_or(Says::Outcome(RowOutcome::Delivered)) {
                Says::Outcome(outcome) => feed.settle(row.id, outcome),
                Says::NothingMore => return Err(SessionLost("the story says so".into())),
            }
        }
        Ok(())
    }
}

struct Story {
    _folder: TempDir,
    store: Store,
    clock: Clock,
    lane: LaneId,
    says: Arc<Mutex<HashMap<String, VecDeque<Says>>>>,
}

struct Running {
    asked: mpsc::Receiver<(String, RowState)>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Story {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let path = folder.path().join("varco.db");
        let config = Config { path, keep: Retention::default(), ballast_bytes: 4096 };
        let store = Store::open(&config, clock.clone()).unwrap();
        Self { _folder: folder, store, clock, lane: "upstream".parse().unwrap(), says: Arc::default() }
    }

    fn says(self, key: &str, said: Says) -> Self {
        self.says.lock().unwrap().entry(key.to_owned()).or_default().push_back(said);
        self
    }

    /// Writes rows: a key, and whose it is.
    async fn rows(&self, rows: &'static [(&'static str, i64)]) {
        let (lane, now) = (self.lane.clone(), self.clock.now().wall);
        let add = move |tx: &crate::store::Tx<'_>| {
            let add = |(key, person): &(&str, i64)| {
                tx.enqueue(&lane, FactKind::Visit, key, Some(PersonId(*person)), "{}", now)
            };
            rows.iter().try_for_each(add)
        };
        self.store.write("writing rows of a story", add).await.unwrap();
    }

    fn run(&self) -> Running {
        let (tell, asked) = mpsc::channel(64);
        let upstream = Upstream { says: self.says.clone(), asked: tell };
        let (status, _) = watch::channel(LaneStatus::starting(self.lane.clone()));
        let cancel = CancellationToken::new();
        let (store, clock) = (self.store.clone(), self.clock.clone());
        let task = tokio::spawn(run(self.lane.clone(), upstream, store, clock, status, cancel.clone()));
        Running { asked, cancel, task }
    }

    /// The state of every row, in row order.
    async fn states(&self) -> Vec<RowState> {
        let page = self.store.read("looking at rows", |view| view.outbox(None, None, None, 100)).await.unwrap();
        page.items.into_iter().map(|row| row.state).collect()
    }
}

impl Running {
    async fn asks(&mut self, expected: &[(&str, RowState)]) {
        for (key, state) in expected {
            let asked = tokio::time::timeout(PATIENCE, self.asked.recv()).await.expect("the lane asks on").unwrap();
            assert_eq!(asked, ((*key).to_owned(), *state));
        }
    }

    async fn ends(self) {
        self.cancel.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("the lane ends").unwrap();
    }
}

#[tokio::test]
async fn a_row_put_off_holds_up_its_person_and_nobody_else() {
    let story = Story::new().says("anna-1", Says::Outcome(RowOutcome::Later("busy".into())));
    story.rows(&[("anna-1", 1), ("bruno-1", 2), ("anna-2", 1)]).await;
    let mut lane = story.run();
    lane.asks(&[("anna-1", RowState::Pending), ("bruno-1", RowState::Pending)]).await;
    lane.asks(&[("anna-1", RowState::Pending), ("anna-2", RowState::Pending)]).await;
    lane.ends().await;
    assert_eq!(story.states().await, [RowState::Delivered; 3]);
}

#[tokio::test]
async fn a_row_whose_session_was_lost_after_it_had_begun_is_unsure_when_it_comes_again() {
    let story = Story::new().says("anna-1", Says::NothingMore);
    story.rows(&[("anna-1", 1), ("anna-2", 1)]).await;
    let mut lane = story.run();
    lane.asks(&[("anna-1", RowState::Pending), ("anna-1", RowState::Unsure), ("anna-2", RowState::Pending)]).await;
    lane.ends().await;
    assert_eq!(story.states().await, [RowState::Delivered; 2]);
}

#[tokio::test]
async fn a_held_row_lets_the_next_pass_and_goes_when_its_gate_opens() {
    let story = Story::new().says("anna-1", Says::Outcome(RowOutcome::Held(Hold::Link)));
    story.rows(&[("anna-1", 1), ("anna-2", 1)]).await;
    let mut lane = story.run();
    lane.asks(&[("anna-1", RowState::Pending), ("anna-2", RowState::Pending)]).await;
    let (upstream, now) = (story.lane.clone(), story.clock.now().wall);
    let release = move |tx: &crate::store::Tx<'_>| tx.release_held(&upstream, PersonId(1), Hold::Link, now);
    while story.store.write("opening the gate", release.clone()).await.unwrap() == 0 {}
    lane.asks(&[("anna-1", RowState::Pending)]).await;
    lane.ends().await;
    assert_eq!(story.states().await, [RowState::Delivered; 2]);
}

#[tokio::test]
async fn a_row_refused_for_good_is_parked_and_holds_nobody_up() {
    let story = Story::new().says("anna-1", Says::Outcome(RowOutcome::Never("two people match".into())));
    story.rows(&[("anna-1", 1), ("anna-2", 1)]).await;
    let mut lane = story.run();
    lane.asks(&[("anna-1", RowState::Pending), ("anna-2", RowState::Pending)]).await;
    lane.ends().await;
    assert_eq!(story.states().await, [RowState::Parked, RowState::Delivered]);
}

#[tokio::test]
async fn what_was_in_flight_when_the_process_died_is_unsure_at_the_next_start() {
    let story = Story::new();
    story.rows(&[("anna-1", 1)]).await;
    let (lane, now) = (story.lane.clone(), story.clock.now().wall);
    let begin = move |tx: &crate::store::Tx<'_>| {
        let row = tx.waiting_rows(&lane, crate::domain::RowId(0), 1)?.remove(0);
        tx.begin_row(row.id, now)
    };
    story.store.write("beginning a row in another life", begin).await.unwrap();
    let mut lane = story.run();
    lane.asks(&[("anna-1", RowState::Unsure)]).await;
    lane.ends().await;
    assert_eq!(story.states().await, [RowState::Delivered]);
}

#[tokio::test]
async fn rows_written_while_the_lane_is_idle_wake_it() {
    let story = Story::new();
    let mut lane = story.run();
    story.rows(&[("anna-1", 1)]).await;
    lane.asks(&[("anna-1", RowState::Pending)]).await;
    story.rows(&[("bruno-1", 2), ("carla-1", 3)]).await;
    lane.asks(&[("bruno-1", RowState::Pending), ("carla-1", RowState::Pending)]).await;
    lane.ends().await;
    assert_eq!(story.states().await, [RowState::Delivered; 3]);
}

//! Stories of one turnstile with a real store behind it; only the door's wires are in the test's hands.

mod hanging;
mod orders;
mod reading;

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::gate_loop::Site;
use super::*;
use crate::access::Texts;
use crate::clock::Clock;
use crate::domain::*;
use crate::door::{DoorEvent, GATE_COMMANDS_MAX, GATE_EVENTS_MAX, GateCommand, GateLine};
use crate::store::{Config, HistoryFilter, PassageEntry, Retention, Store};
use crate::visit::world;

/// How long a story waits for what must happen. Far above what it takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// Anna's card.
const ANNA: &str = "A1";

/// A turnstile that runs, and both ends of everything it holds.
struct Stand {
    store: Store,
    clock: Clock,
    desk: Desk,
    door: mpsc::Sender<DoorEvent>,
    commands: mpsc::Receiver<GateCommand>,
    /// The turnstile's own end, to fill it.
    queue: mpsc::Sender<GateCommand>,
    orders: mpsc::Sender<GateOrder>,
    told: broadcast::Receiver<SiteEvent>,
    running: JoinSet<()>,
    _policy: watch::Sender<Arc<Policy>>,
    _texts: watch::Sender<Arc<Texts>>,
    _folder: TempDir,
}

fn gate(confirm: Confirm) -> Gate {
    Gate {
        id: "turnstile-1".parse().unwrap(),
        confirm,
        passage_timeout: Duration::from_millis(100),
        open_for: Duration::from_millis(1),
        free_exit: false,
    }
}

/// A turnstile whose sensor is trusted or not, and Anna with a punch card of one entry.
async fn stand(confirm: Confirm) -> Stand {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { path: folder.path().join("varco.db"), keep: Retention::default(), ballast_bytes: 64 * 1024 };
    let clock = Clock::system();
    let store = Store::open(&config, clock.clone()).unwrap();
    let (policy, texts) = (watch::Sender::new(Arc::new(world::policy())), watch::Sender::new(Arc::default()));
    let (events, told) = broadcast::channel(SITE_EVENTS_MAX);
    let desk = Desk::new(store.clone());
    let site = Site {
        clock: clock.clone(),
        store: store.clone(),
        desk: desk.clone(),
        policy: policy.subscribe(),
        texts: texts.subscribe(),
        lanes: Arc::new([]),
        board: Board::default(),
        events,
    };
    let gate = gate(confirm);
    let (door, heard) = mpsc::channel(GATE_EVENTS_MAX);
    let (queue, commands) = mpsc::channel(GATE_COMMANDS_MAX);
    let (orders, ordered) = mpsc::channel(GATE_ORDERS_MAX);
    let line = GateLine { gate: gate.id.clone(), events: heard, commands: queue.clone() };
    let (mut running, retire) = (JoinSet::new(), CancellationToken::new());
    running.spawn(Turnstile::new(site, gate, GateMode::Normal, line, ordered).run(retire.clone()));
    let (_policy, _texts, _folder) = (policy, texts, folder);
    let stand = Stand { store, clock, desk, door, commands, queue, orders, told, running, _policy, _texts, _folder };
    stand.put_anna().await;
    stand
}

impl Stand {
    async fn put_anna(&self) {
        let anna: Person = serde_json::from_value(serde_json::json!({
            "external_id": "M-1", "first_name": "Anna", "last_name": "Rossi", "credentials": [{"value": ANNA}],
            "memberships": [{"id": "one-time", "kind": "punch_card", "entries_left": 1}],
        }))
        .unwrap();
        let now = self.clock.now().wall;
        self.store.write("a story", move |tx| tx.put_person(&anna, now)).await.unwrap();
    }

    async fn anna(&self) -> PersonId {
        self.store.read("a story", |view| view.person_id(&"M-1".parse().unwrap())).await.unwrap().unwrap()
    }

    async fn read(&self, reader: &str, badge: &str) {
        let badge = Badge::new(BadgeForm::Hex, badge).unwrap();
        let read = DoorEvent::Read { reader: reader.parse().unwrap(), badge, at: self.clock.now() };
        self.door.send(read).await.unwrap();
    }

    /// Waits for the open command, and answers it.
    async fn opens(&mut self) {
        self.is_told_to_open().await;
        let opened = DoorEvent::Opened { gate: gate(Confirm::Assumed).id, at: self.clock.now() };
        self.door.send(opened).await.unwrap();
    }

    async fn is_told_to_open(&mut self) {
        let told = soon(self.commands.recv()).await;
        assert_eq!(told, Some(GateCommand::Open), "the gate was let go");
    }

    /// Waits for what is shown next.
    async fn shows(&mut self) -> Vec<MemberText> {
        loop {
            if let SiteEvent::Shown { texts, .. } = soon(self.told.recv()).await.unwrap() {
                return texts;
            }
        }
    }

    /// Waits for the next passage that is durable.
    async fn records(&mut self) -> PassageOutcome {
        loop {
            if let SiteEvent::Passage { passage, .. } = soon(self.told.recv()).await.unwrap() {
                return passage.outcome;
            }
        }
    }

    async fn passages(&self) -> Vec<PassageEntry> {
        let filter = HistoryFilter { limit: 50, ..HistoryFilter::default() };
        self.store.read("a story", move |view| view.passages(&filter)).await.unwrap().items
    }

    /// Keeps the writer busy until the answer is dropped.
    async fn writer_hangs(&self) -> SyncSender<()> {
        let (hold, held) = sync_channel::<()>(0);
        let (began, begins) = oneshot::channel();
        let (store, mut began) = (self.store.clone(), Some(began));
        tokio::spawn(async move {
            let hang = move |_: &crate::store::Tx<'_>| {
                let _told = began.take().map(|began| began.send(()));
                let _let_go = held.recv();
                Ok(())
            };
            store.write("hanging", hang).await
        });
        soon(begins).await.unwrap();
        hold
    }

    /// Keeps the gates' own reader of the store busy until the answer is dropped.
    async fn look_ups_hang(&self) -> SyncSender<()> {
        let (hold, held) = sync_channel::<()>(0);
        let (began, begins) = oneshot::channel();
        let store = self.store.clone();
        tokio::spawn(async move {
            let hang = move |_: &crate::store::View<'_>| {
                let _told = began.send(());
                let _let_go = held.recv();
                Ok(())
            };
            store.at_gate("hanging", hang).await
        });
        soon(begins).await.unwrap();
        hold
    }

    /// The door is closed; waits until the turnstile has ended.
    async fn ends(mut self) {
        drop(self.door);
        soon(self.running.join_next()).await.unwrap().unwrap();
    }
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it happens soon")
}

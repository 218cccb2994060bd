//! Stories of a gate with a real controller: its firmware on a cable, the link, the loop and the store are all real.

mod board;
mod passing;
mod remembering;

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::board::{ANNAS_CARD, BRUNOS_CARD, Board};
use super::ControlledTurnstile;
use crate::access::Texts;
use crate::clock::Clock;
use crate::domain::*;
use crate::door::{
    self, DoorEvent, GATE_EVENTS_MAX, GateDriver, GateWiring, LineState, OfflineEntry, ReaderDriver, ReaderWiring,
};
use crate::store::{AlarmFilter, Config, HistoryFilter, PassageEntry, Store, VisitEntry};
use crate::turnstile::{
    Desk, GATE_ORDERS_MAX, GateOrder, GateState, ModeOrder, OpenOrder, Opened, OrderRefused, SITE_EVENTS_MAX, Site,
    SiteEvent,
};
use crate::visit::world;

/// How long a story waits for what must happen. Far above what it takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long somebody may take to walk through.
const PASSAGE_TIMEOUT: Duration = Duration::from_millis(700);
const ENTRY: usize = 0;
const EXIT: usize = 1;

/// A club with one gate. The agent in it can be killed and started again.
struct Club {
    board: Board,
    store: Store,
    offline: OfflineEntry,
    confirm: Confirm,
    agent: Option<Agent>,
    _folder: TempDir,
}

struct Agent {
    orders: mpsc::Sender<GateOrder>,
    told: broadcast::Receiver<SiteEvent>,
    site: Site,
    running: JoinSet<()>,
    retire: CancellationToken,
    policy: watch::Sender<Arc<Policy>>,
    texts: watch::Sender<Arc<Texts>>,
    /// Another reader's line to the gate.
    scanner: mpsc::Sender<DoorEvent>,
}

fn gate_id() -> GateId {
    "turnstile-1".parse().unwrap()
}

fn lane() -> LanePlan {
    let facts = vec![FactKind::Passage, FactKind::Visit, FactKind::Alarm];
    LanePlan { lane: "mqtt".parse().unwrap(), facts, audience: Audience::Everybody }
}

/// The controller has an entry with a display on its first input and an exit on its second.
fn wiring(board: &Board, offline: OfflineEntry) -> door::Config {
    let badge = BadgeFormat { form: BadgeForm::Hex, order: BadgeOrder::AsSent, strip: None, take: None };
    let reader = |name: &str, input, leads_out| ReaderWiring {
        reader: name.parse().unwrap(),
        gate: gate_id(),
        driver: ReaderDriver::Controller { input, badge: badge.clone(), leads_out },
    };
    let driver = GateDriver::Controller { port: board.port(), held_open_after: Duration::from_millis(1500), offline };
    door::Config {
        gates: vec![GateWiring { gate: gate_id(), driver }],
        readers: vec![reader("entry", 0, false), reader("exit", 1, true)],
    }
}

impl Club {
    /// A club whose agent has found its controller.
    async fn open() -> Self {
        let mut club = Self::closed(OfflineEntry::Closed, Confirm::Rotation).await;
        club.start();
        club.is_up().await;
        club
    }

    async fn closed(offline: OfflineEntry, confirm: Confirm) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keep = crate::store::Retention::default();
        let config = Config { path: folder.path().join("varco.db"), keep, ballast_bytes: 64 * 1024 };
        let store = Store::open(&config, Clock::system()).unwrap();
        let club = Self { board: Board::new(), store, offline, confirm, agent: None, _folder: folder };
        club.put("M-1", "Anna", ANNAS_CARD, Some(5)).await;
        club.put("M-2", "Bruno", BRUNOS_CARD, None).await;
        club
    }

    async fn put(&self, id: &str, name: &str, card: &str, entries: Option<u32>) {
        let membership = match entries {
            Some(entries) => serde_json::json!({"id": "ten", "kind": "punch_card", "entries_left": entries}),
            None => serde_json::json!({"id": "gold", "kind": "subscription"}),
        };
        let person: Person = serde_json::from_value(serde_json::json!({
            "external_id": id, "first_name": name, "last_name": "Rossi", "credentials": [{"value": card}],
            "memberships": [membership],
        }))
        .unwrap();
        let now = Clock::system().now().wall;
        self.store.write("a story", move |tx| tx.put_person(&person, now)).await.unwrap();
    }

    fn start(&mut self) {
        let clock = Clock::system();
        let (policy, texts) = (watch::Sender::new(Arc::new(policy())), watch::Sender::new(Arc::default()));
        let (events, told) = broadcast::channel(SITE_EVENTS_MAX);
        let site = Site {
            clock: clock.clone(),
            store: self.store.clone(),
            desk: Desk::new(self.store.clone()),
            policy: policy.subscribe(),
            texts: texts.subscribe(),
            lanes: Arc::new([lane()]),
            board: crate::turnstile::Board::default(),
            events,
        };
        let (mut running, retire) = (JoinSet::new(), CancellationToken::new());
        let lines = door::start(&wiring(&self.board, self.offline), &clock, &mut running, &CancellationToken::new());
        let mut line = lines.controlled.into_iter().next().unwrap();
        let (scanner, events) = mpsc::channel(GATE_EVENTS_MAX);
        let (mut of_controller, both) = (std::mem::replace(&mut line.events, events), scanner.clone());
        running.spawn(async move {
            while let Some(event) = of_controller.recv().await {
                let _over = both.send(event).await;
            }
        });
        let (orders, ordered) = mpsc::channel(GATE_ORDERS_MAX);
        let gate = Gate {
            id: gate_id(),
            confirm: self.confirm,
            passage_timeout: PASSAGE_TIMEOUT,
            open_for: Duration::from_millis(100),
            free_exit: false,
        };
        let turnstile = ControlledTurnstile::new(site.clone(), gate, GateMode::Normal, false, line, ordered);
        running.spawn(turnstile.run(retire.clone()));
        self.agent = Some(Agent { orders, told, site, running, retire, policy, texts, scanner });
    }

    /// Nothing of the agent goes on from here, and nothing is finished.
    async fn kill(&mut self) {
        self.agent.take().expect("it runs").running.shutdown().await;
    }

    /// The agent ends as it does on SIGTERM.
    async fn stop(&mut self) {
        let mut agent = self.agent.take().expect("it runs");
        agent.retire.cancel();
        soon(async { while agent.running.join_next().await.is_some() {} }).await;
    }

    fn agent(&mut self) -> &mut Agent {
        self.agent.as_mut().expect("it runs")
    }

    fn state(&mut self) -> GateState {
        self.agent().site.board.watch().borrow().gates[&gate_id()].clone()
    }

    async fn is_up(&mut self) {
        self.gate_is(|state| state.line == LineState::Up && state.controller.is_some()).await;
    }

    async fn gate_is(&mut self, wanted: impl Fn(&GateState) -> bool) {
        let mut states = self.agent().site.board.watch();
        soon(states.wait_for(|states| states.gates.get(&gate_id()).is_some_and(&wanted))).await.unwrap();
    }

    /// Waits until something can be seen at the gate.
    async fn sees(&self, wanted: impl Fn(&board::Seen) -> bool) {
        until(|| wanted(&self.board.seen())).await;
    }

    /// Waits for the next passage that is durable.
    async fn records(&mut self) -> PassageTold {
        loop {
            if let SiteEvent::Passage { passage, .. } = soon(self.agent().told.recv()).await.unwrap() {
                return *passage;
            }
        }
    }

    /// Waits for the next alarm that is durable.
    async fn raises(&mut self) -> (AlarmKind, AlarmState) {
        loop {
            if let SiteEvent::Alarm { alarm } = soon(self.agent().told.recv()).await.unwrap() {
                return (alarm.alarm, alarm.state);
            }
        }
    }

    /// Oldest first.
    async fn passages(&self) -> Vec<PassageEntry> {
        let filter = HistoryFilter { limit: 50, ..HistoryFilter::default() };
        let page = self.store.read("a story", move |view| view.passages(&filter)).await.unwrap();
        page.items.into_iter().rev().collect()
    }

    /// Oldest first.
    async fn visits(&self) -> Vec<VisitEntry> {
        let filter = HistoryFilter { limit: 50, ..HistoryFilter::default() };
        let page = self.store.read("a story", move |view| view.visits(&filter)).await.unwrap();
        page.items.into_iter().rev().collect()
    }

    async fn alarms(&self) -> Vec<Alarm> {
        let filter = AlarmFilter { limit: 50, ..AlarmFilter::default() };
        self.store.read("a story", move |view| view.alarms(&filter)).await.unwrap().items
    }

    /// Waits until the controller has nothing left that the agent has not acknowledged.
    async fn all_is_kept(&mut self) {
        self.gate_is(|state| state.controller.as_ref().is_some_and(|it| it.room == 40)).await;
    }

    async fn open_by_hand(&mut self, person: Option<&str>) -> Result<Opened, OrderRefused> {
        let person = match person {
            None => None,
            Some(id) => {
                let id: ExternalId = id.parse().unwrap();
                self.store.read("a story", move |view| view.person_id(&id)).await.unwrap()
            }
        };
        let (answer, answered) = oneshot::channel();
        let (operator, reason, reader) = ("desk".into(), "forgot the card".into(), "entry".parse().unwrap());
        let order = GateOrder::Open(OpenOrder { operator, reason, person, reader, answer });
        self.agent().orders.send(order).await.unwrap();
        soon(answered).await.unwrap()
    }

    async fn mode(&mut self, mode: GateMode) {
        let (answer, answered) = oneshot::channel();
        let order = GateOrder::Mode(ModeOrder { operator: "desk".into(), mode, reason: "a party".into(), answer });
        self.agent().orders.send(order).await.unwrap();
        soon(answered).await.unwrap().unwrap();
    }

    /// Keeps the store's writer busy until the answer is dropped.
    async fn writer_hangs(&self) -> std::sync::mpsc::SyncSender<()> {
        let (hold, held) = std::sync::mpsc::sync_channel::<()>(0);
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
}

/// The little club, with the controller's display at the entry.
fn policy() -> Policy {
    let mut policy = world::policy();
    for reader in policy.readers.values_mut() {
        reader.display = Display::Controller;
    }
    policy
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it happens soon")
}

/// The board runs on a thread of its own and tells nobody; so it is looked at now and then.
async fn until(mut is_so: impl FnMut() -> bool) {
    let looks = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(looks).await;
}

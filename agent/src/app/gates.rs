//! Gates as they run: a group of gates that share wires starts together, and is rebuilt together when a reload changed it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::console::GateOrders;
use crate::domain::{Gate, GateId, GateMode, Policy, ReaderId};
use crate::door::{self, GateDriver};
use crate::turnstile::{ControlledTurnstile, GATE_ORDERS_MAX, GateOrder, Site, Turnstile};

/// How long a gate that is to close may take until nobody is on the way through it. A pulse takes half a second; whoever
/// has not walked through a turnstile by then is written down as not passed.
const IDLE_WITHIN: Duration = Duration::from_secs(5);

/// Gates that share wires, as configured.
#[derive(Clone, PartialEq, Debug)]
struct Wiring {
    doors: door::Config,
    gates: Vec<Gate>,
    repeat_window: Duration,
}

impl Wiring {
    fn readers(&self) -> Vec<ReaderId> {
        self.doors.readers.iter().map(|wired| wired.reader.clone()).collect()
    }
}

struct Running {
    wiring: Wiring,
    /// The gates end as soon as they are idle, and their doors with them.
    retire: CancellationToken,
    /// The doors end at once.
    cancel: CancellationToken,
    tasks: JoinSet<anyhow::Result<()>>,
}

impl Running {
    /// Waits for gates that were told to retire, but not for ever: then their doors are closed.
    async fn ended(&mut self) {
        let idle = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(IDLE_WITHIN, idle).await.is_err() {
            self.cancel.cancel();
            while self.tasks.join_next().await.is_some() {}
        }
    }
}

/// How gates were when the store was last told.
struct Remembered {
    modes: BTreeMap<GateId, GateMode>,
    emergencies: BTreeSet<GateId>,
}

impl Remembered {
    fn mode_of(&self, gate: &GateId) -> GateMode {
        self.modes.get(gate).copied().unwrap_or_default()
    }
}

/// All gates of the site as they run.
pub(super) struct Gates {
    site: Site,
    orders: watch::Sender<GateOrders>,
    running: Vec<Running>,
}

impl Gates {
    /// No gate yet.
    #[must_use]
    pub(super) fn new(site: Site) -> Self {
        Self { site, orders: watch::Sender::new(GateOrders::default()), running: Vec::new() }
    }

    /// How gates are reached, as they come and go.
    #[must_use]
    pub(super) fn orders(&self) -> watch::Receiver<GateOrders> {
        self.orders.subscribe()
    }

    /// Makes the running gates those configured: unchanged ones go on undisturbed, changed and removed ones are closed
    /// when they are idle (a passage under way is finished and recorded), new ones are started.
    ///
    /// # Errors
    /// When the modes of gates cannot be read from the store; then all gates are as they were.
    pub(super) async fn become_configured(&mut self, doors: &door::Config, policy: &Policy) -> anyhow::Result<()> {
        let wanted = groups(doors, policy);
        let before = self.remembered().await?;
        self.close_all_but(&wanted).await;
        // Modes may have changed while gates were closing.
        let before = self.remembered().await.unwrap_or(before);
        for wiring in wanted {
            if !self.running.iter().any(|running| running.wiring == wiring) {
                self.start(wiring, &before);
            }
        }
        Ok(())
    }

    async fn remembered(&self) -> anyhow::Result<Remembered> {
        let read = |view: &crate::store::View<'_>| Ok((view.gate_modes()?, view.gates_in_emergency()?));
        let (modes, emergencies) = self.site.store.read("reading how gates were", read).await?;
        let (modes, emergencies) = (modes.into_iter().collect(), emergencies.into_iter().collect());
        Ok(Remembered { modes, emergencies })
    }

    async fn close_all_but(&mut self, wanted: &[Wiring]) {
        let (kept, mut closing): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.running).into_iter().partition(|running| wanted.contains(&running.wiring));
        self.running = kept;
        closing.iter().for_each(|running| running.retire.cancel());
        futures_util::future::join_all(closing.iter_mut().map(Running::ended)).await;
        for Running { wiring, .. } in closing {
            let readers = wiring.readers();
            for gate in &wiring.gates {
                self.site.board.take_down(&gate.id, &readers);
                self.orders.send_modify(|known| drop(Arc::make_mut(known).remove(&gate.id)));
            }
        }
    }

    fn start(&mut self, wiring: Wiring, before: &Remembered) {
        let (retire, cancel) = (CancellationToken::new(), CancellationToken::new());
        let mut tasks = JoinSet::new();
        let mut doors = JoinSet::new();
        wiring.readers().into_iter().for_each(|reader| self.site.board.put_up_reader(reader));
        let lines = door::start(&wiring.doors, &self.site.clock, &mut doors, &cancel);
        let gate_of = |id: &GateId| wiring.gates.iter().find(|gate| gate.id == *id).cloned();
        for line in lines.plain {
            let Some(gate) = gate_of(&line.gate) else { continue };
            let (mode, orders) = (before.mode_of(&gate.id), self.take_orders(&gate.id));
            let turnstile = Turnstile::new(self.site.clone(), gate, mode, line, orders);
            let retire = retire.clone();
            tasks.spawn(async move {
                turnstile.run(retire).await;
                Ok(())
            });
        }
        for line in lines.controlled {
            let Some(gate) = gate_of(&line.gate) else { continue };
            let (mode, orders) = (before.mode_of(&gate.id), self.take_orders(&gate.id));
            let is_emergency = before.emergencies.contains(&gate.id);
            let turnstile = ControlledTurnstile::new(self.site.clone(), gate, mode, is_emergency, line, orders);
            let retire = retire.clone();
            tasks.spawn(async move {
                turnstile.run(retire).await;
                Ok(())
            });
        }
        tasks.spawn(async move {
            while let Some(ended) = doors.join_next().await {
                ended.context("a door's task failed")?;
            }
            Ok(())
        });
        self.running.push(Running { wiring, retire, cancel, tasks });
    }

    fn take_orders(&self, gate: &GateId) -> mpsc::Receiver<GateOrder> {
        let (orders, received) = mpsc::channel(GATE_ORDERS_MAX);
        self.orders.send_modify(|known| {
            Arc::make_mut(known).insert(gate.clone(), orders);
        });
        received
    }

    /// Resolves only when a gate ended that should not have: a bug, which ends the process.
    ///
    /// # Errors
    /// Always.
    pub(super) async fn ended_early(&mut self) -> anyhow::Result<()> {
        let tasks = self.running.iter_mut().map(|running| Box::pin(running.tasks.join_next()));
        let tasks: Vec<_> = tasks.collect();
        if tasks.is_empty() {
            return std::future::pending().await;
        }
        let (ended, _, _) = futures_util::future::select_all(tasks).await;
        match ended {
            Some(Ok(Ok(()))) | None => bail!("a gate's task ended early"),
            Some(Ok(Err(error))) => Err(error),
            Some(Err(error)) => Err(error).context("a gate's task failed"),
        }
    }

    /// Lets every passage under way be finished and recorded, closes the doors, and returns.
    pub(super) async fn close(&mut self) {
        self.close_all_but(&[]).await;
    }
}

/// Gates by the wires they share: channels of one relay board form a group.
fn groups(doors: &door::Config, policy: &Policy) -> Vec<Wiring> {
    let mut by_port: BTreeMap<String, BTreeSet<&GateId>> = BTreeMap::new();
    for wired in &doors.gates {
        let port = match &wired.driver {
            GateDriver::UsbRelay { port, .. } | GateDriver::Controller { port, .. } => format!("port {port}"),
            GateDriver::None => format!("gate {}", wired.gate),
        };
        by_port.entry(port).or_default().insert(&wired.gate);
    }
    let group = |gates: BTreeSet<&GateId>| Wiring {
        doors: door::Config {
            gates: doors.gates.iter().filter(|wired| gates.contains(&wired.gate)).cloned().collect(),
            readers: doors.readers.iter().filter(|wired| gates.contains(&wired.gate)).cloned().collect(),
        },
        gates: gates.into_iter().filter_map(|gate| policy.gates.get(gate).cloned()).collect(),
        repeat_window: policy.repeat_window,
    };
    by_port.into_values().map(group).collect()
}

#[cfg(test)]
mod tests {
    use tokio::sync::{broadcast, oneshot};

    use super::*;
    use crate::clock::Clock;
    use crate::domain::Confirm;
    use crate::store::Store;
    use crate::turnstile::{Board, Desk, OpenOrder, SITE_EVENTS_MAX};
    use crate::visit::world;

    /// Long enough to be told from nothing, short enough to be waited for.
    const PULSE: Duration = Duration::from_millis(300);

    fn gates(folder: &tempfile::TempDir) -> Gates {
        let path = folder.path().join("varco.db");
        let config = crate::store::Config { path, keep: crate::store::Retention::default(), ballast_bytes: 64 * 1024 };
        let clock = Clock::system();
        let store = Store::open(&config, clock.clone()).unwrap();
        Gates::new(Site {
            clock,
            desk: Desk::new(store.clone()),
            store,
            policy: watch::Sender::new(Arc::new(world::policy())).subscribe(),
            texts: watch::Sender::new(Arc::default()).subscribe(),
            lanes: Arc::new([]),
            board: Board::default(),
            events: broadcast::channel(SITE_EVENTS_MAX).0,
        })
    }

    /// Gates without a board, of such a pulse.
    fn configured(names: &[&str], open_for: Duration) -> (door::Config, Policy) {
        let ids = || names.iter().map(|name| name.parse::<GateId>().unwrap());
        let wired = ids().map(|gate| door::GateWiring { gate, driver: GateDriver::None });
        let (confirm, passage_timeout) = (Confirm::Assumed, Duration::from_secs(8));
        let gate = |id: GateId| (id.clone(), Gate { id, confirm, passage_timeout, open_for, free_exit: false });
        let policy = Policy { gates: ids().map(gate).collect(), ..world::policy() };
        (door::Config { gates: wired.collect(), readers: Vec::new() }, policy)
    }

    async fn become_configured(gates: &mut Gates, (doors, policy): (door::Config, Policy)) -> anyhow::Result<()> {
        gates.become_configured(&doors, &policy).await
    }

    fn known(gates: &Gates) -> Vec<String> {
        gates.orders().borrow().keys().map(ToString::to_string).collect()
    }

    #[tokio::test]
    async fn a_gate_that_is_configured_no_longer_takes_no_orders() {
        let folder = tempfile::tempdir().unwrap();
        let mut gates = gates(&folder);
        become_configured(&mut gates, configured(&["front", "back"], PULSE)).await.unwrap();
        assert_eq!(known(&gates), ["back", "front"]);
        become_configured(&mut gates, configured(&["front"], PULSE)).await.unwrap();
        assert_eq!(known(&gates), ["front"]);
        assert!(!gates.orders().borrow()[&"front".parse::<GateId>().unwrap()].is_closed());
    }

    #[tokio::test]
    async fn a_changed_gate_is_rebuilt_when_whoever_it_opened_for_is_through() {
        let folder = tempfile::tempdir().unwrap();
        let mut gates = gates(&folder);
        become_configured(&mut gates, configured(&["turnstile-1"], PULSE)).await.unwrap();
        let (answer, answered) = oneshot::channel();
        let (operator, reason, reader) = ("desk".into(), "forgot the card".into(), "entry".parse().unwrap());
        let order = GateOrder::Open(OpenOrder { operator, reason, person: None, reader, answer });
        let orders = gates.orders().borrow().values().next().unwrap().clone();
        let ordered = gates.site.clock.now().uptime;
        orders.try_send(order).unwrap();
        answered.await.unwrap().unwrap();

        become_configured(&mut gates, configured(&["turnstile-1"], PULSE * 2)).await.unwrap();

        assert!(gates.site.clock.now().uptime.since(ordered) >= PULSE, "the pulse was cut off");
        assert!(orders.is_closed(), "it is another gate behind the same name");
        assert_eq!(known(&gates), ["turnstile-1"]);
    }

    #[tokio::test]
    async fn a_store_that_cannot_be_read_leaves_the_gates_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let mut gates = gates(&folder);
        become_configured(&mut gates, configured(&["front"], PULSE)).await.unwrap();
        gates.site.store.close().await;
        become_configured(&mut gates, configured(&["front"], PULSE * 2)).await.unwrap_err();
        assert!(!gates.orders().borrow()[&"front".parse::<GateId>().unwrap()].is_closed());
    }
}

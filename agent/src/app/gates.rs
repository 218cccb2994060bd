//! Gates as they run: a group of gates that share wires starts together, and is rebuilt together when a reload changed it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context, bail};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::domain::{Gate, GateId, GateMode, Policy, ReaderId};
use crate::door::{self, GateDriver};
use crate::turnstile::{GATE_ORDERS_MAX, GateOrder, Site, Turnstile};

/// How each gate is reached. Replaced as a whole when gates are rebuilt.
pub type GateOrders = Arc<BTreeMap<GateId, mpsc::Sender<GateOrder>>>;

/// Gates that share wires, as configured.
#[derive(Clone, PartialEq, Debug)]
struct Wiring {
    doors: door::Config,
    gates: Vec<Gate>,
    repeat_window: std::time::Duration,
}

impl Wiring {
    fn readers(&self) -> Vec<ReaderId> {
        self.doors.readers.iter().map(|wired| wired.reader.clone()).collect()
    }
}

struct Running {
    wiring: Wiring,
    cancel: CancellationToken,
    tasks: JoinSet<anyhow::Result<()>>,
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
    /// (a passage under way is finished and recorded), new ones are started.
    ///
    /// # Errors
    /// When the modes of gates cannot be read from the store.
    pub(super) async fn become_configured(&mut self, doors: &door::Config, policy: &Policy) -> anyhow::Result<()> {
        let wanted = groups(doors, policy);
        let mut kept = Vec::new();
        for mut running in std::mem::take(&mut self.running) {
            if wanted.contains(&running.wiring) {
                kept.push(running);
                continue;
            }
            running.cancel.cancel();
            while running.tasks.join_next().await.is_some() {}
            let readers = running.wiring.readers();
            running.wiring.gates.iter().for_each(|gate| self.site.board.take_down(&gate.id, &readers));
        }
        self.running = kept;
        let modes = self.site.store.read("reading the modes of gates", |view| view.gate_modes()).await?;
        let modes: BTreeMap<GateId, GateMode> = modes.into_iter().collect();
        for wiring in wanted {
            if !self.running.iter().any(|running| running.wiring == wiring) {
                self.start(wiring, &modes);
            }
        }
        Ok(())
    }

    fn start(&mut self, wiring: Wiring, modes: &BTreeMap<GateId, GateMode>) {
        let cancel = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let mut doors = JoinSet::new();
        wiring.readers().into_iter().for_each(|reader| self.site.board.put_up_reader(reader));
        let lines = door::start(&wiring.doors, &self.site.clock, &mut doors, &cancel);
        for line in lines {
            let Some(gate) = wiring.gates.iter().find(|gate| gate.id == line.gate).cloned() else { continue };
            let (orders, received) = mpsc::channel(GATE_ORDERS_MAX);
            self.orders.send_modify(|known| {
                Arc::make_mut(known).insert(gate.id.clone(), orders);
            });
            let mode = modes.get(&gate.id).copied().unwrap_or_default();
            let turnstile = Turnstile::new(self.site.clone(), gate, mode, line, received);
            tasks.spawn(async move {
                turnstile.run().await;
                Ok(())
            });
        }
        tasks.spawn(async move {
            while let Some(ended) = doors.join_next().await {
                ended.context("a door's task failed")?;
            }
            Ok(())
        });
        self.running.push(Running { wiring, cancel, tasks });
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

    /// Closes the doors, lets every passage under way be finished and recorded, and returns.
    pub(super) async fn close(&mut self) {
        self.running.iter().for_each(|running| running.cancel.cancel());
        for running in &mut self.running {
            while running.tasks.join_next().await.is_some() {}
        }
    }
}

/// Gates by the wires they share: channels of one relay board form a group.
fn groups(doors: &door::Config, policy: &Policy) -> Vec<Wiring> {
    let mut by_port: BTreeMap<String, BTreeSet<&GateId>> = BTreeMap::new();
    for wired in &doors.gates {
        let port = match &wired.driver {
            GateDriver::UsbRelay { port, .. } | GateDriver::Controller { port } => format!("port {port}"),
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

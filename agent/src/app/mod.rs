//! Builds every stage, wires them, and watches over them: sources are cancelled first, the rest ends in the order of flow.

mod gates;
mod housekeeping;
mod lanes;
mod systemd;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::access::Texts;
use crate::clock::Clock;
use crate::config::{self, Config, ConfigurationRefused, ConfigurationTaken};
use crate::console::{self, Handles, Renewal, Served};
use crate::domain::{LanePlan, Policy};
use crate::door::LineState;
use crate::mqtt;
use crate::store::{SoleAgent, Store};
use crate::telemetry::{self, Fact};
use crate::turnstile::{Board, Desk, DoorStates, SITE_EVENTS_MAX, Site};

/// How long readers may take to be tried before the agent calls itself ready: opening a tty is quick unless its driver
/// hangs, and the other gates should not wait for that.
const FIRST_TRY_MAX: Duration = Duration::from_secs(5);
/// How long passages under way may take to end and to be written down: the disk may be full, and then what it does not
/// take is lost however long it is waited for.
const PASSAGES_MAX: Duration = Duration::from_secs(8);
/// How long lanes may take to finish what they have sent (ten seconds) and to write down what was acknowledged; what is
/// not by then is sent again at the next start.
const DRAIN_MAX: Duration = Duration::from_secs(15);

/// Runs the agent of a configuration file until SIGTERM or SIGINT, then drains. SIGHUP reads the file again.
///
/// # Errors
/// When the configuration has problems, another agent runs at the store or it cannot be opened, or a stage ends early.
pub async fn run(file: &Path) -> anyhow::Result<()> {
    let loaded = config::Config::load(file)?;
    telemetry::start_logs(loaded.config.logs.format, &loaded.config.logs.filter);
    loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let mut hang_up = signal(SignalKind::hangup()).context("listening for SIGHUP")?;
    let mut agent = Agent::start(file.to_owned(), loaded.config).await?;
    let ended = loop {
        tokio::select! {
            _ = terminate.recv() => break Ok(()),
            _ = interrupt.recv() => break Ok(()),
            _ = hang_up.recv() => agent.reload().await,
            early = agent.ended_early() => break early,
        }
    };
    agent.stop(&mut terminate).await;
    ended
}

/// The agent as it runs.
struct Agent {
    file: PathBuf,
    config: Config,
    store: Store,
    policy: watch::Sender<Arc<Policy>>,
    texts: watch::Sender<Arc<Texts>>,
    gates: gates::Gates,
    /// Cancelled first: nothing new comes in.
    sources: CancellationToken,
    console: JoinSet<()>,
    renewal: Renewal,
    upkeep: JoinSet<()>,
    /// Cancelled when every passage is recorded.
    lanes_open: CancellationToken,
    lanes: JoinSet<()>,
    /// Given back last, when the store is closed.
    _sole: SoleAgent,
}

impl Agent {
    async fn start(file: PathBuf, config: Config) -> anyhow::Result<Self> {
        let sole = SoleAgent::claim(&config.store.path)?;
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let metrics = telemetry::start_metrics();
        let clock = Clock::system();
        let store = Store::open(&config.store, clock.clone()).context("opening the store")?;
        let (sources, lanes_open) = (CancellationToken::new(), CancellationToken::new());
        let policy = watch::Sender::new(Arc::new(config.policy.clone()));
        let texts = watch::Sender::new(Arc::new(config.texts.clone()));
        let (events, _) = broadcast::channel(SITE_EVENTS_MAX);
        let desk = Desk::new(store.clone());
        let plans: Arc<[LanePlan]> = lanes::plans(&config).into();
        let board = Board::default();
        let site = Site {
            clock: clock.clone(),
            store: store.clone(),
            desk: desk.clone(),
            policy: policy.subscribe(),
            texts: texts.subscribe(),
            lanes: Arc::clone(&plans),
            board: board.clone(),
            events: events.clone(),
        };
        let mut gates = gates::Gates::new(site);
        gates.become_configured(&config.doors, &config.policy).await?;
        let mut lanes = JoinSet::new();
        let starting = lanes::Lanes {
            store: &store,
            clock: &clock,
            commands: mqtt::Commands { policy: policy.subscribe(), plans: Arc::clone(&plans) },
            events: &events,
            tasks: &mut lanes,
            cancel: &lanes_open,
        };
        let (lane_links, enquiries) = starting.start(&config)?;
        let ready = watch::Sender::new(false);
        let handles = Handles {
            store: store.clone(),
            clock: clock.clone(),
            policy: policy.subscribe(),
            texts: texts.subscribe(),
            desk,
            gates: gates.orders(),
            doors: board.watch(),
            sync: config.mywellness.as_ref().map(|it| Arc::new(it.rules.clone())),
            lanes: lane_links,
            plans,
            hooks: config.hooks.clone().into(),
            enquiries,
            events,
            metrics,
            ready: ready.subscribe(),
        };
        let site_events = handles.events.clone();
        let mut console = JoinSet::new();
        let Served { address, renewal } = console::serve(&config.console, handles, &mut console, &sources).await;
        let keep = housekeeping::run(store.clone(), config.store.clone(), clock, policy.subscribe(), sources.clone());
        let mut upkeep = JoinSet::new();
        upkeep.spawn(keep);
        upkeep.spawn(systemd::keep_alive(store.clone(), sources.clone()));
        upkeep.spawn(housekeeping::tell_store_states(store.states(), site_events, sources.clone()));
        let _some_reader_hangs = tokio::time::timeout(FIRST_TRY_MAX, every_line_tried(board.watch())).await;
        ready.send_replace(true);
        say_ready(address, &config);
        systemd::ready();
        Ok(Self {
            file,
            config,
            store,
            policy,
            texts,
            gates,
            sources,
            console,
            renewal,
            upkeep,
            lanes_open,
            lanes,
            _sole: sole,
        })
    }

    /// Takes what a changed file allows to take; a bad file changes nothing and says so. The console's certificate is read
    /// again in any case.
    async fn reload(&mut self) {
        systemd::reloading();
        self.renewal.ask();
        match Config::load(&self.file) {
            Err(problems) => ConfigurationRefused { problems: &problems }.tell(),
            Ok(loaded) => {
                loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
                if let Err(error) = self.take(loaded.config).await {
                    tracing::error!("taking up the new configuration: {error:#}");
                }
            }
        }
        systemd::ready();
    }

    async fn take(&mut self, new: Config) -> anyhow::Result<()> {
        let change = config::difference(&self.config, &new);
        self.config = config::in_force(&self.config, new);
        self.policy.send_replace(Arc::new(self.config.policy.clone()));
        self.texts.send_replace(Arc::new(self.config.texts.clone()));
        self.gates.become_configured(&self.config.doors, &self.config.policy).await?;
        ConfigurationTaken { change: &change }.tell();
        Ok(())
    }

    /// Resolves only when a stage ended that should not have: a bug or a dead disk, which ends the process.
    async fn ended_early(&mut self) -> anyhow::Result<()> {
        tokio::select! {
            early = self.gates.ended_early() => early,
            Some(ended) = self.console.join_next() => {
                ended.context("the console failed")?;
                bail!("the console ended early")
            }
            Some(ended) = self.upkeep.join_next() => {
                ended.context("the housekeeping failed")?;
                bail!("the housekeeping ended early")
            }
            Some(ended) = self.lanes.join_next() => {
                ended.context("a lane failed")?;
                bail!("a lane ended early")
            }
        }
    }

    /// Ends in the order of flow: console, passages under way with their readers, then lanes, then the store. A second
    /// SIGTERM ends the waiting.
    async fn stop(mut self, again: &mut Signal) {
        systemd::stopping();
        tracing::info!("stopping");
        self.sources.cancel();
        let ended = within(PASSAGES_MAX, self.gates.close(), again).await;
        if ended.is_none() {
            tracing::warn!("passages were still being written down");
        }
        self.lanes_open.cancel();
        let drained = async {
            while self.console.join_next().await.is_some() {}
            while self.lanes.join_next().await.is_some() {}
        };
        if within(DRAIN_MAX, drained, again).await.is_none() {
            tracing::warn!("upstreams did not answer; what waits is sent at the next start");
        }
        self.lanes.shutdown().await;
        self.console.shutdown().await;
        self.store.close().await;
    }
}

/// None: it took too long, or somebody asked again to end.
async fn within<T>(at_most: Duration, work: impl Future<Output = T>, again: &mut Signal) -> Option<T> {
    tokio::select! {
        done = work => Some(done),
        () = tokio::time::sleep(at_most) => None,
        _ = again.recv() => None,
    }
}

async fn every_line_tried(mut doors: watch::Receiver<DoorStates>) {
    let tried = |states: &DoorStates| states.readers.values().all(|reader| reader.line != LineState::Opening);
    // The board outlives the wait.
    let _closed = doors.wait_for(tried).await;
}

/// The one line on standard output, for people and for programs that start the agent.
#[expect(clippy::print_stdout, reason = "the ready line is the command's output")]
fn say_ready(address: Option<SocketAddr>, config: &Config) {
    let scheme = if config.console.tls.is_some() { "https" } else { "http" };
    let console = address.map_or("unreachable".to_owned(), |address| format!("{scheme}://{address}"));
    println!("varco ready console={console} store={}", config.store.path.display());
}

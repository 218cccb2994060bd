//! The central system behind its broker and a network that can be cut, and what may be said of what it received.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use site::broker::{Central, Memory, Message, Mosquitto, Options, Seen};
use site::proxy::Proxy;

use crate::patience::PATIENCE;

/// Rows that may be on the wire and not durably acknowledged when a connection or the agent ends (`WINDOW` of the MQTT
/// lane): so many may be sent twice each time.
pub const WINDOW: usize = 512;

/// A broker, the network in front of it, and the central system on its other side.
pub struct Upstream {
    /// What listens.
    pub central: Central,
    /// The network between the agent and the broker.
    pub network: Proxy,
    /// The broker.
    pub broker: Mosquitto,
}

impl Upstream {
    /// Starts all three.
    pub async fn start(memory: Memory) -> Result<Self> {
        let broker = Mosquitto::start(Options { memory, ..Options::default() }).await?;
        let network = Proxy::to(broker.address())?;
        let central = Central::connect(broker.central_address(), None).await?;
        Ok(Self { central, network, broker })
    }

    /// For `mqtt.url`.
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.network.address())
    }

    /// Waits until so many different visits and passages have arrived.
    pub async fn receives(&self, visits: usize, passages: usize) -> Result<()> {
        let all = |seen: &Seen| seen.count("visit") >= visits && seen.count("passage") >= passages;
        self.central.wait_until(all, PATIENCE).await?;
        let found = self.central.look(|seen| (seen.count("visit"), seen.count("passage")));
        ensure!(found == (visits, passages), "more than {visits} visits and {passages} passages arrived: {found:?}");
        Ok(())
    }

    /// Publishes that repeated an id.
    pub fn duplicates(&self) -> usize {
        self.central.look(|seen| seen.duplicates("visit") + seen.duplicates("passage"))
    }

    /// Checks that each person's events first arrived in the order in which they happened: by time, and of one moment
    /// the passage before the visit it began.
    pub fn in_order_per_person(&self) -> Result<()> {
        let seen = self.central.seen();
        let mut met = BTreeSet::new();
        let mut last: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
        for event in seen.messages.iter().filter(|event| matches!(event.kind(), "visit" | "passage")) {
            let (Some(id), Some(person)) = (event.id(), event.data("person").as_str()) else { continue };
            if !met.insert((event.kind(), id)) {
                continue;
            }
            let moment = (time_of(event)?, event.kind());
            let before = last.insert(person, moment).unwrap_or_default();
            ensure!(before < moment, "{person}: {moment:?} arrived after {before:?}");
        }
        Ok(())
    }
}

/// When it happened at the gate. All times are in UTC with as many digits, so that texts sort as moments do.
fn time_of(event: &Message) -> Result<&str> {
    event.payload["time"].as_str().with_context(|| format!("an event without time: {}", event.payload))
}

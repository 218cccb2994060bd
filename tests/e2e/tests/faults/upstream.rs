//! The central system behind its broker and a network that can be cut, and what may be said of what it received.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use site::broker::{Central, Memory, Message, Mosquitto, Options, Seen};
use site::proxy::Proxy;

use crate::house::House;
use crate::patience::PATIENCE;

/// Rows that may be on the wire and not durably acknowledged when a connection or the agent ends (`WINDOW` of the MQTT
/// lane): so many may be sent twice each time.
pub(crate) const WINDOW: usize = 512;

/// A broker, the network in front of it, and the central system on its other side.
pub(crate) struct Upstream {
    pub(crate) central: Central,
    pub(crate) network: Proxy,
    pub(crate) broker: Mosquitto,
}

impl Upstream {
    /// Starts all three.
    pub(crate) async fn start(memory: Memory) -> Result<Self> {
        let broker = Mosquitto::start(Options { memory, ..Options::default() }).await?;
        let network = Proxy::to(broker.address())?;
        let central = Central::connect(broker.central_address(), None).await?;
        Ok(Self { central, network, broker })
    }

    /// For `mqtt.url`.
    pub(crate) fn url(&self) -> String {
        format!("mqtt://{}", self.network.address())
    }

    /// A house whose agent tells this central system.
    pub(crate) fn house(&self, gates: u8, people: usize) -> Result<House> {
        let mut house = House::with(gates, people)?;
        house.settings.mqtt(&self.url());
        Ok(house)
    }

    /// The same, to be shared with the people who pass its gates.
    pub(crate) fn shared_house(&self, gates: u8, people: usize) -> Result<Arc<House>> {
        Ok(Arc::new(self.house(gates, people)?))
    }

    /// Waits until so many different visits and passages have arrived.
    pub(crate) async fn receives(&self, visits: usize, passages: usize) -> Result<()> {
        let all = |seen: &Seen| seen.count("visit") >= visits && seen.count("passage") >= passages;
        self.central.wait_until(all, PATIENCE).await?;
        let found = self.central.look(|seen| (seen.count("visit"), seen.count("passage")));
        ensure!(found == (visits, passages), "more than {visits} visits and {passages} passages arrived: {found:?}");
        Ok(())
    }

    /// Publishes that repeated an id.
    pub(crate) fn duplicates(&self) -> usize {
        self.central.look(|seen| seen.duplicates("visit") + seen.duplicates("passage"))
    }

    /// Checks that each person's events first arrived in the order in which they happened: by time, and of one moment
    /// the passage before the visit it began.
    pub(crate) fn in_order_per_person(&self) -> Result<()> {
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

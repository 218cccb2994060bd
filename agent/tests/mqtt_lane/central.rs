//! The central system: subscribes, notes what arrives in which order, and gives receipts if asked to.

use std::collections::HashSet;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, Publish, QoS};
use tokio::sync::mpsc;

/// Far longer than anything here takes; only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(120);
const QUEUED_MAX: usize = 100_000;

/// Whether the central system says what it has stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receipts {
    Given,
    Withheld,
}

/// Whether the broker keeps a message for whoever subscribes later.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    Retained,
    Passing,
}

/// What arrived so far.
#[derive(Default)]
pub(crate) struct Seen {
    /// The ids of facts in the order of their first arrival.
    pub(crate) ids: Vec<String>,
    /// Facts that arrived, repeats included.
    pub(crate) facts: usize,
    /// What the status topic said: online or not.
    pub(crate) statuses: Vec<bool>,
    /// The newest fact.
    pub(crate) newest: serde_json::Value,
    known: HashSet<String>,
}

impl Seen {
    /// How many facts arrived more than once, each repeat counted.
    pub(crate) fn repeats(&self) -> usize {
        self.facts - self.ids.len()
    }

    fn note(&mut self, message: &Publish) {
        let said: serde_json::Value = serde_json::from_slice(&message.payload).expect("what we publish is JSON");
        if message.topic == "varco/v1/club/status" {
            self.statuses.push(said["online"].as_bool().expect("a status says whether it is online"));
            return;
        }
        self.facts += 1;
        let id = said["id"].as_str().expect("events have an id").to_owned();
        if self.known.insert(id.clone()) {
            self.ids.push(id);
        }
        self.newest = said;
    }
}

/// The listening side.
pub(crate) struct Central {
    arrivals: mpsc::Receiver<Publish>,
    pub(crate) seen: Seen,
    port: u16,
    poller: tokio::task::JoinHandle<()>,
}

impl Central {
    /// Listens to everything of the club, and again after every loss of the broker.
    pub(crate) async fn listen(port: u16, receipts: Receipts) -> Self {
        let (arrived, arrivals) = mpsc::channel(QUEUED_MAX);
        let (subscribed, mut is_subscribed) = mpsc::channel(1);
        let poller = tokio::spawn(async move {
            loop {
                let _lost = session(port, receipts, &arrived, &subscribed).await;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        is_subscribed.recv().await.unwrap();
        Self { port, arrivals, seen: Seen::default(), poller }
    }

    /// Publishes on the receipt topic, and returns when the broker has it.
    pub(crate) async fn say_on_the_receipt_topic(&self, payload: impl Into<Vec<u8>>, kept: Kept) {
        let (client, mut events) = AsyncClient::new(options("central-hand", self.port), 8);
        let retain = kept == Kept::Retained;
        client.try_publish("varco/v1/club/receipt", QoS::AtLeastOnce, retain, payload).unwrap();
        while !matches!(events.poll().await.unwrap(), Event::Incoming(Packet::PubAck(_))) {}
    }

    /// Waits until `enough` holds of everything seen.
    pub(crate) async fn until(&mut self, what: &str, enough: impl Fn(&Seen) -> bool) {
        while !enough(&self.seen) {
            let next = tokio::time::timeout(PATIENCE, self.arrivals.recv()).await;
            let next = next.unwrap_or_else(|_| panic!("{what}: {} facts arrived, then nothing more", self.seen.facts));
            self.seen.note(&next.expect("the poller lives as long as the test"));
        }
    }
}

impl Drop for Central {
    fn drop(&mut self) {
        self.poller.abort();
    }
}

/// One connection, with a client of its own: the library's reconnect loses what it had queued.
async fn session(
    port: u16,
    receipts: Receipts,
    arrived: &mpsc::Sender<Publish>,
    subscribed: &mpsc::Sender<()>,
) -> Result<(), rumqttc::ConnectionError> {
    let (client, mut events) = AsyncClient::new(options("central", port), QUEUED_MAX);
    client.try_subscribe("varco/v1/club/#", QoS::AtLeastOnce).unwrap();
    loop {
        match events.poll().await? {
            Event::Incoming(Packet::SubAck(_)) => drop(subscribed.try_send(())),
            Event::Incoming(Packet::Publish(message)) if !message.topic.ends_with("/receipt") => {
                if receipts == Receipts::Given && !message.topic.ends_with("/status") {
                    give_receipt(&client, &message);
                }
                arrived.send(message).await.unwrap();
            }
            _ => {}
        }
    }
}

fn options(client_id: &str, port: u16) -> MqttOptions {
    let mut options = MqttOptions::new(client_id, "127.0.0.1", port);
    options.set_inflight(5_000).set_max_packet_size(4 << 20, 4 << 20);
    options
}

fn give_receipt(client: &AsyncClient, message: &Publish) {
    let event: serde_json::Value = serde_json::from_slice(&message.payload).expect("events are JSON");
    let receipt = serde_json::json!({ "ids": [event["id"]] }).to_string();
    client.try_publish("varco/v1/club/receipt", QoS::AtLeastOnce, false, receipt).unwrap();
}

//! The club's central system: a subscriber with a persistent session that reconnects for ever and may answer receipts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, Publish, QoS};
use serde_json::{Value, json};
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;

use super::User;
use super::seen::{Message, Seen};
use crate::world::{self, Task};

/// Pause before the next try when the broker is away: short, so that a test waits for the agent and not for its watcher.
const RECONNECT_AFTER: Duration = Duration::from_millis(50);

/// Requests that may wait for the event loop: receipts of a burst. One that finds no room is left out, as by a busy system.
const REQUESTS_WAITING_MAX: usize = 4096;

/// Larger than any event the agent may send, and than any command that a test sends in vain.
const PACKET_BYTES_MAX: usize = 8 << 20;

/// How long a broker may take to acknowledge what is said to it, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whether the central system confirms what it stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipts {
    /// It says nothing.
    Silent,
    /// It answers every event with `{"ids":[…]}` on `{prefix}/{site}/receipt`.
    Answered,
}

/// A system that listens to every site under `varco/v1`.
#[derive(Debug)]
pub struct Central {
    options: MqttOptions,
    seen: Arc<watch::Sender<Seen>>,
    receipts: Arc<watch::Sender<Receipts>>,
    listening: Mutex<Option<Task>>,
}

impl Central {
    /// Connects to a broker and waits until the subscription stands.
    pub async fn connect(broker: SocketAddr, user: Option<&User>) -> Result<Self> {
        let mut options = MqttOptions::new("central", broker.ip().to_string(), broker.port());
        options.set_clean_session(false).set_keep_alive(Duration::from_secs(5));
        options.set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX);
        if let Some(user) = user {
            options.set_credentials(&user.name, &user.password);
        }
        let central = Self {
            options,
            seen: Arc::default(),
            receipts: Arc::new(watch::Sender::new(Receipts::Silent)),
            listening: Mutex::new(None),
        };
        central.come_back().await?;
        Ok(central)
    }

    /// Says from now on whether receipts are answered.
    pub fn answer(&self, receipts: Receipts) {
        self.receipts.send_replace(receipts);
    }

    /// Publishes something over a connection of its own; returns when the broker has it.
    pub async fn publish(&self, topic: &str, payload: impl Into<Vec<u8>>) -> Result<()> {
        self.say(topic, false, payload.into()).await
    }

    /// The same, for the broker to keep on the topic.
    pub async fn publish_retained(&self, topic: &str, payload: impl Into<Vec<u8>>) -> Result<()> {
        self.say(topic, true, payload.into()).await
    }

    async fn say(&self, topic: &str, retain: bool, payload: Vec<u8>) -> Result<()> {
        let (host, port) = self.options.broker_address();
        let mut options = MqttOptions::new(format!("central-{}", uuid::Uuid::new_v4()), host, port);
        options.set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX);
        if let Some(login) = self.options.credentials() {
            options.set_credentials(login.username, login.password);
        }
        let (client, mut events) = AsyncClient::new(options, 1);
        client.try_publish(topic, QoS::AtLeastOnce, retain, payload).expect("a new client's queue is empty");
        let acknowledged = async {
            while !matches!(events.poll().await?, Event::Incoming(Packet::PubAck(_))) {}
            anyhow::Ok(())
        };
        timeout(PATIENCE, acknowledged).await.with_context(|| format!("publishing on {topic}"))?
    }

    /// Goes away without a word; the broker keeps its session and queues for it.
    pub async fn leave(&self) {
        if let Some(task) = self.listening.lock().await.take() {
            task.end().await;
        }
        self.seen.send_modify(|seen| seen.connected = false);
    }

    /// Listens again after [`Central::leave`].
    pub async fn come_back(&self) -> Result<()> {
        let mut listening = self.listening.lock().await;
        if listening.is_none() {
            let run = listen(self.options.clone(), Arc::clone(&self.seen), self.receipts.subscribe());
            *listening = Some(Task::start(run));
        }
        drop(listening);
        self.wait_until(|seen| seen.connected, Duration::from_secs(20)).await
    }

    /// Waits until something holds of what was received.
    pub async fn wait_until(&self, wanted: impl FnMut(&Seen) -> bool, within: Duration) -> Result<()> {
        world::wait_for(self.seen.subscribe(), wanted, within, Seen::summary).await
    }

    /// Looks at what was received, without copying it.
    pub fn look<T>(&self, question: impl FnOnce(&Seen) -> T) -> T {
        question(&self.seen.borrow())
    }

    /// A copy of what was received.
    pub fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }
}

/// A new event loop for every connection: what an old one still held would shift the order of what follows.
async fn listen(options: MqttOptions, seen: Arc<watch::Sender<Seen>>, receipts: watch::Receiver<Receipts>) {
    loop {
        let (client, events) = AsyncClient::new(options.clone(), REQUESTS_WAITING_MAX);
        client.try_subscribe("varco/v1/#", QoS::AtLeastOnce).expect("a new client's queue is empty");
        converse(&client, events, &seen, &receipts).await;
        seen.send_modify(|seen| seen.connected = false);
        tokio::time::sleep(RECONNECT_AFTER).await;
    }
}

/// Receives until the connection is lost.
async fn converse(
    client: &AsyncClient,
    mut events: EventLoop,
    seen: &watch::Sender<Seen>,
    receipts: &watch::Receiver<Receipts>,
) {
    while let Ok(event) = events.poll().await {
        match event {
            Event::Incoming(Packet::SubAck(_)) => seen.send_modify(|seen| {
                seen.connected = true;
                seen.connections += 1;
            }),
            Event::Incoming(Packet::Publish(publish)) => {
                let message = message(&publish);
                if *receipts.borrow() == Receipts::Answered {
                    answer(client, &message);
                }
                seen.send_modify(|seen| seen.take(message));
            }
            Event::Incoming(_) | Event::Outgoing(_) => {}
        }
    }
}

fn answer(client: &AsyncClient, message: &Message) {
    let mut levels = message.topic.match_indices('/').skip(2);
    let (Some(id), Some((end, _))) = (message.id(), levels.next()) else { return };
    let (site, below) = message.topic.split_at(end);
    // What it says itself comes back to it, and is nothing that it stores.
    if message.retained || below.starts_with("/in/") {
        return;
    }
    let topic = format!("{site}/receipt");
    // A full queue leaves the receipt out; the agent publishes again and asks for it that way.
    let _ = client.try_publish(topic, QoS::AtLeastOnce, false, json!({ "ids": [id] }).to_string());
}

fn message(publish: &Publish) -> Message {
    let text = || Value::String(String::from_utf8_lossy(&publish.payload).into_owned());
    Message {
        topic: publish.topic.clone(),
        payload: serde_json::from_slice(&publish.payload).unwrap_or_else(|_| text()),
        retained: publish.retain,
        dup: publish.dup,
        at: Instant::now(),
    }
}

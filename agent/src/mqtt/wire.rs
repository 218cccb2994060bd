//! The MQTT client library behind two halves: a [`Link`] that is polled and a [`Pen`] that writes; nothing else names it.
//!
//! Each connection is a new client and a new event loop, and both are dropped at the first error. The library keeps
//! events, packet ids and queued publishes across its own reconnects in ways that acknowledge the wrong row or lose
//! publishes without an error (rumqttc issues 349, 805, 1014, 1056), so that it never gets to reconnect.

use std::time::Duration;

use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, EventLoop, LastWill, MqttOptions, Outgoing, Packet, QoS,
    StateError, SubscribeFilter, SubscribeReasonCode, TlsConfiguration, Transport, mqttbytes,
};
use secrecy::ExposeSecret;

use super::tls::{self, TlsTrouble};
use super::topics::Topics;
use super::{Config, status};
use crate::outbox::EVENT_BYTES_MAX;

/// The largest packet taken from the broker, in bytes: a receipt for 10,000 UUIDs has about 400,000, a command at most
/// 1 MiB. What is a little larger than that is still read, so that it can be refused by name.
const INCOMING_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Room for topic and header beside the largest event. The library drops a packet above its limit together with the
/// connection, and would meet it again for ever; larger events are parked before they come here.
const OUTGOING_BYTES_MAX: usize = EVENT_BYTES_MAX + 1024;
/// How often the broker is asked whether it is there. One that accepts and then stalls is noticed after at most twice
/// this.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Packet ids run from 1 to this. Far more than are ever outstanding: if the broker acknowledges out of order, the library
/// meets an id in use only when it has been round.
const PACKET_IDS: u16 = 5_000;

/// For whom a connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// Publishes facts and the status; a clean session with a last will.
    Publisher,
    /// Takes receipts and commands; a session the broker keeps while we are away.
    Receiver,
    /// The receiver again, throwing away what the broker kept: a packet in it is larger than we take.
    FreshReceiver,
    /// Looks whether the broker lets us in, beside a running agent.
    Check,
}

/// Why the broker is not reached any more, or never was.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unreached {
    /// Files of the configuration.
    #[error(transparent)]
    Tls(#[from] TlsTrouble),
    /// The broker answered, with a refusal.
    #[error("broker {broker} refuses the connection: {why}")]
    Refused {
        /// Host and port.
        broker: String,
        /// What it said.
        why: &'static str,
    },
    /// No connection, or no more.
    #[error("connection to broker {broker}: {why}")]
    Lost {
        /// Host and port.
        broker: String,
        /// What happened.
        why: String,
    },
    /// The broker sent a packet larger than we take.
    #[error("broker {broker} sent a packet of more than 4 MiB")]
    TooLarge {
        /// Host and port.
        broker: String,
    },
}

/// What a link tells. Everything else the protocol does is its own business.
#[derive(Debug)]
pub(super) enum Event {
    /// The broker let us in.
    Connected,
    /// The oldest publish not told of yet left under this packet id.
    Left(u16),
    /// The broker acknowledged this packet id.
    Acknowledged(u16),
    /// The broker accepted the subscription.
    Subscribed,
    /// The broker refused the subscription.
    NotSubscribed,
    /// A message came in.
    Arrived(Message),
    /// Our goodbye is on the wire.
    SaidGoodbye,
    /// Nothing of interest.
    Other,
}

/// A message that came in.
#[derive(Debug)]
pub(super) struct Message(rumqttc::Publish);

impl Message {
    pub(super) fn topic(&self) -> &str {
        &self.0.topic
    }

    pub(super) fn payload(&self) -> &[u8] {
        &self.0.payload
    }

    /// Lets the content go and keeps what acknowledging needs: many may wait for that.
    pub(super) fn forget_payload(&mut self) {
        self.0.payload = Default::default();
    }

    /// Whether the broker had it stored on the topic, from whoever wrote it whenever.
    pub(super) fn is_retained(&self) -> bool {
        self.0.retain
    }
}

/// The half of a connection that is polled.
pub(super) struct Link {
    events: EventLoop,
    broker: String,
}

/// The half of a connection that writes. It never waits: the task that writes is the one that polls.
pub(super) struct Pen {
    client: AsyncClient,
    broker: String,
}

/// Prepares a connection; the first event of the link makes it. `queued_max` is the most writes not polled away yet.
pub(super) async fn prepare(config: &Config, role: Role, queued_max: usize) -> Result<(Pen, Link), Unreached> {
    let mut options = options(config, role);
    if let Some(files) = config.tls.clone() {
        let tls = tokio::task::spawn_blocking(move || tls::client_config(&files)).await;
        let tls = tls.expect("reading files into a TLS configuration does not panic")?;
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls)));
    }
    let (client, events) = AsyncClient::new(options, queued_max);
    let broker = broker(config);
    Ok((Pen { client, broker: broker.clone() }, Link { events, broker }))
}

impl Link {
    /// The next event. Not cancel safe: a dropped future may lose a packet half written. Keep it until it is done.
    pub(super) async fn event(&mut self) -> Result<Event, Unreached> {
        use rumqttc::Event::{Incoming, Outgoing as Out};
        let event = self.events.poll().await.map_err(|error| unreached(&self.broker, error))?;
        Ok(match event {
            Incoming(Packet::ConnAck(_)) => Event::Connected,
            Incoming(Packet::PubAck(ack)) => Event::Acknowledged(ack.pkid),
            Incoming(Packet::Publish(message)) => Event::Arrived(Message(message)),
            Incoming(Packet::SubAck(ack)) => {
                let refused = ack.return_codes.contains(&SubscribeReasonCode::Failure);
                if refused { Event::NotSubscribed } else { Event::Subscribed }
            }
            Out(Outgoing::Publish(packet)) => Event::Left(packet),
            Out(Outgoing::Disconnect) => Event::SaidGoodbye,
            _ => Event::Other,
        })
    }
}

impl Pen {
    /// Publishes at QoS 1.
    pub(super) fn publish(&self, topic: String, payload: Vec<u8>) -> Result<(), Unreached> {
        self.taken("publishing", self.client.try_publish(topic, QoS::AtLeastOnce, false, payload))
    }

    /// Publishes at QoS 1 what the broker shows to whoever subscribes later.
    pub(super) fn publish_retained(&self, topic: String, payload: impl Into<Vec<u8>>) -> Result<(), Unreached> {
        self.taken("publishing", self.client.try_publish(topic, QoS::AtLeastOnce, true, payload))
    }

    /// Subscribes at QoS 1, to all of them or to none.
    pub(super) fn subscribe(&self, topics: impl IntoIterator<Item = String>) -> Result<(), Unreached> {
        let filters = topics.into_iter().map(|topic| SubscribeFilter::new(topic, QoS::AtLeastOnce));
        self.taken("subscribing", self.client.try_subscribe_many(filters))
    }

    /// Leaves a topic, if it was ever subscribed to.
    pub(super) fn unsubscribe(&self, topic: String) -> Result<(), Unreached> {
        self.taken("unsubscribing", self.client.try_unsubscribe(topic))
    }

    /// Acknowledges a message: the broker forgets it.
    pub(super) fn acknowledge(&self, message: &Message) -> Result<(), Unreached> {
        self.taken("acknowledging", self.client.try_ack(&message.0))
    }

    /// Ends the session in order: no last will.
    pub(super) fn say_goodbye(&self) -> Result<(), Unreached> {
        self.taken("disconnecting", self.client.try_disconnect())
    }

    fn taken(&self, doing: &str, taken: Result<(), rumqttc::ClientError>) -> Result<(), Unreached> {
        // The request itself stays out of the text: it may carry a name.
        taken.map_err(|_| Unreached::Lost {
            broker: self.broker.clone(),
            why: format!("{doing}: the client's queue is full or the topic is not a valid one"),
        })
    }
}

fn options(config: &Config, role: Role) -> MqttOptions {
    let client_id = match role {
        Role::Publisher => config.client_id.clone(),
        Role::Receiver | Role::FreshReceiver => format!("{}-in", config.client_id),
        Role::Check => format!("{}-check", config.client_id),
    };
    // An IPv6 address is written in brackets before a port.
    let host = if config.host.contains(':') && config.tls.is_none() {
        format!("[{}]", config.host)
    } else {
        config.host.clone()
    };
    let mut options = MqttOptions::new(client_id, host, config.port);
    options
        .set_clean_session(role != Role::Receiver)
        .set_manual_acks(matches!(role, Role::Receiver | Role::FreshReceiver))
        .set_keep_alive(KEEP_ALIVE)
        .set_inflight(PACKET_IDS)
        .set_max_packet_size(INCOMING_BYTES_MAX, OUTGOING_BYTES_MAX);
    if let Some((user, password)) = &config.login {
        options.set_credentials(user, password.expose_secret());
    }
    if role == Role::Publisher {
        let topic = Topics::of(config).status();
        options.set_last_will(LastWill::new(topic, status::OFFLINE, QoS::AtLeastOnce, true));
    }
    options
}

fn broker(config: &Config) -> String {
    format!("{}:{}", config.host, config.port)
}

fn unreached(broker: &str, error: ConnectionError) -> Unreached {
    let broker = broker.to_owned();
    let why = match error {
        ConnectionError::ConnectionRefused(code) => return Unreached::Refused { broker, why: refusal(code) },
        ConnectionError::MqttState(StateError::Deserialization(mqttbytes::Error::PayloadSizeLimitExceeded(_))) => {
            return Unreached::TooLarge { broker };
        }
        ConnectionError::NetworkTimeout => "no answer in time".into(),
        ConnectionError::FlushTimeout => "the broker takes no more data".into(),
        ConnectionError::MqttState(StateError::AwaitPingResp) => "the broker stopped answering".into(),
        ConnectionError::MqttState(StateError::ConnectionAborted) => "closed by the broker".into(),
        ConnectionError::NotConnAck(_) => "its first answer is no MQTT; is the port right?".into(),
        other => other.to_string(),
    };
    Unreached::Lost { broker, why }
}

fn refusal(code: ConnectReturnCode) -> &'static str {
    match code {
        ConnectReturnCode::Success => "it said yes",
        ConnectReturnCode::RefusedProtocolVersion => "it does not speak MQTT 3.1.1",
        ConnectReturnCode::BadClientId => "it does not take this client id",
        ConnectReturnCode::ServiceUnavailable => "it is not available",
        ConnectReturnCode::BadUserNamePassword => "user name or password are wrong",
        ConnectReturnCode::NotAuthorized => "this client is not authorized",
    }
}

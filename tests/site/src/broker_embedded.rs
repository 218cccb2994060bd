//! A broker inside this process, so that the demo needs no installation; the tests use Mosquitto, which can be killed.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use rumqttd::{Broker, Config};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};

use crate::port::Port;

/// How long it may take to listen on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is asked whether it listens.
const KNOCK_EVERY: Duration = Duration::from_millis(10);

/// Ten times the largest event the agent may send.
const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// A broker that lives as long as the process: its library has no way to stop it.
#[derive(Debug)]
pub struct EmbeddedBroker {
    port: Port,
}

impl EmbeddedBroker {
    /// Starts on a free port and waits until it accepts connections.
    pub async fn start() -> Result<Self> {
        let port = Port::reserve()?;
        let mut broker = Broker::new(settings(port.address())?);
        std::thread::Builder::new().name("broker".into()).spawn(move || broker.start().map_err(Box::new))?;
        let mut knocks = interval(KNOCK_EVERY);
        let listening = async {
            while TcpStream::connect(port.address()).await.is_err() {
                knocks.tick().await;
            }
        };
        timeout(PATIENCE, listening).await.context("waiting for the embedded broker to listen")?;
        Ok(Self { port })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// For `mqtt.url`.
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.address())
    }
}

fn settings(listen: SocketAddr) -> Result<Config> {
    let settings = json!({
        "id": 0,
        "router": {
            "max_connections": 100, "max_outgoing_packet_count": 200,
            "max_segment_size": 16 << 20, "max_segment_count": 10,
        },
        "v4": { "club": {
            "name": "club", "listen": listen, "next_connection_delay_ms": 1,
            "connections": {
                "connection_timeout_ms": 60_000, "max_payload_size": PAYLOAD_BYTES_MAX, "max_inflight_count": 500,
                "dynamic_filters": true,
            },
        } },
    });
    serde_json::from_value(settings).context("reading the embedded broker's settings")
}

#[cfg(test)]
mod tests {
    use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};

    use super::*;
    use crate::broker::Central;

    #[tokio::test]
    async fn events_reach_the_central_system_and_the_status_is_kept() -> Result<()> {
        let broker = EmbeddedBroker::start().await?;
        let central = Central::connect(broker.address(), None).await?;
        let options = MqttOptions::new("agent", "127.0.0.1", broker.address().port());
        let (client, mut events) = AsyncClient::new(options, 10);
        client.publish("varco/v1/milano/visit", QoS::AtLeastOnce, false, r#"{"id":"a"}"#).await?;
        client.publish("varco/v1/milano/status", QoS::AtLeastOnce, true, r#"{"online":true}"#).await?;
        let mut acknowledged = 0;
        while acknowledged < 2 {
            if let Event::Incoming(Packet::PubAck(_)) = events.poll().await? {
                acknowledged += 1;
            }
        }
        let soon = Duration::from_secs(10);
        central.wait_until(|seen| seen.count("visit") == 1 && seen.status().is_some(), soon).await
    }
}

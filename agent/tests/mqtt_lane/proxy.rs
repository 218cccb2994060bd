//! A TCP proxy that cuts the connection in the middle of a burst.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};

/// Passes bytes on, until it does not.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    pub(crate) cuts_made: Arc<AtomicU32>,
}

impl Proxy {
    /// The first `cuts` connections are reset after `bytes` bytes from the client; the others live.
    pub(crate) async fn start(broker_port: u16, cuts: u32, bytes: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cuts_made = Arc::new(AtomicU32::new(0));
        let counter = cuts_made.clone();
        tokio::spawn(async move {
            for connection in 0.. {
                let (client, _) = listener.accept().await.unwrap();
                let (limit, counter) = ((connection < cuts).then_some(bytes), counter.clone());
                tokio::spawn(async move { pass(client, broker_port, limit, &counter).await });
            }
        });
        Self { port, cuts_made }
    }
}

async fn pass(client: TcpStream, broker_port: u16, limit: Option<u64>, cuts_made: &AtomicU32) {
    let Ok(broker) = TcpStream::connect(("127.0.0.1", broker_port)).await else { return };
    // A reset, as when a cable is pulled and the router forgets: what is in flight is gone both ways.
    client.set_zero_linger().unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_broker, mut to_broker) = broker.into_split();
    let upward = async {
        match limit {
            None => drop(copy(&mut from_client, &mut to_broker).await),
            Some(limit) => {
                let _ended = copy(&mut (&mut from_client).take(limit), &mut to_broker).await;
                cuts_made.fetch_add(1, Ordering::SeqCst);
            }
        }
    };
    let downward = async {
        let _ended = copy(&mut from_broker, &mut to_client).await;
    };
    tokio::select! {
        () = upward => {}
        () = downward => {}
    }
    let _closed = to_broker.shutdown().await;
}

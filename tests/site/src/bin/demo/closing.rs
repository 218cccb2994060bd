//! Ctrl-C: once closes the club, which ends with its summary; twice ends the demo at once.

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// The signals by which somebody asks the demo to end: Ctrl-C, `kill`, and a terminal that closes.
pub(crate) struct Closing {
    signals: [Signal; 3],
    asked: watch::Sender<bool>,
}

impl Closing {
    /// From here on none of them ends the program by itself.
    pub(crate) fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).context("listening for signals");
        let signals =
            [listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?];
        Ok(Self { signals, asked: watch::Sender::new(false) })
    }

    /// Becomes true when the club should close.
    pub(crate) fn asked(&self) -> watch::Receiver<bool> {
        self.asked.subscribe()
    }

    /// Resolves at the second signal; the first one only asks.
    pub(crate) async fn asked_twice(&mut self) {
        self.next().await;
        println!("\nClosing the club; Ctrl-C again ends without a summary.");
        self.asked.send_replace(true);
        self.next().await;
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hang_up] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    }
}

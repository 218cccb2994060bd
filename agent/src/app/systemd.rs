//! What systemd is told: ready, reloading, alive, stopping. Without systemd nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

use crate::store::Store;

/// How long the store may take to answer before the watchdog is left to bite.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Says that the agent is ready.
pub(super) fn ready() {
    let _without_systemd = sd_notify::notify(&[NotifyState::Ready]);
}

/// Says that the agent is stopping.
pub(super) fn stopping() {
    let _without_systemd = sd_notify::notify(&[NotifyState::Stopping]);
}

/// Tells the watchdog that the agent lives, as long as the store answers and this runtime turns.
pub(super) async fn keep_alive(store: Store, cancel: CancellationToken) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return cancel.cancelled().await };
    let mut beats = tokio::time::interval(limit / 3);
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = beats.tick() => {
                let answer = store.at_gate("answering the watchdog", |_| Ok(()));
                if let Ok(Ok(())) = tokio::time::timeout(ANSWER_MAX, answer).await {
                    let _without_systemd = sd_notify::notify(&[NotifyState::Watchdog]);
                }
            }
        }
    }
}

/// Says that the configuration is being read again.
pub(super) fn reloading() {
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        let _without_systemd = sd_notify::notify(&[NotifyState::Reloading, now]);
    }
}

//! What happens at the site, live: server-sent events, first the states as they are, then every change.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::io::ReaderStream;

use crate::turnstile::SiteEvent;

use super::problem::{ApiProblem, Kind};
use super::state::{CalledBy, Caller, Console, Shared};

/// Bytes that wait for a slow watcher beyond what its connection holds.
const WATCHER_BYTES_MAX: usize = 64 * 1024;
/// How long a watcher may take to read those bytes before it is dropped.
const WATCHER_TIME_MAX: Duration = Duration::from_secs(10);
/// How often a quiet feed shows that it lives: proxies close what is silent for a minute.
const QUIET_MAX: Duration = Duration::from_secs(15);
/// How often a watcher's token is looked at: one that was revoked, here or by the command line, watches no longer.
const TOKEN_LOOKED_AT_EVERY: Duration = Duration::from_secs(2);

/// Passages, who is ticked off for classes, states of readers and gates, lanes and the store, as server-sent events. A new watcher is told all states
/// first. One that reads too slowly is dropped: it reconnects, and reads `GET /passages` for what it missed. The feed ends
/// when its token is revoked.
#[utoipa::path(get, path = "/events", tag = "site",
    responses((status = 200, description = "Each event's name is its `type`: passage, attendance, shown, reader, gate, alarm, lane, store", body = String, content_type = "text/event-stream")))]
pub(super) async fn watch_events(State(console): Shared, Extension(caller): CalledBy) -> Result<Response, ApiProblem> {
    let place = Arc::clone(&console.watchers).try_acquire_owned();
    let place = place.map_err(|_| ApiProblem::new(Kind::Unavailable, "too many watch already"))?;
    // Subscribed before the states are read, so that no change falls between.
    let events = console.handles.events.subscribe();
    let (near, far) = tokio::io::duplex(WATCHER_BYTES_MAX);
    tokio::spawn(async move {
        tokio::select! {
            () = feed(&console, events, near) => {}
            () = revoked(&console, &caller) => {}
        }
        drop(place);
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // A proxy that gathers answers before it hands them on would make live events old.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(ReaderStream::new(far))).into_response())
}

/// Writes until the watcher leaves, is too slow, or the console ends.
async fn feed(console: &Console, mut events: broadcast::Receiver<SiteEvent>, mut watcher: DuplexStream) {
    for event in states(console) {
        if write(&mut watcher, &text_of(&event)).await.is_err() {
            return;
        }
    }
    loop {
        let text = tokio::select! {
            () = console.stopping.cancelled() => return,
            event = tokio::time::timeout(QUIET_MAX, events.recv()) => match event {
                Ok(Ok(event)) => text_of(&event),
                Ok(Err(RecvError::Lagged(_) | RecvError::Closed)) => return,
                Err(_) => ": quiet\n\n".to_owned(),
            },
        };
        if write(&mut watcher, &text).await.is_err() {
            return;
        }
    }
}

/// Returns when the watcher's token lets nobody in any more. A store that cannot be asked revokes nothing.
async fn revoked(console: &Console, caller: &Caller) {
    let token = caller.token;
    loop {
        tokio::time::sleep(TOKEN_LOOKED_AT_EVERY).await;
        let live = console.handles.store.read("looking at a watcher's token", move |view| view.token_is_live(token));
        if let Ok(false) = live.await {
            return;
        }
    }
}

async fn write(watcher: &mut DuplexStream, text: &str) -> std::io::Result<()> {
    tokio::time::timeout(WATCHER_TIME_MAX, watcher.write_all(text.as_bytes())).await?
}

/// JSON has no line breaks of its own, so that one `data:` line holds an event.
fn text_of(event: &SiteEvent) -> String {
    let data = serde_json::to_string(event).expect("an event has no keys that JSON cannot have");
    format!("event: {}\ndata: {data}\n\n", event.name())
}

fn states(console: &Console) -> Vec<SiteEvent> {
    let doors = console.handles.doors.borrow().clone();
    let readers = doors.readers.into_iter().map(|(reader, state)| SiteEvent::Reader { reader, state });
    let gates = doors.gates.into_iter().map(|(gate, state)| SiteEvent::Gate { gate, state });
    let lanes = console.handles.lanes.borrow().clone();
    let lanes = lanes.into_iter().map(|(lane, link)| SiteEvent::Lane { lane, link });
    let store = SiteEvent::Store { state: console.handles.store.state().into() };
    readers.chain(gates).chain(lanes).chain([store]).collect()
}

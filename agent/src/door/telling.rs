//! What a gate's board has to tell its turnstile, kept while the turnstile's channel is full: an answer to a command
//! must never be lost, and telling it must never hold up the end of a pulse.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::Instant;

use super::DoorEvent;

/// How soon a full channel is tried again: shorter than a person notices, long enough to cost nothing.
const RETRY_AFTER: Duration = Duration::from_millis(20);

/// Events in their order. At most one answer and one line state wait, because a gate that is behind is not asked for
/// commands and a newer state replaces an older one.
pub(super) struct Telling {
    events: mpsc::Sender<DoorEvent>,
    waiting: Vec<DoorEvent>,
    retry_at: Option<Instant>,
}

impl Telling {
    pub(super) fn new(events: mpsc::Sender<DoorEvent>) -> Self {
        Self { events, waiting: Vec::new(), retry_at: None }
    }

    /// Tells at once, or as soon as there is room.
    pub(super) fn tell(&mut self, event: DoorEvent) {
        if matches!(event, DoorEvent::Gate { .. }) {
            self.waiting.retain(|waiting| !matches!(waiting, DoorEvent::Gate { .. }));
        }
        self.waiting.push(event);
        self.retry();
    }

    /// Tells what waits, as far as there is room.
    pub(super) fn retry(&mut self) {
        self.retry_at = None;
        while !self.waiting.is_empty() {
            match self.events.try_reserve() {
                Ok(place) => place.send(self.waiting.remove(0)),
                Err(TrySendError::Closed(())) => self.waiting.clear(),
                Err(TrySendError::Full(())) => {
                    self.retry_at = Some(Instant::now() + RETRY_AFTER);
                    return;
                }
            }
        }
    }

    /// When [`retry`](Self::retry) is due, if something waits.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    pub(super) fn is_behind(&self) -> bool {
        !self.waiting.is_empty()
    }
}

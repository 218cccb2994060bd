//! Whether the store takes writes, as gates and operators see it.

use std::sync::Mutex;

use tokio::sync::watch;

use super::facts::StoreStateChanged;
use crate::telemetry::Fact;

/// Whether the store takes writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoreState {
    /// All is well.
    Ready,
    /// The disk is full, or fails: API writes and imports are refused, passages wait in memory.
    Full,
    /// The bounded queue of passages is full as well: plain gates refuse entry.
    Overflowing,
}

/// Whether the last commit found the disk able.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Disk {
    Able,
    Failing,
}

/// Whether one more passage can wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Room {
    Left,
    None,
}

/// Keeps the state and tells its changes.
pub(super) struct Health {
    seen: Mutex<(Disk, Room)>,
    state: watch::Sender<StoreState>,
}

impl Health {
    pub(super) fn new() -> Self {
        Self { seen: Mutex::new((Disk::Able, Room::Left)), state: watch::Sender::new(StoreState::Ready) }
    }

    pub(super) fn state(&self) -> StoreState {
        *self.state.borrow()
    }

    pub(super) fn states(&self) -> watch::Receiver<StoreState> {
        self.state.subscribe()
    }

    pub(super) fn disk(&self) -> Disk {
        self.seen.lock().expect(UNBROKEN).0
    }

    pub(super) fn disk_is(&self, disk: Disk) {
        self.see(|seen| seen.0 = disk);
    }

    pub(super) fn room_is(&self, room: Room) {
        self.see(|seen| seen.1 = room);
    }

    fn see(&self, change: impl FnOnce(&mut (Disk, Room))) {
        let mut seen = self.seen.lock().expect(UNBROKEN);
        change(&mut seen);
        let state = match *seen {
            (_, Room::None) => StoreState::Overflowing,
            (Disk::Failing, Room::Left) => StoreState::Full,
            (Disk::Able, Room::Left) => StoreState::Ready,
        };
        // Told under the lock, so that two changes are not told in the wrong order.
        if self.state.send_if_modified(|known| std::mem::replace(known, state) != state) {
            StoreStateChanged { state }.tell();
        }
    }
}

const UNBROKEN: &str = "nothing that can panic runs under this lock";

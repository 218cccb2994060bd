//! Which acknowledgement belongs to what was published; pure.
//!
//! The client library takes a publish without naming it, says later under which packet id it left, and later still that
//! this packet id was acknowledged. Publishes leave in the order in which they were taken; acknowledgements may come in
//! any order.

use std::collections::{HashMap, VecDeque};

/// What is on its way in one connection. A ledger never outlives its connection: packet ids start anew with the next.
#[derive(Debug)]
pub(super) struct Ledger<T> {
    taken: VecDeque<T>,
    left: HashMap<u16, T>,
}

impl<T> Ledger<T> {
    pub(super) fn new() -> Self {
        Self { taken: VecDeque::new(), left: HashMap::new() }
    }

    /// The library took a publish.
    pub(super) fn taken(&mut self, what: T) {
        self.taken.push_back(what);
    }

    /// The oldest publish taken left under a packet id. False: nothing was taken, or the id is in use; then nothing in
    /// this connection can be believed any more.
    #[must_use]
    pub(super) fn left(&mut self, packet: u16) -> bool {
        let Some(what) = self.taken.pop_front() else { return false };
        self.left.insert(packet, what).is_none()
    }

    /// A packet id was acknowledged: what had left under it, if anything.
    pub(super) fn acknowledged(&mut self, packet: u16) -> Option<T> {
        self.left.remove(&packet)
    }

    /// Whether everything taken was acknowledged.
    pub(super) fn is_empty(&self) -> bool {
        self.taken.is_empty() && self.left.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_in_any_order_find_what_had_left_under_their_packet_id() {
        let mut ledger = Ledger::new();
        for what in ["a", "b", "c"] {
            ledger.taken(what);
        }
        assert!(ledger.left(1) && ledger.left(2) && ledger.left(3));
        assert_eq!(ledger.acknowledged(3), Some("c"));
        assert_eq!(ledger.acknowledged(1), Some("a"));
        assert!(!ledger.is_empty());
        assert_eq!(ledger.acknowledged(2), Some("b"));
        assert!(ledger.is_empty());
    }

    #[test]
    fn a_packet_that_nobody_gave_us_and_an_id_in_use_end_all_belief() {
        let mut ledger = Ledger::new();
        assert!(!ledger.left(1), "nothing was taken");
        ledger.taken("a");
        ledger.taken("b");
        assert!(ledger.left(7));
        assert!(!ledger.left(7), "seven is still on its way");
        assert_eq!(ledger.acknowledged(9), None);
    }
}

//! Modes on their way to the disk: a mode is in force only once the store remembers it, so that a gate locked by an
//! operator is locked after a restart.

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;

use super::gate_loop::Going;
use super::{ModeOrder, OrderRefused, Site, SiteEvent};
use crate::domain::{GateId, GateMode};
use crate::store::StoreError;

/// A mode and whether it is remembered.
pub(super) type Remembered = (ModeOrder, Result<(), StoreError>);

/// In the order in which they were ordered: the last one is in force.
#[derive(Default)]
pub(super) struct Modes(FuturesOrdered<Going<Remembered>>);

impl Modes {
    /// Begins to write a mode down. Badges are answered meanwhile.
    pub(super) fn remember(&mut self, site: &Site, gate: &GateId, order: ModeOrder) {
        let (store, gate, at) = (site.store.clone(), gate.clone(), site.clock.now().wall);
        self.0.push_back(Box::pin(async move {
            let ModeOrder { operator, mode, reason, .. } = &order;
            let (mode, operator, reason) = (*mode, operator.clone(), reason.clone());
            let remember = move |tx: &crate::store::Tx<'_>| tx.set_gate_mode(&gate, mode, &operator, &reason, at);
            let remembered = store.write("remembering a gate's mode", remember).await;
            (order, remembered)
        }));
    }

    /// The next one that is written down, or not; none if nothing is under way.
    pub(super) async fn next(&mut self) -> Option<Remembered> {
        self.0.next().await
    }
}

/// Answers who ordered a mode; gives it if it is in force.
pub(super) fn settle(site: &Site, gate: &GateId, (order, remembered): Remembered) -> Option<GateMode> {
    let ModeOrder { mode, answer, .. } = order;
    let in_force = remembered.is_ok().then_some(mode);
    if in_force.is_some() {
        let state = site.board.gate(gate, |state| state.mode = mode);
        // Nobody may be listening.
        let _listeners = site.events.send(SiteEvent::Gate { gate: gate.clone(), state });
    }
    let _gone = answer.send(remembered.map_err(|error| OrderRefused::NotRecorded(error.to_string())));
    in_force
}

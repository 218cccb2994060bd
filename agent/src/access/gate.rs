//! Rule 0: what the gate itself says, before anybody is looked at.

use super::trace::Finding;
use crate::domain::{GateMode, GrantKind, Reason, Way};

/// The gate as the rules see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateCondition {
    /// What it does with reads.
    pub mode: GateMode,
    /// Whether passages can be recorded; entry is refused, in every mode, while they cannot.
    pub records: Records,
}

/// Whether a passage could be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Records {
    /// There is room, on the disk or in the queue before it.
    Open,
    /// The disk is full and so is the queue: a passage let in would be forgotten.
    Full,
}

/// Whether the gate admits anybody with such a right.
pub(super) fn admits(gate: GateCondition, way: Way, kind: GrantKind) -> Vec<Finding> {
    if way == Way::Out {
        return vec![Finding::note("leaving is never refused")];
    }
    let mut found = match (gate.mode, kind) {
        (GateMode::Normal, _) | (GateMode::Staff, GrantKind::Staff) => Vec::new(),
        (GateMode::Free, _) => vec![Finding::note("the gate is free")],
        (GateMode::Staff, _) => vec![Finding::block(Reason::StaffOnly, "the gate is for staff")],
        (GateMode::Locked, _) => vec![Finding::block(Reason::GateLocked, "the gate is locked")],
    };
    match gate.records {
        Records::Open => {}
        Records::Full => found.push(Finding::block(Reason::StoreUnavailable, "passages cannot be recorded")),
    }
    found
}

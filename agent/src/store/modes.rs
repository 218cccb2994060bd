//! Gate modes: what operators set a gate to survives a restart, with who and why.

use jiff::Timestamp;

use super::columns::{Moment, Word};
use super::error::{StoreError, during};
use super::transaction::{Tx, View};
use crate::domain::{GateId, GateMode};

impl View<'_> {
    /// The mode of every gate that was ever set to one.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn gate_modes(&self) -> Result<Vec<(GateId, GateMode)>, StoreError> {
        during("reading gate modes", || {
            self.all("SELECT gate, mode FROM gate_mode", [], |row| {
                Ok((row.get::<_, Word<_>>(0)?.0, row.get::<_, Word<_>>(1)?.0))
            })
        })
    }
}

impl Tx<'_> {
    /// Remembers a gate's mode across restarts, with who and why.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn set_gate_mode(
        &self,
        gate: &GateId,
        mode: GateMode,
        operator: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        during("setting a gate's mode", || {
            self.run(
                "INSERT OR REPLACE INTO gate_mode (gate, mode, operator, reason, at) VALUES (?1, ?2, ?3, ?4, ?5)",
                (gate.as_str(), Word(mode), operator, reason, Moment(now)),
            )?;
            self.audit(Some(operator), "set_gate_mode", gate.as_str(), Some(reason), now)
        })
    }
}

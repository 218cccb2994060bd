//! Where messages are written down: receipts strike rows off, commands are obeyed and answered, each once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::facts::{CommandTaken, ReceiptsTaken};
use super::inbound::Commands;
use crate::clock::Clock;
use crate::domain::LaneId;
use crate::intake::{Received, Verdict};
use crate::store::{Store, StoreError};
use crate::telemetry::Fact;

/// Ids written in one transaction, at most, so that no passage waits long behind a receipt.
const IDS_WRITTEN_MAX: usize = 500;
/// Commands obeyed in one transaction, at most, for the same reason: a person's document takes most of a millisecond.
const COMMANDS_WRITTEN_MAX: usize = 50;

/// What messages are written down with.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) lane: LaneId,
    pub(super) commands: Option<Commands>,
    pub(super) store: Store,
    pub(super) clock: Clock,
    /// Whether there was a receipt since it was last looked.
    pub(super) heard: Arc<AtomicBool>,
}

impl Desk {
    /// Strikes off the rows that receipts name.
    pub(super) async fn take_receipts(&self, ids: &[String]) -> Result<(), StoreError> {
        for ids in ids.chunks(IDS_WRITTEN_MAX) {
            let (lane, now, keys) = (self.lane.clone(), self.clock.now().wall, ids.to_vec());
            let known = self.store.write_through("taking receipts", move |tx| tx.receipts(&lane, &keys, now)).await?;
            if known > 0 {
                self.heard.store(true, Ordering::Relaxed);
            }
            ReceiptsTaken { ids: ids.len(), known }.tell();
        }
        Ok(())
    }

    /// Obeys commands in the order in which they came. A full disk refuses them as it does the API's writes: then they
    /// stay with the broker.
    pub(super) async fn obey(&self, commands: Vec<Received>) -> Result<(), StoreError> {
        for commands in commands.chunks(COMMANDS_WRITTEN_MAX) {
            let verdicts = match self.obey_together(commands).await {
                Err(error) if is_theirs(&error) => self.obey_one_by_one(commands).await?,
                verdicts => verdicts?,
            };
            for (command, verdict) in commands.iter().zip(verdicts) {
                CommandTaken { name: &command.name, verdict }.tell();
            }
        }
        Ok(())
    }

    async fn obey_together(&self, commands: &[Received]) -> Result<Vec<Verdict>, StoreError> {
        let (lane, commands) = (self.lane.clone(), Arc::<[Received]>::from(commands));
        let Some(Commands { policy, plans }) = self.commands.clone() else { return Ok(Vec::new()) };
        let policy = policy.borrow().clone();
        let obey = move |tx: &crate::store::Tx<'_>| {
            commands.iter().map(|command| command.obey_once(tx, &policy, &plans, &lane)).collect()
        };
        self.store.write("obeying commands", obey).await
    }

    /// One of them stops the store: it is found, refused, and holds up nobody behind it.
    async fn obey_one_by_one(&self, commands: &[Received]) -> Result<Vec<Verdict>, StoreError> {
        let mut verdicts = Vec::new();
        for command in commands {
            let verdict = match self.obey_together(std::slice::from_ref(command)).await {
                Err(error) if is_theirs(&error) => {
                    let (lane, command) = (self.lane.clone(), command.clone());
                    let refuse =
                        move |tx: &crate::store::Tx<'_>| command.refuse_as_broken(tx, &lane).map(|it| vec![it]);
                    self.store.write("refusing a command", refuse).await?
                }
                verdict => verdict?,
            };
            verdicts.extend(verdict);
        }
        Ok(verdicts)
    }
}

/// Whether it is the commands that the store cannot take, rather than anything at all.
fn is_theirs(error: &StoreError) -> bool {
    !error.may_pass() && !matches!(error, StoreError::Closed { .. })
}

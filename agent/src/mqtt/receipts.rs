//! The receipts of the central system: what it says it has stored is done, and what it never mentions is published again.

use std::convert::Infallible;
use std::pin::pin;

use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::facts::{ReceiptRefused, ReceiptsLost, ReceiptsOnline, ReceiptsTaken};
use super::overdue;
use super::receipt::{IDS_MAX, read};
use super::topics::Topics;
use super::wire::{self, Event, Link, Message, Pen, Role, Unreached};
use super::{Config, Confirm};
use crate::clock::Clock;
use crate::domain::LaneId;
use crate::outbox::{Jitter, delay_after};
use crate::store::{Store, StoreError};
use crate::telemetry::Fact;

/// Ids written in one transaction, at most, so that no passage waits long behind a receipt.
const IDS_WRITTEN_MAX: usize = 500;
/// Receipts gathered while the ones before are being written; then the broker has to wait.
const GATHERED_MAX: usize = 512;
/// Acknowledgements not sent yet. There are no more packet ids than this, so that it is never full.
const QUEUED_MAX: usize = 65_536;

/// Takes receipts until `cancel`, in a session of its own that the broker keeps while we are away. Without
/// `confirm = "receipt"` there is nothing to do and it returns at once.
pub async fn run(lane: LaneId, config: Config, store: Store, clock: Clock, cancel: CancellationToken) {
    let Confirm::Receipt { timeout } = config.confirm else { return };
    let taker = Taker { topic: Topics::of(&config).receipt(), config, lane, store, clock };
    tokio::select! {
        () = cancel.cancelled() => {}
        () = taker.take_receipts() => {}
        () = overdue::publish_again(&taker.lane, &taker.store, &taker.clock, timeout) => {}
    }
}

/// Receipts that wait to be written, and the ids they name.
#[derive(Default)]
struct Gathered {
    messages: Vec<Message>,
    ids: Vec<String>,
}

impl Gathered {
    /// A message that is no receipt is acknowledged with the others: it would come again for ever.
    fn take(&mut self, mut message: Message) {
        let read = if message.is_retained() { Err("it is retained") } else { read(message.payload()) };
        match read {
            Ok(ids) => self.ids.extend(ids),
            Err(why) => ReceiptRefused { why, bytes: message.payload().len() }.tell(),
        }
        message.forget_payload();
        self.messages.push(message);
    }

    fn is_full(&self) -> bool {
        self.messages.len() >= GATHERED_MAX || self.ids.len() >= IDS_MAX
    }
}

/// Receipts that were written, and how many rows they named that wait.
type Written = (Vec<Message>, Result<u32, StoreError>);

async fn write(gathered: Gathered, lane: LaneId, store: Store, clock: Clock) -> Written {
    let Gathered { messages, ids } = gathered;
    let mut known = 0;
    for ids in ids.chunks(IDS_WRITTEN_MAX) {
        let (lane, ids, now) = (lane.clone(), ids.to_vec(), clock.now().wall);
        match store.write_through("taking receipts", move |tx| tx.receipts(&lane, &ids, now)).await {
            Ok(some) => known += some,
            Err(error) => return (messages, Err(error)),
        }
    }
    (messages, Ok(known))
}

struct Taker {
    config: Config,
    topic: String,
    lane: LaneId,
    store: Store,
    clock: Clock,
}

impl Taker {
    /// Session after session, for ever.
    async fn take_receipts(&self) {
        let (mut tries, mut role) = (0, Role::Receiver);
        loop {
            let mut subscribed = false;
            let ended = self.session(role, &mut subscribed).await;
            // A packet larger than we take would come first in every session: the broker is told to forget what it
            // kept. Receipts lost with it are given again when the rows are published again.
            role = if matches!(ended, Unreached::TooLarge { .. }) { Role::FreshReceiver } else { Role::Receiver };
            if subscribed {
                tries = 0;
            }
            ReceiptsLost { why: &ended.to_string(), tries }.tell();
            tokio::time::sleep(delay_after(tries, Jitter::draw())).await;
            tries = tries.saturating_add(1);
        }
    }

    /// One connection; returns what ended it.
    async fn session(&self, role: Role, subscribed: &mut bool) -> Unreached {
        let Err(ended) = self.connection(role, subscribed).await;
        ended
    }

    async fn connection(&self, role: Role, subscribed: &mut bool) -> Result<Infallible, Unreached> {
        let (pen, mut link) = wire::prepare(&self.config, role, QUEUED_MAX).await?;
        let (mut gathered, mut writing) = (Gathered::default(), JoinSet::new());
        loop {
            match self.next_event(&pen, &mut link, &mut gathered, &mut writing).await? {
                Event::Connected => pen.subscribe(self.topic.clone())?,
                Event::Subscribed => {
                    *subscribed = true;
                    ReceiptsOnline.tell();
                }
                Event::NotSubscribed => return Err(self.lost("the broker does not let us subscribe to receipts")),
                Event::Arrived(message) => gathered.take(message),
                _ => {}
            }
        }
    }

    /// Waits for the link while receipts are being written, one batch at a time: a central system that confirms every
    /// event by itself costs a commit for hundreds of them, not for each.
    async fn next_event(
        &self,
        pen: &Pen,
        link: &mut Link,
        gathered: &mut Gathered,
        writing: &mut JoinSet<Written>,
    ) -> Result<Event, Unreached> {
        let mut event = pin!(link.event());
        loop {
            if writing.is_empty() && !gathered.messages.is_empty() {
                writing.spawn(write(
                    std::mem::take(gathered),
                    self.lane.clone(),
                    self.store.clone(),
                    self.clock.clone(),
                ));
            }
            tokio::select! {
                biased;
                Some(written) = writing.join_next() => self.acknowledge(pen, written)?,
                event = &mut event, if !gathered.is_full() => return event,
            }
        }
    }

    /// The broker keeps a receipt until the rows it names are durably done.
    fn acknowledge(&self, pen: &Pen, written: Result<Written, JoinError>) -> Result<(), Unreached> {
        let (messages, known) = written.map_err(|error| self.lost(&error.to_string()))?;
        let known = known.map_err(|error| self.lost(&error.to_string()))?;
        ReceiptsTaken { receipts: messages.len(), known }.tell();
        messages.iter().try_for_each(|message| pen.acknowledge(message))
    }

    fn lost(&self, why: &str) -> Unreached {
        Unreached::Lost { broker: format!("{}:{}", self.config.host, self.config.port), why: why.into() }
    }
}

//! What the central system publishes for us, receipts and commands, in one session that the broker keeps while we are away.
//!
//! A message is acknowledged when what it says is durable: until then the broker keeps it, and brings it again.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::desk::Desk;
use super::facts::{CommandsForgotten, InboundLost, InboundOnline};
use super::gathered::Gathered;
use super::overdue;
use super::topics::Topics;
use super::wire::{self, Event, Link, Message, Pen, Role, Unreached};
use super::{Config, Confirm};
use crate::clock::Clock;
use crate::domain::{LaneId, LanePlan, Policy};
use crate::outbox::{Jitter, delay_after};
use crate::store::{Store, StoreError};
use crate::telemetry::Fact;

/// Acknowledgements not sent yet. There are no more packet ids than this, so that it is never full.
const QUEUED_MAX: usize = 65_536;

/// What commands are obeyed with.
#[derive(Clone, Debug)]
pub struct Commands {
    /// The policy in force.
    pub policy: watch::Receiver<Arc<Policy>>,
    /// Who is told of what they do.
    pub plans: Arc<[LanePlan]>,
}

/// Takes receipts, and commands if there is something to obey them with, until `cancel`. With neither there is nothing to
/// do and it returns at once.
pub async fn run(
    lane: LaneId,
    config: Config,
    commands: Option<Commands>,
    store: Store,
    clock: Clock,
    cancel: CancellationToken,
) {
    let timeout = match config.confirm {
        Confirm::Receipt { timeout } => Some(timeout),
        Confirm::Puback if commands.is_none() => return,
        Confirm::Puback => None,
    };
    let desk = Desk { lane, commands, store, clock, heard: Arc::default() };
    let overdue = async {
        match timeout {
            Some(timeout) => overdue::publish_again(&desk, timeout).await,
            None => std::future::pending().await,
        }
    };
    let taker = Taker { topics: Topics::of(&config), awaits_receipts: timeout.is_some(), config, desk: desk.clone() };
    tokio::select! {
        () = cancel.cancelled() => {}
        () = taker.take_messages() => {}
        () = overdue => {}
    }
}

/// Messages, and whether they were written down.
type Written = (Vec<Message>, Result<(), StoreError>);

struct Taker {
    config: Config,
    topics: Topics,
    awaits_receipts: bool,
    desk: Desk,
}

impl Taker {
    /// Session after session, for ever.
    async fn take_messages(&self) {
        let (mut tries, mut role) = (0, Role::Receiver);
        loop {
            let mut subscribed = false;
            let ended = self.session(role, &mut subscribed).await;
            // A packet larger than we take would come first in every session: the broker is told to forget what it
            // kept. Receipts lost with it are given again when the rows are published again; commands lost with it are
            // never answered, and their sender repeats them.
            role = Role::Receiver;
            if let Unreached::TooLarge { .. } = ended {
                role = Role::FreshReceiver;
                if self.desk.commands.is_some() {
                    CommandsForgotten.tell();
                }
            }
            if subscribed {
                tries = 0;
            }
            InboundLost { why: &ended.to_string(), tries }.tell();
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
                // The session that forgot is not one that the broker keeps: what came next would be lost with it.
                Event::Connected if role == Role::FreshReceiver => return Err(self.lost("beginning anew")),
                Event::Connected => self.subscribe(&pen)?,
                Event::Subscribed => {
                    *subscribed = true;
                    self.online().tell();
                }
                Event::NotSubscribed => {
                    return Err(self.lost("the broker does not let us subscribe to what is published for us"));
                }
                Event::Arrived(message) => gathered.take(message, &self.topics, &self.desk),
                _ => {}
            }
        }
    }

    /// What is not awaited any more, though an earlier configuration subscribed to it, is left.
    fn subscribe(&self, pen: &Pen) -> Result<(), Unreached> {
        let topics =
            [(self.topics.receipt(), self.awaits_receipts), (self.topics.commands(), self.desk.commands.is_some())];
        let (wanted, left): (Vec<_>, Vec<_>) = topics.into_iter().partition(|(_, awaited)| *awaited);
        left.into_iter().try_for_each(|(topic, _)| pen.unsubscribe(topic))?;
        pen.subscribe(wanted.into_iter().map(|(topic, _)| topic))
    }

    fn online(&self) -> InboundOnline {
        InboundOnline { receipts: self.awaits_receipts, commands: self.desk.commands.is_some() }
    }

    /// Waits for the link while messages are being written, one batch at a time: a central system that confirms every
    /// event by itself costs a commit for hundreds of them, not for each. Nothing is acknowledged out of turn.
    async fn next_event(
        &self,
        pen: &Pen,
        link: &mut Link,
        gathered: &mut Gathered,
        writing: &mut JoinSet<Written>,
    ) -> Result<Event, Unreached> {
        let mut event = pin!(link.event());
        loop {
            if writing.is_empty() && !gathered.is_empty() {
                writing.spawn(write(self.desk.clone(), std::mem::take(gathered)));
            }
            tokio::select! {
                biased;
                Some(written) = writing.join_next() => self.acknowledge(pen, written)?,
                event = &mut event, if !gathered.is_full() => return event,
            }
        }
    }

    /// The broker keeps a message until what it says is durably done.
    fn acknowledge(&self, pen: &Pen, written: Result<Written, JoinError>) -> Result<(), Unreached> {
        let (messages, written) = written.map_err(|error| self.lost(&error.to_string()))?;
        written.map_err(|error| self.lost(&error.to_string()))?;
        messages.iter().try_for_each(|message| pen.acknowledge(message))
    }

    fn lost(&self, why: &str) -> Unreached {
        Unreached::Lost { broker: format!("{}:{}", self.config.host, self.config.port), why: why.into() }
    }
}

/// Receipts first: they are taken even while the disk is full, and commands are not.
async fn write(desk: Desk, gathered: Gathered) -> Written {
    let Gathered { messages, ids, commands, .. } = gathered;
    let written = async {
        desk.take_receipts(&ids).await?;
        desk.obey(commands).await
    };
    let written = written.await;
    (messages, written)
}

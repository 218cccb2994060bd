//! The MQTT lane: rows out as fast as the window allows, and done only at the broker's acknowledgement of that very row.

use std::collections::HashMap;
use std::pin::pin;

use super::ledger::Ledger;
use super::silence::{Outstanding, Silence};
use super::status;
use super::topics::Topics;
use super::wire::{self, Event, Link, Pen, Role, Unreached};
use super::{Config, Confirm};
use crate::clock::Clock;
use crate::domain::{OutboxRow, PersonId, RowId, RowOutcome};
use crate::outbox::{self, Deliver, Feed, Named, RowOrder, SessionLost};
use crate::store::StoreError;

/// Rows published and not durably acknowledged, at most. Measured: more gives no speed; a crash repeats at most so many.
const WINDOW: usize = 512;
/// Room in the client's queue for the window, the status and the goodbye.
const QUEUED_MAX: usize = WINDOW + 8;
/// Rows handed over between two looks at the network, and people looked up at a time.
const BATCH: usize = 64;

/// The central system behind its broker.
pub struct Mqtt {
    config: Config,
    clock: Clock,
    topics: Topics,
}

/// What a publish was for.
#[derive(Debug, PartialEq, Eq)]
enum Sent {
    Row(RowId),
    Status,
}

/// One connection: what was written in it, and for which rows.
struct Session {
    pen: Pen,
    ledger: Ledger<Sent>,
    acknowledged: u64,
    silence: Silence,
}

/// The people of a batch: nobody any more, known by name, or not readable now.
type Names = HashMap<PersonId, Result<Option<Named>, StoreError>>;

impl Mqtt {
    /// A lane to the configured broker; it connects when it is run.
    #[must_use]
    pub fn new(config: Config, clock: Clock) -> Self {
        Self { topics: Topics::of(&config), config, clock }
    }
}

impl Deliver for Mqtt {
    fn window(&self) -> usize {
        WINDOW
    }

    fn order(&self) -> RowOrder {
        RowOrder::InStream
    }

    async fn session(&mut self, feed: &mut Feed) -> Result<(), SessionLost> {
        let (pen, mut link) = wire::prepare(&self.config, Role::Publisher, QUEUED_MAX).await.map_err(lost)?;
        while !matches!(link.event().await.map_err(lost)?, Event::Connected) {}
        let mut session = Session { pen, ledger: Ledger::new(), acknowledged: 0, silence: Silence::default() };
        session.say(&self.topics, status::online(self.clock.now().wall)).map_err(lost)?;
        feed.online();
        while !(feed.is_draining() && session.ledger.is_empty()) {
            let event = self.publish_until_event(&mut session, &mut link, feed).await?;
            session.on(event, feed, self)?;
        }
        session.leave(&self.topics, &mut link).await.map_err(lost)
    }
}

impl Mqtt {
    /// What the broker's acknowledgement makes of a row.
    fn acknowledged_means(&self) -> RowOutcome {
        match self.config.confirm {
            Confirm::Puback => RowOutcome::Delivered,
            Confirm::Receipt { .. } => RowOutcome::Sent,
        }
    }

    /// Feeds rows to the connection while it is being polled, until it tells something. The poll is never dropped half
    /// way: it may have a packet half written.
    async fn publish_until_event(
        &self,
        session: &mut Session,
        link: &mut Link,
        feed: &mut Feed,
    ) -> Result<Event, SessionLost> {
        let mut event = pin!(link.event());
        if let Some(row) = feed.try_next() {
            self.publish(session, feed, row).await?;
        }
        loop {
            tokio::select! {
                biased;
                event = &mut event => return event.map_err(lost),
                row = feed.next(), if !feed.is_draining() => match row {
                    Some(row) => self.publish(session, feed, row).await?,
                    // Draining begins: with nothing outstanding no event would come to end the wait.
                    None if session.ledger.is_empty() => return Ok(Event::Other),
                    None => {}
                },
            }
        }
    }

    /// Publishes a row and those ready behind it.
    async fn publish(&self, session: &mut Session, feed: &mut Feed, first: OutboxRow) -> Result<(), SessionLost> {
        let mut rows = vec![first];
        rows.extend(std::iter::from_fn(|| feed.try_next()).take(BATCH - 1));
        let names = self.names(feed, &rows).await?;
        for row in rows {
            let named = match row.person.and_then(|person| names.get(&person)) {
                Some(Err(error)) => {
                    feed.settle(row.id, RowOutcome::Later(error.to_string()));
                    continue;
                }
                Some(Ok(named)) => named.as_ref(),
                None => None,
            };
            match outbox::event(&self.config.site, &row, named) {
                Ok(event) => {
                    session.pen.publish(self.topics.fact(row.kind), event).map_err(lost)?;
                    session.ledger.taken(Sent::Row(row.id));
                }
                Err(refused) => feed.settle(row.id, RowOutcome::Never(refused.to_string())),
            }
        }
        Ok(())
    }

    /// Looks names up when they are sent: an erased person has none any more. One unreadable person does not hold up
    /// the others.
    async fn names(&self, feed: &Feed, rows: &[OutboxRow]) -> Result<Names, SessionLost> {
        if !self.config.include_person {
            return Ok(Names::new());
        }
        let people: Vec<_> = rows.iter().filter_map(|row| row.person).collect();
        let read = feed.store().read("looking up names for events", move |view| {
            let name = |id| view.person_by_id(id).map(|found| found.map(|stored| Named::from(&stored.person)));
            Ok(people.into_iter().map(|id| (id, name(id))).collect())
        });
        read.await.map_err(|error| SessionLost(error.to_string()))
    }
}

impl Session {
    fn on(&mut self, event: Event, feed: &mut Feed, lane: &Mqtt) -> Result<(), SessionLost> {
        match event {
            Event::Left(packet) => {
                believed(self.ledger.left(packet), || format!("packet id {packet} left out of turn"))
            }
            Event::Acknowledged(packet) => {
                self.acknowledged += 1;
                if let Some(Sent::Row(row)) = self.ledger.acknowledged(packet) {
                    feed.settle(row, lane.acknowledged_means());
                }
                Ok(())
            }
            _ => {
                let outstanding = if self.ledger.is_empty() { Outstanding::Nothing } else { Outstanding::Something };
                let silent = self.silence.is_too_long(self.acknowledged, outstanding, lane.clock.now().uptime);
                believed(!silent, || "the broker acknowledges nothing any more".into())
            }
        }
    }

    fn say(&mut self, topics: &Topics, status: impl Into<Vec<u8>>) -> Result<(), Unreached> {
        self.pen.publish_retained(topics.status(), status)?;
        self.ledger.taken(Sent::Status);
        Ok(())
    }

    /// Says offline and goodbye; a goodbye on the wire means that everything before it is, too.
    async fn leave(&mut self, topics: &Topics, link: &mut Link) -> Result<(), Unreached> {
        self.say(topics, status::OFFLINE)?;
        self.pen.say_goodbye()?;
        while !matches!(link.event().await?, Event::SaidGoodbye) {}
        Ok(())
    }
}

fn believed(holds: bool, why_not: impl FnOnce() -> String) -> Result<(), SessionLost> {
    if holds { Ok(()) } else { Err(SessionLost(why_not())) }
}

fn lost(error: Unreached) -> SessionLost {
    SessionLost(error.to_string())
}

//! The lane of one webhook: a few events under way at once, each person's in order, done when the receiver answers 2xx.

use std::future::pending;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::Config;
use super::answer::Answer;
use super::client::Client;
use super::facts::{EventPosted, ReceiverGone};
use super::patience::Patience;
use crate::clock::Clock;
use crate::domain::{ClockQuality, OutboxRow, RowId, RowOutcome, Uptime};
use crate::outbox::{self, Deliver, Feed, SessionLost};
use crate::telemetry::Fact;

/// Events under way at once: enough to hide the way to a distant receiver, few enough not to press on a small one.
const WINDOW: usize = 8;

/// One receiver of events.
pub struct Webhook {
    config: Config,
    /// What the receiver is reached with, from the first session on.
    client: Option<Arc<Client>>,
    clock: Clock,
    patience: Patience,
    /// The receiver asked to be left alone until then.
    resting_until: Option<Uptime>,
}

/// How a session stands.
#[derive(Default)]
struct Session {
    reached: bool,
    /// Why it is over: nothing new is sent, what is under way is waited for.
    over: Option<String>,
}

impl Webhook {
    /// A lane to the configured receiver. A TLS provider must be installed in the process.
    #[must_use]
    pub fn new(config: Config, clock: Clock) -> Self {
        Self { config, client: None, clock, patience: Patience::default(), resting_until: None }
    }

    /// The client of a session. Authorities are read anew, so that those that were renewed are trusted without a restart;
    /// without a file of them, one client does for all sessions.
    async fn client(&mut self) -> Result<Arc<Client>, SessionLost> {
        if let (Some(client), None) = (&self.client, &self.config.ca_file) {
            return Ok(Arc::clone(client));
        }
        let (config, clock) = (self.config.clone(), self.clock.clone());
        let made = tokio::task::spawn_blocking(move || Client::new(&config, clock)).await;
        let made = made.map_err(|stopped| stopped.to_string()).and_then(|made| made.map_err(|why| why.to_string()));
        let client = Arc::new(made.map_err(SessionLost)?);
        self.client = Some(Arc::clone(&client));
        Ok(client)
    }

    /// The request that tells a row, or what becomes of a row that cannot be told.
    fn telling(
        &self,
        client: &Arc<Client>,
        row: OutboxRow,
    ) -> Result<impl Future<Output = (RowId, Answer)> + use<>, RowOutcome> {
        let event = outbox::event(&self.config.site, &row, None);
        let event = event.map_err(|refused| RowOutcome::Never(refused.to_string()))?;
        let (client, clock, lane) = (Arc::clone(client), self.clock.clone(), self.config.lane.clone());
        Ok(async move {
            let started = clock.now().uptime;
            let answer = client.post(&row.key, event).await;
            EventPosted { lane: &lane, answer: &answer, took: clock.now().uptime.since(started) }.tell();
            (row.id, answer)
        })
    }

    fn take(&mut self, row: RowId, answer: Answer, session: &mut Session, feed: &mut Feed) {
        let answer = match answer {
            // Receivers refuse what was signed at another time than theirs: that says nothing about the event.
            Answer::Refused { status, .. } if self.clock.now().quality == ClockQuality::Untrusted => {
                Answer::Failed(format!("status {status} while this machine's clock is wrong"))
            }
            other => other,
        };
        if answer == Answer::Taken && !session.reached {
            session.reached = true;
            feed.online();
        }
        let was_gone = self.patience.is_gone();
        let reaction = self.patience.react(row, answer);
        if self.patience.is_gone() && !was_gone {
            ReceiverGone { lane: &self.config.lane }.tell();
        }
        if let Some(rest) = reaction.rest {
            self.resting_until = Some(self.clock.now().uptime.after(rest));
        }
        if session.over.is_none() {
            session.over = reaction.ends;
        }
        feed.settle(row, reaction.outcome);
    }

    /// Waits until the receiver may be asked; for ever if it wants no more. The lane drops this wait when it has to end.
    async fn until_welcome(&self) {
        if self.patience.is_gone() {
            pending::<()>().await;
        }
        if let Some(until) = self.resting_until {
            tokio::time::sleep(until.since(self.clock.now().uptime)).await;
        }
    }
}

impl Deliver for Webhook {
    fn window(&self) -> usize {
        WINDOW
    }

    /// A receiver cannot be logged in to: it counts as reached with the first event it takes.
    async fn session(&mut self, feed: &mut Feed) -> Result<(), SessionLost> {
        self.until_welcome().await;
        let client = self.client().await?;
        self.patience.begin_session();
        let (mut session, mut under_way) = (Session::default(), FuturesUnordered::new());
        loop {
            let wants_more = session.over.is_none() && !feed.is_draining();
            tokio::select! {
                biased;
                Some((row, answer)) = under_way.next() => self.take(row, answer, &mut session, feed),
                row = feed.next(), if wants_more => if let Some(row) = row {
                    let id = row.id;
                    match self.telling(&client, row) {
                        Ok(telling) => under_way.push(telling),
                        Err(outcome) => feed.settle(id, outcome),
                    }
                },
                else => return session.over.map_or(Ok(()), |why| Err(SessionLost(why))),
            }
        }
    }
}

//! The Mywellness lane: takes a row, looks up its person, does the one step it asks for, and says what became of it.

use jiff::tz::TimeZone;
use tokio::sync::oneshot;

use super::actions::Filled;
use super::client::{CallError, Client};
use super::courier::{self, Creation};
use super::enquiry::{self, Answer, Asked, Enquiries, Unanswered};
use super::facts::{CheckInResent, MatchInDoubt, PersonLinked, VisitResent};
use super::outcome::{self, Before, Call};
use super::plan::{Known, Rules, Step, plan};
use super::reach::BadSetup;
use super::records::Records;
use super::template::{Placeholder, Values};
use super::wire::{CreateBody, UpdateBody, VisitBody};
use super::{Config, translate};
use crate::clock::Clock;
use crate::domain::{ExternalId, FactKind, Hold, OutboxRow, RowOutcome};
use crate::outbox::{Deliver, Feed, SessionLost};
use crate::store::StoreError;
use crate::telemetry::Fact;

/// What else is to be told of a person who has just become known there.
const LINKED_WITH: [FactKind; 2] = [FactKind::Membership, FactKind::Groups];

/// The lane's side of Mywellness: one facility, one call at a time.
pub struct Mywellness {
    config: Config,
    timezone: TimeZone,
    clock: Clock,
    client: Client,
    enquiries: Enquiries,
    asked: Asked,
}

/// Why a row was not settled in the ordinary way.
enum Undone {
    /// Our own store failed: the row stays as it is there.
    Here(SessionLost),
    /// A call failed.
    There(CallError, Call),
}

impl From<StoreError> for Undone {
    fn from(error: StoreError) -> Self {
        Self::Here(SessionLost(error.to_string()))
    }
}

impl From<SessionLost> for Undone {
    fn from(lost: SessionLost) -> Self {
        Self::Here(lost)
    }
}

impl Mywellness {
    /// A lane for the configured facility. `timezone` is the site's: visits are told in local time. A TLS provider
    /// must be installed in the process.
    ///
    /// # Errors
    /// When the address or the key can never work.
    pub fn new(config: Config, timezone: TimeZone, clock: Clock) -> Result<Self, BadSetup> {
        let client = Client::new(&config, clock.clone())?;
        let (enquiries, asked) = enquiry::enquiries(config.actions.activities.is_some());
        Ok(Self { config, timezone, clock, client, enquiries, asked })
    }

    /// Where questions to Mywellness are asked.
    #[must_use]
    pub fn enquiries(&self) -> Enquiries {
        self.enquiries.clone()
    }

    async fn deliver(&mut self, row: &OutboxRow, feed: &mut Feed) -> Result<RowOutcome, Undone> {
        let records = Records::of(feed, self.clock.clone());
        let Some(known) = records.known(row).await? else {
            return Ok(RowOutcome::Suppressed("the person was erased".into()));
        };
        let rules = Rules { config: &self.config, timezone: &self.timezone };
        match plan(row, &known, &rules, self.clock.now()) {
            Step::Settle(outcome) => return Ok(outcome),
            Step::LinkFirst => {
                records.ask_for_link(known.id, known.person.external_id).await?;
                return Ok(RowOutcome::Held(Hold::Link));
            }
            Step::NeverLink(why) => {
                records.release_held(known.id).await?;
                return Ok(RowOutcome::Suppressed(why.to_string()));
            }
            Step::Create { body, before } => return self.link(row, &known, (&body, before), feed).await,
            Step::Visit { user, body, before } => self.visit(row, &user, (&body, before), feed).await?,
            Step::CheckIn { call, before } => self.check_in(row, (&call, before), feed).await?,
            Step::Update { facility_user, body } => self.update(&facility_user, &body).await?,
            Step::SaveMembership { facility_user, body } => {
                let permit = self.client.permit().await.map_err(repeatable)?;
                courier::save_membership(&mut self.client, permit, &facility_user, &body).await.map_err(repeatable)?;
            }
        }
        Ok(RowOutcome::Delivered)
    }

    async fn update(&mut self, facility_user: &str, body: &UpdateBody) -> Result<(), Undone> {
        let permit = self.client.permit().await.map_err(repeatable)?;
        courier::update(&mut self.client, permit, facility_user, body).await.map_err(repeatable)
    }

    async fn visit(
        &mut self,
        row: &OutboxRow,
        user: &str,
        (body, before): (&VisitBody, Before),
        feed: &mut Feed,
    ) -> Result<(), Undone> {
        let once = |error| Undone::There(error, Call::Once(before));
        let permit = self.client.permit().await.map_err(once)?;
        feed.begin(row).await?;
        if before == Before::InDoubt {
            VisitResent { visit: &row.key }.tell();
        }
        courier::visit(&mut self.client, permit, user, body).await.map_err(once)
    }

    async fn check_in(
        &mut self,
        row: &OutboxRow,
        (call, before): (&Filled, Before),
        feed: &mut Feed,
    ) -> Result<(), Undone> {
        let once = |error| Undone::There(error, Call::Once(before));
        let permit = self.client.permit().await.map_err(once)?;
        feed.begin(row).await?;
        if before == Before::InDoubt {
            CheckInResent { attendance: &row.key }.tell();
        }
        courier::written(&mut self.client, permit, "check_in", call).await.map(drop).map_err(once)
    }

    /// Answers a question, unless whoever asked has gone.
    async fn enquire(&mut self, answer: oneshot::Sender<Answer>) -> Result<(), SessionLost> {
        if answer.is_closed() {
            return Ok(());
        }
        match self.activities().await {
            Ok(activities) => {
                let _gone = answer.send(activities);
                Ok(())
            }
            Err(error) => {
                let _gone = answer.send(Err(Unanswered::Failed(error.to_string())));
                if outcome::ends_session(&error) { Err(SessionLost(error.to_string())) } else { Ok(()) }
            }
        }
    }

    async fn activities(&mut self) -> Result<Answer, CallError> {
        let Some(action) = &self.config.actions.activities else { return Ok(Err(Unanswered::NotWrittenDown)) };
        let Some(call) = action.call.fill(&self.coming_weeks()) else {
            return Ok(Err(Unanswered::Failed("filled in, the path of the action leads elsewhere".into())));
        };
        let permit = self.client.permit().await?;
        let data = courier::written(&mut self.client, permit, "activities", &call).await?;
        let found = enquiry::read(&data, action);
        Ok(found.ok_or_else(|| Unanswered::Failed(format!("the answer has no list at {}", action.items))))
    }

    fn coming_weeks(&self) -> Values {
        let today = self.clock.now().wall.to_zoned(self.timezone.clone()).date();
        let day = |date: jiff::civil::Date| date.strftime("%Y%m%d").to_string();
        let last = today.saturating_add(jiff::Span::new().weeks(4));
        Values::from([(Placeholder::FromDay, day(today)), (Placeholder::ToDay, day(last))])
    }

    /// Makes or matches the person, remembers who they are there, and tells the rest of their data.
    async fn link(
        &mut self,
        row: &OutboxRow,
        Known { id, person, .. }: &Known,
        (body, before): (&CreateBody, Before),
        feed: &mut Feed,
    ) -> Result<RowOutcome, Undone> {
        let (link, how) = match self.make_or_match(row, (body, before), feed).await? {
            Creation::Linked { link, how } => (link, how),
            Creation::Ambiguous { candidates } => {
                let why = format!("ambiguous match: {candidates} candidates");
                return Ok(in_doubt(&person.external_id, why));
            }
        };
        let facility_user = link.facility_user_id.clone();
        let marks = self.config.send.iter().copied().filter(|kind| LINKED_WITH.contains(kind)).collect();
        let records = Records::of(feed, self.clock.clone());
        if let Some(other) = records.save_link(*id, person.external_id.clone(), link, marks).await? {
            let why = format!("the person found at Mywellness is already linked to {other}");
            return Ok(in_doubt(&person.external_id, why));
        }
        PersonLinked { person: &person.external_id, how: &how }.tell();
        self.update(&facility_user, &translate::update(person)).await?;
        Ok(RowOutcome::Delivered)
    }

    async fn make_or_match(
        &mut self,
        row: &OutboxRow,
        (body, before): (&CreateBody, Before),
        feed: &mut Feed,
    ) -> Result<Creation, Undone> {
        let once = |error| Undone::There(error, Call::Once(before));
        // A try that was only put off is looked up as well: one question more, and never a second person.
        if before == Before::InDoubt || row.attempts > 0 {
            let permit = self.client.permit().await.map_err(once)?;
            let now = self.clock.now().wall;
            let found = courier::find(&mut self.client, permit, &body.external_id, now).await.map_err(once)?;
            if let Some(link) = found {
                return Ok(Creation::Linked { link, how: "found".into() });
            }
        }
        // What is looked up and not there is as if it had never been tried.
        let once = |error| Undone::There(error, Call::Once(Before::Untold));
        let permit = self.client.permit().await.map_err(once)?;
        feed.begin(row).await?;
        courier::create(&mut self.client, permit, body, self.clock.now().wall).await.map_err(once)
    }
}

impl Deliver for Mywellness {
    /// One: the next call needs the token of the last answer, and one facility is asked about once a second anyway.
    fn window(&self) -> usize {
        1
    }

    /// Logs in first, whatever token there is: of all calls it alone leaves no doubt when its answer is lost.
    async fn session(&mut self, feed: &mut Feed) -> Result<(), SessionLost> {
        self.client.log_in().await.map_err(|error| SessionLost(error.to_string()))?;
        feed.online();
        loop {
            let row = tokio::select! {
                biased;
                Some(answer) = self.asked.recv() => {
                    self.enquire(answer).await?;
                    continue;
                }
                row = feed.next() => row,
            };
            let Some(row) = row else { return Ok(()) };
            match self.deliver(&row, feed).await {
                Ok(outcome) => feed.settle(row.id, outcome),
                Err(Undone::Here(lost)) => return Err(lost),
                Err(Undone::There(error, call)) => {
                    feed.settle(row.id, outcome::of(&error, call));
                    if outcome::ends_session(&error) {
                        return Err(SessionLost(error.to_string()));
                    }
                }
            }
        }
    }
}

fn repeatable(error: CallError) -> Undone {
    Undone::There(error, Call::Repeatable)
}

fn in_doubt(person: &ExternalId, why: String) -> RowOutcome {
    MatchInDoubt { person, why: &why }.tell();
    RowOutcome::Never(why)
}

#[cfg(test)]
mod tests;

//! The Mywellness lane: takes a row, looks up its person, does the one step it asks for, and says what became of it.

use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::oneshot;

use super::Config;
use super::actions::Filled;
use super::client::{CallError, Client};
use super::courier::{self, Creation};
use super::enquiry::{self, Answer, Asked, Enquiries, Unanswered};
use super::facts::{CheckInResent, MatchInDoubt, PersonLinked, VisitResent};
use super::hook::{self, Ear, Heard, News};
use super::outcome::{self, Before, Call, Foretold, Others};
use super::plan::{self, Known, Rules, Step, plan};
use super::reach::BadSetup;
use super::records::{Linking, Records};
use super::template::{Placeholder, Values};
use super::wire::{CreateBody, VisitBody};
use crate::clock::Clock;
use crate::domain::{ExternalId, FactKind, Hold, OutboxRow, RowOutcome, Uptime};
use crate::outbox::{Deliver, Feed, SessionLost};
use crate::store::StoreError;
use crate::sync::{self, Attempt, Candidate, Cause, Personalia, Subject, Told};
use crate::telemetry::Fact;

/// So many failures in a row, each of another row, are no longer those of single rows, unless the service answers something
/// else. One person whose data it fails at must not have the lane back off from everybody, and an outage is known after
/// seconds.
const FAILURES_IN_A_ROW_MAX: u32 = 3;
/// How long one success says that Mywellness does what it is asked: the longest that a row which fails is left alone.
const WELL_FOR: Duration = Duration::from_secs(60 * 60);
/// So often nobody is found who is to be deleted before they count as not there: some minutes, for a creation that is
/// still under way there.
const LOOKED_FOR: u32 = 3;
/// A row that was taken after so many failures of its own says that what was wrong there is mended.
const MENDED_AFTER: u32 = 3;

/// The lane's side of Mywellness: one facility, one call at a time.
pub struct Mywellness {
    config: Config,
    timezone: TimeZone,
    clock: Clock,
    client: Client,
    enquiries: Enquiries,
    asked: Asked,
    /// When a row was last taken there.
    taken_at: Option<Uptime>,
}

/// Why a row was not settled in the ordinary way.
enum Undone {
    /// Our own store failed: the row stays as it is there.
    Here(SessionLost),
    /// A call failed.
    There(CallError, Call),
}

/// What became of a row, and what that says of its person's integration.
struct Done {
    outcome: RowOutcome,
    cause: Option<Cause>,
    told: Option<String>,
    candidates: Vec<Candidate>,
}

impl From<RowOutcome> for Done {
    fn from(outcome: RowOutcome) -> Self {
        Self { outcome, cause: None, told: None, candidates: Vec::new() }
    }
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
        Ok(Self { config, timezone, clock, client, enquiries, asked, taken_at: None })
    }

    /// Where questions to Mywellness are asked.
    #[must_use]
    pub fn enquiries(&self) -> Enquiries {
        self.enquiries.clone()
    }

    async fn deliver(&mut self, row: &OutboxRow, feed: &mut Feed) -> Result<Done, Undone> {
        if let Some(news) = hook::noted(row) {
            return Ok(self.hear_again(news, feed).await?.into());
        }
        let records = Records::of(feed, self.clock.clone());
        let known = records.known(row).await?;
        let rules = Rules { config: &self.config, timezone: &self.timezone };
        let step = match &known {
            Some(known) => plan(row, known, &rules, self.clock.now()),
            // An order to delete outlives its person.
            None if row.kind == FactKind::Erasure => plan::erasure(row),
            None => return Ok(RowOutcome::Suppressed("the person was erased".into()).into()),
        };
        match (step, &known) {
            (Step::Create { body, before }, Some(known)) => self.link(row, known, (&body, before), feed).await,
            (Step::LinkFirst, Some(known)) => {
                records.ask_for_link(known.id, known.person.external_id.clone()).await?;
                Ok(RowOutcome::Held(Hold::Link).into())
            }
            (Step::NeverLink(why), Some(known)) => {
                records.release_held(known.id).await?;
                Ok(Done { cause: Some(why.cause()), ..RowOutcome::Suppressed(why.to_string()).into() })
            }
            (step, Some(known)) if repeats_in_doubt(&step) => {
                self.is_answering(known.person.external_id.as_str()).await?;
                self.tell(row, step, feed).await
            }
            (step, _) => self.tell(row, step, feed).await,
        }
    }

    /// Asks something harmless: before a visit is told again whose answer was lost, because while Mywellness answers nothing
    /// every further try would be one more that may stand there; and after failures in a row, which may be those of one
    /// action.
    async fn is_answering(&mut self, person: &str) -> Result<(), Undone> {
        let probe = |error| Undone::There(error, Call::Probe);
        let permit = self.client.permit().await.map_err(probe)?;
        let now = self.clock.now().wall;
        courier::find(&mut self.client, permit, person, now).await.map(drop).map_err(probe)
    }

    /// A note that an operator retried: what it could not do when it came may be possible today.
    async fn hear_again(&self, news: Result<News, serde_json::Error>, feed: &Feed) -> Result<RowOutcome, StoreError> {
        let Ok(news) = news else { return Ok(RowOutcome::Never("this note cannot be read; discard it".into())) };
        let Config { facility_url, rules, .. } = self.config.clone();
        let (lane, timezone, now) = (feed.lane().clone(), self.timezone.clone(), self.clock.now().wall);
        // What a note keeps was read when it came.
        let ear = Ear { lane, facility_url, rules, timezone, classes: None };
        let hearing = feed.store().write("hearing noted news again", move |tx| ear.act(tx, &news, now));
        Ok(match hearing.await? {
            Ok(Heard::Overtaken) => RowOutcome::Suppressed("overtaken by later news".into()),
            Ok(_) => RowOutcome::Delivered,
            Err(doubt) => RowOutcome::Never(doubt.why.into()),
        })
    }

    /// What needs nothing but calls.
    async fn tell(&mut self, row: &OutboxRow, step: Step, feed: &mut Feed) -> Result<Done, Undone> {
        let told = match step {
            Step::Settle(outcome, cause) => return Ok(Done { cause, ..outcome.into() }),
            Step::Visit { user, body, before } => {
                self.visit(row, &user, (&body, before), feed).await?;
                None
            }
            Step::CheckIn { call, before } => {
                self.check_in(row, (&call, before), feed).await?;
                None
            }
            Step::Update { facility_user, body, told } => {
                let permit = self.client.permit().await.map_err(repeatable)?;
                courier::update(&mut self.client, permit, &facility_user, &body).await.map_err(repeatable)?;
                Some(told)
            }
            Step::SaveMembership { facility_user, bodies, told } => {
                for body in &bodies {
                    let permit = self.client.permit().await.map_err(repeatable)?;
                    let saving = courier::save_membership(&mut self.client, permit, &facility_user, body);
                    saving.await.map_err(repeatable)?;
                }
                Some(told)
            }
            Step::Say { action, call, told } => {
                let permit = self.client.permit().await.map_err(repeatable)?;
                courier::written(&mut self.client, permit, action, &call).await.map_err(repeatable)?;
                Some(told)
            }
            Step::Delete { facility_user } => {
                self.delete(row, &facility_user, feed).await?;
                None
            }
            Step::DeleteWhoever { external_id } => {
                let permit = self.client.permit().await.map_err(repeatable)?;
                let now = self.clock.now().wall;
                let finding = courier::find_for_certain(&mut self.client, permit, external_id.as_str(), now);
                match finding.await.map_err(repeatable)? {
                    Some(link) => self.delete(row, &link.facility_user_id, feed).await?,
                    None if row.failures < LOOKED_FOR => {
                        let why = "nobody is found there yet; a creation whose answer was lost may still come";
                        return Ok(RowOutcome::Failed(why.into()).into());
                    }
                    None => self.deleted(row, feed).await?,
                }
                None
            }
            Step::LinkFirst | Step::NeverLink(_) | Step::Create { .. } => {
                return Ok(RowOutcome::Suppressed("the person was erased".into()).into());
            }
        };
        Ok(Done { told, ..RowOutcome::Delivered.into() })
    }

    async fn delete(&mut self, row: &OutboxRow, facility_user: &str, feed: &Feed) -> Result<(), Undone> {
        let permit = self.client.permit().await.map_err(repeatable)?;
        courier::delete(&mut self.client, permit, facility_user).await.map_err(repeatable)?;
        self.deleted(row, feed).await
    }

    /// Nothing is kept of whom an order was about that is nobody's; somebody who is still here knows of theirs.
    async fn deleted(&self, row: &OutboxRow, feed: &Feed) -> Result<(), Undone> {
        if row.person.is_none() {
            Records::of(feed, self.clock.clone()).deletion_done(row.id).await?;
        }
        Ok(())
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

    /// What becomes of a row at which a call failed.
    fn undone(&self, row: &OutboxRow, error: &CallError, call: Call) -> Done {
        let (now, own) = (self.clock.now().uptime, outcome::of(error, call));
        let goes_well = self.taken_at.is_some_and(|at| now.since(at) < WELL_FOR);
        let failed_by_itself = matches!(own, RowOutcome::Failed(_));
        let outcome = outcome::enough(row, own, if goes_well { Others::GoWell } else { Others::Unknown });
        Done { cause: Some(if failed_by_itself { Cause::Failing } else { Cause::Refused }), ..outcome.into() }
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
                if outcome::foretold(&error) == Foretold::Nothing {
                    Ok(())
                } else {
                    Err(SessionLost(error.to_string()))
                }
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
        Known { id, person, integration, .. }: &Known,
        (body, before): (&CreateBody, Before),
        feed: &mut Feed,
    ) -> Result<Done, Undone> {
        let (link, how) = match self.make_or_match(row, (body, before), feed).await? {
            Creation::Linked { link, how } => (link, how),
            Creation::Ambiguous { count, candidates } => {
                let why = format!("ambiguous match: {count} candidates");
                let done = in_doubt(&person.external_id, why, Cause::Ambiguous);
                return Ok(Done { candidates, ..done });
            }
        };
        let facility_user = link.facility_user_id.clone();
        // Somebody who was found by our key may have other data there.
        let is_new_or_same = matches!(how.as_str(), "Created" | "MatchFound");
        let told = is_new_or_same.then(|| Personalia::of(person).at_creation());
        let now = self.clock.now().wall.to_zoned(self.timezone.clone());
        let photo_taken_at = person.photo.as_ref().map(|photo| photo.taken_at);
        let subject = Subject { person, photo_taken_at, now: &now };
        let mut marks = sync::differing(&subject, &Told::default(), &self.config.rules);
        marks.retain(|kind| *kind != FactKind::Person);
        let records = Records::of(feed, self.clock.clone());
        let saved = (link, told.as_ref().map(plan::as_told));
        match records.save_link(*id, person.external_id.clone(), saved, marks).await? {
            Linking::Linked => {}
            Linking::Unwanted => {
                let why = "the integration was deleted while the person was made known";
                return Ok(Done { cause: Some(Cause::Deleted), ..RowOutcome::Suppressed(why.into()).into() });
            }
            Linking::TakenBy(other) => {
                let why = format!("the person found at Mywellness is already linked to {other}");
                return Ok(in_doubt(&person.external_id, why, Cause::LinkedElsewhere));
            }
        }
        PersonLinked { person: &person.external_id, how: &how }.tell();
        let rest = plan::update(&facility_user, person, told.as_ref(), integration.complete && told.is_none());
        self.tell(row, rest, feed).await
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
        let mut failed_in_a_row = 0;
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
                Ok(done) => {
                    failed_in_a_row = 0;
                    let is_taken = done.outcome == RowOutcome::Delivered;
                    settle(feed, &row, done);
                    if is_taken {
                        self.taken_at = Some(self.clock.now().uptime);
                    }
                    if is_taken && row.failures >= MENDED_AFTER {
                        feed.try_all_again();
                    }
                }
                Err(Undone::Here(lost)) => return Err(lost),
                Err(Undone::There(error, call)) => {
                    settle(feed, &row, self.undone(&row, &error, call));
                    // What failed before says nothing of the others.
                    failed_in_a_row += u32::from(row.failures == 0);
                    if failed_in_a_row >= FAILURES_IN_A_ROW_MAX && self.is_answering(&row.key).await.is_ok() {
                        failed_in_a_row = 0;
                    }
                    if ends_session(&error, &row, failed_in_a_row) {
                        return Err(SessionLost(error.to_string()));
                    }
                }
            }
        }
    }
}

/// Whether a step tells again what may stand there already.
fn repeats_in_doubt(step: &Step) -> bool {
    matches!(step, Step::Visit { before: Before::InDoubt, .. } | Step::CheckIn { before: Before::InDoubt, .. })
}

/// Whether the lane backs off after a failure, rather than go on with the next row.
fn ends_session(error: &CallError, row: &OutboxRow, failed_in_a_row: u32) -> bool {
    match outcome::foretold(error) {
        Foretold::Nothing => false,
        // What cannot be told twice without harm is not sent after another of its kind whose answer was lost.
        Foretold::Perhaps => outcome::is_told_once(row) || failed_in_a_row >= FAILURES_IN_A_ROW_MAX,
        Foretold::TheSame => true,
    }
}

fn repeatable(error: CallError) -> Undone {
    Undone::There(error, Call::Repeatable)
}

fn in_doubt(person: &ExternalId, why: String, cause: Cause) -> Done {
    MatchInDoubt { person, why: &why }.tell();
    Done { cause: Some(cause), ..RowOutcome::Never(why).into() }
}

/// Settles a row. A mark or a deletion says something of its person's integration; a visit does not.
fn settle(feed: &mut Feed, row: &OutboxRow, done: Done) {
    let is_of_integration = row.body.is_empty() || row.kind == FactKind::Erasure;
    let Some(person) = row.person.filter(|_| is_of_integration) else { return feed.settle(row.id, done.outcome) };
    let Done { outcome, cause, told, candidates } = done;
    feed.settle_attempt(row.id, Attempt { person, kind: row.kind, outcome, cause, told, candidates });
}

#[cfg(test)]
mod tests;

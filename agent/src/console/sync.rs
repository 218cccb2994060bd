//! Integrations with Mywellness over HTTP: how each person stands there, and what an operator does about it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::{ExternalId, Source};
use crate::store::{
    Comparison, HeldVisits, MatchRefused, SyncCounts, SyncDetails, SyncEntry, SyncEvent, SyncFilter, SyncRefused, Tx,
    View,
};
use crate::sync::{self, Approval, Candidate, Cause, Command, Rules, SyncState};
use crate::telemetry::Fact;

use super::extract::{Asked, Document, MaybeDocument, Named};
use super::facts::IntegrationCommanded;
use super::lists::{List, rows};
use super::problem::{ApiProblem, Kind, ProblemDocument};
use super::state::{CalledBy, Console, Shared};

/// Over which the rate is measured.
const RATE_OVER: SignedDuration = SignedDuration::from_mins(1);

/// How a person stands with Mywellness.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct IntegrationServed {
    /// The person.
    person: ExternalId,
    /// How their integration stands.
    state: SyncState,
    /// The same as Italian front desks know it: `Nuova`, `Abilitata`, `DaAggiornare`, `Creazione fallita`, `InErrore`,
    /// `Sospesa`, `DaEliminare`.
    display_name: String,
    /// What is in the way, in a word; null: nothing.
    cause: Option<Cause>,
    /// The same with its details.
    reason: Option<String>,
    /// Fields that Mywellness requires and the person's document lacks.
    missing: Vec<String>,
    /// Since when the integration stands so.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// When the person was linked to a user there; null: they are not.
    #[schema(value_type = Option<String>, format = DateTime)]
    linked_at: Option<Timestamp>,
    /// An operator's word on whether the person may be made known there.
    approval: Approval,
    /// Where the person's document was first written.
    source: Option<Source>,
}

impl IntegrationServed {
    pub(super) fn new(entry: SyncEntry, rules: Option<&Rules>) -> Self {
        let SyncEntry { person, integration: it, linked_at, id: _ } = entry;
        let missing = rules.map(|rules| sync::missing(&person, rules)).unwrap_or_default();
        Self {
            state: it.state,
            display_name: it.state.display_name().to_owned(),
            cause: it.cause,
            reason: it.reason,
            missing: missing.into_iter().map(str::to_owned).collect(),
            since: it.since,
            linked_at,
            approval: it.approval,
            source: person.source,
            person: person.external_id,
        }
    }
}

/// Which integrations are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct IntegrationsAsked {
    /// In this state.
    state: Option<SyncState>,
    /// With this in the way.
    cause: Option<Cause>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Rows of a page, 1 to 500; 100 if absent.
    limit: Option<u32>,
}

/// How people stand with Mywellness, in the order in which they came.
#[utoipa::path(get, path = "/sync/people", tag = "sync", params(IntegrationsAsked),
    responses((status = 200, body = List<IntegrationServed>)))]
pub(super) async fn list_integrations(
    State(console): Shared,
    Asked(asked): Asked<IntegrationsAsked>,
) -> Result<Json<List<IntegrationServed>>, ApiProblem> {
    let filter = SyncFilter { state: asked.state, cause: asked.cause, cursor: asked.cursor, limit: rows(asked.limit)? };
    let find = move |view: &View<'_>| view.sync_people(&filter);
    let page = console.handles.store.read("listing integrations", find).await?;
    let served = |entry| IntegrationServed::new(entry, console.handles.sync.as_deref());
    Ok(Json(List { items: page.items.into_iter().map(served).collect(), next: page.next }))
}

/// How a person stands with Mywellness, and how it came to that.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct HistoryServed {
    /// How they stand.
    #[serde(flatten)]
    integration: IntegrationServed,
    /// What happened, newest first; the newest twenty events of ninety days.
    history: Vec<SyncEvent>,
}

/// How a person stands with Mywellness, and how it came to that.
#[utoipa::path(get, path = "/sync/people/{external_id}", tag = "sync", params(("external_id" = String, Path)),
    responses((status = 200, body = HistoryServed), (status = 404, body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn get_integration(
    State(console): Shared,
    Named(id): Named<ExternalId>,
) -> Result<Json<HistoryServed>, ApiProblem> {
    let SyncDetails { entry, history } = details(&console, id).await?;
    let integration = IntegrationServed::new(entry, console.handles.sync.as_deref());
    Ok(Json(HistoryServed { integration, history }))
}

async fn details(console: &Console, id: ExternalId) -> Result<SyncDetails, ApiProblem> {
    let asked = id.clone();
    let found = console.handles.store.read("reading an integration", move |view| view.sync_details(&asked)).await?;
    found.ok_or_else(|| ApiProblem::unknown("person", id))
}

/// Tells Mywellness everything anew: person, groups, membership, badge. In operator mode this approves the person.
#[utoipa::path(post, path = "/sync/people/{external_id}/synchronize", tag = "sync", params(("external_id" = String, Path)),
    responses((status = 202, body = IntegrationServed), (status = 404, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "Not in this state", body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn synchronize(
    State(console): Shared,
    Extension(caller): CalledBy,
    Named(id): Named<ExternalId>,
) -> Result<(StatusCode, Json<IntegrationServed>), ApiProblem> {
    command(&console, id, (Command::Synchronize, "synchronize"), HeldVisits::Send, caller.name).await
}

/// Stops telling Mywellness of the person. The link stays; visits made meanwhile are held.
#[utoipa::path(post, path = "/sync/people/{external_id}/suspend", tag = "sync", params(("external_id" = String, Path)),
    responses((status = 202, body = IntegrationServed), (status = 404, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "Not in this state", body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn suspend(
    State(console): Shared,
    Extension(caller): CalledBy,
    Named(id): Named<ExternalId>,
) -> Result<(StatusCode, Json<IntegrationServed>), ApiProblem> {
    command(&console, id, (Command::Suspend, "suspend"), HeldVisits::Send, caller.name).await
}

/// What happens with visits held during the suspension.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct EnableAsked {
    /// `send` (if absent) or `discard`. It is recorded with the name of the token.
    visits: HeldVisits,
}

/// Goes on telling Mywellness of a person after a suspension.
#[utoipa::path(post, path = "/sync/people/{external_id}/enable", tag = "sync", params(("external_id" = String, Path)),
    request_body = Option<EnableAsked>,
    responses((status = 202, body = IntegrationServed), (status = 404, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "Not suspended", body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn enable(
    State(console): Shared,
    Extension(caller): CalledBy,
    Named(id): Named<ExternalId>,
    MaybeDocument(asked): MaybeDocument<EnableAsked>,
) -> Result<(StatusCode, Json<IntegrationServed>), ApiProblem> {
    command(&console, id, (Command::Enable, "enable"), asked.visits, caller.name).await
}

/// What becomes of the person there.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DeleteAsked {
    /// Whether the person is to be deleted at Mywellness too; then the integration is `to_delete` until that is
    /// acknowledged. False if absent: what is known there stays there.
    remote: bool,
}

/// Forgets the link at once. Nothing more is told of the person until somebody synchronises them again; what waited to
/// be told is given up.
#[utoipa::path(post, path = "/sync/people/{external_id}/delete", tag = "sync", params(("external_id" = String, Path)),
    request_body = Option<DeleteAsked>,
    responses((status = 202, body = IntegrationServed), (status = 404, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "Not in this state", body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn delete(
    State(console): Shared,
    Extension(caller): CalledBy,
    Named(id): Named<ExternalId>,
    MaybeDocument(asked): MaybeDocument<DeleteAsked>,
) -> Result<(StatusCode, Json<IntegrationServed>), ApiProblem> {
    let command_given = if asked.remote { Command::DeleteThere } else { Command::Delete };
    command(&console, id, (command_given, "delete"), HeldVisits::Send, caller.name).await
}

async fn command(
    console: &Console,
    id: ExternalId,
    (given, word): (Command, &'static str),
    visits: HeldVisits,
    operator: String,
) -> Result<(StatusCode, Json<IntegrationServed>), ApiProblem> {
    let (now, asked, by) = (console.now(), id.clone(), operator.clone());
    let obey = move |tx: &Tx<'_>| tx.command_sync(&asked, given, visits, &by, now);
    match console.handles.store.write("commanding an integration", obey).await? {
        Ok(_) => commanded(console, id, word, &operator).await,
        Err(SyncRefused::Unknown(id)) => Err(ApiProblem::unknown("person", id)),
        Err(refused @ SyncRefused::NotAllowed(_)) => Err(ApiProblem::new(Kind::Conflict, refused.to_string())),
    }
}

async fn commanded(
    console: &Console,
    id: ExternalId,
    command: &'static str,
    operator: &str,
) -> Result<(StatusCode, Json<IntegrationServed>), ApiProblem> {
    IntegrationCommanded { person: &id, command, operator }.tell();
    let entry = details(console, id).await?.entry;
    Ok((StatusCode::ACCEPTED, Json(IntegrationServed::new(entry, console.handles.sync.as_deref()))))
}

/// Whom a person could be at Mywellness, after an ambiguous match. E-mail addresses are masked.
#[utoipa::path(get, path = "/sync/people/{external_id}/candidates", tag = "sync", params(("external_id" = String, Path)),
    responses((status = 200, body = List<Candidate>), (status = 404, body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn list_candidates(
    State(console): Shared,
    Named(id): Named<ExternalId>,
) -> Result<Json<List<Candidate>>, ApiProblem> {
    let asked = id.clone();
    let find = move |view: &View<'_>| match view.person_id(&asked)? {
        Some(person) => view.candidates(person).map(Some),
        None => Ok(None),
    };
    let found = console.handles.store.read("listing candidates", find).await?;
    found.map(|items| Json(List::whole(items))).ok_or_else(|| ApiProblem::unknown("person", id))
}

/// Who the person is there.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MatchAsked {
    /// The `facility_user_id` of a candidate.
    candidate: String,
}

/// Says who of the candidates the person is. They are linked, and everything is told.
#[utoipa::path(post, path = "/sync/people/{external_id}/match", tag = "sync", params(("external_id" = String, Path)), request_body = MatchAsked,
    responses((status = 202, body = IntegrationServed), (status = 404, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "Linked to somebody else, or not in this state", body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn choose_candidate(
    State(console): Shared,
    Extension(caller): CalledBy,
    Named(id): Named<ExternalId>,
    Document(chosen): Document<MatchAsked>,
) -> Result<(StatusCode, Json<IntegrationServed>), ApiProblem> {
    let (now, asked, by) = (console.now(), id.clone(), caller.name.clone());
    let choose = move |tx: &Tx<'_>| tx.choose_match(&asked, &chosen.candidate, &by, now);
    match console.handles.store.write("choosing a match", choose).await? {
        Ok(_) => commanded(&console, id, "match", &caller.name).await,
        Err(MatchRefused::Unknown(id)) => Err(ApiProblem::unknown("person", id)),
        Err(refused @ MatchRefused::NoCandidate(_)) => Err(ApiProblem::field("candidate", refused.to_string())),
        Err(refused @ (MatchRefused::NotAllowed(_) | MatchRefused::Taken(_))) => {
            Err(ApiProblem::new(Kind::Conflict, refused.to_string()))
        }
    }
}

/// How far telling Mywellness of people has come.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct ProgressServed {
    /// People in each state; states without any are left out.
    states: Vec<StateCount>,
    /// People who are to be planned or told.
    remaining: u64,
    /// People, memberships and lists of groups that Mywellness acknowledged within the last minute.
    rate_per_minute: u64,
    /// What is in the way, and of how many people.
    errors: Vec<CauseCount>,
    /// What the last tries said of what waits to be told, the most frequent first; at most ten.
    put_off: Vec<ErrorCount>,
    /// The last comparison of everybody; null: there was none.
    comparison: Option<Comparison>,
}

/// How many people are in a state.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct StateCount {
    /// The state.
    state: SyncState,
    /// How many.
    people: u64,
}

/// Of how many people something is in the way.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct CauseCount {
    /// What.
    cause: Cause,
    /// Of how many.
    people: u64,
}

/// What Mywellness said, and of how much.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct ErrorCount {
    /// What the last try said.
    error: String,
    /// People, memberships, lists of groups, photos and badges that it was said of.
    rows: u64,
}

/// How far telling Mywellness of people has come.
#[utoipa::path(get, path = "/sync/progress", tag = "sync", responses((status = 200, body = ProgressServed)))]
pub(super) async fn progress(State(console): Shared) -> Result<Json<ProgressServed>, ApiProblem> {
    let since = console.now().checked_sub(RATE_OVER).unwrap_or(Timestamp::MIN);
    let counts = console.handles.store.read("counting integrations", move |view| view.sync_counts(since)).await?;
    let SyncCounts { states, causes, remaining, put_off, delivered, comparison } = counts;
    Ok(Json(ProgressServed {
        states: states.into_iter().map(|(state, people)| StateCount { state, people }).collect(),
        remaining,
        rate_per_minute: delivered,
        errors: causes.into_iter().map(|(cause, people)| CauseCount { cause, people }).collect(),
        put_off: put_off.into_iter().map(|(error, rows)| ErrorCount { error, rows }).collect(),
        comparison,
    }))
}

//! Webhooks in: other systems' news, taken from whoever proves to be them, each once.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use axum::{Extension, Json};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::domain::ClockQuality;
use crate::intake::command_key;
use crate::mywellness::{Ear, Heard, NoNews, Sameness};
use crate::store::{NOTES_MAX, Tx};
use crate::telemetry::Fact;
use crate::webhook::{Key, Signed};

use super::admit::Peer;
use super::extract::bytes_of;
use super::facts::HookTaken;
use super::problem::{ApiProblem, Kind, ProblemDocument};
use super::state::{Console, Shared};

/// Longest body, in bytes: a piece of news has about 500.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Deliveries of one hook that may come in a row, and a second after that: a club makes a few people an hour.
const DELIVERIES_IN_A_ROW: NonZeroU32 = NonZeroU32::new(100).expect("a hundred is not zero");
const DELIVERIES_PER_SECOND: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");
/// How far the time of a signature may be from ours, as Standard Webhooks advises.
const TOLERANCE: Duration = Duration::from_secs(300);

/// When news may be told again that there was no room for: an operator is not quicker.
const NO_ROOM_FOR: Duration = Duration::from_secs(600);

/// One `[[hook]]`.
#[derive(Clone, PartialEq, Debug)]
pub struct Hook {
    /// Its id, in its address.
    pub id: String,
    /// How a sender proves to be the one.
    pub proof: Proof,
    /// What its news are about.
    pub ear: Ear,
}

/// How a sender proves to be the one.
#[derive(Clone, PartialEq, Debug)]
pub enum Proof {
    /// By signatures of Standard Webhooks.
    Signature(Vec<Key>),
    /// By a secret in the address, of which a SHA-256 is kept: for senders that sign nothing.
    Path([u8; 32]),
}

/// The hooks of a console, each with its own pace.
pub(super) struct Hooks(Vec<(Hook, DefaultDirectRateLimiter)>);

impl Hooks {
    pub(super) fn new(hooks: &[Hook]) -> Self {
        let quota = Quota::per_second(DELIVERIES_PER_SECOND).allow_burst(DELIVERIES_IN_A_ROW);
        Self(hooks.iter().map(|hook| (hook.clone(), RateLimiter::direct(quota))).collect())
    }

    fn find(&self, id: &str) -> Option<&(Hook, DefaultDirectRateLimiter)> {
        self.0.iter().find(|(hook, _)| hook.id == id)
    }
}

/// What came of a delivery.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct HookServed {
    /// Of a user made there `known`, `ours`, `asked`; of a class `booked`, `unbooked`, `changed`, `overtaken`,
    /// `unmapped`; `parked`: an operator has to look; `duplicate`: it had come before.
    outcome: String,
}

/// Takes news that are signed as Standard Webhooks has it.
#[utoipa::path(post, path = "/hooks/{id}", tag = "hooks", params(("id" = String, Path)), security(()),
    request_body(content = Object, description = "The sender's own document"),
    responses((status = 200, body = HookServed), (status = 401, body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn take_signed(
    State(console): Shared,
    Extension(peer): Extension<Peer>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<HookServed>, ApiProblem> {
    let Some((hook, pace)) = console.hooks.find(&id) else { return Err(unproven(&console, peer)) };
    let Proof::Signature(keys) = &hook.proof else { return Err(unproven(&console, peer)) };
    let (parts, body) = request.into_parts();
    let body = bytes_of(body, &parts.headers, BODY_BYTES_MAX).await?;
    let now = console.handles.clock.now();
    if now.quality == ClockQuality::Untrusted {
        return Err(ApiProblem::new(Kind::Unavailable, "the time of a signature cannot be judged: the clock is wrong"));
    }
    let delivery = header(&parts.headers, "webhook-id");
    let timestamp: i64 = header(&parts.headers, "webhook-timestamp").parse().unwrap_or_default();
    let message = Signed { id: delivery, timestamp, body: &body };
    let signatures = header(&parts.headers, "webhook-signature");
    let is_theirs = !delivery.is_empty() && keys.iter().any(|key| key.verifies(message, signatures));
    if !is_theirs || now.wall.as_second().abs_diff(timestamp) > TOLERANCE.as_secs() {
        return Err(unproven(&console, peer));
    }
    // Only after the proof: nobody else uses the sender's allowance up.
    paced(pace)?;
    take(&console, hook, Some(delivery), &body).await
}

/// Takes news from a sender that knows the secret in the address.
#[utoipa::path(post, path = "/hooks/{id}/{secret}", tag = "hooks", security(()),
    params(("id" = String, Path), ("secret" = String, Path)),
    request_body(content = Object, description = "The sender's own document"),
    responses((status = 200, body = HookServed), (status = 401, body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn take_by_path(
    State(console): Shared,
    Extension(peer): Extension<Peer>,
    Path((id, secret)): Path<(String, String)>,
    request: Request,
) -> Result<Json<HookServed>, ApiProblem> {
    let Some((hook, pace)) = console.hooks.find(&id) else { return Err(unproven(&console, peer)) };
    // Hashes are compared: how long that takes says nothing about the secret.
    let given: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
    if hook.proof != Proof::Path(given) {
        return Err(unproven(&console, peer));
    }
    paced(pace)?;
    let (parts, body) = request.into_parts();
    let body = bytes_of(body, &parts.headers, BODY_BYTES_MAX).await?;
    // A sender that signs nothing names its deliveries by nothing either.
    take(&console, hook, None, &body).await
}

/// Acts on news once; what cannot be read is refused each time.
async fn take(
    console: &Arc<Console>,
    hook: &Hook,
    delivery: Option<&str>,
    body: &[u8],
) -> Result<Json<HookServed>, ApiProblem> {
    let refuse = |NoNews(path, why): NoNews| ApiProblem::field(path, why);
    let news =
        hook.ear.read(body).map_err(refuse).inspect_err(|_| HookTaken { hook: &hook.id, outcome: "refused" }.tell())?;
    let source = format!("/hooks/{}", hook.id);
    let key = match (news.sameness(), delivery) {
        (Sameness::Id(id), _) => Some(command_key(id, &format!("{source}/news"))),
        (_, Some(delivery)) => Some(command_key(delivery, &source)),
        (Sameness::Content, None) => Some(command_key(&format!("{:x}", Sha256::digest(body)), &source)),
        (Sameness::Unknown, None) => None,
    };
    let (ear, now) = (hook.ear.clone(), console.now());
    let write = move |tx: &Tx<'_>| {
        if key.map_or(Ok(None), |key| tx.answer_to(&key))?.is_some() {
            return Ok("duplicate");
        }
        let heard = ear.hear(tx, &news, now)?;
        if let Some(key) = key.filter(|_| heard != Heard::NoRoom) {
            tx.remember_answer(&key, None, heard.as_str(), now)?;
        }
        Ok(heard.as_str())
    };
    let outcome = console.handles.store.write("taking news", write).await?;
    HookTaken { hook: &hook.id, outcome }.tell();
    if outcome == Heard::NoRoom.as_str() {
        let why =
            format!("{NOTES_MAX} notes wait among the parked rows of the lane: somebody has to deal with them first");
        return Err(ApiProblem::new(Kind::Unavailable, why).retry_after(NO_ROOM_FOR));
    }
    Ok(Json(HookServed { outcome: outcome.to_owned() }))
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn paced(pace: &DefaultDirectRateLimiter) -> Result<(), ApiProblem> {
    let too_many =
        |_| ApiProblem::new(Kind::TooManyRequests, "too many deliveries").retry_after(Duration::from_secs(1));
    pace.check().map_err(too_many)
}

/// The same for a hook that is not there and for a proof that fails; whoever tries again and again is told to wait.
fn unproven(console: &Console, Peer(peer): Peer) -> ApiProblem {
    match console.refusals.count(peer) {
        Ok(()) => ApiProblem::new(Kind::Unproven, "the signature, its time or the secret in the address is wrong"),
        Err(wait) => ApiProblem::new(Kind::TooManyRequests, "too many refused deliveries").retry_after(wait),
    }
}

//! What every request passes on its way in: who asks, whether they may, how long it may take, and what a panic becomes.

use std::any::Any;
use std::net::IpAddr;
use std::time::Duration;

use axum::Extension;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::telemetry::Fact;

use super::facts::{RequestAnswered, RequestPanicked, TokenRefused};
use super::problem::{ApiProblem, Kind};
use super::roles::{may, right_for};
use super::state::{Caller, Console, Shared};
use super::tokens::{TOKEN_PREFIX, hash_of};

/// How long an answer may take. A gate that does not answer an order and a disk that does not come back are told so.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
/// Longest token that is looked up.
const TOKEN_BYTES_MAX: usize = 128;

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

/// Lets a request in whose token's role has the right that its route needs.
pub(super) async fn admit(
    State(console): Shared,
    Extension(Peer(peer)): Extension<Peer>,
    path: MatchedPath,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiProblem> {
    let right = right_for(request.method(), path.as_str())
        .map_err(|methods| ApiProblem::new(Kind::MethodNotAllowed, "see the Allow header").allow(&methods))?;
    let caller = caller(&console, peer, request.headers()).await?;
    let role = caller.role;
    if !may(role, right) {
        return Err(ApiProblem::new(Kind::Forbidden, format!("the role {role:?} may not do this").to_lowercase()));
    }
    request.extensions_mut().insert(caller);
    let response = next.run(request).await;
    RequestAnswered { status: response.status().as_u16(), role: Some(role) }.tell();
    Ok(response)
}

async fn caller(console: &Console, peer: IpAddr, headers: &HeaderMap) -> Result<Caller, ApiProblem> {
    let Some(token) = token_in(headers) else {
        return Err(ApiProblem::new(Kind::TokenMissing, "send Authorization: Bearer with a token"));
    };
    if token.starts_with(TOKEN_PREFIX) && token.len() <= TOKEN_BYTES_MAX {
        let hash = hash_of(token);
        let found = console.handles.store.read("looking a token up", move |view| view.token_by_hash(&hash)).await?;
        if let Some(entry) = found.filter(|entry| entry.revoked_at.is_none()) {
            return Ok(Caller { token: entry.id, name: entry.name, role: entry.role });
        }
    }
    let peer = if console.behind_proxy { client_in(headers).unwrap_or(peer) } else { peer };
    match console.refusals.count(peer) {
        Ok(()) => {
            TokenRefused { peer }.tell();
            Err(ApiProblem::new(Kind::TokenRefused, "make one with `varco token create`"))
        }
        Err(wait) => Err(ApiProblem::new(Kind::TooManyRequests, "too many refused tokens").retry_after(wait)),
    }
}

fn token_in(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The client as the proxy in front of us names it: the last address, since clients can write the earlier ones.
fn client_in(headers: &HeaderMap) -> Option<IpAddr> {
    let chain = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
    chain.rsplit(',').next()?.trim().parse().ok()
}

/// Runs a request that writes as a task of its own: a closed browser does not cancel half of it, and the console waits
/// for it before it ends.
pub(super) async fn outlive(State(console): Shared, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    match console.writing.spawn(async move { next.run(request).await }).await {
        Ok(response) => response,
        Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
        Err(_) => ApiProblem::new(Kind::Unavailable, "the agent is ending").into_response(),
    }
}

/// Answers for a request that takes too long; one that writes goes on all the same.
pub(super) async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(ANSWER_TIME_MAX, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiProblem::new(Kind::TookTooLong, "what was asked may still happen").into_response(),
    }
}

/// Nothing here is for caches, and nothing is to be guessed at.
pub(super) async fn guarded(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A panic is a bug of one request, and no other's.
pub(super) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().copied();
    let message = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    RequestPanicked { message }.tell();
    ApiProblem::new(Kind::Internal, "this is a bug; the log says more").into_response()
}

/// Nothing has this address.
pub(super) async fn nowhere(request: Request) -> ApiProblem {
    nowhere_at(request.uri())
}

pub(super) fn nowhere_at(uri: &Uri) -> ApiProblem {
    ApiProblem::new(Kind::NotFound, format!("nothing is served at {}", uri.path()))
}

/// Something has this address, but cannot do that; axum adds the Allow header.
pub(super) async fn no_such_method() -> ApiProblem {
    ApiProblem::new(Kind::MethodNotAllowed, "see the Allow header")
}

//! What handlers take from a request: documents, queries and ids, each refused with the field that is wrong.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use serde::de::DeserializeOwned;

use crate::intake::{PHOTO_BYTES_MAX, read_document};

use super::problem::{ApiProblem, Kind};

/// Largest document, in bytes: a person with a photo of the largest size (base64 makes four bytes of three) and all
/// that goes with them.
pub(super) const DOCUMENT_BYTES_MAX: usize = PHOTO_BYTES_MAX / 3 * 4 + 256 * 1024;
/// How long a document may take to arrive, so that nobody holds a connection with a trickle.
const DOCUMENT_TIME_MAX: Duration = Duration::from_secs(20);

/// A JSON document.
pub(super) struct Document<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Document<T> {
    type Rejection = ApiProblem;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiProblem> {
        let (parts, body) = request.into_parts();
        if !is_json(&parts.headers) {
            return Err(ApiProblem::new(Kind::NotJson, "send the document as application/json"));
        }
        document_in(&bytes_of(body, &parts.headers, DOCUMENT_BYTES_MAX).await?).map(Self)
    }
}

/// A JSON document that may be left out.
pub(super) struct MaybeDocument<T>(pub(super) T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for MaybeDocument<T> {
    type Rejection = ApiProblem;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiProblem> {
        let (parts, body) = request.into_parts();
        let bytes = bytes_of(body, &parts.headers, DOCUMENT_BYTES_MAX).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        if !is_json(&parts.headers) {
            return Err(ApiProblem::new(Kind::NotJson, "send the document as application/json"));
        }
        document_in(&bytes).map(Self)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type == "application/json" || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

/// A body of at most `bytes_max`, which arrives in time.
pub(super) async fn bytes_of(
    body: Body,
    headers: &HeaderMap,
    bytes_max: usize,
) -> Result<axum::body::Bytes, ApiProblem> {
    let too_large = || ApiProblem::new(Kind::TooLarge, format!("at most {} KiB are taken", bytes_max / 1024));
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > bytes_max) {
        return Err(too_large());
    }
    match tokio::time::timeout(DOCUMENT_TIME_MAX, axum::body::to_bytes(body, bytes_max)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_limit(&error) => Err(too_large()),
        Ok(Err(error)) => Err(ApiProblem::new(Kind::Malformed, format!("the document broke off: {error}"))),
        Err(_) => Err(ApiProblem::new(Kind::TooSlow, "the document did not arrive in time")),
    }
}

/// axum says only by its source that a limit was reached.
fn is_limit(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.to_string().contains("length limit"))
}

fn document_in<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiProblem> {
    read_document(bytes).map_err(ApiProblem::from)
}

/// The query of an address. Unknown keys are refused: a filter that is misspelled would show everything.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiProblem> {
        match axum::extract::Query::<T>::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(asked)) => Ok(Self(asked)),
            Err(wrong) => {
                let why =
                    std::error::Error::source(&wrong).map_or_else(|| wrong.to_string(), |source| source.to_string());
                let (path, why) = why.split_once(": ").unwrap_or(("query", &why));
                Err(ApiProblem::field(path, why))
            }
        }
    }
}

/// The two ids in the path of a route.
pub(super) struct NamedTwo<A, B>(pub(super) A, pub(super) B);

impl<A, B, S> FromRequestParts<S> for NamedTwo<A, B>
where
    A: FromStr<Err: Display>,
    B: FromStr<Err: Display>,
    S: Send + Sync,
{
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiProblem> {
        let params = params(parts, state).await?;
        Ok(Self(nth(&params, 0, &parts.method)?, nth(&params, 1, &parts.method)?))
    }
}

/// The one id in the path of a route.
pub(super) struct Named<T>(pub(super) T);

impl<T, S> FromRequestParts<S> for Named<T>
where
    T: FromStr<Err: Display>,
    S: Send + Sync,
{
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiProblem> {
        nth(&params(parts, state).await?, 0, &parts.method).map(Self)
    }
}

async fn params<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<RawPathParams, ApiProblem> {
    let params = RawPathParams::from_request_parts(parts, state).await;
    params.map_err(|why| ApiProblem::new(Kind::Malformed, why.body_text()))
}

fn nth<T: FromStr<Err: Display>>(params: &RawPathParams, place: usize, method: &Method) -> Result<T, ApiProblem> {
    let Some((name, text)) = params.iter().nth(place) else {
        return Err(ApiProblem::new(Kind::Internal, "the route has no such name in its path"));
    };
    text.parse().map_err(|why: T::Err| match *method {
        Method::PUT => ApiProblem::field(name, why.to_string()),
        // What cannot be a name is nobody's.
        _ => ApiProblem::new(Kind::NotFound, why.to_string()),
    })
}

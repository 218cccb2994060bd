//! Errors of the API as RFC 9457 problems: what is wrong, and with which field.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::intake::{Cause, Problem, Refused};
use crate::store::StoreError;
use crate::telemetry::Fact;
use crate::turnstile::OrderRefused;

use super::facts::StoreFailed;

/// A problem (RFC 9457), served as `application/problem+json`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct ProblemDocument {
    /// A stable name of this kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "urn:varco:problem:invalid")]
    pub(super) kind: String,
    /// The same for people.
    pub(super) title: String,
    /// The HTTP status.
    pub(super) status: u16,
    /// What happened this time.
    pub(super) detail: String,
    /// The fields that are wrong, if any are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) problems: Vec<Problem>,
}

/// The kinds of problem.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Malformed,
    TokenMissing,
    TokenRefused,
    Unproven,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    TooSlow,
    Conflict,
    TooLarge,
    NotJson,
    Invalid,
    TooManyRequests,
    Internal,
    Unavailable,
    TookTooLong,
    StoreFull,
}

impl Kind {
    fn told(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Malformed => (StatusCode::BAD_REQUEST, "malformed", "The request cannot be read"),
            Self::TokenMissing => (StatusCode::UNAUTHORIZED, "token-missing", "A bearer token is required"),
            Self::TokenRefused => (StatusCode::UNAUTHORIZED, "token-refused", "The token is unknown or revoked"),
            Self::Unproven => (StatusCode::UNAUTHORIZED, "unproven", "The sender is not proven"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "The token's role does not allow this"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "There is no such thing"),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "This cannot be done with it")
            }
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "too-slow", "The request did not arrive in time"),
            Self::Conflict => (StatusCode::CONFLICT, "conflict", "This is not possible at present"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The request is too large"),
            Self::NotJson => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "The request has the wrong media type"),
            Self::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "invalid", "The document is not acceptable"),
            Self::TooManyRequests => (StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "Too many requests"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something is wrong inside"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available at present"),
            Self::TookTooLong => (StatusCode::GATEWAY_TIMEOUT, "took-too-long", "The answer took too long"),
            Self::StoreFull => (StatusCode::INSUFFICIENT_STORAGE, "store-full", "The disk is full"),
        }
    }
}

/// A problem on its way out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ApiProblem {
    kind: Kind,
    detail: String,
    problems: Vec<Problem>,
    extra: Option<(header::HeaderName, String)>,
}

impl ApiProblem {
    pub(super) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let extra = matches!(kind, Kind::TokenMissing | Kind::TokenRefused)
            .then(|| (header::WWW_AUTHENTICATE, "Bearer".to_owned()));
        Self { kind, detail: detail.into(), problems: Vec::new(), extra }
    }

    /// One field is wrong.
    pub(super) fn field(path: impl Into<String>, why: impl Into<String>) -> Self {
        Refused::one(Cause::Invalid, path, why).into()
    }

    /// Nothing is called that.
    pub(super) fn unknown(what: &str, id: impl std::fmt::Display) -> Self {
        Self::new(Kind::NotFound, format!("there is no {what} {id}"))
    }

    /// To be asked again, but not before.
    pub(super) fn retry_after(self, wait: Duration) -> Self {
        Self { extra: Some((header::RETRY_AFTER, (wait.as_secs() + 1).to_string())), ..self }
    }

    /// With the methods that are allowed (RFC 9110 demands them with 405).
    pub(super) fn allow(self, methods: &[&str]) -> Self {
        Self { extra: Some((header::ALLOW, methods.join(", "))), ..self }
    }
}

impl IntoResponse for ApiProblem {
    fn into_response(self) -> Response {
        let (status, name, title) = self.kind.told();
        let document = ProblemDocument {
            kind: format!("urn:varco:problem:{name}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: self.detail,
            problems: self.problems,
        };
        let body = serde_json::to_vec(&document).expect("a problem has no keys that JSON cannot have");
        let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some((name, value)) = self.extra
            && let Ok(value) = HeaderValue::try_from(value)
        {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<Refused> for ApiProblem {
    fn from(refused: Refused) -> Self {
        let kind = match refused.cause {
            Cause::Invalid => Kind::Invalid,
            Cause::Claimed | Cause::Erased | Cause::Conflict => Kind::Conflict,
            Cause::Malformed => Kind::Malformed,
            Cause::Unknown => Kind::NotFound,
            Cause::Broken => Kind::Internal,
        };
        Self { problems: refused.problems.clone(), ..Self::new(kind, refused.to_string()) }
    }
}

impl From<StoreError> for ApiProblem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full { .. } => Self::new(Kind::StoreFull, error.to_string()),
            StoreError::Busy { .. } | StoreError::Closed { .. } => Self::new(Kind::Unavailable, error.to_string()),
            StoreError::UnknownCursor { .. } => Self::new(Kind::Malformed, error.to_string()),
            StoreError::Sqlite { .. }
            | StoreError::Unreadable { .. }
            | StoreError::Unusable { .. }
            | StoreError::Taken { .. }
            | StoreError::Broken { .. } => {
                StoreFailed { error: &error }.tell();
                Self::new(Kind::Internal, "the store could not do it; the log says why")
            }
        }
    }
}

impl From<OrderRefused> for ApiProblem {
    fn from(refused: OrderRefused) -> Self {
        Self::new(Kind::Unavailable, refused.to_string())
    }
}

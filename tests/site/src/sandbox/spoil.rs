//! An honest answer, and what a fault makes of it on its way.

use std::time::Duration;

use serde_json::{Value, json};

use super::fault::{Fault, Shape};

/// The page ASP.NET shows for an action nobody wrote.
pub(super) const NOT_FOUND_PAGE: &str = "<!DOCTYPE html><html><head><title>The resource cannot be found.</title></head><body>\
    <h1>Server Error in '/' Application.</h1><h2><i>The resource cannot be found.</i></h2>\
    <p>Description: HTTP 404. The resource you are looking for (or one of its dependencies) could have been removed.</p>\
    </body></html>";

/// The page of a cloud under maintenance.
const MAINTENANCE_PAGE: &str = "<!DOCTYPE html><html><head><title>Maintenance</title></head><body>\
    <h1>We will be back soon</h1></body></html>";

/// What the server has to send.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    /// 0 cuts the connection.
    pub(super) status: u16,
    pub(super) is_html: bool,
    pub(super) text: String,
    pub(super) retry_after_s: Option<u32>,
    /// What newer hosts tell with a 401.
    pub(super) is_challenge: bool,
    pub(super) delay: Duration,
    /// The connection ends in the middle of the text.
    pub(super) is_torn: bool,
}

/// What is sent under a fault; `honest` is there if the work was done.
pub(super) fn spoil(fault: Option<Fault>, honest: Option<Outgoing>) -> Outgoing {
    let honest = honest.unwrap_or_else(|| page(200, MAINTENANCE_PAGE));
    match fault {
        None | Some(Fault::Html) => honest,
        Some(Fault::Status { code, .. }) => page(code, "<h1>Server Error</h1>"),
        Some(Fault::Busy { code, retry_after_s }) => {
            Outgoing { retry_after_s: Some(retry_after_s), ..page(code, "<h1>Too busy</h1>") }
        }
        Some(Fault::Quota) => envelope(403, &errors("QuotaExceeded", "Security", "the limit of requests is reached")),
        Some(Fault::NoSuchAction) => page(404, NOT_FOUND_PAGE),
        Some(Fault::TokenExpired { code }) => {
            let refused = envelope(code, &errors("TokenNotValid", "Security", "the token is expired"));
            Outgoing { is_challenge: code == 401, ..refused }
        }
        Some(Fault::ResultError) => envelope(200, &json!({ "data": { "result": "Error" }, "version": "sandbox" })),
        Some(Fault::Odd { shape }) => {
            let said = serde_json::from_str(&honest.text).unwrap_or_default();
            Outgoing { text: odd(shape, said).to_string(), ..honest }
        }
        Some(Fault::Truncated) => {
            let half = honest.text.chars().take(honest.text.chars().count() / 2).collect();
            Outgoing { text: half, ..honest }
        }
        Some(Fault::Torn) => Outgoing { is_torn: true, ..honest },
        Some(Fault::Cut { .. }) => page(0, ""),
        Some(Fault::Slow { ms }) => Outgoing { delay: Duration::from_millis(ms), ..honest },
    }
}

pub(super) fn page(status: u16, text: &str) -> Outgoing {
    Outgoing {
        status,
        is_html: true,
        text: text.to_owned(),
        retry_after_s: None,
        is_challenge: false,
        delay: Duration::ZERO,
        is_torn: false,
    }
}

fn envelope(status: u16, envelope: &Value) -> Outgoing {
    Outgoing { is_html: false, ..page(status, &envelope.to_string()) }
}

fn errors(field: &str, kind: &str, details: &str) -> Value {
    let error = json!({
        "field": field, "type": kind, "details": details, "errorMessage": details, "message": details,
    });
    json!({ "errors": [error], "version": "sandbox" })
}

fn odd(shape: Shape, mut said: Value) -> Value {
    match shape {
        Shape::List => json!([said]),
        Shape::Text => json!("Success"),
        Shape::Null => Value::Null,
        Shape::Empty => json!({ "version": "sandbox" }),
        Shape::Numbers => {
            for value in said["data"].as_object_mut().into_iter().flat_map(|data| data.values_mut()) {
                *value = json!(7);
            }
            said
        }
        Shape::Both => {
            said["errors"] = errors("Odd", "Validation", "something went wrong all the same")["errors"].take();
            said
        }
    }
}

//! What came back, read defensively: errors arrive with status 200, web pages in place of JSON, and words nobody documented.
//!
//! Texts of the upstream never enter an error: they may repeat a name or an address. Only its code words do.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;

/// Complaints named in one error: enough to mend a record, short enough for a line.
const COMPLAINTS_MAX: usize = 5;
/// Longest code word taken over from the upstream, in bytes; theirs have up to 60.
const CODE_WORD_BYTES_MAX: usize = 80;

/// Words for a facility that is switched off for now. The real one is not public; what is sure is that it is no fault
/// of the row, so that parking the row would be wrong.
const SUSPENSION_WORDS: [&str; 3] = ["Suspended", "NotActive", "Licen"];

/// An answer as it came, before anything is believed about it.
pub(super) struct Raw {
    pub(super) status: u16,
    pub(super) content_type: Option<String>,
    /// How long to stay away, if it said so.
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
}

/// An answer understood: what it says, and the token to use next, which errors carry too.
pub(super) struct Answer {
    pub(super) token: Option<SecretString>,
    /// Of the token.
    pub(super) lifetime: Option<Duration>,
    /// `data`, null if there was none; or why there is nothing to read.
    pub(super) data: Result<Value, Failure>,
}

/// Why a call came to nothing, by what is known of its effect.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Failure {
    /// No effect: it never left.
    #[error("not reached: {0}")]
    NotSent(String),
    /// Effect unknown: it left, and no whole answer came.
    #[error("the answer was lost: {0}")]
    Lost(String),
    /// Effect unknown: it left, and none came for so long.
    #[error("the answer was lost: none within {0:?}")]
    Silent(Duration),
    /// Effect unknown: the server failed while at it.
    #[error("the server failed with status {0}")]
    ServerFailed(u16),
    /// Effect likely: it answered well, in words that cannot be understood.
    #[error("the answer cannot be understood: {0}")]
    Garbled(&'static str),
    /// No effect: it has no time for us.
    #[error("asked to come back later with status {status}")]
    Throttled {
        /// The HTTP status.
        status: u16,
        /// How long to stay away, if it said so.
        retry_after: Option<Duration>,
    },
    /// No effect: the token is no longer valid.
    #[error("the session's token was refused")]
    TokenRefused,
    /// No effect as far as known: a web page or a redirect stood where the service should.
    #[error("a web page came in place of an answer (status {0})")]
    WebPage(u16),
    /// No effect: there is no such action at this address.
    #[error("there is no such action at this address; look at base_url and facility_url")]
    NoSuchAction,
    /// No effect: this installation, not this row, is refused.
    #[error("this installation is refused: {0}; look at facility_url, api_key, username and password")]
    NotTrusted(String),
    /// No effect: the facility is suspended or without a licence for now.
    #[error("the facility is suspended there: {0}")]
    Suspended(String),
    /// No effect: what was said is refused.
    #[error("refused: {0}")]
    Refused(String),
}

/// Reads an answer. Never fails and never panics, whatever the bytes.
pub(super) fn read(raw: &Raw) -> Answer {
    let document = serde_json::from_slice::<Value>(&raw.body).ok();
    let (token, lifetime) = document.as_ref().map_or((None, None), |said| (token(said), lifetime(said)));
    Answer { token, lifetime, data: data(raw, document) }
}

/// `data.result`, if it is a code word.
pub(super) fn result(data: &Value) -> Option<&str> {
    code_word(data.get("result")?)
}

/// An id that may stand in a path: the upstream's are GUIDs.
pub(super) fn id(data: &Value, field: &str) -> Option<String> {
    let text = data.get(field)?.as_str()?;
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    fits.then(|| text.to_owned())
}

fn data(raw: &Raw, document: Option<Value>) -> Result<Value, Failure> {
    match raw.status {
        // The older interface of the same service answers an exceeded quota with 403.
        403 | 408 | 425 | 429 | 503 => {
            return Err(Failure::Throttled { status: raw.status, retry_after: raw.retry_after });
        }
        401 => return Err(Failure::TokenRefused),
        500.. => return Err(Failure::ServerFailed(raw.status)),
        // A redirect is not followed: it would turn the POST into a GET, and take the token elsewhere.
        300..=399 => return Err(Failure::WebPage(raw.status)),
        _ => {}
    }
    let Some(mut document) = document else { return Err(unreadable(raw)) };
    if let Some(failure) = complaints(&document) {
        return Err(if says_done(&document) { contradicted(failure) } else { failure });
    }
    match (raw.status, document.as_object_mut()) {
        (200..=299, Some(envelope)) => Ok(envelope.remove("data").unwrap_or_default()),
        (200..=299, None) => Err(Failure::Garbled("it is JSON, but no envelope")),
        (status, _) => Err(Failure::Refused(format!("status {status}"))),
    }
}

/// Whether `data` says that something was done. An envelope has either that or `errors`; from one with both nobody can
/// conclude that there was no effect.
fn says_done(document: &Value) -> bool {
    let Some(data) = document.get("data") else { return false };
    let is_empty = match data {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    !is_empty && result(data) != Some("Error")
}

/// What a failure is when the same answer says that it was done: no reason to simply do it again.
fn contradicted(failure: Failure) -> Failure {
    match failure {
        Failure::Refused(text) => {
            Failure::Refused(format!("{text}, in an answer that holds data too: it may stand there"))
        }
        _ => Failure::Garbled("it holds both data and errors"),
    }
}

fn unreadable(raw: &Raw) -> Failure {
    let says_html = raw.content_type.as_deref().is_some_and(|kind| kind.contains("html"));
    let looks_html = raw.body.trim_ascii_start().first() == Some(&b'<');
    match raw.status {
        // The service answers an unknown action with its framework's own page.
        404 | 405 => Failure::NoSuchAction,
        status if says_html || looks_html => Failure::WebPage(status),
        200..=299 => Failure::Garbled("it is no JSON"),
        status => Failure::Refused(format!("status {status}")),
    }
}

/// What the `errors` of an envelope, or a bare list of them, come to; none if there are none.
fn complaints(document: &Value) -> Option<Failure> {
    let said: Vec<_> = match document.get("errors").unwrap_or(document) {
        Value::Array(items) if document.is_array() && !items.iter().any(complains) => return None,
        Value::Array(items) => items.iter().map(Complaint::read).collect(),
        Value::Object(_) if document.get("errors").is_some() => vec![Complaint::read(&document["errors"])],
        _ => return None,
    };
    if said.is_empty() {
        return None;
    }
    let text = said.iter().take(COMPLAINTS_MAX).map(Complaint::to_string).collect::<Vec<_>>().join(", ");
    Some(if said.iter().any(|it| it.mentions("TokenNotValid")) {
        Failure::TokenRefused
    } else if said.iter().any(|it| SUSPENSION_WORDS.iter().any(|word| it.mentions(word))) {
        Failure::Suspended(text)
    } else if said.iter().any(|it| it.kind == "Security" || it.mentions("ClientApplicationNotTrusted")) {
        Failure::NotTrusted(text)
    } else {
        Failure::Refused(text)
    })
}

/// Whether an item of a bare list is a complaint: another list may tell of work that was done.
fn complains(item: &Value) -> bool {
    ["field", "code", "type", "errorMessage", "message"].iter().any(|name| item.get(name).is_some())
}

/// One item of `errors`.
struct Complaint<'a> {
    field: &'a str,
    kind: &'a str,
}

impl<'a> Complaint<'a> {
    fn read(item: &'a Value) -> Self {
        let word = |name| item.get(name).and_then(code_word);
        let code = || word("code").or_else(|| code_word(item));
        Self { field: word("field").or_else(code).unwrap_or_default(), kind: word("type").unwrap_or_default() }
    }

    fn mentions(&self, word: &str) -> bool {
        [self.field, self.kind].iter().any(|said| said.to_ascii_lowercase().contains(&word.to_ascii_lowercase()))
    }
}

impl std::fmt::Display for Complaint<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.field, self.kind) {
            ("", "") => f.write_str("no code word given"),
            ("", only) | (only, "") => f.write_str(only),
            (field, kind) => write!(f, "{field} {kind}"),
        }
    }
}

fn code_word(value: &Value) -> Option<&str> {
    let text = value.as_str()?;
    let fits = (1..=CODE_WORD_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    fits.then_some(text)
}

fn token(document: &Value) -> Option<SecretString> {
    let text = document.get("token")?.as_str().filter(|text| !text.is_empty())?;
    Some(SecretString::from(text))
}

fn lifetime(document: &Value) -> Option<Duration> {
    document.get("expireIn")?.as_u64().filter(|&seconds| seconds > 0).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn raw(status: u16, body: &str) -> Raw {
        Raw { status, content_type: None, retry_after: None, body: body.as_bytes().to_vec() }
    }

    fn check(cases: &[(u16, &str)], expected: Expect) {
        let line = |(status, body): &(u16, &str)| match read(&raw(*status, body)).data {
            Ok(data) => format!("{status} {body} -> {data}\n"),
            Err(failure) => format!("{status} {body} -> {failure}\n"),
        };
        expected.assert_eq(&cases.iter().map(line).collect::<String>());
    }

    #[test]
    fn an_answer_is_good_only_with_a_good_status_and_without_errors() {
        check(
            &[
                (200, r#"{"data":{"result":"Success"},"token":"t"}"#),
                (200, r#"{"data":{"result":"Success"},"errors":[]}"#),
                (200, r#"{"data":{"result":"Success"},"errors":null}"#),
                (200, r#"{"token":"t"}"#),
                (200, r#"{"errors":[{"field":"email","type":"Required","errorMessage":"anna@example.org?"}]}"#),
                (200, r#"{"data":{"result":"Success"},"errors":[{"field":"x","type":"Validation"}]}"#),
                (200, r#"{"errors":{"code":"Odd"}}"#),
                (200, r#"{"errors":["Anna Rossi"]}"#),
                (400, r#"[{"field":"birthDate","errorMessage":"1990?"}]"#),
                (400, r#"{"message":"no"}"#),
                (404, r#"{"errors":[{"field":"FacilityUserNotFound"}]}"#),
            ],
            expect![[r#"
                200 {"data":{"result":"Success"},"token":"t"} -> {"result":"Success"}
                200 {"data":{"result":"Success"},"errors":[]} -> {"result":"Success"}
                200 {"data":{"result":"Success"},"errors":null} -> {"result":"Success"}
                200 {"token":"t"} -> null
                200 {"errors":[{"field":"email","type":"Required","errorMessage":"anna@example.org?"}]} -> refused: email Required
                200 {"data":{"result":"Success"},"errors":[{"field":"x","type":"Validation"}]} -> refused: x Validation, in an answer that holds data too: it may stand there
                200 {"errors":{"code":"Odd"}} -> refused: Odd
                200 {"errors":["Anna Rossi"]} -> refused: no code word given
                400 [{"field":"birthDate","errorMessage":"1990?"}] -> refused: birthDate
                400 {"message":"no"} -> refused: status 400
                404 {"errors":[{"field":"FacilityUserNotFound"}]} -> refused: FacilityUserNotFound
            "#]],
        );
    }

    #[test]
    fn what_is_wrong_with_the_session_or_the_service_is_not_blamed_on_the_row() {
        check(
            &[
                (200, r#"{"errors":[{"field":"TokenNotValid","type":"Security"}]}"#),
                (401, ""),
                (200, r#"{"errors":[{"field":"ClientApplicationNotTrusted"}]}"#),
                (200, r#"{"errors":[{"field":"http-protocol","type":"Security","details":"https required"}]}"#),
                (200, r#"{"errors":[{"field":"FacilitySuspended","type":"Validation"}]}"#),
                (200, r#"{"errors":[{"field":"FacilityNotActive","type":"Security"}]}"#),
                (429, "{}"),
                (403, r#"{"errors":[{"field":"quota"}]}"#),
                (503, "<html>"),
                (500, r#"{"data":{"result":"Success"}}"#),
                (504, ""),
                (302, ""),
            ],
            expect![[r#"
                200 {"errors":[{"field":"TokenNotValid","type":"Security"}]} -> the session's token was refused
                401  -> the session's token was refused
                200 {"errors":[{"field":"ClientApplicationNotTrusted"}]} -> this installation is refused: ClientApplicationNotTrusted; look at facility_url, api_key, username and password
                200 {"errors":[{"field":"http-protocol","type":"Security","details":"https required"}]} -> this installation is refused: http-protocol Security; look at facility_url, api_key, username and password
                200 {"errors":[{"field":"FacilitySuspended","type":"Validation"}]} -> the facility is suspended there: FacilitySuspended Validation
                200 {"errors":[{"field":"FacilityNotActive","type":"Security"}]} -> the facility is suspended there: FacilityNotActive Security
                429 {} -> asked to come back later with status 429
                403 {"errors":[{"field":"quota"}]} -> asked to come back later with status 403
                503 <html> -> asked to come back later with status 503
                500 {"data":{"result":"Success"}} -> the server failed with status 500
                504  -> the server failed with status 504
                302  -> a web page came in place of an answer (status 302)
            "#]],
        );
    }

    #[test]
    fn an_answer_that_holds_both_data_and_errors_leaves_its_effect_in_doubt() {
        check(
            &[
                (200, r#"{"data":{"result":"Success"},"errors":[{"field":"TokenNotValid","type":"Security"}]}"#),
                (200, r#"{"data":{"userId":"u-1"},"errors":[{"field":"FacilityNotActive","type":"Security"}]}"#),
                (200, r#"{"data":true,"errors":[{"field":"http-protocol","type":"Security"}]}"#),
                (400, r#"{"data":{"result":"Success"},"errors":[{"field":"ClientApplicationNotTrusted"}]}"#),
                (200, r#"{"data":null,"errors":[{"field":"TokenNotValid","type":"Security"}]}"#),
                (200, r#"{"data":{},"errors":[{"field":"TokenNotValid","type":"Security"}]}"#),
                (200, r#"{"data":{"result":"Error"},"errors":[{"field":"TokenNotValid","type":"Security"}]}"#),
            ],
            expect![[r#"
                200 {"data":{"result":"Success"},"errors":[{"field":"TokenNotValid","type":"Security"}]} -> the answer cannot be understood: it holds both data and errors
                200 {"data":{"userId":"u-1"},"errors":[{"field":"FacilityNotActive","type":"Security"}]} -> the answer cannot be understood: it holds both data and errors
                200 {"data":true,"errors":[{"field":"http-protocol","type":"Security"}]} -> the answer cannot be understood: it holds both data and errors
                400 {"data":{"result":"Success"},"errors":[{"field":"ClientApplicationNotTrusted"}]} -> the answer cannot be understood: it holds both data and errors
                200 {"data":null,"errors":[{"field":"TokenNotValid","type":"Security"}]} -> the session's token was refused
                200 {"data":{},"errors":[{"field":"TokenNotValid","type":"Security"}]} -> the session's token was refused
                200 {"data":{"result":"Error"},"errors":[{"field":"TokenNotValid","type":"Security"}]} -> the session's token was refused
            "#]],
        );
    }

    #[test]
    fn what_is_no_envelope_is_named_for_what_it_is() {
        check(
            &[
                (200, "  <html><body>Sign in</body></html>"),
                (404, "<html>The resource cannot be found.</html>"),
                (404, ""),
                (400, "<html>"),
                (413, ""),
                (200, r#"{"data":{"result":"Succ"#),
                (200, ""),
                (200, "\"Success\""),
                (200, "[]"),
                (200, r#"[{"data":{"result":"Success"},"token":"t"}]"#),
                (400, r#"["Anna Rossi"]"#),
            ],
            expect![[r#"
                200   <html><body>Sign in</body></html> -> a web page came in place of an answer (status 200)
                404 <html>The resource cannot be found.</html> -> there is no such action at this address; look at base_url and facility_url
                404  -> there is no such action at this address; look at base_url and facility_url
                400 <html> -> a web page came in place of an answer (status 400)
                413  -> refused: status 413
                200 {"data":{"result":"Succ -> the answer cannot be understood: it is no JSON
                200  -> the answer cannot be understood: it is no JSON
                200 "Success" -> the answer cannot be understood: it is JSON, but no envelope
                200 [] -> the answer cannot be understood: it is JSON, but no envelope
                200 [{"data":{"result":"Success"},"token":"t"}] -> the answer cannot be understood: it is JSON, but no envelope
                400 ["Anna Rossi"] -> refused: status 400
            "#]],
        );
    }

    #[test]
    fn an_id_that_could_leave_its_place_in_a_path_is_no_id() {
        let said = serde_json::json!({"a": "2f4a-82ff", "b": "../Delete", "c": "", "d": 7, "e": "x".repeat(65)});
        assert_eq!(id(&said, "a").as_deref(), Some("2f4a-82ff"));
        assert!(["b", "c", "d", "e", "f"].iter().all(|field| id(&said, field).is_none()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(status in 100_u16..=999, body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _answer = read(&Raw { status, content_type: None, retry_after: None, body });
        }

        #[test]
        fn no_text_of_the_upstream_with_a_space_or_an_at_enters_an_error(text in "[A-Z]{3,9}[ @][A-Z]{3,9}") {
            let body = serde_json::json!({"errors": [{"field": text, "type": text, "message": text, "details": text}]});
            let answer = read(&raw(200, &body.to_string()));
            prop_assert!(!answer.data.unwrap_err().to_string().contains(&text));
        }
    }
}

//! The console's pages: files of the binary that hold nothing of the club. What they show, they ask of the API with the
//! token that the browser was given.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

use super::admit::nowhere_at;
use super::state::Console;

/// What the pages may do: run their own scripts and ask their own agent; nothing from elsewhere, nothing inline, no frame
/// around them. Photos come as `data:` of a document, downloads as `blob:` of an answer.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const DRAWING: &str = "image/svg+xml";

/// The file's own name, its type, its content.
macro_rules! files {
    ($($name:literal: $kind:expr,)*) => {
        &[$(($name, $kind, include_str!(concat!("pages/", $name)))),*]
    };
}

/// Every file.
const FILES: &[(&str, &str, &str)] = files! {
    "index.html": HTML,
    "display.html": HTML,
    "console.css": CSS,
    "display.css": CSS,
    "icon.svg": DRAWING,
    "main.js": SCRIPT,
    "display.js": SCRIPT,
    "api.js": SCRIPT,
    "feed.js": SCRIPT,
    "dom.js": SCRIPT,
    "words.js": SCRIPT,
    "words.it.js": SCRIPT,
    "words.sv.js": SCRIPT,
    "gates.js": SCRIPT,
    "passages.js": SCRIPT,
    "people.js": SCRIPT,
    "messages.js": SCRIPT,
    "integration.js": SCRIPT,
    "classes.js": SCRIPT,
    "mywellness.js": SCRIPT,
    "outbox.js": SCRIPT,
    "site.js": SCRIPT,
};

/// The pages and their files.
pub(super) fn router() -> Router<Arc<Console>> {
    Router::new()
        .route("/", get(|headers: HeaderMap| async move { file("index.html", &headers) }))
        .route("/display/{reader}", get(|headers: HeaderMap| async move { file("display.html", &headers) }))
        .route("/pages/{name}", get(named))
}

async fn named(Path(name): Path<String>, uri: Uri, headers: HeaderMap) -> Response {
    let known = FILES.iter().any(|(known, ..)| *known == name);
    if known { file(&name, &headers) } else { nowhere_at(&uri).into_response() }
}

/// A file, unless the browser has this very content already.
fn file(name: &str, headers: &HeaderMap) -> Response {
    let (_, kind, content) =
        FILES.iter().find(|(known, ..)| *known == name).expect("only files of the table are asked");
    let tag = tag_of(content);
    let has_it = headers.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    let has_it = has_it.is_some_and(|tags| tags.split(',').any(|it| it.trim() == tag));
    let tag = HeaderValue::from_str(&tag).expect("hexadecimal digits in quotes can stand in a header");
    let guards = [
        (header::ETAG, tag),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    if has_it {
        return (StatusCode::NOT_MODIFIED, guards).into_response();
    }
    (guards, [(header::CONTENT_TYPE, *kind)], *content).into_response()
}

/// A strong tag: a newer agent has other content under the same name.
fn tag_of(content: &str) -> String {
    let hash = Sha256::digest(content);
    let digits: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}

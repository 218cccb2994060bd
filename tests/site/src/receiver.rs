//! A receiver of webhooks over loopback HTTP: verifies signatures as the specification tells, dedupes by id, and can fail.

use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;

use crate::port::Port;
use crate::world::{self, Task};

/// The secret of the published test vector.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// No event comes near it.
const BODY_BYTES_MAX: usize = 1 << 20;

/// How far a signature's time may be from ours, in seconds, as the specification advises.
const TOLERANCE_S: i64 = 300;

/// What the receiver does with a request that is signed well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Takes the event and says so.
    Taken,
    /// Takes it and loses the connection before it says so.
    TakenAndCut,
    /// Takes it and says so after a while.
    TakenAfter(Duration),
    /// Answers this status and takes nothing.
    Status(u16),
    /// 429 with a Retry-After of so many seconds.
    Busy(u32),
    /// Loses the connection and takes nothing.
    Cut,
}

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Post {
    /// `webhook-id`.
    pub id: String,
    /// Whether signature and time are right.
    pub verified: bool,
    /// `content-type`.
    pub media_type: String,
    /// The body; null if it is no JSON.
    pub event: Value,
    /// What was done with it.
    pub reply: Reply,
    /// When it came.
    pub at: Instant,
}

/// Everything that came.
#[derive(Debug, Clone, Default)]
pub struct Book {
    /// Every request, in order of arrival.
    pub posts: Vec<Post>,
    /// What the events did here, each id once, in the order in which they were first taken.
    pub effects: Vec<Value>,
    taken: BTreeSet<String>,
    replies: VecDeque<Reply>,
    always: Option<Reply>,
}

impl Book {
    /// The effects of one kind of event: `visit`, `passage` …
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.effects.iter().filter(move |event| event["type"] == format!("club.varco.{kind}.v1"))
    }

    fn receive(&mut self, head: &HeaderMap, body: &[u8]) -> Reply {
        let text = |name: &str| head.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let (id, event) = (text("webhook-id"), serde_json::from_slice(body).unwrap_or_default());
        let verified = is_ours(&id, &text("webhook-timestamp"), &text("webhook-signature"), body);
        let mut wanted = || self.replies.pop_front().or(self.always).unwrap_or(Reply::Taken);
        let reply = if verified { wanted() } else { Reply::Status(401) };
        let takes = matches!(reply, Reply::Taken | Reply::TakenAndCut | Reply::TakenAfter(_));
        if takes && self.taken.insert(id.clone()) {
            self.effects.push(Value::clone(&event));
        }
        let media_type = text("content-type");
        self.posts.push(Post { id, verified, media_type, event, reply, at: Instant::now() });
        reply
    }

    fn summary(&self) -> String {
        let last: Vec<_> = self.posts.iter().rev().take(5).map(|post| (&post.id, post.verified, post.reply)).collect();
        format!("{} posts, {} effects, the last first: {last:?}", self.posts.len(), self.effects.len())
    }
}

/// A receiver on a port of its own.
#[derive(Debug)]
pub struct Receiver {
    port: Port,
    book: Arc<watch::Sender<Book>>,
    listening: Mutex<Option<Task>>,
}

impl Receiver {
    /// Starts on a free port.
    pub async fn start() -> Result<Self> {
        let receiver = Self { port: Port::reserve()?, book: Arc::default(), listening: Mutex::new(None) };
        receiver.up().await?;
        Ok(receiver)
    }

    /// For `webhook.url`. It names the club, as real ones do.
    pub fn url(&self) -> String {
        format!("http://{}/hooks/varco?club=milano", self.port.address())
    }

    /// Listens again after [`Receiver::down`].
    pub async fn up(&self) -> Result<()> {
        let mut listening = self.listening.lock().await;
        if listening.is_none() {
            *listening = Some(Task::start(serve(self.port.listen()?, Arc::clone(&self.book))));
        }
        Ok(())
    }

    /// Refuses connections and cuts those that are open.
    pub async fn down(&self) {
        if let Some(task) = self.listening.lock().await.take() {
            task.end().await;
        }
    }

    /// Answers the next requests so, one after the other.
    pub fn answer_next(&self, replies: impl IntoIterator<Item = Reply>) {
        self.book.send_modify(|book| book.replies.extend(replies));
    }

    /// Answers every request so from now on; none: takes it.
    pub fn answer_always(&self, reply: Option<Reply>) {
        self.book.send_modify(|book| book.always = reply);
    }

    /// Looks at its book without copying it.
    pub fn look<T>(&self, question: impl FnOnce(&Book) -> T) -> T {
        question(&self.book.borrow())
    }

    /// Waits until something holds of its book; the error tells the last requests.
    pub async fn wait_until(&self, wanted: impl FnMut(&Book) -> bool, within: Duration) -> Result<()> {
        world::wait_for(self.book.subscribe(), wanted, within, Book::summary).await
    }
}

async fn serve(listener: TcpListener, book: Arc<watch::Sender<Book>>) {
    // Dropped with the task, and every connection with it.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else { continue };
        let book = Arc::clone(&book);
        connections.spawn(async move {
            let answer = service_fn(move |request| answer(Arc::clone(&book), request));
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

/// An error cuts the connection without an answer.
async fn answer(book: Arc<watch::Sender<Book>>, request: hyper::Request<hyper::body::Incoming>) -> Result<Response> {
    if request.method() != hyper::Method::POST {
        return Ok(StatusCode::METHOD_NOT_ALLOWED.into_response());
    }
    let (head, body) = request.into_parts();
    let body = to_bytes(Body::new(body), BODY_BYTES_MAX).await?;
    let mut reply = Reply::Taken;
    book.send_modify(|book| reply = book.receive(&head.headers, &body));
    let response: Result<Response, Infallible> = Ok(match reply {
        Reply::Taken => StatusCode::NO_CONTENT.into_response(),
        Reply::TakenAfter(wait) => {
            tokio::time::sleep(wait).await;
            StatusCode::OK.into_response()
        }
        Reply::Busy(seconds) => {
            (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds.to_string())]).into_response()
        }
        Reply::Status(status) => {
            let location = [(header::LOCATION, "/elsewhere")];
            (StatusCode::from_u16(status)?, location, "said by the receiver").into_response()
        }
        Reply::TakenAndCut | Reply::Cut => return Err(anyhow!("cut by order of the test")),
    });
    let Ok(response) = response;
    Ok(response)
}

/// HMAC-SHA256 over `id.timestamp.body`, written down once more from the specification.
fn is_ours(id: &str, timestamp: &str, signatures: &str, body: &[u8]) -> bool {
    let key = STANDARD.decode(SECRET.trim_start_matches("whsec_")).expect("the published secret is base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    let ours = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let sent: i64 = timestamp.parse().unwrap_or_default();
    (Timestamp::now().as_second() - sent).abs() <= TOLERANCE_S && signatures.split(' ').any(|one| one == ours)
}

//! The sandbox on a socket: axum behind an accept loop of its own, so that a connection can be cut without an answer.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::anyhow;
use axum::Router;
use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::book::{Incoming, Unread};
use super::spoil::Outgoing;
use super::{Inner, control};

/// No call of the contract comes near it.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Marks a response that must not be sent: the connection ends instead.
#[derive(Debug, Clone, Copy)]
struct CutHere;

/// Serves until `stop` is dropped; then ends every connection before it returns.
pub(super) async fn serve(listener: TcpListener, sandbox: Arc<Inner>, mut stop: oneshot::Receiver<()>) {
    let routes = control::routes().fallback(receive).with_state(sandbox);
    let mut connections = JoinSet::new();
    loop {
        // A connection that is over leaves the set here, or a long run would keep one entry for each.
        while connections.try_join_next().is_some() {}
        let stream = tokio::select! {
            _ = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
        };
        let _ = stream.set_nodelay(true);
        let routes = routes.clone();
        connections.spawn(async move {
            let answer = service_fn(move |request| answer_or_cut(routes.clone(), request));
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
    drop(listener);
    connections.shutdown().await;
}

async fn answer_or_cut(routes: Router, request: hyper::Request<hyper::body::Incoming>) -> anyhow::Result<Response> {
    let response: Result<Response, Infallible> = routes.oneshot(request.map(Body::new)).await;
    let Ok(response) = response;
    if response.extensions().get::<CutHere>().is_some() {
        return Err(anyhow!("cut by order of the test"));
    }
    Ok(response)
}

async fn receive(State(sandbox): State<Arc<Inner>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let kind = header(&head.headers, &CONTENT_TYPE);
    let incoming = Incoming {
        path: head.uri.path(),
        client: header(&head.headers, &HeaderName::from_static("x-mwapps-client")),
        api_key: header(&head.headers, &HeaderName::from_static("x-mwapps-apikey")),
        body: read(&head.method, kind, body).await,
        at: Timestamp::now(),
    };
    let mut outgoing = None;
    sandbox.book.send_modify(|book| outgoing = Some(book.receive(&incoming)));
    let outgoing = outgoing.expect("the book answers every request");
    if !outgoing.delay.is_zero() {
        tokio::time::sleep(outgoing.delay).await;
    }
    response(outgoing)
}

async fn read(method: &Method, kind: Option<&str>, body: Body) -> Result<Map<String, Value>, Unread> {
    let because = |status, why| Unread { status, why };
    if method != Method::POST {
        return Err(because(405, "Only POST is expected"));
    }
    if kind.is_none_or(|kind| !kind.starts_with("application/json")) {
        return Err(because(415, "Content-Type application/json is expected"));
    }
    let body = to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| because(413, "The body is too long"))?;
    serde_json::from_slice(&body).map_err(|_| because(400, "The body is no JSON object"))
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn response(outgoing: Outgoing) -> Response {
    let body = if outgoing.is_torn { Body::new(Torn::new(&outgoing.text)) } else { Body::from(outgoing.text) };
    let mut response = Response::new(body);
    let Ok(status) = outgoing.status.try_into() else {
        response.extensions_mut().insert(CutHere);
        return response;
    };
    *response.status_mut() = status;
    let kind = if outgoing.is_html { "text/html; charset=utf-8" } else { "application/json; charset=utf-8" };
    response.headers_mut().insert(CONTENT_TYPE, kind.parse().expect("both kinds are header values"));
    if let Some(seconds) = outgoing.retry_after_s {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    if outgoing.is_challenge {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("TechnogymBearer"));
    }
    response
}

/// A body that promises its whole length and breaks off in the middle.
#[derive(Debug)]
struct Torn {
    half: Option<Bytes>,
    length: u64,
    is_sent: bool,
}

impl Torn {
    fn new(text: &str) -> Self {
        let half = Bytes::copy_from_slice(&text.as_bytes()[..text.len() / 2]);
        Self { half: Some(half), length: text.len() as u64, is_sent: false }
    }
}

impl HttpBody for Torn {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(half) = self.half.take() {
            return Poll::Ready(Some(Ok(Frame::data(half))));
        }
        // What is ready is sent only when nothing more is: without this pause the half would go down with the rest.
        if !std::mem::replace(&mut self.is_sent, true) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::Error::other("torn by order of the test"))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

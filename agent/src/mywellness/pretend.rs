//! A pretended Mywellness for the tests of this module: strict about headers and tokens, and spoiling what it is told to.
//!
//! Stricter than any sandbox: each answer brings a new token, and at once no other is valid.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::{Actions, Config, OnLostAnswer};
use crate::domain::{FactKind, Person};
use crate::sync::{GroupMaster, Mode, Rules, Selection};

pub(super) const API_KEY: &str = "key-that-nobody-may-see";
pub(super) const PASSWORD: &str = "password-that-nobody-may-see";

/// A configuration for an address, fast enough for tests.
pub(super) fn config(base_url: &str) -> Config {
    Config {
        base_url: base_url.into(),
        facility_url: "clubmilano".into(),
        api_key: SecretString::from(API_KEY),
        username: "integration".into(),
        password: SecretString::from(PASSWORD),
        application_id: "69295ed5-a53c-434b-8518-f2e0b5f05b28".into(),
        requests_per_second: NonZeroU32::new(10_000).unwrap(),
        request_timeout: Duration::from_secs(20),
        on_lost_answer: OnLostAnswer::Resend,
        compare_at: jiff::civil::time(3, 0, 0, 0),
        rules: rules(),
        actions: Actions::default(),
    }
}

/// Rules under which everybody is told of everything but groups.
pub(super) fn rules() -> Rules {
    Rules {
        mode: Mode::Automatic,
        send: vec![FactKind::Person, FactKind::Membership, FactKind::Groups, FactKind::Visit],
        takes_back: Vec::new(),
        group_ids: BTreeMap::new(),
        group_master: GroupMaster::On,
        email_required: true,
        gender_required: true,
        selection: Selection::Everyone,
    }
}

/// A member of whom everything is known.
pub(super) fn anna() -> Person {
    let document = json!({
        "external_id": "M-1001", "first_name": " Anna ", "last_name": "Rossi", "birth_date": "1990-04-12",
        "gender": "F", "email": "anna@example.org", "phone": null, "mobile": "+39 333 1234567",
        "address": {"street": "Via Roma 1", "zip": "20121", "city": "Milano", "province": "MI", "country": "IT"},
        "member_since": "2021-09-01",
    });
    serde_json::from_value(document).unwrap()
}

/// What is done with one request.
#[derive(Clone)]
pub(super) enum Reply {
    /// An envelope with a fresh token.
    Said(u16, Value),
    /// Exactly these bytes as a body, of this content type.
    Bytes(u16, &'static str, Vec<u8>),
    /// A status with a `Retry-After` of so many seconds.
    Busy(u16, u32),
    /// The connection ends without an answer.
    Cut,
    /// The connection ends within the answer.
    CutWithin,
    /// No answer, for as long as the caller waits.
    Silence,
}

/// A request as it came, without its token.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) body: Value,
}

#[derive(Default)]
struct State {
    asked: Vec<Asked>,
    logins: VecDeque<Reply>,
    calls: VecDeque<Reply>,
    token: u32,
    expire_in: Option<u64>,
}

/// The server; it ends with the value.
pub(super) struct Pretend {
    pub(super) url: String,
    state: Arc<Mutex<State>>,
    listening: JoinHandle<()>,
}

impl Pretend {
    /// Starts on loopback. A login succeeds and a call says `Success`, unless told otherwise.
    pub(super) async fn start() -> Self {
        // The first of many tests in one process installs it; the others find it there.
        let _already = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { url, state, listening }
    }

    /// The next calls are answered so.
    pub(super) fn calls(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state.lock().unwrap().calls.extend(replies);
    }

    /// The next logins are answered so.
    pub(super) fn logins(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state.lock().unwrap().logins.extend(replies);
    }

    /// No token given so far is valid any more.
    pub(super) fn expire_tokens(&self) {
        self.state.lock().unwrap().token += 1;
    }

    /// Tokens are said to live so many seconds.
    pub(super) fn say_tokens_live(&self, seconds: u64) {
        self.state.lock().unwrap().expire_in = Some(seconds);
    }

    /// What it was asked, oldest first, by the last part of the path.
    pub(super) fn actions(&self) -> Vec<String> {
        let last = |asked: &Asked| asked.path.rsplit('/').next().unwrap_or_default().to_owned();
        self.asked().iter().map(last).collect()
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }
}

impl Drop for Pretend {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let Some((head, body)) = read_request(&mut stream).await else { return };
    let reply = state.lock().unwrap().answer(&head, &body);
    let (status, kind, extra, body) = match reply {
        Reply::Said(status, envelope) => (status, "application/json", String::new(), envelope.to_string().into_bytes()),
        Reply::Bytes(status, kind, bytes) => (status, kind, String::new(), bytes),
        Reply::Busy(status, seconds) => (status, "text/html", format!("retry-after: {seconds}\r\n"), Vec::new()),
        Reply::Cut => return,
        Reply::CutWithin => {
            let half = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{\"data\":";
            let _gone = stream.write_all(half).await;
            return;
        }
        Reply::Silence => {
            // Ends when the caller hangs up.
            let _gone = stream.read(&mut [0]).await;
            return;
        }
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n{extra}connection: close\r\n\r\n"
    );
    let _gone = stream.write_all(&[head.into_bytes(), body].concat()).await;
}

async fn read_request(stream: &mut TcpStream) -> Option<(String, Value)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            if bytes.len() >= end + 4 + length.parse::<usize>().unwrap() {
                let path = String::from_utf8(bytes[..end].to_vec()).unwrap().lines().next().unwrap().to_owned();
                return Some((format!("{path}\n{head}"), serde_json::from_slice(&bytes[end + 4..]).unwrap()));
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

impl State {
    fn answer(&mut self, head: &str, body: &Value) -> Reply {
        let path = head.strip_prefix("POST ").and_then(|line| line.split(' ').next()).expect("every call is a POST");
        let mut body = body.clone();
        let secret = ["token", "password", "apiKey"].map(|name| body.as_object_mut().unwrap().remove(name));
        self.asked.push(Asked { path: path.to_owned(), body });
        let is_trusted = ["content-type: application/json", "x-mwapps-client: thirdparties"]
            .iter()
            .all(|header| head.lines().any(|line| line == *header))
            && head.lines().any(|line| line == format!("x-mwapps-apikey: {API_KEY}"));
        if !is_trusted {
            return Reply::Said(200, refusal("ClientApplicationNotTrusted"));
        }
        if path.ends_with("/AccessIntegration") {
            let is_right = secret == [None, Some(json!(PASSWORD)), Some(json!(API_KEY))];
            let honest = if is_right { login() } else { refusal("InvalidCredentials") };
            let reply = self.logins.pop_front().unwrap_or(Reply::Said(200, honest));
            return self.with_token(reply);
        }
        if secret != [Some(json!(self.newest_token())), None, None] {
            return Reply::Said(200, refusal("TokenNotValid"));
        }
        let reply = self.calls.pop_front().unwrap_or(Reply::Said(200, json!({"data": {"result": "Success"}})));
        self.with_token(reply)
    }

    fn with_token(&mut self, reply: Reply) -> Reply {
        match reply {
            Reply::Said(status, mut envelope) if envelope.is_object() => {
                self.token += 1;
                envelope["token"] = json!(self.newest_token());
                envelope["expireIn"] = json!(self.expire_in.unwrap_or(1800));
                Reply::Said(status, envelope)
            }
            other => other,
        }
    }

    fn newest_token(&self) -> String {
        format!("token-that-nobody-may-see-{}", self.token)
    }
}

fn login() -> Value {
    json!({"data": {"result": "Success", "facilities": [{"id": "other", "url": "clubroma"}, {"id": "f-1", "url": "clubmilano"}]}})
}

/// An envelope with one error.
pub(super) fn refusal(field: &str) -> Value {
    json!({"errors": [{"field": field, "type": "Security", "errorMessage": "anna@example.org is not welcome"}]})
}

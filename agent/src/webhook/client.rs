//! Posts signed events to one receiver: encrypted unless on this machine, never redirected, with limits on its answer.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Response, Url};

use super::Config;
use super::answer::{self, Answer};
use super::signature::{Key, Signed};
use crate::clock::Clock;
use crate::outbox::{retry_after, root_cause};

/// CloudEvents in structured mode over HTTP.
const MEDIA_TYPE: &str = "application/cloudevents+json; charset=utf-8";
/// Longest answer read; a connection whose answer is longer is not used again.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// How much of a refusal's text is kept for the operator, in characters.
const SAID_CHARS_MAX: usize = 200;
/// Idle connections are closed sooner than common servers do it: an event sent into a connection that is just being
/// closed would only have to be sent again.
const IDLE_CONNECTION_MAX: Duration = Duration::from_secs(3);

/// Why a client cannot be made of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadSetup {
    /// The address is none. It is not told: it may hold a secret.
    #[error("the webhook's url is no address")]
    Address,
    /// The file of authorities cannot be used.
    #[error("reading the authorities in {file}: {why}")]
    Authorities {
        /// The file.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// TLS cannot be set up.
    #[error("setting up TLS for a webhook: {0}")]
    Tls(String),
}

/// A receiver, and what it is reached with.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    url: Url,
    keys: Vec<Key>,
    clock: Clock,
}

/// Whether anything answers at the receiver's address, for `varco check --online`: the status of a request for its head.
/// No event is sent.
///
/// # Errors
/// Why it is not reached.
pub async fn check(config: &Config) -> Result<u16, String> {
    let client = Client::new(config, Clock::system()).map_err(|error| error.to_string())?;
    let answer = client.http.head(client.url.clone()).send().await;
    answer.map(|answer| answer.status().as_u16()).map_err(|error| root_cause(&error))
}

impl Client {
    /// A client of a receiver; nothing is sent yet. A TLS provider must be installed in the process.
    pub(super) fn new(config: &Config, clock: Clock) -> Result<Self, BadSetup> {
        let url = Url::parse(&config.url).map_err(|_| BadSetup::Address)?;
        Ok(Self { http: http(config, &url)?, url, keys: config.keys.clone(), clock })
    }

    /// Posts an event under its id.
    pub(super) async fn post(&self, id: &str, event: Vec<u8>) -> Answer {
        let timestamp = self.clock.now().wall.as_second();
        let Some(headers) = self.headers(Signed { id, timestamp, body: &event }) else {
            return Answer::Refused { status: 0, said: "its id cannot stand in a header".into() };
        };
        match self.http.post(self.url.clone()).headers(headers).body(event).send().await {
            Ok(response) => self.read(response).await,
            Err(error) if error.is_connect() || error.is_builder() => Answer::NotReached(root_cause(&error)),
            Err(error) if error.is_timeout() => Answer::Failed("no answer in time".into()),
            Err(error) => Answer::Failed(format!("the answer was lost: {}", root_cause(&error))),
        }
    }

    fn headers(&self, message: Signed<'_>) -> Option<HeaderMap> {
        let signatures: Vec<_> = self.keys.iter().map(|key| key.sign(message)).collect();
        let timestamp = message.timestamp.to_string();
        let written = [
            ("webhook-id", message.id),
            ("webhook-timestamp", &timestamp),
            ("webhook-signature", &signatures.join(" ")),
        ];
        let header = |(name, value)| Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?));
        written.into_iter().map(header).collect()
    }

    async fn read(&self, mut response: Response) -> Answer {
        let status = response.status().as_u16();
        let rest = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let rest = rest.and_then(|text| retry_after(text, self.clock.now().wall));
        let mut said = Vec::new();
        // The status has come: what becomes of the text after it changes nothing.
        while let Ok(Some(chunk)) = response.chunk().await {
            said.extend_from_slice(&chunk[..chunk.len().min(ANSWER_BYTES_MAX - said.len())]);
            if said.len() == ANSWER_BYTES_MAX {
                break;
            }
        }
        answer::read(status, rest, shortened(&said))
    }
}

fn http(config: &Config, url: &Url) -> Result<reqwest::Client, BadSetup> {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE))]);
    let client = reqwest::Client::builder()
        .default_headers(headers)
        .user_agent(concat!("varco/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .timeout(config.request_timeout)
        // Shorter than the whole, so that an address that never answers counts as never reached.
        .connect_timeout(config.request_timeout / 2)
        .pool_idle_timeout(IDLE_CONNECTION_MAX);
    let client = match (url.scheme(), authorities(config)?) {
        // The system's authorities are not looked for where nothing is encrypted: a test machine may have none.
        ("http", _) => client.tls_certs_only([]),
        (_, Some(authorities)) => client.https_only(true).tls_certs_only(authorities),
        (_, None) => client.https_only(true),
    };
    client.build().map_err(|error| BadSetup::Tls(root_cause(&error)))
}

fn authorities(config: &Config) -> Result<Option<Vec<Certificate>>, BadSetup> {
    let Some(file) = &config.ca_file else { return Ok(None) };
    let bad = |why: String| BadSetup::Authorities { file: file.display().to_string(), why };
    let pem = std::fs::read(file).map_err(|error| bad(error.to_string()))?;
    let authorities = Certificate::from_pem_bundle(&pem).map_err(|error| bad(root_cause(&error)))?;
    if authorities.is_empty() { Err(bad("it holds no PEM certificate".into())) } else { Ok(Some(authorities)) }
}

/// The beginning of a text on one line.
fn shortened(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SAID_CHARS_MAX).collect()
}

//! How a facility is reached: encrypted unless on this machine, never redirected, and with nothing secret in an error.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::ExposeSecret;

use super::Config;
use crate::outbox::root_cause;

/// Idle connections are closed sooner than any common server does it (the shortest default is 5 s): a visit sent into
/// a connection that is just being closed would count as sent with its answer lost.
const IDLE_CONNECTION_MAX: Duration = Duration::from_secs(3);

/// Why a client cannot be made of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSetup {
    /// The address is none.
    #[error("mywellness.base_url {0:?} is no address; write one such as https://api.mywellness.com")]
    Address(String),
    /// Secrets would travel readable.
    #[error("mywellness.base_url {0:?} is not encrypted; write https (plain http is for loopback only)")]
    Plain(String),
    /// The key cannot travel in a header. The key itself is not told.
    #[error(
        "the key in mywellness.api_key_file holds characters that cannot be sent; write the key alone into the file"
    )]
    ApiKey,
    /// TLS cannot be set up.
    #[error("setting up TLS for Mywellness: {0}")]
    Tls(String),
}

/// The address of a facility: base and slug; the parts of an action's path follow.
pub(super) fn address(config: &Config) -> Result<Url, BadSetup> {
    let mut facility = base(&config.base_url)?;
    let mut path = facility.path_segments_mut().map_err(|()| BadSetup::Address(config.base_url.clone()))?;
    path.pop_if_empty().push(&config.facility_url);
    drop(path);
    Ok(facility)
}

/// A connection pool for that address, sending the headers of the contract. A TLS provider must be installed.
pub(super) fn http(config: &Config, address: &Url) -> Result<reqwest::Client, BadSetup> {
    let mut api_key = HeaderValue::from_str(config.api_key.expose_secret()).map_err(|_| BadSetup::ApiKey)?;
    api_key.set_sensitive(true);
    let headers = HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        ("x-mwapps-client".parse().expect("a header's name"), HeaderValue::from_static("thirdParties")),
        ("x-mwapps-apikey".parse().expect("a header's name"), api_key),
    ]);
    let client = reqwest::Client::builder()
        .default_headers(headers)
        .redirect(reqwest::redirect::Policy::none())
        .timeout(config.request_timeout)
        // Shorter than the whole, so that an address that never answers counts as never reached.
        .connect_timeout(config.request_timeout / 2)
        .pool_idle_timeout(IDLE_CONNECTION_MAX);
    // The system's authorities are not looked for where nothing is encrypted: a test machine may have none.
    let client = if address.scheme() == "http" { client.tls_certs_only([]) } else { client.https_only(true) };
    client.build().map_err(|error| BadSetup::Tls(root_cause(&error)))
}

fn base(text: &str) -> Result<Url, BadSetup> {
    let url = Url::parse(text).map_err(|_| BadSetup::Address(text.into()))?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match url.scheme() {
        "https" if !host.is_empty() => Ok(url),
        "http" if is_loopback => Ok(url),
        "http" => Err(BadSetup::Plain(text.into())),
        _ => Err(BadSetup::Address(text.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::pretend;
    use super::*;

    #[test]
    fn secrets_travel_encrypted_or_not_at_all() {
        let made = |base_url: &str| address(&pretend::config(base_url)).err();
        for good in ["http://127.0.0.1:8080", "http://[::1]:1", "http://localhost"] {
            assert_eq!(made(good), None, "{good}");
        }
        for plain in ["http://api.mywellness.com", "http://127.0.0.1.example.org", "http://localhost.example.org"] {
            assert_eq!(made(plain), Some(BadSetup::Plain(plain.into())));
        }
        for bad in ["api.mywellness.com", "", "ftp://api.mywellness.com", "data:text/plain,x"] {
            assert_eq!(made(bad), Some(BadSetup::Address(bad.into())));
        }
    }

    #[test]
    fn the_slug_is_one_part_of_the_path_whatever_it_holds() {
        let facility = |base_url: &str, slug: &str| {
            let config = Config { facility_url: slug.into(), ..pretend::config(base_url) };
            address(&config).unwrap().to_string()
        };
        assert_eq!(facility("https://api.mywellness.com", "clubmilano"), "https://api.mywellness.com/clubmilano");
        assert_eq!(facility("https://api.mywellness.com/", "a/b?c"), "https://api.mywellness.com/a%2Fb%3Fc");
        assert_eq!(facility("https://proxy.example.org/mw", "x"), "https://proxy.example.org/mw/x");
    }
}

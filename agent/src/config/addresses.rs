//! Addresses of upstreams: schemes, ports, and no secrets inside.

use std::net::IpAddr;

use reqwest::Url;

use super::section::{Fault, Section};
use super::tree::Node;
use super::values::text;

/// A broker's address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Broker {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) transport: Transport,
}

/// What carries MQTT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Transport {
    Tcp,
    Tls,
}

/// Ports of MQTT and MQTT over TLS as registered with IANA.
const MQTT_PORT: u16 = 1883;
const MQTTS_PORT: u16 = 8883;

const BROKER_EXAMPLE: &str = "write \"mqtt://host:1883\", or \"mqtts://host:8883\" for TLS";

/// `mqtt://host:1883` or `mqtts://host:8883`.
pub(super) fn broker(node: &Node) -> Result<Broker, Fault> {
    let url = url(node, BROKER_EXAMPLE)?;
    let (transport, usual_port) = match url.scheme() {
        "mqtt" => (Transport::Tcp, MQTT_PORT),
        "mqtts" => (Transport::Tls, MQTTS_PORT),
        other => return Err(Fault::new(format!("{other}:// is no address of an MQTT broker"), BROKER_EXAMPLE)),
    };
    if !matches!(url.path(), "" | "/") {
        return Err(Fault::new("a broker's address ends with its port", BROKER_EXAMPLE));
    }
    Ok(Broker { host: host(&url, BROKER_EXAMPLE)?, port: url.port().unwrap_or(usual_port), transport })
}

const WEB_EXAMPLE: &str = "write \"https://host\"";

/// `https://host`, or `http://` to this machine alone; without a final slash.
pub(super) fn web(node: &Node) -> Result<String, Fault> {
    let url = safe(node, WEB_EXAMPLE, "plain http would carry secrets in the open")?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Fault::new("this address has more than a host and a path", WEB_EXAMPLE));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

const HOOK_EXAMPLE: &str = "write \"https://host/path\"";

/// The address that a webhook posts to, exactly as the receiver gave it.
pub(super) fn hook(node: &Node) -> Result<String, Fault> {
    let url = safe(node, HOOK_EXAMPLE, "plain http would carry visits in the open")?;
    if url.fragment().is_some() {
        return Err(Fault::new("what follows a # is never sent", HOOK_EXAMPLE));
    }
    Ok(url.into())
}

/// An address that is encrypted, or leads to this machine.
fn safe(node: &Node, example: &str, plain: &str) -> Result<Url, Fault> {
    let url = url(node, example)?;
    let host = host(&url, example)?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&host) => Ok(url),
        "http" => Err(Fault::new(plain, "write https://, or http:// to 127.0.0.1 only")),
        other => Err(Fault::new(format!("{other}:// is no web address"), example)),
    }
}

/// Whether a host is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// An address with a user in it is refused; the password beside the user is not shown.
pub(super) fn hide_login_in(section: &Section<'_>, key: &str) {
    if section.text_of(key).is_some_and(|address| address.contains('@')) {
        section.hide(key);
    }
}

fn url(node: &Node, example: &str) -> Result<Url, Fault> {
    let url = Url::parse(&text(node)?).map_err(|error| Fault::new(format!("this is no address: {error}"), example))?;
    if url.username().is_empty() && url.password().is_none() {
        return Ok(url);
    }
    Err(Fault::new("an address holds no user and no password", "write `username` and `password_file` instead"))
}

fn host(url: &Url, example: &str) -> Result<String, Fault> {
    match url.host_str() {
        Some(host) if !host.is_empty() => Ok(host.trim_start_matches('[').trim_end_matches(']').to_owned()),
        _ => Err(Fault::new("the address has no host", example)),
    }
}

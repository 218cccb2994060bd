//! `[mqtt]`: the central system that is told, by its broker.

use std::time::Duration;

use super::addresses::{Broker, Transport, broker, hide_login_in, is_loopback};
use super::files::{PASSWORD, Surroundings, certificate_file, demand_pair, key_file};
use super::section::{Fault, Section};
use super::tree::Node;
use super::values::{choice, duration, flag, text};
use crate::domain::SiteId;
use crate::mqtt::{self, Confirm};

const SECOND: Duration = Duration::from_secs(1);
/// Longest wait for a receipt: a central system that takes longer is down, and rows wait anyway.
const RECEIPT_TIMEOUT_MAX: Duration = Duration::from_secs(86_400);
/// Longest client id and topic prefix, in bytes; `-in` and topic names still fit into MQTT's 65,535.
const MQTT_NAME_BYTES_MAX: usize = 128;

/// Reads `[mqtt]`.
pub(super) fn mqtt(mut section: Section<'_>, site: Option<&SiteId>, around: &Surroundings) -> Option<mqtt::Config> {
    hide_login_in(&section, "url");
    let broker = section.required("url", "url = \"mqtt://127.0.0.1:1883\"", broker);
    let tls = mqtt_tls(&mut section, broker.as_ref(), around);
    let client_id = section.optional("client_id", mqtt_name);
    let login = login(&mut section, around);
    let topic_prefix = section.or("topic_prefix", "varco/v1".into(), topic_prefix);
    let include_person = section.or("include_person", false, flag);
    let confirm = mqtt_confirm(&mut section);
    let commands = section.or("commands", false, flag);
    if let Some(Broker { host, transport: Transport::Tcp, .. }) = &broker
        && !is_loopback(host)
    {
        let what = "visits and the password travel unencrypted to another machine";
        section.warning("url", what, "write mqtts:// if the broker has TLS");
    }
    section.finish();
    let (broker, site) = (broker?, site?.clone());
    let client_id = client_id.unwrap_or_else(|| site.to_string());
    let Broker { host, port, .. } = broker;
    Some(mqtt::Config { host, port, tls, client_id, login, topic_prefix, site, include_person, confirm, commands })
}

fn mqtt_tls(section: &mut Section<'_>, broker: Option<&Broker>, around: &Surroundings) -> Option<mqtt::Tls> {
    let ca_file = certificate_file(section, "ca_file", around);
    let cert_file = certificate_file(section, "cert_file", around);
    let key_file = key_file(section, "key_file", around);
    demand_pair(section);
    match broker?.transport {
        Transport::Tls => Some(mqtt::Tls { ca_file, client: cert_file.zip(key_file) }),
        Transport::Tcp => {
            section.refuse(
                &["ca_file", "cert_file", "key_file"],
                "is for TLS",
                "write url = \"mqtts://…\", or remove it",
            );
            None
        }
    }
}

fn login(section: &mut Section<'_>, around: &Surroundings) -> Option<(String, secrecy::SecretString)> {
    let username = section.optional("username", text);
    if section.has("username") {
        return username.zip(PASSWORD.require(section, around));
    }
    if PASSWORD.are_written(section) {
        section.missing("username", "username = \"…\", whose password this is");
    }
    PASSWORD.read(section, around);
    None
}

fn mqtt_confirm(section: &mut Section<'_>) -> Confirm {
    let timeout = section.or("receipt_timeout", 30 * SECOND, duration(SECOND..=RECEIPT_TIMEOUT_MAX));
    let ways = [("puback", Confirm::Puback), ("receipt", Confirm::Receipt { timeout })];
    let confirm = section.or("confirm", Confirm::Puback, choice(&ways));
    if confirm == Confirm::Puback && section.has("receipt_timeout") {
        section.warning("receipt_timeout", "no receipts are awaited", "write confirm = \"receipt\", or remove it");
    }
    confirm
}

fn mqtt_name(node: &Node) -> Result<String, Fault> {
    let name = text(node)?;
    let fits = name.len() <= MQTT_NAME_BYTES_MAX && !name.chars().any(char::is_control);
    let mend = || format!("write at most {MQTT_NAME_BYTES_MAX} printable characters");
    fits.then_some(()).ok_or_else(|| Fault::new("this is no MQTT name", mend()))?;
    Ok(name)
}

/// Part of a topic name: MQTT's wildcards and the broker's own `$` topics are not for publishing.
fn topic_prefix(node: &Node) -> Result<String, Fault> {
    let prefix = mqtt_name(node)?;
    let fits = !prefix.contains(['#', '+']) && !prefix.starts_with(['$', '/']) && !prefix.ends_with('/');
    let mend = "write names with slashes between them, as in \"varco/v1\", without # + and a leading $";
    if fits { Ok(prefix) } else { Err(Fault::new(format!("{prefix:?} cannot begin a topic"), mend)) }
}

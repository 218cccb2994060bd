//! What a re-read configuration changes, and what of it has to wait for a restart.

use std::collections::BTreeSet;
use std::fmt;

use secrecy::ExposeSecret;

use super::Config;
use crate::domain::{GateId, Policy, Site};
use crate::{console, mqtt, mywellness};

/// The difference between the configuration in force and a new one. Policy and texts are always taken.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Change {
    /// Gates to be rebuilt when idle: they, or readers at them, are new, gone or wired differently.
    pub gates: BTreeSet<GateId>,
    /// What keeps its old value until the agent is restarted, by its table.
    pub needs_restart: Vec<&'static str>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("policy and texts taken")?;
        if !self.gates.is_empty() {
            let gates: Vec<_> = self.gates.iter().map(GateId::as_str).collect();
            write!(f, "; gates rebuilt when idle: {}", gates.join(", "))?;
        }
        if !self.needs_restart.is_empty() {
            write!(f, "; needs a restart: {}", self.needs_restart.join(", "))?;
        }
        Ok(())
    }
}

/// Compares the configuration in force with a new one.
#[must_use]
pub fn difference(old: &Config, new: &Config) -> Change {
    Change { gates: changed_gates(old, new), needs_restart: needs_restart(old, new) }
}

/// What is in force once `new` was read beside a running agent: `new`, with the parts that need a restart as they were.
#[must_use]
pub fn in_force(old: &Config, new: Config) -> Config {
    let kept = old.clone();
    let policy = Policy { site: kept.policy.site, ..new.policy };
    Config { policy, texts: new.texts, doors: new.doors, ..kept }
}

/// The tables whose change a running agent cannot take.
#[must_use]
pub fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let parts = [
        ("site", same_site(&old.policy.site, &new.policy.site)),
        ("store", old.store == new.store),
        ("console", same_console(&old.console, &new.console)),
        ("logs", old.logs == new.logs),
        ("mqtt", same_option(old.mqtt.as_ref(), new.mqtt.as_ref(), same_mqtt)),
        ("mywellness", same_option(old.mywellness.as_ref(), new.mywellness.as_ref(), same_mywellness)),
        ("webhook", old.webhooks == new.webhooks),
        ("hook", old.hooks == new.hooks),
    ];
    parts.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
}

fn changed_gates(old: &Config, new: &Config) -> BTreeSet<GateId> {
    let all: BTreeSet<&GateId> = old.policy.gates.keys().chain(new.policy.gates.keys()).collect();
    all.into_iter().filter(|gate| !same_gate(old, new, gate)).cloned().collect()
}

/// Whether a gate, its wiring, and the readers at it are the same in both.
fn same_gate(old: &Config, new: &Config, gate: &GateId) -> bool {
    let wiring = |config: &Config| config.doors.gates.iter().find(|wired| wired.gate == *gate).cloned();
    let readers = |config: &Config| {
        let mut here: Vec<_> = config.doors.readers.iter().filter(|wired| wired.gate == *gate).cloned().collect();
        here.sort_by(|one, other| one.reader.cmp(&other.reader));
        here
    };
    old.policy.gates.get(gate) == new.policy.gates.get(gate)
        && wiring(old) == wiring(new)
        && readers(old) == readers(new)
}

fn same_option<T>(old: Option<&T>, new: Option<&T>, same: impl FnOnce(&T, &T) -> bool) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => same(old, new),
        (None, None) => true,
        _ => false,
    }
}

// Each field is named, so that a new one cannot be forgotten here.

fn same_site(old: &Site, new: &Site) -> bool {
    let Site { id, name, timezone, locale, club_day_starts, maximum_stay } = old;
    (id, name, timezone, locale, club_day_starts, maximum_stay)
        == (&new.id, &new.name, &new.timezone, &new.locale, &new.club_day_starts, &new.maximum_stay)
}

fn same_console(old: &console::Config, new: &console::Config) -> bool {
    let console::Config { listen, behind_proxy, tls } = old;
    (listen, behind_proxy, tls) == (&new.listen, &new.behind_proxy, &new.tls)
}

fn same_mqtt(old: &mqtt::Config, new: &mqtt::Config) -> bool {
    let mqtt::Config { host, port, tls, client_id, login, topic_prefix, site: _, include_person, confirm, commands } =
        old;
    let tls_of = |tls: &Option<mqtt::Tls>| tls.clone().map(|mqtt::Tls { ca_file, client }| (ca_file, client));
    let login_of = |login: &Option<(String, secrecy::SecretString)>| {
        login.as_ref().map(|(user, password)| (user.clone(), password.expose_secret().to_owned()))
    };
    (host, port, client_id, topic_prefix, include_person, confirm, commands)
        == (&new.host, &new.port, &new.client_id, &new.topic_prefix, &new.include_person, &new.confirm, &new.commands)
        && tls_of(tls) == tls_of(&new.tls)
        && login_of(login) == login_of(&new.login)
}

fn same_mywellness(old: &mywellness::Config, new: &mywellness::Config) -> bool {
    let mywellness::Config {
        base_url,
        facility_url,
        api_key,
        username,
        password,
        application_id,
        requests_per_second,
        request_timeout,
        on_lost_answer,
        compare_at,
        rules,
        actions,
    } = old;
    (base_url, facility_url, username, application_id, requests_per_second, request_timeout)
        == (
            &new.base_url,
            &new.facility_url,
            &new.username,
            &new.application_id,
            &new.requests_per_second,
            &new.request_timeout,
        )
        && (on_lost_answer, compare_at, rules, actions)
            == (&new.on_lost_answer, &new.compare_at, &new.rules, &new.actions)
        && api_key.expose_secret() == new.api_key.expose_secret()
        && password.expose_secret() == new.password.expose_secret()
}

//! The one configuration file: read whole, all its problems told at once, and turned into values that cannot be wrong.
//!
//! `config/varco.toml` is its manual. A section is read key by key (`section`) because a derived reader stops at the
//! first error; what nobody asked for is unknown; what must fit together is checked last (`cross`).

mod actions;
mod addresses;
mod central;
pub mod check;
mod cross;
mod difference;
mod facts;
mod files;
mod frames;
mod gates;
mod hooks;
mod local;
mod messages;
mod problem;
mod readers;
mod section;
mod site;
mod suggest;
#[cfg(test)]
mod tests;
mod tree;
mod values;
mod webhooks;
mod wellness;

use std::io::Read;
use std::path::Path;

pub use difference::{Change, difference, in_force, needs_restart};
pub use facts::{ConfigurationRefused, ConfigurationTaken};
pub use local::Logs;
pub use problem::{Problem, Problems};

use crate::access::Texts;
use crate::domain::{Policy, Site};
use crate::{console, door, mqtt, mywellness, store, webhook};
use files::Surroundings;
use gates::GateDraft;
use problem::{Place, Report};
use readers::ReaderDraft;
use section::Section;
use site::{Access, ZoneDraft};
use tree::Node;

/// The longest configuration, in bytes: some thousand gates fit; a wrong path, such as the store's, does not.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Everything configured, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the rules look at.
    pub policy: Policy,
    /// Where the store lives.
    pub store: store::Config,
    /// Where the console listens.
    pub console: console::Config,
    /// How readers and gates are wired.
    pub doors: door::Config,
    /// The central system's broker, if there is one.
    pub mqtt: Option<mqtt::Config>,
    /// Mywellness, if the club uses it.
    pub mywellness: Option<mywellness::Config>,
    /// Receivers of events over HTTP.
    pub webhooks: Vec<webhook::Config>,
    /// From whom news are taken over HTTP.
    pub hooks: Vec<console::Hook>,
    /// What members read.
    pub texts: Texts,
    /// What is logged.
    pub logs: Logs,
}

/// A configuration that can be used.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What deserves a look all the same: key, line, what and the mend, one line each.
    pub warnings: Vec<String>,
}

impl Config {
    /// Reads and checks the file. Secrets it names are read too; devices and networks are not touched.
    ///
    /// # Errors
    /// Every problem of the file, or the one reason why it could not be read at all.
    pub fn load(path: &Path) -> Result<Loaded, Problems> {
        let text = read(path)?;
        let around = Surroundings::of(path);
        parse(path, &text, &around)
    }
}

fn read(path: &Path) -> Result<String, Problems> {
    let refuse = |what: String, mend: &str| Problems::of_unreadable_file(path, what, mend);
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    file.map_err(|error| refuse(format!("cannot read the file: {error}"), "name a configuration this user may read"))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(refuse(
            format!("the file is longer than {FILE_BYTES_MAX} bytes"),
            "name the configuration, not another file",
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
        let line = problem::line_of(&good, good.len());
        refuse(format!("line {line} is not UTF-8 text"), "save the file as UTF-8")
    })
}

fn parse(path: &Path, text: &str, around: &Surroundings) -> Result<Loaded, Problems> {
    let report = Report::new(text);
    let config = understand(&report, text, around);
    report.conclude(path).map(|warnings| Loaded {
        config: config.expect("whatever keeps a configuration from being built is a problem in the report"),
        warnings,
    })
}

fn understand(report: &Report<'_>, text: &str, around: &Surroundings) -> Option<Config> {
    match Node::parse(text) {
        Ok(root) => build(Section::root(&root, report), report, around),
        Err(error) => {
            hide_secrets_of_unreadable(report, text);
            let place = Place { key: String::new(), span: error.span().unwrap_or(0..0) };
            report.problem(&place, error.message(), "this is no TOML; texts stand in quotes, tables in [ ]");
            None
        }
    }
}

/// Where the file is no TOML, its lines are shown as they are, save those that look like a secret.
fn hide_secrets_of_unreadable(report: &Report<'_>, text: &str) {
    const SECRET_KEYS: [&str; 4] = ["password", "secret", "api_key", "url"];
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if SECRET_KEYS.iter().any(|key| line.trim_start().starts_with(key))
            && let Some(equals) = line.find('=')
        {
            report.hide(start + equals + 1..start + line.len());
        }
        start += line.len();
    }
}

fn build(mut root: Section<'_>, report: &Report<'_>, around: &Surroundings) -> Option<Config> {
    if !root.has("site") {
        root.missing("site", "[site] with id and timezone");
    }
    let site = root.section("site").and_then(site::site);
    let access = root.section("access").map_or_else(Access::default, site::access);
    let zones: Vec<ZoneDraft> = root.sections("zone").into_iter().map(site::zone).collect();
    let gates: Vec<GateDraft> = root.sections("gate").into_iter().map(gates::gate).collect();
    let readers: Vec<ReaderDraft> = root.sections("reader").into_iter().map(readers::reader).collect();
    let store = local::store(root.section("store"), around);
    let console = local::console(root.section("console"), around);
    let logs = local::logs(root.section("logs"));
    let texts = messages::messages(root.section("messages"), around);
    let site_id = site.as_ref().map(|site| &site.id);
    let mqtt = root.section("mqtt").and_then(|section| central::mqtt(section, site_id, around));
    let mywellness = root.section("mywellness").and_then(|section| wellness::mywellness(section, around));
    let webhooks = root.sections("webhook").into_iter();
    let webhooks: Vec<_> = webhooks.map(|section| webhooks::webhook(section, site_id, around)).collect();
    let hooks = root.sections("hook").into_iter();
    let hooks: Vec<_> =
        hooks.map(|section| hooks::hook(section, (site.as_ref(), mywellness.as_ref()), around)).collect();
    root.finish();
    cross::refuse_twins(report, hooks.iter().filter_map(|draft| Some((draft.id.as_deref()?, &draft.id_place))));
    cross::refuse_twins(report, webhooks.iter().filter_map(|draft| Some((draft.id.as_deref()?, &draft.id_place))));
    cross::check(report, &zones, &gates, &readers);
    let doors = door::Config {
        gates: gates.iter().filter_map(|draft| draft.wiring.clone()).collect(),
        readers: readers.iter().filter_map(|draft| draft.wiring.clone()).collect(),
    };
    let webhooks = webhooks.into_iter().filter_map(|draft| draft.config).collect();
    let hooks = hooks.into_iter().filter_map(|draft| draft.hook).collect();
    let policy = policy(site?, access, zones, gates, readers);
    Some(Config { policy, store, console, doors, mqtt, mywellness, webhooks, hooks, texts, logs })
}

fn policy(
    site: Site,
    access: Access,
    zones: Vec<ZoneDraft>,
    gates: Vec<GateDraft>,
    readers: Vec<ReaderDraft>,
) -> Policy {
    let Access { repeat_window, anti_passback, fee, dues, certificate, classes } = access;
    Policy {
        site,
        zones: zones.into_iter().filter_map(|draft| draft.zone).map(|zone| (zone.id.clone(), zone)).collect(),
        gates: gates.into_iter().filter_map(|draft| draft.gate).map(|gate| (gate.id.clone(), gate)).collect(),
        readers: readers.into_iter().filter_map(|draft| draft.reader).map(|it| (it.id.clone(), it)).collect(),
        repeat_window,
        anti_passback,
        fee,
        dues,
        certificate,
        classes,
    }
}

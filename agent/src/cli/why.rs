//! `varco why`: the decision at a reader, rule by rule, free of side effects.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{ArgGroup, Args};
use jiff::Timestamp;
use jiff::civil;

use super::ConfigFile;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::{Badge, Decision, ExternalId, Policy, Reader, ReaderId, Severity, Verdict};
use crate::store::Store;
use crate::turnstile::{Desk, Question, Right, Who};

#[derive(Args, Debug)]
#[command(group(ArgGroup::new("who").args(["badge", "person"]).required(true)))]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// The reader.
    #[arg(long)]
    reader: ReaderId,
    /// The badge, in the reader's form.
    #[arg(long)]
    badge: Option<String>,
    /// The person, by external id.
    #[arg(long)]
    person: Option<ExternalId>,
    /// When: 2026-11-21T18:00 in the site's time, or with an offset; now if absent.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The decision as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let config = Config::load(&arguments.file.config)?.config;
    let policy = Arc::new(config.policy);
    let Some(reader) = policy.readers.get(&arguments.reader).cloned() else {
        let known: Vec<_> = policy.readers.keys().map(ToString::to_string).collect();
        bail!("there is no reader {:?}; there are: {}", arguments.reader.as_str(), known.join(", "));
    };
    let clock = Clock::system();
    let store = Store::open_beside(&config.store, clock.clone()).context("opening the store")?;
    let who = match (&arguments.badge, arguments.person) {
        (Some(badge), _) => Who::Badge(Badge::new(reader.badge.form, badge).context("reading --badge")?),
        (None, Some(person)) => named(&store, person).await?,
        (None, None) => bail!("give --badge or --person"),
    };
    let at = arguments.at.as_deref().map_or(Ok(clock.now().wall), |text| moment(text, &policy))?;
    let modes = store.read("reading the modes of gates", |view| view.gate_modes()).await?;
    let mode = modes.into_iter().find(|(gate, _)| *gate == reader.gate).map(|(_, mode)| mode).unwrap_or_default();
    let question = Question { right: Right::Own, who, reader: reader.clone(), mode, policy, at };
    let answer = Desk::new(store).inquire(question).await?;
    print(&answer.decision, &reader, arguments.json)?;
    Ok(ExitCode::SUCCESS)
}

async fn named(store: &Store, person: ExternalId) -> anyhow::Result<Who> {
    let asked = person.clone();
    let id = store.read("looking up a person", move |view| view.person_id(&asked)).await?;
    id.map(Who::Person).with_context(|| format!("there is no person {:?}", person.as_str()))
}

fn moment(text: &str, policy: &Policy) -> anyhow::Result<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let local: civil::DateTime =
        text.parse().with_context(|| format!("{text:?} is no time; write 2026-11-21T18:00"))?;
    Ok(local.to_zoned(policy.site.timezone.clone())?.timestamp())
}

#[expect(clippy::print_stdout, reason = "the trace is the command's output")]
fn print(decision: &Decision, reader: &Reader, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        println!("{}", serde_json::to_string_pretty(decision)?);
        return Ok(());
    }
    for line in &decision.trace {
        let mark = match (line.severity, line.reason) {
            (Severity::Block, Some(_)) => "block",
            (Severity::Warn, Some(_)) => "warn ",
            (Severity::Note, Some(_)) => "note ",
            (_, None) => "ok   ",
        };
        let step = serde_json::to_value(line.step)?;
        let step = step.as_str().unwrap_or_default();
        let code = line.reason.map_or("", |reason| reason.code());
        println!("{mark}  {step:<18} {code:<24} {}", line.detail);
    }
    let verdict = match &decision.verdict {
        Verdict::Grant(grant) => format!("opens ({:?})", grant.kind),
        Verdict::Deny => "stays shut".to_owned(),
    };
    println!("\n{} {verdict}", reader.gate);
    Ok(())
}

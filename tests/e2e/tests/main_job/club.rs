//! The club of these stories: two turnstiles with an entry and an exit each, a broker, a Mywellness sandbox, the agent.
//!
//! `entry-1` has a display and is a turnstile to CRM, `entry-2` has none and is a door. Repeats count as reads of their
//! own (`repeat_window = "0s"`) unless a story says otherwise, so that it need not wait for a window to end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use site::agent::{Agent, Output, varco};
use site::api::Api;
use site::broker::{Central, Message, Mosquitto, Options, Seen};
use site::config;
use site::pty::SerialLine;
use site::reader::{Dialect, Reader};
use site::relay::Relay;
use site::sandbox::{self, Sandbox};
use toml_edit::value;

use crate::people::secrets_of;

/// Longer than anything takes on a busy machine; nothing waits it out unless it fails.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// How often a condition is looked at that nobody tells of.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The readers, in pairs: entry and exit of a gate.
const READERS: [&str; 4] = ["entry-1", "exit-1", "entry-2", "exit-2"];

/// Everything around one agent, and the agent.
pub(crate) struct Club {
    pub(crate) relay: Relay,
    pub(crate) central: Central,
    pub(crate) sandbox: Sandbox,
    pub(crate) broker: Mosquitto,
    pub(crate) settings: config::Club,
    pub(crate) config: PathBuf,
    pub(crate) api: Api,
    agent: Option<Agent>,
    lines: BTreeMap<&'static str, SerialLine>,
    secrets: Mutex<BTreeSet<String>>,
}

impl Club {
    /// A club that works, with the settings that this story needs changed.
    pub(crate) async fn open(change: impl FnOnce(&mut config::Club)) -> Result<Self> {
        Self::open_in(&[], change).await
    }

    /// The same with environment variables for the agent.
    pub(crate) async fn open_in(environment: &[(&str, &str)], change: impl FnOnce(&mut config::Club)) -> Result<Self> {
        let sandbox = Sandbox::start(sandbox::Options::default()).await?;
        let broker = Mosquitto::start(Options::default()).await?;
        let central = Central::connect(broker.central_address(), None).await?;
        let mut settings = config::Club::new()?;
        let relay = Relay::plugged_in(settings.folder(), "relay-board")?;
        let lines: Result<BTreeMap<_, _>> =
            READERS.iter().map(|id| Ok((*id, SerialLine::plugged_in(settings.folder(), id)?))).collect();
        let lines = lines?;
        wire(&mut settings, &relay, &lines);
        settings.mqtt(&broker.url()).mywellness(&sandbox)?;
        change(&mut settings);
        let config = settings.write()?;
        let options = sandbox.options();
        let secrets = Mutex::new(BTreeSet::from([options.password, options.api_key]));
        let agent = Agent::start_with(&config, environment).await?;
        let api = Api::new(agent.console(), None);
        let mut club =
            Self { relay, central, sandbox, broker, settings, config, api, agent: Some(agent), lines, secrets };
        club.api = club.api_for("admin", "story").await?.1;
        Ok(club)
    }

    pub(crate) fn agent(&self) -> &Agent {
        self.agent.as_ref().expect("a story asks for the agent while it runs")
    }

    /// A new token of a role, and the API with it.
    pub(crate) async fn api_for(&self, role: &str, name: &str) -> Result<(String, Api)> {
        let made = self.varco(&["token", "create"], &["--name", name, "--role", role]).await?;
        ensure!(made.code == Some(0), "varco token create: {}", made.stderr);
        let token = made.stdout.trim().to_owned();
        self.keep_secret([token.clone()]);
        let api = Api::new(self.agent().console(), Some(&token));
        Ok((token, api))
    }

    /// A subcommand with this club's configuration.
    pub(crate) async fn varco(&self, command: &[&str], arguments: &[&str]) -> Result<Output> {
        let config = self.config.to_str().context("a path in UTF-8")?;
        varco(&[command, &["--config", config], arguments].concat()).await
    }

    /// Writes a person down, by the API.
    pub(crate) async fn put(&self, person: &Value) -> Result<()> {
        self.keep_secret(secrets_of(person));
        let id = person["external_id"].as_str().context("every document has its id")?;
        let (status, answer) = self.api.put(&format!("people/{id}"), person).await?;
        ensure!(matches!(status, 200 | 201), "putting {id}: {status} {answer}");
        Ok(())
    }

    /// These texts must not be in the agent's log when the story ends.
    pub(crate) fn keep_secret(&self, texts: impl IntoIterator<Item = String>) {
        self.secrets.lock().expect("nothing panics while it holds the secrets").extend(texts);
    }

    /// The line of a reader.
    pub(crate) fn line(&self, reader: &str) -> &SerialLine {
        &self.lines[reader]
    }

    /// A reader.
    pub(crate) fn reader(&self, reader: &str) -> Reader<'_> {
        Reader::on(self.line(reader), Dialect::Rdm6300)
    }

    /// Holds a badge to a reader once, and waits for the passage as the central system is told of it.
    pub(crate) async fn badge(&self, reader: &str, badge: &str) -> Result<Message> {
        self.keep_secret([badge.to_owned()]);
        let before = self.passages_told(reader);
        self.reader(reader).read(badge)?;
        self.next_passage(reader, before).await
    }

    /// How many passages of a reader the central system was told of.
    pub(crate) fn passages_told(&self, reader: &str) -> usize {
        self.central.look(|seen| count_at(seen, reader))
    }

    /// The passage that follows the `before` ones of a reader.
    pub(crate) async fn next_passage(&self, reader: &str, before: usize) -> Result<Message> {
        let told = |seen: &Seen| count_at(seen, reader) > before;
        self.central
            .wait_until(told, SOON)
            .await
            .with_context(|| format!("a passage at {reader}: {}", self.log_tail()))?;
        let message = self.central.look(|seen| at_reader(seen, reader).nth(before).cloned());
        message.context("a passage was just told")
    }

    /// The first visit of a person as the central system is told of it.
    pub(crate) async fn visit_told(&self, person: &str) -> Result<Message> {
        let of = |seen: &Seen| seen.of("visit").find(|visit| visit.data("person") == person).cloned();
        self.central.wait_until(|seen| of(seen).is_some(), SOON).await?;
        self.central.look(of).context("a visit was just told")
    }

    /// A person's visits, newest first.
    pub(crate) async fn visits(&self, person: &str) -> Result<Vec<Value>> {
        self.api.list(&format!("visits?person={person}")).await
    }

    /// The rows of a lane in a state.
    pub(crate) async fn rows(&self, lane: &str, state: &str) -> Result<Vec<Value>> {
        self.api.list(&format!("outbox?lane={lane}&state={state}")).await
    }

    /// Waits until a lane has so many rows in a state, and answers them.
    pub(crate) async fn wait_for_rows(&self, lane: &str, state: &str, count: usize) -> Result<Vec<Value>> {
        let what = format!("{count} {state} rows of {lane}");
        self.wait_for(&what, async || Ok(self.rows(lane, state).await?).map(|it| (it.len() == count).then_some(it)))
            .await
    }

    /// Asks until there is an answer; for what the agent tells only to who asks.
    pub(crate) async fn wait_for<T>(&self, what: &str, mut ask: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
        let asking = async {
            let mut looks = tokio::time::interval(LOOK_EVERY);
            loop {
                looks.tick().await;
                if let Some(found) = ask().await? {
                    return Ok(found);
                }
            }
        };
        let found = tokio::time::timeout(SOON, asking).await;
        found.with_context(|| format!("waiting for {what}: {}", self.log_tail()))?
    }

    /// Ends the agent in an orderly way and starts it again with what the settings say by then.
    pub(crate) async fn restart_in(&mut self, environment: &[(&str, &str)]) -> Result<()> {
        self.stop().await?;
        self.config = self.settings.write()?;
        let agent = Agent::start_with(&self.config, environment).await?;
        self.agent = Some(agent);
        self.api = self.api_for("admin", "story").await?.1;
        Ok(())
    }

    /// Writes the settings and has the agent read them, until its log says `expected`.
    pub(crate) async fn reload(&mut self, expected: &str) -> Result<()> {
        self.config = self.settings.write()?;
        self.hang_up(expected).await
    }

    /// Has the agent read its configuration as it stands, until its log says `expected` once more.
    pub(crate) async fn hang_up(&self, expected: &str) -> Result<()> {
        let said = || self.agent().log().matches(expected).count();
        let before = said();
        self.agent().hup()?;
        self.wait_for(expected, async || Ok((said() > before).then_some(()))).await
    }

    /// Ends the agent, expects a clean end, and that it kept to itself what is nobody's business.
    pub(crate) async fn close(mut self) -> Result<()> {
        self.stop().await?;
        let log = std::fs::read_to_string(self.settings.path("varco.log"))?;
        let secrets = self.secrets.lock().expect("nothing panics while it holds the secrets");
        let told: Vec<_> = secrets.iter().filter(|secret| log.contains(secret.as_str())).collect();
        ensure!(told.is_empty(), "the log tells {told:?}:\n{log}");
        ensure!(log.contains("passage recorded") && !log.contains('\x1b'), "this is not the log of a club:\n{log}");
        Ok(())
    }

    /// Kills the agent without a chance to say or write anything.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        self.agent.take().context("the agent runs")?.kill9().await?;
        self.forget_sessions()
    }

    /// Starts the agent again after [`Club::kill`].
    pub(crate) async fn start_again(&mut self) -> Result<()> {
        self.agent = Some(Agent::start(&self.config).await?);
        self.api = self.api_for("admin", "story").await?.1;
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        self.agent.take().context("the agent runs")?.terminate().await?;
        self.forget_sessions()
    }

    fn forget_sessions(&self) -> Result<()> {
        self.relay.line().forget_session()?;
        self.lines.values().try_for_each(SerialLine::forget_session)
    }

    fn log_tail(&self) -> String {
        let log = self.agent.as_ref().map(Agent::log).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

fn wire(settings: &mut config::Club, relay: &Relay, lines: &BTreeMap<&'static str, SerialLine>) {
    // The most talkative log of the agent's own: what it never says here, it never says.
    settings.set("logs.filter", "info,varco=trace").set("access.repeat_window", "0s");
    for (channel, gate) in [(1, "turnstile-1"), (2, "turnstile-2")] {
        settings.relay_gate(gate, relay.path(), channel)["open_for"] = value("100ms");
        let (entry, exit) = (format!("entry-{channel}"), format!("exit-{channel}"));
        let reader = settings.reader(&entry, gate, lines[entry.as_str()].path(), Dialect::Rdm6300);
        let (device_type, display) = if channel == 1 { ("turnstile", "web") } else { ("door", "none") };
        (reader["device_type"], reader["display"]) = (value(device_type), value(display));
        settings.exit_reader(&exit, gate, lines[exit.as_str()].path(), Dialect::Rdm6300);
    }
}

fn at_reader<'a>(seen: &'a Seen, reader: &'a str) -> impl Iterator<Item = &'a Message> {
    seen.of("passage").filter(move |passage| passage.data("reader") == reader)
}

fn count_at(seen: &Seen, reader: &str) -> usize {
    at_reader(seen, reader).count()
}

/// How a passage ended, as told.
pub(crate) fn outcome(passage: &Message) -> &str {
    passage.data("outcome").as_str().unwrap_or_default()
}

/// Its reasons, as told.
pub(crate) fn reasons(passage: &Message) -> Vec<&str> {
    passage.data("reasons").as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

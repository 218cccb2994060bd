//! The club of the demo: two turnstiles and a side door, a broker behind a network, a cloud, and the agent.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use site::agent::{self, Agent};
use site::api::Api;
use site::broker::Central;
use site::broker_embedded::EmbeddedBroker;
use site::config;
use site::members::{Member, Situation, members, ndjson};
use site::proxy::Proxy;
use site::pty::SerialLine;
use site::reader::Dialect;
use site::relay::Relay;
use site::sandbox::{Known, Options, Sandbox};
use site::turnstile::Turnstile;
use tokio::time::{interval, timeout};
use toml_edit::value;

use crate::lanes::{CHANNEL, Entrance, Lane};

/// Turnstiles with controllers; a side door comes beside them.
const TURNSTILES: usize = 2;

/// How long somebody may take to go through a turnstile before it counts as not passed.
const PASSAGE_TIMEOUT: &str = "2s";

/// How long the agent may take to speak to every turnstile, and how often it is asked.
const REACHED_WITHIN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Every fourth member had a Mywellness account before, and is matched instead of created.
const KNOWN_EVERY: usize = 4;

/// How many members the front desk wants to see before they go in.
const WANTED_AT_DESK: usize = 5;

/// How many members have a message waiting.
const GREETED: usize = 5;

/// Everything that runs.
pub(crate) struct Club {
    pub(crate) members: Vec<Member>,
    /// External ids of those whom a CRM action holds at the gate.
    pub(crate) blocked: Vec<String>,
    pub(crate) entrances: Vec<Entrance>,
    pub(crate) sandbox: Sandbox,
    pub(crate) network: Proxy,
    pub(crate) central: Central,
    pub(crate) agent: Agent,
    pub(crate) api: Api,
    // Dropped last: the folder holds every path above.
    _settings: config::Club,
    _broker: EmbeddedBroker,
}

impl Club {
    /// Starts all parts, imports the members and writes a few CRM actions.
    pub(crate) async fn open(seed: u64, count: usize) -> Result<Self> {
        agent::build_fresh()?;
        let today = jiff::Zoned::now().date();
        let members = members(seed, count, today);
        let sandbox = Sandbox::start(Options::default()).await?;
        sandbox.know(members.iter().step_by(KNOWN_EVERY).map(|member| Known::of_document(&member.document)));
        let broker = EmbeddedBroker::start().await?;
        let network = Proxy::to(broker.address())?;
        let central = Central::connect(broker.address(), None).await?;

        let mut settings = config::Club::new()?;
        let mut entrances: Vec<Entrance> =
            (1..=TURNSTILES).map(|number| turnstile(&mut settings, number)).collect::<Result<_>>()?;
        entrances.push(side_door(&mut settings)?);
        settings.mqtt(&format!("mqtt://{}", network.address())).mywellness(&sandbox)?;
        let config = settings.write()?;

        let people = settings.path("people.ndjson");
        fs::write(&people, ndjson(&members))?;
        let path = |path: &std::path::Path| path.display().to_string();
        let imported = agent::varco(&["import", "--config", &path(&config), &path(&people)]).await?;
        ensure!(imported.code == Some(0), "varco import: {}{}", imported.stdout, imported.stderr);
        let agent = Agent::start(&config).await?;
        let api = agent.api("admin").await?;
        let blocked = write_actions(&api, &members).await?;
        let club = Self {
            members,
            blocked,
            entrances,
            sandbox,
            network,
            central,
            agent,
            api,
            _settings: settings,
            _broker: broker,
        };
        timeout(REACHED_WITHIN, club.reaches_all()).await.context("a turnstile does not answer")??;
        Ok(club)
    }

    async fn reaches_all(&self) -> Result<()> {
        let mut looks = interval(LOOK_EVERY);
        for place in 0..self.entrances.len() {
            while !self.reaches(place).await? {
                looks.tick().await;
            }
        }
        Ok(())
    }

    /// Whether the agent speaks to the hardware of this entrance.
    pub(crate) async fn reaches(&self, place: usize) -> Result<bool> {
        let (_, health) = self.agent.public_api().get("/healthz").await?;
        Ok(health["gates"][&self.entrances[place].gate]["line"]["state"] == "up")
    }
}

/// A turnstile whose readers, display and barrier are on its controller.
fn turnstile(settings: &mut config::Club, number: usize) -> Result<Entrance> {
    let gate = format!("turnstile-{number}");
    let turnstile = Turnstile::plugged_in(settings.folder(), &gate)?;
    settings.controller_gate(&gate, turnstile.path())["passage_timeout"] = value(PASSAGE_TIMEOUT);
    settings.controller_reader(&format!("entry-{number}"), &gate, 0);
    settings.controller_exit_reader(&format!("exit-{number}"), &gate, 1);
    Ok(Entrance { gate, lane: Lane::Turnstile(turnstile) })
}

/// A door with readers on lines of their own and a relay that nobody watches.
fn side_door(settings: &mut config::Club) -> Result<Entrance> {
    let gate = "side-door".to_owned();
    let relay = Relay::plugged_in(settings.folder(), "relay-board")?;
    let entry = SerialLine::plugged_in(settings.folder(), "side-entry")?;
    let exit = SerialLine::plugged_in(settings.folder(), "side-exit")?;
    settings.relay_gate(&gate, relay.path(), CHANNEL);
    settings.reader("side-entry", &gate, entry.path(), Dialect::Rdm6300);
    settings.exit_reader("side-exit", &gate, exit.path(), Dialect::Rdm6300);
    Ok(Entrance { gate, lane: Lane::SideDoor { relay, entry, exit } })
}

/// Puts two kinds of action on a few members; answers whom the gate must hold.
async fn write_actions(api: &Api, members: &[Member]) -> Result<Vec<String>> {
    let outcome = json!({ "name": "Concluso", "group": "positive" });
    expect(api.put("crm/outcomes/done", &outcome).await?, "the outcome")?;
    let kinds =
        [("call-desk", "message_and_block", "Passa in segreteria"), ("greeting", "message", "Buon compleanno!")];
    for (id, access_action, message) in kinds {
        let kind = json!({ "name": message, "access_action": access_action, "message": message, "outcomes": ["done"] });
        expect(api.put(&format!("crm/action-types/{id}"), &kind).await?, "the action type")?;
    }
    let current: Vec<&str> =
        members.iter().filter(|member| member.situation == Situation::Current).map(Member::external_id).collect();
    let chosen = current.iter().step_by(7);
    for (number, person) in chosen.clone().take(WANTED_AT_DESK + GREETED).enumerate() {
        let kind = if number < WANTED_AT_DESK { "call-desk" } else { "greeting" };
        let action = json!({ "person": person, "type": kind, "operator": "Giulia", "text": "demo" });
        expect(api.post("crm/actions", &action).await?, "the action")?;
    }
    Ok(chosen.take(WANTED_AT_DESK).map(|person| (*person).to_owned()).collect())
}

fn expect((status, answer): (u16, Value), what: &str) -> Result<()> {
    ensure!((200..300).contains(&status), "writing {what}: {status} {answer}");
    Ok(())
}

//! The club of the demo: two turnstiles with entry and exit readers, a broker behind a network, a cloud, and the agent.

use std::fs;

use anyhow::{Result, ensure};
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

/// Turnstiles, each with its channel of the relay board from 1.
pub(crate) const GATES: u8 = 2;

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
    pub(crate) relay: Relay,
    pub(crate) entries: Vec<SerialLine>,
    pub(crate) exits: Vec<SerialLine>,
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
        let relay = Relay::plugged_in(settings.folder(), "relay-board")?;
        let line = |kind: &str, gate: u8| SerialLine::plugged_in(settings.folder(), &format!("{kind}-{gate}"));
        let entries: Vec<SerialLine> = (1..=GATES).map(|gate| line("entry", gate)).collect::<Result<_>>()?;
        let exits: Vec<SerialLine> = (1..=GATES).map(|gate| line("exit", gate)).collect::<Result<_>>()?;
        for ((channel, entry), exit) in (1..=GATES).zip(&entries).zip(&exits) {
            let gate = format!("turnstile-{channel}");
            settings.relay_gate(&gate, relay.path(), channel);
            settings.reader(&format!("entry-{channel}"), &gate, entry.path(), Dialect::Rdm6300);
            settings.exit_reader(&format!("exit-{channel}"), &gate, exit.path(), Dialect::Rdm6300);
        }
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
        Ok(Self {
            members,
            blocked,
            relay,
            entries,
            exits,
            sandbox,
            network,
            central,
            agent,
            api,
            _settings: settings,
            _broker: broker,
        })
    }
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

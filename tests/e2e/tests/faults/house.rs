//! A club of a few turnstiles behind one relay board, and members who may all come in.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use e2e::account::metric;
use e2e::patience::{PATIENCE, eventually};
use e2e::people::{current, import};
use e2e::upstream::Upstream;
use site::agent::Agent;
use site::config::Club;
use site::members::Member;
use site::pty::SerialLine;
use site::reader::{Dialect, Reader};
use site::relay::Relay;
use tokio::task::JoinSet;

/// Unknown badges read at once at one reader: as many as a gate decides about at a time.
const STRANGERS_AT_ONCE: u64 = 4;

/// The wires, the people, and the configuration. Gates count from 1, as the channels of the board do.
pub(crate) struct House {
    pub(crate) relay: Relay,
    pub(crate) entries: Vec<SerialLine>,
    pub(crate) exits: Vec<SerialLine>,
    pub(crate) members: Vec<Member>,
    // Dropped last: its folder holds every path above.
    pub(crate) settings: Club,
}

/// Which way somebody goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    In,
    Out,
}

impl House {
    /// A club with so many turnstiles, each with an entry and an exit reader, and so many current members.
    pub(crate) fn with(gates: u8, people: usize) -> Result<Self> {
        let mut settings = Club::new()?;
        // The shortest pulse and repeat window there are, so that many people pass in a short test.
        settings.set("access.repeat_window", "200ms");
        let relay = Relay::plugged_in(settings.folder(), "relay-board")?;
        let (mut entries, mut exits) = (Vec::new(), Vec::new());
        for channel in 1..=gates {
            let gate = format!("turnstile-{channel}");
            let entry = SerialLine::plugged_in(settings.folder(), &format!("entry-{channel}"))?;
            let exit = SerialLine::plugged_in(settings.folder(), &format!("exit-{channel}"))?;
            let open_for = &mut settings.relay_gate(&gate, relay.path(), channel)["open_for"];
            *open_for.as_value_mut().context("a gate has a pulse")? = "50ms".into();
            settings.reader(&format!("entry-{channel}"), &gate, entry.path(), Dialect::Rdm6300);
            settings.exit_reader(&format!("exit-{channel}"), &gate, exit.path(), Dialect::Rdm6300);
            entries.push(entry);
            exits.push(exit);
        }
        Ok(Self { relay, entries, exits, members: current(people)?, settings })
    }

    /// The same club, whose agent tells this central system.
    pub(crate) fn under(upstream: &Upstream, gates: u8, people: usize) -> Result<Self> {
        let mut house = Self::with(gates, people)?;
        house.settings.mqtt(&upstream.url());
        Ok(house)
    }

    /// The same, to be shared with the people who pass its gates.
    pub(crate) fn shared_under(upstream: &Upstream, gates: u8, people: usize) -> Result<Arc<Self>> {
        Ok(Arc::new(Self::under(upstream, gates, people)?))
    }

    /// Writes the configuration, imports the members and starts the agent.
    pub(crate) async fn open(&self) -> Result<Agent> {
        self.import().await?;
        self.start().await
    }

    /// Writes the configuration and imports the members.
    pub(crate) async fn import(&self) -> Result<()> {
        import(&self.settings, &self.members).await
    }

    /// Starts the agent.
    pub(crate) async fn start(&self) -> Result<Agent> {
        Agent::start(&self.config()?).await
    }

    /// The configuration as it is written to the club's folder.
    pub(crate) fn config(&self) -> Result<PathBuf> {
        self.settings.write()
    }

    /// How many turnstiles there are.
    pub(crate) fn gates(&self) -> u8 {
        u8::try_from(self.entries.len()).expect("a board has eight channels")
    }

    /// A member holds the badge to a reader; nobody waits for what happens.
    pub(crate) fn badge(&self, gate: u8, way: Way, member: &Member) -> Result<()> {
        let lines = if way == Way::In { &self.entries } else { &self.exits };
        Reader::on(&lines[usize::from(gate) - 1], Dialect::Rdm6300).read(&member.badge)
    }

    /// A member goes through: the gate opens, or this fails.
    pub(crate) async fn pass(&self, gate: u8, way: Way, member: &Member) -> Result<()> {
        self.relay.wait_off(gate, PATIENCE).await?;
        let before = self.relay.opens(gate);
        self.badge(gate, way, member)?;
        let opened = self.relay.wait_opens(gate, before + 1, PATIENCE).await;
        opened.with_context(|| format!("turnstile-{gate} for {} going {way:?}", member.external_id()))
    }

    /// Every member comes in and leaves so many times, each always at the same gate, all gates at once.
    /// Each time makes a visit and two passages.
    pub(crate) async fn come_and_go(self: &Arc<Self>, times: usize) -> Result<()> {
        let mut gates = JoinSet::new();
        for gate in 1..=self.gates() {
            let house = Arc::clone(self);
            gates.spawn(async move {
                for _ in 0..times {
                    for member in house.members_at(gate) {
                        house.pass(gate, Way::In, member).await?;
                        house.pass(gate, Way::Out, member).await?;
                    }
                }
                anyhow::Ok(())
            });
        }
        gates.join_all().await.into_iter().collect()
    }

    /// The members who always take this gate.
    pub(crate) fn members_at(&self, gate: u8) -> impl Iterator<Item = &Member> {
        self.members.iter().skip(usize::from(gate) - 1).step_by(self.entries.len())
    }

    /// So many badges nobody knows are refused at the first entry, each a passage of its own and a row for the broker.
    pub(crate) async fn refuse_strangers(&self, agent: &Agent, count: u64) -> Result<()> {
        let api = agent.public_api();
        let recorded = || async { anyhow::Ok(metric(&api.get("/metrics").await?.1, REFUSED).unwrap_or(0.0) as u64) };
        let before = recorded().await?;
        let mut shown = 0;
        while shown < count {
            let next = (shown + STRANGERS_AT_ONCE).min(count);
            let badges: Vec<String> = (shown..next).map(|number| format!("FF{number:08X}")).collect();
            let badges: Vec<&str> = badges.iter().map(String::as_str).collect();
            Reader::on(&self.entries[0], Dialect::Rdm6300).read_merged(&badges)?;
            shown = next;
            eventually("strangers are refused", || async { Ok(recorded().await? >= before + shown) }).await?;
        }
        Ok(())
    }

    /// What the kernel does to real ports when their last user has died.
    pub(crate) fn forget_sessions(&self) -> Result<()> {
        let lines = self.entries.iter().chain(&self.exits).chain([self.relay.line()]);
        lines.into_iter().try_for_each(SerialLine::forget_session)
    }
}

/// Refused passages at the first gate.
const REFUSED: &str = r#"varco_passages_total{gate="turnstile-1",outcome="denied"}"#;

//! Stories of the wires: a reader or a relay board is unplugged in the middle of the day and comes back.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use e2e::account::{health, metric};
use e2e::ledger::Ledger;
use e2e::patience::{PATIENCE, eventually};
use e2e::upstream::Upstream;
use reqwest::Response;
use site::agent::{self, Agent};
use site::broker::Memory;
use site::relay::{Cause, Contact};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::house::{House, Way};

/// How long the contact of a common relay takes to open, from its data sheet.
const RELAY_LETS_GO: Duration = Duration::from_millis(10);

#[tokio::test]
async fn an_unplugged_reader_is_shown_to_everybody_and_its_next_badge_after_it_is_back_opens() -> Result<()> {
    let upstream = Upstream::start(Memory::AtStop).await?;
    let house = House::under(&upstream, 2, 4)?;
    let agent = house.open().await?;
    let mut events = Events::of(&agent, &house).await?;
    house.pass(1, Way::In, &house.members[0]).await?;

    house.entries[0].unplug()?;
    events.say(&["event: reader", r#""reader":"entry-1""#, r#""state":"down""#]).await?;
    is_shown(&agent, "readers", "entry-1", "down").await?;
    let (_, page) = agent.public_api().get("/metrics").await?;
    assert_eq!(metric(&page, r#"varco_line_up{kind="reader",id="entry-1"}"#), Some(0.0));
    assert_eq!(metric(&page, r#"varco_line_up{kind="reader",id="entry-2"}"#), Some(1.0));
    // The other readers of its own gate and of the other gate go on.
    house.pass(1, Way::Out, &house.members[0]).await?;
    house.pass(2, Way::In, &house.members[1]).await?;

    house.entries[0].plug_in()?;
    events.say(&["event: reader", r#""reader":"entry-1""#, r#""state":"up""#]).await?;
    is_shown(&agent, "readers", "entry-1", "up").await?;
    house.pass(1, Way::In, &house.members[2]).await?;
    upstream.receives(3, 4).await?;
    agent.terminate().await
}

#[tokio::test]
async fn an_unplugged_relay_board_is_switched_off_first_when_it_is_back() -> Result<()> {
    let upstream = Upstream::start(Memory::AtStop).await?;
    let house = House::under(&upstream, 1, 4)?;
    let agent = house.open().await?;
    house.pass(1, Way::In, &house.members[0]).await?;
    house.relay.wait_off(1, PATIENCE).await?;

    house.relay.unplug()?;
    is_shown(&agent, "gates", "turnstile-1", "down").await?;
    // Nobody gets in, and nobody is written down as if they had.
    house.badge(1, Way::In, &house.members[1])?;
    let not_passed = |seen: &site::broker::Seen| seen.of("passage").any(|it| it.data("outcome") == "not_passed");
    upstream.central.wait_until(not_passed, PATIENCE).await?;

    let commands = house.relay.log().commands;
    house.relay.plug_in()?;
    is_shown(&agent, "gates", "turnstile-1", "up").await?;
    house.relay.wait_until(|board| board.commands > commands, PATIENCE).await?;
    assert!(!house.relay.is_on(1), "the first command to a board that is back switches off");
    house.pass(1, Way::In, &house.members[2]).await?;
    upstream.receives(2, 3).await?;
    agent.terminate().await
}

#[tokio::test]
async fn a_board_unplugged_in_the_middle_of_a_pulse_does_not_come_back_open() -> Result<()> {
    let house = House::with(1, 4)?;
    let agent = house.open().await?;
    house.badge(1, Way::In, &house.members[0])?;
    house.relay.wait_on(1, PATIENCE).await?;
    house.relay.unplug()?;
    house.relay.plug_in()?;
    is_shown(&agent, "gates", "turnstile-1", "up").await?;
    house.pass(1, Way::In, &house.members[1]).await?;
    house.relay.wait_off(1, PATIENCE).await?;
    let board = house.relay.log();
    let first_off = board.switches.iter().find(|switch| switch.to == Contact::Off).context("a relay went off")?;
    assert_eq!((first_off.cause, board.opens(1)), (Cause::Unplugged, 2), "{board:?}");
    agent.terminate().await
}

#[tokio::test]
async fn in_a_crowd_everybody_who_is_let_through_gets_a_pulse_of_their_own() -> Result<()> {
    const ROUNDS: usize = 4;
    let house = Arc::new(House::with(2, 40)?);
    let agent = house.open().await?;
    let store = agent.store().to_owned();
    let mut gates = JoinSet::new();
    for gate in 1..=house.gates() {
        gates.spawn(crowd(Arc::clone(&house), gate, ROUNDS));
    }
    gates.join_all().await.into_iter().collect::<Result<()>>()?;
    agent.terminate().await?;

    let passed = Ledger::open(&store)?.count("SELECT count(*) FROM passage WHERE outcome = 'passed'")?;
    let board = house.relay.log();
    let opened: usize = (1..=house.gates()).map(|gate| board.opens(gate)).sum();
    let mut pauses: Vec<Duration> = (1..=house.gates()).flat_map(|gate| board.pauses(gate)).collect();
    pauses.sort();
    // The median: a busy machine may show the board a single pulse late.
    let usual = pauses[pauses.len() / 2];
    println!("{passed} passages, {opened} pulses, usually {usual:?} between two of them");
    assert_eq!(opened, passed, "somebody was written down as through on the pulse of another");
    assert!(usual > RELAY_LETS_GO, "pulses run together in a turnstile: {usual:?} between two");
    Ok(())
}

/// People on both sides of one gate who do not wait for it to be free.
async fn crowd(house: Arc<House>, gate: u8, rounds: usize) -> Result<()> {
    let mut pace = tokio::time::interval(Duration::from_millis(15));
    for _ in 0..rounds {
        for member in house.members_at(gate) {
            for way in [Way::In, Way::Out] {
                pace.tick().await;
                house.badge(gate, way, member)?;
            }
        }
    }
    Ok(())
}

/// Waits until the state of a line is shown.
async fn is_shown(agent: &Agent, kind: &str, id: &str, state: &str) -> Result<()> {
    let shown = || async { Ok(health(agent).await?[kind][id]["line"]["state"] == state) };
    eventually(&format!("{id} is shown as {state}"), shown).await
}

/// The live feed of an agent.
struct Events {
    feed: Response,
    heard: String,
}

impl Events {
    async fn of(agent: &Agent, house: &House) -> Result<Self> {
        let config = house.config()?.display().to_string();
        let token = ["token", "create", "--config", &config, "--name", "desk", "--role", "viewer"];
        let token = agent::varco(&token).await?.stdout;
        let url = format!("{}/api/v1/events", agent.console());
        let feed = reqwest::Client::new().get(url).bearer_auth(token.trim()).send().await?.error_for_status()?;
        Ok(Self { feed, heard: String::new() })
    }

    /// Waits for an event with all of these words in it.
    async fn say(&mut self, words: &[&str]) -> Result<()> {
        let found = async {
            loop {
                while let Some(end) = self.heard.find("\n\n") {
                    let event: String = self.heard.drain(..end + 2).collect();
                    if words.iter().all(|word| event.contains(word)) {
                        return anyhow::Ok(());
                    }
                }
                let chunk = self.feed.chunk().await?.context("the feed ended")?;
                self.heard.push_str(std::str::from_utf8(&chunk)?);
            }
        };
        timeout(PATIENCE, found).await.with_context(|| format!("no event with {words:?}"))?
    }
}

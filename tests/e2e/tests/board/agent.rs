//! The image with the real agent: what the link's stories tell, with somebody who decides, remembers and dies.

use anyhow::{Context, Result};
use e2e::account::drained;
use e2e::ledger::Ledger;
use e2e::patience::PATIENCE;
use e2e::people::{current, import};
use e2e::upstream::Upstream;
use site::agent::Agent;
use site::broker::Memory;
use site::config::Club;
use site::members::Member;
use site::qemu::Image;
use site::turnstile::{Output, Way};

/// A club with one turnstile, whose controller is the image.
struct House {
    image: Image,
    upstream: Upstream,
    members: Vec<Member>,
    // Dropped last: its folder holds the image's port.
    settings: Club,
}

impl House {
    async fn with_members(people: usize) -> Result<Self> {
        let (upstream, mut settings) = (Upstream::start(Memory::AtStop).await?, Club::new()?);
        let image = Image::switched_on(settings.folder(), "turnstile-1")?;
        settings.controller_gate("turnstile-1", image.path());
        settings.controller_reader("entry-1", "turnstile-1", 0);
        settings.controller_exit_reader("exit-1", "turnstile-1", 1);
        settings.mqtt(&upstream.url());
        let members = current(people)?;
        import(&settings, &members).await?;
        Ok(Self { image, upstream, members, settings })
    }

    async fn open(&self) -> Result<Agent> {
        let agent = Agent::start(&self.settings.write()?).await?;
        // What an agent orders first is what the gate shows while nobody is there.
        self.image.wait_until(|truth| truth.shows() != ["", ""], PATIENCE).await?;
        Ok(agent)
    }

    /// A member holds the badge to a reader and waits for the gate to open.
    async fn opens_for(&self, way: Way, member: &Member) -> Result<()> {
        let (reader, relay) = if way == Way::In { (0, Output::RelayIn) } else { (1, Output::RelayOut) };
        let before = self.image.look(|truth| truth.times_on(relay));
        self.image.present(reader, &member.badge)?;
        self.image.wait_until(|truth| truth.times_on(relay) > before, PATIENCE).await
    }
}

#[tokio::test]
async fn members_pass_through_the_image_greeted_and_told_upstream() -> Result<()> {
    let house = House::with_members(2).await?;
    let agent = house.open().await?;
    for (way, member) in [(Way::In, 0), (Way::In, 1), (Way::Out, 0)] {
        let (member, shown) = (&house.members[member], house.image.look(|truth| truth.screens.len()));
        house.opens_for(way, member).await?;
        house.image.wait_until(|truth| truth.screens.len() > shown, PATIENCE).await?;
        house.image.walk(way)?;
        house.image.wait_until(|truth| !truth.is_on(Output::relay(way)), PATIENCE).await?;
    }
    house.upstream.receives(2, 3).await?;
    let passed = house
        .upstream
        .central
        .look(|seen| seen.of("passage").filter(|passage| passage.data("outcome") == "passed").count());
    assert_eq!(passed, 3);
    drained(&agent, "mqtt").await?;
    agent.terminate().await
}

#[tokio::test]
async fn an_agent_killed_while_somebody_goes_through_tells_of_it_once() -> Result<()> {
    let house = House::with_members(1).await?;
    let agent = house.open().await?;
    let anna = &house.members[0];
    house.opens_for(Way::In, anna).await?;
    agent.kill9().await?;
    house.image.walk(Way::In)?;
    // The controller is alone and keeps what happened; the next agent is told.
    house.image.wait_until(|truth| !truth.is_on(Output::RelayIn), PATIENCE).await?;
    house.image.forget_session()?;
    let agent = house.open().await?;
    house.upstream.receives(1, 1).await?;
    let passage = house.upstream.central.look(|seen| seen.of("passage").next().cloned()).context("a passage")?;
    assert_eq!((passage.data("outcome"), passage.data("person")), (&"passed".into(), &anna.external_id().into()));
    drained(&agent, "mqtt").await?;
    assert_eq!(house.upstream.duplicates(), 0);
    let store = Ledger::open(agent.store())?;
    assert_eq!(store.count("SELECT count(*) FROM passage")?, 1);
    assert_eq!(house.image.look(|truth| (truth.boots, truth.times_on(Output::RelayIn))), (1, 1));
    agent.terminate().await
}

//! SIGHUP among controllers: gates are taken down and put up again under the feet of those who pass.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::account::drained;
use e2e::ledger::Ledger;
use e2e::patience::eventually;
use e2e::upstream::Upstream;
use site::broker::Memory;

use crate::crowd::{Crowd, Manners};
use crate::hall::{Hall, PASSAGE_TIMEOUT, all_is_written, visits_of};

const RELOADS: usize = 12;
const BETWEEN: Duration = Duration::from_millis(1500);
const TAKEN: &str = "the configuration was read again";
/// What the log says of each gate that was put up, by the id after it.
const UP: &str = "the line is up kind=\"gate\" id=";

#[tokio::test]
async fn gates_that_are_rebuilt_again_and_again_lose_nobody_who_is_passing() -> Result<()> {
    let upstream = Upstream::start(Memory::AtStop).await?;
    let hall = Arc::new(Hall::under(&upstream, 3, 36)?);
    let agent = hall.open().await?;
    let config = hall.config()?;
    let before = std::fs::read_to_string(&config)?;
    let (quick, slow) = (format!("passage_timeout = \"{PASSAGE_TIMEOUT}\""), "passage_timeout = \"1200ms\"");
    ensure!(before.contains(&quick), "nothing would change:\n{before}");
    let after = before.replace(&quick, slow);

    let mut crowd = Crowd::comes_to(&hall, &Manners::HASTY, 11);
    for (reload, text) in (1..=RELOADS).zip([&after, &before].into_iter().cycle()) {
        crowd.passes_for(BETWEEN).await?;
        std::fs::write(&config, text)?;
        agent.hup()?;
        let taken = || async { Ok(agent.log().matches(TAKEN).count() == reload) };
        eventually("the configuration is read again", taken).await?;
    }
    crowd.passes_for(BETWEEN).await?;
    crowd.goes_home().await?;

    all_is_written(&hall, &Ledger::open(agent.store())?).await?;
    drained(&agent, "mqtt").await?;
    let log = agent.log();
    agent.terminate().await?;
    let truth = hall.truth();
    let seen = upstream.central.seen();
    assert_eq!(seen.count("visit"), visits_of(&truth).values().sum::<usize>());
    assert_eq!(
        (seen.duplicates("visit"), seen.duplicates("passage")),
        (0, 0),
        "nobody died, and nothing is told twice"
    );
    upstream.in_order_per_person()?;
    for gate in truth.keys() {
        let rebuilt = log.matches(&format!("{UP}\"{gate}\"")).count();
        ensure!(rebuilt > RELOADS, "{gate} was put up {rebuilt} times: not every reload rebuilt it");
    }
    let rotations: usize = truth.values().map(Vec::len).sum();
    println!("{RELOADS} reloads, {rotations} rotations: 0 lost, 0 twice");
    ensure!(rotations > RELOADS * 3, "hardly anybody came: this shows nothing");
    Ok(())
}

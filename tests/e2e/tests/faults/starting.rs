//! What may stand in the way of a start: another agent at the store, an address that is not there, a spoilt certificate.

use anyhow::{Context, Result};
use site::agent::varco;

use crate::house::{House, Way};

#[tokio::test]
async fn a_second_agent_is_turned_away_from_the_store_and_a_killed_one_leaves_it_free() -> Result<()> {
    let house = House::with(1, 2)?;
    let first = house.open().await?;
    let config = house.config()?.display().to_string();
    let second = varco(&["run", "--config", &config]).await?;
    let expected = format!("another agent (pid {}) runs at the store", first.id().context("it runs")?);
    assert_eq!((second.code, second.stdout.as_str()), (Some(1), ""), "{}", second.stderr);
    assert!(second.stderr.contains(&expected), "{}", second.stderr);
    house.pass(1, Way::In, &house.members[0]).await?;

    first.kill9().await?;
    let next = house.start().await?;
    house.pass(1, Way::In, &house.members[1]).await?;
    next.terminate().await?;
    house.start().await?.terminate().await
}

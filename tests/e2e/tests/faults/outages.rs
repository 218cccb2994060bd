//! Stories of the way to the central system: its broker is down or killed, its network is cut, and nothing is lost.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use e2e::account::{drained, rows};
use e2e::patience::eventually;
use e2e::upstream::{Upstream, WINDOW};
use site::broker::{Memory, Receipts};
use site::proxy::{Cut, Direction};

use crate::house::House;

#[tokio::test]
async fn a_broker_that_was_down_the_whole_day_gets_every_visit_once_and_in_order() -> Result<()> {
    let upstream = Upstream::start(Memory::AtStop).await?;
    upstream.broker.stop().await?;
    let house = House::shared_under(&upstream, 2, 10)?;
    let agent = house.open().await?;

    house.come_and_go(2).await?;
    eventually("every passage is recorded", || async { Ok(rows(&agent, "mqtt", "waiting").await? == 60) }).await?;

    upstream.broker.start_again().await?;
    upstream.receives(20, 40).await?;
    drained(&agent, "mqtt").await?;
    agent.terminate().await?;
    assert_eq!(upstream.duplicates(), 0, "nothing was sent in vain, so nothing is sent again");
    upstream.in_order_per_person()
}

#[tokio::test]
async fn a_broker_killed_while_it_forgets_everything_loses_nothing_when_receipts_are_awaited() -> Result<()> {
    const KILLS: usize = 3;
    let upstream = Upstream::start(Memory::None).await?;
    upstream.central.answer(Receipts::Answered);
    let mut house = House::under(&upstream, 2, 12)?;
    house.settings.set("mqtt.confirm", "receipt").set("mqtt.receipt_timeout", "1s");
    let house = Arc::new(house);
    let agent = house.open().await?;

    let kills = async {
        for kill in 1..=KILLS {
            upstream.central.wait_until(|seen| seen.count("visit") >= kill * 5, e2e::patience::PATIENCE).await?;
            upstream.broker.kill9().await?;
            upstream.broker.start_again().await?;
        }
        anyhow::Ok(())
    };
    tokio::try_join!(house.come_and_go(3), kills)?;
    upstream.receives(36, 72).await?;
    drained(&agent, "mqtt").await?;
    agent.terminate().await?;
    println!("{KILLS} kills of the broker: 36 visits, 72 passages, {} duplicates on the wire", upstream.duplicates());
    Ok(())
}

#[tokio::test]
async fn a_killed_broker_that_saves_every_change_has_all_that_was_acknowledged_before_its_last_snapshot() -> Result<()>
{
    let upstream = Upstream::start(Memory::EveryChange).await?;
    let house = House::shared_under(&upstream, 2, 10)?;
    let agent = house.open().await?;
    // The central system is away, so the broker alone holds what it has acknowledged.
    upstream.central.leave().await;

    house.come_and_go(1).await?;
    drained(&agent, "mqtt").await?;
    upstream.broker.saved().await?;
    upstream.broker.kill9().await?;
    house.come_and_go(1).await?;
    upstream.broker.start_again().await?;

    drained(&agent, "mqtt").await?;
    upstream.central.come_back().await?;
    upstream.receives(20, 40).await?;
    agent.terminate().await?;
    upstream.in_order_per_person()
}

#[tokio::test]
async fn a_connection_cut_again_and_again_in_mid_burst_loses_nothing_and_repeats_at_most_a_window() -> Result<()> {
    // Towards the broker some rows are cut off; back from it, only their acknowledgements.
    const CUTS: [(Direction, u64); 6] = [
        (Direction::Up, 30_000),
        (Direction::Down, 300),
        (Direction::Up, 70_001),
        (Direction::Down, 701),
        (Direction::Up, 101),
        (Direction::Down, 150),
    ];
    let upstream = Upstream::start(Memory::AtStop).await?;
    let house = House::shared_under(&upstream, 2, 10)?;
    upstream.network.refuse().await;
    let agent = house.open().await?;
    house.come_and_go(1).await?;
    house.refuse_strangers(&agent, 1000).await?;

    for (direction, bytes) in CUTS {
        upstream.network.cut_after(direction, bytes);
        upstream.network.accept()?;
        let before = upstream.network.opened();
        // Refused while the lane pauses, so that the next cut is planned before the next burst.
        eventually("the burst begins", || async { Ok(upstream.network.opened() > before) }).await?;
        eventually("the burst is cut", || async { Ok(upstream.network.open() == 0) }).await?;
        upstream.network.refuse().await;
    }
    upstream.network.accept()?;
    upstream.receives(10, 1020).await?;
    drained(&agent, "mqtt").await?;
    agent.terminate().await?;
    let (cuts, duplicates) = (upstream.network.opened() - 1, upstream.duplicates());
    println!("{cuts} cuts in mid-burst: 1030 events, {duplicates} duplicates on the wire");
    assert!(duplicates <= cuts * WINDOW, "{duplicates} duplicates after {cuts} cuts");
    assert!(duplicates > 0, "no acknowledgement was lost: the cuts came too late to show anything");
    upstream.in_order_per_person()
}

#[tokio::test]
async fn a_network_that_hangs_without_a_word_is_left_and_nothing_is_lost() -> Result<()> {
    let upstream = Upstream::start(Memory::AtStop).await?;
    let house = House::shared_under(&upstream, 2, 8)?;
    let agent = house.open().await?;
    house.come_and_go(1).await?;
    drained(&agent, "mqtt").await?;

    upstream.network.stall();
    house.come_and_go(1).await?;
    assert!(rows(&agent, "mqtt", "waiting").await? > 0, "nothing can have been acknowledged");
    upstream.network.cut(Cut::Reset);
    upstream.network.resume();

    upstream.receives(16, 32).await?;
    tokio::time::timeout(Duration::from_secs(30), agent.terminate()).await??;
    assert!(upstream.duplicates() <= WINDOW);
    upstream.in_order_per_person()
}

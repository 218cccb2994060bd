//! Stories of the cable and the board: cut at full traffic, pulled in mid-grant, disturbed, silent, reset.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::account::drained;
use e2e::ledger::Ledger;
use e2e::patience::{PATIENCE, eventually};
use e2e::upstream::Upstream;
use jiff::Timestamp;
use site::agent::Agent;
use site::broker::{Memory, Message};
use site::turnstile::{Because, Output, Truth, Way, Weather, Went};
use toml_edit::value;

use crate::crowd::{Crowd, Manners};
use crate::hall::{Hall, all_is_written, passage_told, told, visits_of};
use crate::passing::write_action;

/// How long the cables are cut while people go on passing. An outage of hours is the same but for the room in a
/// controller's memory, which the firmware's own stories fill.
const CUT: Duration = Duration::from_secs(150);

/// A little before and after, with the same traffic.
const BEFORE_AND_AFTER: Duration = Duration::from_secs(5);

/// How long somebody stands before a gate: longer than a controller waits for the agent.
const STANDS: Duration = Duration::from_millis(1200);

/// How far a passage's time may be from what a watch at the gate says, on a busy machine.
const TIME_IS_OFF_BY: jiff::SignedDuration = jiff::SignedDuration::from_millis(500);

#[tokio::test]
async fn members_on_the_list_come_and_go_through_a_cut_of_minutes_and_are_told_in_order_with_their_own_times()
-> Result<()> {
    const GATES: usize = 3;
    let upstream = Upstream::start(Memory::AtStop).await?;
    let mut hall = Hall::under(&upstream, GATES, 60)?;
    hall.settings.each("gate", |gate| gate["offline_entry"] = value("list"));
    let hall = Arc::new(hall);
    let agent = hall.open().await?;
    lists_are_there(&agent).await?;

    let mut crowd = Crowd::comes_to(&hall, &Manners::ORDERLY, 3);
    crowd.passes_for(BEFORE_AND_AFTER).await?;
    let cut_at = Timestamp::now();
    hall.turnstiles.iter().try_for_each(|gate| gate.cable().unplug())?;
    crowd.passes_for(CUT).await?;
    hall.turnstiles.iter().try_for_each(|gate| gate.cable().plug_in())?;
    let mended_at = Timestamp::now();
    crowd.passes_for(BEFORE_AND_AFTER).await?;
    crowd.goes_home().await?;

    all_is_written(&hall, &Ledger::open(agent.store())?).await?;
    drained(&agent, "mqtt").await?;
    agent.terminate().await?;
    let truth = hall.truth();
    let gone: usize = truth.values().map(Vec::len).sum();
    upstream.in_order_per_person()?;
    let seen = upstream.central.seen();
    assert_eq!(seen.count("visit"), visits_of(&truth).values().sum::<usize>());

    let mut during = [0, 0];
    for (number, turnstile) in (1..).zip(&hall.turnstiles) {
        let told: Vec<Message> = seen
            .of("passage")
            .filter(|it| it.data("gate") == format!("turnstile-{number}").as_str() && it.data("outcome") == "passed")
            .cloned()
            .collect();
        let truth = turnstile.look(Truth::clone);
        ensure!(told.len() == truth.rotations.len(), "{} told of {}", told.len(), truth.rotations.len());
        // Whoever goes through presented a badge just before.
        for (passage, rotation) in told.iter().zip(&truth.rotations) {
            let at: Timestamp = passage.payload["time"].as_str().context("a time")?.parse()?;
            let read = truth.presented.iter().rev().find(|it| it.at <= rotation.at).context("a badge")?;
            ensure!(
                read.at - TIME_IS_OFF_BY <= at && at <= rotation.at + TIME_IS_OFF_BY,
                "read {}, through {}, told as {at}",
                read.at,
                rotation.at
            );
            during[rotation.way as usize] += usize::from((cut_at..mended_at).contains(&at));
        }
    }
    let [entries, exits] = during;
    println!("{gone} passages; {entries} entries and {exits} exits while all cables were cut for {CUT:?}");
    assert!(entries > GATES * 5 && exits > GATES * 5, "hardly anybody came: this shows nothing");
    Ok(())
}

#[tokio::test]
async fn whom_the_desk_wants_to_see_is_not_on_the_list_and_everybody_else_is() -> Result<()> {
    let upstream = Upstream::start(Memory::AtStop).await?;
    let mut hall = Hall::under(&upstream, 1, 3)?;
    hall.settings.each("gate", |gate| gate["offline_entry"] = value("list"));
    let agent = hall.open().await?;
    let (gate, wanted, bruno) = (hall.turnstile(1), &hall.members[0], &hall.members[1]);
    let first = lists_are_there(&agent).await?;
    write_action(&agent, "call-desk", "message_and_block", "Passa in segreteria", wanted.external_id()).await?;
    lists_are_there_after(&agent, &first).await?;

    gate.cable().unplug()?;
    hall.line_is(&agent, 1, "down").await?;
    assert_eq!(gate.pass(Way::In, &wanted.badge, STANDS).await?, Went::Nowhere);
    // Until the agent has been silent for long enough the controller waits for it, and Bruno tries again.
    while gate.pass(Way::In, &bruno.badge, STANDS).await? == Went::Nowhere {}
    assert_eq!(gate.pass(Way::In, &wanted.badge, STANDS).await?, Went::Nowhere);
    gate.cable().plug_in()?;
    passage_told(&upstream, wanted, "stale").await?;
    passage_told(&upstream, bruno, "passed").await?;
    agent.terminate().await?;
    gate.look(|truth| assert_eq!((truth.rotations.len(), truth.times_on(Output::RelayIn)), (1, 1)));
    Ok(())
}

#[tokio::test]
async fn without_a_list_nobody_enters_while_the_cable_is_cut_and_everybody_leaves() -> Result<()> {
    let upstream = Upstream::start(Memory::AtStop).await?;
    let hall = Hall::under(&upstream, 1, 4)?;
    let agent = hall.open().await?;
    let (gate, anna, bruno) = (hall.turnstile(1), &hall.members[0], &hall.members[1]);
    hall.pass(1, Way::In, anna).await?;
    gate.cable().unplug()?;
    hall.line_is(&agent, 1, "down").await?;
    let opened = gate.look(|truth| truth.times_on(Output::RelayIn));
    assert_eq!(gate.pass(Way::In, &bruno.badge, STANDS).await?, Went::Nowhere);
    hall.pass(1, Way::Out, anna).await?;
    assert_eq!(gate.look(|truth| truth.times_on(Output::RelayIn)), opened);
    gate.cable().plug_in()?;
    passage_told(&upstream, bruno, "stale").await?;
    upstream.receives(1, 3).await?;
    let ended = "SELECT count(*) FROM visit WHERE ended_by = 'exit'";
    assert_eq!(Ledger::open(agent.store())?.count(ended)?, 1);
    hall.pass(1, Way::In, bruno).await?;
    upstream.receives(2, 4).await?;
    agent.terminate().await
}

#[tokio::test]
async fn a_cable_pulled_while_the_gate_is_open_costs_nobody_their_visit() -> Result<()> {
    let upstream = Upstream::start(Memory::AtStop).await?;
    let hall = Hall::under(&upstream, 1, 4)?;
    let agent = hall.open().await?;
    let (gate, anna, bruno) = (hall.turnstile(1), &hall.members[0], &hall.members[1]);
    for (member, pulled) in [(anna, false), (bruno, true)] {
        gate.present(0, &member.badge)?;
        let times = gate.look(|truth| truth.times_on(Output::RelayIn));
        gate.wait_until(|truth| truth.times_on(Output::RelayIn) > times, PATIENCE).await?;
        gate.cable().unplug()?;
        if pulled {
            // Down and back again before they go.
            hall.line_is(&agent, 1, "down").await?;
            gate.cable().plug_in()?;
        }
        gate.run(Way::In, Some(&member.badge));
        gate.wait_until(
            |truth| truth.rotations.last().is_some_and(|it| it.badge.as_ref() == Some(&member.badge)),
            PATIENCE,
        )
        .await?;
        if !pulled {
            gate.cable().plug_in()?;
        }
        passage_told(&upstream, member, "passed").await?;
        hall.line_is(&agent, 1, "up").await?;
    }
    upstream.receives(2, 2).await?;
    gate.look(|truth| assert_eq!((truth.rotations.len(), truth.times_on(Output::RelayIn)), (2, 2)));
    agent.terminate().await
}

#[tokio::test]
async fn a_storm_on_the_line_and_rubbish_in_it_lose_nobody() -> Result<()> {
    let upstream = Upstream::start(Memory::AtStop).await?;
    let hall = Hall::under(&upstream, 1, 10)?;
    let agent = hall.open().await?;
    let gate = hall.turnstile(1);
    gate.weather(Weather::STORM);
    for member in &hall.members {
        gate.disturb(b"\x00\xffAT+CGMI\r\n\x81\x05\x00\x01\x02");
        // An entry may be refused when the storm eats its answer; the member tries again.
        loop {
            if let Went::Through(_) = gate.pass(Way::In, &member.badge, STANDS).await? {
                break;
            }
        }
        hall.pass(1, Way::Out, member).await?;
    }
    gate.weather(Weather::CALM);
    all_is_written(&hall, &Ledger::open(agent.store())?).await?;
    drained(&agent, "mqtt").await?;
    assert_eq!(upstream.central.look(|seen| seen.count("visit")), hall.members.len());
    gate.look(|truth| assert!(truth.rotations.iter().all(|it| it.because == Because::Released)));
    agent.terminate().await
}

#[tokio::test]
async fn a_silent_board_is_shown_and_stops_no_other_gate() -> Result<()> {
    let upstream = Upstream::start(Memory::AtStop).await?;
    let hall = Hall::under(&upstream, 2, 4)?;
    let agent = hall.open().await?;
    hall.turnstile(1).freeze();
    hall.line_is(&agent, 1, "down").await?;
    hall.pass(2, Way::In, &hall.members[0]).await?;
    assert_eq!(hall.turnstile(1).pass(Way::In, &hall.members[1].badge, STANDS).await?, Went::Nowhere);
    hall.turnstile(1).power_on();
    hall.line_is(&agent, 1, "up").await?;
    hall.pass(1, Way::In, &hall.members[1]).await?;
    upstream.receives(2, 2).await?;
    agent.terminate().await
}

#[tokio::test]
async fn a_board_reset_under_somebodys_feet_is_told_and_goes_on() -> Result<()> {
    let upstream = Upstream::start(Memory::AtStop).await?;
    let hall = Hall::under(&upstream, 1, 4)?;
    let agent = hall.open().await?;
    let (gate, anna, bruno) = (hall.turnstile(1), &hall.members[0], &hall.members[1]);
    gate.present(0, &anna.badge)?;
    gate.wait_until(|truth| truth.is_on(Output::RelayIn), PATIENCE).await?;
    gate.reset();
    gate.wait_until(|truth| truth.boots == 2 && truth.is_on(Output::Lock), PATIENCE).await?;
    gate.look(|truth| assert!(!truth.is_on(Output::RelayIn), "a reset leaves no relay on"));
    hall.line_is(&agent, 1, "up").await?;
    told(&upstream, "alarm", |it| it.payload.to_string().contains("restart")).await?;
    hall.pass(1, Way::In, bruno).await?;
    passage_told(&upstream, bruno, "passed").await?;
    // What became of Anna nobody saw; she is not written down as through.
    drained(&agent, "mqtt").await?;
    let visits = upstream.central.look(|seen| seen.count("visit"));
    assert_eq!(visits, 1);
    hall.pass(1, Way::In, anna).await?;
    passage_told(&upstream, anna, "passed").await?;
    agent.terminate().await
}

/// Waits until every controller would let members in by itself.
/// The versions of the lists, by gate.
async fn lists_are_there(agent: &Agent) -> Result<Vec<Option<u64>>> {
    lists_are_there_after(agent, &[]).await
}

async fn lists_are_there_after(agent: &Agent, before: &[Option<u64>]) -> Result<Vec<Option<u64>>> {
    let api = agent.api("viewer").await?;
    let versions = || async {
        let gates = api.list("gates").await?;
        anyhow::Ok(gates.iter().map(|gate| gate["controller"]["list"].as_u64()).collect::<Vec<_>>())
    };
    let are_new = |now: &[Option<u64>]| {
        now.iter().enumerate().all(|(gate, it)| *it > before.get(gate).copied().flatten().or(Some(0)))
    };
    eventually("every controller has its list", || async { Ok(are_new(&versions().await?)) }).await?;
    versions().await
}

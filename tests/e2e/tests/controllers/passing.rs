//! Stories of one gate: a badge, a barrier that turns or does not, a display, and what both upstreams are told.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::account::drained;
use e2e::ledger::Ledger;
use e2e::patience::{PATIENCE, eventually};
use e2e::upstream::Upstream;
use serde_json::{Value, json};
use site::agent::Agent;
use site::broker::{Memory, Seen};
use site::sandbox::{Options, Sandbox};
use site::turnstile::{Because, Output, REPEAT_MS, Way};

use crate::hall::{Hall, passage_told, told};

/// Longer than an agent takes for an answer, on a busy machine.
const REFUSED_WITHIN: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_badge_opens_somebody_goes_through_and_their_visit_reaches_both_upstreams() -> Result<()> {
    let upstream = Upstream::start(Memory::AtStop).await?;
    let mywellness = Sandbox::start(Options::default()).await?;
    let mut hall = Hall::under(&upstream, 1, 4)?;
    hall.settings.mywellness(&mywellness)?;
    let agent = hall.open().await?;
    let (anna, gate) = (&hall.members[0], hall.turnstile(1));

    gate.present(0, &anna.badge)?;
    gate.wait_until(|truth| truth.is_on(Output::RelayIn) && truth.is_on(Output::Green), PATIENCE).await?;
    let visits = || upstream.central.look(|seen| seen.count("visit"));
    assert_eq!(visits(), 0, "a visit is made by going through, not by permission");
    gate.walk(Way::In, Some(&anna.badge));
    let passed = passage_told(&upstream, anna, "passed").await?;
    assert_eq!((passed.data("reader"), passed.data("direction")), (&json!("entry-1"), &json!("in")));
    mywellness.wait_until(|book| book.visits().len() == 1, PATIENCE).await?;
    upstream.receives(1, 1).await?;

    hall.pass(1, Way::Out, anna).await?;
    upstream.receives(1, 2).await?;
    let ended = "SELECT count(*) FROM visit WHERE ended_by = 'exit'";
    assert_eq!(Ledger::open(agent.store())?.count(ended)?, 1);
    // A card that is read again so soon is one that still lies there.
    tokio::time::sleep(Duration::from_millis(u64::from(REPEAT_MS) * 2)).await;
    hall.pass(1, Way::In, anna).await?;
    upstream.receives(2, 3).await?;
    gate.look(|truth| assert!(truth.rotations.iter().all(|it| it.because == Because::Released), "{truth:?}"));
    drained(&agent, "mywellness").await?;
    agent.terminate().await?;
    assert_eq!(Ledger::open(&hall.settings.path("varco.db"))?.compare(&mywellness.visits())?.visits, 2);
    Ok(())
}

#[tokio::test]
async fn who_hesitates_or_turns_back_half_way_has_not_passed_and_made_no_visit() -> Result<()> {
    let upstream = Upstream::start(Memory::AtStop).await?;
    let hall = Hall::under(&upstream, 1, 4)?;
    let agent = hall.open().await?;
    let (gate, hesitant, timid) = (hall.turnstile(1), &hall.members[0], &hall.members[1]);

    gate.present(0, &hesitant.badge)?;
    passage_told(&upstream, hesitant, "not_passed").await?;
    gate.present(0, &timid.badge)?;
    gate.wait_until(|truth| truth.times_on(Output::RelayIn) == 2, PATIENCE).await?;
    gate.turn_back(Way::In);
    passage_told(&upstream, timid, "not_passed").await?;
    upstream.receives(0, 2).await?;
    gate.look(|truth| assert_eq!((truth.turned_back, truth.rotations.len()), (1, 0)));

    hall.pass(1, Way::In, timid).await?;
    upstream.receives(1, 3).await?;
    agent.terminate().await
}

#[tokio::test]
async fn what_the_desk_wrote_down_stands_on_the_display_and_a_block_holds_the_gate() -> Result<()> {
    let upstream = Upstream::start(Memory::AtStop).await?;
    let hall = Hall::under(&upstream, 1, 4)?;
    let agent = hall.open().await?;
    let (gate, wanted, greeted) = (hall.turnstile(1), &hall.members[0], &hall.members[1]);
    for (kind, access_action, message, member) in [
        ("call-desk", "message_and_block", "Passa in segreteria", wanted),
        ("birthday", "message", "Buon compleanno!", greeted),
    ] {
        write_action(&agent, kind, access_action, message, member.external_id()).await?;
    }

    gate.present(0, &wanted.badge)?;
    let held = passage_told(&upstream, wanted, "denied").await?;
    assert_eq!(held.data("reasons"), &json!(["crm_block"]));
    gate.wait_until(|truth| truth.shows() == ["Passa in", "segreteria"], PATIENCE).await?;
    gate.look(|truth| {
        assert!(truth.is_on(Output::Red) && truth.times_on(Output::RelayIn) == 0, "{truth:?}");
    });

    hall.pass(1, Way::In, greeted).await?;
    passage_told(&upstream, greeted, "passed").await?;
    gate.look(|truth| assert!(truth.has_shown("Buon compleanno!"), "{:?}", truth.screens));
    upstream.receives(1, 2).await?;
    // Nobody is kept inside by a message.
    hall.pass(1, Way::Out, wanted).await?;
    agent.terminate().await
}

#[tokio::test]
async fn an_unknown_card_stays_outside_and_gets_out() -> Result<()> {
    let upstream = Upstream::start(Memory::AtStop).await?;
    let hall = Hall::under(&upstream, 1, 2)?;
    let agent = hall.open().await?;
    let (gate, stranger) = (hall.turnstile(1), "0FFFFFFFF1");
    gate.present(0, stranger)?;
    told(&upstream, "passage", |it| it.data("reasons") == &json!(["unknown_credential"])).await?;
    gate.wait_until(|truth| truth.is_on(Output::Red), PATIENCE).await?;
    gate.pass(Way::Out, stranger, PATIENCE).await?;
    told(&upstream, "passage", |it| it.data("reader") == "exit-1" && it.data("outcome") == "passed").await?;
    assert_eq!(gate.look(|truth| (truth.times_on(Output::RelayIn), truth.rotations.len())), (0, 1));
    agent.terminate().await
}

#[tokio::test]
async fn who_slips_through_behind_a_member_is_forced_and_an_alarm() -> Result<()> {
    let upstream = Upstream::start(Memory::AtStop).await?;
    let hall = Hall::under(&upstream, 1, 2)?;
    let agent = hall.open().await?;
    let (gate, member) = (hall.turnstile(1), &hall.members[0]);
    gate.present(0, &member.badge)?;
    gate.wait_until(|truth| truth.is_on(Output::RelayIn), PATIENCE).await?;
    gate.run(Way::In, Some(&member.badge));
    gate.run(Way::In, None);
    passage_told(&upstream, member, "passed").await?;
    let forced = told(&upstream, "passage", |it| it.data("outcome") == "forced").await?;
    assert_eq!((forced.data("person"), forced.data("gate")), (&Value::Null, &json!("turnstile-1")));
    let alarm = told(&upstream, "alarm", |it| it.payload.to_string().contains("forced")).await?;
    assert_eq!(alarm.data("gate"), "turnstile-1");
    // Somebody who pushes while nobody is there.
    gate.walk(Way::In, None);
    let forced = |seen: &Seen| seen.of("passage").filter(|it| it.data("outcome") == "forced").count() == 2;
    upstream.central.wait_until(forced, PATIENCE).await?;
    upstream.receives(1, 3).await?;
    agent.terminate().await
}

#[tokio::test]
async fn in_an_emergency_the_gate_turns_freely_and_everybody_is_told_of_it() -> Result<()> {
    let upstream = Upstream::start(Memory::AtStop).await?;
    let hall = Hall::under(&upstream, 1, 2)?;
    let agent = hall.open().await?;
    let gate = hall.turnstile(1);
    hall.pass(1, Way::In, &hall.members[0]).await?;
    gate.press_emergency(true);
    gate.wait_until(|truth| !truth.is_on(Output::Lock), PATIENCE).await?;
    for _ in 0..3 {
        gate.run(Way::Out, None);
    }
    let free = |seen: &Seen| seen.of("passage").filter(|it| it.data("outcome") == "emergency").count() == 3;
    upstream.central.wait_until(free, PATIENCE).await?;
    told(&upstream, "alarm", |it| it.payload.to_string().contains("emergency")).await?;
    gate.press_emergency(false);
    gate.wait_until(|truth| truth.is_on(Output::Lock), PATIENCE).await?;
    hall.pass(1, Way::In, &hall.members[1]).await?;
    upstream.receives(2, 5).await?;
    agent.terminate().await
}

#[tokio::test]
async fn an_open_housing_and_a_barrier_that_is_held_are_alarms() -> Result<()> {
    let upstream = Upstream::start(Memory::AtStop).await?;
    let hall = Hall::under(&upstream, 1, 2)?;
    let agent = hall.open().await?;
    hall.turnstile(1).open_housing(true);
    told(&upstream, "alarm", |it| it.payload.to_string().contains("tamper")).await?;
    hall.turnstile(1).open_housing(false);
    let alarms = |seen: &Seen| seen.count("alarm") == 2;
    upstream.central.wait_until(alarms, PATIENCE).await?;
    agent.terminate().await
}

#[tokio::test]
async fn swapped_wires_of_a_reader_are_no_badge_and_are_told_to_the_admin() -> Result<()> {
    let upstream = Upstream::start(Memory::AtStop).await?;
    let hall = Hall::under(&upstream, 1, 2)?;
    let agent = hall.open().await?;
    hall.turnstile(1).present_swapped(0, "7B11D7")?;
    let told =
        || async { Ok(e2e::account::health(&agent).await?["readers"]["entry-1"].to_string().contains("swapped")) };
    eventually("the reader's state says that its wires are swapped", told).await?;
    assert!(hall.turnstile(1).look(|truth| truth.times_on(Output::RelayIn)) == 0);
    upstream.receives(0, 0).await?;
    agent.terminate().await
}

#[tokio::test]
async fn an_operator_opens_by_hand_frees_the_gate_and_locks_it() -> Result<()> {
    let upstream = Upstream::start(Memory::AtStop).await?;
    let hall = Hall::under(&upstream, 1, 3)?;
    let agent = hall.open().await?;
    let (gate, api) = (hall.turnstile(1), agent.api("operator").await?);
    let (status, answer) = api.post("gates/turnstile-1/open", &json!({ "reason": "delivery" })).await?;
    ensure!(status == 201, "{status} {answer}");
    gate.wait_until(|truth| truth.times_on(Output::RelayIn) == 1, PATIENCE).await?;
    gate.run(Way::In, None);
    told(&upstream, "passage", |it| it.data("outcome") == "manual").await?;

    let mode = async |mode: &str| {
        let (status, answer) = api.post("gates/turnstile-1/mode", &json!({ "mode": mode, "reason": "story" })).await?;
        ensure!(matches!(status, 200 | 201), "{status} {answer}");
        anyhow::Ok(())
    };
    mode("free").await?;
    gate.wait_until(|truth| !truth.is_on(Output::Lock), PATIENCE).await?;
    gate.run(Way::In, None);
    told(&upstream, "passage", |it| it.data("outcome") == "free").await?;
    mode("locked").await?;
    gate.wait_until(|truth| truth.is_on(Output::Lock), PATIENCE).await?;
    let opened = gate.look(|truth| truth.times_on(Output::RelayIn));
    gate.pass(Way::In, &hall.members[0].badge, REFUSED_WITHIN).await?;
    passage_told(&upstream, &hall.members[0], "denied").await?;
    assert_eq!(gate.look(|truth| truth.times_on(Output::RelayIn)), opened);
    // Locked is not locked in.
    hall.pass(1, Way::Out, &hall.members[1]).await?;
    agent.terminate().await
}

/// The desk writes an action of a new type down for a person.
pub(crate) async fn write_action(
    agent: &Agent,
    kind: &str,
    access_action: &str,
    message: &str,
    person: &str,
) -> Result<()> {
    let api = agent.api("admin").await?;
    let done = json!({ "name": "Concluso", "group": "positive" });
    let access = json!({ "name": kind, "access_action": access_action, "message": message, "outcomes": ["done"] });
    let action = json!({ "person": person, "type": kind, "operator": "Giulia", "text": "story" });
    for (status, answer) in [
        api.put("crm/outcomes/done", &done).await?,
        api.put(&format!("crm/action-types/{kind}"), &access).await?,
        api.post("crm/actions", &action).await?,
    ] {
        ensure!(matches!(status, 200 | 201), "{status} {answer}");
    }
    Ok(())
}

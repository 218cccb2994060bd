//! Doors: leaving is never refused, an operator can always open, and a mode outlives the agent.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::club::{Club, SOON, outcome, reasons};
use crate::people::{banned, member};

async fn mode(club: &Club, gate: &str, mode: &str) -> Result<()> {
    let asked = json!({ "mode": mode, "reason": "an exercise" });
    let (status, answer) = club.api.post(&format!("gates/{gate}/mode"), &asked).await?;
    assert_eq!((status, answer["mode"].as_str()), (201, Some(mode)), "{answer}");
    Ok(())
}

#[tokio::test]
async fn anybody_gets_out_in_every_mode() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    club.put(&banned("M-1001", "0415AB12CD")).await?;
    let mut opened = 0;
    for gate_mode in ["normal", "free", "staff", "locked"] {
        mode(&club, "turnstile-1", gate_mode).await?;
        for card in ["0499999999", "0415AB12CD"] {
            let exit = club.badge("exit-1", card).await?;
            assert_eq!(outcome(&exit), "passed", "{card} at a {gate_mode} gate");
            opened += 1;
            club.relay.wait_opens(1, opened, SOON).await?;
        }
    }
    assert_eq!(club.relay.opens(1), opened);
    let unknown = club.api.list("passages?reader=exit-1&limit=500").await?;
    assert_eq!(unknown.iter().filter(|passage| passage["unknown_badge"] == "0499999999").count(), 4);
    club.close().await
}

#[tokio::test]
async fn entry_follows_the_mode_and_a_ban_holds_at_every_gate() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    club.put(&banned("M-1001", "0415AB12CD")).await?;
    club.put(&member("M-1002", "0415AB12CE")).await?;
    for reader in ["entry-1", "entry-2"] {
        let held = club.badge(reader, "0415AB12CD").await?;
        assert_eq!((outcome(&held), reasons(&held)), ("denied", vec!["banned"]));
    }
    let stranger = club.badge("entry-1", "0499999999").await?;
    assert_eq!((outcome(&stranger), reasons(&stranger)), ("denied", vec!["unknown_credential"]));
    assert_eq!(stranger.data("person"), &Value::Null);
    for (gate_mode, ended, why) in [
        ("locked", "denied", vec!["gate_locked"]),
        ("staff", "denied", vec!["staff_only"]),
        ("free", "free", vec![]),
        ("normal", "passed", vec![]),
    ] {
        mode(&club, "turnstile-1", gate_mode).await?;
        let entry = club.badge("entry-1", "0415AB12CE").await?;
        assert_eq!((outcome(&entry), reasons(&entry)), (ended, why), "{gate_mode}");
    }
    assert_eq!(club.visits("M-1002").await?.len(), 1, "a free passage makes no visit");
    club.close().await
}

#[tokio::test]
async fn a_mode_outlives_the_agent() -> Result<()> {
    let mut club = Club::open(|_| {}).await?;
    club.put(&member("M-1001", "0415AB12CD")).await?;
    mode(&club, "turnstile-1", "locked").await?;
    club.restart_in(&[]).await?;
    assert_eq!(reasons(&club.badge("entry-1", "0415AB12CD").await?), ["gate_locked"]);
    assert_eq!(outcome(&club.badge("entry-2", "0415AB12CD").await?), "passed", "the other gate was not locked");
    let gates = club.api.list("gates").await?;
    let modes: Vec<_> = gates.iter().map(|gate| (gate["id"].as_str(), gate["mode"].as_str())).collect();
    assert_eq!(modes, [(Some("turnstile-1"), Some("locked")), (Some("turnstile-2"), Some("normal"))]);
    club.close().await
}

#[tokio::test]
async fn an_operator_opens_with_a_reason_and_for_a_person_it_is_a_visit() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    club.put(&member("M-1001", "0415AB12CD")).await?;
    let (status, problem) = club.api.post("gates/turnstile-1/open", &json!({ "reason": " " })).await?;
    assert_eq!((status, &problem["problems"][0]["path"]), (422, &json!("reason")));
    assert_eq!(club.relay.opens(1), 0);
    let (_, viewer) = club.api_for("viewer", "wall").await?;
    assert_eq!(viewer.post("gates/turnstile-1/open", &json!({ "reason": "delivery" })).await?.0, 403);

    let (_, desk) = club.api_for("operator", "desk").await?;
    let (status, opened) = desk.post("gates/turnstile-1/open", &json!({ "reason": "delivery" })).await?;
    assert_eq!((status, &opened["reader"], &opened["new_visit"]), (201, &json!("entry-1"), &Value::Null), "{opened}");
    club.relay.wait_opens(1, 1, SOON).await?;
    let told = club.next_passage("entry-1", 0).await?;
    assert_eq!((outcome(&told), told.data("person")), ("manual", &Value::Null));

    let forgot_card = json!({ "reason": "forgot the card", "person": "M-1001" });
    let (status, opened) = desk.post("gates/turnstile-2/open", &forgot_card).await?;
    assert_eq!(status, 201, "{opened}");
    let visit = club.visit_told("M-1001").await?;
    assert_eq!(visit.id(), opened["new_visit"].as_str());
    club.sandbox.wait_until(|cloud| cloud.visits().len() == 1, SOON).await?;
    let passages = club.api.list("passages?person=M-1001").await?;
    assert_eq!(passages.len(), 1);
    assert_eq!((&passages[0]["operator"], &passages[0]["note"]), (&json!("desk"), &json!("forgot the card")));
    assert_eq!((&passages[0]["outcome"], passages[0]["visit"].as_str()), (&json!("manual"), visit.id()));

    let (status, _) = desk.post("gates/turnstile-2/open", &json!({ "reason": "x", "person": "M-9999" })).await?;
    assert_eq!(status, 422, "nobody has that number");
    assert_eq!(desk.post("gates/turnstile-9/open", &json!({ "reason": "x" })).await?.0, 404);
    let out = json!({ "reason": "a child left behind", "person": "M-1001", "reader": "exit-2" });
    let (status, _) = desk.post("gates/turnstile-2/open", &out).await?;
    assert_eq!(status, 201);
    let ended = club.visits("M-1001").await?.first().context("a visit")?["ended"]["by"].clone();
    assert_eq!(ended, "exit");
    club.close().await
}

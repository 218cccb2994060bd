//! CRM access actions: what the front desk writes down is what the gate does with its next read.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use site::api::Api;
use site::broker::Message;

use crate::club::{Club, SOON, outcome, reasons};
use crate::people::member;

const CARD: &str = "0415AB12CD";

/// A club with one member, and the outcomes that every story needs.
async fn club() -> Result<Club> {
    let club = Club::open(|_| {}).await?;
    club.put(&member("M-1001", CARD)).await?;
    for (id, group) in [("renewed", "positive"), ("no-answer", "in_progress"), ("refused", "negative")] {
        written(club.api.put(&format!("crm/outcomes/{id}"), &json!({ "name": id, "group": group })).await?)?;
    }
    Ok(club)
}

fn written((status, answer): (u16, Value)) -> Result<Value> {
    ensure!((200..300).contains(&status), "{status} {answer}");
    Ok(answer)
}

/// A type that the desk would make, with what a story needs different.
async fn put_type(api: &Api, id: &str, different: Value) -> Result<Value> {
    let mut document = json!({
        "name": "Rinnovo", "colour": "#ff0000", "obsolete": false, "default": false, "description": "At the desk",
        "access_action": "message_and_block", "device_types": [], "message": "Passa in segreteria",
        "outcomes": ["renewed", "no-answer", "refused"],
    });
    for (key, value) in different.as_object().context("an object")? {
        document[key] = value.clone();
    }
    written(api.put(&format!("crm/action-types/{id}"), &document).await?)
}

/// An action for the member, with what a story needs different; its path.
async fn act(api: &Api, kind: &str, different: Value) -> Result<String> {
    let mut document =
        json!({ "person": "M-1001", "type": kind, "operator": "Giulia", "text": "Ask about the renewal" });
    for (key, value) in different.as_object().context("an object")? {
        document[key] = value.clone();
    }
    let made = written(api.post("crm/actions", &document).await?)?;
    Ok(format!("crm/actions/{}", made["id"].as_str().context("an id")?))
}

async fn advance(api: &Api, action: &str, document: Value) -> Result<Value> {
    written(api.post(&format!("{action}/advance"), &document).await?)
}

fn said(passage: &Message) -> (&str, Vec<&str>) {
    (outcome(passage), reasons(passage))
}

#[tokio::test]
async fn a_block_holds_the_gate_until_its_action_is_advanced_well() -> Result<()> {
    let club = club().await?;
    assert_eq!(said(&club.badge("entry-1", CARD).await?), ("passed", vec![]));
    club.badge("exit-1", CARD).await?;
    put_type(&club.api, "renewal", json!({})).await?;
    let action = act(&club.api, "renewal", json!({})).await?;
    assert_eq!(said(&club.badge("entry-1", CARD).await?), ("denied", vec!["crm_block"]));
    assert_eq!(said(&club.badge("entry-2", CARD).await?), ("denied", vec!["crm_block"]), "a reader without a display");
    club.relay.wait_opens(1, 2, SOON).await?;
    assert_eq!((club.relay.opens(1), club.relay.opens(2)), (2, 0));

    advance(&club.api, &action, json!({ "mode": "close", "outcome": "no-answer" })).await?;
    assert_eq!(said(&club.badge("entry-1", CARD).await?), ("denied", vec!["crm_block"]), "still under way");
    let note = json!({ "mode": "close_with_history", "outcome": "renewed", "note": "one year more" });
    assert_eq!(advance(&club.api, &action, note).await?["status"], "concluded");
    assert_eq!(said(&club.badge("entry-1", CARD).await?), ("passed", vec![]));

    let shown = club.api.get(&action).await?.1["shown"].clone();
    let shown: Vec<_> = shown.as_array().into_iter().flatten().map(|it| it["text"].as_str()).collect();
    assert_eq!(shown, [Some("Passa in segreteria"); 2], "twice at the reader with a display, never at the other");
    club.close().await
}

#[tokio::test]
async fn an_action_holds_only_the_kinds_of_device_its_type_names() -> Result<()> {
    let club = club().await?;
    put_type(&club.api, "renewal", json!({ "device_types": ["turnstile"] })).await?;
    act(&club.api, "renewal", json!({})).await?;
    assert_eq!(said(&club.badge("entry-1", CARD).await?), ("denied", vec!["crm_block"]));
    assert_eq!(said(&club.badge("entry-2", CARD).await?), ("passed", vec![]), "a door is no turnstile");
    assert_eq!(outcome(&club.badge("exit-1", CARD).await?), "passed", "and nobody is kept inside");
    club.close().await
}

#[tokio::test]
async fn a_message_is_shown_so_often_as_its_limit_says_and_a_block_for_ever() -> Result<()> {
    let club = club().await?;
    put_type(&club.api, "greeting", json!({ "access_action": "message", "message": "Buon compleanno" })).await?;
    let greeting = act(&club.api, "greeting", json!({ "show_limit": 2 })).await?;
    assert_eq!(said(&club.badge("entry-2", CARD).await?), ("passed", vec![]), "shown nowhere, so not said");
    for _ in 0..2 {
        assert_eq!(said(&club.badge("entry-1", CARD).await?), ("passed", vec!["crm_message"]));
    }
    assert_eq!(said(&club.badge("entry-1", CARD).await?), ("passed", vec![]));
    assert_eq!(club.api.get(&greeting).await?.1["shown"].as_array().map(Vec::len), Some(2));

    put_type(&club.api, "renewal", json!({})).await?;
    let block = act(&club.api, "renewal", json!({ "show_limit": 1 })).await?;
    for _ in 0..3 {
        assert_eq!(said(&club.badge("entry-1", CARD).await?), ("denied", vec!["crm_block"]));
    }
    assert_eq!(club.api.get(&block).await?.1["shown"].as_array().map(Vec::len), Some(1));
    club.close().await
}

#[tokio::test]
async fn what_was_shown_is_written_on_the_action_with_its_passage() -> Result<()> {
    let club = club().await?;
    put_type(&club.api, "renewal", json!({})).await?;
    let action = act(&club.api, "renewal", json!({ "due_on": "2026-12-01", "purpose": "contract" })).await?;
    let held = club.badge("entry-1", CARD).await?;
    let (_, stored) = club.api.get(&action).await?;
    let expected = json!([{ "at": held.data("at"), "passage": held.id(), "text": "Passa in segreteria" }]);
    assert_eq!(stored["shown"], expected);
    assert_eq!((&stored["due_on"], &stored["purpose"]), (&json!("2026-12-01"), &json!("contract")));
    let of_person = club.api.list("crm/actions?person=M-1001&operator=Giulia&status=open").await?;
    assert_eq!(of_person, [stored]);
    club.close().await
}

#[tokio::test]
async fn obsolete_types_expired_actions_and_types_that_do_nothing_leave_the_gate_alone() -> Result<()> {
    let club = club().await?;
    put_type(&club.api, "renewal", json!({})).await?;
    act(&club.api, "renewal", json!({})).await?;
    assert_eq!(said(&club.badge("entry-1", CARD).await?), ("denied", vec!["crm_block"]));
    put_type(&club.api, "renewal", json!({ "obsolete": true })).await?;
    assert_eq!(said(&club.badge("entry-1", CARD).await?), ("passed", vec![]));
    let (status, answer) = club
        .api
        .post("crm/actions", &json!({ "person": "M-1001", "type": "renewal", "operator": "Giulia", "text": "x" }))
        .await?;
    assert_eq!((status, &answer["problems"][0]["path"]), (422, &json!("type")), "{answer}");

    put_type(&club.api, "note", json!({ "access_action": "none" })).await?;
    put_type(&club.api, "call", json!({})).await?;
    act(&club.api, "note", json!({})).await?;
    act(&club.api, "call", json!({ "valid_until": "2026-11-21T00:00:00Z" })).await?;
    assert_eq!(said(&club.badge("entry-1", CARD).await?), ("passed", vec![]));
    club.close().await
}

#[tokio::test]
async fn the_strongest_of_several_actions_wins_and_continuing_hands_over_to_the_next() -> Result<()> {
    let club = club().await?;
    put_type(&club.api, "greeting", json!({ "access_action": "message", "message": "Buon compleanno" })).await?;
    put_type(&club.api, "renewal", json!({})).await?;
    act(&club.api, "greeting", json!({ "due_on": "2026-11-30" })).await?;
    let block = act(&club.api, "renewal", json!({ "due_on": "2026-12-31" })).await?;
    let (verdict, reasons) = (club.badge("entry-1", CARD).await?, ["crm_block", "crm_message"]);
    assert_eq!(said(&verdict), ("denied", reasons.to_vec()));

    let next = json!({ "mode": "continue", "outcome": "renewed", "next": { "type": "greeting", "text": "Call back" } });
    let advanced = advance(&club.api, &block, next).await?;
    let (_, following) = club.api.get(&format!("crm/actions/{}", advanced["next"].as_str().context("an id")?)).await?;
    assert_eq!((&following["type"], &following["operator"]), (&json!("greeting"), &json!("Giulia")));
    assert_eq!(said(&club.badge("entry-1", CARD).await?), ("passed", vec!["crm_message", "crm_message"]));
    club.close().await
}

#[tokio::test]
async fn actions_cannot_be_deleted_and_a_type_without_outcomes_is_flagged() -> Result<()> {
    let club = club().await?;
    let lonely = put_type(&club.api, "renewal", json!({ "outcomes": [] })).await?;
    assert_eq!(lonely["warnings"].as_array().map(Vec::len), Some(1), "{lonely}");
    let with_outcomes = put_type(&club.api, "renewal", json!({})).await?;
    assert_eq!(with_outcomes.get("warnings"), None);
    let action = act(&club.api, "renewal", json!({})).await?;
    let (status, problem) = club.api.delete(&action).await?;
    assert_eq!((status, &problem["type"]), (405, &json!("urn:varco:problem:method-not-allowed")));
    assert_eq!(club.api.get(&action).await?.0, 200);
    assert_eq!(said(&club.badge("entry-1", CARD).await?), ("denied", vec!["crm_block"]));

    let (status, problem) =
        club.api.post(&format!("{action}/advance"), &json!({ "mode": "close", "outcome": "sold" })).await?;
    assert_eq!(status, 422, "an outcome of no type: {problem}");
    let (_, operator) = club.api_for("operator", "desk").await?;
    let (_, viewer) = club.api_for("viewer", "wall").await?;
    let close = json!({ "mode": "close", "outcome": "refused" });
    assert_eq!(viewer.post(&format!("{action}/advance"), &close).await?.0, 403);
    assert_eq!(operator.post(&format!("{action}/advance"), &close).await?.0, 200);
    assert_eq!(operator.post(&format!("{action}/advance"), &close).await?.0, 409, "it is concluded");
    assert_eq!(said(&club.badge("entry-1", CARD).await?), ("passed", vec![]), "a negative outcome concludes as well");
    club.close().await
}

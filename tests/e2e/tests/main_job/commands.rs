//! Commands of the central system over a real broker: people sent down open gates, blocks hold them, each once.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use site::broker::{Message, Seen};

use crate::club::{Club, SOON, outcome, reasons};
use crate::people::{member, secrets_of};

const CARD: &str = "0415AB12CD";
const SITE: &str = "varco/v1/milano-centro";

/// A club that obeys.
async fn club() -> Result<Club> {
    Club::open(|settings| {
        settings.set("mqtt.commands", true);
    })
    .await
}

/// A command as the central system writes it.
fn command(id: &str, name: &str, data: &Value) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "/central", "type": format!("club.varco.in.{}.v1", name.replace('/', ".")),
        "time": "2026-11-21T08:00:00Z", "datacontenttype": "application/json", "data": data,
    })
}

async fn send(club: &Club, id: &str, name: &str, data: &Value) -> Result<()> {
    club.keep_secret(secrets_of(data).into_iter().filter(|text| !text.is_empty()));
    club.central.publish(&format!("{SITE}/in/{name}"), command(id, name, data).to_string()).await
}

fn answers<'a>(seen: &'a Seen, id: &'a str) -> impl Iterator<Item = &'a Message> {
    seen.of("answer").filter(move |answer| answer.data("command_id") == id)
}

/// The answer to a command, once it has come.
async fn answer(club: &Club, id: &str) -> Result<Value> {
    club.central.wait_until(|seen| answers(seen, id).next().is_some(), SOON).await?;
    club.central.look(|seen| answers(seen, id).next().map(|answer| answer.payload.clone())).context("it just came")
}

async fn done(club: &Club, id: &str, name: &str, data: &Value) -> Result<Value> {
    send(club, id, name, data).await?;
    let answer = answer(club, id).await?;
    assert_eq!(answer["data"]["outcome"], "accepted", "{answer}");
    Ok(answer)
}

async fn people(club: &Club) -> Result<usize> {
    Ok(club.api.list("people").await?.len())
}

#[tokio::test]
async fn a_person_sent_down_opens_the_gate_and_a_block_sent_down_holds_it() -> Result<()> {
    let club = club().await?;
    let told = done(&club, "1", "person", &member("M-1001", CARD)).await?;
    assert_eq!((&told["type"], &told["source"]), (&json!("club.varco.answer.v1"), &json!("/sites/milano-centro")));
    let data = &told["data"];
    assert_eq!((&data["command"], &data["command_source"]), (&json!("person"), &json!("/central")));
    assert_eq!((&data["created"], &data["person"], &data["problems"]), (&json!(true), &json!("M-1001"), &json!([])));
    let topic = club.central.look(|seen| seen.of("answer").next().map(|it| (it.topic.clone(), it.retained)));
    assert_eq!(topic, Some((format!("{SITE}/out/answer"), false)));
    assert_eq!(outcome(&club.badge("entry-1", CARD).await?), "passed");
    assert_eq!(outcome(&club.badge("exit-1", CARD).await?), "passed");

    done(&club, "2", "crm/outcome", &json!({"id": "renewed", "name": "Rinnovato", "group": "positive"})).await?;
    let renewal = json!({"id": "renewal", "name": "Rinnovo", "access_action": "message_and_block", "outcomes": ["renewed"],
        "message": "Passa in segreteria"});
    done(&club, "3", "crm/action-type", &renewal).await?;
    let wanted = json!({"person": "M-1001", "type": "renewal", "operator": "Giulia", "text": "Ask about the renewal"});
    let action = done(&club, "4", "crm/action", &wanted).await?["data"]["action"].clone();
    let held = club.badge("entry-1", CARD).await?;
    assert_eq!((outcome(&held), reasons(&held)), ("denied", vec!["crm_block"]));
    let close = json!({"id": action, "mode": "close", "outcome": "renewed"});
    done(&club, "5", "crm/action/advance", &close).await?;
    assert_eq!(outcome(&club.badge("entry-1", CARD).await?), "passed");

    let mut ended = json!({"person": "M-1001", "membership": member("M-1001", CARD)["memberships"][0]});
    ended["membership"]["ends_on"] = json!("2025-12-31");
    done(&club, "6", "membership", &ended).await?;
    club.badge("exit-1", CARD).await?;
    assert_eq!(outcome(&club.badge("entry-1", CARD).await?), "denied");
    done(&club, "7", "person/delete", &json!({"external_id": "M-1001"})).await?;
    assert_eq!(reasons(&club.badge("entry-1", CARD).await?), ["unknown_credential"]);
    club.close().await
}

#[tokio::test]
async fn a_command_sent_twice_is_obeyed_once_and_what_is_no_command_is_refused() -> Result<()> {
    let club = club().await?;
    let anna = member("M-1001", CARD);
    done(&club, "1", "person", &anna).await?;
    done(&club, "2", "person/delete", &json!({"external_id": "M-1001"})).await?;
    send(&club, "1", "person", &anna).await?;
    let answered_again = |seen: &Seen| answers(seen, "1").count() == 2;
    club.central.wait_until(answered_again, SOON).await?;
    assert_eq!(people(&club).await?, 0, "what came later stands");

    let malformed = [("", "."), ("{}", "id"), ("\u{0}", "."), (r#"{"id":"4","source":"/central"}"#, "specversion")];
    for (payload, _) in malformed {
        club.central.publish(&format!("{SITE}/in/person"), payload).await?;
    }
    send(&club, "5", "gate/open", &json!({"gate": "turnstile-1"})).await?;
    assert_eq!(answer(&club, "5").await?["data"]["reason"], "unknown");
    let refused: Vec<_> = club.central.look(|seen| {
        let malformed = seen.of("answer").filter(|it| it.data("reason") == "malformed");
        malformed.map(|it| it.data("problems")[0]["path"].as_str().unwrap_or_default().to_owned()).collect()
    });
    assert_eq!(refused, malformed.map(|(_, path)| path.to_owned()));
    send(&club, "6", "person", &json!({"external_id": "M-1003", "first_name": "", "last_name": "Rossi"})).await?;
    let invalid = answer(&club, "6").await?;
    assert_eq!(
        invalid["data"]["problems"],
        json!([{"path": "first_name", "why": "is required and must not be empty"}])
    );
    club.badge("entry-1", CARD).await?;
    club.close().await
}

#[tokio::test]
async fn what_was_kept_on_a_topic_is_no_command() -> Result<()> {
    let mut club = Club::open(|_| {}).await?;
    let kept = command("1", "person", &member("M-1001", CARD)).to_string();
    club.central.publish_retained(&format!("{SITE}/in/person"), kept).await?;
    // What is not subscribed to is nobody's: commands are off unless the configuration says otherwise.
    club.settings.set("mqtt.commands", true);
    club.restart_in(&[]).await?;
    done(&club, "2", "person", &member("M-1002", "0415AB12CE")).await?;
    assert_eq!(people(&club).await?, 1);
    assert!(club.central.look(|seen| answers(seen, "1").next().is_none()));
    assert!(club.agent().log().contains("it is retained"));
    club.badge("entry-1", CARD).await?;
    club.close().await
}

#[tokio::test]
async fn commands_sent_while_the_agent_was_killed_are_obeyed_once_in_their_order() -> Result<()> {
    const PEOPLE: usize = 60;
    let mut club = club().await?;
    done(&club, "first", "person", &member("M-1001", CARD)).await?;
    // Killed in the middle of a burst: what was obeyed and not acknowledged comes again.
    for n in 0..PEOPLE / 2 {
        send(&club, &format!("a-{n}"), "person", &member(&format!("N-{n}"), &format!("0415AB{n:04}"))).await?;
    }
    club.central.wait_until(|seen| seen.count("answer") > 3, SOON).await?;
    club.kill().await?;
    for n in PEOPLE / 2..PEOPLE {
        send(&club, &format!("a-{n}"), "person", &member(&format!("N-{n}"), &format!("0415AB{n:04}"))).await?;
    }
    let wanted = json!({"person": "N-59", "operator": "Giulia", "text": "Welcome"});
    send(&club, "type", "crm/action-type", &json!({"id": "hello", "name": "Hello", "default": true})).await?;
    send(&club, "action", "crm/action", &wanted).await?;
    let mut moved = member("M-1001", CARD);
    moved["category"] = json!("senior");
    send(&club, "last", "person", &moved).await?;
    club.start_again().await?;

    answer(&club, "last").await?;
    assert_eq!(people(&club).await?, PEOPLE + 1);
    assert_eq!(club.api.get("people/M-1001").await?.1["category"], "senior");
    assert_eq!(club.api.list("crm/actions?person=N-59").await?.len(), 1, "made once, after its person and its type");
    let refused = club.central.look(|seen| seen.of("answer").filter(|it| it.data("outcome") == "refused").count());
    assert_eq!(refused, 0);
    club.wait_for_rows("mqtt", "pending", 0).await?;
    let answered =
        club.central.look(|seen| (0..PEOPLE).filter(|n| answers(seen, &format!("a-{n}")).next().is_some()).count());
    assert_eq!(answered, PEOPLE, "each has its answer");
    club.badge("entry-1", CARD).await?;
    club.close().await
}

#[tokio::test]
async fn a_message_that_nobody_can_read_does_not_hold_up_the_others() -> Result<()> {
    let club = club().await?;
    // Larger than a command, and larger than any packet that is taken.
    let large = json!({"external_id": "M-1", "first_name": "x".repeat(1_100_000), "last_name": "Rossi"});
    send(&club, "large", "person", &large).await?;
    let refused = |seen: &Seen| seen.of("answer").any(|it| it.data("problems")[0]["why"] == "is larger than 1 MiB");
    club.central.wait_until(refused, SOON).await?;
    let huge = json!({"external_id": "M-1", "first_name": "x".repeat(5_000_000), "last_name": "Rossi"});
    send(&club, "huge", "person", &huge).await?;
    club.wait_for("the log to tell", async || {
        Ok(club.agent().log().contains("the broker is told to forget").then_some(()))
    })
    .await?;
    // Its sender has no answer and sends again what has none, until the agent is back in a session that the broker keeps.
    let mut tries = 0..;
    club.wait_for("an answer", async || {
        let id = format!("again-{}", tries.next().unwrap_or_default());
        send(&club, &id, "person", &member("M-1002", CARD)).await?;
        Ok(club.central.look(|seen| seen.of("answer").any(|it| it.data("person") == "M-1002")).then_some(()))
    })
    .await?;
    assert_eq!(outcome(&club.badge("entry-1", CARD).await?), "passed");
    club.close().await
}

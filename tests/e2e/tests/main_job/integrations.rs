//! Integrations: what Mywellness is told of a person from their first day to their last, in order and once.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::club::{Club, SOON};
use crate::people::member;

/// Everything asked of Mywellness about people and visits, in order: the action, and what of its body tells it apart.
fn told(club: &Club) -> Vec<String> {
    let line = |request: &site::sandbox::Request| {
        let said = |field: &str| request.body[field].as_str().map(str::to_owned);
        let what = said("operation").or(said("mobilePhoneNumber")).or(said("externalId")).unwrap_or_default();
        format!("{} {what}", request.action).trim_end().to_owned()
    };
    let asked = club.sandbox.requests();
    asked.iter().filter(|request| request.action != "AccessIntegration").map(line).collect()
}

async fn reaches(club: &Club, state: &str) -> Result<Value> {
    let look = async || {
        let (_, it) = club.api.get("sync/people/M-1001").await?;
        Ok((it["state"] == state).then_some(it))
    };
    club.wait_for(&format!("M-1001 to be {state}"), look).await
}

async fn command(club: &Club, command: &str, body: Value) -> Result<Value> {
    let (status, answer) = club.api.post(&format!("sync/people/M-1001/{command}"), &body).await?;
    assert_eq!(status, 202, "{command}: {answer}");
    Ok(answer)
}

#[tokio::test]
async fn mywellness_is_told_the_life_of_an_integration_in_order_and_once() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    let mut anna = member("M-1001", "0415AB12CD");
    club.put(&anna).await?;
    reaches(&club, "enabled").await?;
    anna["mobile"] = json!("+39 333 9999999");
    club.put(&anna).await?;
    reaches(&club, "enabled").await?;
    club.sandbox.wait_until(|cloud| cloud.of("Update").count() == 2, SOON).await?;
    (anna["memberships"][0]["frozen"], anna["memberships"][0]["auto_renew"]) = (json!({}), json!(true));
    club.put(&anna).await?;
    club.sandbox.wait_until(|cloud| cloud.of("SaveMembership").count() == 2, SOON).await?;
    reaches(&club, "enabled").await?;

    assert_eq!(command(&club, "suspend", json!({})).await?["display_name"], "Sospesa");
    anna["memberships"][0]["frozen"] = Value::Null;
    club.put(&anna).await?;
    club.badge("entry-1", "0415AB12CD").await?;
    let held = club.wait_for_rows("mywellness", "held", 1).await?.remove(0);
    assert_eq!((&held["kind"], &held["held_for"]), (&json!("visit"), &json!("suspension")));
    let (status, problem) = club.api.post("sync/people/M-1001/synchronize", &json!({})).await?;
    assert_eq!((status, &problem["type"]), (409, &json!("urn:varco:problem:conflict")));
    command(&club, "enable", json!({ "visits": "send" })).await?;
    let of_her = |cloud: &site::sandbox::Book| cloud.visits().len() == 1 && cloud.of("SaveMembership").count() == 3;
    club.sandbox.wait_until(of_her, SOON).await?;
    reaches(&club, "enabled").await?;

    assert_eq!(command(&club, "delete", json!({ "remote": true })).await?["state"], "to_delete");
    let gone = reaches(&club, "new").await?;
    assert_eq!((&gone["cause"], &gone["linked_at"]), (&json!("deleted"), &Value::Null));
    let told = told(&club);
    let expected = [
        "CreateFacilityUserFromThirdParty M-1001",
        "Update +39 333 55 M-1001",
        "SaveMembership Subscribe",
        "Update +39 333 9999999",
        "SaveMembership Froze",
        "Delete",
    ];
    // Which of the two that the end of the suspension let go comes first is the outbox's business.
    let let_go = |it: &String| it.contains("UnFroze") || it == "Visit";
    let in_order: Vec<_> = told.iter().filter(|it| !let_go(it)).cloned().collect();
    assert_eq!(in_order, expected);
    assert_eq!(told.iter().filter(|it| let_go(it)).count(), 2, "{told:?}");
    let history = gone["history"].as_array().context("a list")?;
    assert!(history.iter().any(|it| it["what"] == "enable" && it["operator"] == "story"), "{history:?}");
    club.close().await
}

#[tokio::test]
async fn in_operator_mode_nobody_is_told_of_until_an_operator_says_so() -> Result<()> {
    let club = Club::open(|settings| {
        settings.set("mywellness.mode", "operator");
    })
    .await?;
    let mut anna = member("M-1001", "0415AB12CD");
    anna["source"] = json!("web");
    club.put(&anna).await?;
    club.badge("entry-1", "0415AB12CD").await?;
    let held = club.wait_for_rows("mywellness", "held", 2).await?;
    assert!(held.iter().all(|row| row["held_for"] == "approval"), "{held:?}");
    let (_, waiting) = club.api.get("sync/people?cause=approval").await?;
    assert_eq!((&waiting["items"][0]["person"], &waiting["items"][0]["source"]), (&json!("M-1001"), &json!("web")));
    assert!(told(&club).is_empty());
    command(&club, "synchronize", json!({})).await?;
    club.sandbox.wait_until(|cloud| cloud.visits().len() == 1 && cloud.user("M-1001").is_some(), SOON).await?;
    reaches(&club, "enabled").await?;
    club.close().await
}

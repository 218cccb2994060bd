//! Integrations: what Mywellness is told of a person from their first day to their last, in order and once.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use site::config;
use toml_edit::Array;

use crate::belongings::{FACE, photo, teach, with_belongings};
use crate::classes::{self, with_check_in};
use crate::club::{Club, SOON};
use crate::people::member;

/// Everything asked of Mywellness about people, in order: the action, and what of its body tells it apart.
fn told(club: &Club) -> Vec<String> {
    let line = |request: &site::sandbox::Request| {
        let said = |field: &str| request.body[field].as_str().map(str::to_owned);
        let groups = || request.body["groups"].is_array().then(|| request.body["groups"].to_string());
        let of_all = said("operation").or(said("mobilePhoneNumber")).or(said("externalId")).or_else(groups);
        let what = of_all.or(said("picture")).or(said("cardNumber")).or(said("class")).unwrap_or_default();
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

/// A club that tells Mywellness of everything there is.
fn with_everything(settings: &mut config::Club) {
    with_belongings(settings);
    with_check_in(settings);
    let send = ["people", "memberships", "groups", "photos", "badges", "visits", "attendance"];
    settings.set("mywellness.send", Array::from_iter(send)).set("mywellness.group_ids.Gold", 12);
}

#[tokio::test]
async fn mywellness_is_told_the_life_of_an_integration_in_order_and_once() -> Result<()> {
    let club = Club::open(with_everything).await?;
    teach(&club);
    club.sandbox.learn("CheckIn");
    classes::put(&club, "classes/products/yoga", json!({ "name": "Yoga", "mywellness_id": "act-7" })).await?;
    classes::yoga_in(&club, 10, json!({})).await?;
    let mut anna = member("M-1001", "0415AB12CD");
    (anna["groups"], anna["allow_photo_publish"]) = (json!(["Gold", "Choir"]), json!(true));
    anna["photo"] = photo("2026-01-05T10:00:00Z", FACE);
    club.put(&anna).await?;
    reaches(&club, "enabled").await?;
    classes::put(&club, "classes/Y-1/bookings/M-1001", json!({})).await?;
    anna["mobile"] = json!("+39 333 9999999");
    club.put(&anna).await?;
    reaches(&club, "enabled").await?;
    (anna["memberships"][0]["frozen"], anna["memberships"][0]["auto_renew"]) = (json!({}), json!(true));
    club.put(&anna).await?;
    reaches(&club, "enabled").await?;

    assert_eq!(command(&club, "suspend", json!({})).await?["display_name"], "Sospesa");
    anna["memberships"][0]["frozen"] = Value::Null;
    anna["credentials"] = json!([{ "value": "0415AB99EE" }]);
    club.put(&anna).await?;
    club.badge("entry-1", "0415AB99EE").await?;
    let held = club.wait_for_rows("mywellness", "held", 2).await?;
    let what: Vec<_> = held.iter().map(|row| (&row["kind"], &row["held_for"])).collect();
    let suspended = json!("suspension");
    assert_eq!(what, [(&json!("visit"), &suspended), (&json!("attendance"), &suspended)]);
    let (status, problem) = club.api.post("sync/people/M-1001/synchronize", &json!({})).await?;
    assert_eq!((status, &problem["type"]), (409, &json!("urn:varco:problem:conflict")));
    command(&club, "enable", json!({ "visits": "send" })).await?;
    club.sandbox.wait_until(|cloud| cloud.of("CheckIn").count() == 1, SOON).await?;
    reaches(&club, "enabled").await?;
    let known = club.sandbox.look(|cloud| cloud.user("M-1001").cloned()).context("she is known there")?;
    assert_eq!(known.groups, [12], "only groups of the same name");

    assert_eq!(command(&club, "delete", json!({ "remote": true })).await?["state"], "to_delete");
    let gone = reaches(&club, "new").await?;
    assert_eq!((&gone["cause"], &gone["linked_at"]), (&json!("deleted"), &Value::Null));
    let expected = [
        "CreateFacilityUserFromThirdParty M-1001",
        "Update +39 333 55 M-1001",
        "SaveMembership Subscribe",
        "Update [12]",
        "SetPicture /9j/4AAQRkFDRQ==",
        "SetCard 0415AB12CD",
        "Update +39 333 9999999",
        "SaveMembership Froze",
        "SaveMembership UnFroze",
        "SetCard 0415AB99EE",
        "Visit",
        "CheckIn Y-1",
        "Delete",
    ];
    assert_eq!(told(&club), expected);
    assert_eq!(club.sandbox.visits().len(), 1);
    let history = gone["history"].as_array().context("a list")?;
    assert!(history.iter().any(|it| it["what"] == "enable" && it["operator"] == "story"), "{history:?}");
    club.close().await
}

#[tokio::test]
async fn who_comes_before_they_are_known_is_told_of_before_their_visit() -> Result<()> {
    let club = Club::open(with_everything).await?;
    teach(&club);
    club.sandbox.down().await;
    let mut anna = member("M-1001", "0415AB12CD");
    (anna["groups"], anna["allow_photo_publish"]) = (json!(["Gold"]), json!(true));
    anna["photo"] = photo("2026-01-05T10:00:00Z", FACE);
    club.put(&anna).await?;
    club.badge("entry-1", "0415AB12CD").await?;
    club.badge("exit-1", "0415AB12CD").await?;
    club.sandbox.up().await?;
    club.sandbox.wait_until(|cloud| cloud.visits().len() == 1, SOON).await?;
    let expected = [
        "CreateFacilityUserFromThirdParty M-1001",
        "Update +39 333 55 M-1001",
        "SaveMembership Subscribe",
        "Update [12]",
        "SetPicture /9j/4AAQRkFDRQ==",
        "SetCard 0415AB12CD",
        "Visit",
    ];
    // Whether she is looked up first depends on how far a try had come when Mywellness went away.
    let told: Vec<_> = told(&club).into_iter().filter(|it| !it.starts_with("GetFacilityUser")).collect();
    assert_eq!(told, expected);
    club.wait_for_rows("mywellness", "held", 0).await?;
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

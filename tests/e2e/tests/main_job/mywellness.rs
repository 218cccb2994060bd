//! Mywellness: people are linked on first need and never by guess, and who opted out is not told of.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use site::sandbox::Known;

use crate::club::{Club, SOON};
use crate::people::{member, with_punch_card};

/// A member who cannot be told from `other` by what Mywellness compares.
fn namesake(other: &Value, id: &str, badge: &str) -> Value {
    let mut person = member(id, badge);
    for field in ["first_name", "last_name", "birth_date", "gender"] {
        person[field] = other[field].clone();
    }
    person
}

async fn calls(club: &Club, action: &str) -> usize {
    club.sandbox.look(|cloud| cloud.of(action).count())
}

/// Parked and held rows, in that order.
async fn stuck(club: &Club) -> Result<(Value, Value)> {
    let parked = club.wait_for_rows("mywellness", "parked", 1).await?.remove(0);
    let held = club.wait_for_rows("mywellness", "held", 1).await?.remove(0);
    Ok((parked, held))
}

async fn command(club: &Club, row: &Value, command: &str, body: Value) -> Result<Value> {
    let id = row["id"].as_u64().context("a row has a number")?;
    let (status, answer) = club.api.post(&format!("outbox/{id}/{command}"), &body).await?;
    assert_eq!(status, 201, "{answer}");
    Ok(answer)
}

#[tokio::test]
async fn a_person_is_linked_once_and_every_visit_goes_to_that_link() -> Result<()> {
    let club = Club::open(|settings| {
        settings.set("mywellness.group_ids.Gold", 12);
    })
    .await?;
    let mut anna = member("M-1001", "0415AB12CD");
    anna["groups"] = json!(["Gold", "Unknown there"]);
    club.sandbox.know([Known::of_document(&anna)]);
    club.put(&anna).await?;
    for _ in 0..2 {
        club.badge("entry-1", "0415AB12CD").await?;
        club.badge("exit-1", "0415AB12CD").await?;
    }
    let settled = |person: &site::sandbox::Person| person.groups == [12] && person.membership.is_some();
    club.sandbox
        .wait_until(|cloud| cloud.visits().len() == 2 && cloud.user("M-1001").is_some_and(settled), SOON)
        .await?;
    assert_eq!(calls(&club, "CreateFacilityUserFromThirdParty").await, 1);
    assert_eq!(club.sandbox.users().len(), 1, "she was there before, and is there once");
    let membership = club.sandbox.users().remove(0).membership.context("a membership")?;
    let dates = (membership.start_on.as_deref(), membership.expires_on.as_deref());
    assert_eq!((membership.operation.as_str(), dates), ("Subscribe", (Some("2020-01-01"), Some("2099-12-31"))));
    assert!(club.rows("mywellness", "pending").await?.is_empty());
    club.close().await
}

#[tokio::test]
async fn an_ambiguous_match_is_parked_and_tried_again_once_the_desk_has_corrected_the_person() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    let anna = member("M-1001", "0415AB12CD");
    club.sandbox.know([Known::of_document(&anna), Known::of_document(&anna)]);
    club.put(&anna).await?;
    club.badge("entry-1", "0415AB12CD").await?;
    let (parked, held) = stuck(&club).await?;
    assert_eq!((&parked["kind"], &parked["person"]), (&json!("person"), &json!("M-1001")));
    assert_eq!(parked["last_error"], "ambiguous match: 2 candidates");
    assert_eq!((&held["kind"], &held["held_for"]), (&json!("visit"), &json!("link")));
    assert!(club.sandbox.visits().is_empty() && club.sandbox.look(|cloud| cloud.user("M-1001").is_none()));

    // The birth date was wrong in the club's own records.
    club.put(&{
        let mut corrected = anna.clone();
        corrected["birth_date"] = json!("1991-04-12");
        corrected
    })
    .await?;
    club.sandbox.wait_until(|cloud| cloud.visits().len() == 1, SOON).await?;
    assert_eq!(club.sandbox.users().len(), 3);
    club.wait_for_rows("mywellness", "held", 0).await?;
    club.close().await
}

#[tokio::test]
async fn a_parked_match_that_is_discarded_stays_away_with_its_reason() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    let anna = member("M-1001", "0415AB12CD");
    club.sandbox.know([Known::of_document(&anna), Known::of_document(&anna)]);
    club.put(&anna).await?;
    club.badge("entry-1", "0415AB12CD").await?;
    let (parked, held) = stuck(&club).await?;
    let id = parked["id"].as_u64().context("a row has a number")?;
    let (status, _) = club.api.post(&format!("outbox/{id}/discard"), &json!({ "reason": "" })).await?;
    assert_eq!(status, 422, "giving up needs a reason");
    for row in [&parked, &held] {
        let answer = command(&club, row, "discard", json!({ "reason": "she does not want an account" })).await?;
        assert_eq!(answer["state"], "discarded");
    }
    let (status, problem) = club.api.post(&format!("outbox/{id}/retry"), &json!({})).await?;
    assert_eq!((status, &problem["type"]), (409, &json!("urn:varco:problem:conflict")));
    let delivery = club.visits("M-1001").await?[0]["delivery"].clone();
    let of_lane = |lane: &str| delivery.as_array().into_iter().flatten().find(|it| it["lane"] == lane).cloned();
    assert_eq!(of_lane("mywellness").context("a note")?["state"], "discarded");
    assert_eq!(of_lane("mqtt").context("a note")?["state"], "delivered");
    assert!(club.sandbox.visits().is_empty());
    club.close().await
}

#[tokio::test]
async fn a_match_with_somebody_else_s_link_is_parked() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    let anna = member("M-1001", "0415AB12CD");
    club.put(&anna).await?;
    club.put(&namesake(&anna, "M-1002", "0415AB12CE")).await?;
    club.badge("entry-1", "0415AB12CD").await?;
    club.sandbox.wait_until(|cloud| cloud.visits().len() == 1, SOON).await?;
    club.badge("entry-2", "0415AB12CE").await?;
    let (parked, held) = stuck(&club).await?;
    let why = "the person found at Mywellness is already linked to M-1001";
    assert_eq!((&parked["person"], &parked["last_error"]), (&json!("M-1002"), &json!(why)));
    assert_eq!((&held["person"], &held["held_for"]), (&json!("M-1002"), &json!("link")));
    assert_eq!(club.sandbox.visits().len(), 1, "nobody's visit goes to somebody else");
    // The others go on meanwhile.
    club.badge("exit-1", "0415AB12CD").await?;
    club.badge("entry-1", "0415AB12CD").await?;
    club.sandbox.wait_until(|cloud| cloud.visits().len() == 2, SOON).await?;
    club.close().await
}

#[tokio::test]
async fn who_opted_out_or_is_no_member_is_not_told_of() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    let mut hidden = member("M-1001", "0415AB12CD");
    hidden["allow_activity_sync"] = json!(false);
    let mut secret = member("M-1002", "0415AB12CE");
    secret["allow_sync"] = json!(false);
    let guest = with_punch_card("M-1003", "0415AB12CF", 5, "2026-11-21T00:00:00Z");
    for (person, badge) in [(hidden, "0415AB12CD"), (secret, "0415AB12CE"), (guest, "0415AB12CF")] {
        club.put(&person).await?;
        club.badge("entry-1", badge).await?;
        club.visit_told(person["external_id"].as_str().context("an id")?).await?;
    }
    let visit_rows = async || {
        let rows = club.rows("mywellness", "suppressed").await?;
        let visits = rows.iter().filter(|row| row["kind"] == "visit").count();
        Ok((visits == 3).then_some(rows))
    };
    let suppressed = club.wait_for("three suppressed visits", visit_rows).await?;
    assert!(suppressed.iter().all(|row| row["last_error"].is_string()), "each says why: {suppressed:?}");
    let known = |person: &str| club.sandbox.look(|cloud| cloud.user(person).is_some());
    assert_eq!(["M-1001", "M-1002", "M-1003"].map(known), [true, false, false], "who said no to visits is still known");
    assert_eq!(calls(&club, "Visit").await, 0);
    club.close().await
}

#[tokio::test]
async fn who_is_made_known_there_is_linked_at_that_news_and_a_stranger_waits_for_somebody() -> Result<()> {
    const SECRET: &str = "0123456789abcdef01234567";
    let club = Club::open(|settings| {
        let secret = settings.secret("hook-secret", SECRET).expect("a folder that can be written");
        let hook = settings.add("hook", "mywellness");
        for (key, text) in [("from", "mywellness"), ("proof", "path"), ("secret_file", &secret)] {
            hook[key] = toml_edit::value(text);
        }
    })
    .await?;
    club.keep_secret([SECRET.to_owned()]);
    club.put(&member("M-1001", "0415AB12CD")).await?;
    let tell = async |user: &str, external_id: &str| {
        let news = json!({
            "facility_url": club.sandbox.options().facility_url, "facility_user_id": user,
            "facility_user_externalId": external_id, "facility_user_status": 10, "by_application": "prescribe",
        });
        club.api.post(&format!("/hooks/mywellness/{SECRET}"), &news).await
    };
    assert_eq!(tell("0001", "M-1001").await?, (200, json!({ "outcome": "asked" })));
    let linked =
        |external_id: &str| club.sandbox.users().iter().any(|it| it.external_id.as_deref() == Some(external_id));
    club.wait_for("the link", async || Ok(linked("M-1001").then_some(()))).await?;
    assert_eq!(tell("0002", "M-9999").await?.1["outcome"], "parked");
    let note = club.wait_for_rows("mywellness", "parked", 1).await?.remove(0);
    assert_eq!((&note["key"], &note["person"]), (&json!("0002"), &Value::Null));
    club.badge("entry-1", "0415AB12CD").await?;
    club.close().await
}

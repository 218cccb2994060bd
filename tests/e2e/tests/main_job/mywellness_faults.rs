//! What Mywellness can do wrong, and what becomes of a visit then: told once, or told twice and flagged.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use site::sandbox::{Fault, Injection, Work};

use crate::club::{Club, SOON};
use crate::people::member;

/// A fault of the next call, how many visits Mywellness then holds, and whether ours is flagged.
struct Case {
    name: &'static str,
    fault: Fault,
    told: usize,
    possibly_twice: bool,
}

const fn case(name: &'static str, fault: Fault, told: usize, possibly_twice: bool) -> Case {
    Case { name, fault, told, possibly_twice }
}

/// The call that makes or matches a person.
pub(crate) const CREATE: &str = "CreateFacilityUserFromThirdParty";

const FAULTS: [Case; 11] = [
    case("500 before the work", Fault::Status { code: 500, work: Work::Undone }, 1, true),
    case("500 after the work", Fault::Status { code: 500, work: Work::Done }, 2, true),
    case("502 before the work", Fault::Status { code: 502, work: Work::Undone }, 1, true),
    case("504 after the work", Fault::Status { code: 504, work: Work::Done }, 2, true),
    case("503 with Retry-After", Fault::Busy { code: 503, retry_after_s: 1 }, 1, false),
    case("429 with Retry-After", Fault::Busy { code: 429, retry_after_s: 1 }, 1, false),
    case("a maintenance page with HTTP 200", Fault::Html, 1, false),
    case("half an answer", Fault::Truncated, 2, true),
    case("a cut before the work", Fault::Cut { work: Work::Undone }, 1, true),
    case("a cut after the work", Fault::Cut { work: Work::Done }, 2, true),
    case("an answer after the time-out", Fault::Slow { ms: 3000 }, 2, true),
];

/// How the relay of a person's visit to Mywellness stands.
async fn delivery(club: &Club, person: &str) -> Result<Value> {
    let visits = club.visits(person).await?;
    let notes = visits[0]["delivery"].as_array().context("a list")?.clone();
    notes.into_iter().find(|note| note["lane"] == "mywellness").context("a note of the lane")
}

pub(crate) async fn delivered(club: &Club, person: &str) -> Result<Value> {
    let look = async || Ok(Some(delivery(club, person).await?).filter(|note| note["state"] == "delivered"));
    club.wait_for(&format!("{person}'s visit to be delivered"), look).await
}

pub(crate) fn visits_there(club: &Club, person: &str) -> usize {
    club.sandbox.visits().iter().filter(|visit| visit.external_id.as_deref() == Some(person)).count()
}

#[tokio::test]
async fn every_way_to_lose_an_answer_ends_in_a_visit_told_and_flagged_if_it_may_be_there_twice() -> Result<()> {
    let club = Club::open(|settings| {
        settings.set("mywellness.request_timeout", "1s");
    })
    .await?;
    for (number, Case { name, fault, told, possibly_twice }) in FAULTS.iter().enumerate() {
        let (person, badge) = (format!("M-{}", 1001 + number), format!("0415AB12{number:02X}"));
        club.put(&member(&person, &badge)).await?;
        club.sandbox.inject(fault.next(1).on("Visit"));
        club.badge("entry-1", &badge).await?;
        let note = delivered(&club, &person).await.with_context(|| format!("after {name}"))?;
        let spoiled = club.sandbox.look(|cloud| cloud.of("Visit").any(|request| request.fault == Some(*fault)));
        let there = (spoiled, visits_there(&club, &person), note["possibly_twice"] == true);
        assert_eq!(there, (true, *told, *possibly_twice), "{name}");
    }
    club.close().await
}

#[tokio::test]
async fn a_lost_answer_to_creating_a_person_never_makes_a_second_one() -> Result<()> {
    let club = Club::open(|settings| {
        settings.set("mywellness.request_timeout", "1s");
    })
    .await?;
    for (number, Case { name, fault, .. }) in FAULTS.iter().enumerate() {
        let (person, badge) = (format!("M-{}", 1001 + number), format!("0415AB12{number:02X}"));
        club.put(&member(&person, &badge)).await?;
        club.sandbox.inject(fault.next(1).on(CREATE));
        club.badge("entry-1", &badge).await?;
        let note = delivered(&club, &person).await.with_context(|| format!("after {name}"))?;
        let spoiled = club.sandbox.look(|cloud| cloud.of(CREATE).any(|request| request.fault == Some(*fault)));
        let there = (spoiled, visits_there(&club, &person), note["possibly_twice"] == true);
        assert_eq!(there, (true, 1, false), "{name}");
        assert_eq!(club.sandbox.users().len(), number + 1, "{name}");
    }
    club.close().await
}

#[tokio::test]
async fn a_lost_answer_is_parked_where_the_club_wants_to_look_first() -> Result<()> {
    let club = Club::open(|settings| {
        settings.set("mywellness.on_lost_answer", "park");
    })
    .await?;
    club.put(&member("M-1001", "0415AB12CD")).await?;
    club.sandbox.inject(Fault::Cut { work: Work::Done }.next(1).on("Visit"));
    club.badge("entry-1", "0415AB12CD").await?;
    let parked = club.wait_for_rows("mywellness", "parked", 1).await?.remove(0);
    assert_eq!((&parked["kind"], visits_there(&club, "M-1001")), (&"visit".into(), 1));
    assert_eq!(delivery(&club, "M-1001").await?["possibly_twice"], false, "it was sent once");

    let id = parked["id"].as_u64().context("a row has a number")?;
    assert_eq!(club.api.post(&format!("outbox/{id}/retry"), &serde_json::json!({})).await?.0, 201);
    assert_eq!(delivered(&club, "M-1001").await?["possibly_twice"], true, "the operator sent it again");
    assert_eq!(visits_there(&club, "M-1001"), 2);
    club.close().await
}

#[tokio::test]
async fn an_action_that_fails_for_everybody_holds_up_no_other_and_is_shown_until_it_works_again() -> Result<()> {
    let club = Club::open(|settings| {
        settings.set("mywellness.requests_per_second", 1_000);
    })
    .await?;
    club.put(&member("M-1001", "0415AB12CD")).await?;
    club.badge("entry-1", "0415AB12CD").await?;
    delivered(&club, "M-1001").await?;
    club.badge("exit-1", "0415AB12CD").await?;
    club.sandbox.inject(Injection::from(Fault::Status { code: 500, work: Work::Undone }).on("SaveMembership"));
    // More than are told at a time.
    let people = 70;
    for number in 1..=people {
        club.put(&member(&format!("M-{number}"), &format!("0415AB{number:04X}"))).await?;
    }
    club.sandbox.wait_until(|cloud| cloud.users().len() == people + 1, SOON).await?;
    let shown = async || {
        let (_, progress) = club.api.get("sync/progress").await?;
        let failing = (&progress["errors"], &progress["remaining"])
            == (&json!([{"cause": "failing", "people": people}]), &json!(people));
        Ok(failing.then(|| progress["put_off"].clone()))
    };
    let error = "membership at Mywellness: the server failed with status 500";
    assert_eq!(club.wait_for("everybody to be shown", shown).await?, json!([{"error": error, "rows": people}]));
    club.badge("entry-1", "0415AB12CD").await?;
    club.sandbox.wait_until(|cloud| cloud.visits().len() == 2, SOON).await?;
    club.sandbox.heal();
    let all = async || {
        let (_, progress) = club.api.get("sync/progress").await?;
        Ok((progress["states"] == json!([{"state": "enabled", "people": people + 1}])).then_some(()))
    };
    // The third try of each comes within half a minute.
    club.sandbox.wait_until(|cloud| cloud.tally("SaveMembership").done > 1, 2 * SOON).await?;
    club.wait_for("everybody to be told", all).await?;
    club.close().await
}

#[tokio::test]
async fn a_token_that_expires_midway_is_renewed_and_nothing_is_told_twice() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    club.put(&member("M-1001", "0415AB12CD")).await?;
    for visit in 1..=3 {
        club.badge("entry-1", "0415AB12CD").await?;
        club.sandbox.wait_until(|cloud| cloud.visits().len() == visit, SOON).await?;
        assert_eq!(delivered(&club, "M-1001").await?["possibly_twice"], false);
        club.badge("exit-1", "0415AB12CD").await?;
        club.sandbox.expire_tokens();
    }
    let logins = club.sandbox.look(|cloud| cloud.of("AccessIntegration").count());
    assert!(logins >= 3, "{logins} logins");
    assert_eq!(club.sandbox.visits().len(), 3);
    club.close().await
}

#[tokio::test]
async fn mqtt_never_waits_for_mywellness() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    let people: Vec<_> = (0..10).map(|it| (format!("M-{}", 1001 + it), format!("0415AB12{it:02X}"))).collect();
    for (person, badge) in &people {
        club.put(&member(person, badge)).await?;
    }
    club.badge("entry-1", &people[0].1).await?;
    delivered(&club, &people[0].0).await?;
    let all_known = async || {
        let enabled = club.api.list("sync/people?state=enabled").await?.len();
        Ok((enabled == people.len()).then_some(()))
    };
    club.wait_for("everybody to be known", all_known).await?;

    // Down: the others are told of over MQTT at once, and wait for Mywellness.
    club.sandbox.down().await;
    for (person, badge) in &people[1..6] {
        club.badge("entry-1", badge).await?;
        club.visit_told(person).await?;
    }
    assert_eq!(club.sandbox.visits().len(), 1);
    let offline =
        async || Ok(lane(&club).await?["connection"]["link"].as_str().filter(|it| *it == "offline").map(drop));
    club.wait_for("the lane to be offline", offline).await?;
    assert_eq!(lane(&club).await?["waiting"], 5);
    club.sandbox.up().await?;
    club.sandbox.wait_until(|cloud| cloud.visits().len() == 6, SOON).await?;

    // Slow: the same, though every call is under way for longer than the stories of five people take.
    club.sandbox.inject(Injection::from(Fault::Slow { ms: 2000 }));
    for (person, badge) in &people[6..] {
        club.badge("entry-1", badge).await?;
        club.visit_told(person).await?;
    }
    assert!(club.sandbox.visits().len() < people.len(), "Mywellness was told of all before MQTT was");
    club.sandbox.heal();
    for (person, _) in &people {
        delivered(&club, person).await?;
        assert_eq!(visits_there(&club, person), 1, "{person}");
    }
    club.close().await
}

async fn lane(club: &Club) -> Result<Value> {
    let lanes = club.api.list("lanes").await?;
    lanes.into_iter().find(|lane| lane["lane"] == "mywellness").context("the lane is listed")
}

#[tokio::test]
async fn a_suspended_facility_waits_and_loses_nothing() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    club.put(&member("M-1001", "0415AB12CD")).await?;
    club.sandbox.suspend_facility();
    club.badge("entry-1", "0415AB12CD").await?;
    let refused = |link: &str| link == "offline";
    let offline = async || Ok(lane(&club).await?["connection"]["link"].as_str().filter(|it| refused(it)).map(drop));
    club.wait_for("the lane to be offline", offline).await?;
    assert!(club.rows("mywellness", "parked").await?.is_empty());
    club.sandbox.heal();
    assert_eq!(delivered(&club, "M-1001").await?["possibly_twice"], false);
    club.close().await
}

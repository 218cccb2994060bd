//! A badge opens the gate, the passage is written down, and a new visit reaches both upstreams.

use anyhow::{Context, Result};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use site::broker::Message;
use site::reader::HELD_REPEAT;
use std::time::Duration;

use crate::club::{Club, SOON, outcome, reasons};
use crate::people::{member, with_punch_card};

/// The frame of the RDM6300's data sheet as it is published: card 010063E9AE, checksum 25.
const PUBLISHED_FRAME: [u8; 14] = [0x02, 0x30, 0x31, 0x30, 0x30, 0x36, 0x33, 0x45, 0x39, 0x41, 0x45, 0x32, 0x35, 0x03];

/// When these punch cards were counted: before anything happened here.
const COUNTED: &str = "2026-11-21T00:00:00Z";

fn keys(document: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = document.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    keys
}

/// What CloudEvents 1.0 and our own interface say of every event.
fn check_envelope(event: &Message, kind: &str, reader: &str) {
    assert_eq!(event.topic, format!("varco/v1/milano-centro/{kind}"));
    assert_eq!(keys(&event.payload), ["data", "datacontenttype", "id", "source", "specversion", "time", "type"]);
    assert_eq!(event.payload["specversion"], "1.0");
    assert_eq!(event.payload["type"], format!("club.varco.{kind}.v1"));
    assert_eq!(event.payload["source"], format!("/sites/milano-centro/readers/{reader}"));
    assert_eq!(event.payload["datacontenttype"], "application/json");
    assert!(!event.retained, "an event that a broker keeps would come back to who subscribes tomorrow");
}

#[tokio::test]
async fn a_published_frame_opens_the_gate_and_both_upstreams_hear_of_the_visit() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    club.put(&member("M-1001", "010063E9AE")).await?;
    club.line("entry-1").write(&PUBLISHED_FRAME)?;
    club.relay.wait_opens(1, 1, SOON).await?;
    club.relay.wait_until(|board| board.pulses(1).len() == 1, SOON).await?;
    assert_eq!((club.relay.opens(2), club.relay.log().stray_bytes), (0, 0));

    let passage = club.next_passage("entry-1", 0).await?;
    check_envelope(&passage, "passage", "entry-1");
    let data = &passage.payload["data"];
    assert_eq!(
        keys(data),
        ["at", "clock", "direction", "gate", "outcome", "passage_id", "person", "reader", "reasons"]
    );
    let expected = json!({
        "passage_id": passage.id(), "reader": "entry-1", "gate": "turnstile-1", "direction": "in", "outcome": "passed",
        "reasons": [], "person": "M-1001", "at": passage.payload["time"], "clock": data["clock"],
    });
    assert_eq!(*data, expected);

    let visit = club.visit_told("M-1001").await?;
    check_envelope(&visit, "visit", "entry-1");
    let started_at: Timestamp = visit.data("started_at").as_str().context("a text")?.parse()?;
    let local = started_at.in_tz("Europe/Rome")?;
    let expected = json!({
        "visit_id": visit.id(), "person": "M-1001", "started_at": passage.data("at"), "reader": "entry-1",
        "gate": "turnstile-1", "zone": "gym", "club_day": local.checked_sub(4.hours())?.date(),
        "clock": passage.data("clock"), "membership": "S-M-1001", "entries_taken": 0,
    });
    assert_eq!(visit.payload["data"], expected);

    club.sandbox.wait_until(|cloud| cloud.visits().len() == 1, SOON).await?;
    let told = club.sandbox.visits().remove(0);
    assert_eq!(told.external_id.as_deref(), Some("M-1001"));
    assert_eq!(told.visit_date, local.strftime("%Y-%m-%d %H:%M:%S %:z").to_string());
    assert_eq!(club.visits("M-1001").await?[0]["id"].as_str(), visit.id());
    club.close().await
}

#[tokio::test]
async fn a_badge_held_to_the_reader_is_one_passage() -> Result<()> {
    let club = Club::open(|settings| {
        settings.set("access.repeat_window", "3s");
    })
    .await?;
    club.put(&member("M-1001", "0415AB12CD")).await?;
    club.put(&member("M-1002", "0415AB12CE")).await?;
    let frames = club.reader("entry-1").hold("0415AB12CD", HELD_REPEAT, Duration::from_secs(2)).await?;
    assert_eq!(frames, 41);
    // What comes after on the same line ends the wait for further passages of the first.
    club.badge("entry-1", "0415AB12CE").await?;
    let people = club.central.look(|seen| {
        seen.of("passage").map(|passage| passage.data("person").as_str().map(str::to_owned)).collect::<Vec<_>>()
    });
    assert_eq!(people, [Some("M-1001".to_owned()), Some("M-1002".to_owned())]);
    club.relay.wait_opens(1, 2, SOON).await?;
    assert_eq!((club.relay.opens(1), club.line("entry-1").lost_bytes()), (2, 0));
    club.close().await
}

#[tokio::test]
async fn coming_back_on_the_same_club_day_is_only_a_passage() -> Result<()> {
    // In winter Rome is one hour ahead of UTC.
    let clock = faked("2026-12-01 08:00:00")?;
    let mut club = Club::open_in(&as_pairs(&clock), |_| {}).await?;
    club.put(&member("M-1001", "0415AB12CD")).await?;
    club.badge("entry-1", "0415AB12CD").await?;
    club.sandbox.wait_until(|cloud| cloud.visits().len() == 1, SOON).await?;

    club.restart_in(&as_pairs(&faked("2026-12-01 16:00:00")?)).await?;
    let evening = club.badge("entry-1", "0415AB12CD").await?;
    assert_eq!(outcome(&evening), "passed");
    assert_eq!(club.visits("M-1001").await?.len(), 1, "17:00 on the same day without an exit");

    // 03:30 still belongs to the day before.
    club.restart_in(&as_pairs(&faked("2026-12-02 02:30:00")?)).await?;
    club.badge("entry-1", "0415AB12CD").await?;
    assert_eq!(club.visits("M-1001").await?.len(), 1, "half past three at night, before the club day begins");

    club.restart_in(&as_pairs(&faked("2026-12-02 03:01:00")?)).await?;
    club.badge("entry-1", "0415AB12CD").await?;
    let visits = club.visits("M-1001").await?;
    let days: Vec<_> = visits.iter().map(|visit| visit["club_day"].as_str().unwrap_or_default()).collect();
    assert_eq!(days, ["2026-12-02", "2026-12-01"]);
    assert_eq!(visits[1]["ended"]["by"], "next_day");

    club.sandbox.wait_until(|cloud| cloud.visits().len() == 2, SOON).await?;
    let hours: Vec<_> = club.sandbox.visits().iter().map(|it| it.visit_date[..13].to_owned()).collect();
    assert_eq!(hours, ["2026-12-01 09", "2026-12-02 04"]);
    assert!(club.sandbox.visits().iter().all(|visit| visit.visit_date.ends_with(" +01:00")));
    club.close().await
}

#[tokio::test]
async fn a_summer_visit_is_told_with_the_offset_of_summer() -> Result<()> {
    let club = Club::open_in(&as_pairs(&faked("2027-07-01 07:00:00")?), |_| {}).await?;
    club.put(&member("M-1001", "0415AB12CD")).await?;
    club.badge("entry-1", "0415AB12CD").await?;
    club.sandbox.wait_until(|cloud| cloud.visits().len() == 1, SOON).await?;
    let told = &club.sandbox.visits()[0].visit_date;
    assert!(told.starts_with("2027-07-01 09:00:") && told.ends_with(" +02:00"), "{told}");
    club.close().await
}

#[tokio::test]
async fn who_left_and_comes_again_makes_a_new_visit() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    club.put(&member("M-1001", "0415AB12CD")).await?;
    club.badge("entry-1", "0415AB12CD").await?;
    let exit = club.badge("exit-2", "0415AB12CD").await?;
    assert_eq!((outcome(&exit), exit.data("direction")), ("passed", &json!("out")));
    club.badge("entry-2", "0415AB12CD").await?;
    let visits = club.visits("M-1001").await?;
    assert_eq!(visits.len(), 2);
    assert_eq!((&visits[0]["ended"], &visits[1]["ended"]["by"]), (&Value::Null, &json!("exit")));
    assert_eq!(visits[1]["ended"]["at"], *exit.data("at"));
    club.sandbox.wait_until(|cloud| cloud.visits().len() == 2, SOON).await?;
    club.close().await
}

#[tokio::test]
async fn a_punch_card_pays_once_a_visit_and_an_import_refunds_nothing() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    let card = with_punch_card("M-1001", "0415AB12CD", 2, COUNTED);
    club.put(&card).await?;
    club.badge("entry-1", "0415AB12CD").await?;
    assert_eq!(club.visit_told("M-1001").await?.data("entries_taken"), 1);
    club.badge("entry-2", "0415AB12CD").await?;
    assert_eq!(entries_left(&club).await?, 1, "coming back on the same visit is paid for");
    club.badge("exit-1", "0415AB12CD").await?;
    club.badge("entry-1", "0415AB12CD").await?;
    assert_eq!(entries_left(&club).await?, 0);
    club.badge("exit-1", "0415AB12CD").await?;
    let empty = club.badge("entry-1", "0415AB12CD").await?;
    assert_eq!((outcome(&empty), reasons(&empty)), ("denied", vec!["no_entries_left"]));

    let file = club.settings.path("tonight.ndjson");
    std::fs::write(&file, format!("{card}\n"))?;
    let imported = club.varco(&["import"], &[file.to_str().context("a path in UTF-8")?]).await?;
    assert_eq!((imported.code, imported.stdout.as_str()), (Some(0), "1 lines: 0 created, 1 replaced, 0 skipped\n"));
    assert_eq!(reasons(&club.badge("entry-1", "0415AB12CD").await?), ["no_entries_left"]);
    let visits = club.visits("M-1001").await?;
    assert_eq!(visits.iter().map(|visit| visit["entries_taken"].as_u64()).collect::<Vec<_>>(), [Some(1), Some(1)]);

    // Counted again later, the card has what it is said to have.
    let later = Timestamp::now().to_string();
    club.put(&with_punch_card("M-1001", "0415AB12CD", 1, &later)).await?;
    assert_eq!(outcome(&club.badge("entry-1", "0415AB12CD").await?), "passed");
    club.close().await
}

async fn entries_left(club: &Club) -> Result<u64> {
    let (_, standing) = club.api.get("people/M-1001/standing").await?;
    standing["entries_left"]["C-M-1001"].as_u64().with_context(|| format!("entries in {standing}"))
}

/// The agent's wall clock begins at this moment of UTC and goes on; its monotonic clock is the real one.
fn faked(moment: &str) -> Result<Vec<(&'static str, String)>> {
    let folders = std::fs::read_dir("/usr/lib")?.filter_map(|entry| Some(entry.ok()?.path()));
    let library = folders.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|library| library.exists());
    let library = library.context("Debian package libfaketime, which tests/run installs")?;
    Ok(vec![
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME", format!("@{moment}")),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("TZ", "UTC".to_owned()),
    ])
}

fn as_pairs<'a>(environment: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    environment.iter().map(|(name, text)| (*name, text.as_str())).collect()
}

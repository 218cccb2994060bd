//! Webhooks: the same events as over MQTT, signed, in order, and each with one effect whatever happens on the way.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use site::broker::Certificates;
use site::receiver::{Receiver, Reply, SECRET};
use toml_edit::value;

use crate::club::{Club, SOON};
use crate::people::member;

const LANE: &str = "webhook-central";
const CARD: &str = "0415AB12CD";

/// A club with one member, whose visits and passages a receiver is told.
async fn club(receiver: &Receiver) -> Result<Club> {
    let club = Club::open(|settings| {
        settings.webhook("central", receiver, &["visit", "passage"]).expect("a folder that can be written");
    })
    .await?;
    club.keep_secret([SECRET.to_owned(), SECRET.trim_start_matches("whsec_").to_owned()]);
    club.put(&member("M-1001", CARD)).await?;
    Ok(club)
}

/// How the lane is shown.
async fn lane(club: &Club) -> Result<Value> {
    let lanes = club.api.list("lanes").await?;
    lanes.into_iter().find(|lane| lane["lane"] == LANE).context("the lane is shown")
}

async fn comes_and_goes(club: &Club) -> Result<()> {
    club.badge("entry-1", CARD).await?;
    club.badge("exit-1", CARD).await?;
    Ok(())
}

#[tokio::test]
async fn a_visit_is_posted_signed_and_is_the_event_that_the_broker_carries() -> Result<()> {
    let receiver = Receiver::start().await?;
    let club = club(&receiver).await?;
    let passage = club.badge("entry-1", CARD).await?;
    let visit = club.visit_told("M-1001").await?;
    receiver.wait_until(|book| book.effects.len() == 2, SOON).await?;
    club.wait_for_rows(LANE, "delivered", 2).await?;
    receiver.look(|book| {
        assert_eq!(book.effects, [passage.payload.clone(), visit.payload.clone()], "one event for every receiver");
        assert_eq!(book.posts.len(), 2, "and no request too many");
        for post in &book.posts {
            assert!(post.verified, "{post:?}");
            assert_eq!(post.media_type, "application/cloudevents+json; charset=utf-8");
            assert_eq!(Some(post.id.as_str()), post.event["id"].as_str(), "what receivers dedupe by is the fact's id");
        }
    });
    assert_eq!(lane(&club).await?["connection"]["link"], "online");
    club.close().await
}

#[tokio::test]
async fn a_webhook_that_has_nothing_to_tell_is_idle_and_not_stuck() -> Result<()> {
    let receiver = Receiver::start().await?;
    let club = club(&receiver).await?;
    let link = async |wanted: &'static str| {
        let look = async || Ok((lane(&club).await?["connection"]["link"] == wanted).then_some(()));
        club.wait_for(&format!("the lane to be {wanted}"), look).await
    };
    link("idle").await?;
    receiver.down().await;
    club.badge("entry-1", CARD).await?;
    link("offline").await?;
    receiver.up().await?;
    link("online").await?;
    club.close().await
}

#[tokio::test]
async fn whatever_fails_on_the_way_every_event_has_one_effect_and_a_persons_events_keep_their_order() -> Result<()> {
    let receiver = Receiver::start().await?;
    let mut club = club(&receiver).await?;
    receiver.answer_next([
        Reply::Status(500),
        Reply::TakenAndCut,
        Reply::Cut,
        Reply::Status(400),
        Reply::Status(302),
        Reply::Status(404),
        Reply::TakenAfter(Duration::from_millis(1500)),
    ]);
    comes_and_goes(&club).await?;
    receiver.down().await;
    comes_and_goes(&club).await?;
    club.kill().await?;
    club.start_again().await?;
    comes_and_goes(&club).await?;
    receiver.answer_next([Reply::TakenAndCut, Reply::Status(503), Reply::TakenAndCut]);
    receiver.up().await?;

    receiver.wait_until(|book| book.of("passage").count() == 6 && book.of("visit").count() == 3, SOON * 2).await?;
    club.wait_for_rows(LANE, "delivered", 9).await?;
    receiver.look(|book| {
        assert_eq!(book.effects.len(), 9, "each once");
        let ways: Vec<_> = book.of("passage").map(|it| it["data"]["direction"].as_str().unwrap_or_default()).collect();
        assert_eq!(ways, ["in", "out", "in", "out", "in", "out"]);
        let times: Vec<_> = book.effects.iter().filter_map(|event| event["time"].as_str()).collect();
        assert!(times.is_sorted(), "{times:?}");
        assert!(book.posts.iter().all(|post| post.verified));
    });
    club.close().await
}

#[tokio::test]
async fn a_receiver_that_wants_no_more_is_left_alone_until_a_restart_and_nothing_is_given_up() -> Result<()> {
    let receiver = Receiver::start().await?;
    let mut club = club(&receiver).await?;
    receiver.answer_always(Some(Reply::Status(410)));
    club.badge("entry-1", CARD).await?;
    let offline = async || {
        let shown = lane(&club).await?;
        Ok(shown["connection"]["why"].as_str().is_some_and(|why| why.contains("410")).then_some(()))
    };
    club.wait_for("the lane to be shown as stopped", offline).await?;
    // Facts that come later wait behind it; the other lanes go on.
    club.badge("exit-1", CARD).await?;
    club.wait_for_rows(LANE, "pending", 3).await?;
    club.wait_for_rows("mqtt", "delivered", 3).await?;
    assert_eq!(receiver.look(|book| book.posts.len()), 1, "it was asked once");

    receiver.answer_always(None);
    club.restart_in(&[]).await?;
    receiver.wait_until(|book| book.effects.len() == 3, SOON).await?;
    club.close().await
}

#[tokio::test]
async fn a_receiver_that_asks_for_patience_is_given_it() -> Result<()> {
    let receiver = Receiver::start().await?;
    let club = club(&receiver).await?;
    receiver.answer_next([Reply::Busy(3)]);
    club.badge("entry-1", CARD).await?;
    receiver.wait_until(|book| book.effects.len() == 2, SOON).await?;
    let pause = receiver.look(|book| book.posts[1].at - book.posts[0].at);
    assert!(pause >= Duration::from_secs(3), "{pause:?}");
    club.close().await
}

#[tokio::test]
async fn an_event_that_waits_forgets_who_it_was_when_they_are_erased() -> Result<()> {
    let receiver = Receiver::start().await?;
    receiver.down().await;
    let club = club(&receiver).await?;
    club.badge("entry-1", CARD).await?;
    assert_eq!(club.api.delete("people/M-1001").await?.0, 204);
    receiver.up().await?;
    receiver.wait_until(|book| book.effects.len() == 2, SOON * 2).await?;
    receiver.look(|book| {
        assert!(book.effects.iter().all(|event| event["data"]["person"].is_null()), "{:?}", book.effects);
    });
    club.close().await
}

#[tokio::test]
async fn a_webhook_that_was_removed_leaves_its_rows_in_sight() -> Result<()> {
    let receiver = Receiver::start().await?;
    receiver.down().await;
    let mut club = club(&receiver).await?;
    club.badge("entry-1", CARD).await?;
    club.settings.remove("webhook");
    club.restart_in(&[]).await?;
    let shown = lane(&club).await?;
    assert_eq!((&shown["orphaned"], &shown["waiting"], &shown["connection"]), (&json!(true), &json!(2), &Value::Null));
    club.close().await
}

/// How an error begins when a server's certificate is not believed.
const MISTRUSTED: &str = "invalid peer certificate";

#[tokio::test]
async fn a_receiver_whose_certificate_nobody_vouches_for_is_told_nothing() -> Result<()> {
    let receiver = Receiver::start().await?;
    let folder = tempfile::tempdir()?;
    // Any server with TLS will do: what matters is whom the agent trusts.
    let certificates = Certificates::create_in(folder.path(), "milano-centro")?;
    let options =
        site::broker::Options { certificates: Some(certificates.clone()), ..site::broker::Options::default() };
    let server = site::broker::Mosquitto::start(options).await?;
    let mut club = Club::open(|settings| {
        let webhook = settings.webhook("central", &receiver, &["visit"]).expect("a folder that can be written");
        webhook["url"] = value(format!("https://{}/hooks", server.address()));
    })
    .await?;
    club.put(&member("M-1001", CARD)).await?;
    club.badge("entry-1", CARD).await?;
    let why = async || Ok(lane(&club).await?["connection"]["why"].as_str().map(str::to_owned));
    let why = club.wait_for("the lane to be shown as offline", why).await?;
    assert!(why.contains("not reached") && why.contains("UnknownIssuer"), "{why}");

    // A file of authorities counts as it is when a session begins: the one that is renewed needs no restart.
    let stranger = Certificates::create_in(&folder.path().join("stranger"), "milano-centro")?;
    let authority = stranger.authority().display().to_string();
    club.settings.each("webhook", |webhook| webhook["ca_file"] = value(authority.clone()));
    club.restart_in(&[]).await?;
    let why = async || Ok(lane(&club).await?["connection"]["why"].as_str().map(str::to_owned));
    let why = club.wait_for("the lane to be shown as offline", why).await?;
    assert!(why.contains(MISTRUSTED), "{why}");
    std::fs::copy(certificates.authority(), stranger.authority())?;
    let trusted = async || {
        let rows = club.rows("webhook-central", "pending").await?;
        let why = rows.first().and_then(|row| row["last_error"].as_str());
        Ok(why.filter(|why| !why.contains(MISTRUSTED)).map(str::to_owned))
    };
    club.wait_for("the server to be trusted, though it is no receiver", trusted).await?;
    club.close().await
}

#[tokio::test]
async fn check_says_whether_a_receiver_is_there() -> Result<()> {
    let receiver = Receiver::start().await?;
    let club = club(&receiver).await?;
    club.badge("entry-1", CARD).await?;
    let there = club.varco(&["check"], &["--online"]).await?;
    assert!(
        there.stdout.contains("receiver of webhook-central: is reached; it answers HEAD with status 405"),
        "{there:?}"
    );
    receiver.down().await;
    let gone = club.varco(&["check"], &["--online"]).await?;
    assert!(gone.code == Some(1) && gone.stdout.contains("receiver of webhook-central: "), "{gone:?}");
    let told = [there.stdout, there.stderr, gone.stdout, gone.stderr].concat();
    assert!(!told.contains(SECRET) && !told.contains("club=milano"), "{told}");
    club.close().await
}

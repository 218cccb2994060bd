//! Stories about the broker and the central system: what is kept, what is forgotten, who may connect.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use site::broker::{Central, Certificates, Memory, Mosquitto, Options, Receipts, User};
use site::proxy::{Cut, Proxy};
use tokio::process::Command;

const SOON: Duration = Duration::from_secs(20);

/// Publishes one event with Debian's own client, which returns only after the PUBACK.
async fn publish(broker: SocketAddr, topic: &str, payload: &str, more: &[&str]) -> Result<()> {
    let mut command = Command::new("mosquitto_pub");
    command.args(["-h", "127.0.0.1", "-q", "1", "-p", &broker.port().to_string(), "-t", topic, "-m", payload]);
    let output = command.args(more).output().await.context("running mosquitto_pub")?;
    ensure!(output.status.success(), "mosquitto_pub: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

async fn visit(broker: SocketAddr, id: &str) -> Result<()> {
    publish(broker, "varco/v1/milano/visit", &format!(r#"{{"id":"{id}","data":{{"person":"M-1"}}}}"#), &[]).await
}

async fn remembering(memory: Memory) -> Result<Mosquitto> {
    Mosquitto::start(Options { memory, ..Options::default() }).await
}

#[tokio::test]
async fn a_killed_broker_forgets_nothing_it_acknowledged_and_saved() -> Result<()> {
    let broker = remembering(Memory::EveryChange).await?;
    let central = Central::connect(broker.central_address(), None).await?;
    central.leave().await;
    for id in ["a", "b", "c"] {
        visit(broker.address(), id).await?;
    }
    broker.saved().await?;
    broker.kill9().await?;
    assert!(visit(broker.address(), "nobody listens").await.is_err());

    broker.start_again().await?;
    central.come_back().await?;
    central.wait_until(|seen| seen.count("visit") == 3, SOON).await
}

#[tokio::test]
async fn a_killed_broker_with_debians_settings_forgets_what_it_acknowledged() -> Result<()> {
    let broker = remembering(Memory::AtStop).await?;
    let central = Central::connect(broker.central_address(), None).await?;
    central.leave().await;
    visit(broker.address(), "acknowledged and lost").await?;
    broker.kill9().await?;
    broker.start_again().await?;
    central.come_back().await?;
    visit(broker.address(), "later").await?;
    central.wait_until(|seen| seen.count("visit") > 0, SOON).await?;
    assert_eq!(central.look(|seen| seen.ids("visit")).into_keys().collect::<Vec<_>>(), ["later"]);

    central.leave().await;
    visit(broker.address(), "kept by an orderly stop").await?;
    broker.stop().await?;
    broker.start_again().await?;
    central.come_back().await?;
    central.wait_until(|seen| seen.count("visit") == 2, SOON).await
}

#[tokio::test]
async fn the_central_system_finds_its_way_back_by_itself() -> Result<()> {
    let broker = remembering(Memory::EveryChange).await?;
    let network = Proxy::to(broker.central_address())?;
    let central = Central::connect(network.address(), None).await?;
    network.cut(Cut::Reset);
    central.wait_until(|seen| seen.connections == 2, SOON).await?;
    broker.kill9().await?;
    central.wait_until(|seen| !seen.connected, SOON).await?;
    broker.start_again().await?;
    central.wait_until(|seen| seen.connected, SOON).await?;
    visit(broker.address(), "a").await?;
    visit(broker.address(), "a").await?;
    central.wait_until(|seen| seen.duplicates("visit") == 1, SOON).await?;
    assert_eq!(central.look(|seen| seen.count("visit")), 1);
    assert_eq!(central.seen().messages[0].data("person"), "M-1");
    Ok(())
}

#[tokio::test]
async fn receipts_name_what_was_stored_and_only_when_asked_for() -> Result<()> {
    let broker = remembering(Memory::None).await?;
    let central = Central::connect(broker.central_address(), None).await?;
    visit(broker.address(), "silent").await?;
    central.wait_until(|seen| seen.count("visit") == 1, SOON).await?;
    central.answer(Receipts::Answered);
    visit(broker.address(), "answered").await?;
    central.wait_until(|seen| seen.of("receipt").count() == 1, SOON).await?;
    let receipt = central.seen().of("receipt").next().cloned().context("a receipt")?;
    assert_eq!(receipt.topic, "varco/v1/milano/receipt");
    assert_eq!(receipt.payload, serde_json::json!({ "ids": ["answered"] }));
    Ok(())
}

#[tokio::test]
async fn only_known_users_connect() -> Result<()> {
    let user = User { name: "agent".into(), password: "correct horse".into() };
    let broker = Mosquitto::start(Options { users: vec![user.clone()], ..Options::default() }).await?;
    let central = Central::connect(broker.central_address(), Some(&user)).await?;
    assert!(visit(broker.address(), "without a name").await.is_err());
    let topic = "varco/v1/milano/visit";
    let login = |password| ["-u", "agent", "-P", password];
    assert!(publish(broker.address(), topic, r#"{"id":"a"}"#, &login("wrong")).await.is_err());
    publish(broker.address(), topic, r#"{"id":"b"}"#, &login("correct horse")).await?;
    central.wait_until(|seen| seen.ids("visit").contains_key("b"), SOON).await?;
    assert_eq!(central.look(|seen| seen.count("visit")), 1);
    Ok(())
}

#[tokio::test]
async fn tls_demands_a_certificate_of_the_same_authority() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let ours = Certificates::create_in(&folder.path().join("ours"), "milano")?;
    let theirs = Certificates::create_in(&folder.path().join("theirs"), "stranger")?;
    let broker = Mosquitto::start(Options { certificates: Some(ours.clone()), ..Options::default() }).await?;
    assert!(broker.url().starts_with("mqtts://127.0.0.1:"));
    let central = Central::connect(broker.central_address(), None).await?;
    let event = |id: &str| format!(r#"{{"id":"{id}"}}"#);
    let show = |path: &Path| path.display().to_string();
    let (ca, cert, key) = (show(&ours.authority()), show(&ours.agent()), show(&ours.agent_key()));
    let (bad_cert, bad_key) = (show(&theirs.agent()), show(&theirs.agent_key()));

    let topic = "varco/v1/milano/visit";
    assert!(publish(broker.address(), topic, &event("plain"), &[]).await.is_err());
    assert!(publish(broker.address(), topic, &event("no certificate"), &["--cafile", &ca]).await.is_err());
    let stranger = ["--cafile", &ca, "--cert", &bad_cert, "--key", &bad_key];
    assert!(publish(broker.address(), topic, &event("stranger"), &stranger).await.is_err());
    let known = ["--cafile", &ca, "--cert", &cert, "--key", &key];
    publish(broker.address(), topic, &event("known"), &known).await?;
    central.wait_until(|seen| seen.ids("visit").contains_key("known"), SOON).await
}

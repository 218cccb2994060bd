//! What may stand in the way of a start: another agent at the store, an address that is not there, a spoilt certificate.

use std::fs;
use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::{Context, Result};
use e2e::patience::eventually;
use site::agent::{Output, varco};
use site::broker::Certificates;
use site::port::Port;
use tokio::process::Command;

use crate::house::{House, Way};

/// What the agent logs, once, about a console that cannot be reached.
const SHUT: &str = "the console does not listen";

#[tokio::test]
async fn a_second_agent_is_turned_away_from_the_store_and_a_killed_one_leaves_it_free() -> Result<()> {
    let house = House::with(1, 2)?;
    let first = house.open().await?;
    let config = house.config()?.display().to_string();
    let second = varco(&["run", "--config", &config]).await?;
    let expected = format!("another agent (pid {}) runs at the store", first.id().context("it runs")?);
    assert_eq!((second.code, second.stdout.as_str()), (Some(1), ""), "{}", second.stderr);
    assert!(second.stderr.contains(&expected), "{}", second.stderr);
    house.pass(1, Way::In, &house.members[0]).await?;

    first.kill9().await?;
    let next = house.start().await?;
    house.pass(1, Way::In, &house.members[1]).await?;
    next.terminate().await?;
    house.start().await?.terminate().await
}

async fn status(house: &House) -> Result<Output> {
    varco(&["status", "--config", &house.config()?.display().to_string()]).await
}

#[tokio::test]
async fn a_console_whose_port_is_taken_keeps_no_gate_shut_and_listens_as_soon_as_it_can() -> Result<()> {
    let mut house = House::with(1, 2)?;
    let port = Port::reserve()?;
    let stranger = port.listen()?;
    house.settings.set("console.listen", port.address().to_string());
    let agent = house.open().await?;
    assert_eq!(agent.console(), "unreachable");
    house.pass(1, Way::In, &house.members[0]).await?;
    drop(stranger);
    eventually("the console listens", || async { Ok(status(&house).await?.code == Some(0)) }).await?;
    house.pass(1, Way::In, &house.members[1]).await?;
    let log = agent.log();
    assert_eq!(log.matches(SHUT).count(), 1, "said once: {log}");
    agent.terminate().await
}

/// Whether the certificate in `file` is served at an address.
async fn is_served(address: SocketAddr, file: &std::path::Path) -> Result<bool> {
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-showcerts", "-connect", &address.to_string()]).stdin(Stdio::null()).kill_on_drop(true);
    let shown = openssl.output().await.context("openssl is installed (tests/run does it)")?;
    let one_line = |text: &str| text.split_whitespace().collect::<String>();
    Ok(one_line(&String::from_utf8_lossy(&shown.stdout)).contains(&one_line(&fs::read_to_string(file)?)))
}

#[tokio::test]
async fn a_spoilt_certificate_keeps_no_gate_shut_and_a_renewed_one_is_taken_without_a_restart() -> Result<()> {
    let mut house = House::with(1, 1)?;
    let port = Port::reserve()?;
    let (old, new) = (house.settings.path("old"), house.settings.path("new"));
    let (old, new) = (Certificates::create_in(&old, "milano")?, Certificates::create_in(&new, "milano")?);
    let (chain, key) = (house.settings.path("console.pem"), house.settings.path("console.key"));
    let put = |from: &Certificates| -> Result<()> {
        fs::copy(from.broker_key(), &key)?;
        fs::copy(from.broker(), &chain)?;
        Ok(())
    };
    put(&old)?;
    fs::write(&chain, "-----BEGIN CERTIFICATE-----\nspoilt\n")?;
    house.settings.set("console.listen", port.address().to_string());
    house.settings.set("console.tls.cert_file", chain.display().to_string());
    house.settings.set("console.tls.key_file", key.display().to_string());
    let agent = house.open().await?;
    house.pass(1, Way::In, &house.members[0]).await?;
    let shut = status(&house).await?;
    assert_eq!(shut.code, Some(1), "{}", shut.stdout);
    for part in [&format!("the agent runs (pid {})", agent.id().context("it runs")?), "console.pem"] {
        assert!(shut.stderr.contains(part), "{part} in {}", shut.stderr);
    }

    put(&old)?;
    eventually("the mended certificate is served", || is_served(port.address(), &chain)).await?;
    put(&new)?;
    agent.hup()?;
    eventually("the renewed certificate is served", || is_served(port.address(), &chain)).await?;
    assert!(!is_served(port.address(), &old.broker()).await?);

    // Its key is another's.
    fs::copy(old.broker(), &chain)?;
    agent.hup()?;
    let told = || async { Ok(status(&house).await?.stdout.contains("TROUBLE: using ")) };
    eventually("status tells of the certificate", told).await?;
    assert!(agent.log().contains("the one in use stays"), "{}", agent.log());
    assert!(is_served(port.address(), &new.broker()).await?);
    put(&new)?;
    agent.hup()?;
    eventually("all is well again", || async { Ok(!status(&house).await?.stdout.contains("TROUBLE")) }).await?;
    assert_eq!(agent.log().matches(SHUT).count(), 1, "{}", agent.log());
    agent.terminate().await
}

//! What is installed with the agent: the unit's reload, the example broker, and the documents of the package.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use site::agent::{Agent, varco};
use site::broker::Certificates;
use site::config::{Club, SITE};
use site::port::Port;
use tokio::process::Command;
use toml_edit::DocumentMut;

use e2e::patience::eventually;

/// Debian's own settings of the broker, which include the example.
const DEBIANS: &str = "/etc/mosquitto/mosquitto.conf";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The arguments with which the unit lets the agent look at its file before a reload, for the file of a club.
fn asked_before_a_reload(config: &Path) -> Result<Vec<String>> {
    let unit = fs::read_to_string(repository().join("deploy/systemd/varco.service"))?;
    let (_, command) = unit.split_once("/usr/bin/varco check").context("the unit checks the file")?;
    let arguments = command.lines().next().unwrap_or_default().split_whitespace();
    let written = |argument: &str| argument.replace("/etc/varco/varco.toml", &config.display().to_string());
    Ok(["check".to_owned()].into_iter().chain(arguments.map(written)).collect())
}

#[tokio::test]
async fn a_reload_of_the_unit_fails_when_the_file_is_refused_and_only_then() -> Result<()> {
    let mut club = Club::new()?;
    club.relay_gate("turnstile-1", Path::new("/dev/unplugged"), 1);
    let arguments = asked_before_a_reload(&club.write()?)?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let good = varco(&arguments).await?;
    assert_eq!(good.code, Some(0), "a cable that is out is no reason against a reload: {good:?}");
    club.set("site.timezone", "Europe/Milan").write()?;
    let bad = varco(&arguments).await?;
    assert!(bad.code == Some(1) && bad.stderr.contains("site.timezone"), "{bad:?}");
    assert_eq!(varco(&[arguments.as_slice(), &["--online"]].concat()).await?.code, Some(2));
    Ok(())
}

/// Writes the settings of Debian's broker and the example that they include, moved from /etc and /var to a folder.
fn broker_in(folder: &Path, port: &Port) -> Result<(PathBuf, Certificates)> {
    let certificates = Certificates::create_in(&folder.join("certs"), SITE)?;
    let at = folder.display().to_string();
    let moved = |text: &str| {
        text.replace("/etc/mosquitto/certs/broker.pem", &certificates.broker().display().to_string())
            .replace("/etc/mosquitto/certs/broker.key", &certificates.broker_key().display().to_string())
            .replace("/etc/mosquitto/certs/ca.pem", &certificates.authority().display().to_string())
            .replace("/etc/mosquitto", &at)
            .replace("/var/lib/mosquitto", &at)
            .replace("/var/log/mosquitto", &at)
            .replace("/run/mosquitto", &at)
    };
    let example = repository().join("deploy/mosquitto");
    let listener = format!("listener {} 127.0.0.1", port.number());
    let settings = fs::read_to_string(example.join("varco.conf"))?.replace("listener 8883", &listener);
    fs::create_dir(folder.join("conf.d"))?;
    fs::write(folder.join("conf.d/varco.conf"), moved(&settings))?;
    fs::copy(example.join("varco.acl"), folder.join("varco.acl"))?;
    let debians = fs::read_to_string(DEBIANS).context("reading the settings of the Debian package mosquitto")?;
    // As root the broker would give up its rights, and with them this folder.
    let whole = folder.join("mosquitto.conf");
    fs::write(&whole, format!("user root\n{}", moved(&debians)))?;
    Ok((whole, certificates))
}

#[tokio::test]
async fn the_example_broker_starts_as_debian_includes_it_and_takes_the_agent() -> Result<()> {
    let mut club = Club::new()?;
    let (port, folder) = (Port::reserve()?, club.path("broker"));
    fs::create_dir(&folder)?;
    let (settings, certificates) = broker_in(&folder, &port)?;
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let mut broker = Command::new("mosquitto");
    let mut broker = broker.arg("-c").arg(settings).env("PATH", path).kill_on_drop(true).spawn()?;
    club.mqtt(&format!("mqtts://{}", port.address())).mqtt_certificates(&certificates);
    let agent = Agent::start(&club.write()?).await?;
    let is_online = || {
        let (ended, api) = (broker.try_wait(), agent.public_api());
        async move {
            anyhow::ensure!(ended?.is_none(), "the broker ended");
            let (_, health) = api.get("/healthz").await?;
            Ok(health["lanes"][0]["connection"]["link"] == "online")
        }
    };
    eventually("the agent is taken by the broker", is_online).await?;
    agent.terminate().await
}

#[test]
fn the_package_holds_what_it_names_and_what_its_documents_lead_to() -> Result<()> {
    let manifest = repository().join("agent/Cargo.toml");
    let document: DocumentMut = fs::read_to_string(&manifest)?.parse()?;
    let assets = document["package"]["metadata"]["deb"]["assets"].as_array().context("the package has assets")?;
    let text = |asset: &toml_edit::Value, at: usize| asset.as_array()?.get(at)?.as_str().map(str::to_owned);
    let mut held = Vec::new();
    for asset in assets {
        let (source, dest) = (text(asset, 0).context("from where")?, text(asset, 1).context("where to")?);
        let source = source.split('*').next().unwrap_or_default().to_owned();
        let is_built = source.starts_with("target/");
        assert!(is_built || repository().join("agent").join(&source).exists(), "{source} is missing");
        held.push(dest);
    }
    for shown in ["deploy/README.md", "deploy/wiring.md", "docs/integrating.md"] {
        let prose = fs::read_to_string(repository().join(shown))?;
        let links = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let dest = format!("usr/share/doc/varco/{link}");
            assert!(held.contains(&dest), "{shown} leads to {link}, which is not in the package");
        }
    }
    Ok(())
}

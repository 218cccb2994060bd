//! The sandbox as a program of its own: what its README shows is what it does.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const README: &str = include_str!("../../README.md");
/// Where the README's sandbox listens.
const ADDRESS: &str = "127.0.0.1:8490";
const SOON: Duration = Duration::from_secs(60);

/// The program, and what its first line says.
async fn start(arguments: &[&str]) -> Result<(Child, Value)> {
    let mut program = Command::new(env!("CARGO_BIN_EXE_mywellness-sandbox"));
    let mut child = program.args(arguments).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let output = child.stdout.take().context("its output")?;
    let line = tokio::time::timeout(SOON, BufReader::new(output).lines().next_line()).await??;
    Ok((child, serde_json::from_str(&line.context("a line")?)?))
}

/// The contents of the README's blocks in one language.
fn blocks(language: &str) -> String {
    let opening = format!("```{language}\n");
    let blocks = README.split(&opening).skip(1).filter_map(|rest| Some(rest.split_once("```")?.0));
    blocks.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn what_the_readme_shows_is_what_happens() -> Result<()> {
    let shown = blocks("console");
    let command = shown.lines().next().context("the README starts it")?;
    let (_, arguments) = command.split_once("-- ").context("its arguments")?;
    let free = arguments.replace(ADDRESS, "127.0.0.1:0");
    let (mut sandbox, said) = start(&free.split(' ').collect::<Vec<_>>()).await?;
    let base_url = said["base_url"].as_str().context("an address")?;

    // Nobody listens on port 1, whatever else runs on this machine.
    let script = blocks("sh").replace(&format!("http://{ADDRESS}"), base_url).replace("127.0.0.1:8491", "127.0.0.1:1");
    let output = Command::new("bash").args(["-euo", "pipefail", "-c", &script]).output();
    let output = tokio::time::timeout(SOON, output).await??;
    let printed = String::from_utf8(output.stdout)?;
    ensure!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    let mut rest = printed.as_str();
    for expected in script.lines().filter_map(|line| line.strip_prefix("#=> ")) {
        let found = rest.split_once(expected);
        rest = found.with_context(|| format!("{expected} is not printed, or not there: {printed}"))?.1;
    }
    let pid = nix::unistd::Pid::from_raw(sandbox.id().context("it runs")?.cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM)?;
    let status = tokio::time::timeout(SOON, sandbox.wait()).await??;
    assert!(status.success(), "{status}");
    Ok(())
}

#[tokio::test]
async fn its_help_tells_every_route_and_a_wrong_option_is_refused() -> Result<()> {
    let run = async |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_mywellness-sandbox")).args(arguments).output().await
    };
    let help = String::from_utf8(run(&["--help"]).await?.stdout)?;
    for route in ["fault", "people", "classes", "bookings", "webhooks", "requests", "visits", "users", "deeds", "tally"]
    {
        assert!(help.contains(route), "{route}: {help}");
    }
    let wrong = run(&["--group", "Gold"]).await?;
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8(wrong.stderr)?.contains("as in 12=Gold"));

    let folder = tempfile::tempdir()?;
    let people = folder.path().join("people.json");
    std::fs::write(&people, r#"[{"first_name":"Anna"}]"#)?;
    let misread = run(&["--people", people.to_str().context("a path")?]).await?;
    assert_eq!(misread.status.code(), Some(1));
    let why = String::from_utf8(misread.stderr)?;
    assert!(why.contains("people.json") && why.contains("missing field `last_name`"), "{why}");
    Ok(())
}

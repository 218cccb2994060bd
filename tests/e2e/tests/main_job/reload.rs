//! SIGHUP: a new policy holds at once, new gates appear, and a bad file changes nothing and says so.

use anyhow::Result;
use site::pty::SerialLine;
use site::reader::{Dialect, Reader};
use toml_edit::value;

use crate::club::{Club, SOON, outcome, reasons};
use crate::people::member;

const TAKEN: &str = "the configuration was read again";
const REFUSED: &str = "the one in force stays";

#[tokio::test]
async fn a_new_policy_holds_at_the_next_badge() -> Result<()> {
    let mut club = Club::open(|_| {}).await?;
    club.put(&member("M-1001", "0415AB12CD")).await?;
    assert_eq!(outcome(&club.badge("entry-1", "0415AB12CD").await?), "passed");
    club.settings.set("access.conditions.fee", "block");
    club.reload(TAKEN).await?;
    assert_eq!(reasons(&club.badge("entry-1", "0415AB12CD").await?), ["fee_missing"]);
    assert_eq!(outcome(&club.badge("exit-1", "0415AB12CD").await?), "passed", "its rules only warn on the way out");
    club.settings.set("access.conditions.fee", "warn");
    club.reload(TAKEN).await?;
    let warned = club.badge("entry-1", "0415AB12CD").await?;
    assert_eq!((outcome(&warned), reasons(&warned)), ("passed", vec!["fee_missing"]));
    club.close().await
}

#[tokio::test]
async fn a_new_gate_appears_and_a_removed_one_goes() -> Result<()> {
    let mut club = Club::open(|_| {}).await?;
    club.put(&member("M-1001", "0415AB12CD")).await?;
    club.badge("entry-1", "0415AB12CD").await?;
    let before = std::fs::read_to_string(&club.config)?;
    let line = SerialLine::plugged_in(club.settings.folder(), "entry-3")?;
    club.settings.relay_gate("turnstile-3", club.relay.path(), 3);
    club.settings.reader("entry-3", "turnstile-3", line.path(), Dialect::Rdm6300);
    club.reload(TAKEN).await?;
    let up = async || {
        let readers = club.api.list("readers").await?;
        Ok(readers.iter().any(|it| it["id"] == "entry-3" && it["line"]["state"] == "up").then_some(()))
    };
    club.wait_for("the new reader's line", up).await?;
    Reader::on(&line, Dialect::Rdm6300).read("0415AB12CD")?;
    assert_eq!(outcome(&club.next_passage("entry-3", 0).await?), "passed");
    club.relay.wait_opens(3, 1, SOON).await?;
    assert_eq!(outcome(&club.badge("entry-1", "0415AB12CD").await?), "passed", "the old gates work as before");

    std::fs::write(&club.config, before)?;
    club.hang_up(TAKEN).await?;
    let gates = club.api.list("gates").await?;
    assert_eq!(gates.iter().filter_map(|gate| gate["id"].as_str()).collect::<Vec<_>>(), ["turnstile-1", "turnstile-2"]);
    let open = serde_json::json!({ "reason": "it is gone" });
    assert_eq!(club.api.post("gates/turnstile-3/open", &open).await?.0, 404);
    assert_eq!(outcome(&club.badge("entry-2", "0415AB12CD").await?), "passed");
    club.close().await
}

#[tokio::test]
async fn a_bad_file_leaves_the_old_one_in_force_and_says_so() -> Result<()> {
    let mut club = Club::open(|_| {}).await?;
    club.put(&member("M-1001", "0415AB12CD")).await?;
    let good = std::fs::read_to_string(&club.config)?;
    club.settings.set("access.conditions.fee", "perhaps").set("access.conditions.dues", "block");
    club.settings.add("gate", "turnstile-3")["colour"] = value("red");
    club.reload(REFUSED).await?;
    let log = club.agent().log();
    for problem in ["access.conditions.fee", "gate.turnstile-3.colour"] {
        assert!(log.lines().any(|line| line.contains(problem) && line.contains("ERROR")), "{problem} in {log}");
    }
    assert_eq!(outcome(&club.badge("entry-1", "0415AB12CD").await?), "passed", "nothing of the bad file is in force");

    std::fs::write(&club.config, "this is no TOML [")?;
    club.hang_up(REFUSED).await?;
    std::fs::remove_file(&club.config)?;
    club.hang_up(REFUSED).await?;
    assert_eq!(outcome(&club.badge("entry-2", "0415AB12CD").await?), "passed", "nor of no file at all");

    std::fs::write(&club.config, good)?;
    club.hang_up(TAKEN).await?;
    assert_eq!(outcome(&club.badge("exit-1", "0415AB12CD").await?), "passed");
    club.close().await
}

#[tokio::test]
async fn what_a_running_agent_cannot_take_waits_for_a_restart_and_says_so() -> Result<()> {
    let mut club = Club::open(|_| {}).await?;
    club.put(&member("M-1001", "0415AB12CD")).await?;
    club.settings.set("mqtt.topic_prefix", "varco/v1/elsewhere").set("access.anti_passback", "block");
    club.reload("needs a restart: mqtt").await?;
    let first = club.badge("entry-1", "0415AB12CD").await?;
    assert_eq!(first.topic, "varco/v1/milano-centro/passage");
    assert_eq!(reasons(&club.badge("entry-1", "0415AB12CD").await?), ["passback"], "the rest is in force");
    club.restart_in(&[]).await?;
    let again = club.badge("entry-1", "0415AB12CD").await?;
    assert_eq!(again.topic, "varco/v1/elsewhere/milano-centro/passage");
    club.close().await
}

//! The command line beside a running agent: check, import, why, token, backup, status, with the exit codes promised.

use std::cell::Cell;
use std::fmt::Write as _;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use site::agent::{Output, varco};
use site::api::Api;
use site::port::Port;

use crate::club::{Club, outcome, reasons};
use crate::people::{banned, member, with_punch_card};

/// Lines of the import beside the gates: tens of seconds of members joining at 200 a second.
const PEOPLE: usize = 5_000;

fn text(path: &std::path::Path) -> Result<&str> {
    path.to_str().context("a path in UTF-8")
}

fn expect(output: &Output, code: i32) {
    assert_eq!(output.code, Some(code), "{}\n{}", output.stdout, output.stderr);
}

#[tokio::test]
async fn check_tells_all_problems_at_once_and_misuse_is_something_else() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    expect(&club.varco(&["check"], &["--online"]).await?, 0);

    let bad = club.settings.path("bad.toml");
    let good = std::fs::read_to_string(&club.config)?;
    let spoiled = good.replace("direction = \"out\"", "direction = \"up\"").replace("[store]", "[store]\ncolour = 1");
    std::fs::write(&bad, spoiled.replace("Europe/Rome", "Europe/Milan"))?;
    let found = varco(&["check", "--config", text(&bad)?]).await?;
    expect(&found, 1);
    for key in ["reader.exit-1.direction", "reader.exit-2.direction", "store.colour", "site.timezone"] {
        assert!(found.stderr.contains(key), "{key} in {}", found.stderr);
    }
    let refused = varco(&["run", "--config", text(&bad)?]).await?;
    expect(&refused, 1);
    assert_eq!(refused.stdout, "", "nothing is ready");

    std::fs::write(club.settings.path("mywellness-password"), "wrong\n")?;
    let offline = club.varco(&["check"], &[]).await?;
    expect(&offline, 0);
    let online = club.varco(&["check"], &["--online"]).await?;
    expect(&online, 1);
    assert!(online.stdout.contains("Mywellness"), "{}", online.stdout);
    for misused in [&["check", "--colour"][..], &["paint"], &["token", "create", "--name", "x", "--role", "king"], &[]]
    {
        expect(&varco(misused).await?, 2);
    }
    expect(&varco(&["check", "--config", "/nowhere/varco.toml"]).await?, 1);
    for command in ["run", "check", "import", "token", "ports", "listen", "why", "status", "backup"] {
        expect(&varco(&[command, "--help"]).await?, 0);
    }
    club.badge("exit-1", "0499999999").await?;
    club.close().await
}

#[tokio::test]
async fn an_import_beside_the_gates_names_bad_lines_and_holds_nobody_up() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    club.put(&member("M-1", "0415AB12CD")).await?;
    let mut lines = String::new();
    for number in 0..PEOPLE {
        match number {
            99 => writeln!(lines, "{{ this is no JSON")?,
            1_999 => writeln!(lines, "{}", json!({ "external_id": "M-9", "first_name": "Piccarda" }))?,
            // The card of somebody else, who does not give it up.
            2_999 => writeln!(lines, "{}", member("M-8", "0415AB12CD"))?,
            _ => writeln!(lines, "{}", member(&format!("N-{number}"), &format!("05{number:08X}")))?,
        }
    }
    let file = club.settings.path("people.ndjson");
    std::fs::write(&file, lines)?;
    let done = Cell::new(false);
    let importing = async {
        let imported = club.varco(&["import"], &[text(&file)?]).await;
        done.set(true);
        imported
    };
    let passing = async {
        let mut passed = 0;
        while !done.get() {
            assert_eq!(outcome(&club.badge("entry-1", "0415AB12CD").await?), "passed");
            // The office writes meanwhile as well.
            club.put(&member("M-2", "0415AB12CE")).await?;
            passed += 1;
        }
        anyhow::Ok(passed)
    };
    let (imported, passed) = tokio::try_join!(importing, passing)?;
    expect(&imported, 1);
    assert_eq!(imported.stdout, "5000 lines: 4997 created, 0 replaced, 3 skipped\n");
    for line in ["line 100 ", "line 2000 ", "line 3000 "] {
        assert!(imported.stderr.lines().any(|it| it.starts_with(line)), "{line}in {}", imported.stderr);
    }
    assert!(passed > 1, "nobody came during the import");
    let joined = club.badge("entry-2", "0500001387").await?;
    assert_eq!((outcome(&joined), joined.data("person")), ("passed", &json!("N-4999")));
    club.close().await
}

/// What `varco why --json` says against or about somebody.
async fn why(club: &Club, reader: &str, who: [&str; 2]) -> Result<(bool, Vec<String>)> {
    let output = club.varco(&["why"], &["--reader", reader, who[0], who[1], "--json"]).await?;
    expect(&output, 0);
    let decision: Value = serde_json::from_str(&output.stdout)?;
    let lines = decision["trace"].as_array().context("a trace")?;
    let weighty = lines.iter().filter(|line| line["severity"] != "note");
    let reasons = weighty.filter_map(|line| line["reason"].as_str().map(str::to_owned)).collect();
    Ok((decision["verdict"] != "deny", reasons))
}

#[tokio::test]
async fn why_says_what_the_gate_does() -> Result<()> {
    let club = Club::open(|settings| {
        settings.set("access.conditions.fee", "warn").set("access.conditions.dues.level", "block");
    })
    .await?;
    let mut late = member("M-1004", "0415AB1204");
    late["dues"] = json!([{ "id": "F-1", "due_on": "2026-01-01", "exempt": false }]);
    let mut ended = member("M-1005", "0415AB1205");
    ended["memberships"][0]["ends_on"] = json!("2026-01-31");
    let mut lost = member("M-1006", "0415AB1206");
    lost["credentials"][0]["status"] = json!("lost");
    let empty = with_punch_card("M-1003", "0415AB1203", 0, "2026-11-21T00:00:00Z");
    for person in [member("M-1001", "0415AB1201"), banned("M-1002", "0415AB1202"), empty, late, ended, lost] {
        club.put(&person).await?;
    }
    for number in 1..=7 {
        let (badge, person) = (format!("0415AB120{number}"), format!("M-100{number}"));
        for reader in ["entry-1", "exit-1"] {
            let said = why(&club, reader, ["--badge", &badge]).await?;
            let (_, api) = club.api.post("why", &json!({ "reader": reader, "badge": badge })).await?;
            let there = club.badge(reader, &badge).await?;
            let did: Vec<_> = reasons(&there).into_iter().map(str::to_owned).collect();
            assert_eq!(said, (outcome(&there) == "passed", did), "{badge} at {reader}");
            assert_eq!(
                (&api["opens"], &api["reasons"]),
                (&json!(said.0), there.data("reasons")),
                "{badge} at {reader}"
            );
            if number < 6 {
                assert_eq!(why(&club, reader, ["--person", &person]).await?, said, "{person} at {reader}");
            }
        }
    }
    assert_eq!(club.api.list("passages").await?.len(), 14, "asking leaves no trace");
    expect(&club.varco(&["why"], &["--reader", "entry-9", "--badge", "0415AB1201"]).await?, 1);
    expect(&club.varco(&["why"], &["--reader", "entry-1"]).await?, 2);
    let tomorrow = ["--reader", "entry-1", "--person", "M-1005", "--at", "2026-01-15T10:00"];
    let then = club.varco(&["why"], &tomorrow).await?;
    assert!(then.stdout.contains("turnstile-1 opens"), "before it ended: {}", then.stdout);
    club.close().await
}

#[tokio::test]
async fn tokens_are_made_listed_and_revoked() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    let (first, api) = club.api_for("viewer", "wall").await?;
    let (second, other) = club.api_for("viewer", "wall").await?;
    let (_, operator) = club.api_for("operator", "desk").await?;
    assert!(first != second && first.split_whitespace().count() == 1, "alone on its line");
    assert_eq!(api.get("gates").await?.0, 200);
    let listed = club.varco(&["token", "list"], &[]).await?;
    expect(&listed, 0);
    assert_eq!(listed.stdout.lines().filter(|line| line.contains("viewer") && line.contains("wall")).count(), 2);
    assert!(!listed.stdout.contains(&first), "only the hash is kept");

    expect(&club.varco(&["token", "revoke"], &["wall"]).await?, 0);
    for revoked in [&api, &other] {
        assert_eq!(revoked.get("gates").await?.0, 401);
    }
    assert_eq!(operator.get("gates").await?.0, 200);
    let listed = club.varco(&["token", "list"], &[]).await?.stdout;
    let live = listed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).filter(|it| it[3] == "-");
    let mut live: Vec<_> = live.filter_map(|columns| columns.last().copied()).collect();
    live.sort_unstable();
    assert_eq!(live, ["desk", "story"], "{listed}");
    expect(&club.varco(&["token", "revoke"], &["wall"]).await?, 1);
    assert_eq!(Api::new(club.agent().console(), Some("guessed")).get("gates").await?.0, 401);
    club.badge("exit-1", "0499999999").await?;
    club.close().await
}

#[tokio::test]
async fn a_backup_of_a_live_store_opens_and_holds_everything() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    for number in 10..30 {
        let badge = format!("0415AB12{number}");
        club.put(&member(&format!("M-{number}"), &badge)).await?;
        club.badge("entry-1", &badge).await?;
    }
    let dest = club.settings.path("backup.db");
    let made = club.varco(&["backup"], &[text(&dest)?]).await?;
    expect(&made, 0);
    assert!(made.stdout.contains("verified: 20 people, 20 passages, 20 visits"), "{}", made.stdout);
    let copy = rusqlite::Connection::open_with_flags(&dest, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let sound: String = copy.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    let visits: u32 = copy.query_row("SELECT count(*) FROM visit", [], |row| row.get(0))?;
    assert_eq!((sound.as_str(), visits), ("ok", 20));
    drop(copy);
    expect(&club.varco(&["backup"], &[text(&dest)?]).await?, 1);

    // An agent that starts from the copy knows everybody.
    let mut club = club;
    club.settings.set("store.path", text(&dest)?);
    club.restart_in(&[]).await?;
    assert_eq!(outcome(&club.badge("entry-2", "0415AB1210").await?), "passed");
    assert_eq!(club.visits("M-10").await?.len(), 1, "the visit goes on");
    club.close().await
}

#[tokio::test]
async fn status_describes_the_running_agent() -> Result<()> {
    let port = Port::reserve()?;
    let club = Club::open(|settings| {
        settings.set("console.listen", port.address().to_string());
    })
    .await?;
    let status = club.varco(&["status"], &[]).await?;
    expect(&status, 0);
    for part in ["READER", "entry-1", "GATE", "turnstile-2", "LANE", "mywellness", "clock", "store"] {
        assert!(status.stdout.contains(part), "{part} in {}", status.stdout);
    }
    club.badge("exit-1", "0499999999").await?;
    let (config, settings) = (club.config.clone(), club.settings.folder().to_owned());
    club.close().await?;
    assert!(!settings.exists(), "the club is gone");
    expect(&varco(&["status", "--config", text(&config)?]).await?, 1);
    Ok(())
}

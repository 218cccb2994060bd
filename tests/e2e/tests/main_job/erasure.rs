//! Erasure: who is forgotten while rows wait for both upstreams leaves the club as nobody.

use anyhow::Result;
use serde_json::Value;
use site::sandbox::{Fault, Injection, Work};

use crate::club::{Club, SOON, outcome, reasons};
use crate::mywellness_faults::CREATE;
use crate::people::{member, secrets_of};

#[tokio::test]
async fn nobody_hears_of_a_person_who_was_erased_while_rows_waited() -> Result<()> {
    let club = Club::open(|settings| {
        settings.set("mqtt.include_person", true).set("mywellness.requests_per_second", 100);
    })
    .await?;
    let (gone, stays) = (member("M-1001", "0415AB12CD"), member("M-1002", "0415AB12CE"));
    club.central.leave().await;
    club.broker.stop().await?;
    club.sandbox.down().await;
    club.put(&gone).await?;
    club.put(&stays).await?;
    for badge in ["0415AB12CD", "0415AB12CE"] {
        club.reader("entry-1").read(badge)?;
    }
    let recorded = async || Ok((club.api.list("visits").await?.len() == 2).then_some(()));
    club.wait_for("both visits", recorded).await?;

    assert_eq!(club.api.delete("people/M-1001").await?.0, 204);
    assert_eq!(club.api.delete("people/M-1001").await?.0, 404);
    let forgotten = club.api.list("passages?reader=entry-1").await?;
    assert!(forgotten.iter().any(|passage| passage["person"] == Value::Null) && forgotten.len() == 2, "{forgotten:?}");
    club.broker.start_again().await?;
    club.central.come_back().await?;
    club.sandbox.up().await?;
    club.central.wait_until(|seen| seen.count("passage") == 2 && seen.count("visit") == 2, SOON).await?;
    club.sandbox.wait_until(|cloud| cloud.visits().len() == 1, SOON).await?;

    let mut private = secrets_of(&gone);
    private.extend(["M-1001".to_owned(), "S-M-1001".to_owned()]);
    let told = club.central.look(|seen| seen.messages.iter().map(|it| it.payload.to_string()).collect::<Vec<_>>());
    let asked = club.sandbox.requests().iter().map(|it| it.body.to_string()).collect::<Vec<_>>();
    for text in private.iter().filter(|text| *text != "1990-04-12") {
        let leaks: Vec<_> = told.iter().chain(&asked).filter(|it| it.contains(text)).collect();
        assert!(leaks.is_empty(), "{text} in {leaks:?}");
    }
    let named = club.visit_told("M-1002").await?;
    assert_eq!(*named.data("last_name"), stays["last_name"], "who stays is named, as the club wants it");
    club.close().await
}

#[tokio::test]
async fn who_is_to_be_deleted_there_too_is_though_the_answer_that_made_them_known_was_lost() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    let look_up = "GetFacilityUserByExternalID";
    club.sandbox.inject(Fault::Status { code: 504, work: Work::Done }.next(1).on(CREATE));
    club.sandbox.inject(Injection::from(Fault::Status { code: 500, work: Work::Undone }).on(look_up));
    club.put(&member("M-1001", "0415AB12CD")).await?;
    club.sandbox.wait_until(|cloud| cloud.tally(look_up).asked > 0 && cloud.users().len() == 1, SOON).await?;
    club.sandbox.heal();
    assert_eq!(club.api.delete("people/M-1001?remote=true").await?.0, 204);
    club.sandbox.wait_until(|cloud| cloud.users().iter().all(|user| user.deleted), 2 * SOON).await?;
    let forgotten = async || {
        let rows = club.api.list("outbox?lane=mywellness").await?;
        Ok(rows.iter().all(|row| row["state"] != "pending" && row["key"] != "M-1001").then_some(()))
    };
    club.wait_for("the order to be forgotten", forgotten).await?;
    assert_eq!(outcome(&club.badge("entry-1", "0415AB12CD").await?), "denied");
    club.close().await
}

#[tokio::test]
async fn who_was_erased_is_a_stranger_at_the_gate_and_no_import_brings_them_back() -> Result<()> {
    let club = Club::open(|_| {}).await?;
    let anna = member("M-1001", "0415AB12CD");
    club.put(&anna).await?;
    club.badge("entry-1", "0415AB12CD").await?;
    club.sandbox.wait_until(|cloud| cloud.visits().len() == 1, SOON).await?;
    assert_eq!(club.api.delete("people/M-1001").await?.0, 204);
    let stranger = club.badge("entry-1", "0415AB12CD").await?;
    assert_eq!((outcome(&stranger), reasons(&stranger)), ("denied", vec!["unknown_credential"]));
    assert_eq!(outcome(&club.badge("exit-1", "0415AB12CD").await?), "passed", "and gets out");

    let file = club.settings.path("nightly.ndjson");
    std::fs::write(&file, format!("{anna}\n"))?;
    let imported = club.varco(&["import"], &[&file.display().to_string()]).await?;
    assert_eq!((imported.code, imported.stdout.as_str()), (Some(1), "1 lines: 0 created, 0 replaced, 1 skipped\n"));
    assert!(imported.stderr.contains("line 1") && imported.stderr.contains("erased"), "{}", imported.stderr);
    assert!(matches!(club.api.put("people/M-1001", &anna).await?.0, 400..500));
    assert_eq!(club.api.get("people/M-1001").await?.0, 404);
    let visits = club.api.list("visits").await?;
    assert_eq!((visits.len(), &visits[0]["person"], &visits[0]["membership"]), (1, &Value::Null, &Value::Null));
    club.close().await
}

//! Photos and badges: Mywellness is given them by calls that the club wrote down, each once, and again when it is another.

use anyhow::Result;
use serde_json::{Value, json};
use site::config;
use toml_edit::Array;

use crate::club::Club;
use crate::people::member;

const CARD: &str = "0415AB12CD";
const OTHER_CARD: &str = "0415AB99EE";
/// Base64 of what begins like a JPEG.
pub(crate) const FACE: &str = "/9j/4AAQRkFDRQ==";
const NEW_FACE: &str = "/9j/4AAQTkVXRkFDRQ==";

/// A club that knows how Mywellness wants to be given photos and badges, and how it takes them back.
pub(crate) fn with_belongings(settings: &mut config::Club) {
    let send = ["people", "memberships", "groups", "photos", "badges", "visits"];
    settings.set("mywellness.send", Array::from_iter(send));
    let actions = [
        ("photo", "SetPicture", r#"{"picture": "{{photo}}", "type": "{{photo_type}}", "of": "{{external_id}}"}"#),
        ("no_photo", "DeletePicture", "{}"),
        ("badge", "SetCard", r#"{"cardNumber": "{{badge}}", "kind": "{{badge_kind}}"}"#),
        ("no_badge", "RemoveCard", r#"{"cardNumber": "{{badge}}"}"#),
    ];
    for (table, name, body) in actions {
        let path = format!("core/facilityuser/{{{{facility_user_id}}}}/{name}");
        settings.set(&format!("mywellness.actions.{table}.path"), path);
        settings.set(&format!("mywellness.actions.{table}.body"), body);
    }
}

/// The sandbox takes the actions of [`with_belongings`].
pub(crate) fn teach(club: &Club) {
    ["SetPicture", "DeletePicture", "SetCard", "RemoveCard"].iter().for_each(|action| club.sandbox.learn(action));
    club.keep_secret([FACE, NEW_FACE, CARD, OTHER_CARD].map(str::to_owned));
}

pub(crate) fn photo(taken_at: &str, jpeg_base64: &str) -> Value {
    json!({ "taken_at": taken_at, "jpeg_base64": jpeg_base64 })
}

/// What was asked about photos and badges, in order: the action and what it gives or takes.
fn given(club: &Club) -> Vec<String> {
    let line = |request: &site::sandbox::Request| {
        let said = |field: &str| request.body[field].as_str();
        let what = said("picture").or(said("cardNumber")).unwrap_or_default();
        format!("{} {what}", request.action).trim_end().to_owned()
    };
    let is_of_them = |action: &str| action.ends_with("Picture") || action.ends_with("Card");
    club.sandbox.requests().iter().filter(|request| is_of_them(&request.action)).map(line).collect()
}

/// Writes Anna down and waits until Mywellness knows all that it is told of her.
async fn put(club: &Club, anna: &Value) -> Result<()> {
    club.put(anna).await?;
    enabled(club).await
}

async fn enabled(club: &Club) -> Result<()> {
    let look = async || {
        let (_, it) = club.api.get("sync/people/M-1001").await?;
        Ok((it["state"] == "enabled").then_some(()))
    };
    club.wait_for("M-1001 to be enabled", look).await
}

async fn command(club: &Club, command: &str) -> Result<()> {
    let (status, answer) = club.api.post(&format!("sync/people/M-1001/{command}"), &json!({})).await?;
    assert_eq!(status, 202, "{command}: {answer}");
    Ok(())
}

#[tokio::test]
async fn a_photo_and_a_badge_go_as_written_down_once_and_are_taken_back() -> Result<()> {
    let club = Club::open(with_belongings).await?;
    teach(&club);
    let mut anna = member("M-1001", CARD);
    anna["photo"] = photo("2026-01-05T10:00:00Z", FACE);
    put(&club, &anna).await?;
    assert_eq!(given(&club), ["SetCard 0415AB12CD"], "nobody asked her whether the photo may be published");

    anna["allow_photo_publish"] = json!(true);
    put(&club, &anna).await?;
    anna["mobile"] = json!("+39 333 9999999");
    anna["photo"] = photo("2026-01-04T10:00:00Z", NEW_FACE);
    put(&club, &anna).await?;
    assert_eq!(given(&club)[1..], ["SetPicture /9j/4AAQRkFDRQ=="], "one that is older is not given");
    anna["photo"] = photo("2026-03-01T10:00:00Z", NEW_FACE);
    anna["credentials"] = json!([{ "value": CARD, "status": "lost" }, { "value": "4711", "kind": "pin" },
        { "value": OTHER_CARD, "kind": "wristband" }]);
    put(&club, &anna).await?;
    assert_eq!(given(&club)[2..], ["SetPicture /9j/4AAQTkVXRkFDRQ==", "SetCard 0415AB99EE"]);

    command(&club, "synchronize").await?;
    enabled(&club).await?;
    assert_eq!(given(&club)[4..], ["SetPicture /9j/4AAQTkVXRkFDRQ==", "SetCard 0415AB99EE"], "everything anew");

    command(&club, "suspend").await?;
    anna["credentials"][2]["status"] = json!("revoked");
    anna["allow_photo_publish"] = json!(false);
    club.put(&anna).await?;
    command(&club, "enable").await?;
    enabled(&club).await?;
    assert_eq!(given(&club)[6..], ["DeletePicture", "RemoveCard 0415AB99EE"]);

    let asked = club.sandbox.requests();
    let first = asked.iter().find(|request| request.action == "SetPicture").expect("it was given");
    assert_eq!((&first.body["type"], &first.body["of"]), (&json!("image/jpeg"), &json!("M-1001")));
    let history = club.api.get("sync/people/M-1001").await?.1["history"].take();
    let of = |what: &str| history.as_array().into_iter().flatten().filter(|it| it["what"] == what).count();
    assert_eq!((of("photo"), of("badge")), (4, 4), "{history}");
    club.badge("entry-1", CARD).await?;
    club.close().await
}

#[tokio::test]
async fn a_badge_that_mywellness_refuses_is_an_error_until_it_is_another() -> Result<()> {
    let club = Club::open(with_belongings).await?;
    teach(&club);
    club.sandbox.learn_to_answer("SetCard", json!({ "result": "CardNotValid" }));
    club.put(&member("M-1001", CARD)).await?;
    let refused = club.wait_for_rows("mywellness", "parked", 1).await?.remove(0);
    assert_eq!(refused["kind"], "badge");
    let (_, listed) = club.api.get("sync/people?state=in_error").await?;
    let reason = listed["items"][0]["reason"].as_str().unwrap_or_default().to_owned();
    assert!(reason.contains("badge at Mywellness") && reason.contains("CardNotValid"), "{listed}");
    let (_, progress) = club.api.get("sync/progress").await?;
    assert!(progress.to_string().contains("refused"), "{progress}");

    club.sandbox.learn_to_answer("SetCard", json!({ "result": "Success" }));
    put(&club, &member("M-1001", OTHER_CARD)).await?;
    assert_eq!(given(&club), ["SetCard 0415AB12CD", "SetCard 0415AB99EE"]);
    club.wait_for_rows("mywellness", "parked", 0).await?;
    club.badge("entry-1", OTHER_CARD).await?;
    club.close().await
}

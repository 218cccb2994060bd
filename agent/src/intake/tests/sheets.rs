//! Stories of spreadsheets: what has no column stays, and what a sheet cannot say of a person stays as well.

use serde_json::{Value, json};

use super::*;

/// Somebody with all that a sheet cannot express.
fn anna() -> Value {
    json!({
        "external_id": "M-1", "first_name": "Anna", "last_name": "Rossi", "email": "anna@example.org",
        "address": {"street": "Via Roma 1", "city": "Milano"}, "groups": ["Gold"], "allow_sync": false,
        "ban": {"until": "2026-12-31", "reason": "damage"}, "fee_valid_until": "2026-12-31",
        "photo": {"taken_at": "2026-01-05T10:00:00Z", "jpeg_base64": "/9j/4A=="},
        "dues": [{"id": "F-1", "due_on": "2026-10-01"}],
        "credentials": [
            {"value": "04A1", "kind": "wristband", "valid_until": "2027-01-01T00:00:00Z", "aliases": ["0001953"]},
            {"value": "04A2", "status": "lost"}],
        "memberships": [{"id": "S-1", "kind": "subscription", "product": "Gold", "ends_on": "2026-12-31",
            "frozen": {"from": "2026-08-01", "until": "2026-08-31"},
            "hours": [{"days": "mon-fri", "from": "06:00", "to": "23:00"}]}],
    })
}

impl Club {
    async fn csv(&self, file: &str) -> String {
        self.import(Format::Csv, file).await
    }

    /// A person as stored; unknown fields are left out.
    async fn stored(&self, id: &str) -> Value {
        let id = id.parse().unwrap();
        let stored = self.store.read("a story", move |view| view.person(&id)).await.unwrap().expect("somebody");
        known(serde_json::to_value(stored.person).unwrap())
    }
}

/// Without what is unknown.
fn known(document: Value) -> Value {
    match document {
        Value::Object(fields) => {
            let known = fields.into_iter().map(|(name, value)| (name, known(value)));
            Value::Object(known.filter(|(_, value)| !value.is_null()).collect())
        }
        Value::Array(items) => items.into_iter().map(known).collect(),
        other => other,
    }
}

async fn club_of(people: &[Value]) -> Club {
    let club = club();
    let lines: Vec<_> = people.iter().map(Value::to_string).collect();
    let said = club.ndjson(&lines).await;
    assert_eq!(said, format!("{0} new, 0 replaced, 0 of {0} skipped\n", people.len()));
    club
}

/// What a file changes of Anna.
async fn changed(file: &str) -> (String, Value) {
    let club = club_of(&[anna()]).await;
    let before = club.stored("M-1").await;
    let said = club.csv(file).await;
    let after = club.stored("M-1").await;
    let fields: std::collections::BTreeSet<_> =
        before.as_object().unwrap().keys().chain(after.as_object().unwrap().keys()).collect();
    let differ = fields.into_iter().filter(|field| before.get(*field) != after.get(*field));
    (said, differ.map(|field| (field.clone(), after[field].clone())).collect())
}

const ONE: &str = "0 new, 1 replaced, 0 of 1 skipped\n";

#[tokio::test]
async fn a_field_without_a_column_keeps_what_is_stored() {
    let told = changed("external_id,first_name,last_name,email\nM-1,Anna,Rossi Bianchi,new@example.org\n").await;
    assert_eq!(told, (ONE.into(), json!({"last_name": "Rossi Bianchi", "email": "new@example.org"})));
    let told = changed("external_id,first_name,last_name,address.city\nM-1,Anna,Rossi,Pavia\n").await;
    assert_eq!(told, (ONE.into(), json!({"address": {"street": "Via Roma 1", "city": "Pavia"}})));
}

#[tokio::test]
async fn an_empty_cell_clears_the_field_of_its_column() {
    let header = "external_id,first_name,last_name,email,groups,allow_sync,address.street,address.city,ban.reason";
    let told = changed(&format!("{header}\nM-1,Anna,Rossi,,,,,,\n")).await;
    assert_eq!(
        told,
        (
            ONE.into(),
            json!({"email": null, "groups": [], "allow_sync": null, "address": null, "ban": {"until": "2026-12-31"}})
        )
    );
    let told = changed("external_id,first_name,last_name,ban.until,ban.reason\nM-1,Anna,Rossi,,\n").await;
    assert_eq!(told, (ONE.into(), json!({"ban": null})), "no ban rather than one for ever");
    let told = changed("external_id,first_name,last_name,membership.id,due.id\nM-1,Anna,Rossi,,\n").await;
    assert_eq!(told, (ONE.into(), json!({"memberships": [], "dues": []})));
}

#[tokio::test]
async fn a_card_that_is_listed_again_stays_as_it_is_and_another_takes_the_place_of_those_in_use() {
    let cards = |cards: &str| format!("external_id;first_name;last_name;credentials\nM-1;Anna;Rossi;{cards}\n");
    assert_eq!(changed(&cards("04:a1")).await, (ONE.into(), json!({})), "however it is written");
    assert_eq!(changed(&cards("1953")).await, (ONE.into(), json!({})), "by its other form");
    let lost = json!({"value": "04A2", "kind": "card", "status": "lost", "aliases": []});
    let new = json!({"value": "04B7", "kind": "card", "status": "active", "aliases": []});
    assert_eq!(changed(&cards("04B7")).await, (ONE.into(), json!({"credentials": [new, lost]})));
    assert_eq!(changed(&cards("")).await, (ONE.into(), json!({"credentials": [lost]})));
    let (said, after) = changed(&cards("04A2")).await;
    assert_eq!(after, json!({"credentials": [lost]}));
    expect_test::expect![[r#"
        warned line 2: credentials: a card listed here is marked lost and stays so; say otherwise over the API
        0 new, 1 replaced, 0 of 1 skipped
    "#]]
    .assert_eq(&said);
}

#[tokio::test]
async fn a_membership_keeps_its_hours_and_freezes_and_others_of_the_person_stay() {
    let header = "external_id,first_name,last_name,membership.id,membership.ends_on";
    let club = club_of(&[anna()]).await;
    let mut expected = club.stored("M-1").await;
    assert_eq!(club.csv(&format!("{header}\nM-1,Anna,Rossi,S-1,2027-12-31\n")).await, ONE);
    expected["memberships"][0]["ends_on"] = json!("2027-12-31");
    assert_eq!(club.stored("M-1").await, expected);

    let mut two = anna();
    let swim = json!({"id": "S-2", "kind": "subscription", "ends_on": "2026-11-30"});
    two["memberships"].as_array_mut().unwrap().push(swim);
    let club = club_of(&[two]).await;
    assert_eq!(club.csv(&format!("{header}\nM-1,Anna,Rossi,S-2,2027-11-30\n")).await, ONE);
    let mut expected = club.stored("M-1").await;
    assert_eq!(expected["memberships"][1]["ends_on"], "2027-11-30");
    let said = club.csv(&format!("{header},membership.kind\nM-1,Anna,Rossi,S-3,2028-01-31,subscription\n")).await;
    assert_eq!(said, ONE, "beside the others");
    let said = club.csv(&format!("{header}\nM-1,Anna,Rossi,,\n")).await;
    expect_test::expect![[r#"
        warned line 2: membership.id: is empty, and there are 3 here: a spreadsheet takes none of several away; say which over the API
        0 new, 1 replaced, 0 of 1 skipped
    "#]]
    .assert_eq(&said);
    let ids: Vec<_> =
        club.stored("M-1").await["memberships"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect();
    assert_eq!(ids, ["S-1", "S-2", "S-3"]);
    expected["memberships"] = json!([]);
    assert_eq!(expected["ban"], club.stored("M-1").await["ban"]);
}

#[tokio::test]
async fn the_only_membership_or_due_of_somebody_gives_way_to_another() {
    let header = "external_id,first_name,last_name,membership.id,membership.kind,due.id,due.due_on";
    let (said, after) = changed(&format!("{header}\nM-1,Anna,Rossi,S-2,subscription,F-2,2026-11-01\n")).await;
    assert_eq!(after["dues"][0]["id"], "F-2");
    assert_eq!((after["memberships"].as_array().unwrap().len(), &after["memberships"][0]["id"]), (1, &json!("S-2")));
    expect_test::expect![[r#"
        warned line 2: membership.id: takes the place of S-1, which was the only one
        0 new, 1 replaced, 0 of 1 skipped
    "#]]
    .assert_eq(&said);
}

#[tokio::test]
async fn a_count_told_again_refunds_nothing_and_a_new_count_is_of_today() {
    let mut punch_card = anna();
    punch_card["memberships"] = json!([{"id": "P-1", "kind": "punch_card", "entries_left": 10}]);
    let club = club_of(&[punch_card]).await;
    let first = club.stored("M-1").await["memberships"][0]["entries_as_of"].clone();
    let header = "external_id,first_name,last_name,membership.id,membership.entries_left";
    club.csv(&format!("{header}\nM-1,Anna,Rossi,P-1,10\n")).await;
    assert_eq!(club.stored("M-1").await["memberships"][0]["entries_as_of"], first);
    club.csv(&format!("{header}\nM-1,Anna,Rossi,P-1,20\n")).await;
    assert_ne!(club.stored("M-1").await["memberships"][0]["entries_as_of"], first);
}

#[tokio::test]
async fn cards_change_hands_in_a_sheet_too_and_keep_what_they_were() {
    let club = club_of(&[
        json!({"external_id": "A", "first_name": "A", "last_name": "A", "email": "a@example.org",
            "credentials": [{"value": "01"}, {"value": "0A", "kind": "pin"}]}),
        json!({"external_id": "B", "first_name": "B", "last_name": "B", "credentials": [{"value": "02"}]}),
    ])
    .await;
    let sheet = "external_id,first_name,last_name,credentials\nA,A,A,02|0A\nB,B,B,01\n";
    assert_eq!(club.csv(sheet).await, "0 new, 2 replaced, 0 of 2 skipped\n");
    assert_eq!(club.cards().await, "A: 02 0A\nB: 01\n");
    let a = club.stored("A").await;
    assert_eq!((&a["credentials"][1]["kind"], &a["email"]), (&json!("pin"), &json!("a@example.org")));
}

#[tokio::test]
async fn a_row_that_cannot_be_placed_says_which_cell_is_missing() {
    let club = club_of(&[anna()]).await;
    let sheet = "external_id,first_name,last_name,membership.id,membership.kind,membership.ends_on\n\
                 M-1,Anna,Rossi,,,2026-12-31\n\
                 M-1,Anna,Rossi,S-1,,2026-12-31\n\
                 M-2,,Ek,,,\n";
    let known = club.stored("M-1").await;
    let said = club.csv(sheet).await;
    let said = said + &club.csv("external_id,first_name,last_name,membership.id\nM-2,Bo,Ek,S-9\n").await;
    let said = said + &club.csv("external_id,first_name,last_name,membership.ends_on,due.exempt\n").await;
    expect_test::expect![[r#"
        line 2: membership.id: is empty, so that what stands beside it belongs to nothing
        line 3: membership.kind: is empty; write subscription or punch_card
        line 4: missing field `first_name`
        0 new, 0 replaced, 3 of 3 skipped
        line 2: membership.kind: is required of a membership not known here; write subscription or punch_card
        0 new, 0 replaced, 1 of 1 skipped
        stopped: the header of the file: membership.ends_on: needs the column membership.id beside it; due.exempt: needs the column due.id beside it
    "#]]
    .assert_eq(&said);
    assert_eq!(club.stored("M-1").await, known);
}

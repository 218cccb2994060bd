//! Commands of the central system: each does what the API does, once, and is answered.

use expect_test::expect;
use serde_json::{Value, json};

use super::*;

impl Club {
    /// Takes a command as it came and answers in a line what was told of it.
    async fn takes(&self, id: &str, name: &str, data: Value) -> String {
        self.takes_from("/central", id, name, data).await
    }

    async fn takes_from(&self, source: &str, id: &str, name: &str, data: Value) -> String {
        let now = self.clock.now();
        let wanted = Command::read(name, data, &self.policy, now);
        let fresh = CrmActionId(self.clock.new_id());
        let received = Received {
            name: name.to_owned(),
            id: Some((id.to_owned(), source.to_owned())),
            wanted,
            answer: self.clock.new_id(),
            fresh,
            now,
        };
        let (policy, lane) = (Arc::clone(&self.policy), "mqtt".parse::<LaneId>().unwrap());
        let obey = move |tx: &crate::store::Tx<'_>| received.obey_once(tx, &policy, &[], &lane);
        let verdict = self.store.write("a story", obey).await.unwrap();
        format!("{name}: {verdict:?} {}\n", shown(&self.answers().await.pop().unwrap()))
    }

    /// Every answer in the lane, in order.
    async fn answers(&self) -> Vec<Value> {
        let lane = "mqtt".parse().unwrap();
        let rows = self.store.read("a story", move |view| view.waiting_rows(&lane, RowId(0), 500)).await.unwrap();
        rows.iter().map(|row| serde_json::from_str(&row.body).unwrap()).collect()
    }
}

/// What of an answer is the same in every run.
fn shown(answer: &Value) -> String {
    let mut said = answer["outcome"].as_str().unwrap().to_owned();
    for field in ["reason", "created", "person"] {
        if !answer[field].is_null() {
            said += &format!(" {field}={}", answer[field].to_string().replace('"', ""));
        }
    }
    for problem in answer["problems"].as_array().into_iter().chain(answer["warnings"].as_array()).flatten() {
        said += &format!("\n    {}: {}", problem["path"].as_str().unwrap(), problem["why"].as_str().unwrap());
    }
    said
}

fn anna() -> Value {
    serde_json::from_str(&with_cards("M-1", &["0415AB"])).unwrap()
}

fn gold(ends_on: &str) -> Value {
    json!({"person": "M-1", "membership": {"id": "S-1", "kind": "subscription", "ends_on": ends_on, "zones": ["gym"]}})
}

#[tokio::test]
async fn every_command_does_what_the_api_does() {
    let club = club();
    let commands = [
        ("person", anna()),
        ("person", anna()),
        ("membership", gold("2026-12-31")),
        ("membership", gold("2027-12-31")),
        ("crm/outcome", json!({"id": "renewed", "name": "Renewed", "group": "positive"})),
        (
            "crm/action-type",
            json!({"id": "renewal", "name": "Renewal", "access_action": "message_and_block", "outcomes": ["renewed"]}),
        ),
        ("crm/action", json!({"person": "M-1", "type": "renewal", "operator": "Giulia", "text": "Ask"})),
        ("class/product", json!({"id": "yoga", "name": "Yoga", "opens_gate": true})),
        (
            "class",
            json!({"id": "y-1", "product": "yoga", "starts_at": "2026-11-20T17:00:00Z", "ends_at": "2026-11-20T18:00:00Z"}),
        ),
        ("class/booking", json!({"class": "y-1", "person": "M-1"})),
        ("class/attendance", json!({"class": "y-1", "person": "M-1", "at": "2026-11-20T17:01:00Z"})),
        ("class/attendance", json!({"class": "y-1", "person": "M-1", "at": "2026-11-20T17:02:00Z"})),
    ];
    let mut transcript = String::new();
    for (at, (name, data)) in commands.into_iter().enumerate() {
        transcript += &club.takes(&at.to_string(), name, data).await;
    }
    let action = club.answers().await[6]["action"].clone();
    let advance = json!({"id": action, "mode": "close", "outcome": "renewed"});
    transcript += &club.takes("20", "crm/action/advance", advance.clone()).await;
    transcript += &club.takes("21", "crm/action/advance", advance).await;
    transcript = transcript.replace(action.as_str().unwrap(), "…");
    transcript += &club.takes("22", "person/delete", json!({"external_id": "M-1"})).await;
    expect![[r#"
        person: Accepted accepted created=true person=M-1
        person: Accepted accepted created=false person=M-1
        membership: Accepted accepted created=true person=M-1
        membership: Accepted accepted created=false person=M-1
        crm/outcome: Accepted accepted created=true
        crm/action-type: Accepted accepted created=true
        crm/action: Accepted accepted created=true person=M-1
        class/product: Accepted accepted created=true
        class: Accepted accepted created=true
        class/booking: Accepted accepted created=true person=M-1
        class/attendance: Accepted accepted created=true person=M-1
        class/attendance: Accepted accepted created=false person=M-1
        crm/action/advance: Accepted accepted
        crm/action/advance: Refused("conflict") refused reason=conflict
            id: action … is concluded; to go on, make a new action or a copy of it
        person/delete: Accepted accepted
    "#]]
    .assert_eq(&transcript);
    let stored = club.store.read("a story", |view| view.person(&"M-1".parse().unwrap())).await.unwrap();
    assert_eq!(stored, None);
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_with_the_field_and_the_reason() {
    let club = club();
    club.takes("0", "person", anna()).await;
    let commands = [
        ("person", json!({"external_id": "M-2", "first_name": " ", "last_name": "Rossi", "birth_date": "1753-01-01"})),
        ("person", json!({"external_id": "M-2", "last_name": "Rossi"})),
        ("person", serde_json::from_str(&with_cards("M-2", &["04:15:ab"])).unwrap()),
        ("person/delete", json!({"external_id": "M-9"})),
        ("person/delete", json!({"external_id": "M-1", "why": "asked for"})),
        ("membership", json!({"person": "M-9", "membership": {"id": "S-1", "kind": "subscription"}})),
        ("membership", json!({"person": "M-1", "membership": {"id": "S-1", "kind": "gold"}})),
        ("membership", json!({"person": "M-1"})),
        ("crm/outcome", json!({"id": "renewed"})),
        ("crm/outcome", json!({"name": "Renewed", "group": "positive"})),
        ("crm/action", json!({"person": "M-9", "type": "nothing", "operator": "", "text": "Ask"})),
        ("crm/action/advance", json!({"id": "7", "mode": "close", "outcome": "renewed"})),
        ("crm/action/advance", json!({"id": uuid::Uuid::nil(), "mode": "close", "outcome": "renewed"})),
        ("class/booking", json!({"class": "y-1", "person": "M-1"})),
        ("gate/open", json!({})),
    ];
    let mut transcript = String::new();
    for (at, (name, data)) in commands.into_iter().enumerate() {
        transcript += &club.takes(&format!("r{at}"), name, data).await;
    }
    expect![[r#"
        person: Refused("invalid") refused reason=invalid
            first_name: is required and must not be empty
            birth_date: 1753-01-01 is no birth date; write null if it is unknown
        person: Refused("invalid") refused reason=invalid
            .: missing field `first_name`
        person: Refused("claimed") refused reason=claimed
            credentials[0].value: belongs to M-1, who must give it up first
        person/delete: Refused("unknown") refused reason=unknown
            person: there is no person M-9
        person/delete: Refused("invalid") refused reason=invalid
            why: is not known here; send external_id only
        membership: Refused("unknown") refused reason=unknown
            person: there is no person M-9
        membership: Refused("invalid") refused reason=invalid
            membership.kind: unknown variant `gold`, expected `subscription` or `punch_card`
        membership: Refused("invalid") refused reason=invalid
            .: missing field `membership`
        crm/outcome: Refused("invalid") refused reason=invalid
            .: missing field `name`
        crm/outcome: Refused("invalid") refused reason=invalid
            id: is required
        crm/action: Refused("invalid") refused reason=invalid
            person: there is no person M-9
            operator: is required and must not be empty
            type: there is no action type nothing
        crm/action/advance: Refused("invalid") refused reason=invalid
            id: invalid length: found 1
        crm/action/advance: Refused("unknown") refused reason=unknown
            id: there is no CRM action 00000000-0000-0000-0000-000000000000
        class/booking: Refused("unknown") refused reason=unknown person=M-1
            class: there is no class y-1
        gate/open: Refused("unknown") refused reason=unknown
            type: there is no such command
    "#]]
    .assert_eq(&transcript);
    assert_eq!(club.cards().await, "M-1: 0415AB\n", "nothing came of them");
}

#[tokio::test]
async fn a_command_that_comes_again_is_answered_as_then_and_not_obeyed_again() {
    let club = club();
    let first = club.takes("1", "person", anna()).await;
    assert_eq!(first, "person: Accepted accepted created=true person=M-1\n");
    club.takes("2", "person", serde_json::from_str(&with_cards("M-1", &["0415AC"])).unwrap()).await;
    let again = club.takes("1", "person", anna()).await;
    assert_eq!(again, "person: Duplicate accepted created=true person=M-1\n");
    assert_eq!(club.cards().await, "M-1: 0415AC\n", "what came later stands");
    // A refusal stands as well: what would be right by now may be out of date by now.
    let early = club.takes("3", "class/booking", json!({"class": "y-1", "person": "M-1"})).await;
    assert!(early.contains("refused reason=unknown"), "{early}");
    club.takes("4", "class/product", json!({"id": "yoga", "name": "Yoga"})).await;
    let class =
        json!({"id": "y-1", "product": "yoga", "starts_at": "2026-11-20T17:00:00Z", "ends_at": "2026-11-20T18:00:00Z"});
    club.takes("5", "class", class).await;
    let again = club.takes("3", "class/booking", json!({"class": "y-1", "person": "M-1"})).await;
    assert!(again.contains("Duplicate refused reason=unknown"), "{again}");
    let anew = club.takes("6", "class/booking", json!({"class": "y-1", "person": "M-1"})).await;
    assert!(anew.contains("Accepted"), "{anew}");
    // The same id from somebody else is another command.
    let other = club.takes_from("/other", "1", "person", anna()).await;
    assert!(other.contains("Accepted"), "{other}");
}

#[tokio::test]
async fn answers_about_an_erased_person_say_nothing_of_them_any_more() {
    let club = club();
    let mut odd = anna();
    odd["email"] = json!("anna-at-home");
    let told = club.takes("1", "person", odd.clone()).await;
    assert!(told.contains("person=M-1") && told.contains("email"), "{told}");
    club.takes("2", "person/delete", json!({"external_id": "M-1"})).await;
    club.takes("1", "person", odd).await;
    let answers = club.answers().await;
    assert_eq!(answers.len(), 3, "each is told");
    for answer in answers {
        assert_eq!((&answer["person"], &answer["warnings"]), (&Value::Null, &json!([])), "{answer}");
        assert_eq!(answer["outcome"], "accepted");
    }
}

#[tokio::test]
async fn a_document_full_of_mistakes_makes_no_endless_answer() {
    let club = club();
    let dues: Vec<_> = (0..400).map(|_| json!({"id": " ", "due_on": "2026-01-01"})).collect();
    let mut person = anna();
    (person["dues"], person["first_name"]) = (json!(dues), json!(" ".repeat(300)));
    club.takes("1", "person", person).await;
    let answer = club.answers().await.remove(0);
    assert_eq!(answer["problems"].as_array().unwrap().len(), 20);
    assert!(answer.to_string().len() < 16 * 1024, "{}", answer.to_string().len());
}

/// The blocks of JSON in the page for integrators, each with what its fence says of it.
fn examples() -> Vec<(&'static str, Value)> {
    let page = include_str!("../../../../docs/integrating.md");
    let block = |block: &'static str| {
        let (kind, rest) = block.split_once('\n').unwrap();
        let (json, _) = rest.split_once("```").unwrap();
        (kind.trim(), serde_json::from_str(json).unwrap_or_else(|why| panic!("{kind}: {why}")))
    };
    page.split("```json").skip(1).map(block).collect()
}

#[tokio::test]
async fn the_examples_for_integrators_are_obeyed_in_their_order() {
    let club = club();
    let commands: Vec<_> = examples().into_iter().filter(|(kind, _)| COMMANDS.contains(kind)).collect();
    let shown: std::collections::BTreeSet<_> = commands.iter().map(|(name, _)| *name).collect();
    assert_eq!(shown.len(), COMMANDS.len(), "each command has its example: {shown:?}");
    let mut action = Value::Null;
    for (at, (name, mut data)) in commands.into_iter().enumerate() {
        if name == "crm/action/advance" {
            data["id"] = action.clone();
        }
        let told = club.takes(&at.to_string(), name, data).await;
        assert!(told.contains(": Accepted accepted"), "{told}");
        let answer = club.answers().await.pop().unwrap();
        if name == "crm/action" {
            action = answer["action"].clone();
        }
        let (_, shown) = examples().into_iter().find(|(kind, _)| *kind == "answer").unwrap();
        let fields = |it: &Value| it.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(fields(&answer), fields(&shown["data"]), "the answer that is shown has the fields of every answer");
    }
}

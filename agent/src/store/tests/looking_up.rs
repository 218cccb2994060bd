//! A badge finds its person by one look into one index, whatever the reader's form.

use super::*;

fn badge(form: BadgeForm, value: &str) -> Badge {
    Badge::new(form, value).expect("a readable badge")
}

async fn identify(club: &Club, badge: Badge) -> Identified {
    club.store.at_gate("identifying", move |view| view.identify(&badge, at("09:00"))).await.expect("the read succeeds")
}

async fn external_id_of(club: &Club, badge: Badge) -> Option<String> {
    match identify(club, badge).await {
        Identified::Known(standing) => Some(standing.person.external_id.to_string()),
        Identified::Unknown | Identified::Ambiguous => None,
    }
}

pub(in crate::store) fn open_action(external_id: &str) -> ActionRecord {
    ActionRecord {
        id: CrmActionId(Uuid::now_v7()),
        person: Some(name(external_id)),
        action_type: name("call"),
        operator: "desk".to_owned(),
        text: "call back".to_owned(),
        due_on: Some(jiff::civil::date(2026, 12, 1)),
        purpose: None,
        valid_until: None,
        show_limit: Some(3),
        outcome: None,
        status: ActionStatus::Open,
        created_at: at("08:00"),
        next: None,
        note: None,
        shown: Vec::new(),
    }
}

#[tokio::test]
async fn a_card_is_found_as_printed_as_read_and_by_its_aliases() {
    let club = club();
    let mut anna = person("M-1", "01:00:63:e9:ae");
    anna.credentials[0].aliases = vec!["0006547886".to_owned()];
    club.put(anna).await;

    assert_eq!(external_id_of(&club, badge(BadgeForm::Hex, "010063E9AE")).await.as_deref(), Some("M-1"));
    assert_eq!(external_id_of(&club, badge(BadgeForm::Decimal, "6547886")).await.as_deref(), Some("M-1"));
    assert_eq!(
        external_id_of(&club, badge(BadgeForm::Hex, "10063E9AE")).await,
        None,
        "a shorter number is another card"
    );
    assert_eq!(identify(&club, badge(BadgeForm::Text, "nobody's")).await, Identified::Unknown);
}

#[tokio::test]
async fn a_card_in_use_goes_before_a_lost_one_and_two_in_use_are_ambiguous() {
    let club = club();
    let mut lost = person("M-1", "0042");
    lost.credentials[0].status = CredentialStatus::Lost;
    club.put(lost).await;
    let fob = || badge(BadgeForm::Decimal, "42");

    assert_eq!(external_id_of(&club, fob()).await.as_deref(), Some("M-1"), "the rules say what lost means");
    club.put(person("M-2", "42")).await;
    assert_eq!(external_id_of(&club, fob()).await.as_deref(), Some("M-2"));
    club.put(person("M-3", "00042")).await;
    assert_eq!(identify(&club, fob()).await, Identified::Ambiguous);
    assert_eq!(external_id_of(&club, badge(BadgeForm::Hex, "00042")).await.as_deref(), Some("M-3"));
}

#[tokio::test]
async fn a_put_replaces_the_document_and_the_credentials() {
    let club = club();
    let id = club.put(person("M-1", "A1")).await;
    let photographed = Person {
        last_name: "Bianchi".to_owned(),
        photo: Some(Photo { taken_at: at("08:00"), jpeg_base64: "/9j/".to_owned() }),
        ..person("M-1", "B2")
    };

    assert_eq!(club.put(photographed.clone()).await, id);

    assert_eq!(external_id_of(&club, badge(BadgeForm::Hex, "A1")).await, None);
    assert_eq!(external_id_of(&club, badge(BadgeForm::Hex, "B2")).await.as_deref(), Some("M-1"));
    let stored = club.read(|view| view.person(&name("M-1"))).await.expect("the person is there");
    assert_eq!(stored.person, photographed);
    assert_eq!(club.standing(id).await.person.photo, None, "a gate has no use for pictures");
}

#[tokio::test]
async fn a_value_claimed_twice_is_named_with_its_owner() {
    let club = club();
    club.put(person("M-1", "0A:1B")).await;

    let claims = club.read(|view| view.claims_by_others(&name("M-2"), &["0a1b", "A1B", "C3"])).await;
    let own = club.read(|view| view.claims_by_others(&name("M-1"), &["0a1b"])).await;

    assert_eq!(claims, [crate::store::Claim { value: "0a1b".to_owned(), owner: name("M-1") }]);
    assert_eq!(own, []);
}

#[tokio::test]
async fn people_are_found_as_a_desk_without_that_keyboard_types_them() {
    let club = club();
    let people = [("M-1", "Niccolò", "De Rossi"), ("M-2", "Åsa", "Öberg-Łuk"), ("m-3", "Anna", "D’Angelo")];
    for (at, (id, first_name, last_name)) in people.into_iter().enumerate() {
        let named =
            Person { first_name: first_name.into(), last_name: last_name.into(), ..person(id, &format!("A{at}")) };
        club.put(Person { email: Some(format!("{id}@Example.org")), ..named }).await;
    }
    let found = async |query: &'static str| {
        let page = club.read(move |view| view.people(Some(query), None, 100)).await;
        page.items.into_iter().map(|it| it.person.external_id.to_string()).collect::<Vec<_>>().join(" ")
    };
    for (query, who) in [
        ("Niccolo", "M-1"),
        ("NICCOLÒ", "M-1"),
        ("rossi", "M-1"),
        ("ross nic", "M-1"),
        ("Rossi, Niccolò", "M-1"),
        ("rossi anna", ""),
        ("oberg", "M-2"),
        ("öberg-luk", "M-2"),
        ("luk asa", "M-2"),
        ("d'angelo", "m-3"),
        ("dangelo a", "m-3"),
        ("angelo", "m-3"),
        ("m-1@EX", "M-1"),
        ("m-", "M-1 M-2 m-3"),
        ("M-2", "M-2"),
        ("a", "M-2 m-3"),
        ("ngelo", ""),
        ("%", ""),
        ("a b c d e f g h i j", ""),
    ] {
        assert_eq!(found(query).await, who, "{query}");
    }
    let renamed = Person { last_name: "Bianchi".into(), ..person("M-1", "A0") };
    club.put(renamed).await;
    assert_eq!((found("rossi").await, found("bianchi").await), (String::new(), "M-1".to_owned()));
}

#[tokio::test]
async fn people_are_found_by_the_beginning_of_any_name_in_pages() {
    let club = club();
    for number in 0..5 {
        let mut person = person(&format!("M-{number}"), &format!("A{number}"));
        person.first_name = format!("Anna {number}");
        club.put(person).await;
    }
    let found = async |query: &'static str| {
        let page = club.read(move |view| view.people(Some(query), None, 100)).await;
        page.items.into_iter().map(|it| it.person.external_id.to_string()).collect::<Vec<_>>()
    };

    assert_eq!(found("ros").await.len(), 5);
    assert_eq!(found("anna 3").await, ["M-3"]);
    assert_eq!(found("Rossi  Anna 2").await, ["M-2"]);
    assert_eq!(found("ANNA@EX").await.len(), 5);
    assert_eq!(found("M-4").await, ["M-4"]);
    assert_eq!(found("zz").await.len(), 0);
    let first = club.read(|view| view.people(Some("anna"), None, 3)).await;
    let cursor = first.next.clone();
    let second = club.read(move |view| view.people(Some("anna"), cursor.as_deref(), 3)).await;
    assert_eq!((first.items.len(), second.items.len(), second.next), (3, 2, None));
}

#[tokio::test]
async fn open_actions_come_with_what_their_type_says_and_concluded_ones_do_not() {
    let club = club();
    let anna = club.put(person("M-1", "A1")).await;
    let call: ActionType = serde_json::from_value(serde_json::json!({
        "name": "Call", "access_action": "message_and_block", "message": "Passa in reception", "default": true,
    }))
    .expect("a valid type");
    let (open, mut done) = (open_action("M-1"), open_action("M-1"));
    done.status = ActionStatus::Concluded;
    let open_id = open.id;
    let other_default = ActionType { name: "Other".to_owned(), ..call.clone() };
    club.write(move |tx| {
        assert!(tx.put_action_type(&name("call"), &call)?);
        assert!(tx.put_action_type(&name("other"), &other_default)?);
        tx.insert_action(&open, anna)?;
        tx.insert_action(&done, anna)
    })
    .await;

    let actions = club.standing(anna).await.actions;
    assert_eq!(actions.iter().map(|action| action.id).collect::<Vec<_>>(), [open_id]);
    assert_eq!(actions[0].access_action, AccessAction::MessageAndBlock);
    assert_eq!((actions[0].show_limit, actions[0].due_on), (Some(3), Some(jiff::civil::date(2026, 12, 1))));
    let types = club.read(|view| view.action_types()).await;
    let default: Vec<_> = types.iter().filter(|(_, it)| it.default).map(|(id, _)| id.to_string()).collect();
    assert_eq!(default, ["other"], "the new default takes the mark");
    let listed = club.read(|view| view.actions(Some(&name("M-1")), None, Some(ActionStatus::Open), None, 10)).await;
    assert_eq!(listed.items.len(), 1);
}

#[tokio::test]
async fn a_block_is_found_behind_any_number_of_actions_that_do_nothing_at_a_gate() {
    let club = club();
    let anna = club.put(person("M-1", "A1")).await;
    let types = [("mail", "none", false), ("old", "message_and_block", true), ("call", "message_and_block", false)];
    club.write(move |tx| {
        for (id, access_action, obsolete) in types {
            let document = serde_json::json!({"name": id, "access_action": access_action, "obsolete": obsolete});
            tx.put_action_type(&name(id), &serde_json::from_value(document).expect("a valid type"))?;
        }
        for kind in std::iter::repeat_n("mail", 100).chain(std::iter::repeat_n("old", 100)).chain(["call"]) {
            tx.insert_action(&ActionRecord { action_type: name(kind), ..open_action("M-1") }, anna)?;
        }
        Ok(())
    })
    .await;

    let actions = club.standing(anna).await.actions;
    assert_eq!((actions[0].access_action, actions[0].obsolete), (AccessAction::MessageAndBlock, false));
}

#[tokio::test]
async fn an_action_cannot_be_deleted_while_its_person_is_there() {
    let club = club();
    let anna = club.put(person("M-1", "A1")).await;
    let action = open_action("M-1");
    club.write(move |tx| tx.insert_action(&action, anna)).await;

    let deleted = club
        .store
        .write("deleting", |tx| crate::store::error::during("deleting", || tx.run("DELETE FROM crm_action", [])));

    assert!(deleted.await.expect_err("the trigger refuses").to_string().contains("cannot be deleted"));
}

//! Which badge is told, of several, and when: the first card or wristband that opens something at that moment.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Rules, Saying, Subject};
use crate::domain::{Credential, CredentialKind, CredentialStatus, FactKind, Person};

/// What Mywellness knows of a person's badge.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BadgeTold {
    /// As it was written down; none: it was taken back.
    pub badge: Option<String>,
}

/// What is to be said of the person's badge, given the one told last; `complete` asks for it whatever was told. The last
/// one of a person is taken back only where the club wrote down how.
#[must_use]
pub fn badge<'a>(
    subject: &Subject<'a>,
    told: Option<&BadgeTold>,
    rules: &Rules,
    complete: bool,
) -> Saying<&'a Credential> {
    let known = told.and_then(|told| told.badge.as_deref());
    match (worn(subject.person, subject.now.timestamp()), known) {
        (Some(it), known) if complete || known != Some(it.value.as_str()) => Saying::Tell(it),
        (Some(_), _) => Saying::Nothing,
        (None, Some(_)) if rules.takes_back.contains(&FactKind::Badge) => Saying::TakeBack,
        (None, _) => Saying::Nothing,
    }
}

/// The badge that a person is known by: the first in the order of their document. Codes on a screen or on paper are no
/// badge, and digits for a keypad are nobody else's business.
#[must_use]
pub fn worn(person: &Person, now: Timestamp) -> Option<&Credential> {
    person.credentials.iter().find(|it| is_badge(it) && opens_something(it, now))
}

fn is_badge(it: &Credential) -> bool {
    match it.kind {
        CredentialKind::Card | CredentialKind::Wristband => true,
        CredentialKind::Barcode | CredentialKind::Qr | CredentialKind::Pin | CredentialKind::Other => false,
    }
}

fn opens_something(it: &Credential, now: Timestamp) -> bool {
    it.status == CredentialStatus::Active
        && it.valid_from.is_none_or(|from| from <= now)
        && it.valid_until.is_none_or(|until| now <= until)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::{Value, json};

    use super::super::world::{anna, at, rules};
    use super::*;

    /// What is said of these credentials when Mywellness knows `told`.
    fn said(credentials: &Value, told: Option<BadgeTold>) -> String {
        let person = Person { credentials: serde_json::from_value(credentials.clone()).unwrap(), ..anna() };
        let now = at("2026-11-22T09:00:00Z");
        let subject = Subject { person: &person, photo_taken_at: None, now: &now };
        let takes_back = Rules { takes_back: vec![FactKind::Badge], ..rules() };
        let say = |rules, complete| match badge(&subject, told.as_ref(), rules, complete) {
            Saying::Tell(it) => it.value.clone(),
            Saying::TakeBack => "taken back".to_owned(),
            Saying::Nothing => "-".to_owned(),
        };
        [say(&rules(), false), say(&takes_back, false), say(&rules(), true)].join("; ")
    }

    #[test]
    fn the_first_badge_that_opens_something_is_told_and_again_when_it_is_another() {
        let (a, b) = (json!({"value": "A1"}), json!({"value": "B2", "kind": "wristband"}));
        let lost = json!({"value": "A1", "status": "lost"});
        let revoked = json!({"value": "A1", "status": "revoked"});
        let over = json!({"value": "A1", "valid_until": "2026-11-22T08:59:59Z"});
        let not_yet = json!({"value": "A1", "valid_from": "2026-11-22T09:00:01Z"});
        let just = json!({"value": "A1", "valid_from": "2026-11-22T09:00:00Z", "valid_until": "2026-11-22T09:00:00Z"});
        let codes: Vec<_> =
            ["pin", "qr", "barcode", "other"].map(|kind| json!({"value": format!("1{kind}"), "kind": kind})).into();
        let cases = [
            ("one", json!([a]), None),
            ("the very one", json!([a]), Some("A1")),
            ("another", json!([b]), Some("A1")),
            ("two", json!([a, b]), None),
            ("another after it", json!([a, b]), Some("A1")),
            ("another before it", json!([b, a]), Some("A1")),
            ("lost, and another", json!([lost, b]), Some("A1")),
            ("lost", json!([lost]), Some("A1")),
            ("revoked", json!([revoked]), Some("A1")),
            ("revoked, never told", json!([revoked]), None),
            ("over", json!([over]), Some("A1")),
            ("not yet", json!([not_yet]), None),
            ("just so long", json!([just]), None),
            ("codes only", json!(codes), None),
            ("none", json!([]), Some("A1")),
            ("none, taken back before", json!([]), Some("taken back")),
            ("there again", json!([a]), Some("taken back")),
        ];
        let mut table = String::from("case: said; where it can be taken back; when all is asked for\n");
        for (name, credentials, told) in cases {
            let told = told.map(|told| BadgeTold { badge: (told != "taken back").then(|| told.to_owned()) });
            table += &format!("{name}: {}\n", said(&credentials, told));
        }
        expect![[r#"
            case: said; where it can be taken back; when all is asked for
            one: A1; A1; A1
            the very one: -; -; A1
            another: B2; B2; B2
            two: A1; A1; A1
            another after it: -; -; A1
            another before it: B2; B2; B2
            lost, and another: B2; B2; B2
            lost: -; taken back; -
            revoked: -; taken back; -
            revoked, never told: -; -; -
            over: -; taken back; -
            not yet: -; -; -
            just so long: A1; A1; A1
            codes only: -; -; -
            none: -; taken back; -
            none, taken back before: -; -; -
            there again: A1; A1; A1
        "#]]
        .assert_eq(&table);
    }
}

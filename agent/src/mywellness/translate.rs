//! Our words into theirs: a person, a membership and a visit as bodies of the contract. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Config;
use super::selection::{is_frozen, makes_member};
use super::wire::{CreateBody, MembershipBody, Operation, UpdateBody, VisitBody};
use crate::domain::{Gender, Membership, MembershipKind, Person};

/// What is told of a membership without an end: a subscription there needs an end, and no integration shows an open one.
const OPEN_END: Date = jiff::civil::date(2099, 12, 31);

/// Fields that Mywellness requires and the document lacks, by our names.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("required by Mywellness and missing: {}", .0.join(", "))]
pub(super) struct Missing(pub(super) Vec<&'static str>);

/// A person as a new one there. First name, last name and birth date are always required; e-mail and gender by configuration.
pub(super) fn create(person: &Person, config: &Config) -> Result<CreateBody, Missing> {
    let (first_name, last_name, email) = (said(&person.first_name), said(&person.last_name), email(person));
    let required = [
        ("first_name", first_name.is_some()),
        ("last_name", last_name.is_some()),
        ("birth_date", person.birth_date.is_some()),
        ("email", email.is_some() || !config.email_required),
        ("gender", person.gender.is_some() || !config.gender_required),
    ];
    let missing = || Missing(required.iter().filter(|(_, is_there)| !is_there).map(|(name, _)| *name).collect());
    if required.iter().any(|(_, is_there)| !is_there) {
        return Err(missing());
    }
    Ok(CreateBody {
        external_id: person.external_id.as_str().into(),
        first_name: first_name.ok_or_else(missing)?,
        last_name: last_name.ok_or_else(missing)?,
        date_of_birth: day(person.birth_date.ok_or_else(missing)?),
        gender: person.gender.map(gender),
        email,
    })
}

/// A person's personalia, for one who is known there. The e-mail stays as it was at creation: it is the member's own
/// login there, and no two integrations agree that it can be changed.
pub(super) fn update(person: &Person) -> UpdateBody {
    let address = person.address.clone().unwrap_or_default();
    let text = |text: &Option<String>| text.as_deref().and_then(said);
    UpdateBody {
        first_name: said(&person.first_name),
        last_name: said(&person.last_name),
        birth_date: person.birth_date.map(day),
        gender: person.gender.map(gender),
        address1: text(&address.street),
        zip_code: text(&address.zip),
        city: text(&address.city),
        state_province: text(&address.province),
        phone_number: text(&person.phone),
        mobile_phone_number: text(&person.mobile),
        groups: None,
    }
}

/// The person's groups by their ids there; groups without one are not told.
pub(super) fn groups(person: &Person, ids: &BTreeMap<String, i64>) -> UpdateBody {
    let known = person.groups.iter().filter_map(|name| ids.get(name).copied()).collect();
    UpdateBody { groups: Some(known), ..UpdateBody::default() }
}

/// The one membership state that Mywellness keeps of a person; none if no product of theirs ever gave membership.
pub(super) fn membership(person: &Person, today: Date) -> Option<MembershipBody> {
    let gives = |it: &&Membership| it.kind == MembershipKind::Subscription && it.gives_membership;
    let ahead = |it: &&Membership| (!is_frozen(it, today), it.ends_on.unwrap_or(Date::MAX));
    let current = person.memberships.iter().filter(|it| makes_member(it, today)).max_by_key(ahead);
    if let Some(chosen) = current {
        // All three dates are required there; the nearest known one stands in for an unknown one.
        let first = chosen.starts_on.or(person.member_since).unwrap_or(today);
        return Some(MembershipBody {
            operation: if is_frozen(chosen, today) { Operation::Froze } else { Operation::Subscribe },
            member_since: Some(day(person.member_since.unwrap_or(first))),
            start_on: Some(day(first)),
            expires_on: Some(day(chosen.ends_on.unwrap_or(OPEN_END))),
            description: String::new(),
        });
    }
    let last = person.memberships.iter().filter(gives).filter(|it| it.starts_on.is_none_or(|first| first <= today));
    // One ended before its time ends today: when it was ended is not told to us.
    let ended_on = last.map(|it| it.ends_on.map_or(today, |end| end.min(today))).max()?;
    Some(MembershipBody {
        operation: Operation::UnSubscribe,
        member_since: None,
        start_on: None,
        expires_on: Some(day(ended_on)),
        description: String::new(),
    })
}

/// A visit at its local time, with the offset that held at that moment: the hour that comes twice in autumn stays two.
pub(super) fn visit(started_at: Timestamp, timezone: &TimeZone) -> VisitBody {
    VisitBody { visit_date: moment(started_at, timezone) }
}

/// A moment as Mywellness writes it: local time with the offset that held then.
pub(super) fn moment(at: Timestamp, timezone: &TimeZone) -> String {
    at.to_zoned(timezone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

fn said(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn email(person: &Person) -> Option<String> {
    person.email.as_deref().and_then(said)
}

fn day(date: Date) -> String {
    date.to_string()
}

fn gender(gender: Gender) -> &'static str {
    match gender {
        Gender::M => "M",
        Gender::F => "F",
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use jiff::civil::date;
    use serde_json::{Value, json};

    use super::*;
    use crate::mywellness::pretend;

    const TODAY: Date = date(2026, 11, 21);

    fn as_json(body: &impl serde::Serialize) -> String {
        serde_json::to_string_pretty(body).unwrap()
    }

    #[test]
    fn a_person_is_created_with_the_fields_of_the_contract_and_no_others() {
        let body = create(&pretend::anna(), &pretend::config("http://127.0.0.1:1")).unwrap();
        expect![[r#"
            {
              "externalId": "M-1001",
              "firstName": "Anna",
              "lastName": "Rossi",
              "dateOfBirth": "1990-04-12",
              "gender": "F",
              "email": "anna@example.org"
            }"#]]
        .assert_eq(&as_json(&body));
    }

    #[test]
    fn everything_that_is_missing_is_named_at_once() {
        let mut config = pretend::config("http://127.0.0.1:1");
        let mut anna = pretend::anna();
        (anna.last_name, anna.birth_date, anna.gender, anna.email) = ("  ".into(), None, None, Some(" ".into()));
        let missing = |config: &Config| create(&anna, config).unwrap_err().to_string();
        assert_eq!(missing(&config), "required by Mywellness and missing: last_name, birth_date, email, gender");
        (config.email_required, config.gender_required) = (false, false);
        assert_eq!(missing(&config), "required by Mywellness and missing: last_name, birth_date");
    }

    #[test]
    fn what_the_configuration_does_not_require_is_left_out_when_unknown() {
        let mut config = pretend::config("http://127.0.0.1:1");
        (config.email_required, config.gender_required) = (false, false);
        let mut anna = pretend::anna();
        (anna.gender, anna.email) = (None, None);
        let body = serde_json::to_value(create(&anna, &config).unwrap()).unwrap();
        assert_eq!(body.get("gender").or(body.get("email")), None);
    }

    #[test]
    fn an_update_tells_what_is_known_and_leaves_the_rest_as_it_is() {
        expect![[r#"
            {
              "firstName": "Anna",
              "lastName": "Rossi",
              "birthDate": "1990-04-12",
              "gender": "F",
              "address1": "Via Roma 1",
              "zipCode": "20121",
              "city": "Milano",
              "stateProvince": "MI",
              "mobilePhoneNumber": "+39 333 1234567"
            }"#]]
        .assert_eq(&as_json(&update(&pretend::anna())));
    }

    #[test]
    fn only_groups_with_an_id_there_are_told() {
        let mut anna = pretend::anna();
        anna.groups = vec!["Gold".into(), "Choir".into()];
        let ids = BTreeMap::from([("Gold".to_owned(), 12)]);
        assert_eq!(serde_json::to_value(groups(&anna, &ids)).unwrap(), json!({"groups": [12]}));
        anna.groups.clear();
        assert_eq!(serde_json::to_value(groups(&anna, &ids)).unwrap(), json!({"groups": []}));
    }

    #[test]
    fn a_visit_carries_the_offset_of_its_own_moment() {
        let rome = TimeZone::get("Europe/Rome").unwrap();
        let told = |at: &str| visit(at.parse().unwrap(), &rome).visit_date;
        assert_eq!(told("2026-07-01T07:30:00Z"), "2026-07-01 09:30:00 +02:00");
        assert_eq!(told("2026-12-01T07:30:00.999Z"), "2026-12-01 08:30:00 +01:00");
        // The night on which 02:30 comes twice, and the one on which it never comes.
        assert_eq!(told("2026-10-25T00:30:00Z"), "2026-10-25 02:30:00 +02:00");
        assert_eq!(told("2026-10-25T01:30:00Z"), "2026-10-25 02:30:00 +01:00");
        assert_eq!(told("2026-03-29T00:59:59Z"), "2026-03-29 01:59:59 +01:00");
        assert_eq!(told("2026-03-29T01:00:00Z"), "2026-03-29 03:00:00 +02:00");
        let caracas = TimeZone::get("America/Caracas").unwrap();
        assert_eq!(visit("2026-02-10T13:00:00Z".parse().unwrap(), &caracas).visit_date, "2026-02-10 09:00:00 -04:00");
    }

    fn check(memberships: Value, expected: Expect) {
        let mut anna = pretend::anna();
        anna.memberships = serde_json::from_value(memberships).unwrap();
        let body = membership(&anna, TODAY).map(|body| serde_json::to_string(&body).unwrap());
        expected.assert_eq(body.as_deref().unwrap_or("nothing"));
    }

    fn gold(id: &str, ends_on: Option<&str>, frozen: Option<Value>) -> Value {
        json!({"id": id, "kind": "subscription", "gives_membership": true, "starts_on": "2026-01-01",
            "ends_on": ends_on, "frozen": frozen, "auto_renew": true})
    }

    #[test]
    fn the_membership_reaching_furthest_is_told_and_a_frozen_one_only_if_there_is_no_other() {
        check(
            json!([gold("S-1", Some("2026-12-31"), None), gold("S-2", Some("2027-06-30"), None)]),
            expect![[
                r#"{"operation":"Subscribe","memberSince":"2021-09-01","startOn":"2026-01-01","expiresOn":"2027-06-30","description":""}"#
            ]],
        );
        check(
            json!([gold("S-1", Some("2026-12-31"), None), gold("S-2", None, Some(json!({})))]),
            expect![[
                r#"{"operation":"Subscribe","memberSince":"2021-09-01","startOn":"2026-01-01","expiresOn":"2026-12-31","description":""}"#
            ]],
        );
        check(
            json!([gold("S-2", None, Some(json!({})))]),
            expect![[
                r#"{"operation":"Froze","memberSince":"2021-09-01","startOn":"2026-01-01","expiresOn":"2099-12-31","description":""}"#
            ]],
        );
    }

    #[test]
    fn a_member_without_an_active_subscription_is_unsubscribed_and_a_stranger_to_membership_is_not_told() {
        check(
            json!([gold("S-1", Some("2026-10-31"), None)]),
            expect![[r#"{"operation":"UnSubscribe","expiresOn":"2026-10-31","description":""}"#]],
        );
        check(json!([]), expect!["nothing"]);
        check(json!([{"id": "C-1", "kind": "punch_card", "entries_left": 3}]), expect!["nothing"]);
    }
}

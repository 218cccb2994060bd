//! Our words into theirs: a person, a membership and a visit as bodies of the contract. Pure.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::wire::{CreateBody, MembershipBody, UpdateBody, VisitBody};
use crate::domain::Person;
use crate::sync::{self, MembershipTold, Missing, Operation, Personalia, Rules};

/// A person as a new one there. First name, last name and birth date are always required; e-mail and gender by configuration.
pub(super) fn create(person: &Person, rules: &Rules) -> Result<CreateBody, Missing> {
    let missing = sync::missing(person, rules);
    let Personalia { first_name, last_name, birth_date, gender, .. } = Personalia::of(person);
    match (first_name, last_name, birth_date) {
        (Some(first_name), Some(last_name), Some(date_of_birth)) if missing.is_empty() => Ok(CreateBody {
            external_id: person.external_id.as_str().into(),
            first_name,
            last_name,
            date_of_birth,
            gender,
            email: person.email.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned),
        }),
        _ => Err(Missing(missing)),
    }
}

/// The part of a person's data that is to be told, for one who is known there.
pub(super) fn update(told: Personalia) -> UpdateBody {
    let Personalia { first_name, last_name, birth_date, gender, street, zip, city, province, phone, mobile } = told;
    UpdateBody {
        first_name,
        last_name,
        birth_date,
        gender,
        address1: street,
        zip_code: zip,
        city,
        state_province: province,
        phone_number: phone,
        mobile_phone_number: mobile,
        groups: None,
    }
}

/// The ids of a person's groups there.
pub(super) fn groups(ids: &[i64]) -> UpdateBody {
    UpdateBody { groups: Some(ids.to_vec()), ..UpdateBody::default() }
}

/// One step of a membership. To end or freeze one takes its last day alone, as the one integration that shows it does.
pub(super) fn membership(operation: Operation, wanted: &MembershipTold) -> MembershipBody {
    let MembershipTold { member_since, starts_on, ends_on, phase: _ } = wanted;
    let is_whole = match operation {
        Operation::Subscribe | Operation::Renew | Operation::Update => true,
        Operation::UnSubscribe | Operation::Froze | Operation::UnFroze => false,
    };
    let dated = |date: &Option<Date>| date.filter(|_| is_whole).map(|date| date.to_string());
    MembershipBody {
        operation: word(operation),
        member_since: dated(member_since),
        start_on: dated(starts_on),
        expires_on: Some(ends_on.to_string()),
        description: String::new(),
    }
}

/// The spellings are Mywellness's.
fn word(operation: Operation) -> &'static str {
    match operation {
        Operation::Subscribe => "Subscribe",
        Operation::Renew => "Renew",
        Operation::Update => "Update",
        Operation::Froze => "Froze",
        Operation::UnFroze => "UnFroze",
        Operation::UnSubscribe => "UnSubscribe",
    }
}

/// A visit at its local time, with the offset that held at that moment: the hour that comes twice in autumn stays two.
pub(super) fn visit(started_at: Timestamp, timezone: &TimeZone) -> VisitBody {
    VisitBody { visit_date: moment(started_at, timezone) }
}

/// A moment as Mywellness writes it: local time with the offset that held then.
pub(super) fn moment(at: Timestamp, timezone: &TimeZone) -> String {
    at.to_zoned(timezone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;
    use crate::mywellness::pretend;
    use crate::sync::Phase;

    fn as_json(body: &impl serde::Serialize) -> String {
        serde_json::to_string_pretty(body).unwrap()
    }

    #[test]
    fn a_person_is_created_with_the_fields_of_the_contract_and_no_others() {
        let body = create(&pretend::anna(), &pretend::rules()).unwrap();
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
    fn what_the_configuration_does_not_require_is_left_out_when_unknown() {
        let lenient = Rules { email_required: false, gender_required: false, ..pretend::rules() };
        let mut anna = pretend::anna();
        (anna.gender, anna.email) = (None, None);
        let body = serde_json::to_value(create(&anna, &lenient).unwrap()).unwrap();
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
        .assert_eq(&as_json(&update(Personalia::of(&pretend::anna()))));
    }

    #[test]
    fn groups_are_told_as_a_whole_list() {
        assert_eq!(serde_json::to_value(groups(&[12])).unwrap(), json!({"groups": [12]}));
        assert_eq!(serde_json::to_value(groups(&[])).unwrap(), json!({"groups": []}));
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

    #[test]
    fn each_operation_of_a_membership_carries_what_the_contract_shows_for_it() {
        let day = |text: &str| text.parse().unwrap();
        let wanted = MembershipTold {
            phase: Phase::Active,
            member_since: Some(day("2021-09-01")),
            starts_on: Some(day("2026-01-01")),
            ends_on: day("2026-12-31"),
        };
        use Operation::{Froze, Renew, Subscribe, UnFroze, UnSubscribe, Update};
        let told: Vec<_> = [Subscribe, Renew, Update, Froze, UnFroze, UnSubscribe]
            .map(|operation| serde_json::to_string(&membership(operation, &wanted)).unwrap())
            .into();
        expect![[r#"
            {"operation":"Subscribe","memberSince":"2021-09-01","startOn":"2026-01-01","expiresOn":"2026-12-31","description":""}
            {"operation":"Renew","memberSince":"2021-09-01","startOn":"2026-01-01","expiresOn":"2026-12-31","description":""}
            {"operation":"Update","memberSince":"2021-09-01","startOn":"2026-01-01","expiresOn":"2026-12-31","description":""}
            {"operation":"Froze","expiresOn":"2026-12-31","description":""}
            {"operation":"UnFroze","expiresOn":"2026-12-31","description":""}
            {"operation":"UnSubscribe","expiresOn":"2026-12-31","description":""}"#]]
        .assert_eq(&told.join("\n"));
    }
}

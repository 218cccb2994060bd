//! A person's own data as Mywellness knows them, and what of it differs from what was told last.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::{Gender, Person};

/// What is told of a person beside the key and the e-mail. What is unknown is not told, and stays there as it is.
///
/// The e-mail is told once, when the person is made known: it is the member's own login there, and no two integrations
/// agree that it can be changed.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Personalia {
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// Day of birth, `yyyy-MM-dd`.
    pub birth_date: Option<String>,
    /// `M` or `F`.
    pub gender: Option<String>,
    /// Street and number.
    pub street: Option<String>,
    /// Postal code.
    pub zip: Option<String>,
    /// City.
    pub city: Option<String>,
    /// Province or state.
    pub province: Option<String>,
    /// Telephone.
    pub phone: Option<String>,
    /// Mobile telephone.
    pub mobile: Option<String>,
}

impl Personalia {
    /// What a document says.
    #[must_use]
    pub fn of(person: &Person) -> Self {
        let address = person.address.clone().unwrap_or_default();
        let text = |text: &Option<String>| text.as_deref().and_then(said);
        Self {
            first_name: said(&person.first_name),
            last_name: said(&person.last_name),
            birth_date: person.birth_date.map(|day| day.to_string()),
            gender: person.gender.map(|gender| word(gender).to_owned()),
            street: text(&address.street),
            zip: text(&address.zip),
            city: text(&address.city),
            province: text(&address.province),
            phone: text(&person.phone),
            mobile: text(&person.mobile),
        }
    }

    /// The part that is told when a person is made known.
    #[must_use]
    pub fn at_creation(&self) -> Self {
        let Self { first_name, last_name, birth_date, gender, .. } = self.clone();
        Self { first_name, last_name, birth_date, gender, ..Self::default() }
    }

    /// The fields that say something else than what was `told`.
    #[must_use]
    pub fn differing(&self, told: &Self) -> Self {
        let mut changed = self.clone();
        for (field, known) in changed.fields_mut().into_iter().zip(told.fields()) {
            if field == known {
                *field = None;
            }
        }
        changed
    }

    /// What is known there once this was told too.
    #[must_use]
    pub fn after(&self, told: &Self) -> Self {
        let mut known = told.clone();
        for (field, new) in known.fields_mut().into_iter().zip(self.fields()) {
            if new.is_some() {
                field.clone_from(new);
            }
        }
        known
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields().iter().all(|field| field.is_none())
    }

    fn fields(&self) -> [&Option<String>; 10] {
        let Self { first_name, last_name, birth_date, gender, street, zip, city, province, phone, mobile } = self;
        [first_name, last_name, birth_date, gender, street, zip, city, province, phone, mobile]
    }

    fn fields_mut(&mut self) -> [&mut Option<String>; 10] {
        let Self { first_name, last_name, birth_date, gender, street, zip, city, province, phone, mobile } = self;
        [first_name, last_name, birth_date, gender, street, zip, city, province, phone, mobile]
    }
}

/// A person's groups by their ids there, in order: only a group of exactly the same name has one.
#[must_use]
pub fn group_ids(person: &Person, ids: &BTreeMap<String, i64>) -> Vec<i64> {
    let mut known: Vec<i64> = person.groups.iter().filter_map(|name| ids.get(name).copied()).collect();
    known.sort_unstable();
    known.dedup();
    known
}

/// A text that says something.
pub(super) fn said(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn word(gender: Gender) -> &'static str {
    match gender {
        Gender::M => "M",
        Gender::F => "F",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn anna() -> Person {
        serde_json::from_value(json!({"external_id": "M-1", "first_name": " Anna ", "last_name": "Rossi",
            "birth_date": "1990-04-12", "gender": "F", "email": "anna@example.org", "mobile": "+39 333 1234567",
            "phone": " ", "address": {"street": "Via Roma 1", "city": "Milano"}, "groups": ["Gold", "Choir", "gold"]}))
        .unwrap()
    }

    #[test]
    fn only_what_changed_is_told_and_what_is_unknown_stays_as_it_is() {
        let before = Personalia::of(&anna());
        let mut changed = anna();
        (changed.mobile, changed.phone, changed.address) = (None, Some("02 1".into()), anna().address);
        let changed = Personalia::of(&changed);
        let told = changed.differing(&before);
        assert_eq!(told, Personalia { phone: Some("02 1".into()), ..Personalia::default() });
        let known = told.after(&before);
        assert_eq!((known.phone.as_deref(), known.mobile.as_deref()), (Some("02 1"), Some("+39 333 1234567")));
        assert!(changed.differing(&known).is_empty(), "and not told again");
    }

    #[test]
    fn only_groups_of_exactly_the_same_name_have_an_id() {
        let ids = BTreeMap::from([("Gold".to_owned(), 12), ("Choir ".to_owned(), 3)]);
        assert_eq!(group_ids(&anna(), &ids), [12]);
    }

    fn any_personalia() -> impl Strategy<Value = Personalia> {
        proptest::collection::vec(proptest::option::of("[ab]"), 10).prop_map(|texts| {
            let mut it = Personalia::default();
            it.fields_mut().into_iter().zip(texts).for_each(|(field, text)| *field = text);
            it
        })
    }

    proptest! {
        #[test]
        fn whatever_was_told_nothing_differs_once_the_difference_was_told(new in any_personalia(), told in any_personalia()) {
            let difference = new.differing(&told);
            let known = difference.after(&told);
            prop_assert!(new.differing(&known).is_empty());
            for ((wanted, before), after) in new.fields().into_iter().zip(told.fields()).zip(known.fields()) {
                prop_assert_eq!(after, if wanted.is_some() { wanted } else { before });
            }
        }
    }
}

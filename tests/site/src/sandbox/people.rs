//! The people of the facility, found by each of their ids and by what Mywellness compares, in the same time among ten
//! and among a hundred thousand.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::membership::{Membership, Status};

/// People the sandbox holds; beyond them it refuses to make more, as a demo facility would.
pub(super) const PEOPLE_MAX: usize = 250_000;

/// What Mywellness compares: exactly equal is the same person.
const MATCH_KEY: [&str; 4] = ["firstName", "lastName", "birthDate", "gender"];

/// A person with a Mywellness account from elsewhere, to be matched.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Birth date, `yyyy-MM-dd`.
    pub birth_date: String,
    /// `M` or `F`.
    pub gender: String,
    /// E-mail.
    pub email: String,
    /// Whom another integration has linked already.
    pub external_id: Option<String>,
}

impl Known {
    /// The account a person of an import document already has.
    pub fn of_document(person: &Value) -> Self {
        let text = |field: &str| person[field].as_str().unwrap_or_default().to_owned();
        Self {
            first_name: text("first_name"),
            last_name: text("last_name"),
            birth_date: text("birth_date"),
            gender: text("gender"),
            email: text("email"),
            external_id: None,
        }
    }

    fn profile(&self) -> Map<String, Value> {
        let profile = json!({
            "firstName": self.first_name, "lastName": self.last_name, "birthDate": self.birth_date,
            "gender": self.gender, "email": self.email,
        });
        let Value::Object(profile) = profile else { unreachable!("an object was just written") };
        profile
    }
}

/// A person of the facility, or one of Mywellness who is not in it yet.
#[derive(Debug, Clone, Serialize)]
pub struct Person {
    /// The global user: visits.
    pub user_id: String,
    /// The person in this club: update, membership, deletion.
    pub facility_user_id: String,
    /// An opaque lasting handle.
    pub permanent_token: String,
    /// The club's own number, once linked.
    pub external_id: Option<String>,
    /// Every field sent, under the name it has in `Update`.
    pub profile: Map<String, Value>,
    /// Group ids, as sent last.
    pub groups: Vec<i64>,
    /// The one membership.
    pub membership: Option<Membership>,
    /// Whether `Delete` was called.
    pub deleted: bool,
    /// Whether they are a person of this club; if not, they are known to Mywellness from another one.
    pub in_club: bool,
}

impl Person {
    /// What the portal shows of them on that day.
    pub fn status(&self, today: &str) -> Status {
        Status::of(self.membership.as_ref(), today)
    }

    /// Whether the club's calls can reach them.
    pub(super) fn is_reachable(&self) -> bool {
        self.in_club && !self.deleted
    }
}

type MatchKey = [Value; 4];

/// All of them, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct People {
    list: Vec<Person>,
    by_user: HashMap<String, usize>,
    by_facility_user: HashMap<String, usize>,
    by_permanent_token: HashMap<String, usize>,
    by_external_id: HashMap<String, usize>,
    alike: HashMap<MatchKey, Vec<usize>>,
}

impl People {
    pub(super) fn all(&self) -> &[Person] {
        &self.list
    }

    pub(super) fn by_user(&self, user: &str) -> Option<&Person> {
        self.reachable(self.by_user.get(user))
    }

    pub(super) fn by_permanent_token(&self, token: &str) -> Option<&Person> {
        self.reachable(self.by_permanent_token.get(token))
    }

    pub(super) fn by_external_id(&self, external_id: &str) -> Option<&Person> {
        self.reachable(self.by_external_id.get(external_id))
    }

    pub(super) fn by_facility_user(&self, facility_user: &str) -> Option<&Person> {
        self.reachable(self.by_facility_user.get(facility_user))
    }

    /// Who is meant by an id in a path, of either kind, deleted ones included.
    pub(super) fn named(&self, id: &str) -> Option<&Person> {
        let index = self.by_facility_user.get(id).or_else(|| self.by_user.get(id))?;
        self.list.get(*index)
    }

    /// Everybody whom Mywellness cannot tell from this profile, whether they are in this club or not.
    pub(super) fn alike(&self, profile: &Map<String, Value>) -> Vec<&Person> {
        let indices = self.alike.get(&match_key(profile)).map_or(&[][..], Vec::as_slice);
        indices.iter().map(|index| &self.list[*index]).collect()
    }

    /// A new person of this club; none if there is no room for more.
    pub(super) fn add(&mut self, profile: Map<String, Value>, external_id: Option<String>) -> Option<&Person> {
        self.insert(profile, external_id, true)
    }

    pub(super) fn know(&mut self, known: &Known) -> Option<&Person> {
        self.insert(known.profile(), known.external_id.clone(), true)
    }

    pub(super) fn know_elsewhere(&mut self, known: &Known) {
        self.insert(known.profile(), None, false);
    }

    /// Takes one whom Mywellness knows into the club, under the club's number unless they already have another one: it
    /// is for the caller to notice that the ids are not new to it.
    pub(super) fn join(&mut self, user: &str, external_id: &str) -> Option<&Person> {
        let index = *self.by_user.get(user)?;
        let person = &mut self.list[index];
        person.in_club = true;
        if person.external_id.is_none() {
            person.external_id = Some(external_id.to_owned());
            self.by_external_id.insert(external_id.to_owned(), index);
        }
        Some(&self.list[index])
    }

    /// Changes one; what they are found by follows.
    pub(super) fn change<T>(&mut self, facility_user: &str, change: impl FnOnce(&mut Person) -> T) -> Option<T> {
        let index = *self.by_facility_user.get(facility_user)?;
        if !self.list[index].is_reachable() {
            return None;
        }
        self.forget_likeness(index);
        let changed = change(&mut self.list[index]);
        if !self.list[index].deleted {
            self.note_likeness(index);
        }
        Some(changed)
    }

    fn reachable(&self, index: Option<&usize>) -> Option<&Person> {
        self.list.get(*index?).filter(|person| person.is_reachable())
    }

    fn insert(&mut self, profile: Map<String, Value>, external_id: Option<String>, in_club: bool) -> Option<&Person> {
        if self.list.len() >= PEOPLE_MAX {
            return None;
        }
        let index = self.list.len();
        let person = Person {
            user_id: Uuid::new_v4().to_string(),
            facility_user_id: Uuid::new_v4().to_string(),
            permanent_token: format!("pt-{}", Uuid::new_v4().simple()),
            external_id,
            profile,
            groups: Vec::new(),
            membership: None,
            deleted: false,
            in_club,
        };
        self.by_user.insert(person.user_id.clone(), index);
        self.by_facility_user.insert(person.facility_user_id.clone(), index);
        self.by_permanent_token.insert(person.permanent_token.clone(), index);
        if let Some(external_id) = &person.external_id {
            self.by_external_id.insert(external_id.clone(), index);
        }
        self.list.push(person);
        self.note_likeness(index);
        self.list.last()
    }

    fn note_likeness(&mut self, index: usize) {
        self.alike.entry(match_key(&self.list[index].profile)).or_default().push(index);
    }

    fn forget_likeness(&mut self, index: usize) {
        if let Some(alike) = self.alike.get_mut(&match_key(&self.list[index].profile)) {
            alike.retain(|it| *it != index);
        }
    }
}

fn match_key(profile: &Map<String, Value>) -> MatchKey {
    MATCH_KEY.map(|field| profile.get(field).cloned().unwrap_or_default())
}

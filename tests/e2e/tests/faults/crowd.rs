//! Ten thousand people of one club who are told to Mywellness: most as they should be, some incomplete, some whom it cannot
//! tell from others, some whom it knows already; and what Mywellness must have of each in the end.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use jiff::Zoned;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::Value;
use site::members::{Member, Situation, members};
use site::sandbox::{Book, Known, Membership, Person};

/// What Mywellness makes of somebody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// Nobody there is like them: they are made.
    Made,
    /// One there is like them: they are linked.
    Found,
    /// Two there are like them: an operator decides.
    Ambiguous,
    /// Their document lacks this field: they never go.
    Lacks(&'static str),
}

/// One of them.
pub(crate) struct Guest {
    pub(crate) member: Member,
    pub(crate) fate: Fate,
}

impl Guest {
    pub(crate) fn id(&self) -> &str {
        self.member.external_id()
    }

    /// Whether Mywellness must have them in the end.
    pub(crate) fn is_expected(&self) -> bool {
        matches!(self.fate, Fate::Made | Fate::Found)
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.member.document[field].as_str()
    }

    /// Fails unless this is the person there.
    pub(crate) fn is_there_as(&self, person: &Person) -> Result<()> {
        let address = |field: &str| self.member.document["address"][field].as_str();
        let profile = [
            ("firstName", self.text("first_name")),
            ("lastName", self.text("last_name")),
            ("birthDate", self.text("birth_date")),
            ("gender", self.text("gender")),
            ("email", self.text("email")),
            ("mobilePhoneNumber", self.text("mobile")),
            ("address1", address("street")),
            ("zipCode", address("zip")),
            ("city", address("city")),
            ("stateProvince", address("province")),
        ];
        for (field, wanted) in profile {
            let found = person.profile.get(field).and_then(Value::as_str);
            ensure!(found == wanted, "{}: {field} is {found:?} there and {wanted:?} here", self.id());
        }
        let (found, wanted) = (person.membership.as_ref().map(Standing::of), self.membership());
        ensure!(found == wanted, "{}: the membership is {found:?} there and {wanted:?} here", self.id());
        ensure!(!person.deleted && person.in_club, "{}: not a person of the club there", self.id());
        Ok(())
    }

    /// The membership that Mywellness must show.
    fn membership(&self) -> Option<Standing> {
        let membership = &self.member.document["memberships"][0];
        let day = |field: &str| membership[field].as_str().map(str::to_owned);
        let (starts_on, ends_on) = (day("starts_on"), day("ends_on"));
        match self.member.situation {
            Situation::NotYet | Situation::PunchCard(_) | Situation::Staff => None,
            Situation::Expired => Some(Standing { active: false, frozen: false, starts_on: None, ends_on }),
            frozen @ (Situation::Frozen
            | Situation::Current
            | Situation::DuesOverdue
            | Situation::CertificateExpired
            | Situation::CertificateMissing
            | Situation::FeeExpired
            | Situation::Banned
            | Situation::CardLost
            | Situation::NotSynced) => {
                Some(Standing { active: true, frozen: frozen == Situation::Frozen, starts_on, ends_on })
            }
        }
    }
}

/// A membership as the portal shows it.
#[derive(PartialEq, Eq, Debug)]
struct Standing {
    active: bool,
    frozen: bool,
    starts_on: Option<String>,
    ends_on: Option<String>,
}

impl Standing {
    fn of(it: &Membership) -> Self {
        let (starts_on, ends_on) = (it.start_on.clone(), it.expires_on.clone());
        Self { active: it.active, frozen: it.frozen, starts_on, ends_on }
    }
}

/// So many of each fate; the rest are made.
pub(crate) const INCOMPLETE: usize = 1_000;
pub(crate) const AMBIGUOUS: usize = 100;
pub(crate) const FOUND: usize = 200;

/// Who has an address and a telephone: one of so many.
const REACHABLE_OF: usize = 4;

/// Fields that Mywellness requires and a document may lack.
const REQUIRED: [&str; 3] = ["email", "gender", "birth_date"];

/// So many people, the same for the same seed, in an order in which every fate comes at every time.
pub(crate) fn crowd(seed: u64, people: usize) -> Vec<Guest> {
    let mut fates: Vec<Fate> = (0..INCOMPLETE).map(|number| Fate::Lacks(REQUIRED[number % REQUIRED.len()])).collect();
    fates.extend([Fate::Ambiguous; AMBIGUOUS]);
    fates.extend([Fate::Found; FOUND]);
    fates.resize(people, Fate::Made);
    fates.shuffle(&mut StdRng::seed_from_u64(seed));
    let members = members(seed, people, Zoned::now().date());
    let guests = members.into_iter().zip(fates).enumerate();
    guests.map(|(number, (member, fate))| guest(number, member, fate)).collect()
}

fn guest(number: usize, mut member: Member, fate: Fate) -> Guest {
    if !number.is_multiple_of(REACHABLE_OF) {
        (member.document["address"], member.document["mobile"]) = (Value::Null, Value::Null);
    }
    if let Fate::Lacks(field) = fate {
        member.document[field] = Value::Null;
    }
    Guest { member, fate }
}

/// Whom Mywellness knows before the agent comes: in the club, and from another one.
pub(crate) fn known_there(crowd: &[Guest]) -> (Vec<Known>, Vec<Known>) {
    let (mut here, mut elsewhere) = (Vec::new(), Vec::new());
    for (number, guest) in crowd.iter().enumerate() {
        let account = Known::of_document(&guest.member.document);
        match guest.fate {
            Fate::Found if number.is_multiple_of(2) => here.push(account),
            Fate::Found => elsewhere.push(account),
            Fate::Ambiguous => {
                let namesake = Known { email: format!("another.{}", account.email), ..account.clone() };
                here.extend([account, namesake]);
            }
            Fate::Made | Fate::Lacks(_) => {}
        }
    }
    (here, elsewhere)
}

/// Everybody whom the club knows by a number there, each once.
pub(crate) fn linked(book: &Book) -> Result<BTreeMap<&str, &Person>> {
    let mut linked = BTreeMap::new();
    for person in book.users() {
        let Some(id) = person.external_id.as_deref() else { continue };
        ensure!(linked.insert(id, person).is_none(), "{id} is there twice");
    }
    Ok(linked)
}

//! A few hundred plausible members of one club, as import documents, the same for the same seed.

mod names;

use jiff::ToSpan;
use jiff::civil::Date;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::broker::Message;
use names::{FAMILY, STREETS, WOMEN_AND_MEN};

/// What is remarkable about a member when a badge is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Situation {
    /// A subscription that runs for months.
    Current,
    /// A subscription that ended.
    Expired,
    /// A subscription that begins next week.
    NotYet,
    /// A subscription on hold.
    Frozen,
    /// A punch card with this many entries left.
    PunchCard(u8),
    /// Dues that should have been paid long ago.
    DuesOverdue,
    /// A medical certificate that ended.
    CertificateExpired,
    /// No medical certificate.
    CertificateMissing,
    /// An association fee that ended.
    FeeExpired,
    /// Banned from the club.
    Banned,
    /// A card reported lost.
    CardLost,
    /// Works here.
    Staff,
    /// Must not be told to Mywellness.
    NotSynced,
}

impl Situation {
    /// Whether the gate opens under the default policy, where conditions are off.
    pub fn is_welcome(self) -> bool {
        use Situation::{
            Banned, CardLost, CertificateExpired, CertificateMissing, Current, DuesOverdue, Expired, FeeExpired,
            Frozen, NotSynced, NotYet, PunchCard, Staff,
        };
        match self {
            Expired | NotYet | Frozen | PunchCard(0) | Banned | CardLost => false,
            Current | PunchCard(_) | DuesOverdue | CertificateExpired | CertificateMissing | FeeExpired | Staff
            | NotSynced => true,
        }
    }

    /// Whether visits are told to Mywellness under the default selection: people whose subscription gives membership.
    pub fn is_told_to_mywellness(self) -> bool {
        self.is_welcome() && !matches!(self, Self::PunchCard(_) | Self::Staff | Self::NotSynced)
    }

    /// One of a hundred people, as a club of this size has them.
    fn of(percent: u8) -> Self {
        match percent {
            0..58 => Self::Current,
            58..63 => Self::Expired,
            63..65 => Self::NotYet,
            65..68 => Self::Frozen,
            68..76 => Self::PunchCard(percent - 68),
            76..80 => Self::DuesOverdue,
            80..84 => Self::CertificateExpired,
            84..88 => Self::CertificateMissing,
            88..91 => Self::FeeExpired,
            91..92 => Self::Banned,
            92..94 => Self::CardLost,
            94..97 => Self::Staff,
            _ => Self::NotSynced,
        }
    }
}

/// One member.
#[derive(Debug, Clone)]
pub struct Member {
    /// What is remarkable.
    pub situation: Situation,
    /// The card, as ten hex digits of an RDM6300.
    pub badge: String,
    /// The import document.
    pub document: Value,
}

impl Member {
    /// The club's number.
    pub fn external_id(&self) -> &str {
        self.document["external_id"].as_str().expect("every document is made with one")
    }

    /// First and last name, for the account of a demo.
    pub fn name(&self) -> String {
        let text = |field: &str| self.document[field].as_str().unwrap_or_default();
        format!("{} {}", text("first_name"), text("last_name"))
    }

    /// Whether an event tells about this member.
    pub fn is_told_by(&self, event: &Message) -> bool {
        event.data("person") == self.external_id()
    }
}

/// Makes `count` members of a club as it is on `today`. No two share a card, a number, or name and birth date.
pub fn members(seed: u64, count: usize, today: Date) -> Vec<Member> {
    let mut chance = StdRng::seed_from_u64(seed);
    (0..count).map(|number| member(&mut chance, number, today)).collect()
}

/// The documents, one a line, for `varco import`.
pub fn ndjson(members: &[Member]) -> String {
    members.iter().map(|member| format!("{}\n", member.document)).collect()
}

fn member(chance: &mut StdRng, number: usize, today: Date) -> Member {
    // Every hundred members hold each situation in its share, so that even a small club has one of most.
    let situation = Situation::of(((number * 37) % 100) as u8);
    let language = *["it", "it", "it", "sv", "en"].choose(chance).expect("the list is not empty");
    let gender = *["F", "M"].choose(chance).expect("the list is not empty");
    let first_name = *WOMEN_AND_MEN[usize::from(gender == "M")][speech(language)].choose(chance).expect("names");
    let last_name = *FAMILY[speech(language)].choose(chance).expect("names");
    // One day further for each member: homonyms of the same age would be one person to Mywellness.
    let birth_date = today.saturating_sub(18.years()).saturating_sub((number as i64 * 41 % 17_000).days());
    let badge = format!("0{:01X}{:08X}", chance.random_range(0..16_u8), 0x0010_0000 + number as u32 * 7919);
    let mail = format!("{}.{}.{number}@example.org", ascii(first_name), ascii(last_name));
    let mut document = json!({
        "external_id": format!("M-{}", 1001 + number),
        "first_name": first_name, "last_name": last_name, "birth_date": birth_date, "gender": gender,
        "email": mail, "phone": null, "mobile": format!("+39 333 {:07}", chance.random_range(0..10_000_000)),
        "address": {
            "street": format!("{} {}", STREETS[speech(language)], chance.random_range(1..120)),
            "zip": "20121", "city": "Milano", "province": "MI", "country": "IT",
        },
        "language": language, "category": "adult", "groups": [], "staff": false,
        "member_since": today.saturating_sub((chance.random_range(30..3000_i64)).days()),
        "allow_sync": true, "allow_activity_sync": true, "allow_photo_publish": chance.random_bool(0.8),
        "ban": null,
        "fee_valid_until": today.saturating_add(120.days()),
        "certificate_valid_until": today.saturating_add(200.days()),
        "dues": [],
        "credentials": [{ "value": badge, "kind": "card", "status": "active" }],
        "memberships": [subscription(number, today)],
    });
    mark(&mut document, situation, number, today);
    Member { situation, badge, document }
}

fn subscription(number: usize, today: Date) -> Value {
    json!({
        "id": format!("S-{number}"), "product": "Gold 12 mesi", "kind": "subscription", "gives_membership": true,
        "starts_on": today.saturating_sub(100.days()), "ends_on": today.saturating_add(265.days()),
        "bound_until": null, "charged_until": today.saturating_add(265.days()),
        "auto_renew": false, "frozen": null, "ended": false, "zones": ["gym"], "hours": [], "entries_left": null,
    })
}

/// Writes into a member's document what is remarkable.
fn mark(document: &mut Value, situation: Situation, number: usize, today: Date) {
    let day = |days: i64| json!(today.saturating_add(days.days()));
    let membership = &mut document["memberships"][0];
    match situation {
        Situation::Current => document["groups"] = json!(["Gold"]),
        Situation::Expired => membership["ends_on"] = day(-20),
        Situation::NotYet => membership["starts_on"] = day(7),
        Situation::Frozen => membership["frozen"] = json!({ "from": day(-10), "until": day(20) }),
        Situation::PunchCard(left) => {
            membership["kind"] = json!("punch_card");
            membership["gives_membership"] = json!(false);
            membership["product"] = json!("Carnet 10 ingressi");
            membership["entries_left"] = json!(left);
        }
        Situation::DuesOverdue => {
            document["dues"] = json!([{ "id": format!("F-{number}"), "due_on": day(-45), "exempt": false }]);
        }
        Situation::CertificateExpired => document["certificate_valid_until"] = day(-5),
        Situation::CertificateMissing => document["certificate_valid_until"] = Value::Null,
        Situation::FeeExpired => document["fee_valid_until"] = day(-15),
        Situation::Banned => document["ban"] = json!({ "until": day(60), "reason": "damage" }),
        Situation::CardLost => document["credentials"][0]["status"] = json!("lost"),
        Situation::Staff => {
            document["staff"] = json!(true);
            document["category"] = json!("staff");
            document["memberships"] = json!([]);
        }
        Situation::NotSynced => document["allow_activity_sync"] = json!(false),
    }
}

fn speech(language: &str) -> usize {
    match language {
        "it" => 0,
        "sv" => 1,
        _ => 2,
    }
}

fn ascii(name: &str) -> String {
    let plain = |letter: char| match letter {
        'å' | 'ä' | 'à' => 'a',
        'ö' | 'ò' => 'o',
        'é' | 'è' => 'e',
        'ù' => 'u',
        other => other,
    };
    name.to_lowercase().chars().map(plain).filter(char::is_ascii_alphanumeric).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use jiff::civil::date;

    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_club_and_another_seed_another() {
        let club = |seed| ndjson(&members(seed, 300, date(2026, 11, 22)));
        assert_eq!(club(1), club(1));
        assert_ne!(club(1), club(2));
    }

    #[test]
    fn nobody_is_taken_for_somebody_else() {
        let members = members(7, 1000, date(2026, 11, 22));
        let distinct = |key: &dyn Fn(&Member) -> String| members.iter().map(key).collect::<BTreeSet<_>>().len();
        assert_eq!(distinct(&|member| member.badge.clone()), 1000);
        assert_eq!(distinct(&|member| member.external_id().to_owned()), 1000);
        assert_eq!(distinct(&|member| format!("{} {}", member.name(), member.document["birth_date"])), 1000);
        assert!(
            members.iter().all(|it| it.badge.len() == 10 && it.badge.bytes().all(|digit| digit.is_ascii_hexdigit()))
        );
    }

    #[test]
    fn a_hundred_members_hold_every_situation_in_its_share() {
        let mut shares: BTreeMap<Situation, usize> = BTreeMap::new();
        for member in members(7, 100, date(2026, 11, 22)) {
            *shares.entry(member.situation).or_default() += 1;
        }
        assert_eq!(shares[&Situation::Current], 58);
        assert_eq!(shares[&Situation::PunchCard(0)], 1);
        assert_eq!(shares.len(), 12 + 8);
        assert_eq!(shares.iter().filter(|(it, _)| it.is_welcome()).map(|(_, count)| count).sum::<usize>(), 86);
    }

    #[test]
    fn situations_are_written_as_the_document_has_them() {
        let today = date(2026, 11, 22);
        let members = members(7, 100, today);
        let of = |wanted| &members.iter().find(|member| member.situation == wanted).expect("one of a hundred").document;
        assert_eq!(of(Situation::Expired)["memberships"][0]["ends_on"], "2026-11-02");
        assert_eq!(of(Situation::PunchCard(1))["memberships"][0]["entries_left"], 1);
        assert_eq!(of(Situation::Frozen)["memberships"][0]["frozen"]["from"], "2026-11-12");
        assert_eq!(of(Situation::CardLost)["credentials"][0]["status"], "lost");
        assert_eq!(of(Situation::Staff)["staff"], true);
        assert_eq!(of(Situation::CertificateMissing)["certificate_valid_until"], Value::Null);
    }
}

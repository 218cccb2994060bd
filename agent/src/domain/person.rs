//! A person as the management system describes them: the one document of import, API and store.

use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::null::null_is_default;
use super::{ExternalId, MembershipId, ZoneId};

/// A person. A put replaces the document; whatever is absent or null is unknown.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The key in the management system.
    pub external_id: ExternalId,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// Day of birth. Unknown fails every age limit.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub birth_date: Option<civil::Date>,
    /// Gender, where given.
    #[serde(default)]
    pub gender: Option<Gender>,
    /// E-mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// Telephone, any text.
    #[serde(default)]
    pub phone: Option<String>,
    /// Mobile telephone, any text.
    #[serde(default)]
    pub mobile: Option<String>,
    /// Postal address.
    #[serde(default)]
    pub address: Option<Address>,
    /// Language of messages, such as `it`; the site's locale if unknown.
    #[serde(default)]
    pub language: Option<String>,
    /// Category in the management system.
    #[serde(default)]
    pub category: Option<String>,
    /// Groups by name.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schema(nullable)]
    pub groups: Vec<String>,
    /// Staff pass without entitlement and make no visits.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schema(nullable)]
    pub staff: bool,
    /// When they first became a member.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub member_since: Option<civil::Date>,
    /// Whether anything of them may go to Mywellness. Unknown counts as allowed: the selection decides.
    #[serde(default)]
    pub allow_sync: Option<bool>,
    /// Whether visits and attendance may go to Mywellness. Unknown counts as allowed.
    #[serde(default)]
    pub allow_activity_sync: Option<bool>,
    /// Whether the photo may be published. Unknown counts as not.
    #[serde(default)]
    pub allow_photo_publish: Option<bool>,
    /// Photo and the time it was taken.
    #[serde(default)]
    pub photo: Option<Photo>,
    /// Ban from the club.
    #[serde(default)]
    pub ban: Option<Ban>,
    /// Last day the association fee covers.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub fee_valid_until: Option<civil::Date>,
    /// Last day the medical certificate covers.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub certificate_valid_until: Option<civil::Date>,
    /// Unpaid dues.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schema(nullable)]
    pub dues: Vec<Due>,
    /// Cards, wristbands, codes.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schema(nullable)]
    pub credentials: Vec<Credential>,
    /// Subscriptions and punch cards.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schema(nullable)]
    pub memberships: Vec<Membership>,
    /// Where the document was first written: people who registered on the web are listed as such where an operator
    /// approves them.
    #[serde(default)]
    pub source: Option<Source>,
}

/// Where a person's document was first written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// At the front desk.
    Desk,
    /// By the person, on the web.
    Web,
}

/// Gender as the upstreams know it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub enum Gender {
    /// Male.
    M,
    /// Female.
    F,
}

/// A postal address; every part may be unknown.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// Street and number.
    #[serde(default)]
    pub street: Option<String>,
    /// Postal code.
    #[serde(default)]
    pub zip: Option<String>,
    /// City.
    #[serde(default)]
    pub city: Option<String>,
    /// Province or state.
    #[serde(default)]
    pub province: Option<String>,
    /// Country, ISO 3166 alpha-2.
    #[serde(default)]
    pub country: Option<String>,
}

/// A photo.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Photo {
    /// When it was taken or imported.
    #[schema(value_type = String, format = DateTime)]
    pub taken_at: Timestamp,
    /// JPEG, base64.
    pub jpeg_base64: String,
}

/// A ban: before every entitlement, so that no booking out-votes it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ban {
    /// Last day of it; null: until further notice.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub until: Option<civil::Date>,
    /// For the operator; never shown at the gate.
    #[serde(default)]
    pub reason: Option<String>,
}

/// An unpaid amount.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Due {
    /// The key in the management system.
    pub id: String,
    /// The day it was due. Unknown counts as overdue.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub due_on: Option<civil::Date>,
    /// An exempt due never blocks.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schema(nullable)]
    pub exempt: bool,
}

/// Something a person is recognised by.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// The value as printed or as read; normalised when compared.
    pub value: String,
    /// What carries it.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schema(nullable)]
    pub kind: CredentialKind,
    /// Whether it opens anything.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schema(nullable)]
    pub status: CredentialStatus,
    /// Not before.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_from: Option<Timestamp>,
    /// Not after.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_until: Option<Timestamp>,
    /// Other forms of the same card, as other readers deliver it.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schema(nullable)]
    pub aliases: Vec<String>,
}

/// What carries a credential.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// A card or fob.
    #[default]
    Card,
    /// A wristband.
    Wristband,
    /// A printed or displayed bar code.
    Barcode,
    /// A QR code.
    Qr,
    /// Digits typed at a keypad.
    Pin,
    /// Anything else.
    Other,
}

/// Whether a credential opens anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CredentialStatus {
    /// In use.
    #[default]
    Active,
    /// Reported lost.
    Lost,
    /// Withdrawn by the club.
    Revoked,
}

/// A subscription or a punch card.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// The key in the management system, unique within the person.
    pub id: MembershipId,
    /// The product's name.
    #[serde(default)]
    pub product: Option<String>,
    /// Subscription or punch card.
    pub kind: MembershipKind,
    /// Whether the product makes its holder a member.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schema(nullable)]
    pub gives_membership: bool,
    /// First day. Unknown: always has been.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub starts_on: Option<civil::Date>,
    /// Last day. Unknown: no end.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub ends_on: Option<civil::Date>,
    /// Bound until.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub bound_until: Option<civil::Date>,
    /// Charged until.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub charged_until: Option<civil::Date>,
    /// Renews by itself.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schema(nullable)]
    pub auto_renew: bool,
    /// Frozen, and when.
    #[serde(default)]
    pub frozen: Option<Frozen>,
    /// Ended before its time.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schema(nullable)]
    pub ended: bool,
    /// Zones it opens; empty: all.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schema(nullable)]
    pub zones: Vec<ZoneId>,
    /// Hours it opens; empty: always.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schema(nullable)]
    pub hours: Vec<Hours>,
    /// Entries left on a punch card as of `entries_as_of`.
    #[serde(default)]
    pub entries_left: Option<u32>,
    /// When `entries_left` was counted. Absent: at the time of the put that first told this number. Entries consumed here
    /// since are subtracted.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub entries_as_of: Option<Timestamp>,
}

/// Subscription or punch card.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MembershipKind {
    /// Any number of visits between its dates.
    Subscription,
    /// A number of entries; each visit takes one.
    PunchCard,
}

/// A frozen period.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Frozen {
    /// First frozen day. Unknown: already.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub from: Option<civil::Date>,
    /// Last frozen day. Unknown: until further notice.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub until: Option<civil::Date>,
}

/// Hours of the week, such as mon-fri 06:00 to 23:00. `to` before `from` runs past midnight into the next day.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// Days on which the hours begin; absent: every day.
    #[serde(default, deserialize_with = "null_is_default")]
    #[schema(nullable)]
    pub days: Days,
    /// From, local time, inclusive.
    #[serde(with = "clock_time")]
    #[schema(value_type = String, example = "06:00")]
    pub from: civil::Time,
    /// To, local time, exclusive; `24:00` is the end of the day.
    #[serde(with = "clock_time")]
    #[schema(value_type = String, example = "23:00")]
    pub to: civil::Time,
}

impl Hours {
    /// Whether the hours cover a local moment.
    #[must_use]
    pub fn cover(&self, local: civil::DateTime) -> bool {
        let (day, time) = (local.date().weekday(), local.time());
        if self.from < self.to || self.to == civil::Time::midnight() {
            let ends_at_midnight = self.to == civil::Time::midnight();
            return self.days.contains(day) && time >= self.from && (ends_at_midnight || time < self.to);
        }
        (self.days.contains(day) && time >= self.from) || (self.days.contains(day.previous()) && time < self.to)
    }
}

/// A set of weekdays, written `mon-fri`, `sat,sun`, `mon,wed,fri` or `mon-sun`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "mon-fri")]
pub struct Days(u8);

const DAY_NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Days {
    /// Whether a day is in the set.
    #[must_use]
    pub fn contains(self, day: civil::Weekday) -> bool {
        self.0 & (1 << day.to_monday_zero_offset()) != 0
    }
}

impl Default for Days {
    fn default() -> Self {
        Self(0b111_1111)
    }
}

impl TryFrom<String> for Days {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let place = |name: &str| {
            let name = name.trim();
            DAY_NAMES
                .iter()
                .position(|known| *known == name)
                .ok_or_else(|| format!("{name:?} is no day; write mon, tue, wed, thu, fri, sat or sun, as in mon-fri"))
        };
        let mut set = 0_u8;
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (mut day, last) = (place(first)?, place(last)?);
            set |= 1 << day;
            while day != last {
                day = (day + 1) % DAY_NAMES.len();
                set |= 1 << day;
            }
        }
        Ok(Self(set))
    }
}

impl From<Days> for String {
    fn from(days: Days) -> String {
        let named: Vec<_> =
            (0..DAY_NAMES.len()).filter(|day| days.0 & (1 << day) != 0).map(|day| DAY_NAMES[day]).collect();
        named.join(",")
    }
}

mod clock_time {
    //! `06:00`, and `24:00` for the end of a day.
    use jiff::civil::Time;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(time: &Time, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&time.strftime("%H:%M").to_string())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
        let text = String::deserialize(from)?;
        if text == "24:00" {
            return Ok(Time::midnight());
        }
        Time::strptime("%H:%M", &text).map_err(|_| D::Error::custom(format!("{text:?} is no time of day; write 06:00")))
    }
}

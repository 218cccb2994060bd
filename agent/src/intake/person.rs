//! Checking a person's document: what cannot be right is refused, what is odd is taken with a warning.

use std::collections::HashMap;

use base64::Engine;
use jiff::{Timestamp, civil};

use crate::domain::{Badge, BadgeForm, ClockQuality, Credential, Membership, MembershipKind, Now, Person, Policy};

use super::alike::Claimants;
use super::refused::{Findings, Problem, Refused};
use super::wording::{NAME_CHARS_MAX, SHORT_CHARS_MAX, email, optional, required};

/// Largest photo, in bytes of JPEG: far above what a reception's webcam makes, and small enough that a page of people
/// fits in memory.
pub const PHOTO_BYTES_MAX: usize = 512 * 1024;
/// Most credentials of a person, aliases of each included in the second figure.
const CREDENTIALS_MAX: usize = 50;
/// Most other forms of one card: there are fewer reader formats.
const ALIASES_MAX: usize = 20;
/// Most memberships of a person: a decade of monthly ones.
const MEMBERSHIPS_MAX: usize = 200;
/// Most unpaid dues of a person.
const DUES_MAX: usize = 500;
/// Most groups of a person, zones of a membership, and hours of a membership.
const LIST_MAX: usize = 100;
/// No member was born earlier; data bases that write 0001-01-01 or 1753-01-01 for "unknown" are told so.
const EARLIEST_BIRTH: civil::Date = civil::date(1900, 1, 1);

/// A person's document that was tidied and can be written down.
#[derive(Clone, PartialEq, Debug)]
pub struct CheckedPerson {
    person: Person,
    warnings: Vec<Problem>,
}

impl CheckedPerson {
    /// Tidies and checks a document.
    ///
    /// # Errors
    /// With every problem of the document at once.
    pub fn new(mut person: Person, policy: &Policy, now: Now) -> Result<Self, Refused> {
        let mut found = Findings::default();
        names_and_addresses(&mut person, &mut found);
        birth(&person, now, &mut found);
        lists(&mut person, &mut found);
        photo(&mut person, &mut found);
        credentials(&mut person.credentials, &mut found);
        for (at, membership) in person.memberships.iter_mut().enumerate() {
            check_membership(membership, &format!("memberships[{at}]"), policy, now, &mut found);
        }
        one_membership_an_id(&person, &mut found);
        let warnings = found.settle()?;
        Ok(Self { person, warnings })
    }

    /// The document as it will be stored.
    #[must_use]
    pub fn person(&self) -> &Person {
        &self.person
    }

    /// What is odd about it.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// With more that is odd.
    pub(super) fn warned_of(mut self, more: Vec<Problem>) -> Self {
        self.warnings.extend(more);
        self
    }

    /// Every value a reader may deliver for this person, aliases included.
    #[must_use]
    pub fn credential_values(&self) -> Vec<&str> {
        self.person.credentials.iter().flat_map(values_of).collect()
    }
}

/// A credential's value and its other forms.
fn values_of(credential: &Credential) -> impl Iterator<Item = &str> {
    std::iter::once(credential.value.as_str()).chain(credential.aliases.iter().map(String::as_str))
}

fn names_and_addresses(person: &mut Person, found: &mut Findings) {
    required(&mut person.first_name, "first_name", NAME_CHARS_MAX, found);
    required(&mut person.last_name, "last_name", NAME_CHARS_MAX, found);
    email(&mut person.email, found);
    optional(&mut person.phone, "phone", SHORT_CHARS_MAX, found);
    optional(&mut person.mobile, "mobile", SHORT_CHARS_MAX, found);
    optional(&mut person.language, "language", SHORT_CHARS_MAX, found);
    optional(&mut person.category, "category", SHORT_CHARS_MAX, found);
    if let Some(address) = &mut person.address {
        optional(&mut address.street, "address.street", SHORT_CHARS_MAX, found);
        optional(&mut address.zip, "address.zip", SHORT_CHARS_MAX, found);
        optional(&mut address.city, "address.city", SHORT_CHARS_MAX, found);
        optional(&mut address.province, "address.province", SHORT_CHARS_MAX, found);
        optional(&mut address.country, "address.country", SHORT_CHARS_MAX, found);
    }
    if let Some(ban) = &mut person.ban {
        optional(&mut ban.reason, "ban.reason", super::wording::LONG_CHARS_MAX, found);
    }
    person.language = person.language.take().map(|language| language.to_lowercase());
}

fn birth(person: &Person, now: Now, found: &mut Findings) {
    let Some(born) = person.birth_date else { return };
    if born < EARLIEST_BIRTH {
        found.refuse("birth_date", format!("{born} is no birth date; write null if it is unknown"));
    }
    // A clock that is wrong for certain must not refuse the young; a day's slack covers every time zone.
    let tomorrow = now.wall.to_zoned(jiff::tz::TimeZone::UTC).date().tomorrow();
    if now.quality != ClockQuality::Untrusted && tomorrow.is_ok_and(|tomorrow| born > tomorrow) {
        found.refuse("birth_date", format!("{born} lies in the future"));
    }
}

fn lists(person: &mut Person, found: &mut Findings) {
    for (at, group) in person.groups.iter_mut().enumerate() {
        required(group, &format!("groups[{at}]"), SHORT_CHARS_MAX, found);
    }
    let mut seen = std::collections::HashSet::new();
    person.groups.retain(|group| seen.insert(group.clone()));
    for (at, due) in person.dues.iter_mut().enumerate() {
        required(&mut due.id, &format!("dues[{at}].id"), SHORT_CHARS_MAX, found);
    }
    few(person.groups.len(), LIST_MAX, "groups", found);
    few(person.dues.len(), DUES_MAX, "dues", found);
    few(person.credentials.len(), CREDENTIALS_MAX, "credentials", found);
    few(person.memberships.len(), MEMBERSHIPS_MAX, "memberships", found);
}

fn few(count: usize, count_max: usize, path: &str, found: &mut Findings) {
    if count > count_max {
        found.refuse(path, format!("has {count} entries; at most {count_max} are taken"));
    }
}

fn photo(person: &mut Person, found: &mut Findings) {
    let Some(photo) = &mut person.photo else { return };
    // As exact as it is kept, so that the same photo told again is the same.
    photo.taken_at = Timestamp::from_microsecond(photo.taken_at.as_microsecond()).unwrap_or(photo.taken_at);
    // Some encoders wrap their lines.
    photo.jpeg_base64.retain(|c| !c.is_ascii_whitespace());
    let path = "photo.jpeg_base64";
    // Four characters of base64 carry three bytes.
    if photo.jpeg_base64.len() / 4 * 3 > PHOTO_BYTES_MAX {
        return found.refuse(path, format!("is larger than {} KiB", PHOTO_BYTES_MAX / 1024));
    }
    match base64::engine::general_purpose::STANDARD.decode(&photo.jpeg_base64) {
        Err(why) => found.refuse(path, format!("is no base64: {why}")),
        Ok(bytes) if !bytes.starts_with(&[0xFF, 0xD8, 0xFF]) => found.refuse(path, "is no JPEG"),
        Ok(_) => {}
    }
}

/// Every value can be read by some reader, and none stands twice in the document.
fn credentials(all: &mut [Credential], found: &mut Findings) {
    for credential in &mut *all {
        credential.value = credential.value.trim().to_owned();
        credential.aliases.iter_mut().for_each(|alias| *alias = alias.trim().to_owned());
    }
    let mut claimants = Claimants::default();
    for (at, credential) in all.iter().enumerate() {
        let path = format!("credentials[{at}]");
        few(credential.aliases.len(), ALIASES_MAX, &format!("{path}.aliases"), found);
        for value in values_of(credential) {
            if let Err(why) = Badge::new(BadgeForm::Text, value) {
                found.refuse(format!("{path}.value"), why.to_string());
            }
            if let Some(earlier) = claimants.claim(value, at) {
                found.refuse(format!("{path}.value"), format!("stands in credentials[{earlier}] already"));
            }
        }
        if credential.valid_until.zip(credential.valid_from).is_some_and(|(until, from)| until < from) {
            found.warn(format!("{path}.valid_until"), "lies before valid_from: this credential is never valid");
        }
    }
}

fn check_membership(it: &mut Membership, path: &str, policy: &Policy, now: Now, found: &mut Findings) {
    optional(&mut it.product, &format!("{path}.product"), SHORT_CHARS_MAX, found);
    few(it.zones.len(), LIST_MAX, &format!("{path}.zones"), found);
    few(it.hours.len(), LIST_MAX, &format!("{path}.hours"), found);
    for (at, zone) in it.zones.iter().enumerate() {
        if !policy.zones.contains_key(zone) {
            found.warn(format!("{path}.zones[{at}]"), format!("zone {zone} is not configured at this site"));
        }
    }
    if it.ends_on.zip(it.starts_on).is_some_and(|(end, start)| end < start) {
        found.warn(format!("{path}.ends_on"), "lies before starts_on: this membership never opens");
    }
    if it.frozen.as_ref().and_then(|frozen| frozen.until.zip(frozen.from)).is_some_and(|(until, from)| until < from) {
        found.warn(format!("{path}.frozen.until"), "lies before frozen.from: it is never frozen");
    }
    entries(it, path, now, found);
}

fn entries(it: &Membership, path: &str, now: Now, found: &mut Findings) {
    match (it.kind, it.entries_left) {
        (MembershipKind::PunchCard, None) => {
            found.warn(format!("{path}.entries_left"), "is unknown: this punch card opens nothing");
        }
        (MembershipKind::Subscription, Some(_)) => {
            found.warn(format!("{path}.entries_left"), "is looked at on punch cards only");
        }
        (MembershipKind::PunchCard, Some(_)) | (MembershipKind::Subscription, None) => {}
    }
    if now.quality != ClockQuality::Untrusted && it.entries_as_of.is_some_and(|as_of| as_of > now.wall) {
        found.warn(format!("{path}.entries_as_of"), "lies in the future: entries until then are not subtracted");
    }
}

fn one_membership_an_id(person: &Person, found: &mut Findings) {
    let mut first_at = HashMap::new();
    for (at, membership) in person.memberships.iter().enumerate() {
        if let Some(earlier) = first_at.insert(&membership.id, at) {
            found.refuse(format!("memberships[{at}].id"), format!("stands in memberships[{earlier}] already"));
        }
    }
}

//! Grants not yet settled: the places and entries that are spoken for, so that two gates never give away the last one.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{EntitlementKind, Grant, GrantKind, MembershipId, PassageId, PersonId, ZoneId};

/// Grants not yet settled, at every gate: places and entries that are spoken for. Holds one grant for each gate and
/// those whose records are on their way to the disk, so the store's queue bounds it.
#[derive(Clone, Debug, Default)]
pub struct Reservations(BTreeMap<PassageId, Held>);

#[derive(Clone, Debug)]
struct Held {
    person: Option<PersonId>,
    kind: GrantKind,
    entry: Option<MembershipId>,
    place: Option<ZoneId>,
}

impl Reservations {
    /// Speaks for what a grant uses, until released. Reserving for the same passage again replaces what it held.
    pub fn reserve(&mut self, passage: PassageId, person: Option<PersonId>, grant: &Grant) {
        let card = grant.entitlement.as_ref().filter(|it| it.kind == EntitlementKind::PunchCard);
        let entry = card.and_then(|it| it.title.membership().cloned());
        let held = Held { person, kind: grant.kind, entry, place: grant.enters.clone() };
        self.0.insert(passage, held);
    }

    /// The passage is settled and durable, or nobody went through.
    pub fn release(&mut self, passage: PassageId) {
        self.0.remove(&passage);
    }

    /// Whether a gate is open for this person to come in by, or was and the record is on its way.
    pub(super) fn expects(&self, person: PersonId) -> bool {
        self.0.values().any(|held| held.person == Some(person) && held.kind != GrantKind::Exit)
    }

    /// Entries of a punch card that are spoken for.
    pub(super) fn entries(&self, person: PersonId, card: &MembershipId) -> u32 {
        let of_card = self.0.values().filter(|held| held.person == Some(person) && held.entry.as_ref() == Some(card));
        u32::try_from(of_card.count()).unwrap_or(u32::MAX)
    }

    /// Places spoken for in zones that `inside` accepts, by others than `person`. Who is expected at two gates at once
    /// is one person.
    pub(super) fn places(&self, inside: impl Fn(&ZoneId) -> bool, person: PersonId) -> u32 {
        let coming = self.0.values().filter(|held| held.place.as_ref().is_some_and(&inside));
        let known: BTreeSet<_> = coming.filter_map(|held| held.person).filter(|other| *other != person).collect();
        u32::try_from(known.len()).unwrap_or(u32::MAX)
    }
}

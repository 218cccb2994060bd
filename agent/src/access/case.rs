//! The case before the rules: one person at one reader at one moment.

use jiff::{Timestamp, civil};

use super::{GateCondition, Reservations, presence};
use crate::domain::{Policy, Presence, Reader, Standing, Visit, Way, Zone};
use crate::visit::{counted, going_on};

/// Everything a rule may look at.
pub(super) struct Case<'a> {
    pub(super) standing: &'a Standing,
    pub(super) reader: &'a Reader,
    pub(super) gate: GateCondition,
    pub(super) policy: &'a Policy,
    pub(super) reserved: &'a Reservations,
    pub(super) now: Timestamp,
    /// Now, as the clocks of the club show it. Dates of memberships and bans are dates of this clock.
    pub(super) local: civil::DateTime,
    /// The visit that this passage would go on with.
    pub(super) visit: Option<&'a Visit>,
    /// Where the person is counted, unless that is out of date.
    pub(super) presence: Option<&'a Presence>,
    /// Which way the passage goes.
    pub(super) way: Way,
}

impl<'a> Case<'a> {
    pub(super) fn new(
        standing: &'a Standing,
        reader: &'a Reader,
        gate: GateCondition,
        policy: &'a Policy,
        reserved: &'a Reservations,
        now: Timestamp,
    ) -> Self {
        let site = &policy.site;
        let visit = going_on(standing.visit.as_ref(), site, now);
        let presence = counted(standing.presence.as_ref(), site, now);
        let way = presence::way(reader, policy, standing, visit, now);
        let local = site.timezone.to_datetime(now);
        Self { standing, reader, gate, policy, reserved, now, local, visit, presence, way }
    }

    pub(super) fn today(&self) -> civil::Date {
        self.local.date()
    }

    /// The zone of the reader and those around it, inside first; none for a reader without a zone.
    pub(super) fn zones(&self) -> impl Iterator<Item = &'a Zone> + use<'a> {
        let policy = self.policy;
        self.reader.zone.as_ref().into_iter().flat_map(move |zone| policy.with_parents(zone))
    }

    /// Whether the person is counted in a zone or inside it.
    pub(super) fn is_counted_in(&self, zone: &Zone) -> bool {
        self.presence.is_some_and(|presence| self.policy.lies_in(&presence.zone, &zone.id))
    }
}

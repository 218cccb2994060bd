//! Rule 9: whether there is room, in the zone and in every zone around it.

use super::case::Case;
use super::trace::Finding;
use crate::domain::{Reason, Way, Zone, ZoneId};

/// Who re-enters on an open visit is exempt: their place was given before. Moving about inside is not re-entering: a
/// pool for twenty holds twenty, whoever comes from the gym; only zones the person is counted in already are theirs.
pub(super) fn has_room(case: &Case<'_>) -> Vec<Finding> {
    if case.way == Way::In && case.visit.is_some() {
        return vec![Finding::note("re-entry keeps its place")];
    }
    case.zones().filter(|zone| !case.is_counted_in(zone)).filter_map(|zone| full(case, zone)).collect()
}

fn full(case: &Case<'_>, zone: &Zone) -> Option<Finding> {
    let capacity = zone.capacity?;
    let inside = |other: &ZoneId| case.policy.lies_in(other, &zone.id);
    let present = case.standing.occupancy.iter().filter(|(other, _)| inside(other)).map(|(_, people)| *people);
    let present = present.fold(0_u32, u32::saturating_add);
    let coming = case.reserved.places(inside, case.standing.id);
    let taken = present.saturating_add(coming);
    (taken >= capacity).then(|| {
        Finding::block(Reason::ZoneFull, format!("zone {}: {present} and {coming} coming of {capacity}", zone.id))
    })
}

/// The zone in which this passage takes a place until it is settled: none for who is counted there already, or leaves.
pub(super) fn place_taken(case: &Case<'_>) -> Option<ZoneId> {
    let zone = case.zones().next().filter(|zone| case.way != Way::Out && !case.is_counted_in(zone))?;
    Some(zone.id.clone())
}

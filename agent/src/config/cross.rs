//! What must fit together across the file: names that exist, zones without rings, and one device on each port.

use std::collections::{BTreeMap, BTreeSet};

use super::gates::GateDraft;
use super::problem::{Place, Report};
use super::readers::ReaderDraft;
use super::site::ZoneDraft;
use super::suggest::did_you_mean;
use crate::domain::{Direction, Display, GateId, ZoneId};
use crate::door::{GateDriver, OfflineEntry, ReaderDriver, ReaderWiring};

/// Checks zones, gates and readers against each other.
pub(super) fn check(report: &Report<'_>, zones: &[ZoneDraft], gates: &[GateDraft], readers: &[ReaderDraft]) {
    refuse_twins(report, zones.iter().filter_map(|zone| Some((zone.id.as_ref()?.as_str(), &zone.id_place))));
    refuse_twins(report, gates.iter().filter_map(|gate| Some((gate.id.as_ref()?.as_str(), &gate.id_place))));
    refuse_twins(report, readers.iter().filter_map(|reader| Some((reader.id.as_ref()?.as_str(), &reader.id_place))));
    check_parents(report, zones);
    for reader in readers {
        check_gate(report, reader, gates);
        check_zone(report, reader, zones);
    }
    check_ports(report, gates, readers);
    check_inputs(report, readers);
}

/// Refuses ids that stand twice among things of one kind.
pub(super) fn refuse_twins<'d>(report: &Report<'_>, named: impl Iterator<Item = (&'d str, &'d Place)>) {
    let mut seen = BTreeSet::new();
    for (id, place) in named {
        if !seen.insert(id) {
            report.problem(place, format!("the id {id:?} is taken"), "give each its own id");
        }
    }
}

fn check_parents(report: &Report<'_>, zones: &[ZoneDraft]) {
    let known = zone_ids(zones);
    let parents: BTreeMap<&ZoneId, &ZoneId> =
        zones.iter().filter_map(|draft| Some((draft.id.as_ref()?, parent_of(draft)?))).collect();
    for draft in zones {
        let (Some(id), Some(parent)) = (draft.id.as_ref(), parent_of(draft)) else { continue };
        if !known.contains(parent.as_str()) {
            refuse_unknown(report, &draft.parent_place, "zone", parent.as_str(), &known);
        } else if around(id, &parents).any(|outer| outer == id) {
            let what = format!("zone {id:?} would lie inside itself", id = id.as_str());
            report.problem(&draft.parent_place, what, "let one zone of the ring have no parent");
        }
    }
}

fn parent_of(draft: &ZoneDraft) -> Option<&ZoneId> {
    draft.zone.as_ref()?.parent.as_ref()
}

/// The zones around one; ends after as many steps as there are parents, so that a ring ends too.
fn around<'z>(zone: &'z ZoneId, parents: &BTreeMap<&'z ZoneId, &'z ZoneId>) -> impl Iterator<Item = &'z ZoneId> {
    std::iter::successors(parents.get(zone).copied(), |inner| parents.get(inner).copied()).take(parents.len())
}

fn zone_ids(zones: &[ZoneDraft]) -> BTreeSet<&str> {
    zones.iter().filter_map(|zone| Some(zone.id.as_ref()?.as_str())).collect()
}

fn check_gate(report: &Report<'_>, reader: &ReaderDraft, gates: &[GateDraft]) {
    let Some(wanted) = &reader.gate else { return };
    let known: BTreeSet<&str> = gates.iter().filter_map(|gate| Some(gate.id.as_ref()?.as_str())).collect();
    let Some(gate) = gates.iter().find(|gate| gate.id.as_ref() == Some(wanted)) else {
        return refuse_unknown(report, &reader.gate_place, "gate", wanted.as_str(), &known);
    };
    check_controller(report, reader, gate);
    check_list(report, reader, gate);
    let turns_freely_out = gate.gate.as_ref().is_none_or(|gate| gate.free_exit);
    if reader.direction == Direction::Both && !turns_freely_out {
        refuse_trap(report, &reader.direction_place, wanted, &gate.free_exit_place);
    }
}

/// What is on a controller needs one at its gate.
fn check_controller(report: &Report<'_>, reader: &ReaderDraft, gate: &GateDraft) {
    let has_controller = gate.wiring.as_ref().is_none_or(|wired| matches!(wired.driver, GateDriver::Controller { .. }));
    if has_controller {
        return;
    }
    let is_on_one = |wired: &ReaderWiring| matches!(wired.driver, ReaderDriver::Controller { .. });
    let what = "the gate of this reader has no controller";
    if reader.wiring.as_ref().is_some_and(is_on_one) {
        report.problem(
            &reader.driver_place,
            what,
            "write driver = \"serial\", or give the gate driver = \"controller\"",
        );
    }
    if reader.reader.as_ref().is_some_and(|reader| reader.display == Display::Controller) {
        report.problem(&reader.display_place, what, "write display = \"web\" or display = \"none\"");
    }
}

/// A list holds whole numbers; of a part of one nobody knows the rest.
fn check_list(report: &Report<'_>, reader: &ReaderDraft, gate: &GateDraft) {
    let by_list = gate
        .wiring
        .as_ref()
        .is_some_and(|wired| matches!(wired.driver, GateDriver::Controller { offline: OfflineEntry::List { .. }, .. }));
    let takes_a_part = reader.wiring.as_ref().is_some_and(|wired| {
        matches!(&wired.driver, ReaderDriver::Controller { badge, leads_out: false, .. } if badge.take.is_some())
    });
    if by_list && takes_a_part {
        let what = "`take` leaves a part of the number out, and the gate's list needs it whole";
        report.problem(&reader.badge_place, what, "remove take, or write offline_entry = \"closed\" at the gate");
    }
}

fn check_inputs(report: &Report<'_>, readers: &[ReaderDraft]) {
    let mut taken = BTreeSet::new();
    for draft in readers {
        let Some(ReaderWiring { gate, driver: ReaderDriver::Controller { input, .. }, .. }) = &draft.wiring else {
            continue;
        };
        if !taken.insert((gate, input)) {
            let what = "another reader already has this input of this controller";
            report.problem(&draft.input_place, what, "write the input this reader is wired to, 0 or 1");
        }
    }
}

/// With one reader for both ways the agent can take a person inside for one outside, and must not shut them in.
fn refuse_trap(report: &Report<'_>, direction: &Place, gate: &GateId, free_exit: &Place) {
    let what = format!("a reader for both ways could shut a person in at gate {:?}", gate.as_str());
    let mend = format!(
        "write `{}` = true if its barrier turns freely outwards, or use one reader for each way",
        free_exit.key
    );
    report.problem(direction, what, mend);
}

fn check_zone(report: &Report<'_>, reader: &ReaderDraft, zones: &[ZoneDraft]) {
    let Some(wanted) = &reader.zone else { return };
    let known = zone_ids(zones);
    if !known.contains(wanted.as_str()) {
        refuse_unknown(report, &reader.zone_place, "zone", wanted.as_str(), &known);
    }
}

fn refuse_unknown(report: &Report<'_>, place: &Place, noun: &str, wanted: &str, known: &BTreeSet<&str>) {
    let mend = match did_you_mean(wanted, known.iter().copied()) {
        Some(meant) => format!("did you mean {meant:?}?"),
        None if known.is_empty() => format!("add a [[{noun}]] with id = {wanted:?}"),
        None => format!(
            "write one of {}, or add a [[{noun}]] with id = {wanted:?}",
            Vec::from_iter(known.iter().copied()).join(", ")
        ),
    };
    report.problem(place, format!("there is no {noun} {wanted:?}"), mend);
}

/// What is on a serial port.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Device {
    Reader,
    Relay { channel: u8 },
    Controller,
}

fn check_ports(report: &Report<'_>, gates: &[GateDraft], readers: &[ReaderDraft]) {
    let mut taken: BTreeMap<&str, Vec<Device>> = BTreeMap::new();
    let boards = gates.iter().filter_map(|draft| match &draft.wiring.as_ref()?.driver {
        GateDriver::UsbRelay { port, channel, .. } => Some((port, Device::Relay { channel: *channel }, draft)),
        GateDriver::Controller { port, .. } => Some((port, Device::Controller, draft)),
        GateDriver::None => None,
    });
    for (port, device, draft) in boards {
        let others = taken.entry(port).or_default();
        if device != Device::Controller && others.contains(&device) {
            let what = "another gate already has this channel of this board";
            report.problem(&draft.channel_place, what, "write the channel this gate is wired to");
        } else if others.contains(&Device::Controller) || (device == Device::Controller && !others.is_empty()) {
            let what = format!("another device already has port {port:?}");
            report.problem(&draft.port_place, what, "write the port of this gate; each controller has its own");
        }
        others.push(device);
    }
    let serial = readers.iter().filter_map(|draft| match &draft.wiring.as_ref()?.driver {
        ReaderDriver::Serial { line, .. } => Some((&line.port, draft)),
        ReaderDriver::Controller { .. } => None,
    });
    for (port, draft) in serial {
        let others = taken.entry(port).or_default();
        if !others.is_empty() {
            let what = format!("another device already has port {port:?}");
            report.problem(&draft.port_place, what, "write the port this reader is on; `varco ports` lists them");
        }
        others.push(Device::Reader);
    }
}

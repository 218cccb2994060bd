//! `[[gate]]`: turnstiles and doors, and how they are driven.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::problem::Place;
use super::section::{Fault, Section};
use super::tree::Node;
use super::values::{choice, duration, flag, name, text, whole};
use crate::domain::{Confirm, Gate, GateId};
use crate::door::{GateDriver, GateWiring, OfflineEntry};

/// Shortest pulse that moves a relay and the lock behind it.
const PULSE_MIN: Duration = Duration::from_millis(50);
/// Longest pulse: beyond it the gate would be left open, which is what a mode is for.
const PULSE_MAX: Duration = Duration::from_secs(30);
/// Shortest wait for a person to walk through.
const PASSAGE_TIMEOUT_MIN: Duration = Duration::from_millis(100);
/// Longest wait: the gate is busy meanwhile.
const PASSAGE_TIMEOUT_MAX: Duration = Duration::from_secs(300);
/// Most channels of an LCUS board: one byte on the wire, and boards end at 16.
const CHANNEL_MAX: u8 = 16;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Driver {
    UsbRelay,
    Controller,
    None,
}

const DRIVERS: [(&str, Driver); 3] =
    [("usb-relay", Driver::UsbRelay), ("controller", Driver::Controller), ("none", Driver::None)];
const CONFIRMATIONS: [(&str, Confirm); 2] = [("rotation", Confirm::Rotation), ("assumed", Confirm::Assumed)];

/// Longest pulse and longest wait of a controller, which bounds them by itself.
const CONTROLLER_PULSE_MAX: Duration = Duration::from_secs(5);
const CONTROLLER_PASSAGE_TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// How soon a barrier between its rests is held open: people take a second or two.
const HELD_OPEN_AFTER: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(60);

/// Whether there is entry by a list while the agent is silent.
const OFFLINE_ENTRIES: [(&str, bool); 2] = [("closed", false), ("list", true)];
/// How old a list may grow.
const LIST_AGE: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(30 * 86_400);
/// Most credentials on a list: half a megabyte of a controller's memory.
const LIST_SIZE_MAX: u16 = u16::MAX;

/// A gate as read, with the places that later checks point at.
pub(super) struct GateDraft {
    pub(super) id: Option<GateId>,
    pub(super) id_place: Place,
    pub(super) channel_place: Place,
    pub(super) port_place: Place,
    pub(super) free_exit_place: Place,
    pub(super) gate: Option<Gate>,
    pub(super) wiring: Option<GateWiring>,
}

/// Reads one `[[gate]]`.
pub(super) fn gate(mut section: Section<'_>) -> GateDraft {
    let id: Option<GateId> = section.required("id", "id = \"turnstile-1\"", name);
    let open_for = section.or("open_for", Duration::from_millis(500), duration(PULSE_MIN..=PULSE_MAX));
    let driver = driver(&mut section, open_for);
    let passage_timeout =
        section.or("passage_timeout", Duration::from_secs(8), duration(PASSAGE_TIMEOUT_MIN..=PASSAGE_TIMEOUT_MAX));
    let confirm = confirm(&mut section, driver.as_ref());
    if let Some(GateDriver::Controller { .. }) = driver {
        bound_by_controller(&section, open_for, passage_timeout);
    }
    let free_exit = section.or("free_exit", false, flag);
    let draft = GateDraft {
        id_place: section.place("id"),
        channel_place: section.place("channel"),
        port_place: section.place("port"),
        free_exit_place: section.place("free_exit"),
        gate: id.clone().map(|id| Gate { id, confirm, passage_timeout, open_for, free_exit }),
        wiring: id.clone().zip(driver).map(|(gate, driver)| GateWiring { gate, driver }),
        id,
    };
    section.finish();
    draft
}

fn driver(section: &mut Section<'_>, pulse: Duration) -> Option<GateDriver> {
    let driver = section.or("driver", Driver::None, choice(&DRIVERS));
    let port = section.optional("port", port);
    let channel = section.or("channel", 1, whole(1..=CHANNEL_MAX));
    let offline = offline(section);
    let held_open_after = section.or("held_open_after", Duration::from_secs(10), duration(HELD_OPEN_AFTER));
    if !section.is_sound("driver") {
        return None;
    }
    let no_controller = "is for gates with a controller";
    if driver != Driver::Controller {
        let of_controllers = ["held_open_after", "offline_entry", "offline_list_max_age", "offline_list_size"];
        section.refuse(&of_controllers, no_controller, "add driver = \"controller\", or remove it");
    }
    match driver {
        Driver::UsbRelay => {
            let port = required_port(section, port)?;
            Some(GateDriver::UsbRelay { port, channel, pulse })
        }
        Driver::Controller => {
            section.refuse(&["channel"], "is for relay boards", "remove it: a controller has its own relays");
            let port = required_port(section, port)?;
            Some(GateDriver::Controller { port, held_open_after, offline })
        }
        Driver::None => {
            let why = "does nothing without a driver that uses it";
            section.refuse(&["port", "channel"], why, "add driver = \"usb-relay\", or remove it");
            Some(GateDriver::None)
        }
    }
}

fn offline(section: &mut Section<'_>) -> OfflineEntry {
    let by_list = section.or("offline_entry", false, choice(&OFFLINE_ENTRIES));
    let good_for = section.or("offline_list_max_age", Duration::from_secs(86_400), duration(LIST_AGE));
    let size = section.or("offline_list_size", 1024, whole(1..=LIST_SIZE_MAX));
    if by_list {
        return OfflineEntry::List { good_for, size };
    }
    let why = "does nothing while nobody enters by a list";
    let of_lists = ["offline_list_max_age", "offline_list_size"];
    section.refuse(&of_lists, why, "add offline_entry = \"list\", or remove it");
    OfflineEntry::Closed
}

fn required_port(section: &mut Section<'_>, port: Option<String>) -> Option<String> {
    if !section.has("port") {
        section.missing("port", "port = \"/dev/serial/by-id/…\", as `varco ports` lists it");
    }
    if port.is_some() {
        warn_of_unstable_port(section);
    }
    port
}

/// A controller holds its relay and waits for nobody longer than this, whatever it is told.
fn bound_by_controller(section: &Section<'_>, open_for: Duration, passage_timeout: Duration) {
    if open_for > CONTROLLER_PULSE_MAX {
        section.problem(
            "open_for",
            "a gate controller never holds its relay for longer than 5 s",
            "write at most \"5s\"",
        );
    }
    if passage_timeout > CONTROLLER_PASSAGE_TIMEOUT_MAX {
        section.problem(
            "passage_timeout",
            "a gate controller waits for nobody longer than 60 s",
            "write at most \"60s\"",
        );
    }
}

fn confirm(section: &mut Section<'_>, driver: Option<&GateDriver>) -> Confirm {
    let usual = if let Some(GateDriver::Controller { .. }) = driver { Confirm::Rotation } else { Confirm::Assumed };
    let confirm = section.or("confirm", usual, choice(&CONFIRMATIONS));
    if confirm == Confirm::Rotation {
        match driver {
            Some(GateDriver::UsbRelay { .. }) => section.problem(
                "confirm",
                "a relay board has no sensor that could see a rotation",
                "write confirm = \"assumed\": the passage counts when the gate was told to open",
            ),
            Some(GateDriver::None) => section.warning(
                "confirm",
                "without a driver no rotation is ever seen, so every grant ends as not passed",
                "write confirm = \"assumed\" to count a grant as a passage",
            ),
            Some(GateDriver::Controller { .. }) | None => {}
        }
    }
    confirm
}

/// The full path of a serial port.
pub(super) fn port(node: &Node) -> Result<String, Fault> {
    let port = text(node)?;
    if port.starts_with('/') {
        return Ok(port);
    }
    Err(Fault::new(
        format!("{port:?} is not a full path"),
        "write the path that `varco ports` lists, as in \"/dev/serial/by-id/…\"",
    ))
}

/// `/dev/ttyUSB0` is whichever adapter was found first; after a power cut it may be another one.
pub(super) fn warn_of_unstable_port(section: &Section<'_>) {
    let place = section.place("port");
    if section.text_of("port").is_some_and(|port| port.starts_with("/dev/ttyUSB") || port.starts_with("/dev/ttyACM")) {
        let what = "this name can move to another adapter when cables are replugged";
        section.report().warning(
            &place,
            what,
            "write the stable name under /dev/serial/by-id that `varco ports` lists",
        );
    }
}

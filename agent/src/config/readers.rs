//! `[[reader]]`: badge readers, where they lead and how they are attached.

use super::frames::{badge, frame};
use super::gates::{port, warn_of_unstable_port};
use super::problem::Place;
use super::section::Section;
use super::values::{choice, flag, name, text, whole};
use crate::domain::{BadgeFormat, Direction, Display, GateId, Reader, ReaderId, ZoneId};
use crate::door::{Parity, ReaderDriver, ReaderWiring, SerialLine};

/// Slowest and fastest line, in bits per second: what adapters for readers do.
const BAUD_MIN: u32 = 300;
const BAUD_MAX: u32 = 4_000_000;
/// Highest age limit, in years.
const AGE_MAX: u8 = 120;
/// The last input of a gate controller.
const INPUT_MAX: u8 = 1;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Driver {
    Serial,
    Controller,
}

const DRIVERS: [(&str, Driver); 2] = [("serial", Driver::Serial), ("controller", Driver::Controller)];
const PARITIES: [(&str, Parity); 3] = [("none", Parity::None), ("even", Parity::Even), ("odd", Parity::Odd)];
const DIRECTIONS: [(&str, Direction); 4] =
    [("in", Direction::In), ("out", Direction::Out), ("both", Direction::Both), ("inner", Direction::Inner)];
const DISPLAYS: [(&str, Display); 3] =
    [("none", Display::None), ("controller", Display::Controller), ("web", Display::Web)];

/// A reader as read, with the places that later checks point at.
pub(super) struct ReaderDraft {
    pub(super) id: Option<ReaderId>,
    pub(super) id_place: Place,
    pub(super) gate: Option<GateId>,
    pub(super) gate_place: Place,
    pub(super) zone: Option<ZoneId>,
    pub(super) zone_place: Place,
    pub(super) direction: Direction,
    pub(super) direction_place: Place,
    pub(super) port_place: Place,
    pub(super) driver_place: Place,
    pub(super) input_place: Place,
    pub(super) badge_place: Place,
    pub(super) display_place: Place,
    pub(super) reader: Option<Reader>,
    pub(super) wiring: Option<ReaderWiring>,
}

/// Reads one `[[reader]]`.
pub(super) fn reader(mut section: Section<'_>) -> ReaderDraft {
    let id: Option<ReaderId> = section.required("id", "id = \"entry-1\"", name);
    let gate: Option<GateId> = section.required("gate", "gate = \"…\", the id of a [[gate]]", name);
    let zone: Option<ZoneId> = section.optional("zone", name);
    let direction = section.or("direction", Direction::In, choice(&DIRECTIONS));
    let attached = attached(&mut section, direction);
    let about = About {
        new_visit: new_visit(&mut section, direction),
        device_type: section.or("device_type", "turnstile".into(), text),
        display: section.or("display", Display::None, choice(&DISPLAYS)),
        attendance: attendance(&mut section, direction),
        minimum_age: section.optional("minimum_age", whole(0..=AGE_MAX)),
    };
    let draft = ReaderDraft {
        id_place: section.place("id"),
        gate_place: section.place("gate"),
        zone_place: section.place("zone"),
        direction_place: section.place("direction"),
        port_place: section.place("port"),
        driver_place: section.place("driver"),
        input_place: section.place("input"),
        badge_place: section.place("badge"),
        display_place: section.place("display"),
        reader: about.reader(&id, &gate, zone.as_ref(), direction, attached.as_ref().map(|(_, badge)| badge)),
        wiring: id.clone().zip(gate.clone()).zip(attached).map(|((reader, gate), (driver, _))| ReaderWiring {
            reader,
            gate,
            driver,
        }),
        id,
        gate,
        zone,
        direction,
    };
    section.finish();
    draft
}

/// What else is said of a reader.
struct About {
    new_visit: bool,
    device_type: String,
    display: Display,
    attendance: bool,
    minimum_age: Option<u8>,
}

impl About {
    fn reader(
        self,
        id: &Option<ReaderId>,
        gate: &Option<GateId>,
        zone: Option<&ZoneId>,
        direction: Direction,
        badge: Option<&BadgeFormat>,
    ) -> Option<Reader> {
        let Self { new_visit, device_type, display, attendance, minimum_age } = self;
        let (id, gate, badge) = (id.clone()?, gate.clone()?, badge?.clone());
        let zone = zone.cloned();
        Some(Reader { id, gate, direction, new_visit, zone, device_type, display, attendance, minimum_age, badge })
    }
}

/// Entrances make visits unless told otherwise; inner doors and exits do not.
fn new_visit(section: &mut Section<'_>, direction: Direction) -> bool {
    let usual = matches!(direction, Direction::In | Direction::Both);
    let new_visit = section.or("new_visit", usual, flag);
    if new_visit && direction == Direction::Out {
        section.warning("new_visit", "an exit never begins a visit", "write new_visit = false, or remove it");
    }
    new_visit
}

fn attendance(section: &mut Section<'_>, direction: Direction) -> bool {
    let attendance = section.or("attendance", false, flag);
    if attendance && direction == Direction::Out {
        section.warning("attendance", "nobody comes to a class by an exit", "write attendance = false, or remove it");
    }
    attendance
}

fn attached(section: &mut Section<'_>, direction: Direction) -> Option<(ReaderDriver, BadgeFormat)> {
    let driver = section.or("driver", Driver::Serial, choice(&DRIVERS));
    let port = section.optional("port", port);
    let line = line(section);
    let frame = frame(section);
    let badge = badge(section, frame.as_ref());
    let input = section.optional("input", whole(0..=INPUT_MAX));
    if !section.is_sound("driver") {
        return None;
    }
    if driver == Driver::Controller {
        return on_controller(section, input, badge, direction);
    }
    section.refuse(&["input"], "is for readers on a gate controller", "remove it");
    if !section.has("port") {
        section.missing("port", "port = \"/dev/serial/by-id/…\", as `varco ports` lists it");
    }
    if !section.has("frame") {
        section.missing("frame", "frame = \"rdm6300\" or whatever `varco listen` finds");
    }
    warn_of_unstable_port(section);
    let line = SerialLine { port: port?, ..line };
    Some((ReaderDriver::Serial { line, frame: frame?, badge: badge.clone() }, badge))
}

/// On an input of the gate's controller, which has its own line and knows the frames.
fn on_controller(
    section: &mut Section<'_>,
    input: Option<u8>,
    badge: BadgeFormat,
    direction: Direction,
) -> Option<(ReaderDriver, BadgeFormat)> {
    let of_a_line = ["port", "baud", "data_bits", "parity", "stop_bits", "frame"];
    section.refuse(&of_a_line, "is for readers on a line of their own", "remove it, or write driver = \"serial\"");
    if !section.has("input") {
        section.missing("input", "input = 0, or 1 for the controller's second reader");
    }
    let (input, leads_out) = (input?, direction == Direction::Out);
    Some((ReaderDriver::Controller { input, badge: badge.clone(), leads_out }, badge))
}

/// The settings of the line, without its port.
fn line(section: &mut Section<'_>) -> SerialLine {
    SerialLine {
        port: String::new(),
        baud: section.or("baud", 9_600, whole(BAUD_MIN..=BAUD_MAX)),
        data_bits: section.or("data_bits", 8, whole(5..=8)),
        parity: section.or("parity", Parity::None, choice(&PARITIES)),
        stop_bits: section.or("stop_bits", 1, whole(1..=2)),
    }
}

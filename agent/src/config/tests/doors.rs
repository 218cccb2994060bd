//! Zones, gates and readers that fit together.

use expect_test::expect;

use super::*;
use crate::domain::{BadgeForm, Confirm, Direction, GateId};
use crate::door::{FrameFormat, GateDriver, OfflineEntry, ReaderDriver};

#[test]
fn zones_form_no_ring_and_names_are_given_once() {
    check(
        r#"[[zone]]
id = "a"
parent = "b"
[[zone]]
id = "b"
parent = "a"
[[zone]]
id = "b"
parent = "gim"
[[zone]]
id = "gym"
[[zone]]
id = "d"
parent = "a"
hours = [{ days = "mon-fry", from = "06:00", to = "24:00" }]
"#,
        expect![[r#"
            zone.b.id (line 11): the id "b" is taken
                give each its own id
            zone.b.parent (line 12): there is no zone "gim"
                did you mean "gym"?
            zone.d.hours (line 18): "fry" is no day; write mon, tue, wed, thu, fri, sat or sun, as in mon-fri
                write { days = "mon-fri", from = "06:00", to = "23:00" }
        "#]],
    );
}

#[test]
fn a_ring_of_zones_is_told_at_each_of_them() {
    check(
        "[[zone]]\nid = \"a\"\nparent = \"b\"\n[[zone]]\nid = \"b\"\nparent = \"c\"\n[[zone]]\nid = \"c\"\nparent = \"b\"\n",
        expect![[r#"
            zone.b.parent (line 9): zone "b" would lie inside itself
                let one zone of the ring have no parent
            zone.c.parent (line 12): zone "c" would lie inside itself
                let one zone of the ring have no parent
        "#]],
    );
}

#[test]
fn each_port_has_one_device_and_each_channel_one_gate() {
    check(
        r#"[[gate]]
id = "one"
driver = "usb-relay"
port = "/dev/relay"
[[gate]]
id = "two"
driver = "usb-relay"
port = "/dev/relay"
channel = 2
[[gate]]
id = "three"
driver = "usb-relay"
port = "/dev/relay"
channel = 2
[[gate]]
id = "four"
port = "/dev/other"
[[reader]]
id = "a"
gate = "one"
port = "/dev/relay"
frame = "line"
[[reader]]
id = "b"
gate = "one"
port = "/dev/ttyUSB0"
frame = "line"
[[reader]]
id = "c"
gate = "one"
port = "/dev/ttyUSB0"
frame = "line"
"#,
        expect![[r#"
            gate.three.channel (line 17): another gate already has this channel of this board
                write the channel this gate is wired to
            gate.four.port (line 20): `port` does nothing without a driver that uses it
                add driver = "usb-relay", or remove it
            reader.a.port (line 24): another device already has port "/dev/relay"
                write the port this reader is on; `varco ports` lists them
            reader.c.port (line 34): another device already has port "/dev/ttyUSB0"
                write the port this reader is on; `varco ports` lists them
        "#]],
    );
}

#[test]
fn what_a_gate_has_not_is_not_asked_of_it() {
    check(
        r#"[[gate]]
id = "one"
driver = "controller"
port = "/dev/gate"
channel = 2
open_for = "6s"
passage_timeout = "61s"
[[gate]]
id = "two"
confirm = "rotation"
held_open_after = "5s"
[[gate]]
id = "three"
driver = "usb-relay"
port = "/dev/board"
confirm = "rotation"
[[gate]]
id = "four"
driver = "controller"
port = "/dev/board"
[[gate]]
id = "five"
driver = "controller"
[[reader]]
id = "a"
gate = "two"
driver = "controller"
input = 0
display = "controller"
[[reader]]
id = "b"
gate = "two"
direction = "both"
port = "/dev/b"
frame = "line"
input = 1
[[reader]]
id = "c"
gate = "one"
driver = "controller"
baud = 9600
[[reader]]
id = "d"
gate = "one"
driver = "controller"
input = 0
[[reader]]
id = "e"
gate = "one"
driver = "controller"
input = 0
[[reader]]
id = "f"
gate = "one"
driver = "controller"
input = 2
"#,
        expect![[r#"
            gate.one.channel (line 8): `channel` is for relay boards
                remove it: a controller has its own relays
            gate.one.open_for (line 9): a gate controller never holds its relay for longer than 5 s
                write at most "5s"
            gate.one.passage_timeout (line 10): a gate controller waits for nobody longer than 60 s
                write at most "60s"
            gate.two.held_open_after (line 14): `held_open_after` is for gates with a controller
                add driver = "controller", or remove it
            gate.three.confirm (line 19): a relay board has no sensor that could see a rotation
                write confirm = "assumed": the passage counts when the gate was told to open
            gate.four.port (line 23): another device already has port "/dev/board"
                write the port of this gate; each controller has its own
            gate.five.port (line 24): `port` is missing
                add port = "/dev/serial/by-id/…", as `varco ports` lists it
            reader.a.driver (line 30): the gate of this reader has no controller
                write driver = "serial", or give the gate driver = "controller"
            reader.a.display (line 32): the gate of this reader has no controller
                write display = "web" or display = "none"
            reader.b.direction (line 36): a reader for both ways could shut a person in at gate "two"
                write `gate.two.free_exit` = true if its barrier turns freely outwards, or use one reader for each way
            reader.b.input (line 39): `input` is for readers on a gate controller
                remove it
            reader.c.input (line 40): `input` is missing
                add input = 0, or 1 for the controller's second reader
            reader.c.baud (line 44): `baud` is for readers on a line of their own
                remove it, or write driver = "serial"
            reader.e.input (line 54): another reader already has this input of this controller
                write the input this reader is wired to, 0 or 1
            reader.f.input (line 59): 2 is out of range
                write 0 to 1
        "#]],
    );
}

#[test]
fn a_list_for_when_the_agent_is_silent_needs_a_controller_and_whole_numbers() {
    check(
        r#"[[gate]]
id = "one"
driver = "controller"
port = "/dev/gate"
offline_entry = "list"
offline_list_max_age = "5s"
offline_list_size = 0
[[reader]]
id = "a"
gate = "one"
driver = "controller"
input = 0
badge = { form = "decimal", take = 2 }
[[gate]]
id = "two"
driver = "controller"
port = "/dev/gate-2"
offline_list_size = 10
[[gate]]
id = "three"
offline_entry = "list"
"#,
        expect![[r#"
            gate.one.offline_list_max_age (line 9): "5s" is out of range
                write "1m" to "30d", as in "3s"
            gate.one.offline_list_size (line 10): 0 is out of range
                write 1 to 65535
            reader.a.badge (line 16): `take` leaves a part of the number out, and the gate's list needs it whole
                remove take, or write offline_entry = "closed" at the gate
            gate.two.offline_list_size (line 21): `offline_list_size` does nothing while nobody enters by a list
                add offline_entry = "list", or remove it
            gate.three.offline_entry (line 24): `offline_entry` is for gates with a controller
                add driver = "controller", or remove it
        "#]],
    );
    let text = "[[gate]]\nid = \"g\"\ndriver = \"controller\"\nport = \"/dev/g\"\noffline_entry = \"list\"\noffline_list_max_age = \"12h\"\n";
    let config = good(&format!("{SITE}{text}"));
    let GateDriver::Controller { offline: OfflineEntry::List { good_for, size }, .. } = config.doors.gates[0].driver
    else {
        panic!("a list was asked for");
    };
    assert_eq!((good_for.as_secs(), size), (43_200, 1024));
}

#[test]
fn a_gate_with_a_controller_is_wired_as_written() {
    let text = r#"[[gate]]
id = "one"
driver = "controller"
port = "/dev/gate"
free_exit = true
[[reader]]
id = "in"
gate = "one"
driver = "controller"
input = 0
display = "controller"
badge = { form = "decimal" }
[[reader]]
id = "out"
gate = "one"
driver = "controller"
input = 1
direction = "out"
[[reader]]
id = "qr"
gate = "one"
port = "/dev/scanner"
frame = "line"
display = "controller"
"#;
    let config = good(&format!("{SITE}{text}"));
    let one: GateId = "one".parse().expect("a name");
    assert_eq!(config.policy.gates[&one].confirm, Confirm::Rotation);
    assert!(matches!(&config.doors.gates[0].driver, GateDriver::Controller { port, held_open_after, .. }
            if port == "/dev/gate" && held_open_after.as_secs() == 10));
    let inputs = config.doors.readers.iter().map(|wired| match &wired.driver {
        ReaderDriver::Controller { input, badge, leads_out } => Some((*input, badge.form, *leads_out)),
        ReaderDriver::Serial { .. } => None,
    });
    assert_eq!(
        inputs.collect::<Vec<_>>(),
        [Some((0, BadgeForm::Decimal, false)), Some((1, BadgeForm::Hex, true)), None]
    );
}

#[test]
fn a_badge_is_read_in_the_form_that_suits_the_frame() {
    let with = |frame: &str, badge: &str| {
        let text = format!(
            "{SITE}[[gate]]\nid = \"g\"\n[[reader]]\nid = \"r\"\ngate = \"g\"\nport = \"/dev/r\"\nframe = {frame}\n{badge}\n"
        );
        good(&text).policy.readers.into_values().next().expect("one reader").badge
    };
    for (frame, form) in [("rdm6300", BadgeForm::Hex), ("id12", BadgeForm::Hex), ("wiegand-text", BadgeForm::Hex)] {
        assert_eq!(with(&format!("{frame:?}"), "").form, form);
    }
    assert_eq!(with("\"line\"", "").form, BadgeForm::Text);
    assert_eq!(with("\"stx-etx\"", "").form, BadgeForm::Text);
    assert_eq!(with("{ suffix = \"0D\", data = \"text\" }", "").form, BadgeForm::Text);
    let printed = with("\"rdm6300\"", "badge = { form = \"decimal\", take = 4 }");
    assert_eq!((printed.form, printed.take), (BadgeForm::Decimal, Some(4)));
}

#[test]
fn a_custom_frame_says_how_it_begins_and_ends() {
    let frame = |table: &str| {
        format!("[[gate]]\nid = \"g\"\n[[reader]]\nid = \"r\"\ngate = \"g\"\nport = \"/dev/r\"\nframe = {table}\n")
    };
    let text = frame("{ prefix = \"02\", suffix = \"0D 0A\", length = 8, data = \"hex\", checksum = \"xor\" }");
    let config = good(&format!("{SITE}{text}"));
    let ReaderDriver::Serial { frame: FrameFormat::Custom(custom), .. } = &config.doors.readers[0].driver else {
        panic!("a custom frame was written");
    };
    assert_eq!((custom.prefix.as_slice(), custom.suffix.as_slice(), custom.length), (&[2][..], &[13, 10][..], Some(8)));
    check(
        &frame("\"custom\""),
        expect![[r#"
        reader.r.frame (line 10): a custom frame is described by a table
            write frame = { prefix = "02", suffix = "03", length = 8, data = "hex", checksum = "xor" }
    "#]],
    );
    check(
        &frame("{ prefix = \"2\", data = \"text\", checksum = \"xor\", sufix = \"03\" }"),
        expect![[r#"
        reader.r.frame.suffix (line 10): nothing says where the frame ends
            add suffix = "0D" or length = 10
        reader.r.frame.prefix (line 10): "2" is no row of bytes
            write two hexadecimal digits for each byte, as in "0D 0A", at most 16 bytes
        reader.r.frame.checksum (line 10): a checksum is taken over a number
            write data = "hex" or "bytes", or checksum = "none"
        reader.r.frame.sufix (line 10): `sufix` is not a known key
            did you mean `suffix`?
    "#]],
    );
}

#[test]
fn gates_and_readers_are_wired_as_written() {
    let config = good(&format!("{SITE}{CLUB}"));
    let two: GateId = "two".parse().expect("a name");
    assert_eq!(config.policy.gates[&two].confirm, Confirm::Assumed);
    assert!(
        matches!(&config.doors.gates[1].driver, GateDriver::UsbRelay { channel: 1, pulse, .. } if pulse.as_millis() == 500)
    );
    let reader = config.policy.readers.values().next().expect("two readers");
    assert_eq!((reader.direction, reader.new_visit), (Direction::In, true));
}

#[test]
fn a_reader_may_tick_people_off_within_the_time_of_their_class() {
    let text = format!("{SITE}[access.classes]\nearly = \"20m\"\nlate = \"0s\"\n{CLUB}");
    let config = good(&text.replace("id = \"r1\"", "id = \"r1\"\nattendance = true"));
    let ticks: Vec<_> = config.policy.readers.values().map(|reader| reader.attendance).collect();
    assert_eq!(ticks, [true, false]);
    assert_eq!(config.policy.classes.early, std::time::Duration::from_secs(1200));
    check(
        &CLUB.replace("id = \"r2\"", "id = \"r2\"\ndirection = \"out\"\nattendance = true"),
        expect![[r#"
            warning: reader.r2.attendance (line 19): nobody comes to a class by an exit; write attendance = false, or remove it
        "#]],
    );
    check(
        "[access.classes]\nearly = \"13h\"\nlater = \"5m\"\n",
        expect![[r#"
        access.classes.early (line 5): "13h" is out of range
            write "0s" to "12h", as in "3s"
        access.classes.later (line 6): `later` is not a known key
            did you mean `late`?
    "#]],
    );
}

//! All problems of a file at once, each with key, line and mend.

use std::path::Path;

use expect_test::expect;
use miette::{GraphicalReportHandler, GraphicalTheme};

use super::*;
use crate::domain::Level;

#[test]
fn two_keys_are_enough_and_the_rest_has_defaults() {
    let config = good(SITE);
    assert_eq!(config.policy.site.name, "milano");
    assert_eq!(config.policy.site.club_day_starts, jiff::civil::time(4, 0, 0, 0));
    assert_eq!(config.store.path, Path::new("/var/lib/varco/varco.db"));
    assert_eq!(config.store.ballast_bytes, 67_108_864);
    assert_eq!(config.console.listen.to_string(), "127.0.0.1:8480");
    assert_eq!(config.policy.repeat_window.as_secs(), 3);
    assert_eq!(config.policy.certificate.missing, Level::Warn);
    assert!(config.mqtt.is_none() && config.mywellness.is_none());
}

#[test]
fn all_problems_are_told_at_once_each_with_key_line_and_mend() {
    let text = r#"[site]
id = "Milano Centro"
timezone = "Europe/Roma"
club_day_starts = "4 am"
locale = "de"
timezon = "x"

[access]
repeat_window = 3
anti_passback = "blok"

[[gate]]
id = "door"
driver = "usb-relay"
confirm = "rotation"
open_for = "1h"

[[reader]]
id = "entry"
gate = "dor"
frame = "rdm630"
baud = "9600"
zone = "gym"
direction = "both"
"#;
    let problems = load(text).expect_err("a bad file");
    expect![[r#"
        site.id (line 2): "Milano Centro" is not a name
            write 1 to 64 characters of a-z, 0-9 and -
        site.timezone (line 3): there is no time zone "Europe/Roma"
            did you mean "Europe/Rome"?
        site.club_day_starts (line 4): "4 am" is no time of day
            write hours and minutes, as in "04:00"
        site.locale (line 5): "de" is not possible here
            possible: "it", "sv", "en"
        site.timezon (line 6): `timezon` is not a known key
            did you mean `timezone`?
        access.repeat_window (line 9): 3 has no unit
            write "0s" to "1h", as in "3s" with ms, s, m, h or d
        access.anti_passback (line 10): "blok" is not possible here
            did you mean "block"? Possible: "off", "warn", "block"
        gate.door.port (line 12): `port` is missing
            add port = "/dev/serial/by-id/…", as `varco ports` lists it
        gate.door.open_for (line 16): "1h" is out of range
            write "50ms" to "30s", as in "3s"
        reader.entry.port (line 18): `port` is missing
            add port = "/dev/serial/by-id/…", as `varco ports` lists it
        reader.entry.gate (line 20): there is no gate "dor"
            did you mean "door"?
        reader.entry.frame (line 21): "rdm630" is not possible here
            did you mean "rdm6300"? Possible: "rdm6300", "id12", "line", "stx-etx", "wiegand-text", "custom"
        reader.entry.baud (line 22): this is a text
            write a whole number, without quotes
        reader.entry.zone (line 23): there is no zone "gym"
            add a [[zone]] with id = "gym"
    "#]]
    .assert_eq(&told(&problems));
}

#[test]
fn a_problem_is_shown_in_its_line() {
    let problems = load("[site]\nid = \"milano\"\ntimezone = \"Europe/Roma\"\n").expect_err("a bad file");
    let mut shown = String::new();
    GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .render_report(&mut shown, &problems)
        .expect("a string takes everything");
    expect![[r#"
          × 1 problem in varco.toml

        Error: 
          × site.timezone (line 3): there is no time zone "Europe/Roma"
           ╭─[varco.toml:3:12]
         2 │ id = "milano"
         3 │ timezone = "Europe/Roma"
           ·            ──────┬──────
           ·                  ╰── here
           ╰────
          help: did you mean "Europe/Rome"?
    "#]]
    .assert_eq(&shown);
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    let problems = load("[site]\nid = \"milano\ntimezone = 3\n").expect_err("a bad file");
    assert_eq!(problems.all().len(), 1);
    assert_eq!(problems.all()[0].line, 2);
}

#[test]
fn a_file_that_cannot_be_read_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("varco.toml");
    let what = |path: &Path| Config::load(path).expect_err("a bad file").all()[0].what.clone();
    assert!(what(&path).starts_with("cannot read the file"));
    std::fs::write(&path, b"[site]\nid = \"\xFF\"\n").expect("written");
    assert_eq!(what(&path), "line 2 is not UTF-8 text");
    std::fs::write(&path, vec![b'#'; 2 << 20]).expect("written");
    assert!(what(&path).contains("longer than"));
}

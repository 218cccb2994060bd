//! Stories about the configuration file: what is written goes in, what is told comes out.

mod actions;
mod doors;
mod hostile;
mod manual;
mod problems;
mod reload;
mod secrets;
mod upstreams;

use std::path::Path;

use expect_test::Expect;

use super::files::Surroundings;
use super::*;

/// The least that a file holds, in three lines.
const SITE: &str = "[site]\nid = \"milano\"\ntimezone = \"Europe/Rome\"\n";

/// Two gates with a reader each.
const CLUB: &str = r#"
[[gate]]
id = "one"
[[gate]]
id = "two"
driver = "usb-relay"
port = "/dev/relay"
[[reader]]
id = "r1"
gate = "one"
port = "/dev/r1"
frame = "line"
[[reader]]
id = "r2"
gate = "two"
port = "/dev/r2"
frame = "line"
"#;

fn load(text: &str) -> Result<Loaded, Problems> {
    let variables = [("SECRET".to_owned(), "a secret".to_owned())].into();
    let around = Surroundings { folder: "/nowhere".into(), variables, ..Surroundings::default() };
    parse(Path::new("varco.toml"), text, &around)
}

fn good(text: &str) -> Config {
    load(text).unwrap_or_else(|problems| panic!("{}", told(&problems))).config
}

fn told(problems: &Problems) -> String {
    problems.all().iter().map(|problem| format!("{problem}\n    {}\n", problem.mend)).collect()
}

/// What is told of a file that begins with a good `[site]`, which takes lines 1 to 3.
fn check(rest: &str, expected: Expect) {
    let transcript = match load(&format!("{SITE}{rest}")) {
        Ok(loaded) => loaded.warnings.iter().map(|warning| format!("warning: {warning}\n")).collect(),
        Err(problems) => told(&problems),
    };
    expected.assert_eq(&transcript);
}

//! Whatever the file holds, it is either a configuration or a list of problems; nothing panics and nothing is cut short.

use miette::GraphicalReportHandler;
use proptest::prelude::*;

use super::*;

const MANUAL: &str = include_str!("../../../../config/varco.toml");

/// The manual with one line in another's place, and some characters of it replaced.
fn damaged() -> impl Strategy<Value = String> {
    let lines = MANUAL.lines().count();
    (0..lines, 0..lines, 0..MANUAL.len(), 0..40_usize, "\\PC{0,6}", any::<bool>()).prop_map(
        |(from, to, at, length, with, uncommented)| {
            let mut lines: Vec<&str> = MANUAL.lines().collect();
            lines[to] = if uncommented { lines[from].trim_start_matches('#') } else { lines[from] };
            let text = lines.join("\n");
            let kept = |range: std::ops::Range<usize>| String::from_utf8_lossy(&text.as_bytes()[range]).into_owned();
            let (at, end) = (at.min(text.len()), (at + length).min(text.len()));
            kept(0..at) + &with + &kept(end..text.len())
        },
    )
}

/// Every problem can be shown, and lies in the file.
fn judge(text: &str) {
    let Err(problems) = load(text) else { return };
    assert!(!problems.all().is_empty());
    let lines = text.lines().count().max(1) + 1;
    for problem in problems.all() {
        assert!((1..=lines).contains(&problem.line) && !problem.mend.is_empty(), "{problem}");
    }
    let mut shown = String::new();
    GraphicalReportHandler::new().render_report(&mut shown, &problems).expect("a string takes everything");
    assert!(!shown.contains("Failed to read contents"), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_file_is_judged_and_never_panics(text in damaged()) {
        judge(&text);
    }

    #[test]
    fn any_text_is_judged_and_never_panics(text in "\\PC{0,200}") {
        judge(&text);
        judge(&format!("{SITE}{text}"));
    }
}

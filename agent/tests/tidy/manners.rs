//! The manners of files: how they open, how long they are, what they are called, and what they never hold.

use crate::source::{Source, files, root, sources};

/// The longest file, in lines: past it, two ideas share a room.
const FILE_LINES_MAX: usize = 500;

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 6] = ["util", "utils", "common", "helper", "helpers", "manager"];

/// What is never finished work, and what makes tests slow or silent.
const NEVER: [&str; 5] = ["todo!", "unimplemented!", "dbg!", "#[ignore", "thread::sleep"];

/// May sleep: SQLite asks its busy handler to, on the threads of the store alone.
const BUSY_HANDLER: &str = "agent/src/store/open.rs";
/// Benchmarks keep the pace of a serial line and of people: what they measure is time.
const BENCHMARKS: &str = "tests/e2e/benches/";

fn everything() -> Vec<Source> {
    ["agent", "firmware-proto", "tests"].into_iter().flat_map(sources).collect()
}

fn none(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn every_file_opens_with_a_sentence() {
    let opens = |source: &Source| {
        let first = source.whole.lines().next().unwrap_or_default();
        first.starts_with("//! ") && first.split_whitespace().count() > 3
    };
    let broken: Vec<_> = everything().into_iter().filter(|source| !opens(source)).map(|source| source.path).collect();
    none(&broken);
}

#[test]
fn no_file_holds_two_ideas() {
    let long = |source: Source| {
        let lines = source.whole.lines().count();
        (lines > FILE_LINES_MAX).then(|| format!("{}: {lines} lines", source.path))
    };
    none(&everything().into_iter().filter_map(long).collect::<Vec<_>>());
}

#[test]
fn names_come_from_the_field() {
    let says_nothing = |path: &str| {
        let mut parts = path.split(['/', '_', '.']);
        parts.any(|part| EMPTY_NAMES.contains(&part))
    };
    let broken: Vec<_> = everything().into_iter().map(|source| source.path).filter(|path| says_nothing(path)).collect();
    none(&broken);
}

#[test]
fn nothing_is_left_for_later_and_no_test_sleeps_or_hides() {
    let mut broken = Vec::new();
    for source in everything() {
        let may_sleep = source.path == BUSY_HANDLER || source.path.starts_with(BENCHMARKS);
        for word in NEVER.into_iter().filter(|word| !(may_sleep && *word == "thread::sleep")) {
            broken.extend(source.code.match_indices(word).map(|(at, _)| format!("{}: {word}", source.at(at))));
        }
    }
    none(&broken);
}

#[test]
fn every_dependency_says_what_it_saves_us() {
    let mut broken = Vec::new();
    let manifests = files(&root()).into_iter().filter(|path| path.ends_with("Cargo.toml"));
    for manifest in manifests {
        let text = std::fs::read_to_string(&manifest).expect("a manifest is text");
        let mut in_dependencies = false;
        for (at, line) in text.lines().enumerate() {
            if line.starts_with('[') {
                in_dependencies = line.trim_end_matches(']').ends_with("dependencies");
            } else if in_dependencies && line.contains(" = ") && !line.starts_with('#') && !line.contains(" # ") {
                broken.push(format!("{}:{}: {line}", manifest.display(), at + 1));
            }
        }
    }
    none(&broken);
}

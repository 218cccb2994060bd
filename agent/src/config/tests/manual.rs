//! The manual is a file that works, and names every key that is understood.

use std::collections::BTreeSet;

use super::*;
use crate::config::problem::Report;

const MANUAL: &str = include_str!("../../../../config/varco.toml");

#[test]
fn the_manual_is_a_file_that_works() {
    let loaded = load(MANUAL).unwrap_or_else(|problems| panic!("{}", told(&problems)));
    assert_eq!(loaded.warnings, Vec::<String>::new());
    assert_eq!(loaded.config.policy.readers.len(), 1);
}

/// The manual with its commented keys written out.
fn manual_with_every_key() -> String {
    let is_key = |rest: &str| {
        rest.starts_with('[')
            || rest
                .split(" = ")
                .next()
                .is_some_and(|key| rest.contains(" = ") && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
    };
    let line = |line: &str| match line.strip_prefix('#') {
        Some(rest) if is_key(rest) => rest.to_owned(),
        _ => line.to_owned(),
    };
    MANUAL.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_key_the_manual_shows_is_understood() {
    let problems = load(&manual_with_every_key()).expect_err("the examples name files that are not here");
    let unknown: Vec<_> = problems.all().iter().filter(|problem| problem.what.contains("known key")).collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
    assert!(problems.all().iter().all(|problem| !problem.key.is_empty()), "{}", told(&problems));
}

#[test]
fn every_key_that_is_understood_stands_in_the_manual() {
    let text = manual_with_every_key();
    let report = Report::new(&text);
    understand(&report, &text, &Surroundings::default());
    let document = toml_edit::Document::parse(text.as_str()).expect("a test above reads it");
    let mut shown = BTreeSet::new();
    keys_of(document.as_table(), "", &mut shown);
    let hidden: Vec<_> = report.understood().into_iter().filter(|key| !shown.contains(key)).collect();
    assert!(hidden.is_empty(), "not in config/varco.toml: {hidden:?}");
}

fn keys_of(table: &dyn toml_edit::TableLike, around: &str, keys: &mut BTreeSet<String>) {
    for (key, item) in table.iter() {
        let path = if around.is_empty() { key.to_owned() } else { format!("{around}.{key}") };
        if let Some(inner) = item.as_table_like() {
            keys_of(inner, &path, keys);
        }
        for inner in item.as_array_of_tables().iter().flat_map(|tables| tables.iter()) {
            keys_of(inner, &path, keys);
        }
        keys.insert(path);
    }
}

#[test]
fn defaults_are_those_the_manual_shows() {
    let shown: String = manual_with_every_key()
        .lines()
        .take_while(|line| !line.contains("Upstreams"))
        .filter(|line| !line.starts_with('#'))
        .filter(|line| {
            ["[access", "repeat_window", "anti_", "fee", "dues", "certificate =", "early", "late"]
                .iter()
                .any(|it| line.starts_with(it))
        })
        .fold(SITE.to_owned(), |text, line| text + line + "\n");
    let (written, absent) = (good(&shown).policy, good(SITE).policy);
    assert_eq!(
        (written.repeat_window, written.anti_passback, written.fee, written.dues, written.certificate, written.classes),
        (absent.repeat_window, absent.anti_passback, absent.fee, absent.dues, absent.certificate, absent.classes)
    );
}

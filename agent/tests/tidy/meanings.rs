//! Every metric that the agent counts has a meaning in the catalogue, and the catalogue has no others.

use std::collections::BTreeSet;

use crate::source::{Source, sources};

/// Where the meanings stand.
const CATALOGUE: &str = "agent/src/telemetry/catalogue.rs";

fn metrics(of: impl Iterator<Item = Source>) -> BTreeSet<String> {
    let is_metric = |name: &String| {
        let name = name.strip_prefix("varco_").unwrap_or_default();
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let unquoted = |(_, text): &(usize, String)| text.trim_matches('"').to_owned();
    of.flat_map(|source| source.shipped_texts().map(unquoted).collect::<Vec<_>>()).filter(is_metric).collect()
}

#[test]
fn every_metric_has_a_meaning() {
    let (catalogue, others): (Vec<_>, Vec<_>) =
        sources("agent/src").into_iter().partition(|source| source.path == CATALOGUE);
    let (described, counted) = (metrics(catalogue.into_iter()), metrics(others.into_iter()));
    assert!(counted.len() > 30, "the search finds metrics: {counted:?}");
    let without: Vec<_> = counted.difference(&described).collect();
    let idle: Vec<_> = described.difference(&counted).collect();
    assert!(without.is_empty() && idle.is_empty(), "without meaning: {without:?}; never counted: {idle:?}");
}

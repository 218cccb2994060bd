//! A module names only modules above it; the pure ones wait for nothing; SQL stays in the store.

use crate::source::{Source, root, sources};

/// The modules in their one order, as in ARCHITECTURE.md's table, pure ones first.
const ORDER: [&str; 21] = [
    "domain",
    "crm",
    "visit",
    "sync",
    "access",
    "passage",
    "clock",
    "telemetry",
    "store",
    "intake",
    "outbox",
    "door",
    "mqtt",
    "mywellness",
    "webhook",
    "syncer",
    "turnstile",
    "console",
    "config",
    "app",
    "cli",
];

/// How many of them are pure.
const PURE: usize = 6;

/// Modules that translate for one upstream each, and do not name each other.
const EDGES: [&str; 4] = ["door", "mqtt", "mywellness", "webhook"];

/// What a pure module does not name: whatever waits, reads a clock, does input or output, or owns a channel.
const IMPURE: [&str; 15] = [
    "tokio",
    "async fn",
    "async move",
    ".await",
    "std::fs",
    "std::io",
    "std::net",
    "std::thread",
    "std::process",
    "std::env",
    "std::time::Instant",
    "SystemTime",
    "Timestamp::now",
    "Zoned::now",
    "mpsc",
];

/// The module of the crate that a file belongs to, and how deep below the crate's root it lies.
fn module(source: &Source) -> Option<(&str, usize)> {
    let inside = source.path.strip_prefix("agent/src/")?.strip_suffix(".rs")?;
    let inside = inside.strip_suffix("/mod").unwrap_or(inside);
    let top = inside.split('/').next()?;
    (!matches!(top, "lib" | "main") && !top.starts_with("bin")).then(|| (top, inside.split('/').count()))
}

fn place_of(module: &str) -> Option<usize> {
    ORDER.iter().position(|known| *known == module)
}

/// The crate's modules that code names, each with its byte: `crate::x`, `crate::{x, y::z}`, `super::super::x`.
fn named(code: &str, depth: usize) -> Vec<(usize, String)> {
    let mut named = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let in_macro_or_name = code[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
        if !in_macro_or_name {
            named.extend(firsts(&code[at + "crate::".len()..]).into_iter().map(|name| (at, name)));
        }
    }
    let to_root = "super::".repeat(depth);
    for (at, _) in code.match_indices(&to_root) {
        named.extend(firsts(&code[at + to_root.len()..]).into_iter().map(|name| (at, name)));
    }
    named
}

/// The first names of a path, or of every path in braces.
fn firsts(path: &str) -> Vec<String> {
    let name = |text: &str| text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let (mut depth, mut start, mut names) = (0_usize, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(name(&group[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(name(&group[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    names
}

fn none(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn a_module_names_only_modules_above_it() {
    let mut broken = Vec::new();
    for source in sources("agent/src") {
        let Some((own, depth)) = module(&source) else { continue };
        let Some(place) = place_of(own) else {
            broken.push(format!("{}: `{own}` has no place in the order", source.path));
            continue;
        };
        for (at, name) in named(&source.shipped_code(), depth) {
            if place_of(&name).is_some_and(|other| other > place) {
                broken.push(format!("{}: `{own}` names `{name}`, which stands below it", source.at(at)));
            }
        }
    }
    none(&broken);
}

#[test]
fn edges_do_not_name_each_other() {
    let mut broken = Vec::new();
    for source in sources("agent/src") {
        let Some((own, depth)) = module(&source).filter(|(own, _)| EDGES.contains(own)) else { continue };
        for (at, name) in named(&source.shipped_code(), depth) {
            if name != own && EDGES.contains(&&*name) {
                broken.push(format!("{}: `{own}` names `{name}`", source.at(at)));
            }
        }
    }
    none(&broken);
}

#[test]
fn what_decides_waits_for_nothing() {
    let mut broken = Vec::new();
    for source in sources("agent/src") {
        if !module(&source).is_some_and(|(own, _)| ORDER[..PURE].contains(&own)) {
            continue;
        }
        let code = source.shipped_code();
        for word in IMPURE {
            broken.extend(
                code.match_indices(word).map(|(at, _)| format!("{}: a pure module names {word}", source.at(at))),
            );
        }
    }
    none(&broken);
}

#[test]
fn only_the_store_speaks_sql() {
    let is_sql = |text: &str| {
        ["SELECT ", "INSERT INTO ", "INSERT OR ", "DELETE FROM ", "CREATE TABLE ", "PRAGMA "]
            .iter()
            .any(|it| text.contains(it))
            || (text.contains("UPDATE ") && text.contains(" SET "))
    };
    let mut broken = Vec::new();
    for source in sources("agent/src") {
        if module(&source).is_some_and(|(own, _)| own == "store") {
            continue;
        }
        let sql = source.shipped_texts().filter(|(_, text)| is_sql(text));
        broken.extend(sql.map(|(line, _)| format!("{}:{line}: SQL outside the store", source.path)));
        let code = source.shipped_code();
        broken.extend(
            code.match_indices("rusqlite").map(|(at, _)| format!("{}: rusqlite outside the store", source.at(at))),
        );
    }
    none(&broken);
}

#[test]
fn the_order_is_the_one_that_is_written_down() {
    let library = std::fs::read_to_string(root().join("agent/src/lib.rs")).expect("the library has a root");
    let unknown: Vec<_> = library_modules(&library).filter(|name| place_of(name).is_none()).collect();
    assert!(unknown.is_empty(), "no place in the order for {unknown:?}");

    let architecture = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the map of the repository");
    let cells = architecture.lines().filter(|line| line.starts_with("| `")).filter_map(|row| row.split('|').nth(1));
    let written: Vec<String> = cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2).map(|name| name.trim_end_matches('/').to_owned()))
        .filter(|name| place_of(name).is_some())
        .collect();
    let ours: Vec<String> = ORDER.iter().map(ToString::to_string).filter(|name| written.contains(name)).collect();
    assert_eq!(written, ours, "ARCHITECTURE.md and this test disagree about the order");
    let unwritten: Vec<_> = library_modules(&library).filter(|name| !written.iter().any(|it| it == name)).collect();
    assert!(unwritten.is_empty(), "ARCHITECTURE.md's table lacks {unwritten:?}");
}

fn library_modules(library: &str) -> impl Iterator<Item = &str> {
    library.lines().filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'))
}

#[test]
fn names_are_found_in_every_way_of_writing_them() {
    let code =
        "use crate::store::{Tx, View};\nuse crate::{door, mqtt::{self, Tls}};\nlet x = super::super::app::run();";
    let found: Vec<_> = named(code, 2).into_iter().map(|(_, name)| name).collect();
    assert_eq!(found, ["store", "door", "mqtt", "app"]);
}

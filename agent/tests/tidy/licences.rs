//! Every dependency may be shipped: its licence allows one that deny.toml names.

use std::process::Command;

use serde_json::Value;

use crate::source::root;

fn allowed() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("deny.toml")).expect("the repository says what it allows");
    let deny: toml_edit::DocumentMut = text.parse().expect("deny.toml is TOML");
    let list = deny["licenses"]["allow"].as_array().expect("deny.toml has licenses.allow");
    list.iter().filter_map(|licence| licence.as_str().map(str::to_owned)).collect()
}

/// Whether an SPDX expression can be met. `/` is the old way of writing OR; AND binds closer than OR.
fn is_met(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (met, rest) = any(&words, allowed);
    met && rest.is_empty()
}

fn any<'w>(words: &'w [&'w str], allowed: &[String]) -> (bool, &'w [&'w str]) {
    let (mut met, mut rest) = all(words, allowed);
    while let ["OR", after @ ..] = rest {
        let (other, after) = all(after, allowed);
        (met, rest) = (met || other, after);
    }
    (met, rest)
}

fn all<'w>(words: &'w [&'w str], allowed: &[String]) -> (bool, &'w [&'w str]) {
    let (mut met, mut rest) = one(words, allowed);
    while let ["AND", after @ ..] = rest {
        let (other, after) = one(after, allowed);
        (met, rest) = (met && other, after);
    }
    (met, rest)
}

fn one<'w>(words: &'w [&'w str], allowed: &[String]) -> (bool, &'w [&'w str]) {
    match words {
        ["(", inside @ ..] => {
            let (met, rest) = any(inside, allowed);
            (met && rest.first() == Some(&")"), rest.get(1..).unwrap_or_default())
        }
        [licence, "WITH", exception, rest @ ..] => {
            (allowed.iter().any(|it| *it == format!("{licence} WITH {exception}")), rest)
        }
        [licence, rest @ ..] => (allowed.iter().any(|it| it == licence), rest),
        [] => (false, words),
    }
}

#[test]
fn every_dependency_may_be_shipped() {
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo built this test");
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    let metadata: Value = serde_json::from_slice(&cargo.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let allowed = allowed();
    let licence = |package: &Value| package["license"].as_str().unwrap_or("none").to_owned();
    let refused: Vec<_> = packages
        .iter()
        .filter(|package| !is_met(&licence(package), &allowed))
        .map(|package| format!("{} {}: {}", package["name"], package["version"], licence(package)))
        .collect();
    assert!(refused.is_empty(), "\n{}\n", refused.join("\n"));
}

#[test]
fn an_expression_is_met_by_one_of_its_alternatives_and_all_of_its_parts() {
    let allowed = ["MIT".to_owned(), "Unicode-3.0".to_owned(), "Apache-2.0 WITH LLVM-exception".to_owned()];
    for good in ["MIT", "GPL-3.0 OR MIT", "(MIT OR X) AND Unicode-3.0", "X/MIT", "Apache-2.0 WITH LLVM-exception"] {
        assert!(is_met(good, &allowed), "{good}");
    }
    for bad in ["GPL-3.0", "MIT AND GPL-3.0", "none", "", "(MIT", "Apache-2.0"] {
        assert!(!is_met(bad, &allowed), "{bad}");
    }
}

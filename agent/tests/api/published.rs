//! The published description of the API.

use std::path::Path;

/// Compares with `agent/openapi.json`. After a change that is meant, run the test with `VARCO_BLESS=1` and read the
/// difference: other systems were built against that file.
#[test]
fn the_openapi_document_is_the_published_one() {
    let made = varco::console::openapi().to_pretty_json().unwrap() + "\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    if std::env::var_os("VARCO_BLESS").is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    let published = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(made == published, "the API differs from agent/openapi.json; bless it with VARCO_BLESS=1 if that is meant");
}

#[test]
fn the_document_is_openapi_3_1_and_refers_only_to_what_it_has() {
    let document: serde_json::Value = serde_json::to_value(varco::console::openapi()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let text = document.to_string();
    for part in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(document["components"]["schemas"].get(name).is_some(), "{name} is referred to and not there");
    }
}

/// OpenAPI demands a description of each response; generators of clients refuse the document otherwise.
#[test]
fn every_response_is_described() {
    let document: serde_json::Value = serde_json::to_value(varco::console::openapi()).unwrap();
    let mut without = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                if response["description"].as_str().unwrap_or_default().is_empty() {
                    without.push(format!("{method} {path} {status}"));
                }
            }
        }
    }
    assert!(without.is_empty(), "without a description:\n{}", without.join("\n"));
}

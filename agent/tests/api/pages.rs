//! The console's pages as a browser gets them: their types, their guards, and that they hold nothing of the club.

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::json;

use super::club::{Club, anna, answer, club};

/// Every page, and a file of each kind.
const FILES: &[(&str, &str)] = &[
    ("/", "text/html; charset=utf-8"),
    ("/display/entry", "text/html; charset=utf-8"),
    ("/pages/console.css", "text/css; charset=utf-8"),
    ("/pages/main.js", "text/javascript; charset=utf-8"),
    ("/pages/icon.svg", "image/svg+xml"),
];

async fn got(club: &Club, path: &str) -> (HeaderMap, String) {
    let response = club.request("", Method::GET, path).send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    (response.headers().clone(), response.text().await.unwrap())
}

#[tokio::test]
async fn pages_need_no_token_and_run_nothing_but_their_own_scripts() {
    let club = club().await;
    club.put("/api/v1/people/M-1", anna("M-1")).await;
    for (path, kind) in FILES {
        let (headers, text) = got(&club, path).await;
        assert_eq!(headers["content-type"], kind, "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(
            (&headers["cache-control"], &headers["referrer-policy"]),
            (&"no-cache".parse().unwrap(), &"no-referrer".parse().unwrap())
        );
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(
            !text.contains("Rossi") && !text.contains("http://") | path.ends_with("svg"),
            "{path} refers to elsewhere"
        );
    }
    assert_eq!(club.get("/pages/main.rs").await.0, 404);
    assert_eq!(club.get("/pages/..%2Fmain.js").await.0, 404);
}

#[tokio::test]
async fn every_file_that_a_page_or_a_script_names_is_served() {
    let club = club().await;
    let (mut named, mut seen) = (vec!["/".to_owned(), "/display/entry".to_owned()], Vec::new());
    while let Some(path) = named.pop() {
        let (_, text) = got(&club, &path).await;
        let scripts = text.split("from './").skip(1).map(|rest| rest.split('\'').next().unwrap());
        named.extend(scripts.map(|name| format!("/pages/{name}")).filter(|path| !seen.contains(path)));
        let linked = text.split("\"/pages/").skip(1).map(|rest| rest.split('"').next().unwrap());
        named.extend(linked.map(|name| format!("/pages/{name}")).filter(|path| !seen.contains(path)));
        seen.push(path);
    }
    assert!(seen.iter().any(|path| path == "/pages/integration.js"), "{seen:?}");
}

#[tokio::test]
async fn a_page_that_the_browser_has_is_not_sent_again() {
    let club = club().await;
    let (headers, _) = got(&club, "/pages/main.js").await;
    let tag = headers["etag"].to_str().unwrap();
    let again = club.request("", Method::GET, "/pages/main.js").header("if-none-match", tag).send().await.unwrap();
    assert_eq!(again.status(), 304);
    assert_eq!(again.headers()["etag"], tag);
    assert_eq!(again.text().await.unwrap(), "");
    let older = club.request("", Method::GET, "/pages/main.js").header("if-none-match", "\"older\"");
    assert_eq!(older.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_page_asks_whose_token_it_has_and_what_it_may_offer() {
    let club = club().await;
    let (status, me) = answer(club.request("viewer", Method::GET, "/api/v1/me")).await;
    assert_eq!((status, &me["name"], &me["role"]), (200, &json!("viewer"), &json!("viewer")));
    assert_eq!(me["may"], json!(["see_yourself", "see_site", "see_people", "see_crm", "see_classes"]));
    assert_eq!(me["site"], json!({ "id": "milano", "name": "Milano", "timezone": "Europe/Rome", "locale": "it" }));
    assert_eq!(me["mywellness"], true);
    let (_, me) = answer(club.request("admin", Method::GET, "/api/v1/me")).await;
    assert_eq!(me["may"].as_array().unwrap().len(), 12);
}

/// Each text that the scripts say is in each language, and no language says what nobody says.
#[test]
fn every_text_of_the_pages_is_in_every_language() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/console/pages");
    let text_of = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
    let (mut said, mut languages) = (std::collections::BTreeSet::new(), Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = text_of(&path);
        if name.starts_with("words.") && name != "words.js" {
            let keys =
                text.lines().filter_map(|line| Some(line.trim().strip_prefix('\'')?.split_once("': ")?.0.to_owned()));
            languages.push((name, keys.collect::<std::collections::BTreeSet<_>>()));
        } else if name.ends_with(".js") {
            let calls = text
                .match_indices("t('")
                .filter(|(at, _)| !text[..*at].ends_with(|before: char| before.is_alphanumeric()));
            said.extend(calls.map(|(at, call)| text[at + call.len()..].split('\'').next().unwrap().to_owned()));
        }
    }
    assert_eq!(languages.len(), 2);
    for (name, keys) in languages {
        let missing: Vec<_> = said.difference(&keys).collect();
        let unused: Vec<_> = keys.difference(&said).collect();
        assert!(missing.is_empty() && unused.is_empty(), "{name} lacks {missing:#?} and has nobody for {unused:#?}");
    }
}

#[test]
fn every_reason_has_its_plain_words() {
    let words = include_str!("../../src/console/pages/words.js");
    let without: Vec<_> = varco::domain::Reason::ALL
        .iter()
        .filter(|reason| !words.contains(&format!("  {}: () => t(", reason.code())))
        .collect();
    assert!(without.is_empty(), "{without:?}");
}

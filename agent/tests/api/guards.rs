//! Who gets in, how much they may send, and how the console ends.

use reqwest::Method;
use serde_json::json;

use super::club::{anna, answer, club};

/// A request for every route that needs a token, and the roles that may: admin, operator, gateway, viewer.
const ROUTES: &[(&str, &str, &str)] = &[
    ("AOGV", "GET", "/api/v1/me"),
    ("AOGV", "GET", "/api/v1/people"),
    ("AG", "POST", "/api/v1/people/import"),
    ("AOGV", "GET", "/api/v1/people/M-1"),
    ("AG", "PUT", "/api/v1/people/M-1"),
    ("AG", "DELETE", "/api/v1/people/M-1"),
    ("AOGV", "GET", "/api/v1/people/M-1/standing"),
    ("AOGV", "GET", "/api/v1/crm/outcomes"),
    ("AOGV", "GET", "/api/v1/crm/outcomes/x"),
    ("AOG", "PUT", "/api/v1/crm/outcomes/x"),
    ("AOGV", "GET", "/api/v1/crm/action-types"),
    ("AOGV", "GET", "/api/v1/crm/action-types/x"),
    ("AOG", "PUT", "/api/v1/crm/action-types/x"),
    ("AOGV", "GET", "/api/v1/crm/actions"),
    ("AOG", "POST", "/api/v1/crm/actions"),
    ("AOGV", "GET", "/api/v1/crm/actions/00000000-0000-0000-0000-000000000000"),
    ("AOG", "POST", "/api/v1/crm/actions/00000000-0000-0000-0000-000000000000/advance"),
    ("AOGV", "GET", "/api/v1/classes/products"),
    ("AOGV", "GET", "/api/v1/classes/products/x"),
    ("AG", "PUT", "/api/v1/classes/products/x"),
    ("AG", "GET", "/api/v1/classes/activities"),
    ("AOGV", "GET", "/api/v1/classes"),
    ("AOGV", "GET", "/api/v1/classes/x"),
    ("AG", "PUT", "/api/v1/classes/x"),
    ("AOGV", "GET", "/api/v1/classes/x/bookings"),
    ("AOGV", "GET", "/api/v1/classes/x/bookings/M-1"),
    ("AG", "PUT", "/api/v1/classes/x/bookings/M-1"),
    ("AG", "DELETE", "/api/v1/classes/x/bookings/M-1"),
    ("AOGV", "GET", "/api/v1/classes/x/attendance"),
    ("AOG", "POST", "/api/v1/classes/x/attendance"),
    ("AOG", "DELETE", "/api/v1/classes/x/attendance/M-1"),
    ("AOV", "GET", "/api/v1/passages"),
    ("AOV", "GET", "/api/v1/visits"),
    ("AOV", "GET", "/api/v1/alarms"),
    ("AOV", "GET", "/api/v1/events"),
    ("AOV", "GET", "/api/v1/readers"),
    ("AO", "POST", "/api/v1/readers/entry/passages"),
    ("AOV", "GET", "/api/v1/gates"),
    ("AO", "POST", "/api/v1/gates/turnstile/open"),
    ("AO", "POST", "/api/v1/gates/turnstile/mode"),
    ("AOV", "POST", "/api/v1/why"),
    ("AOV", "GET", "/api/v1/lanes"),
    ("AOV", "GET", "/api/v1/outbox"),
    ("AO", "POST", "/api/v1/outbox/1/retry"),
    ("AO", "POST", "/api/v1/outbox/1/discard"),
    ("AOGV", "GET", "/api/v1/sync/people"),
    ("AOGV", "GET", "/api/v1/sync/people/M-1"),
    ("AO", "POST", "/api/v1/sync/people/M-1/synchronize"),
    ("AO", "POST", "/api/v1/sync/people/M-1/suspend"),
    ("AO", "POST", "/api/v1/sync/people/M-1/enable"),
    ("AO", "POST", "/api/v1/sync/people/M-1/delete"),
    ("AOGV", "GET", "/api/v1/sync/people/M-1/candidates"),
    ("AO", "POST", "/api/v1/sync/people/M-1/match"),
    ("AOGV", "GET", "/api/v1/sync/preflight"),
    ("AOV", "GET", "/api/v1/sync/progress"),
    ("AOGV", "GET", "/api/v1/sync/groups/dry-run"),
];

#[tokio::test]
async fn every_route_lets_in_exactly_its_roles() {
    let club = club().await;
    for (roles, method, path) in ROUTES {
        let method: Method = method.parse().unwrap();
        let anybody = club.request("", method.clone(), path).send().await.unwrap().status();
        assert_eq!(anybody, 401, "{method} {path} without a token");
        for role in ["admin", "operator", "gateway", "viewer"] {
            let status = club.request(role, method.clone(), path).send().await.unwrap().status();
            let may = roles.contains(role[..1].to_uppercase().as_str());
            assert_eq!(status != 403, may, "{role} at {method} {path}: {status}");
        }
    }
}

#[test]
fn every_documented_route_is_among_them() {
    let document = serde_json::to_value(varco::console::openapi()).unwrap();
    let mut documented = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in
            item.as_object().unwrap().keys().filter(|key| ["get", "put", "post", "delete"].contains(&key.as_str()))
        {
            documented.push(format!("{} {path}", method.to_uppercase()));
        }
    }
    documented.retain(|route| route.contains(" /api/"));
    assert_eq!(documented.len(), ROUTES.len(), "{documented:?}");
}

#[tokio::test]
async fn a_refused_token_is_told_to_wait_in_the_end_and_a_right_one_still_gets_in() {
    let club = club().await;
    let guess = || club.request("", Method::GET, "/api/v1/people").bearer_auth("varco_guess").send();
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(guess().await.unwrap().status().as_u16());
    }
    assert_eq!((statuses[0], statuses[11]), (401, 429));
    assert!(guess().await.unwrap().headers().contains_key("retry-after"));
    assert_eq!(club.get("/api/v1/people").await.0, 200);
    club.store.write("a story", |tx| tx.revoke_tokens("admin", "2026-11-21T12:00:00Z".parse().unwrap())).await.unwrap();
    assert_eq!(club.get("/api/v1/people").await.0, 429, "a revoked token is like any wrong one");
}

#[tokio::test]
async fn probes_need_no_token_and_tell_nothing_personal() {
    let club = club().await;
    club.put("/api/v1/people/M-1", anna("M-1")).await;
    let (status, health) = answer(club.request("", Method::GET, "/healthz")).await;
    assert_eq!((status, &health["status"], &health["site"]), (200, &json!("ok"), &json!("milano")));
    assert_eq!(health["lanes"][0]["connection"]["link"], "connecting");
    assert!(!health.to_string().contains("Rossi"));
    assert_eq!(answer(club.request("", Method::GET, "/readyz")).await.0, 503);
    club.ready.send_replace(true);
    assert_eq!(answer(club.request("", Method::GET, "/readyz")).await.0, 200);
    let metrics = club.request("", Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("varco_console_requests_total"), "{metrics}");
    assert_eq!(answer(club.request("", Method::GET, "/api/v1/openapi.json")).await.0, 200);
}

#[tokio::test]
async fn what_is_not_served_is_a_problem_too() {
    let club = club().await;
    assert_eq!(club.get("/api/v1/nowhere").await.0, 404);
    assert_eq!(club.get("/pages/nowhere.js").await.0, 404);
    let patched = club.request("admin", Method::PATCH, "/api/v1/people/M-1").send().await.unwrap();
    assert_eq!(
        (patched.status().as_u16(), &patched.headers()["allow"]),
        (405, &"GET,HEAD,PUT,DELETE".parse().unwrap())
    );
    let large = club.request("admin", Method::PUT, "/api/v1/people/M-1").header("content-type", "application/json");
    assert_eq!(answer(large.body(vec![b' '; 2 * 1024 * 1024])).await.0, 413);
    let streamed = club.request("admin", Method::PUT, "/api/v1/people/a%2Fb").json(&anna("a/b"));
    assert_eq!(answer(streamed).await.0, 201, "an id may have a slash");
}

#[tokio::test]
async fn the_console_ends_when_told_and_keeps_what_was_asked() {
    let mut club = club().await;
    assert_eq!(club.put("/api/v1/people/M-1", anna("M-1")).await.0, 201);
    club.stop.cancel();
    club.tasks.join_next().await.unwrap().unwrap();
    let count = club.store.read("a story", |view| view.people_count()).await.unwrap();
    assert_eq!(count, 1);
    assert!(club.request("admin", Method::GET, "/healthz").send().await.is_err(), "nobody listens any more");
}

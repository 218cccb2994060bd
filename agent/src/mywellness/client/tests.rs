//! Stories about sessions and answers, against a pretended Mywellness that is stricter than the real one.

use serde_json::json;

use super::super::pretend::{self, Pretend, Reply, refusal};
use super::*;

const VISIT: Action<'_> = Action::Visit { user: "u-1" };
const PAGE: &[u8] = b"<html><body>We will be back soon</body></html>";

fn client(pretend: &Pretend) -> Client {
    Client::new(&pretend::config(&pretend.url), Clock::system()).unwrap()
}

async fn call(client: &mut Client) -> Result<Value, CallError> {
    let permit = client.permit().await?;
    client.call(permit, VISIT, &json!({"visitDate": "2026-11-21 10:00:00 +01:00"})).await
}

fn page() -> Reply {
    Reply::Bytes(200, "text/html; charset=utf-8", PAGE.to_vec())
}

/// What became of one call that met `reply`.
async fn met(reply: Reply) -> String {
    let pretend = Pretend::start().await;
    pretend.calls([reply]);
    call(&mut client(&pretend)).await.unwrap_err().to_string()
}

#[tokio::test]
async fn every_answer_brings_the_token_of_the_next_call_so_one_login_serves_many() {
    let pretend = Pretend::start().await;
    let mut client = client(&pretend);
    for _ in 0..3 {
        assert_eq!(call(&mut client).await, Ok(json!({"result": "Success"})));
    }
    assert_eq!(pretend.actions(), ["AccessIntegration", "Visit", "Visit", "Visit"]);
    let paths: Vec<_> = pretend.asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(paths[0], "/clubmilano/application/69295ed5-a53c-434b-8518-f2e0b5f05b28/AccessIntegration");
    assert_eq!(paths[1], "/clubmilano/core/user/u-1/Visit");
}

#[tokio::test]
async fn an_error_brings_a_token_too() {
    let pretend = Pretend::start().await;
    pretend.calls([Reply::Said(200, json!({"errors": [{"field": "visitDate", "type": "Validation"}]}))]);
    let mut client = client(&pretend);
    assert_eq!(call(&mut client).await.unwrap_err().to_string(), "visit at Mywellness: refused: visitDate Validation");
    assert!(call(&mut client).await.is_ok());
    assert_eq!(pretend.actions(), ["AccessIntegration", "Visit", "Visit"]);
}

#[tokio::test]
async fn the_facility_is_the_one_with_our_slug() {
    let pretend = Pretend::start().await;
    let mut client = client(&pretend);
    let permit = client.permit().await.unwrap();
    client.call(permit, Action::Create, &json!({})).await.unwrap();
    assert_eq!(pretend.asked()[1].path, "/clubmilano/core/facility/f-1/CreateFacilityUserFromThirdParty");
}

#[tokio::test]
async fn a_token_that_expires_midway_costs_one_login_and_no_call() {
    let pretend = Pretend::start().await;
    let mut client = client(&pretend);
    call(&mut client).await.unwrap();
    pretend.expire_tokens();
    assert!(call(&mut client).await.is_ok());
    assert_eq!(pretend.actions(), ["AccessIntegration", "Visit", "Visit", "AccessIntegration", "Visit"]);
}

#[tokio::test]
async fn a_token_near_its_end_is_renewed_before_the_call() {
    let pretend = Pretend::start().await;
    pretend.say_tokens_live(1800);
    let mut client = client(&pretend);
    let _permit = client.permit().await.unwrap();
    let session = client.session.as_mut().unwrap();
    let left = session.renew_at.since(client.clock.now().uptime);
    assert!(left <= RENEW_AFTER && left > RENEW_AFTER - Duration::from_secs(60), "{left:?}");
    session.renew_at = client.clock.now().uptime;
    call(&mut client).await.unwrap();
    assert_eq!(pretend.actions(), ["AccessIntegration", "AccessIntegration", "Visit"]);
}

#[tokio::test]
async fn a_web_page_is_answered_with_one_login_and_one_more_try() {
    let pretend = Pretend::start().await;
    pretend.calls([page()]);
    assert!(call(&mut client(&pretend)).await.is_ok());
    assert_eq!(pretend.actions(), ["AccessIntegration", "Visit", "AccessIntegration", "Visit"]);
}

#[tokio::test]
async fn a_second_web_page_is_believed() {
    let pretend = Pretend::start().await;
    pretend.calls([page(), page()]);
    let error = call(&mut client(&pretend)).await.unwrap_err();
    assert_eq!(error, CallError::Call { action: "visit", failure: Failure::WebPage(200) });
    assert_eq!(pretend.actions().len(), 4);
}

#[tokio::test]
async fn a_service_that_says_401_twice_is_not_asked_a_third_time() {
    let pretend = Pretend::start().await;
    let unauthorised = || Reply::Bytes(401, "application/json", Vec::new());
    pretend.calls([unauthorised(), unauthorised()]);
    let error = call(&mut client(&pretend)).await.unwrap_err();
    assert_eq!(error, CallError::Call { action: "visit", failure: Failure::TokenRefused });
    assert_eq!(pretend.actions().len(), 4);
}

#[tokio::test]
async fn a_wrong_password_is_an_error_of_the_login_even_with_status_200() {
    let pretend = Pretend::start().await;
    let config = Config { password: SecretString::from("wrong"), ..pretend::config(&pretend.url) };
    let error = check(&config).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "logging in to Mywellness: this installation is refused: InvalidCredentials Security; \
         look at facility_url, api_key, username and password"
    );
}

#[tokio::test]
async fn a_login_without_a_token_or_a_facility_is_no_login() {
    let pretend = Pretend::start().await;
    let no_token = Reply::Bytes(200, "application/json", br#"{"data":{"facilities":[{"id":"f-1"}]}}"#.to_vec());
    pretend.logins([no_token, Reply::Said(200, json!({"data": {"result": "Success", "facilities": []}}))]);
    let mut client = client(&pretend);
    let mut error = async || client.log_in().await.unwrap_err().to_string();
    assert_eq!(error().await, "logging in to Mywellness: the answer cannot be understood: it has no token");
    assert_eq!(error().await, "logging in to Mywellness: the answer cannot be understood: it names no facility");
}

#[tokio::test]
async fn a_check_that_succeeds_has_only_logged_in() {
    let pretend = Pretend::start().await;
    check(&pretend::config(&pretend.url)).await.unwrap();
    assert_eq!(pretend.actions(), ["AccessIntegration"]);
}

#[tokio::test]
async fn a_refused_connection_was_never_reached() {
    let _already = rustls::crypto::ring::default_provider().install_default();
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut client = Client::new(&pretend::config(&format!("http://{closed}")), Clock::system()).unwrap();
    let error = client.log_in().await.unwrap_err();
    assert!(matches!(error, CallError::LogIn(Failure::NotSent(_))), "{error}");
}

#[tokio::test]
async fn a_connection_cut_after_sending_is_a_lost_answer_wherever_it_is_cut() {
    for reply in [Reply::Cut, Reply::CutWithin] {
        let text = met(reply).await;
        assert!(text.starts_with("visit at Mywellness: the answer was lost: "), "{text}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_lost() {
    let pretend = Pretend::start().await;
    pretend.calls([Reply::Silence]);
    let config = Config { request_timeout: Duration::from_millis(300), ..pretend::config(&pretend.url) };
    let mut client = Client::new(&config, Clock::system()).unwrap();
    let error = call(&mut client).await.unwrap_err().to_string();
    assert_eq!(error, "visit at Mywellness: the answer was lost: none within 300ms");
}

#[tokio::test]
async fn statuses_and_broken_bodies_are_told_apart() {
    let bytes = |status, text: &str| Reply::Bytes(status, "application/json", text.as_bytes().to_vec());
    assert_eq!(met(bytes(500, "{}")).await, "visit at Mywellness: the server failed with status 500");
    assert_eq!(met(bytes(502, "")).await, "visit at Mywellness: the server failed with status 502");
    assert_eq!(met(Reply::Busy(503, 0)).await, "visit at Mywellness: asked to come back later with status 503");
    assert_eq!(
        met(bytes(200, r#"{"data":{"result":"Succ"#)).await,
        "visit at Mywellness: the answer cannot be understood: it is no JSON"
    );
    assert_eq!(
        met(Reply::Bytes(404, "text/html", PAGE.to_vec())).await,
        "visit at Mywellness: there is no such action at this address; look at base_url and facility_url"
    );
}

#[tokio::test]
async fn an_endless_answer_is_read_only_so_far() {
    let text = format!("{{\"data\":\"{}\"}}", "x".repeat(ANSWER_BYTES_MAX));
    let text = met(Reply::Bytes(200, "application/json", text.into_bytes())).await;
    assert_eq!(text, "visit at Mywellness: the answer cannot be understood: it is no JSON");
}

#[tokio::test]
async fn whoever_is_asked_to_stay_away_stays_away() {
    let pretend = Pretend::start().await;
    pretend.calls([Reply::Busy(429, 3000)]);
    let mut client = client(&pretend);
    let error = call(&mut client).await.unwrap_err();
    let asked = Failure::Throttled { status: 429, retry_after: Some(Duration::from_secs(3000)) };
    assert_eq!(error, CallError::Call { action: "visit", failure: asked });
    let so_far = pretend.actions();
    let error = call(&mut client).await.unwrap_err().to_string();
    assert!(error.starts_with("logging in to Mywellness: not reached: it asked to be left alone for "), "{error}");
    assert!(client.log_in().await.is_err());
    assert_eq!(pretend.actions(), so_far);
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_token() {
    let pretend = Pretend::start().await;
    let elsewhere = || Reply::Bytes(302, "text/html\r\nlocation: /elsewhere", Vec::new());
    pretend.calls([elsewhere(), elsewhere()]);
    let error = call(&mut client(&pretend)).await.unwrap_err();
    assert_eq!(error, CallError::Call { action: "visit", failure: Failure::WebPage(302) });
    assert!(!pretend.actions().contains(&"elsewhere".to_owned()));
}

#[tokio::test]
async fn calls_keep_the_pace_they_are_given() {
    let pretend = Pretend::start().await;
    let config = Config { requests_per_second: 20.try_into().unwrap(), ..pretend::config(&pretend.url) };
    let mut client = Client::new(&config, Clock::system()).unwrap();
    let started = client.clock.now().uptime;
    for _ in 0..4 {
        call(&mut client).await.unwrap();
    }
    // A login and four calls have four pauses of 50 ms between them.
    assert!(client.clock.now().uptime.since(started) >= Duration::from_millis(200));
}

#[tokio::test]
async fn no_secret_and_no_text_of_the_upstream_is_in_any_error_or_debug_text() {
    let pretend = Pretend::start().await;
    let config = pretend::config(&pretend.url);
    let mut texts = Vec::new();
    for reply in
        [Reply::Said(200, refusal("Odd")), Reply::Cut, Reply::Silence, Reply::Bytes(500, "text/html", PAGE.into())]
    {
        pretend.calls([reply]);
        let config = Config { request_timeout: Duration::from_millis(300), ..config.clone() };
        let error = call(&mut Client::new(&config, Clock::system()).unwrap()).await.unwrap_err();
        texts.extend([error.to_string(), format!("{error:?}")]);
    }
    let bad_key = Config { api_key: SecretString::from("key-that-nobody-may-see\n"), ..config.clone() };
    let error = Client::new(&bad_key, Clock::system()).err().unwrap();
    texts.extend([error.to_string(), format!("{error:?}")]);
    let debug = format!("{config:?}");
    for text in texts {
        let leaked = ["nobody-may-see", "anna", "u-1", "127.0.0.1"].iter().find(|secret| text.contains(**secret));
        assert_eq!(leaked, None, "{text}");
    }
    assert!(!debug.contains("nobody-may-see"), "{debug}");
}

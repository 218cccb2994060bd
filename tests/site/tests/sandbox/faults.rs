//! Each fault as a caller meets it.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use site::sandbox::{Fault, Injection, Options, RateLimit, Shape, Work};

use crate::caller::{Caller, errors};

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn faults_say_what_they_say_and_do_or_do_not_do_the_work() -> Result<()> {
    let mut caller = Caller::new(Options::default()).await?;
    let ids = caller.anna().await?;
    let visit = format!("core/user/{}/Visit", ids["userId"].as_str().context("an id")?);
    let body = json!({ "token": caller.token, "visitDate": "2026-02-10 09:30:00 +01:00" });
    let mut done = 0;
    let table = [
        ("500", 1, Fault::Status { code: 500, work: Work::Done }),
        ("502", 0, Fault::Status { code: 502, work: Work::Undone }),
        ("429 after 7", 0, Fault::Busy { code: 429, retry_after_s: 7 }),
        ("503 after 2", 0, Fault::Busy { code: 503, retry_after_s: 2 }),
        ("200 no JSON", 0, Fault::Html),
        ("429", 0, Fault::Status { code: 429, work: Work::Undone }),
        ("403", 0, Fault::Quota),
        ("404 no JSON", 0, Fault::NoSuchAction),
        ("200", 0, Fault::ResultError),
        ("200", 1, Fault::Odd { shape: Shape::List }),
        ("200 no JSON", 1, Fault::Truncated),
        ("200 no JSON", 1, Fault::Torn),
        ("cut", 1, Fault::Cut { work: Work::Done }),
        ("cut", 0, Fault::Cut { work: Work::Undone }),
    ];
    for (expected, work, fault) in table {
        caller.sandbox.inject(fault.next(1).on("Visit"));
        let told = match caller.raw(&visit, &body).await {
            Err(_) => "cut".to_owned(),
            Ok(response) => {
                let code = response.status().as_u16();
                let after = response.headers().get("Retry-After").and_then(|it| it.to_str().ok().map(str::to_owned));
                match after {
                    Some(seconds) => format!("{code} after {seconds}"),
                    None if [200, 404].contains(&code) && response.json::<Value>().await.is_err() => {
                        format!("{code} no JSON")
                    }
                    None => code.to_string(),
                }
            }
        };
        done += work;
        assert_eq!(told, expected, "{fault:?}");
        assert_eq!(caller.sandbox.visits().len(), done, "{fault:?}");
    }
    caller.sandbox.inject(Fault::Slow { ms: 60_000 }.next(1));
    let impatient = tokio::time::timeout(Duration::from_millis(100), caller.raw(&visit, &body)).await;
    assert!(impatient.is_err());
    assert_eq!(caller.sandbox.visits().len(), done + 1, "a slow answer comes after the work");
    assert_eq!(caller.raw(&visit, &body).await?.status(), 200, "every fault is used up");
    let last = caller.sandbox.requests().into_iter().next_back().context("a request")?;
    assert_eq!((last.action.as_str(), last.succeeded(), &last.body["token"]), ("Visit", true, &Value::Null));
    Ok(())
}

#[tokio::test]
async fn down_refuses_and_up_is_on_the_same_port_with_the_same_people() -> Result<()> {
    let mut caller = Caller::new(Options::default()).await?;
    caller.anna().await?;
    caller.sandbox.down().await;
    assert!(std::net::TcpStream::connect(caller.sandbox.address()).is_err());
    assert!(caller.raw("core", &json!({})).await.is_err());
    caller.sandbox.up().await?;
    assert_eq!(caller.anna().await?["result"], "MatchFound");
    Ok(())
}

#[tokio::test]
async fn a_facility_is_limited_suspended_and_healed() -> Result<()> {
    let mut caller = Caller::new(Options::default()).await?;
    caller.sandbox.limit_rate(Some(0));
    let limited = caller.raw("core", &json!({})).await?;
    assert_eq!((limited.status().as_u16(), limited.headers()["Retry-After"].to_str()?), (429, "1"));
    caller.sandbox.heal();
    caller.sandbox.suspend_facility();
    assert_eq!(errors(&caller.create(json!({})).await?), ["FacilityNotActive Security"]);
    caller.sandbox.heal();
    caller.anna().await?;
    caller.sandbox.wait_until(|book| book.user("M-1").is_some(), SOON).await
}

#[tokio::test]
async fn a_token_is_refused_in_the_old_way_and_in_the_new_one_and_is_gone_then() -> Result<()> {
    let mut caller = Caller::new(Options::default()).await?;
    let found = format!("core/facility/{}/GetFacilityUserByExternalID", caller.facility_id);
    for code in [200, 401] {
        caller.sandbox.inject(Fault::TokenExpired { code }.next(1));
        let body = json!({ "token": caller.token, "externalId": "M-1" });
        let refused = caller.raw(&found, &body).await?;
        assert_eq!(refused.status(), code);
        let challenge = refused.headers().get("WWW-Authenticate").map(|it| it.as_bytes().to_vec());
        assert_eq!(challenge, (code == 401).then(|| b"TechnogymBearer".to_vec()));
        assert_eq!(errors(&refused.json().await?), ["TokenNotValid Security"]);
        assert_eq!(errors(&caller.raw(&found, &body).await?.json().await?), ["TokenNotValid Security"]);
        caller.token.clear();
        caller.log_in().await?;
        assert_eq!(errors(&caller.post(&found, json!({ "externalId": "M-1" })).await?), ["externalId NotFound"]);
    }
    Ok(())
}

#[tokio::test]
async fn json_of_another_shape_is_told_of_work_that_was_done() -> Result<()> {
    let caller = Caller::new(Options::default()).await?;
    let path = format!("core/facility/{}/CreateFacilityUserFromThirdParty", caller.facility_id);
    let table = [
        (Shape::List, "/0/data/result", json!("Created")),
        (Shape::Text, "", json!("Success")),
        (Shape::Null, "", Value::Null),
        (Shape::Empty, "", json!({ "version": "sandbox" })),
        (Shape::Numbers, "/data", json!({ "result": 7, "userId": 7, "facilityUserId": 7, "permanentToken": 7 })),
        (Shape::Both, "/errors/0/field", json!("Odd")),
    ];
    for (number, (shape, pointer, expected)) in table.into_iter().enumerate() {
        caller.sandbox.inject(Fault::Odd { shape }.next(1));
        let mut body = crate::caller::person(&format!("M-{number}"), &format!("Anna{number}"));
        body["token"] = json!(caller.token);
        let answer: Value = caller.raw(&path, &body).await?.json().await?;
        assert_eq!(answer.pointer(pointer), Some(&expected), "{shape:?}");
        assert_eq!(caller.sandbox.users().len(), number + 1, "{shape:?}");
    }
    Ok(())
}

#[tokio::test]
async fn faults_are_joined_with_conditions_and_end_by_themselves() -> Result<()> {
    let mut caller = Caller::new(Options::default()).await?;
    let found = format!("core/facility/{}/GetFacilityUserByExternalID", caller.facility_id);
    let body = json!({ "token": caller.token, "externalId": "M-1" });
    let outage = Injection::from(Fault::Status { code: 503, work: Work::Undone });
    caller.sandbox.inject(outage.lasting(Duration::from_millis(100)).about("M-1"));
    assert_eq!(caller.raw(&found, &body).await?.status(), 503);
    assert_eq!(caller.raw(&found, &json!({ "token": caller.token, "externalId": "M-2" })).await?.status(), 200);
    let over = async { while caller.raw(&found, &body).await.is_ok_and(|it| it.status() == 503) {} };
    tokio::time::timeout(SOON, over).await?;

    // Two in a quarter of an hour, and 403 to the others, as the older interface does it.
    let limit = RateLimit { requests: 2, within_ms: 900_000, over: Fault::Quota };
    caller.sandbox.limit(Some(limit));
    caller.anna().await?;
    caller.anna().await?;
    let refused = caller.raw(&found, &body).await?;
    assert_eq!(refused.status(), 403);
    assert_eq!(errors(&refused.json().await?), ["QuotaExceeded Security"]);
    caller.sandbox.heal();
    caller.anna().await?;
    Ok(())
}

#[tokio::test]
async fn an_outage_begins_at_once_and_ends_by_itself() -> Result<()> {
    let mut caller = Caller::new(Options::default()).await?;
    caller.sandbox.down_for(Duration::from_millis(50));
    let refused = async { while caller.raw("core", &json!({})).await.is_ok() {} };
    tokio::time::timeout(SOON, refused).await?;
    let back = async { while caller.raw("core", &json!({})).await.is_err() {} };
    tokio::time::timeout(SOON, back).await?;
    assert_eq!(caller.anna().await?["result"], "Created");
    Ok(())
}

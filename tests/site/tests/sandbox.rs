//! The contract of the Mywellness sandbox, call by call, and each fault as a caller meets it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::Client;
use serde_json::{Value, json};
use site::sandbox::{APPLICATION_ID, Fault, Injection, Known, Options, Sandbox, Work};

const SOON: Duration = Duration::from_secs(10);

/// A caller that does what the contract asks: headers, login, and the newest token in each body.
struct Caller {
    sandbox: Sandbox,
    http: Client,
    token: String,
    facility_id: String,
}

impl Caller {
    async fn new(options: Options) -> Result<Self> {
        let sandbox = Sandbox::start(options).await?;
        let mut caller =
            Self { sandbox, http: site::api::http_client(), token: String::new(), facility_id: String::new() };
        caller.log_in().await?;
        Ok(caller)
    }

    async fn log_in(&mut self) -> Result<()> {
        let Options { api_key, username, password, .. } = self.sandbox.options();
        let path = format!("application/{APPLICATION_ID}/AccessIntegration");
        let body = json!({ "apiKey": api_key, "username": username, "password": password });
        let answer = self.post(&path, body).await?;
        ensure!(answer["data"]["result"] == "Success", "login: {answer}");
        self.facility_id = answer["data"]["facilities"][0]["id"].as_str().context("a facility id")?.to_owned();
        Ok(())
    }

    async fn raw(&self, path: &str, body: &Value) -> reqwest::Result<reqwest::Response> {
        let Options { api_key, facility_url, .. } = self.sandbox.options();
        let url = format!("{}/{facility_url}/{path}", self.sandbox.base_url());
        let request = self.http.post(url).header("X-MWAPPS-CLIENT", "thirdParties").header("X-MWAPPS-APIKEY", api_key);
        request.json(body).send().await
    }

    /// Posts to an action; every answer to a good token must bring the next one.
    async fn post(&mut self, path: &str, mut body: Value) -> Result<Value> {
        if !self.token.is_empty() {
            body["token"] = json!(self.token);
        }
        let response = self.raw(path, &body).await?;
        ensure!(response.status() == 200, "{path}: {}", response.status());
        let answer: Value = response.json().await?;
        ensure!(answer["data"].is_null() != answer["errors"].is_null(), "data XOR errors: {answer}");
        if let Some(token) = answer["token"].as_str() {
            ensure!(
                token != self.token && answer["expireIn"] == self.sandbox.options().token_life.as_secs(),
                "{answer}"
            );
            self.token = token.to_owned();
        }
        Ok(answer)
    }

    async fn create(&mut self, body: Value) -> Result<Value> {
        let path = format!("core/facility/{}/CreateFacilityUserFromThirdParty", self.facility_id);
        self.post(&path, body).await
    }

    async fn anna(&mut self) -> Result<Value> {
        Ok(self.create(person("M-1", "Anna")).await?["data"].take())
    }
}

fn person(external_id: &str, first_name: &str) -> Value {
    json!({
        "firstName": first_name, "lastName": "Rossi", "email": format!("{first_name}@example.org"),
        "dateOfBirth": "1990-04-12", "gender": "F", "externalId": external_id,
    })
}

/// The errors as `field type` pairs.
fn errors(answer: &Value) -> Vec<String> {
    let list = answer["errors"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    list.iter().map(|error| format!("{} {}", text(&error["field"]), text(&error["type"]))).collect()
}

#[tokio::test]
async fn strangers_and_wrong_passwords_get_errors_with_http_200() -> Result<()> {
    let mut caller = Caller::new(Options::default()).await?;
    let Options { api_key, username, .. } = caller.sandbox.options();
    let path = format!("application/{APPLICATION_ID}/AccessIntegration");
    let url = format!("{}/clubmilano/{path}", caller.sandbox.base_url());
    let stranger: Value = caller.http.post(&url).json(&json!({})).send().await?.json().await?;
    assert_eq!(errors(&stranger), ["ClientApplicationNotTrusted Security"]);

    caller.token.clear();
    let wrong = json!({ "apiKey": api_key, "username": username, "password": "guessed" });
    assert_eq!(errors(&caller.post(&path, wrong).await?), ["InvalidCredentials Security"]);
    let empty = errors(&caller.post(&path, json!({})).await?);
    assert_eq!(empty, ["apiKey Required", "username Required", "password Required"]);

    let requests = serde_json::to_string(&caller.sandbox.requests())?;
    assert!(!requests.contains("guessed") && !requests.contains(&api_key), "secrets are not recorded");
    Ok(())
}

#[tokio::test]
async fn an_unknown_action_is_an_html_page_with_404() -> Result<()> {
    let caller = Caller::new(Options { extra_actions: vec!["Known".into()], ..Options::default() }).await?;
    let token = json!({ "token": caller.token });
    let response = caller.raw("core/facility/x/NoSuchAction", &token).await?;
    assert_eq!(response.status(), 404);
    assert!(response.text().await?.contains("The resource cannot be found"));
    assert_eq!(caller.raw("core/facility/x/Known", &token).await?.status(), 200);
    Ok(())
}

#[tokio::test]
async fn tokens_rotate_overlap_and_expire() -> Result<()> {
    let mut caller = Caller::new(Options::default()).await?;
    let first = caller.token.clone();
    caller.anna().await?;
    assert_ne!(caller.token, first);
    caller.token = first;
    let found = format!("core/facility/{}/GetFacilityUserByExternalID", caller.facility_id);
    let answer = caller.post(&found, json!({ "externalId": "M-1" })).await?;
    assert_eq!(answer["data"]["firstName"], "Anna", "an older token is good until its own end");

    caller.sandbox.expire_tokens();
    let answer = caller.post(&found, json!({ "externalId": "M-1" })).await?;
    assert_eq!(errors(&answer), ["TokenNotValid Security"]);
    assert_eq!(answer["token"], Value::Null);
    caller.token.clear();
    caller.log_in().await?;
    assert_eq!(errors(&caller.post(&found, json!({ "externalId": "M-2" })).await?), ["externalId NotFound"]);

    let mut brief = Caller::new(Options { token_life: Duration::ZERO, ..Options::default() }).await?;
    let answer =
        brief.post(&format!("core/facility/{}/GetFacilityUserByExternalID", brief.facility_id), json!({})).await?;
    assert_eq!(errors(&answer), ["TokenNotValid Security"]);
    Ok(())
}

#[tokio::test]
async fn creating_wants_its_fields_and_matches_by_name_gender_and_birth() -> Result<()> {
    let mut caller = Caller::new(Options::default()).await?;
    let missing = errors(&caller.create(json!({})).await?);
    let wanted = ["firstName", "lastName", "email", "dateOfBirth", "gender", "externalId"];
    assert_eq!(missing, wanted.map(|field| format!("{field} Required")));
    let mut wrong = person("M-1", "Anna");
    (wrong["dateOfBirth"], wrong["gender"], wrong["birthDate"]) = (json!("1990-4-12"), json!("X"), json!("1990-04-12"));
    let complaints = errors(&caller.create(wrong).await?);
    assert_eq!(complaints, ["birthDate Unknown", "dateOfBirth Validation", "gender Validation"]);

    let created = caller.anna().await?;
    assert_eq!(created["result"], "Created");
    let again = caller.anna().await?;
    assert_eq!(again["result"], "MatchFound");
    assert_eq!(again["userId"], created["userId"]);
    let taken = caller.create(person("M-1", "Bruno")).await?;
    assert_eq!(errors(&taken), ["externalId Validation"]);

    let known = Known {
        first_name: "Carla".into(),
        last_name: "Rossi".into(),
        birth_date: "1990-04-12".into(),
        gender: "F".into(),
        email: "carla@elsewhere.example".into(),
        external_id: None,
    };
    caller.sandbox.know([known.clone()]);
    assert_eq!(caller.create(person("M-3", "Carla")).await?["data"]["result"], "MatchFound");
    assert!(caller.sandbox.look(|book| book.user("M-3").is_some()));
    caller.sandbox.know([known]);
    let several = caller.create(person("M-4", "Carla")).await?["data"].take();
    assert_eq!(several["result"], "UserEmailAndDataMatchFound");
    assert_eq!((&several["userId"], &several["permanentToken"]), (&Value::Null, &Value::Null));
    assert_eq!(several["matchedUsers"].as_array().map(Vec::len), Some(2));
    assert_eq!(several["matchedUsers"][0]["email"], "c***@elsewhere.example");
    Ok(())
}

#[tokio::test]
async fn people_are_updated_looked_up_and_deleted() -> Result<()> {
    let mut caller = Caller::new(Options::default()).await?;
    let ids = caller.anna().await?;
    let facility_user = ids["facilityUserId"].as_str().context("an id")?.to_owned();
    let update = format!("core/facilityuser/{facility_user}/Update");
    let good = json!({ "city": "Milano", "birthDate": "1990-04-13", "groups": [12], "mobilePhoneNumber": "+39 333" });
    assert_eq!(caller.post(&update, good).await?["data"]["result"], "Success");
    let bad = json!({ "groups": ["Gold"], "dateOfBirth": "1990-04-13", "gender": "W", "lastName": "" });
    let complaints = errors(&caller.post(&update, bad).await?);
    assert_eq!(complaints, ["dateOfBirth Unknown", "lastName Required", "gender Validation", "groups Validation"]);

    let by_token = format!("core/facility/{}/GetFacilityUserFromPermanentToken", caller.facility_id);
    let found = caller.post(&by_token, json!({ "permanentToken": ids["permanentToken"] })).await?["data"].take();
    assert_eq!((&found["city"], &found["birthDate"]), (&json!("Milano"), &json!("1990-04-13")));
    assert_eq!(caller.sandbox.users()[0].groups, [12]);

    let delete = format!("core/facilityuser/{facility_user}/Delete");
    assert_eq!(caller.post(&delete, json!({})).await?["data"]["result"], "Success");
    assert_eq!(errors(&caller.post(&delete, json!({})).await?), ["facilityUserId NotFound"]);
    Ok(())
}

#[tokio::test]
async fn memberships_know_their_operations_and_dates() -> Result<()> {
    let mut caller = Caller::new(Options::default()).await?;
    let ids = caller.anna().await?;
    let path = format!("core/facilityuser/{}/SaveMembership", ids["facilityUserId"].as_str().context("an id")?);
    let dates = json!({ "memberSince": "2021-09-01", "startOn": "2026-01-01", "expiresOn": "2026-12-31" });
    let save = |operation: &str, mut fields: Value| {
        fields["operation"] = json!(operation);
        fields
    };
    let complaints = errors(&caller.post(&path, save("Unbscribe", json!({}))).await?);
    assert_eq!(complaints, ["operation Validation"]);
    let complaints = errors(&caller.post(&path, save("Subscribe", json!({ "startOn": "01/01/2026" }))).await?);
    assert_eq!(complaints, ["memberSince Required", "startOn Validation", "expiresOn Required"]);
    let backwards = json!({ "memberSince": "2021-09-01", "startOn": "2026-01-02", "expiresOn": "2026-01-01" });
    assert_eq!(errors(&caller.post(&path, save("Renew", backwards)).await?), ["expiresOn Validation"]);

    let state = |caller: &Caller| {
        let membership = caller.sandbox.users()[0].membership.clone().expect("it was saved");
        (membership.active, membership.frozen, membership.expires_on)
    };
    let end = Some("2026-12-31".to_owned());
    caller.post(&path, save("Subscribe", dates)).await?;
    assert_eq!(state(&caller), (true, false, end.clone()));
    caller.post(&path, save("Froze", json!({ "expiresOn": "2026-12-31", "description": "" }))).await?;
    assert_eq!(state(&caller), (true, true, end.clone()));
    caller.post(&path, save("UnFroze", json!({}))).await?;
    assert_eq!(state(&caller), (true, false, end.clone()));
    caller.post(&path, save("UnSubscribe", json!({}))).await?;
    assert_eq!(state(&caller), (false, false, end));
    Ok(())
}

#[tokio::test]
async fn visits_want_an_exact_moment_and_a_known_person_and_are_never_deduped() -> Result<()> {
    let mut caller = Caller::new(Options::default()).await?;
    let ids = caller.anna().await?;
    let visit = format!("core/user/{}/Visit", ids["userId"].as_str().context("an id")?);
    let at = |text: &str| json!({ "visitDate": text });
    assert_eq!(errors(&caller.post(&visit, json!({})).await?), ["visitDate Required"]);
    assert_eq!(errors(&caller.post(&visit, at("2026-02-10T09:30:00+01:00")).await?), ["visitDate Validation"]);
    let good = at("2026-02-10 09:30:00 +01:00");
    let by_facility_user = format!("core/user/{}/Visit", ids["facilityUserId"].as_str().context("an id")?);
    assert_eq!(errors(&caller.post(&by_facility_user, good.clone()).await?), ["userId NotFound"]);
    for _ in 0..2 {
        assert_eq!(caller.post(&visit, good.clone()).await?["data"]["result"], "Success");
    }
    let visits = caller.sandbox.visits();
    assert_eq!(visits.len(), 2);
    assert_eq!(visits[0].external_id.as_deref(), Some("M-1"));
    Ok(())
}

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
        ("200 no JSON", 1, Fault::Truncated),
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
                    None if code == 200 && response.json::<Value>().await.is_err() => format!("{code} no JSON"),
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
async fn faults_and_records_are_reachable_over_http_too() -> Result<()> {
    let caller = Caller::new(Options::default()).await?;
    let control = |route: &str| format!("{}/__sandbox/{route}", caller.sandbox.base_url());
    let order = |body: Value| caller.http.post(control("fault")).json(&body).send();
    let wrong = order(json!({ "kind": "earthquake" })).await?;
    assert_eq!(wrong.status(), 400);
    assert!(wrong.text().await?.contains("unknown variant"));
    order(json!({ "kind": "cut", "work": "done", "times": 1, "action": "Visit" })).await?;
    order(json!({ "kind": "rate_limit", "per_second": 0 })).await?;
    assert_eq!(caller.raw("core", &json!({})).await?.status(), 429);
    order(json!({ "kind": "heal" })).await?;
    order(json!({ "kind": "expire_tokens" })).await?;
    let requests: Value = caller.http.get(control("requests")).send().await?.json().await?;
    assert_eq!((&requests[0]["action"], &requests[1]["status"]), (&json!("AccessIntegration"), &json!(429)));
    let visits: Value = caller.http.get(control("visits")).send().await?.json().await?;
    assert_eq!(visits, json!([]));

    // The answer to this order may be lost with the server it ends.
    let _ = order(json!({ "kind": "down", "for_ms": 1 })).await;
    let injection = Injection::from(Fault::Html).on("Visit");
    assert_eq!(serde_json::to_value(injection)?, json!({ "kind": "html", "times": null, "action": "Visit" }));
    Ok(())
}

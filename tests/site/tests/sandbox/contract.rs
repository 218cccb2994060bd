//! The contract, call by call: what is done, and what is refused in which words.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use site::sandbox::{APPLICATION_ID, Known, Options, Status};

use crate::caller::{Caller, errors, person};

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
    wrong["email"] = json!("anna at example.org");
    let complaints = errors(&caller.create(wrong).await?);
    let wanted = ["birthDate Unknown", "email Validation", "dateOfBirth Validation", "gender Validation"];
    assert_eq!(complaints, wanted);

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
async fn who_is_known_from_another_club_joins_this_one_under_the_same_user() -> Result<()> {
    let mut caller = Caller::new(Options::default()).await?;
    let carla = || Known {
        first_name: "Carla".into(),
        last_name: "Rossi".into(),
        birth_date: "1990-04-12".into(),
        gender: "F".into(),
        email: "carla@elsewhere.example".into(),
        external_id: None,
    };
    caller.sandbox.know_elsewhere([carla()]);
    let (user, facility_user) = caller.sandbox.look(|book| {
        let carla = &book.users()[0];
        assert!(!carla.in_club);
        (carla.user_id.clone(), carla.facility_user_id.clone())
    });
    let visit = json!({ "visitDate": "2026-02-10 09:30:00 +01:00" });
    let early = caller.post(&format!("core/user/{user}/Visit"), visit.clone()).await?;
    assert_eq!(errors(&early), ["userId NotFound"]);
    let update = format!("core/facilityuser/{facility_user}/Update");
    assert_eq!(errors(&caller.post(&update, json!({ "city": "Milano" })).await?), ["facilityUserId NotFound"]);

    let joined = caller.create(person("M-3", "Carla")).await?["data"].take();
    assert_eq!((&joined["result"], &joined["userId"]), (&json!("MatchFound"), &json!(user)));
    assert_eq!(caller.post(&format!("core/user/{user}/Visit"), visit).await?["data"]["result"], "Success");

    // One more of them elsewhere, and nobody can say which one is meant.
    caller.sandbox.know_elsewhere([carla()]);
    let several = caller.create(person("M-4", "Carla")).await?["data"].take();
    assert_eq!(several["result"], "UserEmailAndDataMatchFound");
    assert_eq!(several["matchedUsers"][0]["facilityUserId"], json!(facility_user));
    assert_eq!(several["matchedUsers"][1]["facilityUserId"], Value::Null);
    Ok(())
}

#[tokio::test]
async fn who_is_linked_elsewhere_is_matched_and_keeps_that_link() -> Result<()> {
    let mut caller = Caller::new(Options::default()).await?;
    let ids = caller.anna().await?;
    let again = caller.create(person("M-2", "Anna")).await?["data"].take();
    assert_eq!((&again["result"], &again["userId"]), (&json!("MatchFound"), &ids["userId"]));
    let found = format!("core/facility/{}/GetFacilityUserByExternalID", caller.facility_id);
    assert_eq!(errors(&caller.post(&found, json!({ "externalId": "M-2" })).await?), ["externalId NotFound"]);

    // Once their data differ there, they are somebody else; deleted, they are nobody.
    let update = format!("core/facilityuser/{}/Update", ids["facilityUserId"].as_str().context("an id")?);
    caller.post(&update, json!({ "firstName": "Annamaria" })).await?;
    assert_eq!(caller.create(person("M-2", "Anna")).await?["data"]["result"], "Created");
    assert_eq!(caller.create(person("M-9", "Annamaria")).await?["data"]["result"], "MatchFound");
    caller.post(&update.replace("/Update", "/Delete"), json!({})).await?;
    assert_eq!(caller.create(person("M-1", "Annamaria")).await?["data"]["result"], "Created");
    Ok(())
}

#[tokio::test]
async fn groups_of_the_portal_are_the_only_ones_and_the_list_replaces_the_set() -> Result<()> {
    let groups = [(12, "Gold".to_owned()), (7, "Silver".to_owned())].into();
    let mut caller = Caller::new(Options { groups, ..Options::default() }).await?;
    let ids = caller.anna().await?;
    let update = format!("core/facilityuser/{}/Update", ids["facilityUserId"].as_str().context("an id")?);
    for (groups, expected) in [(json!([12, 7]), vec![12, 7]), (json!([7]), vec![7]), (json!([]), vec![])] {
        assert_eq!(caller.post(&update, json!({ "groups": groups })).await?["data"]["result"], "Success");
        assert_eq!(caller.sandbox.users()[0].groups, expected);
    }
    caller.post(&update, json!({ "groups": [12] })).await?;
    assert_eq!(errors(&caller.post(&update, json!({ "groups": [12, 13] })).await?), ["groups NotFound"]);
    assert_eq!(errors(&caller.post(&update, json!({ "groups": null })).await?), ["groups Validation"]);
    assert_eq!(caller.sandbox.users()[0].groups, [12], "a refused call changes nothing");
    Ok(())
}

#[tokio::test]
async fn an_operation_without_a_membership_is_an_error_in_the_result() -> Result<()> {
    let mut caller = Caller::new(Options::default()).await?;
    let ids = caller.anna().await?;
    let path = format!("core/facilityuser/{}/SaveMembership", ids["facilityUserId"].as_str().context("an id")?);
    let dates = json!({ "memberSince": "2021-09-01", "startOn": "2026-01-01", "expiresOn": "2026-12-31" });
    let status = |caller: &Caller| caller.sandbox.users()[0].status("2026-06-01");
    assert_eq!(status(&caller), Status::Lead);
    for (operation, result, then) in [
        ("Froze", "Error", Status::Lead),
        ("UnFroze", "Error", Status::Lead),
        ("Renew", "Error", Status::Lead),
        ("Update", "Error", Status::Lead),
        ("Subscribe", "Success", Status::Member),
        ("Froze", "Success", Status::Member),
        ("UnSubscribe", "Success", Status::ExMember),
        ("UnSubscribe", "Success", Status::ExMember),
        ("Froze", "Error", Status::ExMember),
        ("Renew", "Success", Status::Member),
    ] {
        let mut body = dates.clone();
        body["operation"] = json!(operation);
        assert_eq!(caller.post(&path, body).await?["data"]["result"], result, "{operation}");
        assert_eq!(status(&caller), then, "{operation}");
    }
    assert_eq!(caller.sandbox.users()[0].status("2027-01-01"), Status::ExMember, "it has run out");
    Ok(())
}

#[tokio::test]
async fn what_is_no_json_post_never_reaches_an_action() -> Result<()> {
    let caller = Caller::new(Options::default()).await?;
    let url = format!("{}/clubmilano/core/user/x/Visit", caller.sandbox.base_url());
    let headers = [("X-MWAPPS-CLIENT", "thirdParties"), ("X-MWAPPS-APIKEY", "sandbox-api-key")];
    let with =
        |request: reqwest::RequestBuilder| headers.iter().fold(request, |it, (name, value)| it.header(*name, *value));
    let json = |request: reqwest::RequestBuilder| request.header("Content-Type", "application/json");
    let status = async |request: reqwest::RequestBuilder| anyhow::Ok(with(request).send().await?.status().as_u16());
    assert_eq!(status(caller.http.get(&url)).await?, 405);
    assert_eq!(status(caller.http.post(&url).body("{}")).await?, 415);
    assert_eq!(status(json(caller.http.post(&url)).body("[]")).await?, 400);
    assert_eq!(status(json(caller.http.post(&url)).body("{\"token\":")).await?, 400);

    // The token travels in the body, and nowhere else.
    let bearer = with(json(caller.http.post(&url))).bearer_auth(&caller.token).body("{}");
    assert_eq!(errors(&bearer.send().await?.json().await?), ["TokenNotValid Security"]);
    let elsewhere = url.replace("clubmilano", "clubroma");
    let body = json!({ "token": caller.token });
    let answer: Value = with(caller.http.post(&elsewhere)).json(&body).send().await?.json().await?;
    assert_eq!(errors(&answer), ["facilityUrl NotFound"]);
    Ok(())
}

#[tokio::test]
async fn a_facility_may_take_only_the_token_it_gave_last() -> Result<()> {
    let mut caller = Caller::new(Options { newest_token_only: true, ..Options::default() }).await?;
    let first = caller.token.clone();
    caller.anna().await?;
    let found = format!("core/facility/{}/GetFacilityUserByExternalID", caller.facility_id);
    let newest = std::mem::replace(&mut caller.token, first);
    assert_eq!(errors(&caller.post(&found, json!({ "externalId": "M-1" })).await?), ["TokenNotValid Security"]);
    caller.token = newest;
    assert_eq!(caller.post(&found, json!({ "externalId": "M-1" })).await?["data"]["firstName"], "Anna");
    Ok(())
}

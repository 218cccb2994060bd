//! A bare client of Mywellness: the agent's requests over one connection in one loop, without a store, a pace or a doubt.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use site::sandbox::{APPLICATION_ID, Sandbox};

/// One session.
pub(crate) struct Bare {
    http: reqwest::Client,
    facility: String,
    api_key: String,
    facility_id: String,
    token: String,
}

impl Bare {
    /// Logs in.
    pub(crate) async fn log_in(sandbox: &Sandbox) -> Result<Self> {
        let options = sandbox.options();
        let facility = format!("{}/{}", sandbox.base_url(), options.facility_url);
        let (http, api_key) = (site::api::http_client(), options.api_key.clone());
        let mut bare = Self { http, facility, api_key, facility_id: String::new(), token: String::new() };
        let login = json!({ "apiKey": options.api_key, "username": options.username, "password": options.password });
        let data = bare.ask(&format!("application/{APPLICATION_ID}/AccessIntegration"), login).await?;
        bare.facility_id = data["facilities"][0]["id"].as_str().context("a facility")?.to_owned();
        Ok(bare)
    }

    /// Makes a person and tells the rest of them; answers who they are there.
    pub(crate) async fn make(&mut self, person: &Value) -> Result<String> {
        let body = json!({
            "externalId": person["external_id"], "firstName": person["first_name"], "lastName": person["last_name"],
            "dateOfBirth": person["birth_date"], "gender": person["gender"], "email": person["email"],
        });
        let path = format!("core/facility/{}/CreateFacilityUserFromThirdParty", self.facility_id);
        let data = self.ask(&path, body).await?;
        let facility_user = data["facilityUserId"].as_str().context("an id")?.to_owned();
        self.tell(&facility_user, person, "Subscribe").await?;
        Ok(facility_user)
    }

    /// Tells everything of a person who is known there.
    pub(crate) async fn tell(&mut self, facility_user: &str, person: &Value, operation: &str) -> Result<()> {
        let update = json!({ "mobilePhoneNumber": person["mobile"] });
        self.ask(&format!("core/facilityuser/{facility_user}/Update"), update).await?;
        let it = &person["memberships"][0];
        let membership = json!({
            "operation": operation, "memberSince": it["starts_on"], "startOn": it["starts_on"],
            "expiresOn": it["ends_on"], "description": "",
        });
        self.ask(&format!("core/facilityuser/{facility_user}/SaveMembership"), membership).await?;
        Ok(())
    }

    async fn ask(&mut self, path: &str, mut body: Value) -> Result<Value> {
        if !self.token.is_empty() {
            body["token"] = json!(self.token);
        }
        let request = self.http.post(format!("{}/{path}", self.facility)).header("content-type", "application/json");
        let request = request.header("x-mwapps-client", "thirdParties").header("x-mwapps-apikey", &self.api_key);
        let request = request.body(body.to_string());
        let mut answer: Value = serde_json::from_slice(&request.send().await?.bytes().await?)?;
        ensure!(answer["data"]["result"] != "Error" && answer["errors"].is_null(), "{path}: {answer}");
        if let Some(token) = answer["token"].as_str() {
            self.token = token.to_owned();
        }
        Ok(answer["data"].take())
    }
}

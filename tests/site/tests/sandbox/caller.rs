//! A caller that does what the contract asks, written from the contract alone.

use anyhow::{Context, Result, ensure};
use reqwest::Client;
use serde_json::{Value, json};
use site::sandbox::{APPLICATION_ID, Options, Sandbox};

/// A caller that does what the contract asks: headers, login, and the newest token in each body.
pub(crate) struct Caller {
    pub(crate) sandbox: Sandbox,
    pub(crate) http: Client,
    pub(crate) token: String,
    pub(crate) facility_id: String,
}

impl Caller {
    pub(crate) async fn new(options: Options) -> Result<Self> {
        let sandbox = Sandbox::start(options).await?;
        let mut caller =
            Self { sandbox, http: site::api::http_client(), token: String::new(), facility_id: String::new() };
        caller.log_in().await?;
        Ok(caller)
    }

    pub(crate) async fn log_in(&mut self) -> Result<()> {
        let Options { api_key, username, password, .. } = self.sandbox.options();
        let path = format!("application/{APPLICATION_ID}/AccessIntegration");
        let body = json!({ "apiKey": api_key, "username": username, "password": password });
        let answer = self.post(&path, body).await?;
        ensure!(answer["data"]["result"] == "Success", "login: {answer}");
        self.facility_id = answer["data"]["facilities"][0]["id"].as_str().context("a facility id")?.to_owned();
        Ok(())
    }

    pub(crate) async fn raw(&self, path: &str, body: &Value) -> reqwest::Result<reqwest::Response> {
        let Options { api_key, facility_url, .. } = self.sandbox.options();
        let url = format!("{}/{facility_url}/{path}", self.sandbox.base_url());
        let request = self.http.post(url).header("X-MWAPPS-CLIENT", "thirdParties").header("X-MWAPPS-APIKEY", api_key);
        request.json(body).send().await
    }

    /// Posts to an action; every answer to a good token must bring the next one.
    pub(crate) async fn post(&mut self, path: &str, mut body: Value) -> Result<Value> {
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

    pub(crate) async fn create(&mut self, body: Value) -> Result<Value> {
        let path = format!("core/facility/{}/CreateFacilityUserFromThirdParty", self.facility_id);
        self.post(&path, body).await
    }

    pub(crate) async fn anna(&mut self) -> Result<Value> {
        Ok(self.create(person("M-1", "Anna")).await?["data"].take())
    }
}

pub(crate) fn person(external_id: &str, first_name: &str) -> Value {
    json!({
        "firstName": first_name, "lastName": "Rossi", "email": format!("{first_name}@example.org"),
        "dateOfBirth": "1990-04-12", "gender": "F", "externalId": external_id,
    })
}

/// The errors as `field type` pairs.
pub(crate) fn errors(answer: &Value) -> Vec<String> {
    let list = answer["errors"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    list.iter().map(|error| format!("{} {}", text(&error["field"]), text(&error["type"]))).collect()
}

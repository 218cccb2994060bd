//! The agent's HTTP API as a management system uses it: JSON in, status and JSON out.

use anyhow::{Context, Result};
use reqwest::{Client, Method};
use serde_json::Value;

/// A client with one token.
#[derive(Debug, Clone)]
pub struct Api {
    console: String,
    token: Option<String>,
    http: Client,
}

/// A client of plain HTTP. The library wants its TLS provider chosen by the program all the same.
pub fn http_client() -> Client {
    let _chosen_before = rustls::crypto::ring::default_provider().install_default();
    Client::new()
}

impl Api {
    /// A client of the console at `console`, with a bearer token or none.
    pub fn new(console: &str, token: Option<&str>) -> Self {
        Self { console: console.to_owned(), token: token.map(str::to_owned), http: http_client() }
    }

    /// GET below `/api/v1`, or outside with a leading slash: `people/M-1`, `/healthz`.
    pub async fn get(&self, path: &str) -> Result<(u16, Value)> {
        self.call(Method::GET, path, None).await
    }

    /// PUT of a document.
    pub async fn put(&self, path: &str, body: &Value) -> Result<(u16, Value)> {
        self.call(Method::PUT, path, Some(body)).await
    }

    /// POST of a document.
    pub async fn post(&self, path: &str, body: &Value) -> Result<(u16, Value)> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Result<(u16, Value)> {
        self.call(Method::DELETE, path, None).await
    }

    /// Every item of a list, page after page.
    pub async fn list(&self, path: &str) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut page = path.to_owned();
        loop {
            let (status, mut answer) = self.get(&page).await?;
            anyhow::ensure!(status == 200, "GET {page}: {status} {answer}");
            let Value::Array(more) = answer["items"].take() else { anyhow::bail!("GET {page} is no list: {answer}") };
            items.extend(more);
            let Some(next) = answer["next"].as_str() else { return Ok(items) };
            let separator = if path.contains('?') { '&' } else { '?' };
            page = format!("{path}{separator}cursor={next}");
        }
    }

    /// The answer's body is a string if it is not JSON.
    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(u16, Value)> {
        let url = match path.strip_prefix('/') {
            Some(outside) => format!("{}/{outside}", self.console),
            None => format!("{}/api/v1/{path}", self.console),
        };
        let mut request = self.http.request(method.clone(), &url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.with_context(|| format!("{method} {url}"))?;
        let status = response.status().as_u16();
        let text = response.text().await.with_context(|| format!("reading the answer to {method} {url}"))?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }
}

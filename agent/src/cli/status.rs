//! `varco status`: the running agent as it describes itself.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::config::Config;

pub(super) async fn run(file: &Path) -> anyhow::Result<ExitCode> {
    let config = Config::load(file)?.config;
    let listen = config.console.listen;
    if listen.port() == 0 {
        bail!("console.listen takes any free port; give it a number, or read the address from the ready line");
    }
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let url = format!("http://{listen}/healthz");
    let answer = reqwest::get(&url).await.with_context(|| format!("no agent answers at {url}; is it running?"))?;
    let health: Value = answer.json().await.context("reading its answer")?;
    print(&health);
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::print_stdout, reason = "the status is the command's output")]
fn print(health: &Value) {
    for (part, value) in health.as_object().into_iter().flatten() {
        match value {
            Value::Object(entries) => {
                println!("{part}");
                entries.iter().for_each(|(name, entry)| println!("  {name:<24} {}", in_a_line(entry)));
            }
            Value::Array(entries) => {
                println!("{part}");
                entries.iter().for_each(|entry| println!("  {}", in_a_line(entry)));
            }
            plain => println!("{part:<12} {}", in_a_line(plain)),
        }
    }
}

fn in_a_line(value: &Value) -> String {
    match value {
        Value::Object(entries) => {
            entries.iter().map(|(name, entry)| format!("{name}={}", in_a_line(entry))).collect::<Vec<_>>().join("  ")
        }
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        plain => plain.to_string(),
    }
}

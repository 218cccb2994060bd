//! What the agent says of itself: its health, its lanes, its metrics.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use site::agent::Agent;

use crate::patience::eventually;

/// What a line of the metrics page says.
pub fn metric(page: &Value, series: &str) -> Option<f64> {
    let page = page.as_str()?;
    page.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

/// The agent's own account of itself.
pub async fn health(agent: &Agent) -> Result<Value> {
    let (status, health) = agent.public_api().get("/healthz").await?;
    ensure!(status == 200, "GET /healthz: {status} {health}");
    Ok(health)
}

/// Rows of a lane in one of its counts: `waiting`, `sent`, `held`, `parked`, `delivered`.
pub async fn rows(agent: &Agent, lane: &str, count: &str) -> Result<u64> {
    let health = health(agent).await?;
    let lanes = health["lanes"].as_array().context("health names the lanes")?;
    let found = lanes.iter().find(|it| it["lane"] == lane).with_context(|| format!("no lane {lane} in {health}"))?;
    found[count].as_u64().with_context(|| format!("no count {count} in {found}"))
}

/// Waits until a lane has nothing more to send and waits for no receipt.
pub async fn drained(agent: &Agent, lane: &str) -> Result<()> {
    let empty = || async { Ok(rows(agent, lane, "waiting").await? == 0 && rows(agent, lane, "sent").await? == 0) };
    eventually(&format!("lane {lane} drains"), empty).await
}

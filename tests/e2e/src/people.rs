//! Members who may all come in, and their way into the agent's store.

use std::fs;

use anyhow::{Context, Result, ensure};
use site::agent;
use site::config::Club;
use site::members::{Member, Situation, members, ndjson};

/// Members made for each one that is wanted: about every second of them has nothing remarkable.
const MADE_FOR_ONE: usize = 3;

/// So many members with a subscription that runs and nothing else to say of them.
pub fn current(people: usize) -> Result<Vec<Member>> {
    let mut current = members(11, people * MADE_FOR_ONE, jiff::Zoned::now().date());
    current.retain(|member| member.situation == Situation::Current);
    current.truncate(people);
    ensure!(current.len() == people, "only {} members are current", current.len());
    Ok(current)
}

/// Writes the club's configuration and imports members, beside an agent or before one.
pub async fn import(club: &Club, members: &[Member]) -> Result<()> {
    let (config, people) = (club.write()?, club.path("people.ndjson"));
    fs::write(&people, ndjson(members))?;
    let (config, people) = (config.to_str().context("a path in UTF-8")?, people.to_str().context("a path in UTF-8")?);
    let imported = agent::varco(&["import", "--config", config, people]).await?;
    ensure!(imported.code == Some(0), "varco import: {}{}", imported.stdout, imported.stderr);
    Ok(())
}

//! The end: both upstreams catch up, the agent ends, and four independent books are compared.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;
use site::broker::Seen;
use site::sandbox::Sandbox;

use crate::club::Club;
use crate::guests::{Guest, Guests};
use crate::lanes::Entrance;

/// How long the lanes may take to drain after the network is back: their longest back-off in the first minute is 10 s.
const DRAINS_WITHIN: Duration = Duration::from_secs(45);

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) what: &'static str,
    pub(crate) expected: usize,
    pub(crate) found: usize,
}

/// The whole table.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) entries: Vec<Entry>,
    pub(crate) notes: Vec<String>,
    /// What the agent logged, to be shown if something differs.
    pub(crate) log: String,
}

/// Waits for both lanes, ends the agent, and compares.
pub(crate) async fn settle(club: Club, guests: &Guests) -> Result<Books> {
    let sum = |count: fn(&Guest) -> usize| guests.all().map(count).sum::<usize>();
    let (visits, passages, refusals) =
        (sum(|guest| guest.visits), sum(|guest| guest.passages), sum(|guest| guest.refusals));
    let told = |guest: &&Guest| guest.is_told_to_mywellness();
    let visits_told: usize = guests.all().filter(told).map(|guest| guest.visits).sum();

    let mut notes = Vec::new();
    let hesitations = sum(|guest| guest.hesitations);
    let slipped: usize = club.entrances.iter().map(Entrance::slipped_through).sum();
    let told_of = passages + refusals + hesitations + slipped;
    let arrived = |seen: &Seen| seen.count("visit") >= visits && seen.count("passage") >= told_of;
    if let Err(error) = club.central.wait_until(arrived, DRAINS_WITHIN).await {
        notes.push(format!("the central system: {error:#}"));
    }
    if let Err(error) = club.sandbox.wait_until(|book| book.visits().len() >= visits_told, DRAINS_WITHIN).await {
        notes.push(format!("Mywellness: {error:#}"));
    }
    let visits_kept = club.api.list("visits").await?.len();
    let log = club.agent.log();
    // Once the agent has ended nothing can arrive any more, so one too many would be seen.
    club.agent.terminate().await?;

    let seen = club.central.seen();
    let outcome = |wanted: &str| {
        let ids = seen.of("passage").filter(|event| event.data("outcome") == wanted).filter_map(|event| event.id());
        ids.collect::<BTreeSet<_>>().len()
    };
    let went = club.entrances.iter().map(Entrance::went_through).sum();
    let line = |what, expected, found| Entry { what, expected, found };
    let entries = vec![
        line("turns of barriers and openings of the door", passages, went),
        line("passages told to the central system as passed", passages, outcome("passed")),
        line("let in and did not go, told as not passed", hesitations, outcome("not_passed")),
        line("slipped in behind, told as forced", slipped, outcome("forced")),
        line("refusals told to the central system", refusals, outcome("denied")),
        line("visits in the agent's store", visits, visits_kept),
        line("visits at the central system, by id", visits, seen.count("visit")),
        line("members whose visits differ there", 0, differ_at_central(&seen, guests)),
        line("visits at Mywellness", visits_told, club.sandbox.visits().len()),
        line("members whose visits differ there", 0, differ_at_mywellness(&club.sandbox, guests)),
    ];
    notes.push(format!("publishes repeated on the wire: {}", seen.duplicates("visit") + seen.duplicates("passage")));
    Ok(Books { entries, notes, log })
}

fn differ_at_central(seen: &Seen, guests: &Guests) -> usize {
    let mut by_person: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for event in seen.of("visit") {
        if let (Some(person), Some(id)) = (event.data("person").as_str(), event.id()) {
            by_person.entry(person).or_default().insert(id);
        }
    }
    let counted = |guest: &Guest| by_person.get(guest.member.external_id()).map_or(0, |ids| ids.len());
    guests.all().filter(|guest| counted(guest) != guest.visits).count()
}

fn differ_at_mywellness(sandbox: &Sandbox, guests: &Guests) -> usize {
    let mut by_person: BTreeMap<String, usize> = BTreeMap::new();
    for visit in sandbox.visits() {
        *by_person.entry(visit.external_id.unwrap_or_default()).or_default() += 1;
    }
    let owed = |guest: &Guest| if guest.is_told_to_mywellness() { guest.visits } else { 0 };
    let counted = |guest: &Guest| by_person.get(guest.member.external_id()).copied().unwrap_or(0);
    guests.all().filter(|guest| counted(guest) != owed(guest)).count()
}

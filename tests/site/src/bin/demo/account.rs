//! The account: one line for each thing that happens, and a table at the end.

use std::time::{Duration, Instant};

use site::turnstile::Way;

use crate::club::Club;
use crate::day::Manner;
use crate::ending::{Books, Entry};
use crate::guests::{Guest, Guests};
use crate::lanes::Entrance;

/// How long a refusal's reasons are waited for; without a network to the central system they are not known here.
const REASONS_WITHIN: Duration = Duration::from_millis(60);

/// How much of the agent's log a failure shows.
const LOG_LINES: usize = 40;

/// What runs where.
pub(crate) fn opening(club: &Club, seed: u64) {
    println!();
    println!("Club Milano Centro, {} members, seed {seed}", club.members.len());
    println!("  console     {}", club.agent.console());
    println!("  Mywellness  {} (sandbox)", club.sandbox.base_url());
    println!("  central     mqtt://{}", club.network.address());
    println!("  agent       process {}", club.agent.id().unwrap_or_default());
    println!();
    println!(
        "Every line is a badge, with the turnstile's [display]; ··· lines count visits, told upstream (+ those that wait)."
    );
    println!("A turnstile's reader falls silent for 20 ms before its badge is whole. Ctrl-C closes the club.");
    println!();
}

/// One badge and what became of it.
pub(crate) async fn passage(
    club: &Club,
    guest: &Guest,
    way: Way,
    entrance: &Entrance,
    opened_after: Option<Duration>,
    manner: Manner,
    opened: Instant,
) {
    let reader = if way == Way::In { "in " } else { "out" };
    let display = entrance.display().map_or(String::new(), |lines| format!("[{:<16}|{:<16}]", lines[0], lines[1]));
    let said = match opened_after {
        Some(after) => format!("opens after {:.1} ms{}", after.as_secs_f64() * 1e3, told_of(manner)),
        None => format!("stays shut: {}", reasons(club, guest).await),
    };
    let (gate, name) = (&entrance.gate, guest.member.name());
    println!("{:>7}  {reader} {gate:<11}  {name:<20} {display:<36} {said}", clock(opened));
}

/// What the member does then, if it is remarkable.
fn told_of(manner: Manner) -> &'static str {
    match manner {
        Manner::Goes => "",
        Manner::Hesitates => ", and nobody goes through",
        Manner::IsFollowed => ", and somebody slips in behind",
    }
}

/// What the member's last refusal said, as it arrived at the central system.
async fn reasons(club: &Club, guest: &Guest) -> String {
    let nth = guest.refusals + 1;
    let denied = |seen: &site::broker::Seen| {
        let events =
            seen.of("passage").filter(|event| guest.member.is_told_by(event) && event.data("outcome") == "denied");
        let denied: Vec<String> = events.map(|event| words(event.data("reasons"))).collect();
        denied.get(nth - 1).cloned()
    };
    // A late event is no fault: the network may be down.
    let _ = club.central.wait_until(|seen| denied(seen).is_some(), REASONS_WITHIN).await;
    club.central.look(denied).unwrap_or_else(|| "(the reason waits with the passage)".into())
}

fn words(reasons: &serde_json::Value) -> String {
    let list = reasons.as_array().cloned().unwrap_or_default();
    let word = |reason: &serde_json::Value| reason.as_str().map_or_else(|| reason["code"].to_string(), str::to_owned);
    list.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// What went upstream so far and what waits.
pub(crate) fn tally(club: &Club, guests: &Guests, opened: Instant) {
    let owed: usize = guests.all().map(|guest| guest.visits).sum();
    let owed_to_mywellness: usize =
        guests.all().filter(|guest| guest.is_told_to_mywellness()).map(|guest| guest.visits).sum();
    let (central, mywellness) =
        (club.central.look(|seen| seen.count("visit")), club.sandbox.look(|book| book.visits().len()));
    println!(
        "{:>7}  ··· inside {} · visits {owed} · central {central} (+{}) · Mywellness {mywellness} (+{})",
        clock(opened),
        guests.inside(),
        owed.saturating_sub(central),
        owed_to_mywellness.saturating_sub(mywellness),
    );
}

/// Something broke or came back.
pub(crate) fn weather(what: &str, is_down: bool, opened: Instant) {
    let state = if is_down { "is DOWN; the gates go on" } else { "is back" };
    println!("{:>7}  *** {what} {state}", clock(opened));
}

/// The agent speaks to a turnstile again.
pub(crate) fn reached(entrance: &Entrance, opened: Instant) {
    println!("{:>7}  *** {} is reached again, and tells who passed meanwhile", clock(opened), entrance.gate);
}

/// The last people go.
pub(crate) fn closing(guests: &Guests, opened: Instant) {
    println!("{:>7}  *** closing time: {} people leave", clock(opened), guests.inside());
}

/// The table of the end; says whether every line agrees.
pub(crate) fn books(books: &Books) -> bool {
    println!();
    println!("{:<46} {:>9} {:>9}", "", "expected", "found");
    for Entry { what, expected, found } in &books.entries {
        let mark = if expected == found { "agrees" } else { "DIFFERS" };
        println!("{what:<46} {expected:>9} {found:>9}  {mark}");
    }
    for note in &books.notes {
        println!("{note}");
    }
    println!();
    let agrees = books.entries.iter().all(|entry| entry.expected == entry.found);
    println!("{}", if agrees { "Everything agrees." } else { "Something differs." });
    if !agrees {
        log_tail(&books.log);
    }
    agrees
}

/// The end of the agent's log: its folder goes with the demo.
pub(crate) fn log_tail(log: &str) {
    println!("The agent's last words:");
    let lines: Vec<&str> = log.lines().collect();
    for line in &lines[lines.len().saturating_sub(LOG_LINES)..] {
        println!("  {line}");
    }
}

fn clock(opened: Instant) -> String {
    format!("{:.1}s", opened.elapsed().as_secs_f64())
}

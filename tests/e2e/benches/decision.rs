//! A decision at the gate among a thousand, a hundred thousand and a million people, and with bookings of classes to be
//! looked at: it should cost the same.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod shared;

use std::time::Instant;

use rand::{Rng, SeedableRng, rngs::StdRng};
use shared::club::{Club, card, open_day, policy};
use shared::{Times, machine, micros, table};
use varco::access::{self, GateCondition, Records, Reservations};
use varco::domain::{GateMode, Verdict};

/// Decisions measured at each size.
const DECISIONS: usize = 20_000;
/// Most people who have booked a class of the hour: at the largest clubs more than come in a day.
const BOOKED_MAX: usize = 20_000;

#[tokio::main]
async fn main() {
    let mut rows = Vec::new();
    let mut baseline = None;
    for people in [1_000, 100_000, 1_000_000] {
        let club = Club::of(people).await;
        let booked = people.min(BOOKED_MAX);
        let mut row = |what: &str, mut times: Times| {
            let (median, rare) = (times.per_mille(500), times.per_mille(990));
            let ratio = median.as_secs_f64() / baseline.get_or_insert(median).as_secs_f64();
            rows.push(vec![people.to_string(), what.into(), micros(median), micros(rare), format!("{ratio:.2}")]);
        };
        row("no class is booked", decide(&club, booked).await);
        club.book(booked).await;
        row("each has booked a class", decide(&club, booked).await);
        row("anybody, booked or not", decide(&club, people).await);
    }
    machine::describe();
    table(
        "Look-up and decision on the gate's thread, by size of the club",
        &["people", "among those who come", "median", "p99", "median ÷ median at 1,000"],
        &rows,
    );
}

/// People come, any of the first so many.
async fn decide(club: &Club, people: usize) -> Times {
    let policy = policy();
    let measure = move |view: &varco::store::View<'_>| {
        let mut random = StdRng::seed_from_u64(7);
        let mut times = Times::default();
        let reader = policy.readers.values().next().expect("the policy has a reader");
        let gate = GateCondition { mode: GateMode::Normal, records: Records::Open };
        for _ in 0..DECISIONS {
            let badge = card(random.random_range(0..people));
            let begun = Instant::now();
            let who = view.identify(&badge, open_day())?;
            let decision = access::decide(&who, reader, gate, &policy, &Reservations::default(), open_day());
            times.add(begun);
            assert!(matches!(decision.verdict, Verdict::Grant(_)), "a member with a subscription is let in");
        }
        Ok(times)
    };
    club.store.at_gate("measuring decisions", measure).await.expect("the store reads")
}

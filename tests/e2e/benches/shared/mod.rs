//! What benchmarks share: a club of any size, a door, a broker's two ends, a bare client of Mywellness, and a table with ratios.

#![allow(dead_code, reason = "each benchmark uses its own part")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

pub(crate) mod club;
pub(crate) mod controller;
pub(crate) mod door;
pub(crate) mod machine;
pub(crate) mod mqtt;
pub(crate) mod mywellness;

use std::time::{Duration, Instant};

/// Times, in the order of measuring.
#[derive(Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    /// Adds one.
    pub(crate) fn add(&mut self, since: Instant) {
        self.0.push(since.elapsed());
    }

    /// Adds one that was measured elsewhere.
    pub(crate) fn push(&mut self, took: Duration) {
        self.0.push(took);
    }

    /// The time that so many per thousand stay under.
    pub(crate) fn per_mille(&mut self, share: usize) -> Duration {
        self.0.sort_unstable();
        let at = (self.0.len() * share / 1000).min(self.0.len().saturating_sub(1));
        self.0.get(at).copied().unwrap_or_default()
    }
}

/// Microseconds with one digit.
pub(crate) fn micros(time: Duration) -> String {
    format!("{:.1} µs", time.as_secs_f64() * 1e6)
}

/// Prints a table: a title, a header, rows of equal length.
#[allow(clippy::print_stdout, reason = "the table is the benchmark's output")]
pub(crate) fn table(title: &str, header: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).chain([header[column].chars().count()]).max().unwrap_or(0)
    };
    let line = |cells: Vec<String>| {
        let padded: Vec<_> =
            cells.iter().enumerate().map(|(at, cell)| format!("{cell:<width$}", width = width(at))).collect();
        println!("| {} |", padded.join(" | "));
    };
    println!("\n{title}\n");
    line(header.iter().map(ToString::to_string).collect());
    line((0..header.len()).map(|column| "-".repeat(width(column))).collect());
    rows.iter().for_each(|row| line(row.clone()));
}

//! A day at a virtual club in a minute: the real agent between real lines, told line by line.
//!
//! Reading order: `lanes` are the ways in, `club` sets everything up, `guests` knows who is where and what the gate should
//! say, `day` lets people come and go and breaks things in between, `closing` hears Ctrl-C, `account` tells it, `ending` checks that
//! it all adds up.
#![allow(clippy::print_stdout, reason = "telling what happens is all this program does")]
#![allow(
    clippy::disallowed_methods,
    reason = "the demo is part of the world outside the agent and reads the real clock"
)]

mod account;
mod closing;
mod club;
mod day;
mod ending;
mod guests;
mod lanes;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Parser;
use closing::Closing;
use tokio::sync::watch;

/// Runs the agent in a virtual club: turnstiles with controllers, a side door, a broker, and a Mywellness sandbox.
#[derive(Debug, Parser)]
struct Arguments {
    /// How long the club is open, as 20s or 5m; then everybody leaves and the books are compared
    #[arg(long = "for", default_value = "60s", value_parser = span)]
    open_for: Duration,
    /// How many members the club has; with fewer than 100 somebody would come again within the repeat window
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u16).range(100..))]
    members: u16,
    /// Which club, and in which order people come
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

/// As shells say it of a program that ended by Ctrl-C.
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut closing = match Closing::listen() {
        Ok(closing) => closing,
        Err(error) => return gave_up(&error),
    };
    let asked = closing.asked();
    // Giving up drops the club, and the agent with it.
    tokio::select! {
        agrees = demonstrate(arguments, asked.clone()) => match agrees {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(_) if *asked.borrow() => INTERRUPTED.into(),
            Err(error) => gave_up(&error),
        },
        () = closing.asked_twice() => INTERRUPTED.into(),
    }
}

/// Says whether everything agreed at the end.
async fn demonstrate(arguments: Arguments, mut asked_to_close: watch::Receiver<bool>) -> Result<bool> {
    println!("Building and starting the agent; the club opens in a moment.");
    let club = tokio::select! {
        club = club::Club::open(arguments.seed, arguments.members.into()) => club?,
        _ = asked_to_close.wait_for(|asked| *asked) => bail!("the club did not open"),
    };
    account::opening(&club, arguments.seed);
    let day = day::run(&club, arguments.seed, arguments.open_for, &asked_to_close).await;
    if day.is_err() {
        account::log_tail(&club.agent.log());
    }
    let books = ending::settle(club, &day?).await?;
    Ok(account::books(&books))
}

fn gave_up(error: &anyhow::Error) -> ExitCode {
    println!("The demo cannot go on: {error:#}");
    ExitCode::FAILURE
}

fn span(text: &str) -> Result<Duration, String> {
    let units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    let found = units.iter().find_map(|(unit, millis)| Some((text.strip_suffix(unit)?.parse::<u64>().ok()?, millis)));
    found.map(|(count, millis)| Duration::from_millis(count * millis)).ok_or_else(|| "write it as 20s or 5m".into())
}

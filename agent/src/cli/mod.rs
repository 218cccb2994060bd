//! The command line: one file a command. Exit 0: good, 1: failed, 2: misused.

mod backup;
mod check;
mod import;
mod ports;
mod status;
mod table;
mod token;
mod why;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::app;
use crate::config::Problems;

/// The on-site agent of a sports club: decides at the gate, remembers visits, relays them upstream.
#[derive(Parser, Debug)]
#[command(name = "varco", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the agent in the foreground. SIGTERM drains and exits 0; SIGHUP reads the configuration again.
    Run(ConfigFile),
    /// Say everything that is wrong with the configuration and what it needs, each with line and mend.
    Check(check::Arguments),
    /// Read people from an NDJSON or CSV file, beside a running agent if there is one.
    Import(import::Arguments),
    /// Make, list and revoke the tokens of the HTTP API.
    Token(token::Arguments),
    /// List serial ports with names that survive replugging.
    Ports,
    /// Show what a reader sends, raw and decoded: how to find the right `frame`.
    Listen(ports::ListenArguments),
    /// Say why a gate would open or not, rule by rule, without opening anything.
    Why(why::Arguments),
    /// Show the running agent: readers, gates, lanes, clock, store.
    Status(ConfigFile),
    /// Copy the store while the agent runs, and verify the copy.
    Backup(backup::Arguments),
}

#[derive(Args, Debug)]
pub(crate) struct ConfigFile {
    /// The configuration file; config/varco.toml in the source is the manual.
    #[arg(long, value_name = "FILE", default_value = "/etc/varco/varco.toml")]
    config: PathBuf,
}

/// Runs the command line given to the process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&anyhow::Error::new(error).context("starting the runtime")),
    };
    let ended = runtime.block_on(run(cli.command));
    // A look-up of a name or a read from a terminal may hang in a thread; the process does not wait for it.
    runtime.shutdown_background();
    match ended {
        Ok(code) => code,
        Err(error) => failed(&error),
    }
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(ConfigFile { config }) => app::run(&config).await.map(|()| ExitCode::SUCCESS),
        Command::Check(arguments) => check::run(arguments).await,
        Command::Import(arguments) => import::run(arguments).await,
        Command::Token(arguments) => token::run(arguments).await,
        Command::Ports => ports::list(),
        Command::Listen(arguments) => ports::listen(arguments).await,
        Command::Why(arguments) => why::run(arguments).await,
        Command::Status(ConfigFile { config }) => status::run(&config).await,
        Command::Backup(arguments) => backup::run(arguments).await,
    }
}

/// Problems of the configuration are shown in the lines that hold them; everything else in one line, cause after cause.
#[expect(clippy::print_stderr, reason = "the error is the command's output")]
fn failed(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<Problems>() {
        Some(problems) => eprint!("{}", problems_shown(problems)),
        None => eprintln!("varco: {error:#}"),
    }
    ExitCode::FAILURE
}

/// Each problem with its lines and its mend; the number of them last, where a terminal is looked at.
fn problems_shown(problems: &Problems) -> String {
    let mut shown = String::new();
    for problem in problems.all() {
        shown += &format!("{:?}\n", miette::Report::new(problem.clone()).with_source_code(problems.source()));
    }
    format!("{shown}varco: {problems}\n")
}

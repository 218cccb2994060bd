//! `varco backup`: a consistent, verified copy of the store, while the agent runs.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::ConfigFile;
use crate::config::Config;
use crate::store::{BackedUp, back_up};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// The file to be made.
    dest: PathBuf,
}

#[expect(clippy::print_stdout, reason = "what the copy holds is the command's output")]
pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let config = Config::load(&arguments.file.config)?.config;
    let dest = arguments.dest.clone();
    let copied = tokio::task::spawn_blocking(move || back_up(&config.store.path, &dest)).await??;
    let BackedUp { bytes, people, passages, visits, outbox_rows } = copied;
    println!(
        "{}: {bytes} bytes, verified: {people} people, {passages} passages, {visits} visits, {outbox_rows} outbox rows",
        arguments.dest.display()
    );
    Ok(ExitCode::SUCCESS)
}

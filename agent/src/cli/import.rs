//! `varco import`: people from a file, with a progress bar on a terminal; bad lines are named and skipped.

use std::fs::File;
use std::io::{BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::ConfigFile;
use crate::clock::Clock;
use crate::config::Config;
use crate::intake::{Counts, Format, ImportNews, LineNote, import_people, sheet_columns};
use crate::store::Store;

#[derive(Args, Debug)]
#[command(after_long_help = columns_told())]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// One JSON document a line; or a spreadsheet with a header, if the name ends in .csv.
    #[arg(value_name = "PEOPLE.ndjson")]
    people: PathBuf,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let config = Config::load(&arguments.file.config)?.config;
    let people = &arguments.people;
    let file = File::open(people).with_context(|| format!("opening {}", people.display()))?;
    let bar = progress_bar(&file);
    let clock = Clock::system();
    let store = Store::open_beside(&config.store, clock.clone()).context("opening the store")?;
    let source = BufReader::new(bar.wrap_read(file));
    let tell = |news| say(&bar, news);
    let counts = import_people(&store, Arc::new(config.policy), &clock, format_of(people), source, tell).await;
    bar.finish_and_clear();
    store.close().await;
    let counts = counts.with_context(|| format!("importing {}", people.display()))?;
    Ok(report(counts))
}

fn columns_told() -> String {
    format!(
        "An NDJSON line replaces all that is known of its person. A spreadsheet says only what it has columns for: a field \
         without a column stays as it is, an empty cell clears its field. Separate cells with , or ; and several values in \
         a cell with |; write dates as 2026-12-31. docs/importing.md in the source tells every column.\n\nColumns: {}",
        sheet_columns().join(", ")
    )
}

fn format_of(people: &Path) -> Format {
    let is_csv = people.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    if is_csv { Format::Csv } else { Format::Ndjson }
}

/// Hidden where nobody looks at it, such as in a nightly job.
fn progress_bar(file: &File) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}  {msg}  {eta} left");
    let bar = ProgressBar::new(file.metadata().map_or(0, |metadata| metadata.len()));
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn say(bar: &ProgressBar, news: ImportNews) {
    match news {
        ImportNews::Progress(counts) => bar.set_message(format!("{} people", counts.created + counts.replaced)),
        ImportNews::Skipped(note) => complain(bar, "skipped", &note),
        ImportNews::Warned(note) => complain(bar, "odd", &note),
    }
}

/// On the administrator's own terminal, where the external id may stand: names and card numbers may not.
#[expect(clippy::print_stderr, reason = "bad lines are the command's output")]
fn complain(bar: &ProgressBar, what: &str, note: &LineNote) {
    let person = note.external_id.as_ref().map_or(String::new(), |id| format!(" ({})", id.as_str()));
    bar.suspend(|| {
        for problem in &note.problems {
            eprintln!("line {}{person} {what}: {problem}", note.line);
        }
    });
}

#[expect(clippy::print_stdout, reason = "the counts are the command's output")]
fn report(counts: Counts) -> ExitCode {
    let Counts { lines, created, replaced, skipped } = counts;
    println!("{lines} lines: {created} created, {replaced} replaced, {skipped} skipped");
    if skipped == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

//! The import of people over HTTP: lines are read as they arrive, and the answer counts them and names the bad ones.

use std::io::{self, BufReader, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use utoipa::ToSchema;

use crate::intake::{Counts, Format, ImportError, ImportNews, LineNote, import_people};

use super::problem::{ApiProblem, Kind, ProblemDocument};
use super::state::{Console, Shared};

/// Largest file, in bytes: half a million people without photos, or some thousands with; `varco import` has no limit.
const FILE_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Pieces of the file that wait for the store.
const PIECES_MAX: usize = 4;
/// How long the sender may pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Most lines told of; the rest are only counted, since a file of the wrong kind is wrong on every line.
const NOTES_MAX: usize = 1000;

/// What became of an import.
#[derive(Default, Serialize, Deserialize, ToSchema)]
pub(super) struct ImportServed {
    /// How many.
    #[serde(flatten)]
    counts: Counts,
    /// Lines that were skipped, the first thousand of them.
    problems: Vec<LineNote>,
    /// Lines that were taken and are odd, the first thousand of them.
    warnings: Vec<LineNote>,
}

/// Imports people: NDJSON (`application/x-ndjson`), each line in place of all that was known of its person, or a
/// spreadsheet (`text/csv`), which says only what it has columns for: a field without a column stays, an empty cell
/// clears its field. Bad lines are skipped and told, good ones are committed as they come, so that a broken connection
/// leaves what it brought.
#[utoipa::path(post, path = "/people/import", tag = "people",
    request_body(content = String, content_type = "application/x-ndjson", description = "A person's document a line"),
    responses((status = 200, body = ImportServed), (status = 409, description = "Another import is running", body = ProblemDocument, content_type = "application/problem+json")))]
pub(super) async fn import(State(console): Shared, request: Request) -> Result<Json<ImportServed>, ApiProblem> {
    let (parts, body) = request.into_parts();
    let format = format_of(&parts.headers)?;
    let place = Arc::clone(&console.imports).try_acquire_owned();
    let _place = place.map_err(|_| ApiProblem::new(Kind::Conflict, "another import is running"))?;
    let (pieces, arriving) = mpsc::channel(PIECES_MAX);
    let source = BufReader::new(Arriving { arriving, piece: Bytes::new() });
    let (_, imported) = tokio::join!(receive(body, pieces), run(&console, format, source));
    imported.map(Json)
}

fn format_of(headers: &HeaderMap) -> Result<Format, ApiProblem> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/json" | "text/plain" => {
            Ok(Format::Ndjson)
        }
        "text/csv" => Ok(Format::Csv),
        _ => Err(ApiProblem::new(Kind::NotJson, "send application/x-ndjson or text/csv")),
    }
}

async fn run(console: &Console, format: Format, source: BufReader<Arriving>) -> Result<ImportServed, ApiProblem> {
    let (store, clock) = (&console.handles.store, &console.handles.clock);
    let policy = console.handles.policy.borrow().clone();
    let mut served = ImportServed::default();
    let tell = |news: ImportNews| match news {
        ImportNews::Progress(counts) => served.counts = counts,
        ImportNews::Skipped(note) if served.problems.len() < NOTES_MAX => served.problems.push(note),
        ImportNews::Warned(note) if served.warnings.len() < NOTES_MAX => served.warnings.push(note),
        ImportNews::Skipped(_) | ImportNews::Warned(_) => {}
    };
    let imported = import_people(store, policy, clock, format, source, tell).await;
    match imported {
        Ok(counts) => Ok(ImportServed { counts, ..served }),
        Err(ImportError::Store(error)) => Err(error.into()),
        Err(ImportError::Header(refused)) => Err(refused.into()),
        Err(ImportError::Read(error)) if error.kind() == io::ErrorKind::FileTooLarge => {
            Err(ApiProblem::new(Kind::TooLarge, error.to_string()))
        }
        Err(ImportError::Read(error)) => {
            let so_far = served.counts;
            let done = so_far.created + so_far.replaced;
            Err(ApiProblem::new(Kind::Malformed, format!("{error}; {done} people were written before")))
        }
    }
}

/// Passes the file on as it arrives; the sender waits while the store is busy.
async fn receive(mut body: Body, pieces: mpsc::Sender<io::Result<Bytes>>) {
    let mut total = 0;
    loop {
        let next = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context));
        let piece = match tokio::time::timeout(PAUSE_MAX, next).await {
            Ok(None) => return,
            Ok(Some(Ok(frame))) => frame.into_data().map_err(|_| io::Error::other("the file has trailers")),
            Ok(Some(Err(error))) => Err(io::Error::other(format!("the file broke off: {error}"))),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the file stopped arriving")),
        };
        total += piece.as_ref().map_or(0, Bytes::len);
        let piece = if total > FILE_BYTES_MAX {
            Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is too large; use `varco import`"))
        } else {
            piece
        };
        let broken = piece.is_err();
        if pieces.send(piece).await.is_err() || broken {
            return;
        }
    }
}

/// The file as the reading thread sees it.
struct Arriving {
    arriving: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Read for Arriving {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.arriving.blocking_recv() {
                None => return Ok(0),
                Some(piece) => self.piece = piece?,
            }
        }
        let count = into.len().min(self.piece.len());
        into[..count].copy_from_slice(&self.piece.split_to(count));
        Ok(count)
    }
}

//! Turning the lines of a file into checked people, in batches that one transaction can take.

use std::io::BufRead;
use std::sync::Arc;

use crate::clock::Clock;
use crate::domain::{ExternalId, Person, Policy};

use super::import::{Format, ImportError, LineNote};
use super::lines::{LINE_BYTES_MAX, Line, Lines};
use super::person::CheckedPerson;
use super::refused::{Cause, Problem, Refused};
use super::sheet::Sheet;

/// Most people in one transaction: gates write between two, so that none waits longer than a batch takes.
pub const BATCH_PEOPLE_MAX: usize = 500;
/// Most bytes of lines in one batch, for files full of photos.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A person of the file.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The number of their line.
    pub(super) line: u64,
    /// The length of their line, in bytes.
    pub(super) bytes: usize,
    /// Their document.
    pub(super) person: CheckedPerson,
}

impl Entry {
    /// What to tell of it.
    pub(super) fn note(&self, problems: Vec<Problem>) -> LineNote {
        let external_id = Some(self.person.person().external_id.clone());
        LineNote { line: self.line, external_id, problems }
    }
}

/// What stands on the next few lines.
#[derive(Default, Debug)]
pub(super) struct Batch {
    /// The people.
    pub(super) people: Vec<Entry>,
    /// Lines that hold none.
    pub(super) bad: Vec<LineNote>,
    bytes: usize,
}

impl Batch {
    fn is_full(&self) -> bool {
        // Bad lines count as well, so that a file of nothing else does not gather in memory.
        self.people.len() + self.bad.len() >= BATCH_PEOPLE_MAX || self.bytes >= BATCH_BYTES_MAX
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.people.is_empty() && self.bad.is_empty()
    }
}

/// The people of a file.
pub(super) struct People<R> {
    lines: Lines<R>,
    sheet: Option<Sheet>,
    policy: Arc<Policy>,
    clock: Clock,
}

impl<R: BufRead> People<R> {
    /// Begins to read; a spreadsheet's header is read at once.
    pub(super) fn of(source: R, format: Format, policy: Arc<Policy>, clock: Clock) -> Result<Self, ImportError> {
        let mut lines = Lines::of(source);
        let sheet = match format {
            Format::Ndjson => None,
            Format::Csv => match lines.next_line()? {
                Some((_, Line::Text(header))) => Some(Sheet::from_header(&header).map_err(ImportError::Header)?),
                Some((_, _)) => {
                    return Err(header("is not UTF-8 text of a reasonable length; save the file as CSV UTF-8"));
                }
                None => return Err(header("is missing: the file is empty")),
            },
        };
        Ok(Self { lines, sheet, policy, clock })
    }

    /// The next batch; an empty one at the end of the file.
    pub(super) fn next_batch(&mut self) -> Result<Batch, ImportError> {
        let mut batch = Batch::default();
        while !batch.is_full()
            && let Some((line, read)) = self.lines.next_line()?
        {
            let text = match read {
                Line::Text(text) => Ok(text),
                Line::TooLong => Err(format!("is longer than {} KiB", LINE_BYTES_MAX / 1024)),
                Line::NotUtf8 => Err("is not UTF-8".to_owned()),
            };
            let bytes = text.as_ref().map_or(0, String::len);
            batch.bytes += bytes;
            match text.map_err(|why| (None, Refused::one(Cause::Invalid, ".", why))).and_then(|text| self.person(&text))
            {
                Ok(person) => batch.people.push(Entry { line, bytes, person }),
                Err((external_id, refused)) => {
                    batch.bad.push(LineNote { line, external_id, problems: refused.problems });
                }
            }
        }
        Ok(batch)
    }

    fn person(&self, text: &str) -> Result<CheckedPerson, (Option<ExternalId>, Refused)> {
        let person: Person = match &self.sheet {
            None => from_json(&mut serde_json::Deserializer::from_str(text)).map_err(|refused| (None, refused))?,
            Some(sheet) => {
                let document = sheet.document(text).map_err(|refused| (None, refused))?;
                from_json(document).map_err(|refused| (None, refused))?
            }
        };
        let external_id = person.external_id.clone();
        CheckedPerson::new(person, &self.policy, self.clock.now()).map_err(|refused| (Some(external_id), refused))
    }
}

fn header(why: &str) -> ImportError {
    ImportError::Header(Refused::one(Cause::Invalid, "header", why))
}

/// The document, or the field that is wrong with it.
pub(super) fn from_json<'de, T, D>(document: D) -> Result<T, Refused>
where
    T: serde::Deserialize<'de>,
    D: serde::Deserializer<'de>,
    D::Error: std::fmt::Display,
{
    serde_path_to_error::deserialize(document).map_err(|wrong| {
        let path = wrong.path().to_string();
        // A document is one line: serde's "line 1" would be taken for the file's.
        let why = wrong.inner().to_string().replace(" at line 1 column ", ", at column ");
        // Its words for a line that does not even begin as JSON does.
        let why = why.replace("expected ident", "this is no JSON").replace("expected value", "this is no JSON");
        Refused::one(Cause::Invalid, if path == "?" { ".".to_owned() } else { path }, why)
    })
}

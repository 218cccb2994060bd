//! Turning the lines of a file into checked people, in batches that one transaction can take.

use std::borrow::Cow;
use std::io::BufRead;
use std::sync::Arc;

use crate::clock::Clock;
use crate::domain::{ExternalId, Now, Person, Policy};
use crate::store::{StoreError, View};

use super::document::read_line;
use super::import::{Format, ImportError, LineNote};
use super::lines::{LINE_BYTES_MAX, Line, Lines};
use super::person::CheckedPerson;
use super::refused::{Cause, Problem, Refused};
use super::row::Row;
use super::sheet::Sheet;

/// Most people in one transaction: gates write between two, so that none waits longer than a batch takes.
pub const BATCH_PEOPLE_MAX: usize = 500;
/// Most bytes of lines in one batch, for files full of photos.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a line says of a person.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Said {
    /// Everything: what it does not say is unknown from then on.
    All(Box<CheckedPerson>),
    /// What there are columns for.
    Part(Row),
}

/// A person of the file.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The number of their line.
    pub(super) line: u64,
    /// The length of their line, in bytes.
    pub(super) bytes: usize,
    /// What it says of them.
    pub(super) said: Said,
}

impl Entry {
    /// Whom it is about.
    pub(super) fn external_id(&self) -> &ExternalId {
        match &self.said {
            Said::All(person) => &person.person().external_id,
            Said::Part(row) => row.external_id(),
        }
    }

    /// Their document once this is written down, with what the line leaves as it is stored at this moment.
    ///
    /// # Errors
    /// When the store cannot; a refusal is no error.
    pub(super) fn document(
        &self,
        view: &View<'_>,
        policy: &Policy,
        now: Now,
    ) -> Result<Result<Cow<'_, CheckedPerson>, Refused>, StoreError> {
        match &self.said {
            Said::All(person) => Ok(Ok(Cow::Borrowed(person))),
            Said::Part(row) => {
                let stored = view.person(row.external_id())?.map(|stored| stored.person);
                Ok(row.checked(stored, policy, now).map(Cow::Owned))
            }
        }
    }

    /// What to tell of it.
    pub(super) fn note(&self, problems: Vec<Problem>) -> LineNote {
        LineNote { line: self.line, external_id: Some(self.external_id().clone()), problems }
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
            match text.map_err(|why| (None, Refused::one(Cause::Invalid, ".", why))).and_then(|text| self.said(&text)) {
                Ok(said) => batch.people.push(Entry { line, bytes, said }),
                Err((external_id, refused)) => {
                    batch.bad.push(LineNote { line, external_id, problems: refused.problems });
                }
            }
        }
        Ok(batch)
    }

    fn said(&self, text: &str) -> Result<Said, (Option<ExternalId>, Refused)> {
        let now = self.clock.now();
        if let Some(sheet) = &self.sheet {
            let cells = sheet.cells(text).map_err(|refused| (None, refused))?;
            return Row::new(cells, &self.policy, now).map(Said::Part);
        }
        let person: Person = read_line(text).map_err(|refused| (None, refused))?;
        let external_id = person.external_id.clone();
        let checked = CheckedPerson::new(person, &self.policy, now).map_err(|refused| (Some(external_id), refused))?;
        Ok(Said::All(Box::new(checked)))
    }
}

fn header(why: &str) -> ImportError {
    ImportError::Header(Refused::one(Cause::Invalid, "header", why))
}

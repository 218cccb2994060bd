//! What is wrong in the file: each problem with its key, its line and what to write instead, all of them at once.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::path::Path;

use miette::{Diagnostic, LabeledSpan, NamedSource};

/// One thing to mend in the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The key, with the tables around it: `reader.entry-1.frame`. Empty: the file itself.
    pub key: String,
    /// The line that holds it, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What to write or do instead.
    pub mend: String,
    span: Range<usize>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" if self.is_of_the_whole_file() => f.write_str(&self.what),
            "" => write!(f, "line {}: {}", self.line, self.what),
            key => write!(f, "{key} (line {}): {}", self.line, self.what),
        }
    }
}

impl Problem {
    /// There are no lines to show.
    fn is_of_the_whole_file(&self) -> bool {
        self.key.is_empty() && self.span.is_empty()
    }
}

impl std::error::Error for Problem {}

impl Diagnostic for Problem {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.mend))
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        if self.is_of_the_whole_file() {
            return None;
        }
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(Some("here".into()), self.span.clone()))))
    }
}

/// Everything that is wrong in one file, in the order of its lines, with the lines themselves. Secrets that were
/// written into the file by mistake are starred out in the lines.
#[derive(Clone, Debug)]
pub struct Problems {
    source: NamedSource<String>,
    problems: Vec<Problem>,
}

impl Problems {
    /// The problems, by line.
    #[must_use]
    pub fn all(&self) -> &[Problem] {
        &self.problems
    }

    /// The file as it may be shown, for the lines around a problem.
    #[must_use]
    pub fn source(&self) -> NamedSource<String> {
        self.source.clone()
    }

    /// Nothing of the file could be used.
    pub(super) fn of_unreadable_file(path: &Path, what: String, mend: &str) -> Self {
        let problem = Problem { key: String::new(), line: 1, what, mend: mend.into(), span: 0..0 };
        Self { source: NamedSource::new(path.to_string_lossy(), String::new()), problems: vec![problem] }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.problems.len() == 1 { "problem" } else { "problems" };
        write!(f, "{} {noun} in {}", self.problems.len(), self.source.name())
    }
}

impl std::error::Error for Problems {}

impl Diagnostic for Problems {
    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.source)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.problems.iter().map(|problem| problem as &dyn Diagnostic)))
    }
}

/// Where something stands in the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) key: String,
    pub(super) span: Range<usize>,
}

/// Collects problems while the file is read; shared by all its sections.
pub(super) struct Report<'a> {
    text: &'a str,
    written: RefCell<Written>,
}

#[derive(Default)]
struct Written {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    secrets: Vec<Range<usize>>,
    asked: BTreeSet<String>,
}

impl<'a> Report<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, written: RefCell::default() }
    }

    /// The file is refused because of this.
    pub(super) fn problem(&self, place: &Place, what: impl Into<String>, mend: impl Into<String>) {
        let problem = self.at(place, what.into(), mend.into());
        self.written.borrow_mut().problems.push(problem);
    }

    /// The file is taken, but this deserves a look.
    pub(super) fn warning(&self, place: &Place, what: impl Into<String>, mend: impl Into<String>) {
        let warning = self.at(place, what.into(), mend.into());
        self.written.borrow_mut().warnings.push(warning);
    }

    /// These bytes hold a secret: they are starred out wherever the lines are shown.
    pub(super) fn hide(&self, secret: Range<usize>) {
        self.written.borrow_mut().secrets.push(secret);
    }

    /// Remembers that a key is understood, for the test that the manual names every key.
    pub(super) fn understands(&self, key: String) {
        self.written.borrow_mut().asked.insert(key);
    }

    /// Every key that was understood, without the names of single gates and readers.
    #[cfg(test)]
    pub(super) fn understood(&self) -> BTreeSet<String> {
        self.written.borrow().asked.clone()
    }

    /// The end of reading: the warnings of a good file, each in one line, or the problems of a bad one.
    pub(super) fn conclude(self, path: &Path) -> Result<Vec<String>, Problems> {
        let text = self.shown_text();
        let Written { mut problems, mut warnings, .. } = self.written.into_inner();
        if problems.is_empty() {
            warnings.sort_by_key(|warning| warning.span.start);
            return Ok(warnings.iter().map(|warning| format!("{warning}; {}", warning.mend)).collect());
        }
        problems.sort_by_key(|problem| problem.span.start);
        Err(Problems { source: NamedSource::new(path.to_string_lossy(), text), problems })
    }

    fn at(&self, place: &Place, what: String, mend: String) -> Problem {
        let line = line_of(self.text, place.span.start);
        Problem { key: place.key.clone(), line, what, mend, span: place.span.clone() }
    }

    /// The text with a star for every byte of a secret, so that spans stay true.
    fn shown_text(&self) -> String {
        let mut bytes = self.text.as_bytes().to_vec();
        for secret in &self.written.borrow().secrets {
            for byte in &mut bytes[secret.clone()] {
                if *byte != b'\n' {
                    *byte = b'*';
                }
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// The line of a byte, from 1.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}

//! What is wrong with a document: each problem with the path of its field and what to write instead.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One thing that is wrong, or odd, in a document.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The field, such as `memberships[0].zones[1]`; `.` is the document itself.
    pub path: String,
    /// What is wrong with it, and what to write instead.
    pub why: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path == "." { f.write_str(&self.why) } else { write!(f, "{}: {}", self.path, self.why) }
    }
}

/// A document was not taken; nothing was written.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}", sentence(.problems))]
pub struct Refused {
    /// Why; never empty.
    pub problems: Vec<Problem>,
    /// In which way.
    pub cause: Cause,
}

/// In which way a document is not acceptable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// It cannot be right, whatever the store holds.
    Invalid,
    /// Credentials in it belong to somebody else; acceptable once they give them up.
    Claimed,
    /// Its person was erased, and an import must not bring them back.
    Erased,
    /// It cannot even be read.
    Malformed,
    /// What it is about is not here.
    Unknown,
    /// It does not fit how things stand.
    Conflict,
    /// What is stored about it cannot be read.
    Broken,
}

impl Cause {
    /// The stable word, as told to the central system.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Claimed => "claimed",
            Self::Erased => "erased",
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::Conflict => "conflict",
            Self::Broken => "broken",
        }
    }
}

impl Refused {
    /// Refused for one reason.
    #[must_use]
    pub fn one(cause: Cause, path: impl Into<String>, why: impl Into<String>) -> Self {
        Self { problems: vec![Problem { path: path.into(), why: why.into() }], cause }
    }
}

/// What a check found so far.
#[derive(Default, Debug)]
pub(super) struct Findings {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Findings {
    /// The document cannot be taken.
    pub(super) fn refuse(&mut self, path: impl Into<String>, why: impl Into<String>) {
        self.problems.push(Problem { path: path.into(), why: why.into() });
    }

    /// The document is taken, and the sender is told.
    pub(super) fn warn(&mut self, path: impl Into<String>, why: impl Into<String>) {
        self.warnings.push(Problem { path: path.into(), why: why.into() });
    }

    /// Takes what was found in a part of the document, its paths under the part's.
    pub(super) fn take_under(&mut self, part: &str, within: Findings) {
        let under = |problem: Problem| Problem { path: format!("{part}.{}", problem.path), ..problem };
        self.problems.extend(within.problems.into_iter().map(under));
        self.warnings.extend(within.warnings.into_iter().map(under));
    }

    /// The warnings, unless something is wrong.
    pub(super) fn settle(self) -> Result<Vec<Problem>, Refused> {
        if self.problems.is_empty() {
            return Ok(self.warnings);
        }
        Err(Refused { problems: self.problems, cause: Cause::Invalid })
    }
}

fn sentence(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; ")
}

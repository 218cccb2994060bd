//! The visits that Mywellness accepted: every one counts, equal ones too, because it is not known to dedupe.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;

/// Visits the sandbox holds: a club of five thousand over half a year.
pub(super) const VISITS_MAX: usize = 1_000_000;

/// A visit that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Visit {
    /// Whose.
    pub user_id: String,
    /// Whose, in the club's own numbers.
    pub external_id: Option<String>,
    /// As sent.
    pub visit_date: String,
    /// When it arrived.
    pub at: Timestamp,
}

/// All of them, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Visits {
    list: Vec<Visit>,
    by_user: HashMap<String, Vec<usize>>,
}

impl Visits {
    pub(super) fn all(&self) -> &[Visit] {
        &self.list
    }

    pub(super) fn of(&self, user: &str) -> impl Iterator<Item = &Visit> {
        let indices = self.by_user.get(user).map_or(&[][..], Vec::as_slice);
        indices.iter().map(|index| &self.list[*index])
    }

    /// Whether there was room for it.
    pub(super) fn add(&mut self, visit: Visit) -> bool {
        let has_room = self.list.len() < VISITS_MAX;
        if has_room {
            self.by_user.entry(visit.user_id.clone()).or_default().push(self.list.len());
            self.list.push(visit);
        }
        has_room
    }
}

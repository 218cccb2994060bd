//! The steps that lead from an empty file to the tables of this version; only ever added to.

use rusqlite_migration::{M, Migrations};

/// Marks a file as Varco's in its SQLite header: "Varc" in ASCII.
pub(super) const APPLICATION_ID: i32 = 0x5661_7263;

const STEPS: &[M<'static>] = &[M::up(include_str!("schema/0001_first.sql"))];

/// The steps in order; `user_version` counts those taken.
pub(super) const MIGRATIONS: Migrations<'static> = Migrations::from_slice(STEPS);

/// The version a store has after the last step.
pub(super) fn newest_version() -> usize {
    STEPS.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_leads_to_the_next() {
        MIGRATIONS.validate().expect("the steps are valid SQL in order");
    }
}

//! Pages of lists: how many rows, and where the next page begins.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::store::Page;

use super::problem::ApiProblem;

/// Most rows of a page.
pub(super) const PAGE_ROWS_MAX: u32 = 500;
/// Rows of a page when nobody says how many.
const PAGE_ROWS: u32 = 100;

/// A page of a list.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct List<T> {
    /// The rows.
    pub(super) items: Vec<T>,
    /// What to send as `cursor` for the next page; null: this was the last.
    pub(super) next: Option<String>,
}

impl<T> List<T> {
    /// A list that is always served whole.
    pub(super) fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

impl<T> From<Page<T>> for List<T> {
    fn from(page: Page<T>) -> Self {
        Self { items: page.items, next: page.next }
    }
}

/// How many rows were asked for.
pub(super) fn rows(limit: Option<u32>) -> Result<u32, ApiProblem> {
    match limit.unwrap_or(PAGE_ROWS) {
        rows @ 1..=PAGE_ROWS_MAX => Ok(rows),
        _ => Err(ApiProblem::field("limit", format!("write 1 to {PAGE_ROWS_MAX}"))),
    }
}

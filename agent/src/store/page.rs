//! Pages: lists come in bounded pieces, each with the place where the next begins.

use std::fmt::Display;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::error::StoreError;

/// Most items of one page, whatever is asked for: a page is built in memory.
pub const PAGE_ITEMS_MAX: u32 = 500;

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins; none: this was the last.
    pub next: Option<String>,
}

/// Rows to read for a page: one more than it holds, which tells whether another follows.
pub(super) fn rows_wanted(limit: u32) -> u32 {
    items_of(limit) + 1
}

/// Makes a page of the rows read.
pub(super) fn page_of<T>(mut items: Vec<T>, limit: u32, cursor: impl FnOnce(&T) -> String) -> Page<T> {
    let fits = usize::try_from(items_of(limit)).expect("a page is small");
    let more = items.len() > fits;
    items.truncate(fits);
    let next = items.last().filter(|_| more).map(cursor);
    Page { items, next }
}

fn items_of(limit: u32) -> u32 {
    limit.clamp(1, PAGE_ITEMS_MAX)
}

/// Reads a cursor that is a row's number; zero without one.
pub(super) fn number_of(cursor: Option<&str>) -> Result<i64, StoreError> {
    cursor.map_or(Ok(0), |text| text.parse().map_err(|_| unknown_cursor(text)))
}

/// Reads a cursor that is a moment and a row's number, of lists in the order of time, newest first.
pub(super) fn moment_of(cursor: &str) -> Result<(i64, i64), StoreError> {
    let parts = cursor.split_once('.').and_then(|(at, row)| Some((at.parse().ok()?, row.parse().ok()?)));
    parts.ok_or_else(|| unknown_cursor(cursor))
}

/// What the cursor of a list in the order of names begins with, so that no other text is taken for one.
const AFTER: &str = "after:";

/// The cursor of a list in the order of names.
pub(super) fn after_name(last: impl Display) -> String {
    URL_SAFE_NO_PAD.encode(format!("{AFTER}{last}"))
}

/// Reads a cursor of [`after_name`]: the name after which the page begins; before all without one.
pub(super) fn name_of(cursor: Option<&str>) -> Result<String, StoreError> {
    let Some(text) = cursor else { return Ok(String::new()) };
    let decoded = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let id = decoded.as_deref().and_then(|decoded| decoded.strip_prefix(AFTER));
    id.map(str::to_owned).ok_or_else(|| unknown_cursor(text))
}

/// The cursor of a list in the order of time, earliest first, then of names.
pub(super) fn after_moment_and_name(moment: i64, name: impl Display) -> String {
    after_name(format_args!("{moment}.{name}"))
}

/// Reads a cursor of [`after_moment_and_name`]; before all without one.
pub(super) fn moment_and_name_of(cursor: Option<&str>) -> Result<(i64, String), StoreError> {
    let Some(text) = cursor else { return Ok((i64::MIN, String::new())) };
    let place = name_of(cursor)?;
    let parts = place.split_once('.').and_then(|(at, name)| Some((at.parse().ok()?, name.to_owned())));
    parts.ok_or_else(|| unknown_cursor(text))
}

fn unknown_cursor(text: &str) -> StoreError {
    StoreError::UnknownCursor { cursor: text.to_owned() }
}

/// Reads a cursor that is an id made here; the first id of all without one.
pub(super) fn id_of(cursor: Option<&str>) -> Result<Uuid, StoreError> {
    cursor.map_or(Ok(Uuid::nil()), |text| text.parse().map_err(|_| unknown_cursor(text)))
}

//! Null in a document means the same as an absent field: that it is unknown.

use serde::{Deserialize, Deserializer};

/// Reads a field that has a default: null is the default. For `#[serde(default, deserialize_with = "null_is_default")]`.
///
/// # Errors
/// When there is a value and it is none of the field's.
pub fn null_is_default<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(from).map(Option::unwrap_or_default)
}

//! The file as a tree of values, each with its place, whichever of TOML's ways it was written in.

use std::ops::Range;

use toml_edit::{Item, TableLike};

/// A value and its bytes in the file.
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) span: Range<usize>,
}

/// What a value is. Tables under headers, dotted keys and inline tables are all the same here.
pub(super) enum Value {
    Text(String),
    Whole(i64),
    Fraction,
    Flag(bool),
    DateOrTime,
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key and its value.
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Range<usize>,
    pub(super) node: Node,
}

impl Value {
    /// What it is, as one says to the person who wrote it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Whole(_) => "a whole number",
            Self::Fraction => "a number with a fraction",
            Self::Flag(_) => "true or false",
            Self::DateOrTime => "a date or time without quotes",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

impl Node {
    /// Reads a document's text.
    ///
    /// # Errors
    /// The first place where it is no TOML.
    pub(super) fn parse(text: &str) -> Result<Self, toml_edit::TomlError> {
        let document = toml_edit::Document::parse(text)?;
        Ok(Self { value: Value::Table(entries(document.as_table())), span: 0..0 })
    }
}

fn entries(table: &dyn TableLike) -> Vec<Entry> {
    let entry = |(name, item): (&str, &Item)| {
        let key_span = table.key(name).and_then(toml_edit::Key::span);
        let node = node(item, key_span.clone());
        Some(Entry { key: name.to_owned(), key_span: key_span.unwrap_or_else(|| node.span.clone()), node })
    };
    table.iter().filter_map(entry).collect()
}

/// `around` stands in for tables that have no place of their own, such as the `access` of `[access.conditions]`.
fn node(item: &Item, around: Option<Range<usize>>) -> Node {
    let span = item.span().or(around).unwrap_or(0..0);
    let value = match item {
        Item::None => Value::Table(Vec::new()),
        Item::Table(table) => Value::Table(entries(table)),
        Item::ArrayOfTables(tables) => {
            let one = |table: &toml_edit::Table| Node {
                value: Value::Table(entries(table)),
                span: table.span().unwrap_or_else(|| span.clone()),
            };
            Value::List(tables.iter().map(one).collect())
        }
        Item::Value(value) => simple(value),
    };
    Node { value, span }
}

fn simple(value: &toml_edit::Value) -> Value {
    match value {
        toml_edit::Value::String(text) => Value::Text(text.value().clone()),
        toml_edit::Value::Integer(number) => Value::Whole(*number.value()),
        toml_edit::Value::Float(_) => Value::Fraction,
        toml_edit::Value::Boolean(flag) => Value::Flag(*flag.value()),
        toml_edit::Value::Datetime(_) => Value::DateOrTime,
        toml_edit::Value::InlineTable(table) => Value::Table(entries(table)),
        toml_edit::Value::Array(list) => {
            let one = |value: &toml_edit::Value| Node { value: simple(value), span: value.span().unwrap_or(0..0) };
            Value::List(list.iter().map(one).collect())
        }
    }
}

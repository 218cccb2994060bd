//! One table of the file while it is read: keys are taken one by one, and what nobody took is unknown.

use std::ops::Range;

use super::problem::{Place, Report};
use super::suggest::did_you_mean;
use super::tree::{Entry, Node, Value};

/// Why a value cannot be taken, and what to write instead.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) what: String,
    pub(super) mend: String,
    /// The part of the value that is at fault, if not all of it.
    pub(super) at: Option<Range<usize>>,
}

impl Fault {
    pub(super) fn new(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what: what.into(), mend: mend.into(), at: None }
    }
}

/// A table being read. Every fault goes into the report; reading goes on.
pub(super) struct Section<'a> {
    /// As the reader of a problem finds it: `gate.turnstile-1`.
    path: String,
    /// As the manual calls it: `gate`.
    kind: String,
    span: Range<usize>,
    entries: &'a [Entry],
    taken: Vec<&'static str>,
    faulty: Vec<&'static str>,
    report: &'a Report<'a>,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub(super) fn root(root: &'a Node, report: &'a Report<'a>) -> Self {
        Self::of(String::new(), String::new(), root, report)
    }

    fn of(path: String, kind: String, node: &'a Node, report: &'a Report<'a>) -> Self {
        let entries: &[Entry] = if let Value::Table(entries) = &node.value { entries } else { &[] };
        Self { path, kind, span: node.span.clone(), entries, taken: Vec::new(), faulty: Vec::new(), report }
    }

    /// The value of a key, if it is there and good.
    pub(super) fn optional<T>(&mut self, key: &'static str, read: impl FnOnce(&Node) -> Result<T, Fault>) -> Option<T> {
        let entry = self.take(key)?;
        match read(&entry.node) {
            Ok(value) => Some(value),
            Err(fault) => {
                self.faulty.push(key);
                let span = fault.at.unwrap_or_else(|| entry.node.span.clone());
                self.report.problem(&Place { key: self.name_of(key), span }, fault.what, fault.mend);
                None
            }
        }
    }

    /// The value of a key, or its default. A value at fault also gives the default: the report refuses the file.
    pub(super) fn or<T>(&mut self, key: &'static str, default: T, read: impl FnOnce(&Node) -> Result<T, Fault>) -> T {
        self.optional(key, read).unwrap_or(default)
    }

    /// The value of a key that must be there; `example` is what to write if it is not.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        example: &str,
        read: impl FnOnce(&Node) -> Result<T, Fault>,
    ) -> Option<T> {
        if !self.has(key) {
            self.missing(key, example);
        }
        self.optional(key, read)
    }

    /// Says that a key must be there.
    pub(super) fn missing(&mut self, key: &'static str, example: &str) {
        self.faulty.push(key);
        let place = Place { key: self.name_of(key), span: self.span.clone() };
        self.report.problem(&place, format!("`{key}` is missing"), format!("add {example}"));
    }

    /// A table inside this one.
    pub(super) fn section(&mut self, key: &'static str) -> Option<Section<'a>> {
        let entry = self.take(key)?;
        match entry.node.value {
            Value::Table(_) => Some(self.inner(key, self.name_of(key), &entry.node)),
            ref other => {
                let what = format!("`{key}` is {}, not a table", other.kind());
                self.problem(key, what, format!("write [{}]", self.name_of(key)));
                None
            }
        }
    }

    /// The tables of a list, such as all of `[[gate]]`. Each is called by its `id`, else by its place in the list.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<Section<'a>> {
        let Some(entry) = self.take(key) else { return Vec::new() };
        let tables = match &entry.node.value {
            Value::List(tables) if tables.iter().all(|node| matches!(node.value, Value::Table(_))) => tables,
            other => {
                let what = format!("`{key}` is {}, not a list of tables", other.kind());
                self.problem(key, what, format!("write [[{key}]] with two brackets before each"));
                return Vec::new();
            }
        };
        let one = |(at, node): (usize, &'a Node)| {
            let path = match id_of(node) {
                Some(id) => format!("{}.{id}", self.name_of(key)),
                None => format!("{}[{}]", self.name_of(key), at + 1),
            };
            self.inner(key, path, node)
        };
        tables.iter().enumerate().map(one).collect()
    }

    /// Whether the key is written here.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key)
    }

    /// Whether the key is written here as a table.
    pub(super) fn is_table(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key && matches!(entry.node.value, Value::Table(_)))
    }

    /// Whether the key was taken without fault; what follows from a faulty one is not worth saying.
    pub(super) fn is_sound(&self, key: &str) -> bool {
        !self.faulty.contains(&key)
    }

    /// The text of a key, as written.
    pub(super) fn text_of(&self, key: &str) -> Option<&'a str> {
        match &self.entries.iter().find(|entry| entry.key == key)?.node.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Where a key's value stands; the table's header if it is not written.
    pub(super) fn place(&self, key: &str) -> Place {
        let entry = self.entries.iter().find(|entry| entry.key == key);
        Place { key: self.name_of(key), span: entry.map_or(self.span.clone(), |entry| entry.node.span.clone()) }
    }

    /// The report, for checks of several keys together.
    pub(super) fn report(&self) -> &'a Report<'a> {
        self.report
    }

    /// Says what is wrong with a key.
    pub(super) fn problem(&self, key: &str, what: impl Into<String>, mend: impl Into<String>) {
        self.report.problem(&self.place(key), what, mend);
    }

    /// Says what deserves a look at a key.
    pub(super) fn warning(&self, key: &str, what: impl Into<String>, mend: impl Into<String>) {
        self.report.warning(&self.place(key), what, mend);
    }

    /// Refuses each of these keys if it is written, since here it would do nothing.
    pub(super) fn refuse(&self, keys: &[&str], why: &str, mend: &str) {
        for key in keys.iter().filter(|key| self.has(key)) {
            self.problem(key, format!("`{key}` {why}"), mend);
        }
    }

    /// Keeps the value of a key out of every line shown.
    pub(super) fn hide(&self, key: &str) {
        if let Some(entry) = self.entries.iter().find(|entry| entry.key == key) {
            self.report.hide(entry.node.span.clone());
        }
    }

    /// Refuses a secret written into the file, and hides it in every line shown.
    pub(super) fn refuse_inline_secret(&mut self, key: &'static str) {
        let Some(entry) = self.entries.iter().find(|entry| entry.key == key) else { return };
        self.taken.push(key);
        self.faulty.push(key);
        self.report.hide(entry.node.span.clone());
        let place = Place { key: self.name_of(key), span: entry.key_span.clone() };
        let mend = format!("put it into a file that only the agent may read, and write {key}_file = \"/path/to/it\"");
        self.report.problem(&place, "a secret does not stand in this file", mend);
    }

    /// Refuses every key that nobody took. Their texts are not shown: one may be a secret under a mistyped key.
    pub(super) fn finish(self) {
        for entry in self.entries.iter().filter(|entry| !self.taken.contains(&entry.key.as_str())) {
            if let Value::Text(_) = entry.node.value {
                self.hide(&entry.key);
            }
            let mend = match did_you_mean(&entry.key, self.taken.iter().copied()) {
                Some(known) => format!("did you mean `{known}`?"),
                None if self.taken.is_empty() => "remove it".into(),
                None => format!("known here: {}", self.taken.join(", ")),
            };
            let place = Place { key: self.name_of(&entry.key), span: entry.key_span.clone() };
            self.report.problem(&place, format!("`{}` is not a known key", entry.key), mend);
        }
    }

    fn take(&mut self, key: &'static str) -> Option<&'a Entry> {
        if !self.taken.contains(&key) {
            self.taken.push(key);
        }
        self.report.understands(joined(&self.kind, key));
        self.entries.iter().find(|entry| entry.key == key)
    }

    fn inner(&self, key: &str, path: String, node: &'a Node) -> Self {
        Section::of(path, joined(&self.kind, key), node, self.report)
    }

    fn name_of(&self, key: &str) -> String {
        joined(&self.path, key)
    }
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn id_of(node: &Node) -> Option<&str> {
    let Value::Table(entries) = &node.value else { return None };
    match &entries.iter().find(|entry| entry.key == "id")?.node.value {
        Value::Text(id) if !id.is_empty() => Some(id),
        _ => None,
    }
}

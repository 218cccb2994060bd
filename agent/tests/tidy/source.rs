//! The files of the repository, with code, comments and texts told apart.

use std::fs;
use std::path::{Path, PathBuf};

/// A Rust file.
pub(crate) struct Source {
    /// Its path from the root of the repository.
    pub(crate) path: String,
    /// All of it.
    pub(crate) whole: String,
    /// Its code: comments and the contents of texts are blanks, so that lines and columns stay.
    pub(crate) code: String,
    /// The texts in it, each with its line.
    pub(crate) texts: Vec<(usize, String)>,
    /// It is compiled only for tests.
    for_tests: bool,
}

impl Source {
    /// The place of a byte, as editors take it.
    pub(crate) fn at(&self, byte: usize) -> String {
        format!("{}:{}", self.path, line_of(&self.code, byte))
    }

    /// The code without what is compiled only for tests.
    pub(crate) fn shipped_code(&self) -> String {
        let mut code = self.code.clone();
        if self.for_tests {
            return String::new();
        }
        while let Some(start) = code.find("#[cfg(test)]") {
            let end = end_of_item(&code, start);
            let blank: String = code[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
            code.replace_range(start..end, &blank);
        }
        code
    }

    /// The texts without those compiled only for tests.
    pub(crate) fn shipped_texts(&self) -> impl Iterator<Item = &(usize, String)> {
        let shipped = self.shipped_code();
        let kept: Vec<bool> = shipped.lines().map(|line| line.contains('"')).collect();
        self.texts.iter().filter(move |(line, _)| kept.get(line - 1).copied().unwrap_or(false))
    }

    /// The folder in which the files of this module's own modules lie.
    fn folder(&self) -> String {
        let bare = self.path.trim_end_matches(".rs");
        bare.strip_suffix("/mod").or(bare.strip_suffix("/lib")).unwrap_or(bare).to_owned()
    }

    /// The modules declared here only for tests, by the paths of their files without the ending.
    fn modules_for_tests(&self) -> Vec<String> {
        let after = self.code.split("#[cfg(test)]").skip(1);
        let names = after.filter_map(|code| code.trim_start().strip_prefix("mod ")?.split_once(';'));
        names.map(|(name, _)| format!("{}/{}", self.folder(), name.trim())).filter(|path| !path.contains(' ')).collect()
    }
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the agent lies in the repository").to_owned()
}

/// Every Rust file under a folder of the repository, by path.
pub(crate) fn sources(folder: &str) -> Vec<Source> {
    let mut paths = files(&root().join(folder));
    paths.retain(|path| path.extension().is_some_and(|it| it == "rs"));
    assert!(!paths.is_empty(), "{folder} holds no Rust files");
    let mut sources: Vec<_> = paths.iter().map(|path| read(path)).collect();
    let modules: Vec<_> = sources.iter().flat_map(Source::modules_for_tests).collect();
    for source in &mut sources {
        let bare = source.path.trim_end_matches(".rs");
        let declared = |module: &String| bare == module || bare.starts_with(&format!("{module}/"));
        source.for_tests = source.path.contains("tests/") || modules.iter().any(declared);
    }
    sources
}

/// Every file under a folder, but for what is built.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the repository").map(|entry| entry.expect("readable").path())
    {
        let name = entry.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if entry.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(files(&entry));
        } else if entry.is_file() {
            found.push(entry);
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> Source {
    let whole = fs::read_to_string(path).expect("source files are UTF-8");
    let (code, texts) = split(&whole);
    let path = path.strip_prefix(root()).expect("found under the root").to_string_lossy().into_owned();
    Source { path, whole, code, texts, for_tests: false }
}

/// The line of a byte, from 1.
pub(crate) fn line_of(text: &str, byte: usize) -> usize {
    1 + text.as_bytes()[..byte].iter().filter(|b| **b == b'\n').count()
}

/// The end of the item that follows an attribute: its closing brace, or its semicolon.
fn end_of_item(code: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code[start..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth <= 1 => return start + at + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return start + at + 1,
            _ => {}
        }
    }
    code.len()
}

/// Blanks comments and texts, and gives the texts.
fn split(whole: &str) -> (String, Vec<(usize, String)>) {
    let (mut code, mut texts) = (String::with_capacity(whole.len()), Vec::new());
    let mut rest = whole;
    while let Some(first) = rest.chars().next() {
        let piece = piece(rest, code.chars().next_back());
        let (taken, after) = rest.split_at(piece.length);
        match piece.kind {
            Kind::Code => code.push_str(taken),
            Kind::Comment => code.extend(taken.chars().map(blank)),
            Kind::Text => {
                texts.push((line_of(whole, whole.len() - rest.len()), taken.to_owned()));
                // The quotes stay, so that a line that held a text is still known by them.
                code.extend(taken.chars().map(|c| if c == '"' { c } else { blank(c) }));
            }
        }
        debug_assert!(piece.length >= first.len_utf8(), "every piece takes something");
        rest = after;
    }
    (code, texts)
}

fn blank(c: char) -> char {
    if c == '\n' { '\n' } else { ' ' }
}

struct Piece {
    kind: Kind,
    length: usize,
}

enum Kind {
    Code,
    Comment,
    Text,
}

/// The next comment, text, character or byte of code. `before` tells `r"` from the end of a name.
fn piece(rest: &str, before: Option<char>) -> Piece {
    let in_name = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if rest.starts_with("//") {
        return Piece { kind: Kind::Comment, length: rest.find('\n').unwrap_or(rest.len()) };
    }
    if rest.starts_with("/*") {
        return Piece { kind: Kind::Comment, length: rest.find("*/").map_or(rest.len(), |end| end + 2) };
    }
    if let Some(length) = raw_text(rest).filter(|_| !in_name) {
        return Piece { kind: Kind::Text, length };
    }
    if let Some(inner) = rest.strip_prefix('"') {
        return Piece { kind: Kind::Text, length: 1 + end_of_text(inner) };
    }
    if let Some(length) = character(rest) {
        return Piece { kind: Kind::Comment, length };
    }
    Piece { kind: Kind::Code, length: rest.chars().next().map_or(1, char::len_utf8) }
}

/// The length of `r"…"` or `r#"…"#`.
fn raw_text(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let inner = after[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    Some(rest.len() - inner.len() + inner.find(&close)? + close.len())
}

fn end_of_text(inner: &str) -> usize {
    let mut escaped = false;
    for (at, c) in inner.char_indices() {
        match c {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return at + 1,
            _ => escaped = false,
        }
    }
    inner.len()
}

/// The length of `'x'` or `'\n'`; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('\'')?;
    match inner.strip_prefix('\\') {
        Some(escape) => Some(2 + 1 + escape.char_indices().skip(1).find(|(_, c)| *c == '\'')?.0),
        None => {
            let c = inner.chars().next()?;
            inner[c.len_utf8()..].starts_with('\'').then(|| 2 + c.len_utf8())
        }
    }
}

#[test]
fn code_comments_and_texts_are_told_apart() {
    let (code, texts) = split("a('\"', \"x // \\\" y\", r#\"z\"\"#); // \"no\"\nfor<'a> b /* c */ d");
    assert_eq!(texts.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), ["\"x // \\\" y\"", "r#\"z\"\"#"]);
    assert!(code.contains("for<'a> b") && code.ends_with(" d"), "{code}");
    assert!(!code.contains("no") && !code.contains('c') && !code.contains('x'), "{code}");
}

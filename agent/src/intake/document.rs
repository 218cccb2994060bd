//! Reading a JSON document: which field is wrong, or why it is none.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use super::refused::{Cause, Refused};

/// Why a text is not the document that it should be.
enum Wrong {
    /// This field.
    Field { path: String, why: String },
    /// The text is no JSON.
    NoJson(serde_json::Error),
    /// More follows the document.
    NotAlone(serde_json::Error),
}

/// Reads a document that came by itself.
///
/// # Errors
/// [`Cause::Malformed`] when it is no JSON, [`Cause::Invalid`] with the field that is wrong.
pub fn read_document<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refused> {
    read(bytes).map_err(|wrong| match wrong {
        Wrong::Field { path, why } => invalid(path, why),
        Wrong::NoJson(why) | Wrong::NotAlone(why) => {
            Refused::one(Cause::Malformed, ".", format!("the document is no JSON: {why}"))
        }
    })
}

/// Reads the one document on a line of a file.
///
/// # Errors
/// With the field that is wrong, or with what stands there and what to write instead.
pub(super) fn read_line<T: DeserializeOwned>(line: &str) -> Result<T, Refused> {
    if line.starts_with(['[', ']']) {
        let mend = "write one document a line, as `jq -c '.[]'` makes of a list";
        return Err(invalid(".", format!("this is a JSON list or the end of one; {mend}")));
    }
    read(line.as_bytes()).map_err(|wrong| match wrong {
        Wrong::Field { path, why } => invalid(path, on_its_line(&why)),
        Wrong::NoJson(why) if why.is_eof() => {
            invalid(".", "the line ends within the document; write each document on one line, as `jq -c .` does")
        }
        Wrong::NoJson(why) => invalid(".", on_its_line(&why.to_string())),
        Wrong::NotAlone(_) => invalid(".", what_follows(line)),
    })
}

/// Reads a document from what was read before.
pub(super) fn from_json<T: DeserializeOwned>(document: Value) -> Result<T, Refused> {
    from_value(document).map_err(|(path, why)| invalid(path, why))
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Wrong> {
    if bytes.trim_ascii_start().starts_with(b"[") {
        // serde takes a list for the fields of a document in the order of their declaration.
        return match serde_json::from_slice::<IgnoredAny>(bytes) {
            Ok(_) => Err(Wrong::Field { path: ".".to_owned(), why: "is a list; write one document".to_owned() }),
            Err(why) => Err(Wrong::NoJson(why)),
        };
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let document = match serde_path_to_error::deserialize(&mut reader) {
        Ok(document) => document,
        Err(wrong) if wrong.inner().is_data() => {
            return Err(Wrong::Field { path: named(wrong.path()), why: wrong.inner().to_string() });
        }
        // A number where one of several words should stand is no data to serde_json but a mistake of syntax, as is a text
        // that is no JSON at all: which of them it is, only reading it again tells.
        Err(_) => {
            let value = serde_json::from_slice(bytes).map_err(Wrong::NoJson)?;
            return from_value(value).map_err(|(path, why)| Wrong::Field { path, why });
        }
    };
    reader.end().map_err(Wrong::NotAlone)?;
    Ok(document)
}

fn from_value<T: DeserializeOwned>(document: Value) -> Result<T, (String, String)> {
    serde_path_to_error::deserialize(document).map_err(|wrong| {
        // Its words for whatever is neither of an enum's forms.
        (named(wrong.path()), wrong.inner().to_string().replace("expected string or map", "expected a text"))
    })
}

fn named(path: &serde_path_to_error::Path) -> String {
    let path = path.to_string();
    if path == "?" { ".".to_owned() } else { path }
}

fn invalid(path: impl Into<String>, why: impl Into<String>) -> Refused {
    Refused::one(Cause::Invalid, path, why)
}

/// A document is one line: serde's "line 1" would be taken for the file's.
fn on_its_line(why: &str) -> String {
    let why = why.replace(" at line 1 column ", ", at column ");
    // Its words for a line that does not even begin as JSON does.
    why.replace("expected ident", "this is no JSON").replace("expected value", "this is no JSON")
}

fn what_follows(line: &str) -> String {
    let mut documents = serde_json::Deserializer::from_str(line).into_iter::<IgnoredAny>();
    documents.next();
    let rest = line.get(documents.byte_offset()..).unwrap_or_default().trim_start();
    let what = match rest.chars().next() {
        Some('{') => "a second document",
        Some(',') => "a comma",
        _ => "something that belongs to no document",
    };
    let column = line.len() - rest.len() + 1;
    format!("{what} follows the first document, at column {column}; write one document a line and nothing else")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Person;

    fn told(read: Result<Person, Refused>) -> String {
        match read {
            Ok(person) => format!("{person:?}"),
            Err(refused) => format!("{} {refused}", refused.cause.as_str()),
        }
    }

    const ANNA: &str = r#"{"external_id":"M-1","first_name":"Anna","last_name":"Rossi"}"#;

    #[test]
    fn a_line_holds_one_document_and_whatever_else_stands_there_is_told_with_its_mend() {
        assert!(read_line::<Person>(&format!("{ANNA}  ")).is_ok());
        let mut transcript = String::new();
        for line in [
            &format!("{ANNA}{ANNA}"),
            &format!("{ANNA} ,"),
            &format!("{ANNA}]"),
            "[",
            &format!("[{ANNA}]"),
            r#"["M-1","Anna","Rossi"]"#,
            "],",
            "{",
            "hello",
            r#""M-1""#,
            r#"{"external_id":"M-1","first_name":"Anna","last_name":"Rossi","gender":3}"#,
        ] {
            transcript += &format!("{}\n", told(read_line(line)));
        }
        expect_test::expect![[r#"
            invalid a second document follows the first document, at column 62; write one document a line and nothing else
            invalid a comma follows the first document, at column 63; write one document a line and nothing else
            invalid something that belongs to no document follows the first document, at column 62; write one document a line and nothing else
            invalid this is a JSON list or the end of one; write one document a line, as `jq -c '.[]'` makes of a list
            invalid this is a JSON list or the end of one; write one document a line, as `jq -c '.[]'` makes of a list
            invalid this is a JSON list or the end of one; write one document a line, as `jq -c '.[]'` makes of a list
            invalid this is a JSON list or the end of one; write one document a line, as `jq -c '.[]'` makes of a list
            invalid the line ends within the document; write each document on one line, as `jq -c .` does
            invalid this is no JSON, at column 1
            invalid invalid type: string "M-1", expected struct Person, at column 5
            invalid gender: invalid type: integer `3`, expected a text
        "#]].assert_eq(&transcript);
    }

    #[test]
    fn a_document_that_is_json_is_told_the_field_and_any_other_that_it_is_none() {
        let with = |more: &str| ANNA.replace('}', &format!(",{more}}}"));
        let mut transcript = String::new();
        for document in [
            with(r#""credentials":[{"value":"1","status":3}]"#),
            with(r#""credentials":[{"value":"1","status":true}]"#),
            with(r#""memberships":[{"id":"S-1","kind":null}]"#),
            with(r#""gender":[]"#),
            format!("[{ANNA}]"),
            "{".to_owned(),
            format!("{ANNA},"),
            "3".to_owned(),
        ] {
            transcript += &format!("{}\n", told(read_document(document.as_bytes())));
        }
        expect_test::expect![[r#"
            invalid credentials[0].status: invalid type: integer `3`, expected a text
            invalid credentials[0].status: invalid type: boolean `true`, expected a text
            invalid memberships[0].kind: invalid type: null, expected a text
            invalid gender: invalid type: sequence, expected a text
            invalid is a list; write one document
            malformed the document is no JSON: EOF while parsing an object at line 1 column 1
            malformed the document is no JSON: trailing characters at line 1 column 62
            invalid invalid type: integer `3`, expected struct Person at line 1 column 1
        "#]]
        .assert_eq(&transcript);
    }
}

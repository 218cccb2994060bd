//! One body of a call, read field by field, with every complaint collected in the words Mywellness uses.

use jiff::civil::Date;
use jiff::fmt::strtime;
use serde_json::{Map, Value, json};

/// One entry of `errors`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    field: String,
    kind: &'static str,
    details: String,
}

impl Complaint {
    pub(super) fn new(field: &str, kind: &'static str, details: impl Into<String>) -> Self {
        Self { field: field.to_owned(), kind, details: details.into() }
    }

    pub(super) fn to_json(&self) -> Value {
        let Self { field, kind, details } = self;
        json!({ "field": field, "type": kind, "details": details, "errorMessage": details, "message": details })
    }
}

/// Reads one body. Every reader returns what it could use; [`Form::finish`] says whether anything was wrong.
#[derive(Debug)]
pub(super) struct Form<'a> {
    fields: &'a Map<String, Value>,
    complaints: Vec<Complaint>,
}

impl<'a> Form<'a> {
    /// A body that may hold `known` fields and the token.
    pub(super) fn new(fields: &'a Map<String, Value>, known: &[&str]) -> Self {
        let strange = fields.keys().filter(|field| *field != "token" && !known.contains(&field.as_str()));
        let complaints =
            strange.map(|field| Complaint::new(field, "Unknown", "the contract has no such field")).collect();
        Self { fields, complaints }
    }

    /// A text that must be there and not be blank.
    pub(super) fn text(&mut self, field: &str) -> &'a str {
        match self.optional_text(field) {
            Some(text) if !text.trim().is_empty() => text,
            _ => {
                self.complain(field, "Required", format!("The {field} field is required."));
                ""
            }
        }
    }

    /// A text that may be absent or null.
    pub(super) fn optional_text(&mut self, field: &str) -> Option<&'a str> {
        match self.fields.get(field) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text),
            Some(_) => {
                self.complain(field, "Validation", "a string is expected");
                None
            }
        }
    }

    /// A date that must be there, as `yyyy-MM-dd`.
    pub(super) fn date(&mut self, field: &str) -> Option<Date> {
        self.text(field);
        self.optional_date(field)
    }

    /// A date that may be absent, null or empty.
    pub(super) fn optional_date(&mut self, field: &str) -> Option<Date> {
        let text = self.optional_text(field).filter(|text| !text.is_empty())?;
        let date = text.parse::<Date>().ok().filter(|date| date.to_string() == text);
        if date.is_none() {
            self.complain(field, "Validation", format!("{text} is no date of the form yyyy-MM-dd"));
        }
        date
    }

    /// An address that mail could be sent to, if there is one.
    pub(super) fn optional_email(&mut self, field: &str) -> Option<&'a str> {
        let text = self.optional_text(field).filter(|text| !text.is_empty())?;
        let is_address = text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
        if !is_address || text.contains(char::is_whitespace) {
            self.complain(field, "Validation", "it is no e-mail address");
        }
        Some(text)
    }

    /// A day that must be there, as eight digits; 0 if it is none.
    pub(super) fn day_number(&mut self, field: &str) -> u32 {
        let text = self.text(field);
        let is_day = text.len() == 8 && strtime::parse("%Y%m%d", text).is_ok_and(|it| it.to_date().is_ok());
        if !text.is_empty() && !is_day {
            self.complain(field, "Validation", format!("{text} is no day of the form yyyyMMdd"));
        }
        text.parse().unwrap_or_default()
    }

    /// One of a few words, if it is there.
    pub(super) fn optional_word(&mut self, field: &str, words: &[&str]) -> Option<&'a str> {
        let word = self.optional_text(field)?;
        if !words.contains(&word) {
            self.complain(field, "Validation", format!("{word} is none of {}", words.join(", ")));
        }
        Some(word)
    }

    /// One of a few words that must be there.
    pub(super) fn word(&mut self, field: &str, words: &[&str]) -> &'a str {
        let word = self.text(field);
        if !word.is_empty() {
            self.optional_word(field, words);
        }
        word
    }

    /// An array of integers, if it is there.
    pub(super) fn optional_numbers(&mut self, field: &str) -> Option<Vec<i64>> {
        let value = self.fields.get(field)?;
        let numbers = value.as_array().and_then(|list| list.iter().map(Value::as_i64).collect());
        if numbers.is_none() {
            self.complain(field, "Validation", "an array of integers is expected");
        }
        numbers
    }

    /// A moment that must be there, exactly as `yyyy-MM-dd HH:mm:ss +HH:MM`.
    pub(super) fn moment(&mut self, field: &str) -> &'a str {
        let text = self.text(field);
        if !text.is_empty() && !is_moment(text) {
            self.complain(field, "Validation", format!("{text} is not of the form yyyy-MM-dd HH:mm:ss +HH:MM"));
        }
        text
    }

    pub(super) fn complain(&mut self, field: &str, kind: &'static str, details: impl Into<String>) {
        self.complaints.push(Complaint::new(field, kind, details));
    }

    pub(super) fn finish(self) -> Result<(), Vec<Complaint>> {
        if self.complaints.is_empty() { Ok(()) } else { Err(self.complaints) }
    }
}

/// Parsing alone would accept `9:5:0` and `+1:00`; only what reads back the same is exact.
fn is_moment(text: &str) -> bool {
    let form = "%Y-%m-%d %H:%M:%S %:z";
    strtime::parse(form, text).is_ok_and(|parsed| {
        // Parsing looks at each part alone; only the whole knows that there is no 30th of February.
        parsed.to_datetime().is_ok() && parsed.to_string(form).is_ok_and(|again| again == text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_moments_are_moments() {
        let moments = |texts: &[&str]| texts.iter().map(|text| is_moment(text)).collect::<Vec<_>>();
        assert_eq!(moments(&["2026-02-10 09:30:00 -03:00", "2026-07-01 23:59:59 +00:00"]), [true, true]);
        let sloppy = [
            "2026-02-10T09:30:00-03:00",
            "2026-02-10 9:30:00 -03:00",
            "2026-02-10 09:30:00 -0300",
            "2026-02-10 09:30:00",
            "2026-02-10 09:30:00 Z",
            "2026-02-30 09:30:00 +01:00",
            "2026-02-10 09:30:00 +01:00 ",
            "2026-02-10 09:30:00.5 +01:00",
        ];
        assert_eq!(moments(&sloppy), [false; 8]);
    }
}

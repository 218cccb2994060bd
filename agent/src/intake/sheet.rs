//! A spreadsheet of people: one row a person, columns named as the fields of the document.
//!
//! The first line names the columns, in any order, separated by `,` or `;`. Fields inside another are written with a
//! dot (`address.city`). A cell that holds several values separates them with `|`. A row knows one membership and one due
//! of a person; NDJSON has no such limit.

use serde_json::{Map, Value, json};

use super::refused::{Cause, Problem, Refused};

/// What a cell holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cell {
    Text,
    YesNo,
    Number,
    /// Several texts.
    Texts,
}

/// Every column: its name, where its value stands in the document, and what it holds.
const COLUMNS: &[(&str, &[&str], Cell)] = &[
    ("external_id", &["external_id"], Cell::Text),
    ("first_name", &["first_name"], Cell::Text),
    ("last_name", &["last_name"], Cell::Text),
    ("birth_date", &["birth_date"], Cell::Text),
    ("gender", &["gender"], Cell::Text),
    ("email", &["email"], Cell::Text),
    ("phone", &["phone"], Cell::Text),
    ("mobile", &["mobile"], Cell::Text),
    ("address.street", &["address", "street"], Cell::Text),
    ("address.zip", &["address", "zip"], Cell::Text),
    ("address.city", &["address", "city"], Cell::Text),
    ("address.province", &["address", "province"], Cell::Text),
    ("address.country", &["address", "country"], Cell::Text),
    ("language", &["language"], Cell::Text),
    ("category", &["category"], Cell::Text),
    ("groups", &["groups"], Cell::Texts),
    ("staff", &["staff"], Cell::YesNo),
    ("member_since", &["member_since"], Cell::Text),
    ("allow_sync", &["allow_sync"], Cell::YesNo),
    ("allow_activity_sync", &["allow_activity_sync"], Cell::YesNo),
    ("allow_photo_publish", &["allow_photo_publish"], Cell::YesNo),
    ("ban.until", &["ban", "until"], Cell::Text),
    ("ban.reason", &["ban", "reason"], Cell::Text),
    ("fee_valid_until", &["fee_valid_until"], Cell::Text),
    ("certificate_valid_until", &["certificate_valid_until"], Cell::Text),
    ("due.id", &["dues", "id"], Cell::Text),
    ("due.due_on", &["dues", "due_on"], Cell::Text),
    ("due.exempt", &["dues", "exempt"], Cell::YesNo),
    ("credentials", &["credentials"], Cell::Texts),
    ("source", &["source"], Cell::Text),
    ("membership.id", &["memberships", "id"], Cell::Text),
    ("membership.product", &["memberships", "product"], Cell::Text),
    ("membership.kind", &["memberships", "kind"], Cell::Text),
    ("membership.gives_membership", &["memberships", "gives_membership"], Cell::YesNo),
    ("membership.starts_on", &["memberships", "starts_on"], Cell::Text),
    ("membership.ends_on", &["memberships", "ends_on"], Cell::Text),
    ("membership.bound_until", &["memberships", "bound_until"], Cell::Text),
    ("membership.charged_until", &["memberships", "charged_until"], Cell::Text),
    ("membership.auto_renew", &["memberships", "auto_renew"], Cell::YesNo),
    ("membership.ended", &["memberships", "ended"], Cell::YesNo),
    ("membership.zones", &["memberships", "zones"], Cell::Texts),
    ("membership.entries_left", &["memberships", "entries_left"], Cell::Number),
    ("membership.entries_as_of", &["memberships", "entries_as_of"], Cell::Text),
];

type Column = (&'static str, &'static [&'static str], Cell);

/// Columns that say nothing without another.
const NEEDS: [(&str, &str); 3] =
    [("membership.", "membership.id"), ("due.", "due.id"), ("membership.entries_as_of", "membership.entries_left")];

/// The names of all columns, in the order in which the manual lists them.
#[must_use]
pub fn sheet_columns() -> Vec<&'static str> {
    COLUMNS.iter().map(|(name, ..)| *name).collect()
}

/// The columns of one file.
pub(super) struct Sheet {
    columns: Vec<Column>,
    delimiter: u8,
}

impl Sheet {
    /// Reads the line that names the columns.
    ///
    /// # Errors
    /// When a column is unknown or stands there twice, or a required one is missing, or one that another needs.
    pub(super) fn from_header(line: &str) -> Result<Self, Refused> {
        // Spreadsheets of countries with a decimal comma write semicolons.
        let delimiter = if line.contains(';') { b';' } else { b',' };
        let mut columns: Vec<Column> = Vec::new();
        let mut problems = Vec::new();
        for name in cells_of(line, delimiter)? {
            let name = name.trim().to_lowercase();
            match COLUMNS.iter().find(|(known, ..)| *known == name) {
                None => problems.push(Problem { path: name, why: format!("is no column; known are {}", known()) }),
                Some(column) if columns.contains(column) => {
                    problems.push(Problem { path: name, why: "stands there twice".to_owned() });
                }
                Some(column) => columns.push(*column),
            }
        }
        for required in ["external_id", "first_name", "last_name"] {
            if !columns.iter().any(|(name, ..)| *name == required) {
                problems.push(Problem { path: required.to_owned(), why: "this column is required".to_owned() });
            }
        }
        let is_there = |wanted: &str| columns.iter().any(|(name, ..)| *name == wanted);
        for (name, ..) in &columns {
            let missing = NEEDS.iter().find(|(begins, needed)| name.starts_with(begins) && !is_there(needed));
            problems.extend(missing.map(|(_, needed)| Problem {
                path: (*name).to_owned(),
                why: format!("needs the column {needed} beside it"),
            }));
        }
        if problems.is_empty() { Ok(Self { columns, delimiter }) } else { Err(invalid(problems)) }
    }

    /// What the cells of a line say, where it stands in a person's document; null where they are empty. There is one
    /// object where the document has a list of memberships or dues.
    ///
    /// # Errors
    /// When the line does not fit the header, or a cell does not hold what its column does.
    pub(super) fn cells(&self, line: &str) -> Result<Map<String, Value>, Refused> {
        let cells = cells_of(line, self.delimiter)?;
        if cells.len() != self.columns.len() {
            let why = format!("has {} cells where the header names {} columns", cells.len(), self.columns.len());
            return Err(Refused::one(Cause::Invalid, ".", why));
        }
        let mut document = Map::new();
        let mut problems = Vec::new();
        for (cell, (name, place, kind)) in cells.iter().zip(&self.columns) {
            match value_of(cell.trim(), *kind) {
                Ok(value) => put(&mut document, place, value),
                Err(why) => problems.push(Problem { path: (*name).to_owned(), why }),
            }
        }
        if problems.is_empty() { Ok(document) } else { Err(invalid(problems)) }
    }
}

fn invalid(problems: Vec<Problem>) -> Refused {
    Refused { problems, cause: Cause::Invalid }
}

fn known() -> String {
    sheet_columns().join(", ")
}

fn cells_of(line: &str, delimiter: u8) -> Result<Vec<String>, Refused> {
    let broken = |why: &str| Refused::one(Cause::Invalid, ".", why);
    let quoted = line.bytes().filter(|byte| *byte == b'"').count();
    if !quoted.is_multiple_of(2) {
        return Err(broken("a quotation mark is not closed on this line; cells cannot hold line breaks"));
    }
    let mut rows = csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(delimiter)
        .buffer_capacity(line.len().max(1))
        .from_reader(line.as_bytes());
    match rows.records().next() {
        Some(Ok(row)) => Ok(row.iter().map(str::to_owned).collect()),
        Some(Err(why)) => Err(broken(&why.to_string())),
        None => Err(broken("the line holds no cells")),
    }
}

fn value_of(cell: &str, kind: Cell) -> Result<Value, String> {
    if cell.is_empty() {
        return Ok(Value::Null);
    }
    Ok(match kind {
        Cell::Text => json!(cell),
        Cell::Texts => json!(cell.split('|').map(str::trim).filter(|text| !text.is_empty()).collect::<Vec<_>>()),
        Cell::Number => json!(cell.parse::<u32>().map_err(|_| format!("{cell:?} is no whole number"))?),
        Cell::YesNo => match cell.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => json!(true),
            "false" | "no" | "0" => json!(false),
            _ => return Err(format!("{cell:?} is neither; write yes or no")),
        },
    })
}

fn put(document: &mut Map<String, Value>, place: &[&str], value: Value) {
    match place {
        [] => {}
        [field] => {
            document.insert((*field).to_owned(), value);
        }
        [outer, inner @ ..] => {
            let object = document.entry(*outer).or_insert_with(|| json!({}));
            if let Value::Object(object) = object {
                put(object, inner, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Person;

    fn told(result: Result<Map<String, Value>, Refused>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn every_column_is_a_field_of_the_document() {
        let header: Vec<_> = COLUMNS.iter().map(|(name, ..)| *name).collect();
        let row: Vec<_> = COLUMNS
            .iter()
            .map(|(name, _, kind)| match (kind, *name) {
                (Cell::YesNo, _) => "yes",
                (Cell::Number, _) => "3",
                (_, "gender") => "F",
                (_, "source") => "web",
                (_, "membership.kind") => "punch_card",
                (_, "membership.entries_as_of") => "2026-01-01T00:00:00Z",
                (_, name) if name.ends_with("_on") || name.ends_with("until") => "2026-01-01",
                (_, "birth_date" | "member_since") => "1990-04-12",
                _ => "x",
            })
            .collect();
        let sheet = Sheet::from_header(&header.join(",")).unwrap();
        let mut cells = Value::Object(sheet.cells(&row.join(",")).unwrap());
        assert_eq!(cells["credentials"].take(), json!(["x"]));
        cells["credentials"] = json!([]);
        for list in ["memberships", "dues"] {
            cells[list] = json!([cells[list].take()]);
        }
        let person: Person = serde_json::from_value(cells).unwrap();
        assert_eq!(person.memberships[0].entries_left, Some(3));
        assert_eq!(person.dues[0].id, "x");
        assert_eq!(person.address.unwrap().country.as_deref(), Some("x"));
    }

    #[test]
    fn the_manual_tells_every_column_and_no_other() {
        let manual = include_str!("../../../docs/importing.md");
        let rows = manual.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
        let mut told: Vec<_> = rows.flat_map(|row| row.split(", ").map(|name| name.trim_matches('`'))).collect();
        let mut columns = sheet_columns();
        told.sort_unstable();
        columns.sort_unstable();
        assert_eq!(told, columns);
    }

    #[test]
    fn semicolons_quotes_and_lists_are_read_as_spreadsheets_write_them() {
        let sheet = Sheet::from_header("external_id;first_name;last_name;groups;credentials").unwrap();
        let cells = sheet.cells("M-1;Anna;\"Rossi; \"\"la\"\"\";Gold|Swim ;04A1|04B2").unwrap();
        assert_eq!(
            Value::Object(cells),
            json!({"external_id": "M-1", "first_name": "Anna", "last_name": "Rossi; \"la\"",
                "groups": ["Gold", "Swim"], "credentials": ["04A1", "04B2"]})
        );
    }

    #[test]
    fn a_header_or_row_that_does_not_fit_is_told_what_to_write() {
        let wrong = Sheet::from_header("external_id,first_name,surname,first_name").err().unwrap().to_string();
        assert!(wrong.contains("surname: is no column; known are external_id, first_name, last_name"), "{wrong}");
        assert!(wrong.contains("first_name: stands there twice"), "{wrong}");
        assert!(wrong.contains("last_name: this column is required"), "{wrong}");
        let sheet = Sheet::from_header("external_id,first_name,last_name,staff,membership.id,membership.entries_left");
        let sheet = sheet.unwrap();
        assert_eq!(told(sheet.cells("M-1,Anna")), "has 2 cells where the header names 6 columns");
        assert_eq!(told(sheet.cells("M-1,Anna,Rossi,maybe,,")), "staff: \"maybe\" is neither; write yes or no");
        assert_eq!(told(sheet.cells("M-1,Anna,Rossi,,P-1,-1")), "membership.entries_left: \"-1\" is no whole number");
        assert!(told(sheet.cells("M-1,\"Anna,Rossi,,")).contains("quotation mark"));
    }
}

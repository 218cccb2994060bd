//! Finding people as a front desk types their names: without accents, in any case, by the beginning of any word.

use std::collections::BTreeSet;

use rusqlite::{ToSql, params_from_iter};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::error::{StoreError, during};
use super::page::{Page, after_name, name_of, page_of, rows_wanted};
use super::people::{StoredPerson, stored};
use super::transaction::{Tx, View};
use crate::domain::{Person, PersonId, plain_letters};

/// Most words under which one person is filed: names of many words, each in its parts.
const WORDS_MAX: usize = 32;
/// Most words of a query that are looked at: more only make it slower.
const QUERY_WORDS_MAX: usize = 6;

const ALL_PEOPLE: &str = "SELECT id, doc, updated_at FROM person WHERE external_id > ?1 ORDER BY external_id LIMIT ?2";

/// The person's words that begin so: one range of one index.
const BY_WORD: &str = "SELECT person FROM person_word WHERE word >= ? AND word < ? || char(1114111)";
const BY_EMAIL: &str = "SELECT id FROM person WHERE email_key >= ? AND email_key < ? || char(1114111)";
const BY_EXTERNAL_ID: &str = "SELECT id FROM person WHERE external_id >= ? AND external_id < ? || char(1114111)";

impl View<'_> {
    /// People in the order of their external id, without photos. Every word of `query` is the beginning of a word of
    /// their names ("ros", "anna r", "niccolo"), or the whole of it is that of their e-mail or external id; none lists
    /// everybody.
    ///
    /// # Errors
    /// When SQLite fails or a document cannot be read.
    pub fn people(
        &self,
        query: Option<&str>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<StoredPerson>, StoreError> {
        let after = name_of(cursor)?;
        let rows = during("listing people", || match query.map(str::trim).filter(|query| !query.is_empty()) {
            None => self.all(ALL_PEOPLE, (&after, rows_wanted(limit)), stored),
            Some(query) => self.found(query, &after, limit),
        })?;
        Ok(page_of(rows, limit, |last| after_name(&last.person.external_id)))
    }

    fn found(&self, query: &str, after: &str, limit: u32) -> rusqlite::Result<Vec<StoredPerson>> {
        let words: Vec<_> = parts(&folded(query)).map(str::to_owned).take(QUERY_WORDS_MAX).collect();
        let whole = [email_key(query), query.to_owned(), query.to_uppercase()];
        let by_words = vec![BY_WORD; words.len()].join(" INTERSECT ");
        let ranges: Vec<_> = (!words.is_empty()).then_some(by_words.as_str()).into_iter().collect();
        let ranges = [ranges, vec![BY_EMAIL, BY_EXTERNAL_ID, BY_EXTERNAL_ID]].concat().join(" UNION ");
        // The plus has SQLite go through the external ids in order until the page is full. By itself it reads and sorts
        // the documents of all who were found: for a single letter, half the club.
        let sql = format!(
            "SELECT id, doc, updated_at FROM person WHERE +id IN ({ranges}) AND external_id > ? ORDER BY external_id LIMIT ?"
        );
        let mut values: Vec<&dyn ToSql> = Vec::new();
        for beginning in words.iter().chain(&whole) {
            values.extend([beginning as &dyn ToSql, beginning]);
        }
        let rows = rows_wanted(limit);
        values.extend([&after as &dyn ToSql, &rows]);
        self.all(&sql, params_from_iter(values), stored)
    }
}

impl Tx<'_> {
    /// Files a person under their names; first takes back what they were filed under.
    pub(super) fn file_words(&self, id: PersonId, old: Option<&Person>, new: Option<&Person>) -> rusqlite::Result<()> {
        let [old, new] = [old, new].map(|person| person.map(words_of).unwrap_or_default());
        for word in old.difference(&new) {
            self.run("DELETE FROM person_word WHERE word = ?1 AND person = ?2", (word, id.0))?;
        }
        for word in new.difference(&old) {
            self.run("INSERT OR IGNORE INTO person_word (word, person) VALUES (?1, ?2)", (word, id.0))?;
        }
        Ok(())
    }
}

/// The words a person is found by: each as written, in its parts, and without what joins them, so that "D'Angelo" is found
/// by "d'an", "ange" and "dangelo".
fn words_of(person: &Person) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for word in parts(&folded(&format!("{} {}", person.last_name, person.first_name))) {
        let pieces: Vec<_> = word.split(|c: char| !c.is_alphanumeric()).filter(|piece| !piece.is_empty()).collect();
        words.extend([word.to_owned(), pieces.concat()]);
        words.extend(pieces.into_iter().map(str::to_owned));
        if words.len() >= WORDS_MAX {
            break;
        }
    }
    words
}

/// What stands between spaces and commas, without marks around it.
fn parts(folded: &str) -> impl Iterator<Item = &str> {
    let parts = folded.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';'));
    parts.map(|part| part.trim_matches(|c: char| !c.is_alphanumeric())).filter(|part| !part.is_empty())
}

/// In lower case, without accents, in the letters that every keyboard has where there are such.
fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let lower = text.chars().map(|c| if matches!(c, '’' | '‘' | '`' | '´') { '\'' } else { c });
    for letter in lower.flat_map(char::to_lowercase).nfkd().filter(|c| !is_combining_mark(*c)) {
        match plain_letters(letter) {
            Some(plain) => folded.push_str(plain),
            None => folded.push(letter),
        }
    }
    folded
}

/// The form in which e-mail addresses are compared.
pub(super) fn email_key(email: &str) -> String {
    email.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found_by(first_name: &str, last_name: &str) -> String {
        let person = serde_json::json!({"external_id": "M-1", "first_name": first_name, "last_name": last_name});
        let words = words_of(&serde_json::from_value(person).unwrap());
        words.into_iter().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn names_are_filed_without_accents_under_each_of_their_words() {
        assert_eq!(found_by("Niccolò", "De Rossi"), "de niccolo rossi");
        assert_eq!(found_by("Anna-Maria", "D’Angelo"), "angelo anna anna-maria annamaria d d'angelo dangelo maria");
        assert_eq!(found_by("Åse", "Øster-Łukasz"), "ase lukasz oster oster-lukasz osterlukasz");
        assert_eq!(found_by("Jürgen", "WEISS (Groß)"), "gross jurgen weiss");
        assert_eq!(found_by("İpek", "李 小龍"), "ipek 小龍 李");
        assert_eq!(found_by("-", "..."), "");
    }

    #[test]
    fn a_name_of_a_hundred_words_is_filed_under_the_first_of_them() {
        let long = (0..100).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(found_by(&long, "Rossi").split(' ').count(), WORDS_MAX);
    }
}

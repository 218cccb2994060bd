//! People: their documents, and what they are recognised by.

use jiff::Timestamp;
use rusqlite::{Row, named_params};

use super::columns::{Count, Doc, Moment, Word};
use super::error::{StoreError, during};
use super::finding::email_key;
use super::transaction::{Tx, View};
use crate::domain::{Credential, ExternalId, Membership, Person, PersonId, Photo, loose_key, read_alike};

/// A person as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredPerson {
    /// The row.
    pub id: PersonId,
    /// The document.
    pub person: Person,
    /// When the document last changed.
    pub updated_at: Timestamp,
}

/// A credential value that belongs to somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The value as asked for.
    pub value: String,
    /// Whose it is.
    pub owner: ExternalId,
}

impl View<'_> {
    /// The row of a person.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn person_id(&self, external_id: &ExternalId) -> Result<Option<PersonId>, StoreError> {
        during("looking a person up", || {
            self.one("SELECT id FROM person WHERE external_id = ?1", [external_id.as_str()], |row| {
                row.get(0).map(PersonId)
            })
        })
    }

    /// A person with their photo, by their key in the management system.
    ///
    /// # Errors
    /// When SQLite fails or the document cannot be read.
    pub fn person(&self, external_id: &ExternalId) -> Result<Option<StoredPerson>, StoreError> {
        self.person_id(external_id)?.map_or(Ok(None), |id| self.person_by_id(id))
    }

    /// A person with their photo, by their row.
    ///
    /// # Errors
    /// When SQLite fails or the document cannot be read.
    pub fn person_by_id(&self, id: PersonId) -> Result<Option<StoredPerson>, StoreError> {
        during("reading a person", || {
            let found = self.one("SELECT id, doc, updated_at FROM person WHERE id = ?1", [id.0], stored)?;
            let Some(mut found) = found else { return Ok(None) };
            found.person.photo = self.photo(id)?;
            Ok(Some(found))
        })
    }

    /// A person's document without the photo, and when that was taken: for who goes through everybody.
    ///
    /// # Errors
    /// When SQLite fails or the document cannot be read.
    pub fn person_without_photo(&self, id: PersonId) -> Result<Option<(Person, Option<Timestamp>)>, StoreError> {
        let sql = "SELECT p.doc, f.taken_at FROM person p LEFT JOIN photo f ON f.person = p.id WHERE p.id = ?1";
        during("reading a person", || {
            self.one(sql, [id.0], |row| {
                let (doc, taken_at): (Doc<Person>, Option<Moment>) = (row.get(0)?, row.get(1)?);
                Ok((doc.0, taken_at.map(|it| it.0)))
            })
        })
    }

    fn photo(&self, id: PersonId) -> rusqlite::Result<Option<Photo>> {
        self.one("SELECT taken_at, jpeg_base64 FROM photo WHERE person = ?1", [id.0], |row| {
            Ok(Photo { taken_at: row.get::<_, Moment>(0)?.0, jpeg_base64: row.get(1)? })
        })
    }

    /// Which of these credential values belong to somebody other than `external_id`. Two values are the same if any
    /// reader could take them for the same.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn claims_by_others(&self, external_id: &ExternalId, values: &[&str]) -> Result<Vec<Claim>, StoreError> {
        during("looking for credentials of others", || {
            let mut claims = Vec::new();
            for &value in values {
                let filed = self.all(CREDENTIALS_OF_OTHERS, (loose_key(value), external_id.as_str()), |row| {
                    Ok((row.get::<_, String>(0)?, row.get::<_, Word<ExternalId>>(1)?.0))
                })?;
                let owner = filed.into_iter().find(|(theirs, _)| read_alike(theirs, value)).map(|(_, owner)| owner);
                claims.extend(owner.map(|owner| Claim { value: value.to_owned(), owner }));
            }
            Ok(claims)
        })
    }

    /// How many people there are.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn people_count(&self) -> Result<u64, StoreError> {
        during("counting people", || {
            self.sql("SELECT count(*) FROM person")?.query_row([], |row| row.get::<_, Count>(0)).map(|count| count.0)
        })
    }
}

const CREDENTIALS_OF_OTHERS: &str = "SELECT c.value, p.external_id FROM credential c JOIN person p ON p.id = c.person
    WHERE c.key = ?1 AND p.external_id <> ?2";

impl Tx<'_> {
    /// Writes the document; true if the person is new. The caller has validated it. A document that says what the
    /// stored one says changes nothing. What Mywellness may be told of the change is due from then on.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn put_person(&self, person: &Person, now: Timestamp) -> Result<bool, StoreError> {
        during("writing a person", || {
            let mut doc = person.clone();
            let photo = doc.photo.take();
            let found = self.one(
                "SELECT id, doc, updated_at FROM person WHERE external_id = ?1",
                [doc.external_id.as_str()],
                stored,
            )?;
            count_entries_as_of(&mut doc, found.as_ref().map(|old| &old.person), now);
            match found {
                None => self.add_person(&doc, photo.as_ref(), now).map(|()| true),
                Some(old) => self.change_person(&old, &doc, photo.as_ref(), now).map(|()| false),
            }
        })
    }

    fn add_person(&self, doc: &Person, photo: Option<&Photo>, now: Timestamp) -> rusqlite::Result<()> {
        self.run(
            "INSERT INTO person (external_id, email_key, updated_at, doc) VALUES (:external_id, :email, :now, :doc)",
            named_params! {
                ":external_id": doc.external_id.as_str(), ":email": email_key_of(doc), ":now": Moment(now), ":doc": Doc(doc),
            },
        )?;
        let id = PersonId(self.last_row());
        self.file_words(id, None, Some(doc))?;
        self.file_credentials(id, &doc.credentials)?;
        self.begin_integration(id, now)?;
        photo.map_or(Ok(()), |photo| self.put_photo(id, Some(photo)))
    }

    fn change_person(
        &self,
        old: &StoredPerson,
        doc: &Person,
        photo: Option<&Photo>,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let photo_changed = self.photo(old.id)?.as_ref() != photo;
        if old.person == *doc && !photo_changed {
            return Ok(());
        }
        self.run(
            "UPDATE person SET email_key = :email, updated_at = :now, doc = :doc WHERE id = :id",
            named_params! { ":id": old.id.0, ":email": email_key_of(doc), ":now": Moment(now), ":doc": Doc(doc) },
        )?;
        self.file_words(old.id, Some(&old.person), Some(doc))?;
        if old.person.credentials != doc.credentials {
            self.unfile_credentials(old.id, &old.person.credentials)?;
            self.file_credentials(old.id, &doc.credentials)?;
        }
        if photo_changed {
            self.put_photo(old.id, photo)?;
        }
        if told_of(&old.person) != told_of(doc) {
            self.integration_changed(old.id, now)?;
        } else if photo_changed || old.person.credentials != doc.credentials {
            self.belongings_changed(old.id, now)?;
        }
        Ok(())
    }

    fn put_photo(&self, id: PersonId, photo: Option<&Photo>) -> rusqlite::Result<()> {
        match photo {
            Some(Photo { taken_at, jpeg_base64 }) => self.run(
                "INSERT OR REPLACE INTO photo (person, taken_at, jpeg_base64) VALUES (?1, ?2, ?3)",
                (id.0, Moment(*taken_at), jpeg_base64),
            )?,
            None => self.run("DELETE FROM photo WHERE person = ?1", [id.0])?,
        };
        Ok(())
    }

    fn file_credentials(&self, id: PersonId, credentials: &[Credential]) -> rusqlite::Result<()> {
        for form in written_forms(credentials) {
            self.run(
                "INSERT OR IGNORE INTO credential (key, person, value) VALUES (?1, ?2, ?3)",
                (loose_key(form), id.0, form),
            )?;
        }
        Ok(())
    }

    pub(super) fn unfile_credentials(&self, id: PersonId, credentials: &[Credential]) -> rusqlite::Result<()> {
        for form in written_forms(credentials) {
            self.run("DELETE FROM credential WHERE key = ?1 AND person = ?2", (loose_key(form), id.0))?;
        }
        Ok(())
    }
}

/// Every form in which these credentials are written down.
pub(super) fn written_forms(credentials: &[Credential]) -> impl Iterator<Item = &str> {
    credentials.iter().flat_map(|it| std::iter::once(it.value.as_str()).chain(it.aliases.iter().map(String::as_str)))
}

pub(super) fn stored(row: &Row<'_>) -> rusqlite::Result<StoredPerson> {
    let Doc(person) = row.get(1)?;
    Ok(StoredPerson { id: PersonId(row.get(0)?), person, updated_at: row.get::<_, Moment>(2)?.0 })
}

/// The person apart from what no integration is told, and from what is told only of who is known there.
fn told_of(person: &Person) -> Person {
    Person { credentials: Vec::new(), dues: Vec::new(), ..person.clone() }
}

/// A count without a date was made at the time of the put: entries consumed earlier are in it. The same count told again
/// is not a new count but one that does not know of them, and refunds nothing (ADR 5).
fn count_entries_as_of(doc: &mut Person, old: Option<&Person>, now: Timestamp) {
    let undated = |it: &&mut Membership| it.entries_left.is_some() && it.entries_as_of.is_none();
    for membership in doc.memberships.iter_mut().filter(undated) {
        let told_before = old.and_then(|old| old.memberships.iter().find(|it| it.id == membership.id));
        let told_again = told_before.filter(|before| before.entries_left == membership.entries_left);
        membership.entries_as_of = told_again.and_then(|before| before.entries_as_of).or(Some(now));
    }
}

fn email_key_of(person: &Person) -> Option<String> {
    person.email.as_deref().map(email_key).filter(|email| !email.is_empty())
}

//! CRM as stored: outcomes, action types, actions that cannot be deleted, and what members were shown.

use rusqlite::{Row, named_params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::columns::{Doc, Key, Moment, Word};
use super::error::{StoreError, during};
use super::page::{Page, page_of, rows_wanted};
use super::transaction::{Tx, View};
use crate::domain::{
    ActionRecord, ActionStatus, ActionType, ActionTypeId, CrmActionId, ExternalId, Outcome, OutcomeId, PassageId,
    PersonId, ShownMessage,
};

impl View<'_> {
    /// A result an action can have.
    ///
    /// # Errors
    /// When SQLite fails or the document cannot be read.
    pub fn outcome(&self, id: &OutcomeId) -> Result<Option<Outcome>, StoreError> {
        during("reading an outcome", || {
            self.one("SELECT id, doc FROM crm_outcome WHERE id = ?1", [id.as_str()], named_doc::<OutcomeId, _>)
                .map(|found| found.map(|(_, outcome)| outcome))
        })
    }

    /// Every outcome, by id.
    ///
    /// # Errors
    /// When SQLite fails or a document cannot be read.
    pub fn outcomes(&self) -> Result<Vec<(OutcomeId, Outcome)>, StoreError> {
        during("listing outcomes", || self.all("SELECT id, doc FROM crm_outcome ORDER BY id", [], named_doc))
    }

    /// A kind of action.
    ///
    /// # Errors
    /// When SQLite fails or the document cannot be read.
    pub fn action_type(&self, id: &ActionTypeId) -> Result<Option<ActionType>, StoreError> {
        during("reading an action type", || {
            self.one("SELECT id, doc FROM crm_action_type WHERE id = ?1", [id.as_str()], named_doc::<ActionTypeId, _>)
                .map(|found| found.map(|(_, action_type)| action_type))
        })
    }

    /// Every kind of action, by id.
    ///
    /// # Errors
    /// When SQLite fails or a document cannot be read.
    pub fn action_types(&self) -> Result<Vec<(ActionTypeId, ActionType)>, StoreError> {
        during("listing action types", || self.all("SELECT id, doc FROM crm_action_type ORDER BY id", [], named_doc))
    }

    /// An action with what the member was shown.
    ///
    /// # Errors
    /// When SQLite fails or the document cannot be read.
    pub fn action(&self, id: CrmActionId) -> Result<Option<ActionRecord>, StoreError> {
        during("reading a CRM action", || {
            let sql = "SELECT a.doc, p.external_id FROM crm_action a JOIN person p ON p.id = a.person WHERE a.id = ?1";
            let found = self.one(sql, [Key(id.0)], action)?;
            found.map(|found| self.with_shown(found)).transpose()
        })
    }

    /// Actions in the order of their making.
    ///
    /// # Errors
    /// When SQLite fails, a document cannot be read or the cursor is none of ours.
    pub fn actions(
        &self,
        person: Option<&ExternalId>,
        operator: Option<&str>,
        status: Option<ActionStatus>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<ActionRecord>, StoreError> {
        let after = super::page::id_of(cursor)?;
        let whose =
            person.map_or(Ok(None), |person| self.person_id(person).map(|id| Some(id.map_or(-1, |id| id.0))))?;
        // A person's actions are found by their index, everybody's in the order of their ids.
        let of_person = if whose.is_some() { "a.person = :person" } else { ":person IS NULL" };
        let sql = format!(
            "SELECT a.doc, p.external_id FROM crm_action a JOIN person p ON p.id = a.person
             WHERE {of_person} AND (:operator IS NULL OR a.operator = :operator)
             AND (:status IS NULL OR a.status = :status) AND a.id > :after ORDER BY a.id LIMIT :rows"
        );
        let rows = during("listing CRM actions", || {
            let found = self.all(
                &sql,
                named_params! {
                    ":person": whose, ":operator": operator, ":status": status.map(Word),
                    ":after": Key(after), ":rows": rows_wanted(limit),
                },
                action,
            )?;
            found.into_iter().map(|found| self.with_shown(found)).collect::<rusqlite::Result<_>>()
        })?;
        Ok(page_of(rows, limit, |last: &ActionRecord| last.id.to_string()))
    }

    fn with_shown(&self, mut action: ActionRecord) -> rusqlite::Result<ActionRecord> {
        let sql = "SELECT at, passage, text FROM crm_shown WHERE action = ?1 ORDER BY at";
        action.shown = self.all(sql, [Key(action.id.0)], |row| {
            Ok(ShownMessage {
                at: row.get::<_, Moment>(0)?.0,
                passage: PassageId(row.get::<_, Key>(1)?.0),
                text: row.get(2)?,
            })
        })?;
        Ok(action)
    }
}

impl Tx<'_> {
    /// Writes an outcome; true if new.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn put_outcome(&self, id: &OutcomeId, outcome: &Outcome) -> Result<bool, StoreError> {
        let is_new = self.outcome(id)?.is_none();
        let sql = "INSERT OR REPLACE INTO crm_outcome (id, doc) VALUES (?1, ?2)";
        during("writing an outcome", || self.run(sql, (id.as_str(), Doc(outcome))))?;
        Ok(is_new)
    }

    /// Writes an action type; true if new. A new default takes the mark from the old one.
    ///
    /// # Errors
    /// When SQLite fails or a stored type cannot be read.
    pub fn put_action_type(&self, id: &ActionTypeId, action_type: &ActionType) -> Result<bool, StoreError> {
        let mut types = self.action_types()?;
        let is_new = types.iter().all(|(known, _)| known != id);
        types.retain(|(other, old)| action_type.default && old.default && other != id);
        during("writing an action type", || {
            for (other, old) in &types {
                self.write_action_type(other, &ActionType { default: false, ..old.clone() })?;
            }
            self.write_action_type(id, action_type)
        })?;
        Ok(is_new)
    }

    fn write_action_type(&self, id: &ActionTypeId, action_type: &ActionType) -> rusqlite::Result<()> {
        let sql = "INSERT OR REPLACE INTO crm_action_type (id, doc) VALUES (?1, ?2)";
        self.run(sql, (id.as_str(), Doc(action_type))).map(drop)
    }

    /// Writes a new action.
    ///
    /// # Errors
    /// When SQLite fails, also for an id that is there already.
    pub fn insert_action(&self, action: &ActionRecord, person: PersonId) -> Result<(), StoreError> {
        during("writing a CRM action", || {
            self.run(
                "INSERT INTO crm_action (id, person, action_type, operator, status, due_on, valid_until, show_limit, doc)
                 VALUES (:id, :person, :type, :operator, :status, :due_on, :valid_until, :show_limit, :doc)",
                named_params! {
                    ":id": Key(action.id.0), ":person": person.0, ":type": action.action_type.as_str(),
                    ":operator": action.operator, ":status": Word(action.status), ":due_on": action.due_on.map(Word),
                    ":valid_until": action.valid_until.map(Moment), ":show_limit": action.show_limit,
                    ":doc": Doc(bare(action)),
                },
            )
            .map(drop)
        })
    }

    /// Writes an action that is there. Whose it is and what was shown stay as they are.
    ///
    /// # Errors
    /// When SQLite fails or there is no such action.
    pub fn update_action(&self, action: &ActionRecord) -> Result<(), StoreError> {
        let changed = during("changing a CRM action", || {
            self.run(
                "UPDATE crm_action SET action_type = :type, operator = :operator, status = :status, due_on = :due_on,
                    valid_until = :valid_until, show_limit = :show_limit, doc = :doc WHERE id = :id",
                named_params! {
                    ":id": Key(action.id.0), ":type": action.action_type.as_str(), ":operator": action.operator,
                    ":status": Word(action.status), ":due_on": action.due_on.map(Word),
                    ":valid_until": action.valid_until.map(Moment), ":show_limit": action.show_limit,
                    ":doc": Doc(bare(action)),
                },
            )
        })?;
        let missing =
            || StoreError::Unreadable { what: format!("CRM action {}", action.id), why: "it is not there".into() };
        (changed > 0).then_some(()).ok_or_else(missing)
    }
}

/// The document of an action, without what has its own place.
fn bare(action: &ActionRecord) -> ActionRecord {
    ActionRecord { person: None, shown: Vec::new(), ..action.clone() }
}

/// Reads `doc, external_id`.
fn action(row: &Row<'_>) -> rusqlite::Result<ActionRecord> {
    let Doc(action) = row.get::<_, Doc<ActionRecord>>(0)?;
    Ok(ActionRecord { person: Some(row.get::<_, Word<ExternalId>>(1)?.0), ..action })
}

/// Reads `id, doc`.
fn named_doc<I: DeserializeOwned, T: DeserializeOwned + Serialize>(row: &Row<'_>) -> rusqlite::Result<(I, T)> {
    Ok((row.get::<_, Word<I>>(0)?.0, row.get::<_, Doc<T>>(1)?.0))
}

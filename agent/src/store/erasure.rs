//! Erasure: a person goes, in one transaction; what happened at the gates stays, as nobody's.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::columns::Moment;
use super::error::{StoreError, during};
use super::people::written_forms;
use super::transaction::{Tx, View};
use crate::domain::{Badge, BadgeForm, Credential, ExternalId, PersonId};

impl View<'_> {
    /// Whether this external id was erased. Only a salted hash of it is kept.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn is_erased(&self, external_id: &ExternalId) -> Result<bool, StoreError> {
        during("looking for a tombstone", || {
            let hash = self.tombstone_of(external_id)?;
            Ok(self.one("SELECT 1 FROM tombstone WHERE hash = ?1", [hash], |_| Ok(()))?.is_some())
        })
    }

    fn tombstone_of(&self, external_id: &ExternalId) -> rusqlite::Result<[u8; 32]> {
        let salt: Vec<u8> = self.sql("SELECT salt FROM tombstone_salt")?.query_row([], |row| row.get(0))?;
        Ok(Sha256::new().chain_update(salt).chain_update(external_id.as_str()).finalize().into())
    }
}

impl Tx<'_> {
    /// Erases a person: document, credentials, presence, entries, bookings, CRM and link go; passages, visits, attendance,
    /// traces and outbox rows stay as nobody's, under their own ids; rows that wait for Mywellness are `erased`; a tombstone stays. False: unknown.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn erase_person(&self, external_id: &ExternalId, now: Timestamp) -> Result<bool, StoreError> {
        let Some(found) = self.person(external_id)? else { return Ok(false) };
        during("erasing a person", || {
            self.forget_passages(found.id, &found.person.credentials)?;
            self.forget_visits(found.id, now)?;
            self.forget_notes(found.id, external_id, now)?;
            self.forget_outbox_rows(found.id, now)?;
            self.forget_commands(external_id)?;
            self.unfile_credentials(found.id, &found.person.credentials)?;
            self.file_words(found.id, Some(&found.person), None)?;
            self.remove(found.id)?;
            self.news().erased();
            self.run("INSERT OR IGNORE INTO tombstone (hash) VALUES (?1)", [self.tombstone_of(external_id)?])?;
            Ok(true)
        })
    }

    /// The trace keeps its rules and reasons; its details name memberships and CRM actions. The card may have been read
    /// before it was anybody's.
    fn forget_passages(&self, id: PersonId, credentials: &[Credential]) -> rusqlite::Result<()> {
        self.run(
            "UPDATE passage SET person = NULL, note = NULL, trace =
                (SELECT json_group_array(json_set(value, '$.detail', '')) FROM json_each(passage.trace))
             WHERE person = ?1",
            [id.0],
        )?;
        for written in written_forms(credentials) {
            for form in [BadgeForm::Hex, BadgeForm::Decimal, BadgeForm::Text] {
                let Ok(badge) = Badge::new(form, written) else { continue };
                self.run("UPDATE passage SET unknown_badge = NULL WHERE unknown_badge = ?1", [badge.value()])?;
            }
        }
        Ok(())
    }

    /// Nobody's visit cannot be ended by an exit, so it ends here.
    fn forget_visits(&self, id: PersonId, now: Timestamp) -> rusqlite::Result<()> {
        self.run(
            "UPDATE visit SET ended_at = max(?2, started_at), ended_by = 'timeout' WHERE person = ?1 AND ended_at IS NULL",
            (id.0, Moment(now)),
        )?;
        self.run("UPDATE visit SET person = NULL, membership = NULL WHERE person = ?1", [id.0])?;
        Ok(())
    }

    /// Mywellness keeps visits by person, so nothing is left to tell it; a mark without its person says nothing to anybody.
    fn forget_outbox_rows(&self, id: PersonId, now: Timestamp) -> rusqlite::Result<()> {
        // What an operator wrote about a row of theirs may name them.
        self.run(
            "UPDATE operator_command SET reason = NULL WHERE command IN ('discard_row', 'retry_row')
             AND subject IN (SELECT CAST(id AS TEXT) FROM outbox WHERE person = ?1)",
            [id.0],
        )?;
        self.run(
            "UPDATE operator_command SET reason = NULL WHERE command = 'withdraw_tick'
             AND subject IN (SELECT json_extract(doc, '$.attendance_id') FROM attendance WHERE person = ?1)",
            [id.0],
        )?;
        self.run(
            "UPDATE outbox SET state = 'erased', held_for = NULL, changed_at = ?2
             WHERE person = ?1 AND (lane = 'mywellness' OR body = '') AND kind <> 'erasure'
             AND state <> 'delivered' AND state <> 'suppressed' AND state <> 'discarded' AND state <> 'erased'",
            (id.0, Moment(now)),
        )?;
        self.run("UPDATE outbox SET state = 'pending', held_for = NULL WHERE person = ?1 AND state = 'held'", [id.0])?;
        self.forget_answers(id)?;
        self.run(
            "UPDATE outbox SET person = NULL, last_error = NULL, key = CASE
                WHEN body = '' THEN ''
                WHEN kind = 'erasure' AND (state = 'delivered' OR state = 'discarded') THEN kind
                ELSE key END, body = CASE
                WHEN body = '' THEN ''
                WHEN kind = 'erasure' THEN iif(state = 'delivered' OR state = 'discarded', '{}', body)
                WHEN json_valid(body) THEN json_replace(body, '$.person', NULL, '$.membership', NULL)
                ELSE '{}' END
             WHERE person = ?1",
            [id.0],
        )?;
        self.news().outbox_changed();
        Ok(())
    }

    /// Who commanded what and when stays, but not about whom.
    fn forget_commands(&self, external_id: &ExternalId) -> rusqlite::Result<()> {
        let sql = "UPDATE operator_command SET subject = '', reason = NULL WHERE subject = ?1
                   AND command IN ('synchronize', 'suspend', 'enable', 'delete', 'choose_match')";
        self.run(sql, [external_id.as_str()]).map(drop)
    }

    /// The person first: their CRM actions can be deleted only once they are gone.
    fn remove(&self, id: PersonId) -> rusqlite::Result<()> {
        for sql in [
            "DELETE FROM person WHERE id = ?1",
            "DELETE FROM photo WHERE person = ?1",
            "DELETE FROM presence WHERE person = ?1",
            "DELETE FROM consumption WHERE person = ?1",
            "DELETE FROM booking WHERE person = ?1",
            "DELETE FROM class_news WHERE person = ?1 AND person <> 0",
            "UPDATE attendance SET person = NULL WHERE person = ?1",
            "DELETE FROM link WHERE person = ?1",
            "DELETE FROM integration WHERE person = ?1",
            "DELETE FROM integration_event WHERE person = ?1",
            "DELETE FROM told WHERE person = ?1",
            "DELETE FROM candidate WHERE person = ?1",
            "DELETE FROM crm_shown WHERE action IN (SELECT id FROM crm_action WHERE person = ?1)",
            "DELETE FROM crm_action WHERE person = ?1",
        ] {
            self.run(sql, [id.0])?;
        }
        Ok(())
    }
}

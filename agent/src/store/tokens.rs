//! Tokens of the API: only their hashes are kept.

use jiff::Timestamp;
use rusqlite::Row;

use super::columns::{Moment, Word};
use super::error::{StoreError, during};
use super::transaction::{Tx, View};

/// What a token may do.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize, utoipa::ToSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Admin,
    /// Reads; CRM, gates, late passages, sync and outbox commands.
    Operator,
    /// People, CRM and classes: the management system.
    Gateway,
    /// Reads.
    Viewer,
}

/// A token as listed.
#[derive(Clone, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct TokenEntry {
    /// Its number.
    pub id: i64,
    /// Its name; names may repeat.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was revoked; live if none.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

impl View<'_> {
    /// The token with this SHA-256, revoked ones included.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn token_by_hash(&self, hash: &[u8; 32]) -> Result<Option<TokenEntry>, StoreError> {
        let sql = "SELECT id, name, role, created_at, revoked_at FROM token WHERE hash = ?1";
        during("looking a token up", || self.one(sql, [hash], token))
    }

    /// Whether the token of this number still lets anybody in.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn token_is_live(&self, id: i64) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM token WHERE id = ?1 AND revoked_at IS NULL";
        during("looking whether a token is live", || Ok(self.one(sql, [id], |_| Ok(()))?.is_some()))
    }

    /// Every token, in the order of making.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn tokens(&self) -> Result<Vec<TokenEntry>, StoreError> {
        let sql = "SELECT id, name, role, created_at, revoked_at FROM token ORDER BY id";
        during("listing tokens", || self.all(sql, [], token))
    }
}

impl Tx<'_> {
    /// Keeps a token's SHA-256; returns the token's number.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn insert_token(&self, name: &str, role: Role, hash: &[u8; 32], now: Timestamp) -> Result<i64, StoreError> {
        during("keeping a token", || {
            self.run(
                "INSERT INTO token (name, role, hash, created_at) VALUES (?1, ?2, ?3, ?4)",
                (name, Word(role), hash, Moment(now)),
            )?;
            Ok(self.last_row())
        })
    }

    /// Revokes every live token of the name, or if no token has it the one with that number; returns how many.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn revoke_tokens(&self, name_or_id: &str, now: Timestamp) -> Result<u32, StoreError> {
        let by_name = "UPDATE token SET revoked_at = ?2 WHERE name = ?1 AND revoked_at IS NULL";
        let by_id = "UPDATE token SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL";
        during("revoking tokens", || {
            let named = self.run(by_name, (name_or_id, Moment(now)))?;
            let revoked = match name_or_id.parse::<i64>() {
                Ok(id) if named == 0 => self.run(by_id, (id, Moment(now)))?,
                Ok(_) | Err(_) => named,
            };
            Ok(u32::try_from(revoked).unwrap_or(u32::MAX))
        })
    }
}

fn token(row: &Row<'_>) -> rusqlite::Result<TokenEntry> {
    Ok(TokenEntry {
        id: row.get(0)?,
        name: row.get(1)?,
        role: row.get::<_, Word<_>>(2)?.0,
        created_at: row.get::<_, Moment>(3)?.0,
        revoked_at: row.get::<_, Option<Moment>>(4)?.map(|it| it.0),
    })
}

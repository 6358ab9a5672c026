//! Seals with the current key what was sealed with one that is being retired, and looks numbers up by it.
//!
//! How far it has come in the past is in `meta`, under the id of the current key, so that it goes on where it was stopped.

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::engine::{read, row, touch};
use super::rewrite::{CHUNK, Chunk, Rewritten, Table};
use super::stored::index_of;
use super::{StorageError, Store};
use crate::verification::id::time_of;

/// The newest verification that was found sealed, or to be found, with a key that is being retired.
const NEWEST: &str = "resealed newest";

row! {
    struct Row {
        id: Uuid,
        version: i64,
        sealed: Vec<u8>,
        phone_index: Vec<u8>,
    }
}

row! {
    struct Sealed {
        id: Uuid,
        secret: Option<Vec<u8>>,
        previous_secret: Option<Vec<u8>>,
    }
}

impl Store {
    /// Up to which id the past is sealed with the current key.
    pub async fn resealed_to(&self) -> Result<Uuid, StorageError> {
        Ok(self
            .id_in_meta(&self.resealed_mark())
            .await?
            .unwrap_or_default())
    }

    /// Records up to which id the past is sealed with the current key.
    pub async fn note_resealed_to(&self, id: Uuid) -> Result<(), StorageError> {
        self.note_id_in_meta(&self.resealed_mark(), id).await
    }

    /// When the newest verification began that was found with a key that is being retired; `None`: none was found.
    pub async fn newest_resealed(&self) -> Result<Option<DateTime<Utc>>, StorageError> {
        Ok(self.id_in_meta(NEWEST).await?.map(time_of))
    }

    fn resealed_mark(&self) -> String {
        format!("resealed {}", self.vault.signing_key_id())
    }

    /// Seals up to [`CHUNK`] verifications of one table that come after `after`.
    pub async fn reseal(&self, table: Table, after: Uuid) -> Result<Chunk, StorageError> {
        let sql = format!(
            "SELECT v.id, v.version, v.sealed, v.phone_index FROM {} v WHERE v.id > $1 ORDER BY v.id LIMIT $2",
            table.name()
        );
        let rows: Vec<Row> = read!(&self.engine, |pool| sqlx::query_as(AssertSqlSafe(sql))
            .bind(after)
            .bind(CHUNK)
            .fetch_all(pool)
            .await)?;
        let last = rows.last().map(|row| row.id);
        let is_full = i64::try_from(rows.len()).is_ok_and(|len| len == CHUNK);
        let old = rows.iter().map(|row| self.resealed(table, row));
        let old: Vec<Rewritten> = self.readable(old).into_iter().flatten().collect();
        // Before they are written: afterwards nothing tells which they were.
        if let Some(newest) = old.iter().map(|row| row.id).max() {
            self.note_id_in_meta(NEWEST, newest).await?;
        }
        let count = self.rewrite(&old).await?;
        Ok(Chunk {
            count,
            next: last.filter(|_| is_full),
            is_whole: u64::try_from(old.len()).is_ok_and(|len| len == count),
        })
    }

    /// `None`: it is sealed and found with the current key.
    fn resealed(&self, table: Table, row: &Row) -> Result<Option<Rewritten>, StorageError> {
        let fault = || StorageError::Inconsistent {
            table: table.name(),
            column: "sealed",
            id: row.id.to_string(),
        };
        let place = row.id.as_bytes();
        let (plain, is_current) = self.vault.open(place, &row.sealed).map_err(|_| fault())?;
        let text = std::str::from_utf8(&plain).map_err(|_| fault())?;
        let (phone, code) = text.split_once('|').ok_or_else(fault)?;
        let index = (!phone.is_empty()).then(|| index_of(&self.vault, phone).to_vec());
        let index = index.filter(|index| *index != row.phone_index);
        if is_current && index.is_none() {
            return Ok(None);
        }
        let code_hash =
            (!is_current && !code.is_empty()).then(|| self.vault.code_hash(place, code).to_vec());
        Ok(Some(Rewritten {
            table,
            id: row.id,
            version: row.version,
            packed: None,
            sealed: (!is_current).then(|| self.vault.seal(place, &plain)),
            phone_index: index,
            reuse_key: None,
            code_hash,
        }))
    }

    /// Seals the secrets of webhooks and integrations, the values of the guard's lists, and the key of hashes that outlive their plain
    /// text, which stays the same. Returns how many secrets were sealed with another key.
    pub async fn reseal_secrets(&self) -> Result<u64, StorageError> {
        let mut count = 0;
        for table in ["webhooks", "integrations"] {
            count += self.reseal_secrets_of(table).await?;
        }
        // These seal anew what they read.
        self.list_guard_entries().await?;
        self.trace_key().await?;
        Ok(count)
    }

    async fn reseal_secrets_of(&self, table: &'static str) -> Result<u64, StorageError> {
        let sql = format!("SELECT id, secret, previous_secret FROM {table}");
        let rows: Vec<Sealed> = read!(&self.engine, |pool| sqlx::query_as(AssertSqlSafe(sql))
            .fetch_all(pool)
            .await)?;
        let mut count = 0;
        for row in rows {
            for (column, sealed) in [
                ("secret", &row.secret),
                ("previous_secret", &row.previous_secret),
            ] {
                let Some(sealed) = sealed else { continue };
                let fault = || StorageError::Inconsistent {
                    table,
                    column,
                    id: row.id.to_string(),
                };
                let place = row.id.as_bytes();
                let (plain, is_current) = self.vault.open(place, sealed).map_err(|_| fault())?;
                if is_current {
                    continue;
                }
                // Unless it was rotated meanwhile.
                let sql =
                    format!("UPDATE {table} SET {column} = $1 WHERE id = $2 AND {column} = $3");
                let anew = self.vault.seal(place, &plain);
                count += touch!(
                    self,
                    AssertSqlSafe(sql),
                    anew.clone(),
                    row.id,
                    sealed.clone()
                )?;
            }
        }
        Ok(count)
    }
}

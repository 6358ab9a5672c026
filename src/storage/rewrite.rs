//! Writes columns of verifications anew, in the hot table and in the past, without a transition: what erasure leaves, and what is sealed
//! with another key. Each row is written at the version it was read at, so a change that comes meanwhile is never lost. How far such
//! work has come is in `meta`, by id, since ids are in order of time.

use uuid::Uuid;

use super::engine::connection::{Connection, On, in_transaction};
use super::engine::rows::{Column, Rows};
use super::engine::{read, touch};
use super::{StorageError, Store};

/// Rows written in one transaction.
pub(super) const CHUNK: i64 = 500;

/// Where verifications are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    Hot,
    Past,
}

impl Table {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Hot => "verifications",
            Self::Past => "past_verifications",
        }
    }
}

/// What came of some verifications, in the order of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// Rows that were written, or would be.
    pub count: u64,
    /// Go on after this one; `None`: all have been looked at.
    pub next: Option<Uuid>,
    /// None that should have been written, and could be read, is left.
    pub is_whole: bool,
}

/// The new values of a row; `None`: as it was.
#[derive(Debug)]
pub(super) struct Rewritten {
    pub table: Table,
    pub id: Uuid,
    /// The one it was read at.
    pub version: i64,
    pub packed: Option<Vec<u8>>,
    pub sealed: Option<Vec<u8>>,
    pub phone_index: Option<Vec<u8>>,
    pub reuse_key: Option<Vec<u8>>,
    pub code_hash: Option<Vec<u8>>,
}

impl Store {
    /// An id that is kept under a name.
    pub(super) async fn id_in_meta(&self, name: &str) -> Result<Option<Uuid>, StorageError> {
        const FIND: &str = "SELECT value FROM meta WHERE name = $1";
        let found: Option<(String,)> = read!(&self.engine, |pool| sqlx::query_as(FIND)
            .bind(name)
            .fetch_optional(pool)
            .await)?;
        Ok(found.and_then(|(text,)| Uuid::try_parse(&text).ok()))
    }

    /// Keeps an id under a name, unless a greater one is.
    pub(super) async fn note_id_in_meta(&self, name: &str, id: Uuid) -> Result<(), StorageError> {
        const NOTE: &str = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) \
            DO UPDATE SET value = excluded.value WHERE meta.value < excluded.value";
        touch!(self, NOTE, name.to_owned(), id.simple().to_string())?;
        Ok(())
    }

    /// Returns how many were written; the others were changed or moved meanwhile, or another replica rewrites now.
    pub(super) async fn rewrite(&self, rows: &[Rewritten]) -> Result<u64, StorageError> {
        // One replica at a time: another one would wait for the same rows, to find them changed.
        const TURN: &str =
            "SELECT CAST(pg_try_advisory_xact_lock(5060182, hashtext(current_schema())) AS TEXT)";
        // The change's id stays: it took effect before.
        macro_rules! rewrite {
            ($table:literal) => {
                concat!(
                    "UPDATE ",
                    $table,
                    " SET version = r.version + 1, packed = COALESCE(r.packed, ",
                    $table,
                    ".packed), record = CASE WHEN r.packed IS NULL THEN ",
                    $table,
                    ".record ELSE '' END, sealed = COALESCE(r.sealed, ",
                    $table,
                    ".sealed), phone_index = COALESCE(r.phone_index, ",
                    $table,
                    ".phone_index), reuse_key = COALESCE(r.reuse_key, ",
                    $table,
                    ".reuse_key), code_hash = COALESCE(r.code_hash, ",
                    $table,
                    ".code_hash) FROM {rows} WHERE ",
                    $table,
                    ".id = r.id AND ",
                    $table,
                    ".version = r.version"
                )
            };
        }
        const HOT: &str = rewrite!("verifications");
        const PAST: &str = rewrite!("past_verifications");
        if rows.is_empty() {
            return Ok(0);
        }
        in_transaction(&self.engine, async |connection: &mut Connection| {
            if let On::Postgres(_) = connection.on
                && connection.text(TURN).await? != "true"
            {
                return Ok(0);
            }
            let mut count = 0;
            for (sql, table) in [(HOT, Table::Hot), (PAST, Table::Past)] {
                let own: Vec<&Rewritten> = rows.iter().filter(|row| row.table == table).collect();
                if !own.is_empty() {
                    count += connection.write(sql, columns(&own)).await?;
                }
            }
            Ok(count)
        })
        .await
    }
}

fn columns<'a>(rows: &[&'a Rewritten]) -> Rows<'a> {
    let bytes = |get: fn(&'a Rewritten) -> Option<&'a [u8]>| {
        Column::Bytes(rows.iter().map(|row| get(row)).collect())
    };
    let ids = rows.iter().map(|row| Some(row.id)).collect();
    let versions = rows.iter().map(|row| Some(row.version)).collect();
    Rows::new(
        rows.len(),
        vec![
            ("id", Column::Uuid(ids)),
            ("version", Column::Int(versions)),
            ("packed", bytes(|row| row.packed.as_deref())),
            ("sealed", bytes(|row| row.sealed.as_deref())),
            ("phone_index", bytes(|row| row.phone_index.as_deref())),
            ("reuse_key", bytes(|row| row.reuse_key.as_deref())),
            ("code_hash", bytes(|row| row.code_hash.as_deref())),
        ],
    )
}

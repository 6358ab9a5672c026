//! Erases parts of verifications in place, in the hot table and in the past: what has passed its age, and what is left of a number.
//!
//! A row is written only at the version it was read at, so a report that comes meanwhile is applied to what is left. How far each age has
//! come in the past is in `meta`, by id, since ids are in order of time. The hot table has few rows of that age, and is looked through.

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::engine::rows::{Column, Rows};
use super::engine::{Engine, read, row};
use super::rewrite::{CHUNK, Chunk, Rewritten, Table};
use super::stored::plain;
use super::verifications::read_record;
use super::{StorageError, Store};
use crate::verification::erase::Part;
use crate::verification::id::{ProjectId, VerificationId, time_ordered};
use crate::verification::packed;

row! {
    struct Row {
        id: Uuid,
        version: i64,
        status: String,
        phone_index: Vec<u8>,
        record: String,
        packed: Option<Vec<u8>>,
        is_past: i64,
    }
}

/// A part, and the verifications that have passed its age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aged {
    pub part: Part,
    /// `None`: of all projects.
    pub project: Option<ProjectId>,
    /// Those that were made before.
    pub before: DateTime<Utc>,
}

/// What the columns of an erased number have in place of it: nothing is found by them.
const NO_INDEX: &[u8] = &[];
const NO_CODE: &[u8] = &[0; 32];

impl Store {
    /// Up to which id an age was applied in the past.
    pub async fn erased_to(&self, aged: &Aged) -> Result<Uuid, StorageError> {
        Ok(self.id_in_meta(&mark(aged)).await?.unwrap_or_default())
    }

    /// Records that an age was applied in the past up to this id.
    pub async fn note_erased_to(&self, aged: &Aged, id: Uuid) -> Result<(), StorageError> {
        self.note_id_in_meta(&mark(aged), id).await
    }

    /// Erases a part of up to [`CHUNK`] verifications of one table that come after `after`. With `is_dry` it only counts. What is
    /// pending stays.
    pub async fn erase_aged(
        &self,
        aged: &Aged,
        (table, after): (Table, Uuid),
        is_dry: bool,
    ) -> Result<Chunk, StorageError> {
        let rows = self.aged(aged, table, after).await?;
        let last = rows.last().map(|row| row.id);
        let is_full = i64::try_from(rows.len()).is_ok_and(|len| len == CHUNK);
        let parts = [aged.part];
        let (done, count) = self.erase_rows(rows, &parts, is_dry).await?;
        Ok(Chunk {
            count,
            next: last.filter(|_| is_full),
            is_whole: done,
        })
    }

    /// Erases every part of these verifications, as far as they are over. Returns how many were changed.
    pub async fn erase(&self, ids: &[VerificationId]) -> Result<u64, StorageError> {
        const FIND: &str = "WITH r AS (SELECT r.id FROM {rows}) \
            SELECT v.id, v.version, v.status, v.phone_index, v.record, v.packed, CAST(0 AS BIGINT) AS is_past \
            FROM r JOIN verifications v ON v.id = r.id UNION ALL \
            SELECT v.id, v.version, v.status, v.phone_index, v.record, v.packed, CAST(1 AS BIGINT) AS is_past \
            FROM r JOIN past_verifications v ON v.id = r.id";
        if ids.is_empty() {
            return Ok(0);
        }
        let uuids = ids.iter().map(|id| Some(id.uuid())).collect();
        let rows = Rows::new(ids.len(), vec![("id", Column::Uuid(uuids))]);
        let mut rows: Vec<Row> = rows.read(FIND, &self.engine).await?;
        rows.sort_unstable_by_key(|row| row.id);
        rows.dedup_by_key(|row| row.id);
        let (_, count) = self.erase_rows(rows, &Part::ALL, false).await?;
        Ok(count)
    }

    async fn aged(&self, aged: &Aged, table: Table, after: Uuid) -> sqlx::Result<Vec<Row>> {
        let own = match aged.project {
            Some(_) => "AND v.project_id = $4",
            None => "",
        };
        let (name, is_past) = (table.name(), i32::from(table == Table::Past));
        let sql = format!(
            "SELECT v.id, v.version, v.status, v.phone_index, v.record, v.packed, CAST({is_past} AS BIGINT) AS is_past \
            FROM {name} v WHERE v.id > $1 AND v.id < $2 {own} ORDER BY v.id LIMIT $3"
        );
        read!(&self.engine, |pool| {
            let query = sqlx::query_as(AssertSqlSafe(sql))
                .bind(after)
                .bind(time_ordered(aged.before, [0; 8]))
                .bind(CHUNK);
            let query = match aged.project {
                Some(project) => query.bind(project.0),
                None => query,
            };
            query.fetch_all(pool).await
        })
    }

    /// Returns whether none is left with a part that could be read, and how many were changed.
    async fn erase_rows(
        &self,
        rows: Vec<Row>,
        parts: &[Part],
        is_dry: bool,
    ) -> Result<(bool, u64), StorageError> {
        let mut left = Vec::new();
        let mut is_whole = true;
        for row in rows {
            match self.left(&row, parts) {
                Ok(Some(_)) if row.status == "pending" => is_whole = false,
                Ok(Some(one)) => left.push(one),
                Ok(None) => {}
                Err(error) => self.unreadable.log(&error),
            }
        }
        let wanted = u64::try_from(left.len()).unwrap_or(u64::MAX);
        if is_dry {
            return Ok((is_whole, wanted));
        }
        let count = self.rewrite(&left).await?;
        // Some were changed or moved meanwhile.
        Ok((is_whole && count == wanted, count))
    }

    /// `None`: nothing goes.
    fn left(&self, row: &Row, parts: &[Part]) -> Result<Option<Rewritten>, StorageError> {
        let mut record = read_record(row.id, row.packed.as_deref(), &row.record)?;
        let mut goes = false;
        for part in parts {
            goes |= record.forget(*part);
        }
        let has_number = row.phone_index != NO_INDEX && parts.contains(&Part::Number);
        let instead = |value: &[u8]| has_number.then(|| value.to_vec());
        Ok((goes || has_number).then(|| Rewritten {
            table: if row.is_past == 0 {
                Table::Hot
            } else {
                Table::Past
            },
            id: row.id,
            version: row.version,
            packed: Some(packed::pack(&record)),
            sealed: has_number.then(|| self.vault.seal(row.id.as_bytes(), &plain("", ""))),
            phone_index: instead(NO_INDEX),
            // As unlike any other as the id is.
            reuse_key: instead(row.id.as_bytes()),
            code_hash: instead(NO_CODE),
        }))
    }

    /// On SQLite, writes what was changed to the file itself, and empties the log beside it: what was erased is then in neither. Returns
    /// whether that was done; a reader may be in the way.
    pub async fn settle_file(&self) -> Result<bool, StorageError> {
        let Engine::Sqlite { write, .. } = &self.engine else {
            return Ok(true);
        };
        // The first waits for nobody; the second would wait for a reader, and callers behind it.
        let (_, log, done): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(PASSIVE)")
            .fetch_one(write)
            .await?;
        if done < log {
            return Ok(false);
        }
        let (busy, ..): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(write)
            .await?;
        Ok(busy == 0)
    }
}

/// The name in `meta` of how far an age has come.
fn mark(aged: &Aged) -> String {
    // By what goes: what went before texts and traces did is gone through once more.
    let part = match aged.part {
        Part::Number => "numbers, texts",
        Part::Client => "client",
    };
    match aged.project {
        Some(project) => format!("erased {part} {}", project.0),
        None => format!("erased {part}"),
    }
}

//! Moves verifications that are over, and quiet for [`HOT`], out of the hot table, and back when something happens to one.
//!
//! `verifications` stays small, so its indexes stay in memory and its statements never see the partitions of
//! `past_verifications`. Look-ups by id read the past when the hot table has nothing; lists read both in one statement.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::engine::connection::{Connection, On, in_transaction, on};
use super::engine::rows::{Column, Rows};
use super::engine::{Engine, read, row, touch};
use super::verifications::read_record;
use super::{StorageError, Store, partitions};
use crate::ledger::tally::DAY;
use crate::verification::id::time_ordered;

/// How long after its last event a verification stays in the hot table. An event that is younger is found there.
pub const HOT: Duration = Duration::from_hours(48);

/// Rows moved in one transaction.
const CHUNK: usize = 500;

/// The columns that both tables have.
macro_rules! columns {
    () => {
        "id, project_id, version, change_id, status, phone_index, reuse_key, sealed, code_hash, record, packed"
    };
}

row! {
    struct Row {
        id: Uuid,
        version: i64,
        record: String,
        packed: Option<Vec<u8>>,
    }
}

/// Where a round of moving has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Rows moved.
    pub count: u64,
    /// Go on after this one; `None`: all have been looked at.
    pub next: Option<Uuid>,
}

impl Store {
    /// Moves up to [`CHUNK`] verifications that come after `after`. A row that cannot be read stays.
    pub async fn move_to_past(
        &self,
        after: Uuid,
        now: DateTime<Utc>,
    ) -> Result<Moved, StorageError> {
        const OVER: &str = "SELECT v.id, v.version, v.record, v.packed FROM verifications v WHERE v.id > $1 AND v.id < $2 \
            AND v.wake_at IS NULL AND v.status <> 'pending' AND (v.lease_until IS NULL OR v.lease_until <= $3) \
            ORDER BY v.id LIMIT $4";
        let quiet_since = now - HOT;
        let limit = i64::try_from(CHUNK).unwrap_or(i64::MAX);
        let rows: Vec<Row> = read!(&self.engine, |pool| sqlx::query_as(OVER)
            .bind(after)
            .bind(time_ordered(quiet_since, [0; 8]))
            .bind(now)
            .bind(limit)
            .fetch_all(pool)
            .await)?;
        let next = rows
            .last()
            .filter(|_| rows.len() == CHUNK)
            .map(|row| row.id);
        let is_quiet = |row: &Row| {
            let record = read_record(row.id, row.packed.as_deref(), &row.record)?;
            Ok(record
                .events
                .last()
                .is_none_or(|event| event.at <= quiet_since))
        };
        let mut quiet = Vec::with_capacity(rows.len());
        for row in &rows {
            match is_quiet(row) {
                Ok(true) => quiet.push(row),
                Ok(false) => {}
                Err(error) => self.unreadable.log(&error),
            }
        }
        let count = if quiet.is_empty() {
            0
        } else {
            self.move_rows(&quiet).await?
        };
        Ok(Moved { count, next })
    }

    async fn move_rows(&self, rows: &[&Row]) -> Result<u64, StorageError> {
        // One replica at a time: another one would wait for the same rows, to find them gone.
        const TURN: &str =
            "SELECT CAST(pg_try_advisory_xact_lock(5060180, hashtext(current_schema())) AS TEXT)";
        const MOVE: &str = concat!(
            "WITH moved AS (DELETE FROM verifications USING {rows} WHERE verifications.id = r.id ",
            "AND verifications.version = r.version AND verifications.wake_at IS NULL RETURNING verifications.*) ",
            "INSERT INTO past_verifications (",
            columns!(),
            ") SELECT ",
            columns!(),
            " FROM moved"
        );
        // SQLite has one writer, so nothing comes in between.
        const COPY: &str = concat!(
            "INSERT INTO past_verifications (",
            columns!(),
            ") SELECT ",
            columns!(),
            " FROM verifications v ",
            "WHERE EXISTS (SELECT 1 FROM {rows} WHERE r.id = v.id AND r.version = v.version) AND v.wake_at IS NULL"
        );
        const REMOVE: &str = "DELETE FROM verifications WHERE id IN (SELECT r.id FROM {rows}) \
            AND EXISTS (SELECT 1 FROM past_verifications p WHERE p.id = verifications.id)";
        if let Engine::Postgres(pool) = &self.engine {
            let ids = rows.iter().map(|row| row.id);
            if !partitions::have_weeks_of(pool, partitions::PAST, ids).await? {
                return Ok(0);
            }
        }
        let named = || {
            let ids = rows.iter().map(|row| Some(row.id)).collect();
            let versions = rows.iter().map(|row| Some(row.version)).collect();
            let columns = vec![
                ("id", Column::Uuid(ids)),
                ("version", Column::Int(versions)),
            ];
            Rows::new(rows.len(), columns)
        };
        in_transaction(&self.engine, async |connection: &mut Connection| {
            if let On::Sqlite(_) = connection.on {
                let copied = connection.write(COPY, named()).await?;
                connection.write(REMOVE, named()).await?;
                return Ok(copied);
            }
            if connection.text(TURN).await? != "true" {
                return Ok(0);
            }
            connection.write(MOVE, named()).await
        })
        .await
    }

    /// Brings a verification back into the hot table, if it is in the past. Returns whether it was.
    pub(super) async fn recall(&self, id: Uuid) -> Result<bool, StorageError> {
        const RECALL: &str = concat!(
            "WITH recalled AS (DELETE FROM past_verifications WHERE id = $1 RETURNING *) ",
            "INSERT INTO verifications (",
            columns!(),
            ") SELECT ",
            columns!(),
            " FROM recalled"
        );
        const COPY: &str = concat!(
            "INSERT INTO verifications (",
            columns!(),
            ") SELECT ",
            columns!(),
            " FROM past_verifications WHERE id = $1"
        );
        const REMOVE: &str = "DELETE FROM past_verifications WHERE id = $1";
        let steps: &[&'static str] = match &self.engine {
            Engine::Postgres(_) => &[RECALL],
            Engine::Sqlite { .. } => &[COPY, REMOVE],
        };
        in_transaction(&self.engine, async |connection: &mut Connection| {
            let mut count = 0;
            for sql in steps {
                count = on!(connection, |to| sqlx::query(*sql)
                    .bind(id)
                    .execute(to)
                    .await?
                    .rows_affected());
            }
            Ok(count > 0)
        })
        .await
    }

    /// Records that verifications made before this time, in seconds since 1970, may be gone: their sums cannot be rebuilt.
    pub(super) async fn keep_from(&self, seconds: i64) -> Result<(), StorageError> {
        const KEEP: &str = "INSERT INTO meta (name, value) VALUES ('verifications_from', $1) ON CONFLICT (name) \
            DO UPDATE SET value = excluded.value WHERE CAST(meta.value AS BIGINT) < CAST(excluded.value AS BIGINT)";
        touch!(self, KEEP, seconds.to_string())?;
        Ok(())
    }

    /// Removes up to `limit` verifications of the past that were made before `before`, and returns how many. On Postgres their
    /// weeks are dropped, see [`partitions`].
    pub async fn drop_past(&self, before: DateTime<Utc>, limit: i64) -> Result<u64, StorageError> {
        const ANY: &str = "SELECT 1 FROM past_verifications WHERE id < $1 LIMIT 1";
        const OLD: &str = "DELETE FROM past_verifications WHERE id IN (SELECT p.id FROM past_verifications p \
            WHERE p.id < $1 ORDER BY p.id LIMIT $2)";
        let first = time_ordered(before, [0; 8]);
        let any: Option<(i64,)> = read!(&self.engine, |pool| sqlx::query_as(ANY)
            .bind(first)
            .fetch_optional(pool)
            .await)?;
        if any.is_none() {
            return Ok(0);
        }
        // A day that has begun to go counts as gone.
        self.keep_from((before.timestamp().div_euclid(DAY) + 1) * DAY)
            .await?;
        Ok(touch!(self, OLD, first, limit)?)
    }
}

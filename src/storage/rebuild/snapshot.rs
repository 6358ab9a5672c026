//! Everything that the sums are made of, as of one moment.

use uuid::Uuid;

use crate::ledger::entry::Entry;
use crate::storage::engine::connection::{Connection, on};
use crate::storage::engine::row;
use crate::storage::verifications::read_record;
use crate::storage::{StorageError, ledger};
use crate::verification::Record;
use crate::verification::id::ProjectId;

/// Rows per statement.
const AT_ONCE: usize = 1_000;

row! {
    struct Row {
        id: Uuid,
        project_id: Uuid,
        record: String,
        packed: Option<Vec<u8>>,
    }
}

pub(super) const READ_HOT: &str =
    "SELECT id, project_id, record, packed FROM verifications WHERE id > $1 ORDER BY id LIMIT 1000";
pub(super) const READ_PAST: &str = "SELECT id, project_id, record, packed FROM past_verifications WHERE id > $1 ORDER BY id LIMIT 1000";

/// Everything as of one moment.
pub(super) struct Snapshot {
    pub connection: Connection,
}

impl Snapshot {
    pub async fn count(&mut self) -> sqlx::Result<u64> {
        let count = self
            .connection
            .text("SELECT CAST((SELECT COUNT(*) FROM verifications) + (SELECT COUNT(*) FROM past_verifications) AS TEXT)")
            .await?;
        Ok(count.parse().unwrap_or(0))
    }

    /// From when on all verifications are kept, in seconds since 1970.
    pub async fn kept_from(&mut self) -> sqlx::Result<i64> {
        let text = self
            .connection
            .text(
                "SELECT COALESCE((SELECT value FROM meta WHERE name = 'verifications_from'), '0')",
            )
            .await?;
        Ok(text.parse().unwrap_or(0))
    }

    pub async fn waiting(&mut self, kept_from: i64) -> sqlx::Result<Vec<i64>> {
        const SQL: &str = "SELECT id FROM tallies WHERE starts_at >= $1";
        let ids: Vec<(i64,)> = on!(self.connection, |to| sqlx::query_as(SQL)
            .bind(kept_from)
            .fetch_all(to)
            .await?);
        Ok(ids.into_iter().map(|(id,)| id).collect())
    }

    /// The next records of a table, with their ids and projects, by id.
    pub async fn records(
        &mut self,
        read: &'static str,
        after: Uuid,
    ) -> Result<Vec<(Uuid, ProjectId, Record)>, StorageError> {
        let rows: Vec<Row> = on!(self.connection, |to| sqlx::query_as(read)
            .bind(after)
            .fetch_all(to)
            .await?);
        let record = |row: Row| {
            let record = read_record(row.id, row.packed.as_deref(), &row.record)?;
            Ok((row.id, ProjectId(row.project_id), record))
        };
        rows.into_iter().map(record).collect()
    }

    pub async fn entries(&mut self, after: Uuid) -> Result<Vec<Entry>, StorageError> {
        let sql = format!(
            "SELECT {} FROM ledger WHERE id > $1 ORDER BY id LIMIT {AT_ONCE}",
            ledger::COLUMNS
        );
        let sql = sqlx::AssertSqlSafe(sql);
        let rows: Vec<ledger::Row> = on!(self.connection, |to| sqlx::query_as(sql)
            .bind(after)
            .fetch_all(to)
            .await?);
        rows.into_iter().map(Entry::try_from).collect()
    }
}

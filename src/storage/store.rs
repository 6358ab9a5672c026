//! The database and the keys that seal its secrets: all that table functions need.
//!
//! [`Db`](super::Db) adds group commit and group reads, which depend on the tables.

use std::sync::Arc;

use super::engine::{self, Engine};
use super::error::{StorageError, Unreadable};
use crate::secret::Vault;

/// As a `LIMIT` counts.
pub(super) fn count<T>(rows: &[T]) -> i64 {
    i64::try_from(rows.len()).unwrap_or(i64::MAX)
}

/// What a table's functions work on.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) engine: Engine,
    pub(super) vault: Arc<Vault>,
    pub(super) unreadable: Arc<Unreadable>,
}

impl Store {
    pub(super) fn new(engine: Engine, vault: Arc<Vault>) -> Self {
        Self {
            engine,
            vault,
            unreadable: Arc::default(),
        }
    }

    #[must_use]
    pub fn engine_name(&self) -> &'static str {
        match self.engine {
            Engine::Postgres(_) => "postgres",
            Engine::Sqlite { .. } => "sqlite",
        }
    }

    /// Whether no other process can serve the same database.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        matches!(self.engine, Engine::Sqlite { .. })
    }

    /// The database's time, and when it was asked for on a connection that was open already; `None` on SQLite, which has no clock of
    /// its own.
    pub async fn time(
        &self,
    ) -> Result<Option<(chrono::DateTime<chrono::Utc>, std::time::Instant)>, StorageError> {
        let Engine::Postgres(pool) = &self.engine else {
            return Ok(None);
        };
        let mut connection = pool.acquire().await?;
        let asked = std::time::Instant::now();
        let (theirs,): (chrono::DateTime<chrono::Utc>,) =
            sqlx::query_as("SELECT clock_timestamp()")
                .fetch_one(&mut *connection)
                .await?;
        Ok(Some((theirs, asked)))
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StorageError> {
        engine::read!(&self.engine, |pool| sqlx::query("SELECT 1")
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }

    /// All rows of a list that means nothing without one of them.
    pub(super) fn whole<T>(
        &self,
        rows: impl IntoIterator<Item = Result<T, StorageError>>,
    ) -> Result<Vec<T>, StorageError> {
        let rows: Result<Vec<T>, StorageError> = rows.into_iter().collect();
        rows.inspect_err(|error| self.unreadable.log(error))
    }

    /// The rows of a list that can be read.
    pub(super) fn readable<T>(
        &self,
        rows: impl IntoIterator<Item = Result<T, StorageError>>,
    ) -> Vec<T> {
        let log = |error: &StorageError| self.unreadable.log(error);
        rows.into_iter()
            .filter_map(|row| row.inspect_err(log).ok())
            .collect()
    }

    /// The row that a look-up found.
    pub(super) fn read_one<T>(
        &self,
        row: Option<Result<T, StorageError>>,
    ) -> Result<Option<T>, StorageError> {
        row.transpose()
            .inspect_err(|error| self.unreadable.log(error))
    }
}

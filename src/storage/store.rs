//! The database and the keys that seal its secrets: all that table functions need.
//!
//! [`Db`](super::Db) adds group commit and group reads, which depend on the tables.

use std::sync::Arc;

use super::StorageError;
use super::engine::{self, Engine};
use crate::secret::Vault;

/// The receiver of all table functions.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) engine: Engine,
    pub(super) vault: Arc<Vault>,
}

impl Store {
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

    /// How far the database's clock is ahead of `now`, in seconds; 0 on SQLite, which has no clock of its own.
    pub async fn clock_skew(
        &self,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<f64, StorageError> {
        let Engine::Postgres(pool) = &self.engine else {
            return Ok(0.0);
        };
        let (theirs,): (chrono::DateTime<chrono::Utc>,) =
            sqlx::query_as("SELECT clock_timestamp()")
                .fetch_one(pool)
                .await?;
        Ok((theirs - now).as_seconds_f64())
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StorageError> {
        engine::read!(&self.engine, |pool| sqlx::query("SELECT 1")
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }
}

//! The database, and the key that its secrets are sealed with: all that the functions of a table need.
//!
//! [`Db`](super::Db) adds the group commit and the group reads, which know the tables in turn.

use std::sync::Arc;

use super::StorageError;
use super::engine::{self, Engine};
use crate::secret::Vault;

/// What a table's functions work on.
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

    /// Whether no other process can serve the same data.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        matches!(self.engine, Engine::Sqlite { .. })
    }

    /// How far the database's clock is ahead of `now`, in seconds; on SQLite there is only one clock.
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

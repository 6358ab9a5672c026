//! What is kept, on SQLite and on Postgres: the only module that speaks SQL.
//!
//! Statements are written once, with `$1`; what must differ is a `match` on the engine, in the open. Verifications change
//! through [`Db::commit`] alone: callers' changes that wait are written together ([`writer`]), and so are their reads
//! ([`reader`]). To add a table: a migration of the same name in both folders, a file here, and its functions in
//! `contract`, which runs each on both engines.

mod alerts;
mod balances;
mod budgets;
mod change;
mod deliveries;
mod directory;
mod engine;
mod exchange;
mod idempotency;
mod leases;
mod ledger;
mod line;
mod open;
mod rates;
mod reader;
mod rebuild;
mod rollups;
mod rows;
mod sessions;
mod tallies;
mod transaction;
mod users;
mod verifications;
mod webhooks;
mod writer;

use std::sync::Arc;

pub use balances::ReportedBalance;
pub use budgets::Use as BudgetUse;
pub use change::{Change, CommitError, IdempotencyOp, Lease, Write};
pub use deliveries::{Delivery, DeliveryQuery, DeliveryState, Try};
pub use directory::{ApiKey, NewKey, Project};
pub use engine::{Engine, Location};
pub use idempotency::{Claim, Kept};
pub use ledger::LedgerQuery;
pub use open::{OpenError, Options};
pub use rebuild::{Progress, RebuildError};
pub use sessions::{Link, LinkKind, SessionTimes};
pub use users::{Changed, User};
pub use verifications::ListQuery;
pub use webhooks::Webhook;

use crate::secret::Vault;

/// A handle on the store; clones share it.
#[derive(Clone, Debug)]
pub struct Db {
    engine: Engine,
    vault: Arc<Vault>,
    writer: writer::Writer,
    readers: reader::Readers,
    /// Held for as long as this process serves a SQLite file: a second replica must not.
    lock: Option<Arc<std::fs::File>>,
}

/// The store could not answer.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Out of reach, or too busy. What was asked for may or may not have happened.
    #[error("the database does not answer: {0}")]
    Unavailable(sqlx::Error),
    /// A row that we cannot have written.
    #[error("{table} {id}: column {column} cannot be read")]
    Inconsistent {
        table: &'static str,
        column: &'static str,
        id: String,
    },
    /// A name that must be unique is taken.
    #[error("it is there already")]
    Exists,
}

impl From<sqlx::Error> for StorageError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(fault) if fault.is_unique_violation() => Self::Exists,
            other => Self::Unavailable(other),
        }
    }
}

impl Db {
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

    /// Closes all connections, and lets another process serve the SQLite file.
    pub async fn close(&self) {
        match &self.engine {
            Engine::Postgres(pool) => pool.close().await,
            Engine::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
        }
        if let Some(Err(error)) = self.lock.as_ref().map(|file| file.unlock()) {
            tracing::warn!(%error, "the database's lock goes with the process");
        }
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

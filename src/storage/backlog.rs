//! How much waits in the whole database, for metrics.

use chrono::{DateTime, Utc};

use super::engine::{Engine, read, row};
use super::{StorageError, Store};

/// Rows that are counted, at most: an exact count of more tells nobody more.
const MOST: i64 = 100_000;

row! {
    /// Rows that wait, and since when the oldest of them does.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Waiting {
        count: i64,
        oldest: Option<DateTime<Utc>>,
    }
}

impl Waiting {
    #[must_use]
    pub fn count(&self) -> i64 {
        self.count
    }

    /// In seconds; 0 if nothing waits.
    #[must_use]
    pub fn age(&self, now: DateTime<Utc>) -> f64 {
        let age = self.oldest.map(|oldest| (now - oldest).as_seconds_f64());
        age.unwrap_or(0.0).max(0.0)
    }
}

impl Store {
    /// Verifications whose next task is due and that no replica works on.
    pub async fn due_backlog(&self, now: DateTime<Utc>) -> Result<Waiting, StorageError> {
        const DUE: &str = "SELECT COUNT(*) AS count, MIN(d.wake_at) AS oldest FROM (SELECT v.wake_at FROM verifications v \
            WHERE v.wake_at <= $1 AND (v.lease_until IS NULL OR v.lease_until <= $1) ORDER BY v.wake_at LIMIT $2) AS d";
        Ok(read!(&self.engine, |pool| sqlx::query_as(DUE)
            .bind(now)
            .bind(MOST)
            .fetch_one(pool)
            .await)?)
    }

    /// Messages to webhooks that are still tried.
    pub async fn webhook_backlog(&self) -> Result<Waiting, StorageError> {
        const PENDING: &str = "SELECT COUNT(*) AS count, MIN(p.at) AS oldest FROM (SELECT d.at FROM webhooks w \
            JOIN webhook_deliveries d ON d.webhook_id = w.id WHERE d.due_at IS NOT NULL LIMIT $1) AS p";
        Ok(read!(&self.engine, |pool| sqlx::query_as(PENDING)
            .bind(MOST)
            .fetch_one(pool)
            .await)?)
    }

    /// Messages to webhooks that were given up.
    pub async fn dead_webhook_messages(&self) -> Result<i64, StorageError> {
        const DEAD: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM webhooks w JOIN webhook_deliveries d \
            ON d.webhook_id = w.id WHERE d.state = 'dead' LIMIT $1) AS p";
        let (count,): (i64,) = read!(&self.engine, |pool| sqlx::query_as(DEAD)
            .bind(MOST)
            .fetch_one(pool)
            .await)?;
        Ok(count)
    }

    /// Connections to the database that are used now, and that are open without being used.
    #[must_use]
    pub fn connections(&self) -> (u32, u32) {
        let of = |size: u32, idle: usize| {
            let idle = u32::try_from(idle).unwrap_or(u32::MAX).min(size);
            (size - idle, idle)
        };
        match &self.engine {
            Engine::Postgres(pool) => of(pool.size(), pool.num_idle()),
            Engine::Sqlite { write, read } => {
                let idle = write.num_idle() + read.num_idle();
                of(write.size() + read.size(), idle)
            }
        }
    }
}

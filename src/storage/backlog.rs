//! How much waits in the whole database.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::engine::{Engine, read, row};
use super::{StorageError, Store};

row! {
    /// What waits, up to [`Backlog::MOST`] of each kind.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Backlog {
        pub pending: i64,
        /// Messages that were given up.
        pub dead: i64,
        /// Since when the oldest has waited.
        pub since: Option<DateTime<Utc>>,
    }
}

impl Backlog {
    /// No more are counted: an exact count of many takes long, and says no more.
    pub const MOST: i64 = 100_000;

    /// How long the oldest has waited; `None`: nothing waits.
    #[must_use]
    pub fn age(&self, now: DateTime<Utc>) -> Option<TimeDelta> {
        self.since.map(|since| (now - since).max(TimeDelta::zero()))
    }
}

impl Store {
    /// Verifications whose next task is due and that no replica works on.
    pub async fn due_backlog(&self, now: DateTime<Utc>) -> Result<Backlog, StorageError> {
        const DUE: &str = "SELECT COUNT(*) AS pending, CAST(0 AS BIGINT) AS dead, MIN(d.wake_at) AS since \
            FROM (SELECT v.wake_at FROM verifications v WHERE v.wake_at <= $1 \
            AND (v.lease_until IS NULL OR v.lease_until <= $1) ORDER BY v.wake_at LIMIT $2) AS d";
        Ok(read!(&self.engine, |pool| sqlx::query_as(DUE)
            .bind(now)
            .bind(Backlog::MOST)
            .fetch_one(pool)
            .await)?)
    }

    /// Messages to webhooks, with the age of their events.
    pub async fn webhook_backlog(&self) -> Result<Backlog, StorageError> {
        const COUNT: &str = "SELECT p.pending, x.dead, p.since FROM \
            (SELECT COUNT(*) AS pending, MIN(m.at) AS since FROM (SELECT d.at FROM webhooks w \
            JOIN webhook_deliveries d ON d.webhook_id = w.id WHERE d.due_at IS NOT NULL LIMIT $1) AS m) AS p, \
            (SELECT COUNT(*) AS dead FROM (SELECT 1 FROM webhooks w \
            JOIN webhook_deliveries d ON d.webhook_id = w.id WHERE d.state = 'dead' LIMIT $1) AS m) AS x";
        Ok(read!(&self.engine, |pool| sqlx::query_as(COUNT)
            .bind(Backlog::MOST)
            .fetch_one(pool)
            .await)?)
    }

    /// Messages to a sink, with the time since they have been due.
    pub async fn backlog(&self, sink: Uuid) -> Result<Backlog, StorageError> {
        // There is an index of either.
        const COUNT: &str = "SELECT \
            (SELECT count(*) FROM (SELECT 1 FROM webhook_deliveries WHERE webhook_id = $1 AND due_at IS NOT NULL LIMIT $2) AS p) AS pending, \
            (SELECT count(*) FROM (SELECT 1 FROM webhook_deliveries WHERE webhook_id = $1 AND state = 'dead' LIMIT $2) AS x) AS dead, \
            (SELECT min(due_at) FROM webhook_deliveries WHERE webhook_id = $1 AND due_at IS NOT NULL) AS since";
        Ok(read!(&self.engine, |pool| sqlx::query_as(COUNT)
            .bind(sink)
            .bind(Backlog::MOST)
            .fetch_one(pool)
            .await)?)
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

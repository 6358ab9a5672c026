//! Leases: the replica that holds a verification's lease works on it. When a lease ends, another replica can take it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::engine::rows::{Column, Rows};
use super::engine::{Engine, write};
use super::verifications::Row;
use super::{StorageError, Store};
use crate::verification::Verification;
use crate::verification::id::VerificationId;

impl Store {
    /// Takes the leases of up to `limit` verifications that have a task due and no current lease.
    pub async fn claim_due(
        &self,
        owner: i64,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<Verification>, StorageError> {
        macro_rules! due {
            ($lock:literal) => {
                concat!(
                    "UPDATE verifications SET lease_owner = $1, lease_until = $2 WHERE id IN (",
                    "SELECT d.id FROM verifications d WHERE d.wake_at <= $3 ",
                    "AND (d.lease_until IS NULL OR d.lease_until <= $3) ORDER BY d.wake_at LIMIT $4 ",
                    $lock,
                    ") RETURNING id, project_id, version, sealed, code_hash, record"
                )
            };
        }
        let rows: Vec<Row> = match &self.engine {
            Engine::Postgres(pool) => {
                sqlx::query_as(due!("FOR UPDATE SKIP LOCKED"))
                    .bind(owner)
                    .bind(until)
                    .bind(now)
                    .bind(limit)
                    .fetch_all(pool)
                    .await?
            }
            Engine::Sqlite { read, write } => {
                // Look with a reader first, so that an idle server does not occupy the only writer several times a
                // second.
                const ANY: &str = "SELECT 1 FROM verifications WHERE wake_at <= $1 AND (lease_until IS NULL OR lease_until <= $1) LIMIT 1";
                let any: Option<(i64,)> =
                    sqlx::query_as(ANY).bind(now).fetch_optional(read).await?;
                if any.is_none() {
                    return Ok(Vec::new());
                }
                sqlx::query_as(due!(""))
                    .bind(owner)
                    .bind(until)
                    .bind(now)
                    .bind(limit)
                    .fetch_all(write)
                    .await?
            }
        };
        // An unreadable row must not block the others.
        let open = |row: Row| {
            row.open(&self.vault)
                .inspect_err(|error| tracing::error!(%error, "skipping an unreadable verification"))
        };
        Ok(rows.into_iter().filter_map(|row| open(row).ok()).collect())
    }

    /// Takes the lease of one verification, if it is free.
    pub async fn claim(
        &self,
        id: VerificationId,
        owner: i64,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Option<Verification>, StorageError> {
        const CLAIM: &str = "UPDATE verifications SET lease_owner = $1, lease_until = $2 \
            WHERE id = $3 AND (lease_until IS NULL OR lease_until <= $4) \
            RETURNING id, project_id, version, sealed, code_hash, record";
        self.take_lease(CLAIM, id, owner, now, until).await
    }

    /// Takes or renews the lease if this owner still has it or it is free, and returns the current state; `None`:
    /// another replica has it.
    pub async fn reclaim(
        &self,
        id: VerificationId,
        owner: i64,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Option<Verification>, StorageError> {
        const RECLAIM: &str = "UPDATE verifications SET lease_owner = $1, lease_until = $2 \
            WHERE id = $3 AND (lease_owner = $1 OR lease_until IS NULL OR lease_until <= $4) \
            RETURNING id, project_id, version, sealed, code_hash, record";
        self.take_lease(RECLAIM, id, owner, now, until).await
    }

    async fn take_lease(
        &self,
        sql: &'static str,
        id: VerificationId,
        owner: i64,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Option<Verification>, StorageError> {
        let row: Option<Row> = write!(&self.engine, |pool| sqlx::query_as(sql)
            .bind(owner)
            .bind(until)
            .bind(id.uuid())
            .bind(now)
            .fetch_optional(pool)
            .await)?;
        row.map(|row| row.open(&self.vault)).transpose()
    }

    /// Gives up a lease and sets the time of the next task, unless the verification has changed meanwhile: then that
    /// change has set the time.
    pub async fn release(
        &self,
        v: &Verification,
        owner: i64,
        wake_at: Option<DateTime<Utc>>,
    ) -> Result<(), StorageError> {
        const RELEASE: &str = "UPDATE verifications SET lease_owner = NULL, lease_until = NULL, \
            wake_at = CASE WHEN version = $1 THEN $2 ELSE wake_at END WHERE id = $3 AND lease_owner = $4";
        write!(&self.engine, |pool| sqlx::query(RELEASE)
            .bind(v.version)
            .bind(wake_at)
            .bind(v.id.uuid())
            .bind(owner)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }

    /// Extends those leases that `owner` still has.
    pub async fn renew(
        &self,
        owner: i64,
        ids: &[Uuid],
        until: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        const RENEW: &str = "UPDATE verifications SET lease_until = r.lease_until FROM {rows} \
            WHERE verifications.id = r.id AND verifications.lease_owner = r.lease_owner";
        for ids in ids.chunks(512) {
            let rows = Rows::new(
                ids.len(),
                vec![
                    ("id", Column::Uuid(ids.iter().copied().map(Some).collect())),
                    ("lease_owner", Column::Int(vec![Some(owner); ids.len()])),
                    ("lease_until", Column::Time(vec![Some(until); ids.len()])),
                ],
            );
            match &self.engine {
                Engine::Postgres(pool) => rows.postgres(RENEW).execute(pool).await.map(|_| ()),
                Engine::Sqlite { write, .. } => rows.sqlite(RENEW).execute(write).await.map(|_| ()),
            }?;
        }
        Ok(())
    }
}

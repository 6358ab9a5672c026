//! Leases: which replica works on which verification. A lease that ends, because its replica died, is taken over by another.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::engine::rows::{Column, Rows};
use super::engine::{Engine, touch, write};
use super::verifications::Row;
use super::{StorageError, Store};
use crate::verification::Verification;
use crate::verification::id::{VerificationId, time_ordered};

impl Store {
    /// Takes the leases of up to `limit` verifications that have a task due and no lease.
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
                    ") RETURNING id, project_id, version, sealed, code_hash, record, packed"
                )
            };
        }
        let sql = match &self.engine {
            Engine::Postgres(_) => due!("FOR UPDATE SKIP LOCKED"),
            Engine::Sqlite { read, .. } => {
                // Asks a reader first, so as not to take the only writer four times a second for nothing.
                const ANY: &str = "SELECT 1 FROM verifications WHERE wake_at <= $1 AND (lease_until IS NULL OR lease_until <= $1) LIMIT 1";
                let any: Option<(i64,)> =
                    sqlx::query_as(ANY).bind(now).fetch_optional(read).await?;
                if any.is_none() {
                    return Ok(Vec::new());
                }
                due!("")
            }
        };
        let rows: Vec<Row> = write!(&self.engine, |pool| sqlx::query_as(sql)
            .bind(owner)
            .bind(until)
            .bind(now)
            .bind(limit)
            .fetch_all(pool)
            .await)?;
        // The lease of a row that cannot be read runs out; meanwhile the others get their turn.
        Ok(self.readable(rows.into_iter().map(|row| row.open(&self.vault))))
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
            RETURNING id, project_id, version, sealed, code_hash, record, packed";
        self.take_lease(CLAIM, id, owner, now, until).await
    }

    /// After the clock was set back: what was created at a time that is still to come waits by times that are too, so it is
    /// looked at now. `latest`: no lease made now ends later.
    pub async fn wake_from_future(
        &self,
        now: DateTime<Utc>,
        latest: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        const WAKE: &str = "UPDATE verifications SET wake_at = $1, \
            lease_owner = CASE WHEN lease_until > $2 THEN NULL ELSE lease_owner END, \
            lease_until = CASE WHEN lease_until > $2 THEN NULL ELSE lease_until END \
            WHERE id > $3 AND wake_at > $1";
        const RETRY: &str =
            "UPDATE webhook_deliveries SET due_at = $1 WHERE id > $2 AND due_at > $1";
        let future = time_ordered(latest, [0xff; 8]);
        touch!(self, WAKE, now, latest, future)?;
        touch!(self, RETRY, now, future)?;
        Ok(())
    }

    /// The newest state of a verification whose lease this owner holds or can take; `None`: another replica holds it.
    pub async fn reclaim(
        &self,
        id: VerificationId,
        owner: i64,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Option<Verification>, StorageError> {
        const RECLAIM: &str = "UPDATE verifications SET lease_owner = $1, lease_until = $2 \
            WHERE id = $3 AND (lease_owner = $1 OR lease_until IS NULL OR lease_until <= $4) \
            RETURNING id, project_id, version, sealed, code_hash, record, packed";
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
        self.read_one(row.map(|row| row.open(&self.vault)))
    }

    /// Gives up the lease of a verification with nothing due before `wake_at`, unless a newer version has set its own time.
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

    /// Renews the leases that `owner` still holds on these.
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

//! Replicas that work. A verification whose `wake_at` lies after its lease is found again, if its replica dies, by that
//! replica's row here.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::engine::rows::{Column, Rows};
use super::engine::{read, touch};
use super::{StorageError, Store};
use crate::verification::id::VerificationId;

/// Forms of rows that builds before them cannot read: each is written once all replicas know it.
pub const IN_THE_PAST: i64 = 1;
pub const WITH_TRACE: i64 = 1;
pub const ERASED: i64 = 2;
pub const WITH_NETWORK: i64 = 2;

/// The newest form that this build reads.
const KNOWS: i64 = 2;

impl Store {
    /// This replica works until `until`, unless it says so again. `oldest`: it holds no older verification whose `wake_at` lies
    /// after its lease.
    pub async fn beat(
        &self,
        owner: i64,
        until: DateTime<Utc>,
        oldest: Uuid,
    ) -> Result<(), StorageError> {
        const BEAT: &str = "INSERT INTO replicas (owner, alive_until, oldest, knows) VALUES ($1, $2, $3, $4) \
            ON CONFLICT (owner) DO UPDATE SET alive_until = excluded.alive_until, oldest = excluded.oldest, knows = excluded.knows";
        touch!(self, BEAT, owner, until, oldest, KNOWS)?;
        Ok(())
    }

    /// The newest form of rows that all replicas read which were alive at or after `since`; at least one is, which asks.
    pub async fn known_to_all(&self, since: DateTime<Utc>) -> Result<i64, StorageError> {
        const LEAST: &str = "SELECT MIN(knows) FROM replicas WHERE alive_until >= $1";
        let (least,): (Option<i64>,) = read!(&self.engine, |pool| {
            sqlx::query_as(LEAST).bind(since).fetch_one(pool).await
        })?;
        Ok(least.unwrap_or(KNOWS))
    }

    /// Wakes what dead replicas held: each is claimed when its lease ends, soon after. A replica is forgotten only when it has
    /// been dead since `long_dead`, since what it stored last may become visible late.
    pub async fn rescue(
        &self,
        now: DateTime<Utc>,
        long_dead: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        const DEAD: &str =
            "SELECT owner, oldest, alive_until FROM replicas WHERE alive_until <= $1";
        const WAKE: &str = "UPDATE verifications SET wake_at = $1 WHERE id >= $2 AND lease_owner = $3 AND wake_at > $1";
        const FORGET: &str = "DELETE FROM replicas WHERE owner = $1 AND alive_until <= $2";
        let dead: Vec<(i64, Uuid, DateTime<Utc>)> = read!(&self.engine, |pool| {
            sqlx::query_as(DEAD).bind(now).fetch_all(pool).await
        })?;
        for (owner, oldest, alive_until) in dead {
            touch!(self, WAKE, now, oldest, owner)?;
            if alive_until <= long_dead {
                touch!(self, FORGET, owner, long_dead)?;
            }
        }
        Ok(())
    }

    /// Ends the leases of those of these verifications that this replica holds, and does not work on: they are due now. Returns
    /// which.
    pub async fn give_up(
        &self,
        ids: &[VerificationId],
        owner: i64,
        now: DateTime<Utc>,
    ) -> Result<Vec<VerificationId>, StorageError> {
        const GIVE_UP: &str = "UPDATE verifications SET lease_owner = NULL, lease_until = NULL, wake_at = r.wake_at FROM {rows} \
            WHERE verifications.id = r.id AND verifications.lease_owner = r.lease_owner RETURNING verifications.id";
        let (count, uuids) = (ids.len(), ids.iter().map(|id| Some(id.uuid())));
        let rows = Rows::new(
            count,
            vec![
                ("id", Column::Uuid(uuids.collect())),
                ("lease_owner", Column::Int(vec![Some(owner); count])),
                ("wake_at", Column::Time(vec![Some(now); count])),
            ],
        );
        let held: Vec<(Uuid,)> = rows.change(GIVE_UP, &self.engine).await?;
        let held = held.into_iter().map(|(id,)| id);
        Ok(held.map(VerificationId::from_uuid).collect())
    }
}

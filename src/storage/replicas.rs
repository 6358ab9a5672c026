//! Replicas that work. A verification whose `wake_at` lies after its lease is found again, if its replica dies, by that
//! replica's row here.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::engine::{read, touch};
use super::{StorageError, Store};
use crate::verification::id::VerificationId;

/// Forms of rows that builds before them cannot read: each is written once all replicas know it.
pub const IN_THE_PAST: i64 = 1;
pub const WITH_TRACE: i64 = 1;

/// The newest form that this build reads.
const KNOWS: i64 = 1;

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

    /// Ends the lease of a verification that this replica holds and does not work on: it is due now. Returns false if there is
    /// none.
    pub async fn give_up(
        &self,
        id: VerificationId,
        owner: i64,
        now: DateTime<Utc>,
    ) -> Result<bool, StorageError> {
        const GIVE_UP: &str = "UPDATE verifications SET lease_owner = NULL, lease_until = NULL, wake_at = $1 \
            WHERE id = $2 AND lease_owner = $3";
        Ok(touch!(self, GIVE_UP, now, id.uuid(), owner)? > 0)
    }
}

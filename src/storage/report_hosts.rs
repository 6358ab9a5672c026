//! Hosts that a dialect's requests named for their reports: how many there are, and how they answer. The reports are deliveries under the
//! host's id.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::engine::{read, touch, write};
use super::{StorageError, Store};
use crate::verification::id::ProjectId;

/// Limits on the hosts of a project.
#[derive(Clone, Copy, Debug)]
pub struct HostLimit {
    pub most: i64,
    /// Those named since then count.
    pub since: DateTime<Utc>,
}

impl Store {
    /// Records that a request named a host. `false`: the project has named as many others as it may.
    pub async fn admit_report_host(
        &self,
        id: Uuid,
        project: ProjectId,
        now: DateTime<Utc>,
        limit: HostLimit,
    ) -> Result<bool, StorageError> {
        const ADMIT: &str = "INSERT INTO report_hosts (id, project_id, seen_at, failed) SELECT $1, $2, $3, 0 \
            WHERE EXISTS (SELECT 1 FROM report_hosts WHERE id = $1 AND seen_at > $4) \
            OR (SELECT count(*) FROM report_hosts WHERE project_id = $2 AND seen_at > $4) < $5 \
            ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at";
        let done = write!(&self.engine, |pool| sqlx::query(ADMIT)
            .bind(id)
            .bind(project.0)
            .bind(now)
            .bind(limit.since)
            .bind(limit.most)
            .execute(pool)
            .await
            .map(|done| done.rows_affected()))?;
        Ok(done == 1)
    }

    /// Hosts with a report that is due, unless they rest.
    pub async fn find_due_report_hosts(
        &self,
        now: DateTime<Utc>,
    ) -> Result<Vec<Uuid>, StorageError> {
        const DUE: &str = "SELECT h.id FROM report_hosts h WHERE (h.rests_until IS NULL OR h.rests_until <= $1) \
            AND EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.webhook_id = h.id AND d.due_at <= $1)";
        let ids: Vec<(Uuid,)> = read!(&self.engine, |pool| sqlx::query_as(DUE)
            .bind(now)
            .fetch_all(pool)
            .await)?;
        Ok(ids.into_iter().map(|(id,)| id).collect())
    }

    /// The host took a report.
    pub async fn report_host_answered(&self, id: Uuid) -> Result<(), StorageError> {
        const ANSWERED: &str =
            "UPDATE report_hosts SET failed = 0, rests_until = NULL WHERE id = $1 AND failed > 0";
        touch!(self, ANSWERED, id)?;
        Ok(())
    }

    /// The host did not take so many reports. After `patience` in a row it rests until `until`; returns whether it does.
    pub async fn report_host_failed(
        &self,
        id: Uuid,
        failures: i64,
        (patience, until): (i64, DateTime<Utc>),
    ) -> Result<bool, StorageError> {
        const FAILED: &str = "UPDATE report_hosts SET failed = failed + $2, \
            rests_until = CASE WHEN failed + $2 >= $3 THEN $4 ELSE rests_until END WHERE id = $1 \
            RETURNING failed >= $3";
        let rests: Option<(bool,)> = write!(&self.engine, |pool| sqlx::query_as(FAILED)
            .bind(id)
            .bind(failures)
            .bind(patience)
            .bind(until)
            .fetch_optional(pool)
            .await)?;
        Ok(rests.is_some_and(|(rests,)| rests))
    }

    /// Forgets hosts that no request has named since `before`, whose reports are over.
    pub async fn drop_report_hosts(&self, before: DateTime<Utc>) -> Result<(), StorageError> {
        const OLD: &str = "DELETE FROM report_hosts WHERE seen_at < $1 AND NOT EXISTS (SELECT 1 \
            FROM webhook_deliveries d WHERE d.webhook_id = report_hosts.id AND d.due_at IS NOT NULL)";
        touch!(self, OLD, before)?;
        Ok(())
    }
}

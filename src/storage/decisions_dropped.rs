//! Removes decisions of the guard: those that are old, and those about verifications that are erased.

use chrono::{DateTime, Utc};

use super::engine::rows::{Column, Rows};
use super::engine::{Engine, read, touch};
use super::{StorageError, Store};
use crate::verification::id::{ProjectId, VerificationId, time_ordered};

impl Store {
    /// Removes up to `limit` decisions of before `since`, of one project or of all, and returns how many.
    pub async fn drop_decisions(
        &self,
        project: Option<ProjectId>,
        since: DateTime<Utc>,
        limit: i64,
    ) -> Result<u64, StorageError> {
        macro_rules! drop {
            ($own:literal) => {
                concat!(
                    "DELETE FROM guard_decisions WHERE id IN (SELECT d.id FROM guard_decisions d WHERE d.id < $1 ",
                    $own,
                    "ORDER BY d.id LIMIT $2)"
                )
            };
        }
        const OF_ALL: &str = drop!("");
        const OF_ONE: &str = drop!("AND d.project_id = $3 ");
        // Ids are of their time.
        let first = time_ordered(since, [0; 8]);
        Ok(match project {
            Some(project) => touch!(self, OF_ONE, first, limit, project.0)?,
            None => touch!(self, OF_ALL, first, limit)?,
        })
    }

    /// How many decisions there are of before `since`, of one project or of all.
    pub async fn count_decisions(
        &self,
        project: Option<ProjectId>,
        since: DateTime<Utc>,
    ) -> Result<u64, StorageError> {
        const COUNT: &str = "SELECT COUNT(*) FROM guard_decisions WHERE id < $1 AND ($2 IS NULL OR project_id = $2)";
        let (count,): (i64,) = read!(&self.engine, |pool| sqlx::query_as(COUNT)
            .bind(time_ordered(since, [0; 8]))
            .bind(project.map(|project| project.0))
            .fetch_one(pool)
            .await)?;
        Ok(count.unsigned_abs())
    }

    /// Deletes the decisions about these verifications and returns how many. A row that summarizes several decisions is kept, but no
    /// longer names a verification.
    pub async fn drop_decisions_about(&self, ids: &[VerificationId]) -> Result<u64, StorageError> {
        const PART: &str = "UPDATE guard_decisions SET verification_id = NULL \
            WHERE count > 1 AND verification_id IN (SELECT r.id FROM {rows})";
        const DROP: &str =
            "DELETE FROM guard_decisions WHERE verification_id IN (SELECT r.id FROM {rows})";
        if ids.is_empty() {
            return Ok(0);
        }
        self.change_decisions_about(PART, ids).await?;
        self.change_decisions_about(DROP, ids).await
    }

    async fn change_decisions_about(
        &self,
        change: &'static str,
        ids: &[VerificationId],
    ) -> Result<u64, StorageError> {
        let uuids = ids.iter().map(|id| Some(id.uuid())).collect();
        let rows = Rows::new(ids.len(), vec![("id", Column::Uuid(uuids))]);
        Ok(match &self.engine {
            Engine::Postgres(pool) => rows.postgres(change).execute(pool).await?.rows_affected(),
            Engine::Sqlite { write, .. } => {
                rows.sqlite(change).execute(write).await?.rows_affected()
            }
        })
    }
}

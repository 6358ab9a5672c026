//! Verifications of a span of time, in its order: what the guard learns from after a start, and judges again in a back-test.

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::engine::read;
use super::verifications::{COLUMNS, Row};
use super::{StorageError, Store};
use crate::verification::Verification;
use crate::verification::id::{ProjectId, time_ordered};

impl Store {
    /// Up to `limit` current verifications whose ids lie between these, the newest first. Of a row that cannot be read nothing is
    /// returned.
    pub async fn between(
        &self,
        since: Uuid,
        before: Uuid,
        limit: i64,
    ) -> Result<Vec<Verification>, StorageError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM verifications v WHERE v.id >= $1 AND v.id < $2 ORDER BY v.id DESC LIMIT $3"
        );
        let rows: Vec<Row> = read!(&self.engine, |pool| sqlx::query_as(AssertSqlSafe(sql))
            .bind(since)
            .bind(before)
            .bind(limit)
            .fetch_all(pool)
            .await)?;
        Ok(self.readable(rows.into_iter().map(|row| row.open(&self.vault))))
    }

    /// Up to `limit` verifications, also of the past, whose ids lie after `after` and before `until`, oldest first, and the last id that
    /// was looked at. One statement, so that one that is moved meanwhile is found.
    pub async fn oldest_between(
        &self,
        project: Option<ProjectId>,
        (after, until): (Uuid, Uuid),
        limit: i64,
    ) -> Result<(Vec<Verification>, Option<Uuid>), StorageError> {
        let part = |table| {
            format!(
                "SELECT * FROM (SELECT {COLUMNS} FROM {table} v WHERE v.id > $1 AND v.id < $2 \
                AND ($3 IS NULL OR v.project_id = $3) ORDER BY v.id LIMIT $4) AS {table}"
            )
        };
        let (hot, past) = (part("verifications"), part("past_verifications"));
        let sql = format!("{hot} UNION ALL {past} ORDER BY id LIMIT $4");
        let rows: Vec<Row> = read!(&self.engine, |pool| sqlx::query_as(AssertSqlSafe(sql))
            .bind(after)
            .bind(until)
            .bind(project.map(|project| project.0))
            .bind(limit)
            .fetch_all(pool)
            .await)?;
        let last = rows.last().map(Row::id);
        let found = rows.into_iter().map(|row| row.open(&self.vault));
        Ok((self.readable(found), last))
    }

    /// Verifications of before this time, in seconds since 1970, may be gone; 0: none is.
    pub async fn kept_from(&self) -> Result<i64, StorageError> {
        const FROM: &str =
            "SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'verifications_from'";
        let found: Option<(i64,)> = read!(&self.engine, |pool| sqlx::query_as(FROM)
            .fetch_optional(pool)
            .await)?;
        Ok(found.map_or(0, |(from,)| from))
    }
}

/// The least id of a list, and one above the greatest, where ids are of their time: from a time on, up to another, and below the last one
/// of the page before.
pub(super) fn ids_between(
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    before: Option<Uuid>,
) -> (Uuid, Uuid) {
    let bound =
        |at: Option<DateTime<Utc>>, otherwise| at.map_or(otherwise, |at| time_ordered(at, [0; 8]));
    let until = bound(to, Uuid::max());
    let until = before.map_or(until, |before| before.min(until));
    (bound(from, Uuid::nil()), until)
}

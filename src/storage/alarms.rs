//! Which suspicious traffic was announced to projects, so that no two replicas announce the same, and an attack floods nobody.

use chrono::{DateTime, Utc};

use super::engine::rows::{Column, Rows};
use super::engine::{read, touch};
use super::webhook_deliveries::Delivery;
use super::{StorageError, Store};
use crate::abuse::guard::cells::Key;
use crate::abuse::guard::rules::Rule;
use crate::verification::id::ProjectId;

/// In place of a rule: the project has more alarms than are announced.
const MORE: &str = "more";

impl Store {
    /// Records that a rule fired for a cell, unless the cell was announced within the hour, or `most` others of the project were. Returns whether
    /// it was recorded; `messages` announce it.
    pub async fn note_alarm(
        &self,
        rule: Rule,
        key: &Key,
        now: DateTime<Utc>,
        most: i64,
        messages: &[Delivery],
    ) -> Result<bool, StorageError> {
        let about = (key.project, rule.as_str(), key.cell.to_string());
        self.note_unless_known(about, now, most, messages).await
    }

    /// Records that a project has more alarms than are announced to it, unless that was announced within the hour.
    pub async fn note_more_alarms(
        &self,
        project: ProjectId,
        now: DateTime<Utc>,
        messages: &[Delivery],
    ) -> Result<bool, StorageError> {
        let about = (project, MORE, String::new());
        self.note_unless_known(about, now, i64::MAX, messages).await
    }

    async fn note_unless_known(
        &self,
        about: (ProjectId, &str, String),
        now: DateTime<Utc>,
        most: i64,
        messages: &[Delivery],
    ) -> Result<bool, StorageError> {
        const NOTE: &str = "INSERT INTO guard_alarms (project_id, rule, cell, told_at) \
            SELECT r.project_id, r.rule, r.cell, r.at FROM {rows} WHERE (SELECT COUNT(*) FROM guard_alarms a \
            WHERE a.project_id = r.project_id AND a.told_at > r.at - 3600 AND a.rule <> 'more') < r.most \
            AND NOT EXISTS (SELECT 1 FROM guard_alarms b \
            WHERE b.project_id = r.project_id AND b.cell = r.cell AND b.told_at > r.at - 3600) \
            ON CONFLICT (project_id, rule, cell) DO UPDATE SET told_at = excluded.told_at, ended_at = NULL \
            WHERE guard_alarms.told_at <= excluded.told_at - 3600 RETURNING rule";
        let mut rows = rows(about, now);
        rows.push(("most", Column::Int(vec![Some(most)])));
        self.announce_if_changed(NOTE, Rows::new(1, rows), messages)
            .await
    }

    /// Whether a cell's alarm was announced within the hour.
    pub async fn is_alarm_known(
        &self,
        key: &Key,
        now: DateTime<Utc>,
    ) -> Result<bool, StorageError> {
        const KNOWN: &str = "SELECT told_at FROM guard_alarms WHERE project_id = $1 AND cell = $2 AND told_at > $3 LIMIT 1";
        let found: Option<(i64,)> = read!(&self.engine, |pool| sqlx::query_as(KNOWN)
            .bind(key.project.0)
            .bind(key.cell.to_string())
            .bind(now.timestamp() - 3_600)
            .fetch_optional(pool)
            .await)?;
        Ok(found.is_some())
    }

    /// Records that a cell's alarm is over, if it was announced and is not known to be over.
    pub async fn end_alarm(
        &self,
        rule: Rule,
        key: &Key,
        now: DateTime<Utc>,
        messages: &[Delivery],
    ) -> Result<bool, StorageError> {
        const END: &str = "UPDATE guard_alarms SET ended_at = r.at FROM {rows} WHERE guard_alarms.project_id = r.project_id \
            AND guard_alarms.rule = r.rule AND guard_alarms.cell = r.cell AND guard_alarms.ended_at IS NULL \
            RETURNING guard_alarms.rule";
        let about = (key.project, rule.as_str(), key.cell.to_string());
        self.announce_if_changed(END, Rows::new(1, rows(about, now)), messages)
            .await
    }

    /// Forgets what was announced before this time.
    pub async fn drop_alarms(&self, before: DateTime<Utc>) -> Result<(), StorageError> {
        const DROP: &str = "DELETE FROM guard_alarms WHERE told_at < $1";
        touch!(self, DROP, before.timestamp())?;
        Ok(())
    }
}

fn rows(
    (project, rule, cell): (ProjectId, &str, String),
    now: DateTime<Utc>,
) -> Vec<(&'static str, Column<'static>)> {
    vec![
        ("project_id", Column::Uuid(vec![Some(project.0)])),
        ("rule", Column::Text(vec![Some(rule.to_owned())])),
        ("cell", Column::Text(vec![Some(cell)])),
        ("at", Column::Int(vec![Some(now.timestamp())])),
    ]
}

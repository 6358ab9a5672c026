//! Back-tests of the guard's rules: asked for by people, worked on by one replica at a time, and kept with what they found.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::engine::{read, row, touch, write};
use super::{StorageError, Store};
use crate::verification::id::{ProjectId, time_ordered};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayState {
    Running,
    Done,
    Failed,
}

impl ReplayState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let all = [Self::Running, Self::Done, Self::Failed];
        all.into_iter().find(|state| state.as_str() == text)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredReplay {
    pub id: Uuid,
    /// `None`: every project.
    pub project: Option<ProjectId>,
    /// The span and the rules, as JSON.
    pub asked: String,
    pub state: ReplayState,
    /// In thousandths.
    pub progress: i64,
    /// What it found as JSON, or why it failed.
    pub answer: Option<String>,
}

row! {
    struct Row {
        id: Uuid,
        project_id: Option<Uuid>,
        asked: String,
        state: String,
        progress: i64,
        answer: Option<String>,
    }
}

impl Store {
    /// Adds one that has yet to run, unless so many are waiting already, in all or of its project. Returns whether it was added.
    pub async fn add_replay(
        &self,
        replay: &StoredReplay,
        (most, most_of_project): (i64, i64),
    ) -> Result<bool, StorageError> {
        const ADD: &str = "INSERT INTO guard_replays (id, project_id, asked, state, progress) \
            SELECT $1, $2, $3, 'running', 0 WHERE (SELECT COUNT(*) FROM guard_replays WHERE state = 'running') < $4 \
            AND (SELECT COUNT(*) FROM guard_replays WHERE state = 'running' AND project_id = $2) < $5";
        let project = replay.project.map(|project| project.0);
        let added = touch!(
            self,
            ADD,
            replay.id,
            project,
            replay.asked.clone(),
            most,
            most_of_project
        )?;
        Ok(added > 0)
    }

    pub async fn find_replay(&self, id: Uuid) -> Result<Option<StoredReplay>, StorageError> {
        const FIND: &str = "SELECT id, project_id, asked, state, progress, answer FROM guard_replays WHERE id = $1";
        let row: Option<Row> = read!(&self.engine, |pool| sqlx::query_as(FIND)
            .bind(id)
            .fetch_optional(pool)
            .await)?;
        row.map(StoredReplay::try_from).transpose()
    }

    /// Takes the oldest one that nobody works on, until this time.
    pub async fn take_replay(
        &self,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Option<StoredReplay>, StorageError> {
        const FREE: &str = "SELECT id FROM guard_replays WHERE state = 'running' AND (held_until IS NULL OR held_until < $1) \
            ORDER BY id LIMIT 1";
        const TAKE: &str = "UPDATE guard_replays SET held_until = $2 WHERE id = $3 AND state = 'running' \
            AND (held_until IS NULL OR held_until < $1) RETURNING id, project_id, asked, state, progress, answer";
        let free: Option<(Uuid,)> = read!(&self.engine, |pool| sqlx::query_as(FREE)
            .bind(now)
            .fetch_optional(pool)
            .await)?;
        let Some((id,)) = free else { return Ok(None) };
        let row: Option<Row> = write!(&self.engine, |pool| sqlx::query_as(TAKE)
            .bind(now)
            .bind(until)
            .bind(id)
            .fetch_optional(pool)
            .await)?;
        row.map(StoredReplay::try_from).transpose()
    }

    /// Says how far it has come, and holds it until this time.
    pub async fn note_replay(
        &self,
        id: Uuid,
        progress: i64,
        until: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        const NOTE: &str = "UPDATE guard_replays SET progress = $1, held_until = $2 WHERE id = $3 AND state = 'running'";
        touch!(self, NOTE, progress, until, id)?;
        Ok(())
    }

    /// Ends it. One that has ended stays as it is.
    pub async fn end_replay(
        &self,
        id: Uuid,
        state: ReplayState,
        answer: String,
    ) -> Result<(), StorageError> {
        const END: &str = "UPDATE guard_replays SET state = $1, answer = $2, progress = 1000 WHERE id = $3 AND state = 'running'";
        touch!(self, END, state.as_str(), answer, id)?;
        Ok(())
    }

    /// Removes up to `limit` of before `since`, of one project or of all, and returns how many.
    pub async fn drop_replays(
        &self,
        project: Option<ProjectId>,
        since: DateTime<Utc>,
        limit: i64,
    ) -> Result<u64, StorageError> {
        const DROP: &str = "DELETE FROM guard_replays WHERE id IN (SELECT r.id FROM guard_replays r WHERE r.id < $1 \
            AND ($3 IS NULL OR r.project_id = $3) ORDER BY r.id LIMIT $2)";
        let project = project.map(|project| project.0);
        Ok(touch!(
            self,
            DROP,
            time_ordered(since, [0; 8]),
            limit,
            project
        )?)
    }
}

impl TryFrom<Row> for StoredReplay {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        let state = ReplayState::parse(&row.state).ok_or_else(|| StorageError::Inconsistent {
            table: "guard_replays",
            column: "state",
            id: row.id.to_string(),
        })?;
        Ok(Self {
            id: row.id,
            project: row.project_id.map(ProjectId),
            asked: row.asked,
            state,
            progress: row.progress,
            answer: row.answer,
        })
    }
}

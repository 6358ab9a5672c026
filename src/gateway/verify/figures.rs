//! What the guard decided and counts: stored, shown to people, and blocks ended by them.

use chrono::{DateTime, Utc};

use super::room::Verify;
use crate::abuse::guard::cells::{Cell, Key};
use crate::abuse::guard::figures::Reading;
use crate::abuse::guard::rules::Rule;
use crate::gateway::error::Error;
use crate::gateway::shared::Access;
use crate::storage::{Decision, DecisionQuery, StorageError};
use crate::verification::id::ProjectId;
use crate::verification::origin::TraceHash;

/// Of each list.
const MOST: usize = 100;

/// A cell and what is counted about it.
pub type FullCell = (Key, Reading);

/// A range of numbers that is blocked for a while.
#[derive(Clone, Debug)]
pub struct OpenBlock {
    pub project: ProjectId,
    pub prefix: TraceHash,
    /// The range, in international form; `None`: no decision about it is kept.
    pub range: Option<String>,
    pub level: u8,
    pub until: DateTime<Utc>,
}

impl OpenBlock {
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}.{}", self.project.0.simple(), String::from(self.prefix))
    }
}

impl Verify {
    /// Stores the decisions that were taken since the last time.
    pub async fn store_decisions(&self) -> Result<(), StorageError> {
        let rows = self.decisions().take(self.core().now());
        if rows.is_empty() {
            return Ok(());
        }
        let stored = self.core().db.add_decisions(&rows).await;
        if stored.is_err() {
            self.decisions().give_back(rows);
        }
        stored
    }

    /// Newest first.
    pub async fn list_decisions(&self, query: &DecisionQuery) -> Result<Vec<Decision>, Error> {
        Ok(self.core().db.list_decisions(query).await?)
    }

    /// The blocks that are on, of one project or of all, the last used first.
    pub async fn blocks(&self, project: Option<ProjectId>) -> Result<Vec<OpenBlock>, Error> {
        let mut found = Vec::new();
        let open = self.figures().blocks(self.core().now()).into_iter();
        let open = open.filter(|(key, _)| project.is_none_or(|project| key.project == project));
        for (key, block) in open.take(MOST) {
            let Cell::Prefix(prefix) = key.cell else {
                continue;
            };
            let about_it = DecisionQuery {
                project: Some(key.project),
                prefix_hash: Some(prefix),
                limit: 1,
                ..DecisionQuery::default()
            };
            let newest = self.list_decisions(&about_it).await?.pop();
            found.push(OpenBlock {
                project: key.project,
                prefix,
                range: newest.map(|decision| decision.prefix),
                level: block.level(),
                until: block.until(),
            });
        }
        Ok(found)
    }

    /// Ends a block; returns whether there was one that this access covers.
    #[must_use]
    pub fn end_block(&self, access: &Access, id: &str) -> bool {
        let parts = id.split_once('.').and_then(|(project, prefix)| {
            let project = ProjectId(uuid::Uuid::try_parse(project).ok()?);
            Some((project, TraceHash::try_from(prefix.to_owned()).ok()?))
        });
        parts.is_some_and(|(project, prefix)| {
            let cell = Cell::Prefix(prefix);
            access.covers(project)
                && self
                    .figures()
                    .end_block(Key { project, cell }, self.core().now())
        })
    }

    /// The cells that a rule counts by, of one project or of all, the fullest first.
    #[must_use]
    pub fn fullest_cells(&self, project: Option<ProjectId>, rule: Rule) -> Vec<FullCell> {
        let all = self.figures().fullest(rule, usize::MAX, self.core().now());
        let of_it = all.into_iter();
        let of_it = of_it.filter(|(key, _)| project.is_none_or(|project| key.project == project));
        of_it.take(MOST).collect()
    }
}

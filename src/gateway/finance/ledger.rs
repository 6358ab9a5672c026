//! Ledger entries, and attempts whose cost is still unknown.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::room::Finance;
use crate::gateway::error::Error;
use crate::gateway::shared::Access;
use crate::ledger::entry::Entry;
use crate::money::Money;
use crate::storage::LedgerQuery;
use crate::verification::attempt::AttemptStatus;
use crate::verification::cost::CostState;
use crate::verification::id::{AttemptId, ProjectId};
use crate::verification::route::Channel;
use crate::verification::span;

/// An attempt in `unknown` that may have been charged.
#[derive(Clone, Debug)]
pub struct Unsettled {
    pub attempt: AttemptId,
    pub project: ProjectId,
    pub channel: Channel,
    pub provider: String,
    pub estimate: Money,
    pub created_at: DateTime<Utc>,
    /// When it will be charged at its estimate, unless a report settles it before.
    pub written_off_at: DateTime<Utc>,
}

impl Finance {
    pub async fn list_ledger(
        &self,
        access: &Access,
        mut query: LedgerQuery,
    ) -> Result<Vec<Entry>, Error> {
        query.project = query.project.or(access.project);
        Ok(self.core().db.list_ledger(&query).await?)
    }

    /// Unsettled attempts of at most a thousand verifications, oldest first.
    pub async fn unsettled(&self, project: Option<ProjectId>) -> Result<Vec<Unsettled>, Error> {
        const MOST: i64 = 1_000;
        let after = self.core().settings.unknown_after;
        let mut found = Vec::new();
        for v in self.core().db.list_unknown(project, MOST).await? {
            for attempt in &v.record.attempts {
                let open = attempt.status == AttemptStatus::Unknown
                    && attempt.cost.state == CostState::Estimated;
                if open {
                    found.push(Unsettled {
                        attempt: v.attempt_id(attempt),
                        project: v.project,
                        channel: attempt.channel,
                        provider: attempt.provider.clone(),
                        estimate: attempt.cost.money,
                        created_at: attempt.created_at,
                        written_off_at: span::after(attempt.created_at, after),
                    });
                }
            }
        }
        found.sort_by_key(|one| one.created_at);
        Ok(found)
    }

    /// A ledger entry, for a replay under an idempotency key.
    pub async fn entry(&self, id: Uuid) -> Result<Entry, Error> {
        self.core().db.find_entry(id).await?.ok_or(Error::NotFound)
    }
}

//! Looks verifications and ledger entries up, for those who may see them.

use chrono::{DateTime, Utc};

use super::{Access, Gateway, LedgerQuery, ListQuery, Trouble};
use crate::ledger::entry::Entry;
use crate::money::Money;
use crate::verification::attempt::{AttemptStatus, CostState};
use crate::verification::id::{AttemptId, ProjectId, VerificationId};
use crate::verification::route::Channel;
use crate::verification::{Verification, span};

/// An attempt that may have been charged.
#[derive(Clone, Debug)]
pub struct Unsettled {
    pub attempt: AttemptId,
    pub project: ProjectId,
    pub channel: Channel,
    pub provider: String,
    pub estimate: Money,
    pub created_at: DateTime<Utc>,
    /// When it is charged at its estimate, unless a report comes before.
    pub written_off_at: DateTime<Utc>,
}

impl Gateway {
    /// A verification of a project that the key covers; anyone else's does not exist for it.
    pub async fn find(&self, access: &Access, id: VerificationId) -> Result<Verification, Trouble> {
        let v = self.read(id).await?;
        if !access.covers(v.project) {
            return Err(Trouble::NotFound);
        }
        self.up_to_date(v).await
    }

    /// Newest first. What the query does not say about the project, the key decides.
    pub async fn list(
        &self,
        access: &Access,
        mut query: ListQuery,
    ) -> Result<Vec<Verification>, Trouble> {
        query.project = query.project.or(access.project);
        Ok(self.0.db.list_verifications(&query).await?)
    }

    pub async fn list_ledger(
        &self,
        access: &Access,
        mut query: LedgerQuery,
    ) -> Result<Vec<Entry>, Trouble> {
        query.project = query.project.or(access.project);
        Ok(self.0.db.list_ledger(&query).await?)
    }

    /// Attempts that left without an answer and whose cost is not known, oldest first, a thousand at most.
    pub async fn unsettled(&self, project: Option<ProjectId>) -> Result<Vec<Unsettled>, Trouble> {
        const MOST: i64 = 1_000;
        let after = self.0.settings.unknown_after;
        let mut found = Vec::new();
        for v in self.0.db.list_unknown(project, MOST).await? {
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
}

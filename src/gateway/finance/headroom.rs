//! Whether budgets have room for a send.
//!
//! The database decides, in the commit that stores the attempt. The cached usage here only avoids commits that would
//! fail.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::room::Finance;
use crate::gateway::error::Error;
use crate::gateway::shared::Access;
use crate::money::{Micros, Money};
use crate::storage::BudgetUse;
use crate::verification::Verification;
use crate::verification::budget::{Budget, Counter, Posting};
use crate::verification::id::ProjectId;
use crate::verification::phone::Country;

/// How long cached usage is valid.
const BELIEVED: Duration = Duration::from_secs(1);

/// A budget and its usage in the current period.
#[derive(Clone, Debug)]
pub struct BudgetState {
    pub project: ProjectId,
    pub budget: Budget,
    pub spent: Micros,
    pub reserved: Micros,
    pub resets_at: DateTime<Utc>,
}

impl BudgetState {
    /// Spent plus reserved.
    #[must_use]
    pub fn used(&self) -> Micros {
        Micros(self.spent.0.saturating_add(self.reserved.0))
    }
}

/// A budget's counter in the period that contains `now`.
pub fn counter(project: ProjectId, budget: &Budget, now: DateTime<Utc>) -> Counter {
    Counter {
        project: project.0,
        period: budget.period,
        country: budget.country,
        currency: budget.limit.currency,
        starts_at: budget.period.starts_at(now),
    }
}

impl Finance {
    /// The budget postings of the change that is about to be stored.
    pub(in crate::gateway) fn postings(&self, v: &mut Verification) -> Vec<Posting> {
        let policy = self.core().directory.policy(v.project);
        let now = self.core().now();
        v.postings(&policy.budgets, |money, to| self.convert(money, to, now))
    }

    /// Whether a send of this price may fit into every budget that covers it. `own`: the verification it belongs to,
    /// whose own reservations are not counted.
    pub(in crate::gateway) fn may_have_room(
        &self,
        project: ProjectId,
        country: Country,
        price: Money,
        own: Option<&Verification>,
    ) -> bool {
        let policy = self.core().directory.policy(project);
        let now = self.core().now();
        let mut covering = policy
            .budgets
            .iter()
            .filter(|budget| budget.covers(country));
        covering.all(|budget| {
            let limit = budget.limit.amount.0;
            let Some(amount) = self.convert(price, budget.limit.currency, now) else {
                tracing::error!(
                    alarm = true,
                    from = %price.currency,
                    to = %budget.limit.currency,
                    "a budget cannot be enforced without an exchange rate, so nothing is sent; add one with PUT /v1/exchange-rates"
                );
                return false;
            };
            let counter = counter(project, budget, now);
            let held = own.map_or(0, |v| v.reserved_in(&counter));
            let used = self.known_use(&counter).saturating_sub(held);
            amount.0.saturating_add(used) <= limit
        })
    }

    fn known_use(&self, counter: &Counter) -> i64 {
        let headroom = self.headroom();
        let Some((at, uses)) = headroom.get(&counter.project) else {
            return 0;
        };
        let known = uses.iter().find(|known| known.counter == *counter);
        known
            .filter(|_| at.elapsed() < BELIEVED)
            .map_or(0, BudgetUse::total)
    }

    /// Reads the usage of a project's budgets, after a reservation was refused.
    pub(in crate::gateway) async fn learn_headroom(&self, project: ProjectId) {
        match self
            .core()
            .db
            .budget_uses(Some(project), self.core().now())
            .await
        {
            Ok(uses) => {
                self.headroom().insert(project.0, (Instant::now(), uses));
            }
            Err(error) => tracing::warn!(%error, "cannot read the usage of budgets"),
        }
    }

    /// Drops the cached usage when a posting gives money back.
    pub(in crate::gateway) fn forget_headroom(&self, postings: &[Posting]) {
        let gives_back = |posting: &&Posting| posting.reserve.saturating_add(posting.spend) < 0;
        if let Some(posting) = postings.iter().find(gives_back) {
            self.headroom().remove(&posting.counter.project);
        }
    }

    /// The effective budgets of the projects that the key covers.
    pub async fn budgets(&self, access: &Access) -> Result<Vec<BudgetState>, Error> {
        let now = self.core().now();
        self.core().directory.refresh().await?;
        let mut projects = self.core().directory.projects();
        projects.retain(|project| access.covers(project.id));
        let uses = self.core().db.budget_uses(access.project, now).await?;
        let mut states = Vec::new();
        for project in projects {
            for budget in &self.core().directory.policy(project.id).budgets {
                let counter = counter(project.id, budget, now);
                let used = uses.iter().find(|used| used.counter == counter);
                states.push(BudgetState {
                    project: project.id,
                    spent: Micros(used.map_or(0, |used| used.spent)),
                    reserved: Micros(used.map_or(0, |used| used.reserved)),
                    resets_at: DateTime::from_timestamp(budget.period.ends_at(now), 0)
                        .unwrap_or(now),
                    budget: budget.clone(),
                });
            }
        }
        Ok(states)
    }

    pub(in crate::gateway) fn forget_all_headroom(&self) {
        self.headroom().clear();
    }
}

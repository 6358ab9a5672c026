//! Who is told that a budget has reached a share of its limit.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::purse;
use crate::gateway::Gateway;
use crate::money::{Micros, Money};
use crate::storage::{BudgetUse, StorageError};
use crate::verification::budget::Budget;
use crate::verification::id::ProjectId;

impl Gateway {
    /// Tells projects of budgets that have reached a share, each share once in its period; answers how many were told of.
    pub async fn watch_budgets(&self) -> Result<usize, StorageError> {
        let now = self.now();
        let mut told = 0;
        for used in self.0.db.budget_uses(None, now).await? {
            let project = ProjectId(used.purse.project);
            let policy = self.0.directory.policy(project);
            let mine = |budget: &&Budget| purse(project, budget, now) == used.purse;
            let Some(budget) = policy.budgets.iter().find(mine) else {
                continue;
            };
            let limit = i128::from(budget.limit.amount.0);
            let reached = budget
                .alert_at
                .iter()
                .copied()
                .filter(|share| i128::from(used.total()) * 1_000 >= limit * i128::from(*share));
            let Some(share) = reached
                .max()
                .filter(|share| i64::from(*share) > used.alerted)
            else {
                continue;
            };
            let data = self.budget_news(project, budget, &used, share, now);
            let messages = self.announcements(Some(project), "budget.reached", &data);
            let (db, purse, reached) = (&self.0.db, &used.purse, i64::from(share));
            if db.note_budget_alert(purse, reached, &messages).await? {
                told += 1;
                tracing::warn!(
                    project = self.0.directory.project_name(project),
                    share = f64::from(share) / 1_000.0,
                    "a budget has reached a share of its limit"
                );
            }
        }
        Ok(told)
    }

    fn budget_news(
        &self,
        project: ProjectId,
        budget: &Budget,
        used: &BudgetUse,
        share: u16,
        now: DateTime<Utc>,
    ) -> Value {
        let money = |amount: i64| Money::new(Micros(amount), budget.limit.currency).decimal();
        let resets_at = DateTime::from_timestamp(budget.period.ends_at(now), 0).unwrap_or(now);
        json!({
            "project": self.0.directory.project_name(project),
            "period": budget.period.as_str(),
            "country": budget.country,
            "limit": { "amount": budget.limit.decimal(), "currency": budget.limit.currency.to_string() },
            "spent": money(used.spent),
            "reserved": money(used.reserved),
            "share": f64::from(share) / 1_000.0,
            "resets_at": resets_at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        })
    }
}

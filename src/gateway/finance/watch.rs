//! Alerts when a budget reaches a configured share of its limit.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::headroom::counter;
use super::room::Finance;
use crate::money::{Micros, Money};
use crate::storage::{BudgetUse, StorageError};
use crate::verification::budget::Budget;
use crate::verification::id::ProjectId;
use crate::verification::span;

/// How long after its end a period is still checked.
const JUST_ENDED: Duration = Duration::from_secs(60);

impl Finance {
    /// Sends a webhook for each budget that has reached a share, once per share and period. Returns how many alerts
    /// there were.
    pub async fn watch_budgets(&self) -> Result<usize, StorageError> {
        let now = self.core().now();
        let mut alerts = 0;
        // Include shares that were reached in the last moments of a period.
        let lately = span::before(now, JUST_ENDED);
        let mut uses = Vec::new();
        for at in [lately, now] {
            for used in self.core().db.budget_uses(None, at).await? {
                uses.push((at, used));
            }
        }
        for (at, used) in uses {
            let project = ProjectId(used.counter.project);
            let policy = self.core().directory.policy(project);
            let mine = |budget: &&Budget| counter(project, budget, at) == used.counter;
            let Some(budget) = policy.budgets.iter().find(mine) else {
                continue;
            };
            let share = budget.reached(used.total());
            if i64::from(share) <= used.alerted {
                continue;
            }
            let data = self.budget_news(project, budget, &used, share, at);
            let messages = self
                .notices()
                .announcements(Some(project), "budget.reached", &data);
            let (db, counter, reached) = (&self.core().db, &used.counter, i64::from(share));
            if db.note_budget_alert(counter, reached, &messages).await? {
                alerts += 1;
                tracing::warn!(
                    project = self.core().directory.project_name(project),
                    share = f64::from(share) / 1_000.0,
                    "a budget reached a share of its limit"
                );
            }
        }
        Ok(alerts)
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
            "project": self.core().directory.project_name(project),
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

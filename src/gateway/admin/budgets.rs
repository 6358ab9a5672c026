//! Sets budgets, of one project or of all projects that a key covers.

use serde_json::{Value, json};

use super::contended::contended;
use super::counters::{begin_counters, prepare_budgets};
use super::projects::{ProjectError, change_overrides};
use super::room::Admin;
use crate::gateway::error::Error;
use crate::gateway::finance::counter;
use crate::gateway::shared::{Access, PolicyFault};
use crate::money::{Currency, Micros, Money};
use crate::storage::{Project, StorageError};
use crate::verification::budget::Budget;
use crate::verification::id::ProjectId;

/// A requested budget.
#[derive(Clone, Debug)]
pub struct NewBudget {
    pub project: ProjectId,
    pub budget: Budget,
}

/// Why a budget change failed.
#[derive(Debug, thiserror::Error)]
pub enum BudgetError {
    #[error("no exchange rate from {from} to {to}")]
    NoRate {
        row: usize,
        from: Currency,
        to: Currency,
    },
    #[error("cannot change a project")]
    Project(ProjectError),
    #[error(transparent)]
    Failed(#[from] Error),
}

impl Admin {
    /// Replaces the budgets of every project that the key covers; a project without an entry in `wanted` ends up
    /// without budgets.
    pub async fn put_budgets(
        &self,
        access: &Access,
        wanted: &[NewBudget],
    ) -> Result<(), BudgetError> {
        self.check_convertible(wanted)?;
        contended(async || {
            let projects = self.list_projects(access).await?;
            let of = |project: &Project| -> Vec<Budget> {
                let own = wanted.iter().filter(|new| new.project == project.id);
                own.map(|new| new.budget.clone()).collect()
            };
            let lists = projects.iter().map(|project| (project, of(project)));
            let done = self.try_budgets(access, lists.collect()).await?;
            Ok(done.then_some(()))
        })
        .await
    }

    /// Changes the budgets of one project, starting from the effective ones.
    pub async fn change_budgets(
        &self,
        access: &Access,
        project: ProjectId,
        change: impl Fn(&mut Vec<Budget>),
    ) -> Result<(), BudgetError> {
        contended(async || {
            let mut projects = self.list_projects(access).await?;
            projects.retain(|known| known.id == project);
            let known = projects.first().ok_or(Error::NotFound)?;
            let policy = self.core().book.read(&known.overrides);
            let mut budgets = policy.map_err(ProjectError::Policy)?.budgets;
            change(&mut budgets);
            let new = |budget: &Budget| NewBudget {
                project,
                budget: budget.clone(),
            };
            let wanted: Vec<NewBudget> = budgets.iter().map(new).collect();
            self.check_convertible(&wanted)?;
            let done = self.try_budgets(access, vec![(known, budgets)]).await?;
            Ok(done.then_some(()))
        })
        .await
    }

    /// Removes a project's own budgets, so that the configured defaults apply again.
    pub async fn follow_default_budgets(
        &self,
        access: &Access,
        project: &str,
    ) -> Result<(), BudgetError> {
        let change = json!({ "budget": null });
        self.change_policy(access, project, &change).await?;
        Ok(())
    }

    /// Rejects limits in a currency that some provider's estimates cannot be converted to: such a budget would block
    /// all sends.
    fn check_convertible(&self, wanted: &[NewBudget]) -> Result<(), BudgetError> {
        let now = self.core().now();
        for (row, new) in wanted.iter().enumerate() {
            let to = new.budget.limit.currency;
            for account in self.finance().accounts() {
                let from = account.currency;
                if self
                    .finance()
                    .convert(Money::new(Micros(1), from), to, now)
                    .is_none()
                {
                    return Err(BudgetError::NoRate { row, from, to });
                }
            }
        }
        Ok(())
    }

    /// Sets these projects' budgets, all or none. Returns `false`, with nothing set, if a project has changed since it
    /// was read.
    async fn try_budgets(
        &self,
        access: &Access,
        lists: Vec<(&Project, Vec<Budget>)>,
    ) -> Result<bool, BudgetError> {
        let mut changes = Vec::with_capacity(lists.len());
        for (project, budgets) in &lists {
            let change = json!({ "budget": written(budgets) });
            let overrides = change_overrides(&self.core().book, project, &change)?;
            changes.push(((*project).clone(), overrides));
        }
        for (project, budgets) in &lists {
            let before = self.core().book.read(&project.overrides);
            let before = before.map(|policy| policy.budgets).unwrap_or_default();
            self.prepare_budgets(project.id, &before, budgets).await?;
        }
        let act = self.core().act(&access.by);
        let set = self.core().db.set_all_overrides(&changes, &act).await;
        if !set.map_err(Error::from)? {
            return Ok(false);
        }
        self.core().live.directory_changed().await?;
        self.finance().forget_all_headroom();
        Ok(true)
    }
}

impl Admin {
    /// Prepares the counters of budgets that are set through a policy change.
    pub(in crate::gateway) async fn prepare_policy(
        &self,
        project: &Project,
        overrides: &str,
    ) -> Result<(), ProjectError> {
        let budgets = |overrides: &str| {
            self.core()
                .book
                .read(overrides)
                .map(|policy| policy.budgets)
        };
        let before = budgets(&project.overrides).unwrap_or_default();
        let after = budgets(overrides).map_err(ProjectError::Policy)?;
        if before == after {
            return Ok(());
        }
        let wanted: Vec<NewBudget> = after
            .iter()
            .map(|budget| NewBudget {
                project: project.id,
                budget: budget.clone(),
            })
            .collect();
        if let Err(fault) = self.check_convertible(&wanted) {
            return Err(ProjectError::Policy(vec![PolicyFault {
                pointer: "/policy/budget".to_owned(),
                detail: format!("cannot be enforced: {fault}; add one with PUT /v1/exchange-rates"),
            }]));
        }
        self.prepare_budgets(project.id, &before, &after).await?;
        self.finance().forget_all_headroom();
        Ok(())
    }

    async fn prepare_budgets(
        &self,
        project: ProjectId,
        before: &[Budget],
        after: &[Budget],
    ) -> Result<(), Error> {
        let now = self.core().now();
        let convert = |money, to| self.finance().convert(money, to, now);
        Ok(prepare_budgets(&self.core().db, project, before, after, now, convert).await?)
    }

    /// Creates missing counters at start, before anything is sent: the configuration may have new default budgets, and
    /// these must include what their period has already spent.
    pub async fn begin_default_budgets(&self) -> Result<(), StorageError> {
        let now = self.core().now();
        let uses = self.core().db.budget_uses(None, now).await?;
        let convert = |money, to| self.finance().convert(money, to, now);
        for project in self.core().directory.projects() {
            let policy = self.core().directory.policy(project.id);
            let mut budgets = policy.budgets.clone();
            budgets.retain(|budget| {
                let own = counter(project.id, budget, now);
                uses.iter().all(|used| used.counter != own)
            });
            begin_counters(&self.core().db, project.id, &budgets, now, convert).await?;
        }
        Ok(())
    }
}

/// The policy's JSON. An empty list is written as `"off"`, because a missing key would restore the default.
fn written(budgets: &[Budget]) -> Value {
    if budgets.is_empty() {
        return json!("off");
    }
    let one = |budget: &Budget| {
        let shares: Vec<f64> = budget
            .alert_at
            .iter()
            .map(|share| f64::from(*share) / 1_000.0)
            .collect();
        let mut written = json!({
            "period": budget.period.as_str(),
            "limit": { "amount": budget.limit.decimal(), "currency": budget.limit.currency.to_string() },
            "alert_at": shares,
        });
        if let Some(country) = budget.country {
            written["country"] = json!(country);
        }
        written
    };
    budgets.iter().map(one).collect()
}

impl From<ProjectError> for BudgetError {
    fn from(error: ProjectError) -> Self {
        Self::Project(error)
    }
}

impl From<StorageError> for BudgetError {
    fn from(error: StorageError) -> Self {
        Self::Failed(error.into())
    }
}

//! Budgets: whether there is room for a send, who is told when little is left, and changing them.
//!
//! The store decides, in the attempt's own change; what is known here of what is left only spares it the question.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::projects::change_overrides;
use super::{Access, Gateway, ProjectError, Trouble};
use crate::ledger::tally::Measure;
use crate::money::{Currency, Micros, Money};
use crate::reports::query::Wanted;
use crate::storage::{BudgetUse, Delivery, StorageError};
use crate::verification::Verification;
use crate::verification::budget::{Budget, Claim, Purse};
use crate::verification::id::{ProjectId, time_ordered};
use crate::verification::phone::Country;
use crate::webhooks::wants;

/// How long what is known of a full budget is believed.
const BELIEVED: Duration = Duration::from_secs(1);

/// What projects' purses held when a reservation was last refused.
pub(super) type Rooms = HashMap<Uuid, (Instant, Vec<BudgetUse>)>;

/// A budget, and what of it is used in the period that runs.
#[derive(Clone, Debug)]
pub struct BudgetState {
    pub project: ProjectId,
    pub budget: Budget,
    pub spent: Micros,
    pub reserved: Micros,
    pub resets_at: DateTime<Utc>,
}

/// A budget as it is asked for.
#[derive(Clone, Debug)]
pub struct NewBudget {
    pub project: ProjectId,
    pub budget: Budget,
}

/// Why budgets were not changed.
#[derive(Debug, thiserror::Error)]
pub enum BudgetError {
    #[error("there is no exchange rate for {from} to {to}")]
    NoRate {
        row: usize,
        from: Currency,
        to: Currency,
    },
    #[error("a project cannot be changed")]
    Project(ProjectError),
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

fn purse(project: ProjectId, budget: &Budget, now: DateTime<Utc>) -> Purse {
    Purse {
        project: project.0,
        period: budget.period,
        country: budget.country,
        currency: budget.limit.currency,
        starts_at: budget.period.starts_at(now),
    }
}

impl Gateway {
    /// What the change that is about to be kept claims.
    pub(super) fn claims(&self, v: &mut Verification) -> Vec<Claim> {
        let policy = self.0.directory.policy(v.project);
        let now = self.now();
        v.claims(&policy.budgets, |money, to| self.convert(money, to, now))
    }

    /// Whether a send of this price may have room in every budget that covers it.
    pub(super) fn may_have_room(&self, project: ProjectId, country: Country, price: Money) -> bool {
        let policy = self.0.directory.policy(project);
        let now = self.now();
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
                    "a budget cannot be kept without an exchange rate: nothing is sent; PUT /v1/exchange-rates adds one"
                );
                return false;
            };
            let used = self.known_use(&purse(project, budget, now));
            amount.0.saturating_add(used) <= limit
        })
    }

    fn known_use(&self, purse: &Purse) -> i64 {
        let rooms = self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((at, uses)) = rooms.get(&purse.project) else {
            return 0;
        };
        let known = uses.iter().find(|known| known.purse == *purse);
        known
            .filter(|_| at.elapsed() < BELIEVED)
            .map_or(0, BudgetUse::total)
    }

    /// After a refusal: looks up what is left.
    pub(super) async fn learn_room(&self, project: ProjectId) {
        match self.0.db.budget_uses(Some(project), self.now()).await {
            Ok(uses) => {
                let mut rooms = self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner);
                rooms.insert(project.0, (Instant::now(), uses));
            }
            Err(error) => tracing::warn!(%error, "what is left of budgets could not be read"),
        }
    }

    /// Something came back: what was known of a full budget is no longer true.
    pub(super) fn forget_room(&self, claims: &[Claim]) {
        let gives_back = |claim: &&Claim| claim.reserve.saturating_add(claim.spend) < 0;
        if let Some(claim) = claims.iter().find(gives_back) {
            let mut rooms = self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner);
            rooms.remove(&claim.purse.project);
        }
    }

    /// The budgets that are in force for the projects that the key covers.
    pub async fn budgets(&self, access: &Access) -> Result<Vec<BudgetState>, Trouble> {
        let now = self.now();
        let projects = self.list_projects(access).await?;
        let uses = self.0.db.budget_uses(access.project, now).await?;
        let mut states = Vec::new();
        for project in projects {
            for budget in &self.0.directory.policy(project.id).budgets {
                let purse = purse(project.id, budget, now);
                let used = uses.iter().find(|used| used.purse == purse);
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

    /// Replaces the budgets of every project that the key covers: one that is not named has none then.
    pub async fn put_budgets(
        &self,
        access: &Access,
        wanted: &[NewBudget],
    ) -> Result<(), BudgetError> {
        let now = self.now();
        let billed: Vec<Currency> = self
            .0
            .providers
            .iter()
            .map(|line| line.provider.currency())
            .collect();
        for (row, new) in wanted.iter().enumerate() {
            let to = new.budget.limit.currency;
            for from in &billed {
                if self
                    .convert(Money::new(Micros(1), *from), to, now)
                    .is_none()
                {
                    let from = *from;
                    return Err(BudgetError::NoRate { row, from, to });
                }
            }
        }
        // Another change may come between; then this one is made again upon it.
        for _ in 0..10 {
            let projects = self.list_projects(access).await?;
            let mut changes = Vec::with_capacity(projects.len());
            for project in &projects {
                let own: Vec<&Budget> = wanted
                    .iter()
                    .filter(|new| new.project == project.id)
                    .map(|new| &new.budget)
                    .collect();
                let change = json!({ "budget": written(&own) });
                let overrides = change_overrides(&self.0.book, project, &change)?;
                changes.push((project.clone(), overrides));
            }
            self.begin_purses(wanted, now).await?;
            if self
                .0
                .db
                .set_all_overrides(&changes)
                .await
                .map_err(Trouble::from)?
            {
                self.directory_changed().await?;
                self.0
                    .rooms
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clear();
                return Ok(());
            }
        }
        Err(Trouble::Unavailable.into())
    }

    /// A budget that is new in its period begins with what was spent in it already.
    async fn begin_purses(&self, wanted: &[NewBudget], now: DateTime<Utc>) -> Result<(), Trouble> {
        let mut purses = Vec::with_capacity(wanted.len());
        for NewBudget { project, budget } in wanted {
            let purse = purse(*project, budget, now);
            let asked = Wanted {
                span: 900,
                periods: vec![(purse.starts_at, budget.period.ends_at(now))],
                project: Some(project.0),
                by: [false, false, false, true],
                measures: &[Measure::Charged, Measure::Refunded],
            };
            let mut spent = 0_i64;
            for sum in self.0.db.sums(&asked).await? {
                let here = budget.country.is_none_or(|country| {
                    sum.place.country.as_deref() == Some(&country.to_string())
                });
                let (true, Ok(currency)) = (here, sum.currency.parse::<Currency>()) else {
                    continue;
                };
                let net = sum.get(Measure::Charged) - sum.get(Measure::Refunded);
                let converted =
                    self.convert(Money::new(Micros(net), currency), purse.currency, now);
                spent = spent.saturating_add(converted.map_or(0, |net| net.0));
            }
            purses.push((purse, spent.max(0)));
        }
        Ok(self.0.db.begin_purses(&purses).await?)
    }

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
            if self
                .0
                .db
                .note_budget_alert(&used.purse, i64::from(share))
                .await?
            {
                told += 1;
                let data = self.budget_news(project, budget, &used, share, now);
                self.announce(Some(project), "budget.reached", &data)
                    .await?;
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
        tracing::warn!(
            project = self.0.directory.project_name(project),
            share = f64::from(share) / 1_000.0,
            "a budget has reached a share of its limit"
        );
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

    /// Leaves a message that is about no verification for every endpoint that wants it; of one project, or of all.
    pub(super) async fn announce(
        &self,
        project: Option<ProjectId>,
        kind: &str,
        data: &Value,
    ) -> Result<(), StorageError> {
        let now = self.now();
        let mut messages = Vec::new();
        for webhook in self.0.directory.webhooks() {
            let concerned = project.is_none_or(|project| webhook.project == project);
            if concerned && wants(&webhook.events, kind) {
                let id = time_ordered(now, crate::secret::random());
                messages.push(Delivery {
                    data: Some(data.to_string()),
                    ..Delivery::new(id, webhook.id, kind, now)
                });
            }
        }
        let messages: Vec<&Delivery> = messages.iter().collect();
        self.0.db.create_deliveries(&messages).await
    }
}

/// As the policy has it: always a list, so that no default stands again.
fn written(budgets: &[&Budget]) -> Value {
    if budgets.is_empty() {
        return json!("off");
    }
    let one = |budget: &&Budget| {
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
        Self::Trouble(error.into())
    }
}

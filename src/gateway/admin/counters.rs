//! Creates the counters of new budgets. Needs only the database, so that the command line can use it while a server
//! runs.

use chrono::{DateTime, Utc};

use crate::gateway::finance::counter;
use crate::ledger::measure::Measure;
use crate::money::{Currency, Micros, Money};
use crate::reports::query::Wanted;
use crate::storage::{BudgetUse, Db, StorageError};
use crate::verification::budget::Budget;
use crate::verification::id::ProjectId;

/// Prepares counters and alert levels when budgets change from `before` to `after`.
pub async fn prepare_budgets(
    db: &Db,
    project: ProjectId,
    before: &[Budget],
    after: &[Budget],
    now: DateTime<Utc>,
    convert: impl Fn(Money, Currency) -> Option<Micros>,
) -> Result<(), StorageError> {
    let was = |budget: &Budget| before.iter().find(|known| known.is_of_the_same(budget));
    let new: Vec<Budget> = after
        .iter()
        .filter(|budget| was(budget).is_none())
        .cloned()
        .collect();
    begin_counters(db, project, &new, now, convert).await?;
    let changed = after
        .iter()
        .filter(|budget| was(budget).is_some_and(|old| old.limit != budget.limit));
    for budget in changed {
        let own = counter(project, budget, now);
        let uses = db.budget_uses(Some(project), now).await?;
        let used = uses.iter().find(|used| used.counter == own);
        let reached = budget.reached(used.map_or(0, BudgetUse::total));
        db.lower_budget_alert(&own, i64::from(reached)).await?;
    }
    Ok(())
}

/// Creates the counters of new budgets, seeded with what this period has already spent.
pub async fn begin_counters(
    db: &Db,
    project: ProjectId,
    budgets: &[Budget],
    now: DateTime<Utc>,
    convert: impl Fn(Money, Currency) -> Option<Micros>,
) -> Result<(), StorageError> {
    let mut counters = Vec::with_capacity(budgets.len());
    for budget in budgets {
        let counter = counter(project, budget, now);
        let asked = Wanted {
            periods: vec![(counter.starts_at, budget.period.ends_at(now))],
            project: Some(project.0),
            by: [false, false, false, true],
            measures: &[Measure::Charged, Measure::Refunded],
            ever: false,
        };
        let mut spent = 0_i64;
        for sum in db.sums(&asked).await? {
            let here = budget
                .country
                .is_none_or(|country| sum.place.country.as_deref() == Some(&country.to_string()));
            let (true, Ok(currency)) = (here, sum.currency.parse::<Currency>()) else {
                continue;
            };
            let net = sum.get(Measure::Charged) - sum.get(Measure::Refunded);
            let converted = convert(Money::new(Micros(net), currency), counter.currency);
            spent = spent.saturating_add(converted.map_or(0, |net| net.0));
        }
        counters.push((counter, spent.max(0)));
    }
    db.begin_counters(&counters).await
}

//! What budgets have spent and reserved: one row per period, updated in the same change as the verification that spends.
//!
//! A CHECK on the row refuses a reservation that would exceed the limit, so the sum stays within it however many replicas
//! reserve at once.

use super::engine::read;
use super::engine::rows::{Column, Rows};
use super::{StorageError, Store};
use crate::money::Currency;
use crate::verification::budget::{Counter, Period, Posting};
use crate::verification::id::ProjectId;
use crate::verification::phone::Country;
use uuid::Uuid;

/// Rows are locked in key order. Each counter occurs once per verification.
pub(super) const CLAIM: &str = "INSERT INTO budget_uses (project_id, period, country, currency, starts_at, reserved, spent, \
    ceiling, overdrawn) \
    SELECT r.project_id, r.period, r.country, r.currency, r.starts_at, CAST(SUM(r.reserve) AS BIGINT), \
        CAST(SUM(r.spend) AS BIGINT), MIN(r.ceiling), COALESCE(SUM(r.reserve) + SUM(r.spend) > MIN(r.ceiling), false) \
    FROM (SELECT DISTINCT * FROM {rows}) AS r WHERE true GROUP BY r.project_id, r.period, r.country, r.currency, r.starts_at \
    ORDER BY r.project_id, r.period, r.country, r.currency, r.starts_at \
    ON CONFLICT (project_id, period, country, currency, starts_at) DO UPDATE SET \
        reserved = budget_uses.reserved + excluded.reserved, spent = budget_uses.spent + excluded.spent, \
        ceiling = COALESCE(excluded.ceiling, budget_uses.ceiling), \
        overdrawn = COALESCE(budget_uses.reserved + excluded.reserved + budget_uses.spent + excluded.spent \
            > excluded.ceiling, false)";

/// Claims, each with the verification that it depends on.
pub(super) fn rows(claims: &[(Uuid, Posting)]) -> Rows {
    let int = |get: fn(&Posting) -> Option<i64>| {
        Column::Int(claims.iter().map(|(_, claim)| get(claim)).collect())
    };
    let text = |get: fn(&Posting) -> String| {
        Column::Text(claims.iter().map(|(_, claim)| Some(get(claim))).collect())
    };
    let uuid = |get: fn(&(Uuid, Posting)) -> Uuid| {
        Column::Uuid(claims.iter().map(|claim| Some(get(claim))).collect())
    };
    Rows::new(
        claims.len(),
        vec![
            ("project_id", uuid(|(_, claim)| claim.counter.project)),
            (
                "period",
                text(|claim| claim.counter.period.as_str().to_owned()),
            ),
            ("country", text(|claim| country(claim.counter.country))),
            ("currency", text(|claim| claim.counter.currency.to_string())),
            ("starts_at", int(|claim| Some(claim.counter.starts_at))),
            ("reserve", int(|claim| Some(claim.reserve))),
            ("spend", int(|claim| Some(claim.spend))),
            ("ceiling", int(|claim| claim.ceiling)),
            ("verification_id", uuid(|(id, _)| *id)),
        ],
    )
}

/// One claim per counter: on SQLite the last row may be repeated, and must not count twice.
pub(super) fn summed(claims: impl Iterator<Item = Posting>) -> Vec<Posting> {
    let mut sums: Vec<Posting> = Vec::new();
    for claim in claims {
        match sums.iter_mut().find(|sum| sum.counter == claim.counter) {
            Some(sum) => {
                sum.reserve += claim.reserve;
                sum.spend += claim.spend;
                sum.ceiling = match (sum.ceiling, claim.ceiling) {
                    (Some(one), Some(other)) => Some(one.min(other)),
                    (one, other) => one.or(other),
                };
            }
            None => sums.push(claim),
        }
    }
    sums
}

pub(super) fn country(country: Option<Country>) -> String {
    country
        .map(|country| country.to_string())
        .unwrap_or_default()
}

/// The state of a counter, in micro-units of its currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    pub counter: Counter,
    pub reserved: i64,
    pub spent: i64,
    /// The share that was last announced, in thousandths.
    pub alerted: i64,
}

impl Use {
    #[must_use]
    pub fn total(&self) -> i64 {
        self.reserved.saturating_add(self.spent)
    }
}

type Row = (Uuid, String, String, String, i64, i64, i64, i64);

impl Store {
    /// The counters of the current periods; of one project, or of all.
    pub async fn budget_uses(
        &self,
        project: Option<ProjectId>,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<Vec<Use>, StorageError> {
        const SQL: &str = "SELECT project_id, period, country, currency, starts_at, reserved, spent, alerted FROM budget_uses \
            WHERE (period = 'hour' AND starts_at = $1 OR period = 'day' AND starts_at = $2 OR period = 'month' AND starts_at = $3)";
        const ONE: &str = " AND project_id = $4";
        let [hour, day, month] = Period::ALL.map(|period| period.starts_at(now));
        let sql = format!("{SQL}{}", if project.is_some() { ONE } else { "" });
        let rows: Vec<Row> = read!(&self.engine, |pool| {
            let query = sqlx::query_as(sqlx::AssertSqlSafe(sql))
                .bind(hour)
                .bind(day)
                .bind(month);
            let query = match project {
                Some(project) => query.bind(project.0),
                None => query,
            };
            query.fetch_all(pool).await
        })?;
        rows.into_iter().map(read_row).collect()
    }

    /// Creates the counters of new budgets, seeded with what their period has already spent. A counter left by an earlier budget
    /// may be too low, and is raised.
    pub async fn begin_counters(&self, counters: &[(Counter, i64)]) -> Result<(), StorageError> {
        const SQL: &str = "INSERT INTO budget_uses (project_id, period, country, currency, starts_at, reserved, spent, overdrawn) \
            VALUES ($1, $2, $3, $4, $5, 0, $6, false) ON CONFLICT (project_id, period, country, currency, starts_at) DO UPDATE \
            SET spent = excluded.spent WHERE budget_uses.spent < excluded.spent";
        for (counter, spent) in counters {
            super::engine::write!(&self.engine, |pool| sqlx::query(SQL)
                .bind(counter.project)
                .bind(counter.period.as_str())
                .bind(country(counter.country))
                .bind(counter.currency.as_str())
                .bind(counter.starts_at)
                .bind(spent)
                .execute(pool)
                .await
                .map(|_| ()))?;
        }
        Ok(())
    }
}

fn read_row(row: Row) -> Result<Use, StorageError> {
    let (project, period, country, currency, starts_at, reserved, spent, alerted) = row;
    let fault = |column| StorageError::Inconsistent {
        table: "budget_uses",
        column,
        id: project.to_string(),
    };
    let one = |text: &str| -> Result<Country, StorageError> {
        text.parse().map_err(|_| fault("country"))
    };
    Ok(Use {
        counter: Counter {
            project,
            period: Period::parse(&period).ok_or_else(|| fault("period"))?,
            country: (!country.is_empty()).then(|| one(&country)).transpose()?,
            currency: currency
                .parse::<Currency>()
                .map_err(|_| fault("currency"))?,
            starts_at,
        },
        reserved,
        spent,
        alerted,
    })
}

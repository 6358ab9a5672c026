//! What budgets have spent and reserved: one row per period, updated in the same change as the verification that spends.
//!
//! A CHECK on the row refuses a reservation that would exceed the limit, so the sum stays within it however many replicas
//! reserve at once.

use super::engine::read;
use super::engine::rows::{Column, Rows};
use super::tallies::number;
use super::{StorageError, Store};
use crate::money::Currency;
use crate::verification::budget::{Counter, Period, Posting};
use crate::verification::id::ProjectId;
use crate::verification::phone::Country;
use uuid::Uuid;

/// Adds to what is there, or begins a counter. Rows are locked in key order.
macro_rules! claim {
    ($from:literal) => {
        concat!(
            "INSERT INTO budget_uses (project_id, period, country, currency, starts_at, reserved, spent, ceiling, overdrawn) \
             SELECT r.project_id, r.period, r.country, r.currency, r.starts_at, r.reserve, r.spend, r.ceiling, \
             COALESCE(r.reserve + r.spend > r.ceiling, false) FROM ",
            $from,
            " ORDER BY r.project_id, r.period, r.country, r.currency, r.starts_at \
             ON CONFLICT (project_id, period, country, currency, starts_at) DO UPDATE SET \
             reserved = budget_uses.reserved + excluded.reserved, spent = budget_uses.spent + excluded.spent, \
             ceiling = COALESCE(excluded.ceiling, budget_uses.ceiling), \
             overdrawn = COALESCE(budget_uses.reserved + excluded.reserved + budget_uses.spent + excluded.spent \
             > excluded.ceiling, false)"
        )
    };
}

/// For changes that took effect; each counter occurs once.
pub(super) const CLAIM: &str = claim!("(SELECT DISTINCT * FROM {rows}) AS r WHERE true");

/// For changes that may not take effect: [`shares`], then the counters that they share in.
pub(super) const CLAIM_SHARES: &str = claim!(
    "(SELECT r.project_id, r.period, r.country, r.currency, r.starts_at, s.reserve, s.spend, s.ceiling FROM \
     (SELECT r.counter, SUM(r.reserve)::bigint AS reserve, SUM(r.spend)::bigint AS spend, MIN(r.ceiling) AS ceiling \
     FROM {rows} WHERE true GROUP BY r.counter) AS s JOIN {rows} ON r.counter = s.counter) AS r"
);

pub(super) fn rows(claims: &[Posting]) -> Rows<'_> {
    let amounts = amounts(&mut claims.iter());
    let mut columns = counters(&mut claims.iter().map(|claim| &claim.counter));
    columns.extend(amounts);
    Rows::new(claims.len(), columns)
}

/// What each verification claims of which counter, and the counters.
pub(super) fn shares<'a>(claims: &[(Uuid, &'a Posting)]) -> [Rows<'a>; 2] {
    let mut known: Vec<&Counter> = Vec::new();
    let place = |(_, claim): &(Uuid, &'a Posting)| {
        let found = known.iter().position(|counter| **counter == claim.counter);
        Some(number(found.unwrap_or_else(|| {
            known.push(&claim.counter);
            known.len() - 1
        })))
    };
    let places = claims.iter().map(place).collect();
    let ids = claims.iter().map(|(id, _)| Some(*id)).collect();
    let mut shares = vec![
        ("verification_id", Column::Uuid(ids)),
        ("counter", Column::Int(places)),
    ];
    shares.extend(amounts(&mut claims.iter().map(|(_, claim)| *claim)));
    let numbers = (0..known.len()).map(|place| Some(number(place))).collect();
    let counters = Rows::new(known.len(), counters(&mut known.iter().copied()));
    [
        Rows::new(claims.len(), shares),
        counters.with("counter", Column::Int(numbers)),
    ]
}

type Columns<'a> = Vec<(&'static str, Column<'a>)>;

fn amounts<'a>(claims: &mut dyn Iterator<Item = &'a Posting>) -> Columns<'a> {
    let (mut reserve, mut spend, mut ceiling) = (Vec::new(), Vec::new(), Vec::new());
    for claim in claims {
        reserve.push(Some(claim.reserve));
        spend.push(Some(claim.spend));
        ceiling.push(claim.ceiling);
    }
    vec![
        ("reserve", Column::Int(reserve)),
        ("spend", Column::Int(spend)),
        ("ceiling", Column::Int(ceiling)),
    ]
}

fn counters<'a>(counters: &mut dyn Iterator<Item = &'a Counter>) -> Columns<'a> {
    let (mut projects, mut periods, mut countries) = (Vec::new(), Vec::new(), Vec::new());
    let (mut currencies, mut starts) = (Vec::new(), Vec::new());
    for counter in counters {
        projects.push(Some(counter.project));
        periods.push(Some(counter.period.as_str()));
        countries.push(Some(counter.country.as_ref().map_or("", Country::as_str)));
        currencies.push(Some(counter.currency.as_str()));
        starts.push(Some(counter.starts_at));
    }
    vec![
        ("project_id", Column::Uuid(projects)),
        ("period", Column::Str(periods)),
        ("country", Column::Str(countries)),
        ("currency", Column::Str(currencies)),
        ("starts_at", Column::Int(starts)),
    ]
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

//! What the guard's decisions came to: counted by time and country, by range, and with what became of the verifications.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::engine::rows::{Column, Rows};
use super::engine::{Engine, read, row};
use super::{StorageError, Store};
use crate::abuse::guard::verdict::Outcome;
use crate::money::{Micros, Money};
use crate::verification::id::{ProjectId, VerificationId, time_ordered};
use crate::verification::origin::TraceHash;
use crate::verification::phone::Country;

/// Ranges that one query counts.
pub const MOST_RANGES: usize = 7;

/// How many decisions had each outcome. Those that share a row count as many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decided {
    /// A rule fired, and nothing was held back: in shadow, or for an owner.
    pub allowed: i64,
    pub challenged: i64,
    pub denied: i64,
}

impl Decided {
    pub fn add(&mut self, outcome: Outcome, count: i64) {
        let sum = match outcome {
            Outcome::Allow => &mut self.allowed,
            Outcome::Challenge => &mut self.challenged,
            Outcome::Deny => &mut self.denied,
        };
        *sum = sum.saturating_add(count);
    }

    #[must_use]
    pub fn stopped(&self) -> i64 {
        self.challenged.saturating_add(self.denied)
    }
}

/// The decisions about one country in one period.
#[derive(Clone, Debug)]
pub struct DecidedIn {
    /// The period's place in the query.
    pub period: usize,
    pub country: Country,
    pub decided: Decided,
}

/// The decisions about one range of numbers.
#[derive(Clone, Debug)]
pub struct DecidedOn {
    pub project: ProjectId,
    /// In international form, without the last four digits.
    pub prefix: String,
    pub prefix_hash: TraceHash,
    pub country: Country,
    pub decided: Decided,
}

/// What became of a verification.
#[derive(Clone, Debug, Default)]
pub struct Outcomes {
    pub is_approved: bool,
    /// What its messages cost, by currency, as the ledger has it.
    pub spent: Vec<Money>,
}

row! {
    struct InRow {
        period: i64,
        country: String,
        outcome: String,
        count: i64,
    }
}

row! {
    struct AboutRow {
        period: i64,
        prefix: String,
        count: i64,
    }
}

row! {
    struct OnRow {
        project_id: Uuid,
        prefix: String,
        prefix_hash: String,
        country: String,
        allowed: i64,
        challenged: i64,
        denied: i64,
    }
}

row! {
    struct StatusRow {
        id: Uuid,
        status: String,
    }
}

row! {
    struct SpentRow {
        id: Uuid,
        currency: String,
        amount: i64,
    }
}

fn fault(column: &'static str, id: &str) -> StorageError {
    StorageError::Inconsistent {
        table: "guard_decisions",
        column,
        id: id.to_owned(),
    }
}

/// Periods, from their start to before their end, each with the project.
fn rows_of<'a>(project: Option<ProjectId>, periods: &[(DateTime<Utc>, DateTime<Utc>)]) -> Rows<'a> {
    let bound = |at: DateTime<Utc>| Some(time_ordered(at, [0; 8]));
    let places = (0..periods.len()).map(|place| i64::try_from(place).ok());
    let from = periods.iter().map(|(from, _)| bound(*from));
    let before = periods.iter().map(|(_, before)| bound(*before));
    let own = project.map(|project| project.0);
    let columns = vec![
        ("period", Column::Int(places.collect())),
        ("lo", Column::Uuid(from.collect())),
        ("hi", Column::Uuid(before.collect())),
        ("project_id", Column::Uuid(vec![own; periods.len()])),
    ];
    Rows::new(periods.len(), columns)
}

impl Store {
    /// Counts the decisions of each period, from its start to before its end.
    pub async fn decided_in(
        &self,
        project: Option<ProjectId>,
        periods: &[(DateTime<Utc>, DateTime<Utc>)],
    ) -> Result<Vec<DecidedIn>, StorageError> {
        const COUNT: &str = "SELECT p.period, d.country, d.outcome, CAST(SUM(d.count) AS BIGINT) AS count FROM \
            (SELECT DISTINCT r.period, r.lo, r.hi, r.project_id FROM {rows}) p JOIN guard_decisions d \
            ON d.id >= p.lo AND d.id < p.hi AND (p.project_id IS NULL OR d.project_id = p.project_id) \
            GROUP BY p.period, d.country, d.outcome";
        if periods.is_empty() {
            return Ok(Vec::new());
        }
        let rows = rows_of(project, periods);
        let rows: Vec<InRow> = rows.read(COUNT, &self.engine).await?;
        let read = |row: InRow| {
            let outcome = Outcome::parse(&row.outcome).ok_or_else(|| fault("outcome", "a sum"))?;
            let mut decided = Decided::default();
            decided.add(outcome, row.count);
            Ok(DecidedIn {
                period: usize::try_from(row.period).unwrap_or_default(),
                country: row
                    .country
                    .parse()
                    .map_err(|_| fault("country", &row.country))?,
                decided,
            })
        };
        Ok(self.readable(rows.into_iter().map(read)))
    }

    /// Counts the decisions about up to [`MOST_RANGES`] ranges in each period: the period's place, the range, and how many.
    pub async fn decided_about(
        &self,
        project: Option<ProjectId>,
        periods: &[(DateTime<Utc>, DateTime<Utc>)],
        ranges: &[String],
    ) -> Result<Vec<(usize, String, i64)>, StorageError> {
        const COUNT: &str = "SELECT p.period, d.prefix, CAST(SUM(d.count) AS BIGINT) AS count FROM \
            (SELECT DISTINCT r.period, r.lo, r.hi, r.project_id, r.a, r.b, r.c, r.d, r.e, r.f, r.g FROM {rows}) p \
            JOIN guard_decisions d ON d.id >= p.lo AND d.id < p.hi AND (p.project_id IS NULL OR d.project_id = p.project_id) \
            AND d.prefix IN (p.a, p.b, p.c, p.d, p.e, p.f, p.g) GROUP BY p.period, d.prefix";
        const NAMES: [&str; MOST_RANGES] = ["a", "b", "c", "d", "e", "f", "g"];
        if periods.is_empty() || ranges.is_empty() {
            return Ok(Vec::new());
        }
        let mut rows = rows_of(project, periods);
        for (place, name) in NAMES.into_iter().enumerate() {
            let range = ranges.get(place).map(String::as_str);
            rows = rows.with(name, Column::Str(vec![range; periods.len()]));
        }
        let rows: Vec<AboutRow> = rows.read(COUNT, &self.engine).await?;
        let read = |row: AboutRow| {
            let period = usize::try_from(row.period).unwrap_or_default();
            (period, row.prefix, row.count)
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// The ranges with the most decisions of a time, the one with most first.
    pub async fn decided_on(
        &self,
        project: Option<ProjectId>,
        from: DateTime<Utc>,
        before: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<DecidedOn>, StorageError> {
        const COUNT: &str = "SELECT d.project_id, d.prefix, d.prefix_hash, MIN(d.country) AS country, \
            CAST(SUM(CASE d.outcome WHEN 'allow' THEN d.count ELSE 0 END) AS BIGINT) AS allowed, \
            CAST(SUM(CASE d.outcome WHEN 'challenge' THEN d.count ELSE 0 END) AS BIGINT) AS challenged, \
            CAST(SUM(CASE d.outcome WHEN 'deny' THEN d.count ELSE 0 END) AS BIGINT) AS denied \
            FROM guard_decisions d WHERE d.id >= $1 AND d.id < $2 AND ($3 IS NULL OR d.project_id = $3) \
            GROUP BY d.project_id, d.prefix, d.prefix_hash ORDER BY SUM(d.count) DESC, d.prefix LIMIT $4";
        let bound = |at| time_ordered(at, [0; 8]);
        let rows: Vec<OnRow> = read!(&self.engine, |pool| sqlx::query_as(COUNT)
            .bind(bound(from))
            .bind(bound(before))
            .bind(project.map(|project| project.0))
            .bind(limit)
            .fetch_all(pool)
            .await)?;
        let read = |row: OnRow| {
            let hash = TraceHash::try_from(row.prefix_hash);
            Ok(DecidedOn {
                project: ProjectId(row.project_id),
                prefix_hash: hash.map_err(|_| fault("prefix_hash", &row.prefix))?,
                country: row
                    .country
                    .parse()
                    .map_err(|_| fault("country", &row.prefix))?,
                prefix: row.prefix,
                decided: Decided {
                    allowed: row.allowed,
                    challenged: row.challenged,
                    denied: row.denied,
                },
            })
        };
        Ok(self.readable(rows.into_iter().map(read)))
    }

    /// What became of these verifications. One that is gone has none.
    pub async fn outcomes_of(
        &self,
        all: &[VerificationId],
    ) -> Result<HashMap<Uuid, Outcomes>, StorageError> {
        const STATUS: &str = "WITH r AS (SELECT r.id FROM {rows}) \
            SELECT v.id, v.status FROM r JOIN verifications v ON v.id = r.id \
            UNION ALL SELECT v.id, v.status FROM r JOIN past_verifications v ON v.id = r.id";
        // The range is an index look-up, but may contain entries of another verification of the same millisecond. Postgres would rather
        // read the whole ledger than look up each, unless the look-up stands apart.
        let spent_sql = match &self.engine {
            Engine::Postgres(_) => {
                "SELECT p.id, l.currency, CAST(-SUM(l.amount) AS BIGINT) AS amount FROM \
                (SELECT DISTINCT r.id, r.hi FROM {rows}) p JOIN LATERAL (SELECT e.currency, e.amount FROM ledger e \
                WHERE e.id BETWEEN p.id AND p.hi AND e.verification_id = p.id OFFSET 0) l ON true \
                GROUP BY p.id, l.currency ORDER BY l.currency"
            }
            Engine::Sqlite { .. } => {
                "SELECT p.id, l.currency, CAST(-SUM(l.amount) AS BIGINT) AS amount FROM \
                (SELECT DISTINCT r.id, r.hi FROM {rows}) p JOIN ledger l ON l.id BETWEEN p.id AND p.hi \
                AND l.verification_id = p.id GROUP BY p.id, l.currency ORDER BY l.currency"
            }
        };
        let mut found: HashMap<Uuid, Outcomes> = HashMap::new();
        for chunk in all.chunks(1_000) {
            let ids = || Column::Uuid(chunk.iter().map(|id| Some(id.uuid())).collect());
            let last = chunk.iter().map(|id| Some(id.entry_range().1));
            let rows = Rows::new(chunk.len(), vec![("id", ids())]);
            let statuses: Vec<StatusRow> = rows.read(STATUS, &self.engine).await?;
            for row in statuses {
                let is_approved = row.status == "approved";
                found.entry(row.id).or_default().is_approved = is_approved;
            }
            let columns = vec![("id", ids()), ("hi", Column::Uuid(last.collect()))];
            let rows = Rows::new(chunk.len(), columns);
            let spent: Vec<SpentRow> = rows.read(spent_sql, &self.engine).await?;
            let read = |row: SpentRow| {
                let currency = row.currency.parse();
                let currency = currency.map_err(|_| fault("currency", &row.id.to_string()))?;
                Ok((row.id, Money::new(Micros(row.amount), currency)))
            };
            for (id, money) in self.readable(spent.into_iter().map(read)) {
                found.entry(id).or_default().spent.push(money);
            }
        }
        Ok(found)
    }
}

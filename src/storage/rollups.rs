//! Reads the sums for reports, together with the rows that still wait to be summed.

use sqlx::{AssertSqlSafe, ColumnIndex, Decode, Row, Type};
use uuid::Uuid;

use super::engine::Engine;
use super::tallies::{columns, pivot};
use super::{StorageError, Store};
use crate::ledger::tally::{HOUR, Measure, QUARTER};
use crate::reports::calendar::{self, Piece, round_up};
use crate::reports::query::Wanted;
use crate::reports::sums::{Place, Sums, Times};

/// The columns to group by, in the order of [`Wanted::by`].
const PLACES: [&str; 4] = ["project_id", "channel", "provider", "country"];

/// Binds the parameters. The statement's text contains the periods, so preparing it for reuse is useless.
macro_rules! bound {
    ($query:expr, $wanted:expr) => {{
        let query = $query.persistent(false);
        match $wanted.project {
            Some(project) => query.bind(project),
            None => query,
        }
    }};
}

impl Store {
    /// The sums of each period, group and currency.
    pub async fn sums(&self, wanted: &Wanted) -> Result<Vec<Sums>, StorageError> {
        let sql = statement(wanted, "rollups", QUARTER, wanted.measures, "currency");
        macro_rules! fetch {
            ($pool:expr) => {
                bound!(sqlx::query(AssertSqlSafe(sql)), wanted)
                    .fetch_all($pool)
                    .await?
                    .iter()
                    .map(|row| {
                        Ok(Sums {
                            period: period(row)?,
                            place: place(wanted, row)?,
                            currency: row.try_get(5)?,
                            values: chosen(wanted.measures, row)?,
                        })
                    })
                    .collect::<sqlx::Result<_>>()
            };
        }
        Ok(match &self.engine {
            Engine::Postgres(pool) => fetch!(pool),
            Engine::Sqlite { read, .. } => fetch!(read),
        }?)
    }

    /// The durations of each stage by period and group. They are kept per hour: if a period starts within an hour, that
    /// hour counts in the period before.
    pub async fn times(&self, wanted: &Wanted) -> Result<Vec<Times>, StorageError> {
        let sql = statement(wanted, "rollup_times", HOUR, &Measure::TIMED, "bin");
        macro_rules! fetch {
            ($pool:expr) => {
                bound!(sqlx::query(AssertSqlSafe(sql)), wanted)
                    .fetch_all($pool)
                    .await?
                    .iter()
                    .map(|row| {
                        Ok(Times {
                            period: period(row)?,
                            place: place(wanted, row)?,
                            bin: row.try_get(5)?,
                            values: values(row)?,
                        })
                    })
                    .collect::<sqlx::Result<_>>()
            };
        }
        Ok(match &self.engine {
            Engine::Postgres(pool) => fetch!(pool),
            Engine::Sqlite { read, .. } => fetch!(read),
        }?)
    }
}

/// One statement for sums and waiting rows, so that rows summed meanwhile are neither missed nor counted twice.
/// `finest` is the shortest span of the table's sums, in seconds.
fn statement(
    wanted: &Wanted,
    table: &str,
    finest: i64,
    measures: &[Measure],
    last: &str,
) -> String {
    let (mut periods, mut pieces) = (Vec::new(), Vec::new());
    for (place, (from, before)) in wanted.periods.iter().enumerate() {
        let [lo, hi] = [*from, *before].map(|at| round_up(at, finest));
        periods.push(format!("({place}, {lo}, {hi})"));
        for piece in calendar::pieces(*from, *before, finest) {
            let Piece { span, from, before } = piece;
            pieces.push(format!("({place}, {from}, {before}, {span})"));
        }
    }
    // A period within one hour has no pieces, but `VALUES` must not be empty.
    pieces.push("(-1, 0, 0, 0)".to_owned());
    let pieces = format!(
        "(SELECT column1 AS n, column2 AS lo, column3 AS hi, column4 AS span FROM (VALUES {}) AS v) AS p",
        pieces.join(", ")
    );
    let periods = format!(
        "(SELECT column1 AS n, column2 AS lo, column3 AS hi FROM (VALUES {}) AS v) AS p",
        periods.join(", ")
    );
    let told: Vec<&str> = PLACES
        .into_iter()
        .zip(wanted.by)
        .filter_map(|(name, is_asked)| is_asked.then_some(name))
        .chain([last])
        .collect();
    let from = |alias: &str| -> String {
        let names: Vec<String> = told.iter().map(|name| format!("{alias}.{name}")).collect();
        names.join(", ")
    };
    let shown: Vec<String> = PLACES
        .into_iter()
        .zip(wanted.by)
        .map(|(name, is_asked)| {
            if is_asked {
                format!("x.{name}")
            } else {
                format!("NULL AS {name}")
            }
        })
        .collect();
    let only = if last == "bin" {
        " AND t.bin IS NOT NULL"
    } else {
        ""
    };
    let mine = |alias: &str| {
        if wanted.project.is_some() {
            format!(" AND {alias}.project_id = $1")
        } else {
            String::new()
        }
    };
    let ever = if wanted.ever && last == "currency" {
        format!(
            "UNION ALL SELECT {n}, {keys}, {sums} FROM {table} AS r WHERE r.span = 0{only_mine} \
             UNION ALL SELECT {n}, {t_keys}, {pivot} FROM tallies AS t WHERE true{only}{t_mine} ",
            n = wanted.periods.len(),
            keys = from("r"),
            sums = columns(measures, |name| format!("r.{name}")),
            only_mine = mine("r"),
            t_keys = from("t"),
            pivot = pivot(measures),
            t_mine = mine("t"),
        )
    } else {
        String::new()
    };
    format!(
        "SELECT CAST(x.n AS BIGINT), {shown}, x.{last}, {sums} FROM (\
         SELECT p.n, {r_keys}, {r_sums} FROM {pieces} CROSS JOIN {table} AS r \
         WHERE r.span = p.span AND r.starts_at >= p.lo AND r.starts_at < p.hi{r_mine} \
         UNION ALL SELECT p.n, {t_keys}, {pivot} FROM tallies AS t CROSS JOIN {periods} \
         WHERE t.starts_at - t.starts_at % {finest} >= p.lo AND t.starts_at - t.starts_at % {finest} < p.hi{only}{t_mine} {ever}\
         ) AS x GROUP BY x.n, {x_keys}",
        shown = shown.join(", "),
        sums = columns(measures, |name| format!("CAST(SUM(x.{name}) AS BIGINT)")),
        r_keys = from("r"),
        t_keys = from("t"),
        x_keys = from("x"),
        r_sums = columns(measures, |name| format!("r.{name}")),
        pivot = pivot(measures),
        r_mine = mine("r"),
        t_mine = mine("t"),
    )
}

fn period<R: Row>(row: &R) -> sqlx::Result<usize>
where
    usize: ColumnIndex<R>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
{
    let place: i64 = row.try_get(0)?;
    Ok(usize::try_from(place).unwrap_or(usize::MAX))
}

fn place<R: Row>(wanted: &Wanted, row: &R) -> sqlx::Result<Place>
where
    usize: ColumnIndex<R>,
    for<'r> Uuid: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
{
    let [project, channel, provider, country] = wanted.by;
    let text = |is_asked: bool, column: usize| -> sqlx::Result<Option<String>> {
        is_asked.then(|| row.try_get(column)).transpose()
    };
    Ok(Place {
        project: project.then(|| row.try_get(1)).transpose()?,
        channel: text(channel, 2)?,
        provider: text(provider, 3)?,
        country: text(country, 4)?,
    })
}

/// Places each value at the index of its measure.
fn chosen<R: Row>(measures: &[Measure], row: &R) -> sqlx::Result<[i64; Measure::ALL.len()]>
where
    usize: ColumnIndex<R>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
{
    let mut values = [0; Measure::ALL.len()];
    for (column, measure) in measures.iter().enumerate() {
        values[*measure as usize] = row.try_get(6 + column)?;
    }
    Ok(values)
}

fn values<R: Row, const N: usize>(row: &R) -> sqlx::Result<[i64; N]>
where
    usize: ColumnIndex<R>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
{
    let mut values = [0; N];
    for (column, value) in values.iter_mut().enumerate() {
        *value = row.try_get(6 + column)?;
    }
    Ok(values)
}

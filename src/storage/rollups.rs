//! Reads the sums that reports are made of, together with the rows that still wait to be folded into them.

use sqlx::{AssertSqlSafe, ColumnIndex, Decode, Row, Type};
use uuid::Uuid;

use super::engine::read;
use super::tallies::{EVER, columns, pivot};
use super::{StorageError, Store};
use crate::ledger::measure::Measure;
use crate::ledger::tally::{HOUR, QUARTER};
use crate::reports::calendar::{self, Piece, round_up};
use crate::reports::query::Wanted;
use crate::reports::sums::{Place, Sums, Times};

/// What rows can be grouped by, in the order of [`Wanted::by`].
const PLACES: [&str; 4] = ["project_id", "channel", "provider", "country"];

/// A table of sums.
struct Kept<'a> {
    table: &'static str,
    /// Seconds of its shortest sums.
    finest: i64,
    /// The last key column, after the places.
    last: &'static str,
    measures: &'a [Measure],
}

/// Reads groups of sums on either engine. The statement holds the periods as text and is therefore not kept prepared.
macro_rules! fetch {
    ($store:expr, $kept:expr, $wanted:expr, |$row:ident| $read:expr) => {{
        let sql = $kept.statement($wanted);
        read!(&$store.engine, |pool| {
            let query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
            let query = match $wanted.project {
                Some(project) => query.bind(project),
                None => query,
            };
            let rows = query.fetch_all(pool).await?;
            rows.iter()
                .map(|$row| Ok($read))
                .collect::<sqlx::Result<_>>()
        })
    }};
}

impl Store {
    /// The sums of each period, group and currency.
    pub async fn sums(&self, wanted: &Wanted) -> Result<Vec<Sums>, StorageError> {
        let kept = Kept {
            table: "rollups",
            finest: QUARTER,
            last: "currency",
            measures: wanted.measures,
        };
        Ok(fetch!(self, kept, wanted, |row| Sums {
            period: period(row)?,
            place: place(wanted, row)?,
            currency: row.try_get(5)?,
            values: chosen(wanted.measures, row)?,
        })?)
    }

    /// How long each stage took, in each period and group. Kept by the hour: an hour in which a period begins counts in the
    /// period before.
    pub async fn times(&self, wanted: &Wanted) -> Result<Vec<Times>, StorageError> {
        let kept = Kept {
            table: "rollup_times",
            finest: HOUR,
            last: "bin",
            measures: &Measure::TIMED,
        };
        Ok(fetch!(self, kept, wanted, |row| Times {
            period: period(row)?,
            place: place(wanted, row)?,
            bin: row.try_get(5)?,
            values: values(row)?,
        })?)
    }
}

impl Kept<'_> {
    /// Adds up the sums of each period (`r`) and the rows that wait to be summed (`t`), in one statement: a row that is summed
    /// meanwhile is neither missed nor counted twice.
    fn statement(&self, wanted: &Wanted) -> String {
        let Self {
            table,
            finest,
            last,
            measures,
        } = self;
        format!(
            "SELECT CAST(x.n AS BIGINT), {shown}, x.{last}, {sums} FROM (\
             SELECT p.n, {r_keys}, {r_sums} FROM {pieces} CROSS JOIN {table} AS r \
             WHERE r.span = p.span AND r.starts_at >= p.lo AND r.starts_at < p.hi{r_mine} \
             UNION ALL SELECT p.n, {t_keys}, {pivot} FROM tallies AS t CROSS JOIN {periods} \
             WHERE t.starts_at - t.starts_at % {finest} >= p.lo AND t.starts_at - t.starts_at % {finest} < p.hi{t_only} {ever}\
             ) AS x GROUP BY x.n, {x_keys}",
            shown = shown(wanted),
            sums = columns(measures, |name| format!("CAST(SUM(x.{name}) AS BIGINT)")),
            pieces = self.pieces(wanted),
            periods = self.periods(wanted),
            r_keys = self.keys(wanted, "r"),
            t_keys = self.keys(wanted, "t"),
            x_keys = self.keys(wanted, "x"),
            r_sums = columns(measures, |name| format!("r.{name}")),
            r_mine = of_project(wanted, "r"),
            t_only = self.waiting(wanted),
            pivot = pivot(measures),
            ever = self.ever(wanted),
        )
    }

    /// One more period, if it is wanted: all time, which has sums of its own.
    fn ever(&self, wanted: &Wanted) -> String {
        if !wanted.ever || self.last != "currency" {
            return String::new();
        }
        format!(
            "UNION ALL SELECT {n}, {r_keys}, {r_sums} FROM {table} AS r WHERE r.span = {EVER}{r_mine} \
             UNION ALL SELECT {n}, {t_keys}, {pivot} FROM tallies AS t WHERE true{t_only} ",
            n = wanted.periods.len(),
            table = self.table,
            r_keys = self.keys(wanted, "r"),
            t_keys = self.keys(wanted, "t"),
            r_sums = columns(self.measures, |name| format!("r.{name}")),
            r_mine = of_project(wanted, "r"),
            t_only = self.waiting(wanted),
            pivot = pivot(self.measures),
        )
    }

    /// The periods as a table of the fewest sums that make them up.
    fn pieces(&self, wanted: &Wanted) -> String {
        let mut rows = Vec::new();
        for (place, (from, before)) in wanted.periods.iter().enumerate() {
            for piece in calendar::pieces(*from, *before, self.finest) {
                let Piece { span, from, before } = piece;
                rows.push(format!("({place}, {from}, {before}, {span})"));
            }
        }
        // A list of values may not be empty, and a period that begins and ends in the same hour has no sum.
        rows.push("(-1, 0, 0, 0)".to_owned());
        format!(
            "(SELECT column1 AS n, column2 AS lo, column3 AS hi, column4 AS span FROM (VALUES {}) AS v) AS p",
            rows.join(", ")
        )
    }

    /// The periods as a table of their ends.
    fn periods(&self, wanted: &Wanted) -> String {
        let row = |(place, (from, before)): (usize, &(i64, i64))| {
            let [lo, hi] = [*from, *before].map(|at| round_up(at, self.finest));
            format!("({place}, {lo}, {hi})")
        };
        let rows: Vec<String> = wanted.periods.iter().enumerate().map(row).collect();
        format!(
            "(SELECT column1 AS n, column2 AS lo, column3 AS hi FROM (VALUES {}) AS v) AS p",
            rows.join(", ")
        )
    }

    /// The columns that rows are grouped by.
    fn keys(&self, wanted: &Wanted, alias: &str) -> String {
        let places = PLACES.into_iter().zip(wanted.by);
        let names = places.filter_map(|(name, is_wanted)| is_wanted.then_some(name));
        let keys: Vec<String> = names
            .chain([self.last])
            .map(|name| format!("{alias}.{name}"))
            .collect();
        keys.join(", ")
    }

    /// Which of the rows that wait count.
    fn waiting(&self, wanted: &Wanted) -> String {
        let timed = if self.last == "bin" {
            " AND t.bin IS NOT NULL"
        } else {
            ""
        };
        format!("{timed}{}", of_project(wanted, "t"))
    }
}

/// Every place, so that each has its column whatever is wanted.
fn shown(wanted: &Wanted) -> String {
    let column = |(name, is_wanted): (&str, bool)| {
        if is_wanted {
            format!("x.{name}")
        } else {
            format!("NULL AS {name}")
        }
    };
    let columns: Vec<String> = PLACES.into_iter().zip(wanted.by).map(column).collect();
    columns.join(", ")
}

fn of_project(wanted: &Wanted, alias: &str) -> String {
    match wanted.project {
        Some(_) => format!(" AND {alias}.project_id = $1"),
        None => String::new(),
    }
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

/// Each value at the index of its measure in [`Measure::ALL`].
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

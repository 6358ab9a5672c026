//! Rebuilds the reports' sums from the verifications and the ledger.
//!
//! Everything is read in one snapshot, while servers run, and summed in memory; then one transaction replaces the old sums and
//! removes the waiting rows that the snapshot saw. Rows of later changes stay, and are folded as usual.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::clock::Clock;
use uuid::Uuid;

use super::engine::connection::{Connection, On, on};
use super::engine::rows::{Column, Rows};
use super::engine::{Engine, row};
use super::tallies::{EVER, Turn, columns, spans, timed_spans};
use super::verifications::read_record;
use super::{StorageError, Store, ledger};
use crate::ledger::entry::Entry;
use crate::ledger::measure::Measure;
use crate::ledger::tally::{Tally, of_entry, whole};
use crate::verification::id::ProjectId;

/// Rows per statement.
const AT_ONCE: usize = 1_000;
/// How long a rebuild holds its turn without renewing it.
const HELD_SECONDS: i64 = 60;

/// How much has been read so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub done: u64,
    pub of: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    #[error(
        "another rebuild is running, or was interrupted within the last minute; try again in a minute"
    )]
    Busy,
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<sqlx::Error> for RebuildError {
    fn from(error: sqlx::Error) -> Self {
        Self::Storage(error.into())
    }
}

/// Each cell, with a value of zero, and its sum.
type Sums = HashMap<Tally, i64>;

row! {
    struct Row {
        id: Uuid,
        project_id: Uuid,
        record: String,
        packed: Option<Vec<u8>>,
    }
}

impl Store {
    /// Whether some history was never summed.
    pub async fn is_unsummed(&self) -> Result<bool, StorageError> {
        let mut connection = Connection::take(&self.engine).await?;
        Ok(Turn::read(&mut connection).await?.is_unsummed())
    }

    /// Marks the sums as missing until a rebuild has made them.
    pub async fn leave_unsummed(&self) -> Result<(), RebuildError> {
        let mut connection = Connection::take(&self.engine).await?;
        for _ in 0..20 {
            let turn = Turn::read(&mut connection).await?;
            if turn == Turn::New || Turn::change(&mut connection, turn, Turn::New).await? {
                return Ok(());
            }
        }
        Err(RebuildError::Busy)
    }

    /// Reads everything and replaces the sums. Calls `report` with the progress. A row that cannot be read fails it: the
    /// sums would be wrong without it.
    pub async fn rebuild(
        &self,
        clock: &Clock,
        mut report: impl FnMut(Progress),
    ) -> Result<(), RebuildError> {
        let mut turn = self.take_turn(clock).await?;
        let mut snapshot = self.snapshot().await?;
        let mut progress = Progress {
            done: 0,
            of: snapshot.count().await?,
        };
        let seen = snapshot.waiting().await?;
        let mut sums = Sums::new();
        let mut after = Uuid::nil();
        loop {
            let rows = snapshot.verifications(after).await?;
            let Some(last) = rows.last() else { break };
            after = last.id;
            for row in &rows {
                let record = read_record(row.id, row.packed.as_deref(), &row.record)?;
                add(&mut sums, whole(ProjectId(row.project_id), &record));
            }
            progress.done += rows.len() as u64;
            turn = self.keep_turn(turn, clock).await?;
            report(progress);
        }
        let mut after = Uuid::nil();
        loop {
            let entries = snapshot.entries(after).await?;
            let Some(last) = entries.last() else { break };
            after = last.id;
            add(&mut sums, entries.iter().filter_map(of_entry));
            turn = self.keep_turn(turn, clock).await?;
        }
        snapshot.connection.roll_back().await;
        self.replace(turn, &seen, sums).await
    }

    async fn take_turn(&self, clock: &Clock) -> Result<Turn, RebuildError> {
        let mut connection = Connection::take(&self.engine).await?;
        for _ in 0..20 {
            let now = clock.now().timestamp();
            let turn = Turn::read(&mut connection).await?;
            let made = match turn {
                Turn::New => 0,
                Turn::Free(made) => made,
                Turn::Rebuilding { made, until } if until <= now => made,
                Turn::Rebuilding { .. } => return Err(RebuildError::Busy),
            };
            let mine = Turn::Rebuilding {
                made,
                until: now + HELD_SECONDS,
            };
            if Turn::change(&mut connection, turn, mine).await? {
                return Ok(mine);
            }
        }
        Err(RebuildError::Busy)
    }

    async fn keep_turn(&self, turn: Turn, clock: &Clock) -> Result<Turn, RebuildError> {
        let Turn::Rebuilding { made, until } = turn else {
            return Err(RebuildError::Busy);
        };
        let now = clock.now().timestamp();
        if until - now > HELD_SECONDS / 2 {
            return Ok(turn);
        }
        let longer = Turn::Rebuilding {
            made,
            until: now + HELD_SECONDS,
        };
        let mut connection = Connection::take(&self.engine).await?;
        if Turn::change(&mut connection, turn, longer).await? {
            Ok(longer)
        } else {
            Err(RebuildError::Busy)
        }
    }

    /// Replaces the old sums, and removes the rows that the snapshot saw.
    async fn replace(&self, turn: Turn, seen: &[i64], sums: Sums) -> Result<(), RebuildError> {
        let Turn::Rebuilding { made, .. } = turn else {
            return Err(RebuildError::Busy);
        };
        let mut connection = Connection::take(&self.engine).await?;
        connection.begin().await?;
        let replaced = async {
            if !Turn::change(&mut connection, turn, Turn::Free(made + 1)).await? {
                return Ok(false);
            }
            connection.run("DELETE FROM rollups").await?;
            connection.run("DELETE FROM rollup_times").await?;
            for ids in seen.chunks(AT_ONCE) {
                let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
                let sql = format!("DELETE FROM tallies WHERE id IN ({})", ids.join(", "));
                connection.run(sqlx::AssertSqlSafe(sql)).await?;
            }
            for (table, sql, rows) in [
                ("rollups", INSERT_SUMS.as_str(), whole_sums(&sums)),
                ("rollup_times", INSERT_TIMES.as_str(), timed(&sums)),
            ] {
                for part in rows.chunks(AT_ONCE) {
                    connection.write(sql, summed_rows(table, part)).await?;
                }
            }
            Ok::<bool, sqlx::Error>(true)
        };
        match replaced.await {
            Ok(true) => Ok(connection.commit().await?),
            Ok(false) => {
                connection.roll_back().await;
                Err(RebuildError::Busy)
            }
            Err(error) => {
                connection.roll_back().await;
                Err(error.into())
            }
        }
    }

    async fn snapshot(&self) -> Result<Snapshot, RebuildError> {
        let on = match &self.engine {
            Engine::Postgres(pool) => On::Postgres(pool.acquire().await?),
            Engine::Sqlite { read, .. } => On::Sqlite(read.acquire().await?),
        };
        let mut connection = Connection::from(on);
        match &connection.on {
            On::Postgres(_) => connection.begin_snapshot().await?,
            On::Sqlite(_) => connection.begin_reading().await?,
        }
        Ok(Snapshot { connection })
    }
}

fn add(sums: &mut Sums, tallies: impl IntoIterator<Item = Tally>) {
    for tally in tallies {
        let value = tally.value;
        *sums.entry(Tally { value: 0, ..tally }).or_default() += value;
    }
}

/// One row of the sums: its cell and its values.
struct Summed {
    span: i64,
    starts_at: i64,
    cell: Tally,
    measures: &'static [Measure],
    values: Vec<i64>,
}

impl Summed {
    fn place(&self) -> (i64, i64, Uuid, &str, &str, &str, &str) {
        let cell = &self.cell;
        let (channel, provider) = (cell.channel, &cell.provider);
        let (country, currency) = (&cell.country, &cell.currency);
        (
            self.span,
            self.starts_at,
            cell.project,
            channel,
            provider,
            country,
            currency,
        )
    }
}

fn whole_sums(sums: &Sums) -> Vec<Summed> {
    in_spans(sums, &spans(), &Measure::ALL, |cell| {
        Some(Tally {
            bin: None,
            ..cell.clone()
        })
    })
}

fn timed(sums: &Sums) -> Vec<Summed> {
    in_spans(sums, &timed_spans(), &Measure::TIMED, |cell| {
        cell.bin.map(|_| cell.clone())
    })
}

/// Sums, over spans of time, the cells that `kept` returns; cells that differ only in their measure share a row.
fn in_spans(
    sums: &Sums,
    spans: &[i64],
    measures: &'static [Measure],
    kept: impl Fn(&Tally) -> Option<Tally>,
) -> Vec<Summed> {
    let mut rows: HashMap<(i64, Tally), Vec<i64>> = HashMap::new();
    for (cell, value) in sums.iter().filter(|(_, value)| **value != 0) {
        let Some(place) = measures.iter().position(|measure| *measure == cell.measure) else {
            continue;
        };
        let Some(cell) = kept(cell) else { continue };
        for span in spans {
            let starts_at = match span {
                &EVER => 0,
                span => cell.starts_at - cell.starts_at.rem_euclid(*span),
            };
            let key = Tally {
                starts_at,
                measure: measures[0],
                ..cell.clone()
            };
            let values = rows
                .entry((*span, key))
                .or_insert_with(|| vec![0; measures.len()]);
            values[place] += value;
        }
    }
    let row = |((span, cell), values): ((i64, Tally), Vec<i64>)| Summed {
        span,
        starts_at: cell.starts_at,
        cell,
        measures,
        values,
    };
    let mut rows: Vec<Summed> = rows.into_iter().map(row).collect();
    // Rows that a report reads together are written together.
    rows.sort_unstable_by(|one, other| one.place().cmp(&other.place()));
    rows
}

fn summed_rows<'a>(table: &str, part: &[Summed]) -> Rows<'a> {
    let int =
        |get: &dyn Fn(&Summed) -> i64| Column::Int(part.iter().map(|row| Some(get(row))).collect());
    let text = |get: &dyn Fn(&Tally) -> &str| {
        Column::Text(
            part.iter()
                .map(|row| Some(get(&row.cell).to_owned()))
                .collect(),
        )
    };
    let projects = part.iter().map(|row| Some(row.cell.project)).collect();
    let mut columns = vec![
        ("span", int(&|row| row.span)),
        ("starts_at", int(&|row| row.starts_at)),
        ("project_id", Column::Uuid(projects)),
        ("channel", text(&|cell| cell.channel)),
        ("provider", text(&|cell| &cell.provider)),
        ("country", text(&|cell| &cell.country)),
    ];
    columns.push(match table {
        "rollups" => ("currency", text(&|cell| &cell.currency)),
        _ => ("bin", int(&|row| row.cell.bin.unwrap_or(0))),
    });
    let measures = part.first().map_or(&[][..], |row| row.measures);
    for (place, measure) in measures.iter().enumerate() {
        columns.push((measure.column(), int(&|row| row.values[place])));
    }
    Rows::new(part.len(), columns)
}

static INSERT_SUMS: LazyLock<String> =
    LazyLock::new(|| insert("rollups", "currency", &Measure::ALL));
static INSERT_TIMES: LazyLock<String> =
    LazyLock::new(|| insert("rollup_times", "bin", &Measure::TIMED));

/// Writes [`summed_rows`]; `last` is the last column of the table's key.
fn insert(table: &str, last: &str, measures: &[Measure]) -> String {
    let key = format!("span, starts_at, project_id, channel, provider, country, {last}");
    let read = key.replace(", ", ", r.");
    format!(
        "INSERT INTO {table} ({key}, {}) SELECT r.{read}, {} FROM {{rows}} WHERE true ON CONFLICT DO NOTHING",
        columns(measures, str::to_owned),
        columns(measures, |name| format!("r.{name}")),
    )
}

/// Everything as of one moment.
struct Snapshot {
    connection: Connection,
}

impl Snapshot {
    async fn count(&mut self) -> sqlx::Result<u64> {
        let count = self
            .connection
            .text("SELECT CAST(COUNT(*) AS TEXT) FROM verifications")
            .await?;
        Ok(count.parse().unwrap_or(0))
    }

    async fn waiting(&mut self) -> sqlx::Result<Vec<i64>> {
        const SQL: &str = "SELECT id FROM tallies";
        let ids: Vec<(i64,)> = on!(self.connection, |to| sqlx::query_as(SQL)
            .fetch_all(to)
            .await?);
        Ok(ids.into_iter().map(|(id,)| id).collect())
    }

    async fn verifications(&mut self, after: Uuid) -> sqlx::Result<Vec<Row>> {
        const SQL: &str = "SELECT id, project_id, record, packed FROM verifications WHERE id > $1 ORDER BY id LIMIT 1000";
        on!(self.connection, |to| sqlx::query_as(SQL)
            .bind(after)
            .fetch_all(to)
            .await)
    }

    async fn entries(&mut self, after: Uuid) -> Result<Vec<Entry>, StorageError> {
        let sql = format!(
            "SELECT {} FROM ledger WHERE id > $1 ORDER BY id LIMIT {AT_ONCE}",
            ledger::COLUMNS
        );
        let sql = sqlx::AssertSqlSafe(sql);
        let rows: Vec<ledger::Row> = on!(self.connection, |to| sqlx::query_as(sql)
            .bind(after)
            .fetch_all(to)
            .await?);
        rows.into_iter().map(Entry::try_from).collect()
    }
}

//! Rebuilds the reports' sums from the verifications and the ledger.
//!
//! Everything is read in one snapshot, while servers run, and summed in memory; then one transaction replaces the old sums and
//! removes the waiting rows that the snapshot saw. Rows of later changes stay, and are folded as usual. Sums of a time whose
//! verifications are no longer kept stay as they are.

mod snapshot;
mod sums;

use crate::clock::Clock;
use uuid::Uuid;

use super::engine::Engine;
use super::engine::connection::{Connection, On};
use super::tallies::{EVER, Turn, spans, timed_spans};
use super::{StorageError, Store};
use crate::ledger::measure::Measure;
use crate::ledger::tally::{DAY, of_entry, whole};
use snapshot::{READ_HOT, READ_PAST, Snapshot};
use sums::{INSERT_SUMS, INSERT_TIMES, Sums, add, add_days, summed_rows, timed, whole_sums};

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
        let kept_from = snapshot.kept_from().await?;
        let seen = snapshot.waiting(kept_from).await?;
        let mut sums = Sums::new();
        for read in [READ_HOT, READ_PAST] {
            let mut after = Uuid::nil();
            loop {
                let records = snapshot.records(read, after).await?;
                let Some((last, ..)) = records.last() else {
                    break;
                };
                after = *last;
                for (_, project, record) in &records {
                    add(&mut sums, whole(*project, record));
                }
                progress.done += records.len() as u64;
                turn = self.keep_turn(turn, clock).await?;
                report(progress);
            }
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
        sums.retain(|cell, _| cell.starts_at >= kept_from);
        self.replace(turn, &seen, sums, kept_from).await
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

    /// Replaces the sums of times since `kept_from`, in seconds, and removes the rows that the snapshot saw.
    async fn replace(
        &self,
        turn: Turn,
        seen: &[i64],
        sums: Sums,
        kept_from: i64,
    ) -> Result<(), RebuildError> {
        let Turn::Rebuilding { made, .. } = turn else {
            return Err(RebuildError::Busy);
        };
        let mut connection = Connection::take(&self.engine).await?;
        connection.begin().await?;
        let replaced = async {
            connection.take_time().await?;
            if !Turn::change(&mut connection, turn, Turn::Free(made + 1)).await? {
                return Ok(false);
            }
            for table in ["rollups", "rollup_times"] {
                let sql = format!(
                    "DELETE FROM {table} WHERE starts_at + span > {kept_from} OR span = {EVER}"
                );
                connection.run(sqlx::AssertSqlSafe(sql)).await?;
            }
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
            for span in spans()
                .into_iter()
                .filter(|span| *span == EVER || *span > DAY)
            {
                let sql = add_days("rollups", "currency", &Measure::ALL, span, kept_from);
                connection.run(sqlx::AssertSqlSafe(sql)).await?;
            }
            for span in timed_spans().into_iter().filter(|span| *span > DAY) {
                let sql = add_days("rollup_times", "bin", &Measure::TIMED, span, kept_from);
                connection.run(sqlx::AssertSqlSafe(sql)).await?;
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
        connection.take_time().await?;
        Ok(Snapshot { connection })
    }
}

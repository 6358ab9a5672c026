//! Partitions by the week in which an id was made, on Postgres: made ahead of time, and dropped as a whole when they are too old.
//!
//! Each table is partitioned by range of its id, a UUIDv7, which begins with the time. Every statement that takes a lock on a whole
//! table gives up soon, since requests wait behind it; it is tried again.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Executor as _, PgConnection, PgPool, Postgres, Transaction};
use uuid::Uuid;

use super::engine::{Engine, read};
use super::{StorageError, Store};
use crate::verification::id::time_ordered;

pub(super) const PAST: &str = "past_verifications";
const DELIVERIES: &str = "webhook_deliveries";

/// Weeks for which partitions are made ahead.
const AHEAD: i64 = 4;
const WEEK: i64 = 7 * 24 * 3_600 * 1_000;
/// 1970 began on a Thursday; weeks begin on Mondays, UTC.
const FIRST_MONDAY: i64 = 4 * 24 * 3_600 * 1_000;
/// How long requests may wait behind a statement that locks a table.
const SHORT: &str = "SET LOCAL lock_timeout = '200ms'";
/// Taken while partitions of any table are made or dropped.
const TURN: &str = "SELECT pg_try_advisory_xact_lock(5060181, hashtext(current_schema()))";

/// The week of a time, by its number.
fn week_of(millis: i64) -> i64 {
    (millis - FIRST_MONDAY).div_euclid(WEEK)
}

fn week_of_id(id: Uuid) -> i64 {
    let mut millis = [0; 8];
    millis[2..].copy_from_slice(&id.as_bytes()[..6]);
    week_of(i64::from_be_bytes(millis))
}

/// When a week begins, in seconds since 1970.
fn first_second(week: i64) -> i64 {
    (week * WEEK + FIRST_MONDAY) / 1_000
}

/// The least id of a week.
fn first_id(week: i64) -> Uuid {
    let millis = (week * WEEK + FIRST_MONDAY).max(0).to_be_bytes();
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&millis[2..]);
    Uuid::from_bytes(bytes)
}

/// As the partition of a week is named: by its first day.
fn name(table: &str, week: i64) -> String {
    let day = DateTime::from_timestamp_millis(week * WEEK + FIRST_MONDAY).unwrap_or_default();
    format!("{table}_{}", day.format("%Y%m%d"))
}

/// A partition, and the range of ids that it holds: from, inclusive; to, exclusive.
#[derive(Debug)]
struct Partition {
    name: String,
    from: Option<Uuid>,
    to: Uuid,
}

/// All but the default one, oldest first.
async fn partitions_of(connection: &mut PgConnection, table: &str) -> sqlx::Result<Vec<Partition>> {
    const ALL: &str = "SELECT c.relname::text, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i \
        JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent \
        JOIN pg_namespace n ON n.oid = p.relnamespace \
        WHERE p.relname = $1 AND n.nspname = current_schema()";
    let rows: Vec<(String, String)> = sqlx::query_as(ALL)
        .bind(table)
        .fetch_all(connection)
        .await?;
    // FOR VALUES FROM ('…') TO ('…'), or FROM (MINVALUE) TO ('…').
    let read = |(name, bound): (String, String)| {
        let mut ids: Vec<Uuid> = bound
            .split('\'')
            .filter_map(|part| part.parse().ok())
            .collect();
        let to = ids.pop()?;
        let from = ids.pop();
        Some(Partition { name, from, to })
    };
    let mut all: Vec<Partition> = rows.into_iter().filter_map(read).collect();
    all.sort_unstable_by_key(|partition| partition.to);
    Ok(all)
}

fn is_missing(all: &[Partition], week: i64) -> bool {
    let first = first_id(week);
    !all.iter()
        .any(|one| first < one.to && one.from.is_none_or(|from| from <= first))
}

/// Begins a transaction in which no other replica makes or drops partitions, and which waits for no lock for long. `None`: another
/// one does so now.
async fn take_turn(pool: &PgPool) -> sqlx::Result<Option<Transaction<'static, Postgres>>> {
    let mut turn = pool.begin().await?;
    let (is_ours,): (bool,) = sqlx::query_as(TURN).fetch_one(&mut *turn).await?;
    if !is_ours {
        return Ok(None);
    }
    turn.execute(SHORT).await?;
    Ok(Some(turn))
}

/// Makes the partitions of these weeks that are missing among `known`. Returns false if another replica makes or drops some now.
async fn have_weeks(
    pool: &PgPool,
    table: &'static str,
    known: &[Partition],
    weeks: impl IntoIterator<Item = i64>,
) -> sqlx::Result<bool> {
    let weeks: BTreeSet<i64> = weeks.into_iter().collect();
    for week in weeks.into_iter().filter(|week| is_missing(known, *week)) {
        let Some(mut turn) = take_turn(pool).await? else {
            return Ok(false);
        };
        let all = partitions_of(&mut turn, table).await?;
        if !is_missing(&all, week) {
            continue;
        }
        for sql in making(table, week) {
            turn.execute(AssertSqlSafe(sql)).await?;
        }
        turn.commit().await?;
    }
    Ok(true)
}

/// The statements that make the partition of a week. It is attached once it is whole: that waits for nobody who reads or writes other
/// partitions.
fn making(table: &str, week: i64) -> Vec<String> {
    let name = name(table, week);
    let (from, to) = (first_id(week), first_id(week + 1));
    let mut steps = vec![format!("CREATE TABLE {name} (LIKE {table} INCLUDING ALL)")];
    if table == DELIVERIES {
        // Rows that came before their partition.
        steps.push(format!(
            "WITH early AS (DELETE FROM {table}_rest WHERE id >= '{from}' AND id < '{to}' RETURNING *) \
            INSERT INTO {name} SELECT * FROM early"
        ));
    }
    steps.push(format!(
        "ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{from}') TO ('{to}')"
    ));
    steps
}

/// Makes the partitions that rows with these ids need.
pub(super) async fn have_weeks_of(
    pool: &PgPool,
    table: &'static str,
    ids: impl Iterator<Item = Uuid>,
) -> sqlx::Result<bool> {
    let known = partitions_of(&mut *pool.acquire().await?, table).await?;
    have_weeks(pool, table, &known, ids.map(week_of_id)).await
}

impl Store {
    /// Makes the partitions of the coming weeks, and records for how many of them there are some. On SQLite there are none.
    pub async fn make_partitions(&self, now: DateTime<Utc>) -> Result<(), StorageError> {
        let Engine::Postgres(pool) = &self.engine else {
            return Ok(());
        };
        let week = week_of(now.timestamp_millis());
        for table in [PAST, DELIVERIES] {
            let record = |known: &[Partition]| {
                let there = (1..=AHEAD).take_while(|ahead| !is_missing(known, week + ahead));
                metrics::gauge!("pinroute_partitions_ahead", "table" => table)
                    .set(f64::from(u32::try_from(there.count()).unwrap_or(u32::MAX)));
            };
            let known = partitions_of(&mut *pool.acquire().await?, table).await?;
            // Before they are made, so that it is true if they cannot be.
            record(&known);
            let wanted = week..=week + AHEAD;
            if wanted.clone().any(|week| is_missing(&known, week)) {
                have_weeks(pool, table, &known, wanted).await?;
                record(&partitions_of(&mut *pool.acquire().await?, table).await?);
            }
        }
        Ok(())
    }

    /// Drops the partitions of webhook messages, or of the past, whose rows were all made before `before`, and returns their names.
    pub async fn drop_partitions(
        &self,
        table: Kept,
        before: DateTime<Utc>,
    ) -> Result<Vec<String>, StorageError> {
        let Engine::Postgres(pool) = &self.engine else {
            return Ok(Vec::new());
        };
        let table = table.name();
        let end = first_id(week_of(before.timestamp_millis()));
        let mut dropped = Vec::new();
        let all = partitions_of(&mut *pool.acquire().await?, table).await?;
        for one in all.into_iter().filter(|one| one.to <= end) {
            if table == PAST {
                self.keep_from(first_second(week_of_id(one.to))).await?;
            }
            let Some(mut turn) = take_turn(pool).await? else {
                break;
            };
            let drop = format!("DROP TABLE IF EXISTS {}", one.name);
            turn.execute(AssertSqlSafe(drop)).await?;
            turn.commit().await?;
            dropped.push(one.name);
        }
        Ok(dropped)
    }

    /// Removes up to `limit` deliveries older than `before` and returns how many. None of them is still being tried. On Postgres,
    /// those in the partition of a week go with it.
    pub async fn drop_old_deliveries(&self, before: Uuid, limit: i64) -> Result<u64, StorageError> {
        macro_rules! old {
            ($table:literal) => {
                concat!(
                    "DELETE FROM ",
                    $table,
                    " WHERE id IN (SELECT d.id FROM ",
                    $table,
                    " d WHERE d.id < $1 ORDER BY d.id LIMIT $2)"
                )
            };
        }
        const BEFORE: &str = "SELECT CAST(to_regclass('webhook_deliveries_before') AS TEXT)";
        if let Engine::Sqlite { .. } = &self.engine {
            return self
                .drop_deliveries(old!("webhook_deliveries"), before, limit)
                .await;
        }
        let rest = old!("webhook_deliveries_rest");
        let mut count = self.drop_deliveries(rest, before, limit).await?;
        // Of the time before there were partitions; it is dropped in the end.
        let (is_there,): (Option<String>,) = read!(&self.engine, |pool| sqlx::query_as(BEFORE)
            .fetch_one(pool)
            .await)?;
        if is_there.is_some() {
            let first = old!("webhook_deliveries_before");
            count = count.max(self.drop_deliveries(first, before, limit).await?);
        }
        Ok(count)
    }
}

impl Store {
    /// How many verifications of the past go that were made before `before`; on Postgres whole weeks go.
    pub async fn count_past(&self, before: DateTime<Utc>) -> Result<u64, StorageError> {
        const COUNT: &str = "SELECT COUNT(*) FROM past_verifications WHERE id < $1";
        self.count_before(COUNT, before).await
    }

    /// As [`Store::count_past`], webhook messages and events for sinks.
    pub async fn count_deliveries(&self, before: DateTime<Utc>) -> Result<u64, StorageError> {
        const COUNT: &str = "SELECT COUNT(*) FROM webhook_deliveries WHERE id < $1";
        self.count_before(COUNT, before).await
    }

    async fn count_before(
        &self,
        sql: &'static str,
        before: DateTime<Utc>,
    ) -> Result<u64, StorageError> {
        let end = match &self.engine {
            Engine::Postgres(_) => first_id(week_of(before.timestamp_millis())),
            Engine::Sqlite { .. } => time_ordered(before, [0; 8]),
        };
        let (count,): (i64,) = read!(&self.engine, |pool| sqlx::query_as(sql)
            .bind(end)
            .fetch_one(pool)
            .await)?;
        Ok(count.unsigned_abs())
    }
}

/// A table that is kept by weeks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    Verifications,
    WebhookDeliveries,
}

impl Kept {
    fn name(self) -> &'static str {
        match self {
            Self::Verifications => PAST,
            Self::WebhookDeliveries => DELIVERIES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_holds_the_ids_of_monday_to_sunday() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let week = |text: &str| week_of_id(time_ordered(at(text), [0xff; 8]));
        let monday = week("2026-11-30T00:00:00Z");
        assert_eq!(monday, week("2026-12-06T23:59:59.999Z"));
        assert_eq!(monday - 1, week("2026-11-29T23:59:59.999Z"));
        assert_eq!(name(PAST, monday), "past_verifications_20261130");
        let first = first_id(monday);
        assert!(first <= time_ordered(at("2026-11-30T00:00:00Z"), [0; 8]));
        assert!(first > time_ordered(at("2026-11-29T23:59:59.999Z"), [0xff; 8]));
    }
}

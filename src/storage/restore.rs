//! Copies of a database, and what a restored one must forget: nothing is sent from the past.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::engine::change::{Change, CommitError};
use super::engine::connection::in_transaction;
use super::engine::open::{RESTORING, connect, lock};
use super::engine::postgres::Purpose;
use super::engine::{Location, read, touch};
use super::inspect::only_reading;
use super::stored::{Lease, Write};
use super::verifications::{COLUMNS, Row};
use super::{Db, OpenError, StorageError};

/// Verifications that are ended at once.
const AT_ONCE: i64 = 200;

/// What a restored database had left to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Verifications that were open.
    pub verifications: u64,
    /// Messages to webhooks that were due.
    pub messages: u64,
    /// Verifications that cannot be read; they are left as they are, and nothing is done about them.
    pub unreadable: u64,
}

/// Writes a whole copy of a SQLite database, as of one moment, while others use it. `to` must be empty or not there.
pub async fn copy_sqlite(path: &Path, to: &Path) -> Result<(), OpenError> {
    let engine = only_reading(path).await?;
    let name = to.to_string_lossy().into_owned();
    let copied = read!(&engine, |pool| sqlx::query("VACUUM INTO $1")
        .bind(name)
        .execute(pool)
        .await
        .map(|_| ()));
    engine.close().await;
    Ok(copied.map_err(StorageError::from)?)
}

/// Keeps servers off a SQLite file for as long as the result lives.
pub fn keep_servers_off(path: &Path) -> Result<std::fs::File, OpenError> {
    lock(path)
}

/// Marks a Postgres database as one that is being restored: no server starts on it.
pub async fn begin_restore(location: &Location) -> Result<(), OpenError> {
    run_alone(
        location,
        format!("CREATE TABLE IF NOT EXISTS {RESTORING} (at TEXT)"),
    )
    .await
}

/// The restore has ended.
pub async fn end_restore(location: &Location) -> Result<(), OpenError> {
    run_alone(location, format!("DROP TABLE IF EXISTS {RESTORING}")).await
}

async fn run_alone(location: &Location, sql: String) -> Result<(), OpenError> {
    let engine = connect(location, Purpose::Migrate).await?;
    let done: Result<u64, sqlx::Error> = read!(&engine, |pool| sqlx::query(AssertSqlSafe(sql))
        .execute(pool)
        .await
        .map(|done| done.rows_affected()));
    engine.close().await;
    done.map_err(StorageError::from)?;
    Ok(())
}

impl Db {
    /// Ends all that was going on when the database was copied. No verification is sent, revoked or reported any more, no message
    /// to a webhook is due, nobody is signed in, no request is repeated from memory, and no lease is held. Budgets, bookings and
    /// what providers can still be asked stay.
    pub async fn end_the_past(
        &self,
        unknown_after: Duration,
        now: DateTime<Utc>,
    ) -> Result<Ended, StorageError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM verifications v \
             WHERE v.id > $1 AND (v.wake_at IS NOT NULL OR v.status = 'pending') ORDER BY v.id LIMIT $2"
        );
        let mut ended = Ended::default();
        let mut after = Uuid::nil();
        loop {
            let sql = AssertSqlSafe(sql.clone());
            let rows: Vec<Row> = read!(&self.engine, |pool| sqlx::query_as(sql)
                .bind(after)
                .bind(AT_ONCE)
                .fetch_all(pool)
                .await)?;
            let Some(last) = rows.last() else { break };
            after = last.id();
            let one = |row: Row| self.end_one(row, unknown_after, now);
            for (was_open, is_readable) in join_all(rows.into_iter().map(one))
                .await
                .into_iter()
                .collect::<Result<Vec<_>, StorageError>>()?
            {
                ended.verifications += u64::from(was_open);
                ended.unreadable += u64::from(!is_readable);
            }
        }
        ended.messages = in_transaction(&self.engine, async |to| {
            to.take_time().await?;
            to.run("UPDATE verifications SET lease_owner = NULL, lease_until = NULL \
                    WHERE lease_owner IS NOT NULL OR lease_until IS NOT NULL")
                .await?;
            for sql in [
                "DELETE FROM replicas",
                "DELETE FROM idempotency",
                "DELETE FROM user_sessions",
                "DELETE FROM user_links",
            ] {
                to.run(sql).await?;
            }
            to.run("UPDATE webhook_deliveries SET state = 'dead', due_at = NULL WHERE state = 'pending'")
                .await
        })
        .await?;
        Ok(ended)
    }

    /// Whether it was open, and whether it can be read.
    async fn end_one(
        &self,
        row: Row,
        unknown_after: Duration,
        now: DateTime<Utc>,
    ) -> Result<(bool, bool), StorageError> {
        const LEAVE: &str = "UPDATE verifications SET wake_at = NULL WHERE id = $1";
        let id = row.id();
        let Ok(mut v) = row.open(&self.vault) else {
            touch!(self, LEAVE, id)?;
            return Ok((false, false));
        };
        let was_open = v.is_open();
        v.abandon(now);
        let next = v.next_task(unknown_after, now).map(|(due, _)| due);
        // It plans no attempt, so it reserves nothing and needs no budget.
        let postings = v.postings(&[], |_, _| None);
        let key = id.into_bytes();
        let change = Change::of(&self.vault, Write::Update, &v, key, next, Lease::Keep);
        match self.commit(change.with_postings(postings)).await {
            Ok(()) => Ok((was_open, true)),
            Err(CommitError::Unavailable | CommitError::Unanswered) => {
                Err(StorageError::Unavailable(sqlx::Error::PoolClosed))
            }
            Err(error) => Err(StorageError::Unavailable(sqlx::Error::Protocol(
                error.to_string(),
            ))),
        }
    }
}

//! The statements of one group of changes, in the order in which they depend on one another.

use std::collections::HashSet;
use std::sync::LazyLock;

use sqlx::pool::PoolConnection;
use sqlx::{Executor, Postgres, Sqlite};
use uuid::Uuid;

use super::change::{Change, CommitError, IdempotencyOp, Write};
use super::deliveries::Delivery;
use super::engine::Engine;
use super::rows::{Column, Rows};
use super::verifications::Stored;
use super::{budgets, deliveries, idempotency, ledger, tallies, verifications};
use crate::ledger::entry::Entry;
use crate::ledger::tally::Tally;
use crate::verification::budget::Claim;

/// A connection that the writer has to itself. Whoever begins on it must commit, roll back, or throw it away.
pub(super) enum Line {
    Postgres(PoolConnection<Postgres>),
    Sqlite(PoolConnection<Sqlite>),
}

impl Line {
    pub async fn take(engine: &Engine) -> sqlx::Result<Self> {
        Ok(match engine {
            Engine::Postgres(pool) => Self::Postgres(pool.acquire().await?),
            Engine::Sqlite { write, .. } => Self::Sqlite(write.acquire().await?),
        })
    }

    pub async fn begin(&mut self) -> sqlx::Result<()> {
        match self {
            Self::Postgres(_) => self.plain("BEGIN").await,
            // A plain BEGIN would ask for the lock only at the first write.
            Self::Sqlite(_) => self.plain("BEGIN IMMEDIATE").await,
        }
    }

    /// Every statement sees the same rows.
    pub async fn begin_snapshot(&mut self) -> sqlx::Result<()> {
        match self {
            Self::Postgres(_) => self.plain("BEGIN ISOLATION LEVEL REPEATABLE READ").await,
            Self::Sqlite(_) => self.plain("BEGIN IMMEDIATE").await,
        }
    }

    /// The same on a connection that only reads.
    pub async fn begin_reading(&mut self) -> sqlx::Result<()> {
        self.plain("BEGIN").await
    }

    /// Runs one statement and answers how many rows it changed.
    pub async fn run(&mut self, sql: impl sqlx::SqlSafeStr) -> sqlx::Result<u64> {
        let sql = sql.into_sql_str();
        Ok(match self {
            Self::Postgres(line) => sqlx::query(sql).execute(&mut **line).await?.rows_affected(),
            Self::Sqlite(line) => sqlx::query(sql).execute(&mut **line).await?.rows_affected(),
        })
    }

    /// The only value that a statement finds.
    pub async fn text(&mut self, sql: &'static str) -> sqlx::Result<String> {
        let (text,): (String,) = match self {
            Self::Postgres(line) => sqlx::query_as(sql).fetch_one(&mut **line).await?,
            Self::Sqlite(line) => sqlx::query_as(sql).fetch_one(&mut **line).await?,
        };
        Ok(text)
    }

    pub async fn commit(&mut self) -> sqlx::Result<()> {
        self.plain("COMMIT").await
    }

    /// Leaves nothing open: what cannot be rolled back goes with its connection.
    pub async fn roll_back(mut self) {
        if self.plain("ROLLBACK").await.is_err() {
            self.throw_away().await;
        }
    }

    /// Its state is not known.
    pub async fn throw_away(self) {
        let closed = match self {
            Self::Postgres(line) => line.close().await,
            Self::Sqlite(line) => line.close().await,
        };
        if let Err(error) = closed {
            tracing::debug!(%error, "a broken connection did not close cleanly");
        }
    }

    async fn plain(&mut self, sql: &'static str) -> sqlx::Result<()> {
        match self {
            Self::Postgres(line) => line.execute(sql).await.map(|_| ()),
            Self::Sqlite(line) => line.execute(sql).await.map(|_| ()),
        }
    }

    pub async fn write(&mut self, sql: &str, rows: Rows) -> sqlx::Result<()> {
        match self {
            Self::Postgres(line) => rows.postgres(sql).execute(&mut **line).await.map(|_| ()),
            Self::Sqlite(line) => rows.sqlite(sql).execute(&mut **line).await.map(|_| ()),
        }
    }

    /// Runs a statement that ends in `RETURNING` one column.
    pub async fn returning<T>(&mut self, sql: &str, rows: Rows) -> sqlx::Result<Vec<T>>
    where
        T: for<'r> sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres> + Send + Unpin,
        T: for<'r> sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>,
    {
        use sqlx::Row;
        match self {
            Self::Postgres(line) => rows
                .postgres(sql)
                .fetch_all(&mut **line)
                .await?
                .iter()
                .map(|row| row.try_get(0))
                .collect(),
            Self::Sqlite(line) => rows
                .sqlite(sql)
                .fetch_all(&mut **line)
                .await?
                .iter()
                .map(|row| row.try_get(0))
                .collect(),
        }
    }
}

/// The statements as one on Postgres, which can change several tables in one: BEGIN, COMMIT and the other round trips fall
/// away. What goes with a verification is written only if that was. By whether there are claims, and messages.
static IN_ONE: LazyLock<[String; 4]> = LazyLock::new(|| {
    let always = [
        ("booked", ledger::INSERT),
        ("counted", tallies::INSERT_SUMMED),
    ];
    let claims = ("claimed", budgets::CLAIM);
    let messages = ("told", deliveries::INSERT);
    [
        in_one(&always),
        in_one(&[always[0], always[1], messages]),
        in_one(&[always[0], always[1], claims]),
        in_one(&[always[0], always[1], claims, messages]),
    ]
});

fn in_one(rest: &[(&str, &str)]) -> String {
    let (insert, update) = (verifications::INSERT, verifications::UPDATE);
    let written = "WHERE r.verification_id IN (SELECT id FROM made UNION ALL SELECT id FROM done)";
    let mut steps = vec![format!("made AS ({insert})"), format!("done AS ({update})")];
    for (name, sql) in rest {
        steps.push(format!(
            "{name} AS ({})",
            sql.replace("WHERE true", written)
        ));
    }
    format!(
        "WITH {} SELECT id FROM made UNION ALL SELECT id FROM done",
        steps.join(", ")
    )
}

/// Whether one statement does all of it, and is its own transaction.
pub(super) fn is_one_statement(line: &Line, changes: &[&Change]) -> bool {
    let kind = |change: &Change| change.write.as_ref().map(|(kind, _)| *kind);
    let first = changes.first().and_then(|change| kind(change));
    match line {
        Line::Postgres(_) => changes
            .iter()
            .all(|change| kind(change).is_some() && change.idempotency.is_none()),
        Line::Sqlite(_) => changes.iter().all(|change| {
            kind(change).is_some()
                && kind(change) == first
                && change.entries.is_empty()
                && change.tallies.is_empty()
                && change.claims.is_empty()
                && change.deliveries.is_empty()
                && change.idempotency.is_none()
        }),
    }
}

/// Rows are locked in the order of their ids, so that two groups do not wait for each other.
fn in_order<'a>(
    stored: impl Iterator<Item = &'a (Write, Stored)>,
    write: Write,
) -> Vec<&'a Stored> {
    let mut stored: Vec<&Stored> = stored
        .filter(|(kind, _)| *kind == write)
        .map(|(_, stored)| stored)
        .collect();
    stored.sort_by_key(|stored| stored.id);
    stored
}

/// Writes changes that [`is_one_statement`] allows on Postgres.
pub(super) async fn write_in_one(
    line: &mut PoolConnection<Postgres>,
    changes: &[&Change],
) -> Result<Vec<Result<(), CommitError>>, sqlx::Error> {
    use sqlx::Row;
    let writes = || changes.iter().filter_map(|change| change.write.as_ref());
    let entries: Vec<&Entry> = changes.iter().flat_map(|change| &change.entries).collect();
    let told: Vec<&Delivery> = changes
        .iter()
        .flat_map(|change| &change.deliveries)
        .collect();
    let counted: Vec<(Uuid, &Tally)> = changes
        .iter()
        .filter_map(|change| Some((change.subject()?, &change.tallies)))
        .flat_map(|(id, tallies)| tallies.iter().map(move |tally| (id, tally)))
        .collect();
    let mut rows = vec![
        verifications::rows(&in_order(writes(), Write::Insert)),
        verifications::rows(&in_order(writes(), Write::Update)),
        ledger::rows(&entries),
        tallies::rows(&counted),
    ];
    let claims: Vec<(Uuid, Claim)> = changes
        .iter()
        .filter_map(|change| Some((change.subject()?, &change.claims)))
        .flat_map(|(id, claims)| claims.iter().map(move |claim| (id, *claim)))
        .collect();
    let sql = &IN_ONE[2 * usize::from(!claims.is_empty()) + usize::from(!told.is_empty())];
    if !claims.is_empty() {
        rows.push(budgets::rows(&claims));
    }
    if !told.is_empty() {
        rows.push(deliveries::rows(&told));
    }
    let done = Rows::postgres_in_order(rows, sql)
        .fetch_all(&mut **line)
        .await?;
    let done: sqlx::Result<HashSet<Uuid>> = done.iter().map(|row| row.try_get(0)).collect();
    let done = done?;
    let result = |change: &&Change| match &change.write {
        Some((write, stored)) if !done.contains(&stored.id) => Err(write.refused()),
        _ => Ok(()),
    };
    Ok(changes.iter().map(result).collect())
}

pub(super) async fn write_all(
    line: &mut Line,
    changes: &[&Change],
) -> Result<Vec<Result<(), CommitError>>, sqlx::Error> {
    let mut written: Vec<Result<(), CommitError>> = changes.iter().map(|_| Ok(())).collect();
    // Claims first: a request that may not run must not have run.
    let claim_of = |change: &&'_ Change| match &change.idempotency {
        Some(IdempotencyOp::Claim(claim)) => Some(claim.clone()),
        _ => None,
    };
    let claims: Vec<_> = changes.iter().filter_map(claim_of).collect();
    if !claims.is_empty() {
        let taken: Vec<Vec<u8>> = line
            .returning(idempotency::CLAIM, idempotency::claim_rows(&claims))
            .await?;
        let taken: HashSet<&[u8]> = taken.iter().map(Vec::as_slice).collect();
        for (change, result) in changes.iter().zip(&mut written) {
            if let Some(IdempotencyOp::Claim(claim)) = &change.idempotency
                && !taken.contains(claim.key_hash.as_slice())
            {
                *result = Err(CommitError::Claimed);
            }
        }
    }
    for (write, sql) in [
        (Write::Insert, verifications::INSERT),
        (Write::Update, verifications::UPDATE),
    ] {
        let open = changes
            .iter()
            .zip(&written)
            .filter(|(_, result)| result.is_ok());
        let stored = in_order(open.filter_map(|(change, _)| change.write.as_ref()), write);
        if stored.is_empty() {
            continue;
        }
        let done: Vec<Uuid> = line.returning(sql, verifications::rows(&stored)).await?;
        let done: HashSet<Uuid> = done.into_iter().collect();
        for (change, result) in changes.iter().zip(&mut written) {
            if let Some((kind, stored)) = &change.write
                && *kind == write
                && result.is_ok()
                && !done.contains(&stored.id)
            {
                *result = Err(write.refused());
            }
        }
    }
    write_the_rest(line, changes, &written).await?;
    Ok(written)
}

/// The other effects of the changes that took effect.
async fn write_the_rest(
    line: &mut Line,
    changes: &[&Change],
    written: &[Result<(), CommitError>],
) -> Result<(), sqlx::Error> {
    let effective = || {
        changes
            .iter()
            .zip(written)
            .filter(|(_, result)| result.is_ok())
            .map(|(change, _)| change)
    };
    let entries: Vec<&Entry> = effective().flat_map(|change| &change.entries).collect();
    if !entries.is_empty() {
        line.write(ledger::INSERT, ledger::rows(&entries)).await?;
    }
    let counted = tallies::summed(effective().flat_map(|change| &change.tallies));
    if !counted.is_empty() {
        let counted: Vec<_> = counted.iter().map(|tally| (Uuid::nil(), tally)).collect();
        line.write(tallies::INSERT, tallies::rows(&counted)).await?;
    }
    let claims = budgets::summed(effective().flat_map(|change| change.claims.iter().copied()));
    if !claims.is_empty() {
        let claims: Vec<_> = claims.iter().map(|claim| (Uuid::nil(), *claim)).collect();
        line.write(budgets::CLAIM, budgets::rows(&claims)).await?;
    }
    let told: Vec<&Delivery> = effective().flat_map(|change| &change.deliveries).collect();
    if !told.is_empty() {
        line.write(deliveries::INSERT, deliveries::rows(&told))
            .await?;
    }
    let mut ended = Vec::new();
    let mut completed = Vec::new();
    for change in effective() {
        match &change.idempotency {
            Some(IdempotencyOp::Complete {
                key_hash,
                claim,
                answer,
                expires_at,
            }) => {
                completed.push((key_hash, claim, answer, expires_at));
            }
            Some(IdempotencyOp::Release { key_hash, claim }) => ended.push((key_hash, claim)),
            Some(IdempotencyOp::Claim(_)) | None => {}
        }
    }
    if !completed.is_empty() {
        let rows = Rows::new(
            completed.len(),
            vec![
                (
                    "key_hash",
                    Column::Bytes(completed.iter().map(|c| Some(c.0.to_vec())).collect()),
                ),
                (
                    "claim",
                    Column::Int(completed.iter().map(|c| Some(*c.1)).collect()),
                ),
                (
                    "answer",
                    Column::Text(completed.iter().map(|c| Some(c.2.clone())).collect()),
                ),
                (
                    "expires_at",
                    Column::Time(completed.iter().map(|c| Some(*c.3)).collect()),
                ),
            ],
        );
        line.write(idempotency::COMPLETE, rows).await?;
    }
    if !ended.is_empty() {
        let rows = Rows::new(
            ended.len(),
            vec![
                (
                    "key_hash",
                    Column::Bytes(ended.iter().map(|c| Some(c.0.to_vec())).collect()),
                ),
                (
                    "claim",
                    Column::Int(ended.iter().map(|c| Some(*c.1)).collect()),
                ),
            ],
        );
        line.write(idempotency::RELEASE, rows).await?;
    }
    Ok(())
}

//! The statements of one group of changes, in order of their dependencies.

use std::collections::HashSet;
use std::sync::LazyLock;

use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use uuid::Uuid;

use super::change::{Change, CommitError, Write};
use super::connection::{Connection, On};
use super::rows::{Column, Rows};
use crate::ledger::entry::Entry;
use crate::ledger::tally::Tally;
use crate::storage::idempotency::IdempotencyOp;
use crate::storage::verifications::Stored;
use crate::storage::webhook_deliveries::Delivery;
use crate::storage::{budgets, idempotency, ledger, tallies, verifications, webhook_deliveries};
use crate::verification::budget::Posting;

/// All statements as one, since Postgres can change several tables in one statement: that saves BEGIN, COMMIT and the other
/// round trips. What belongs to a verification is written only if the verification was. Indexed by whether there are claims,
/// and messages.
static IN_ONE: LazyLock<[String; 4]> = LazyLock::new(|| {
    let always = [
        ("booked", ledger::INSERT),
        ("counted", tallies::INSERT_SUMMED),
    ];
    let claims = ("claimed", budgets::CLAIM);
    let messages = ("queued", webhook_deliveries::INSERT);
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

/// Whether one statement, in a transaction of its own, can write all changes.
pub(in crate::storage) fn is_one_statement(connection: &Connection, changes: &[&Change]) -> bool {
    let kind = |change: &Change| change.write.as_ref().map(|(kind, _)| *kind);
    let first = changes.first().and_then(|change| kind(change));
    match connection.on {
        On::Postgres(_) => changes
            .iter()
            .all(|change| kind(change).is_some() && change.idempotency.is_none()),
        On::Sqlite(_) => changes.iter().all(|change| {
            kind(change).is_some()
                && kind(change) == first
                && change.entries.is_empty()
                && change.tallies.is_empty()
                && change.postings.is_empty()
                && change.deliveries.is_empty()
                && change.idempotency.is_none()
        }),
    }
}

/// In order of ids, so that rows are locked in the same order by all groups and cannot deadlock.
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
pub(in crate::storage) async fn write_in_one(
    connection: &mut PoolConnection<Postgres>,
    changes: &[&Change],
) -> Result<Vec<Result<(), CommitError>>, sqlx::Error> {
    use sqlx::Row;
    let writes = || changes.iter().filter_map(|change| change.write.as_ref());
    let entries: Vec<&Entry> = changes.iter().flat_map(|change| &change.entries).collect();
    let deliveries: Vec<&Delivery> = changes
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
    let claims: Vec<(Uuid, Posting)> = changes
        .iter()
        .filter_map(|change| Some((change.subject()?, &change.postings)))
        .flat_map(|(id, claims)| claims.iter().map(move |claim| (id, *claim)))
        .collect();
    let sql = &IN_ONE[2 * usize::from(!claims.is_empty()) + usize::from(!deliveries.is_empty())];
    if !claims.is_empty() {
        rows.push(budgets::rows(&claims));
    }
    if !deliveries.is_empty() {
        rows.push(webhook_deliveries::rows(&deliveries));
    }
    let done = Rows::postgres_in_order(rows, sql)
        .fetch_all(&mut **connection)
        .await?;
    let done: sqlx::Result<HashSet<Uuid>> = done.iter().map(|row| row.try_get(0)).collect();
    let done = done?;
    let result = |change: &&Change| match &change.write {
        Some((write, stored)) if !done.contains(&stored.id) => Err(write.refused()),
        _ => Ok(()),
    };
    Ok(changes.iter().map(result).collect())
}

pub(in crate::storage) async fn write_all(
    connection: &mut Connection,
    changes: &[&Change],
) -> Result<Vec<Result<(), CommitError>>, sqlx::Error> {
    let mut written: Vec<Result<(), CommitError>> = changes.iter().map(|_| Ok(())).collect();
    // Claims first: a request whose key is taken must have no effect.
    let claim_of = |change: &&'_ Change| match &change.idempotency {
        Some(IdempotencyOp::Claim(claim)) => Some(claim.clone()),
        _ => None,
    };
    let claims: Vec<_> = changes.iter().filter_map(claim_of).collect();
    if !claims.is_empty() {
        let taken: Vec<Vec<u8>> = connection
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
        let done: Vec<Uuid> = connection
            .returning(sql, verifications::rows(&stored))
            .await?;
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
    complete_first(connection, changes, &mut written).await?;
    write_the_rest(connection, changes, &written).await?;
    Ok(written)
}

/// An entry made by hand is guarded by no version, so it is booked only while its request's claim is valid. A request that was
/// given up, and whose key has been used again, books nothing.
async fn complete_first(
    connection: &mut Connection,
    changes: &[&Change],
    written: &mut [Result<(), CommitError>],
) -> Result<(), sqlx::Error> {
    for (change, result) in changes.iter().zip(written) {
        let Some(op @ IdempotencyOp::Complete { .. }) = &change.idempotency else {
            continue;
        };
        if !change.is_booking() || result.is_err() {
            continue;
        }
        let claimed: Vec<Vec<u8>> = connection
            .returning(idempotency::COMPLETE_CLAIMED, idempotency::completed(&[op]))
            .await?;
        if claimed.is_empty() {
            *result = Err(CommitError::Claimed);
        }
    }
    Ok(())
}

/// The other effects of the changes that took effect.
async fn write_the_rest(
    connection: &mut Connection,
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
        connection
            .write(ledger::INSERT, ledger::rows(&entries))
            .await?;
    }
    let counted = tallies::summed(effective().flat_map(|change| &change.tallies));
    if !counted.is_empty() {
        let counted: Vec<_> = counted.iter().map(|tally| (Uuid::nil(), tally)).collect();
        connection
            .write(tallies::INSERT, tallies::rows(&counted))
            .await?;
    }
    let claims = budgets::summed(effective().flat_map(|change| change.postings.iter().copied()));
    if !claims.is_empty() {
        let claims: Vec<_> = claims.iter().map(|claim| (Uuid::nil(), *claim)).collect();
        connection
            .write(budgets::CLAIM, budgets::rows(&claims))
            .await?;
    }
    let deliveries: Vec<&Delivery> = effective().flat_map(|change| &change.deliveries).collect();
    if !deliveries.is_empty() {
        connection
            .write(
                webhook_deliveries::INSERT,
                webhook_deliveries::rows(&deliveries),
            )
            .await?;
    }
    let (mut ended, mut completed) = (Vec::new(), Vec::new());
    for change in effective() {
        match &change.idempotency {
            Some(op @ IdempotencyOp::Complete { .. }) if !change.is_booking() => completed.push(op),
            Some(IdempotencyOp::Release { key_hash, claim }) => ended.push((key_hash, claim)),
            Some(IdempotencyOp::Claim(_) | IdempotencyOp::Complete { .. }) | None => {}
        }
    }
    if !completed.is_empty() {
        connection
            .write(idempotency::COMPLETE, idempotency::completed(&completed))
            .await?;
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
        connection.write(idempotency::RELEASE, rows).await?;
    }
    Ok(())
}

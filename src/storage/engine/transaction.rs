//! The statements of one group of changes, in order of their dependencies.

use std::collections::HashSet;
use std::sync::OnceLock;

use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use uuid::Uuid;

use super::change::{Change, CommitError, refused};
use super::connection::{Connection, On};
use super::rows::{Column, Rows};
use crate::ledger::entry::Entry;
use crate::ledger::tally::Tally;
use crate::storage::idempotency::IdempotencyOp;
use crate::storage::stored::{self, Stored, Write};
use crate::storage::webhook_deliveries::Delivery;
use crate::storage::{audit, budgets, idempotency, ledger, tallies, webhook_deliveries};
use crate::verification::budget::Posting;

/// All statements as one, since Postgres can change several tables in one statement: that saves BEGIN, COMMIT and the other
/// round trips. What belongs to a verification is written only if the verification was. Only the parts that a group has are in
/// its statement, since each costs even without rows: one text for each set of parts, made when it is first needed.
struct Part {
    name: &'static str,
    sql: &'static str,
}

const PARTS: [Part; 6] = [
    Part {
        name: MADE,
        sql: stored::INSERT,
    },
    Part {
        name: DONE,
        sql: stored::UPDATE,
    },
    Part {
        name: "booked",
        sql: ledger::INSERT,
    },
    Part {
        name: "counted",
        sql: tallies::INSERT_SHARES,
    },
    Part {
        name: "claimed",
        sql: budgets::CLAIM_SHARES,
    },
    Part {
        name: "queued",
        sql: webhook_deliveries::INSERT,
    },
];

const MADE: &str = "made";
const DONE: &str = "done";

static IN_ONE: [OnceLock<String>; 1 << PARTS.len()] = [const { OnceLock::new() }; 1 << PARTS.len()];

/// `parts`: one bit for each.
fn in_one(parts: usize) -> &'static str {
    IN_ONE[parts].get_or_init(|| {
        let chosen = PARTS.iter().enumerate();
        let chosen = chosen.filter(|(place, _)| parts & (1 << place) != 0);
        let chosen: Vec<&Part> = chosen.map(|(_, part)| part).collect();
        let written = chosen
            .iter()
            .filter(|part| [MADE, DONE].contains(&part.name));
        let written = written.map(|part| format!("SELECT id FROM {}", part.name));
        let written = written.collect::<Vec<_>>().join(" UNION ALL ");
        // A semi join would compare each row with each verification; the test of an expression looks it up in a hash table.
        let only = format!("WHERE (r.verification_id IN ({written})) IS TRUE");
        let step = |part: &&Part| {
            let sql = match part.name {
                MADE | DONE => format!("{} RETURNING verifications.id", part.sql),
                _ => part.sql.replace("WHERE true", &only),
            };
            format!("{} AS ({sql})", part.name)
        };
        let steps: Vec<String> = chosen.iter().map(step).collect();
        format!("WITH {} {written}", steps.join(", "))
    })
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
    let inserts = in_order(writes(), Write::Insert);
    let updates = in_order(writes(), Write::Update);
    let of_each = || changes.iter().filter_map(|c| Some((c.subject()?, *c)));
    let entries: Vec<&Entry> = changes.iter().flat_map(|change| &change.entries).collect();
    let counted: Vec<(Uuid, &Tally)> = of_each()
        .flat_map(|(id, change)| change.tallies.iter().map(move |tally| (id, tally)))
        .collect();
    let claims: Vec<(Uuid, &Posting)> = of_each()
        .flat_map(|(id, change)| change.postings.iter().map(move |claim| (id, claim)))
        .collect();
    let deliveries = changes.iter().flat_map(|change| &change.deliveries);
    let deliveries: Vec<&Delivery> = deliveries.collect();
    let (mut parts, mut rows) = (0, Vec::with_capacity(8));
    if !inserts.is_empty() {
        parts |= 1;
        rows.push(stored::rows(Write::Insert, &inserts));
    }
    if !updates.is_empty() {
        parts |= 2;
        rows.push(stored::rows(Write::Update, &updates));
    }
    if !entries.is_empty() {
        parts |= 4;
        rows.push(ledger::rows(&entries));
    }
    if !counted.is_empty() {
        parts |= 8;
        rows.extend(tallies::shares(&counted));
    }
    if !claims.is_empty() {
        parts |= 16;
        rows.extend(budgets::shares(&claims));
    }
    if !deliveries.is_empty() {
        parts |= 32;
        rows.push(webhook_deliveries::rows(&deliveries));
    }
    let sql = in_one(parts);
    let done = Rows::postgres_in_order(rows, sql)
        .fetch_all(&mut **connection)
        .await?;
    let done: sqlx::Result<HashSet<Uuid>> = done.iter().map(|row| row.try_get(0)).collect();
    let done = done?;
    let result = |change: &&Change| match &change.write {
        Some((write, stored)) if !done.contains(&stored.id) => Err(refused(*write)),
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
        (Write::Insert, stored::INSERT),
        (Write::Update, stored::UPDATE),
    ] {
        let open = changes
            .iter()
            .zip(&written)
            .filter(|(_, result)| result.is_ok());
        let stored = in_order(open.filter_map(|(change, _)| change.write.as_ref()), write);
        if stored.is_empty() {
            continue;
        }
        let changed = connection.write(sql, stored::rows(write, &stored)).await?;
        if changed == stored.len() as u64 {
            continue;
        }
        // Asked for only now: each row that a statement returns costs as much as the row that it writes.
        let done: Vec<Uuid> = connection
            .returning(stored::WRITTEN, stored::changes(&stored))
            .await?;
        let done: HashSet<Uuid> = done.into_iter().collect();
        for (change, result) in changes.iter().zip(&mut written) {
            if let Some((kind, stored)) = &change.write
                && *kind == write
                && result.is_ok()
                && !done.contains(&stored.id)
            {
                *result = Err(refused(write));
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
        let counted: Vec<_> = counted.iter().collect();
        connection
            .write(tallies::INSERT, tallies::rows(&counted))
            .await?;
    }
    let claims = budgets::summed(effective().flat_map(|change| change.postings.iter().copied()));
    if !claims.is_empty() {
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
    let audited: Vec<_> = effective().flat_map(|change| &change.audit).collect();
    if !audited.is_empty() {
        connection
            .write(audit::INSERT, audit::rows(&audited))
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
                    Column::Bytes(ended.iter().map(|c| Some(&c.0[..])).collect()),
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

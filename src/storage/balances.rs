//! Balances as providers report them, and ledger entries made by hand.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::engine::rows::{Column, Rows};
use super::engine::{read, write};
use super::{Act, Change, CommitError, Db, StorageError, Store};
use crate::audit::{Action, Deed};
use crate::ledger::entry::Entry;
use crate::ledger::tally::of_entry;
use crate::money::{Micros, Money};

/// The last balance that a provider reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedBalance {
    pub provider: String,
    pub money: Option<Money>,
    pub at: Option<DateTime<Utc>>,
    /// Its low balance has been announced.
    pub low: bool,
}

/// What the audit log tells of an entry made by hand.
fn told(entry: &Entry) -> Value {
    json!({
        "kind": entry.kind.as_str(),
        "at": entry.at,
        "amount": entry.money.decimal(),
        "currency": entry.money.currency.as_str(),
        "provider": entry.provider,
        "note": entry.note,
    })
}

fn deed(action: Action, entry: &Entry) -> Deed {
    Deed::new(action, None).to(&entry.id, Some(&entry.provider))
}

impl Change {
    /// An entry made by hand, and the answer kept under its idempotency key.
    fn of_entry(entry: Entry, deed: Deed, act: &Act) -> Self {
        let mut change = Self::idempotency_or_none(act.answer.clone());
        change.audit = act.entries([deed]);
        change.tallies.extend(of_entry(&entry));
        change.entries.push(entry);
        change
    }
}

impl Db {
    /// Books an entry made by hand.
    pub async fn book(&self, entry: Entry, act: &Act) -> Result<(), CommitError> {
        let deed = deed(Action::LedgerEntryBooked, &entry).is(told(&entry));
        self.commit(Change::of_entry(entry, deed, act)).await
    }

    /// Books the opposite of an entry made by hand.
    pub async fn book_reversal(
        &self,
        of: &Entry,
        opposite: Entry,
        act: &Act,
    ) -> Result<(), CommitError> {
        let deed = deed(Action::LedgerEntryReversed, of);
        let deed = deed.was(told(of)).is(told(&opposite));
        self.commit(Change::of_entry(opposite, deed, act)).await
    }
}

impl Store {
    pub async fn find_entry(&self, id: Uuid) -> Result<Option<Entry>, StorageError> {
        let sql = format!(
            "SELECT {} FROM ledger WHERE id = $1",
            super::ledger::COLUMNS
        );
        let row: Option<super::ledger::Row> = read!(&self.engine, |pool| sqlx::query_as(
            sqlx::AssertSqlSafe(sql)
        )
        .bind(id)
        .fetch_optional(pool)
        .await)?;
        self.read_one(row.map(Entry::try_from))
    }

    /// Which of these entries exist.
    pub async fn existing_entries(&self, ids: &[Uuid]) -> Result<Vec<Uuid>, StorageError> {
        const FIND: &str = "SELECT l.id FROM {rows} JOIN ledger l ON l.id = r.id";
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let column = Column::Uuid(ids.iter().copied().map(Some).collect());
        let rows = Rows::new(ids.len(), vec![("id", column)]);
        let found: Vec<(Uuid,)> = rows.read(FIND, &self.engine).await?;
        Ok(found.into_iter().map(|(id,)| id).collect())
    }

    pub async fn reported_balances(&self) -> Result<Vec<ReportedBalance>, StorageError> {
        const SQL: &str = "SELECT provider, reported, currency, reported_at, low FROM balances";
        type Row = (String, Option<i64>, String, Option<DateTime<Utc>>, bool);
        let rows: Vec<Row> = read!(&self.engine, |pool| sqlx::query_as(SQL)
            .fetch_all(pool)
            .await)?;
        let read = |(provider, reported, currency, at, low): Row| {
            let currency = currency.parse().map_err(|_| StorageError::Inconsistent {
                table: "balances",
                column: "currency",
                id: provider.clone(),
            })?;
            Ok(ReportedBalance {
                money: reported.map(|amount| Money::new(Micros(amount), currency)),
                provider,
                at,
                low,
            })
        };
        Ok(self.readable(rows.into_iter().map(read)))
    }

    /// Ignored if a newer report is stored.
    pub async fn note_reported_balance(
        &self,
        provider: &str,
        money: Money,
        at: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        const SQL: &str = "INSERT INTO balances (provider, reported, currency, reported_at) VALUES ($1, $2, $3, $4) \
            ON CONFLICT (provider) DO UPDATE SET reported = excluded.reported, currency = excluded.currency, \
            reported_at = excluded.reported_at \
            WHERE balances.reported_at IS NULL OR balances.reported_at < excluded.reported_at";
        write!(&self.engine, |pool| sqlx::query(SQL)
            .bind(provider.to_owned())
            .bind(money.amount.0)
            .bind(money.currency.to_string())
            .bind(at)
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }
}

//! Ledger entries as rows, append-only.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::engine::rows::{Column, Rows};
use super::engine::{Engine, row};
use super::store::count;
use super::{StorageError, Store};
use crate::ledger::entry::{Entry, Kind};
use crate::money::{Micros, Money};
use crate::verification::id::{ProjectId, VerificationId};
use crate::verification::phone::Country;
use crate::verification::route::Channel;

pub(super) const INSERT: &str = "INSERT INTO ledger (id, at, kind, basis, amount, currency, provider, channel, country, \
    project_id, verification_id, attempt_id, author, note) \
    SELECT r.id, r.at, r.kind, r.basis, r.amount, r.currency, r.provider, r.channel, r.country, r.project_id, \
    r.verification_id, r.attempt_id, r.author, r.note FROM {rows} WHERE true ON CONFLICT DO NOTHING";

pub(super) fn rows<'a>(entries: &[&'a Entry]) -> Rows<'a> {
    let text = |get: fn(&'a Entry) -> Option<&'a str>| {
        Column::Str(entries.iter().map(|e| get(e)).collect())
    };
    let uuid = |get: &dyn Fn(&Entry) -> Option<Uuid>| {
        Column::Uuid(entries.iter().map(|e| get(e)).collect())
    };
    Rows::new(
        entries.len(),
        vec![
            ("id", uuid(&|e| Some(e.id))),
            (
                "at",
                Column::Time(entries.iter().map(|e| Some(e.at)).collect()),
            ),
            ("kind", text(|e| Some(e.kind.as_str()))),
            ("basis", text(|e| Some(&e.basis))),
            (
                "amount",
                Column::Int(entries.iter().map(|e| Some(e.money.amount.0)).collect()),
            ),
            ("currency", text(|e| Some(e.money.currency.as_str()))),
            ("provider", text(|e| Some(&e.provider))),
            ("channel", text(|e| e.channel.as_ref().map(Channel::stored))),
            ("country", text(|e| e.country.as_ref().map(Country::as_str))),
            ("project_id", uuid(&|e| e.project)),
            ("verification_id", uuid(&|e| e.verification)),
            ("attempt_id", uuid(&|e| e.attempt)),
            ("author", text(|e| e.author.as_deref())),
            ("note", text(|e| e.note.as_deref())),
        ],
    )
}

/// In the order of [`Row`].
pub(super) const COLUMNS: &str = "id, at, kind, basis, amount, currency, provider, channel, country, project_id, \
    verification_id, attempt_id, author, note";

row! {
    pub(super) struct Row {
        id: Uuid,
        at: DateTime<Utc>,
        kind: String,
        basis: String,
        amount: i64,
        currency: String,
        provider: String,
        channel: Option<String>,
        country: Option<String>,
        project_id: Option<Uuid>,
        verification_id: Option<Uuid>,
        attempt_id: Option<Uuid>,
        author: Option<String>,
        note: Option<String>,
    }
}

impl TryFrom<Row> for Entry {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        let fault = |column| StorageError::Inconsistent {
            table: "ledger",
            column,
            id: row.id.to_string(),
        };
        Ok(Self {
            id: row.id,
            at: row.at,
            kind: Kind::parse(&row.kind).ok_or_else(|| fault("kind"))?,
            money: Money::new(
                Micros(row.amount),
                row.currency.parse().map_err(|_| fault("currency"))?,
            ),
            basis: row.basis,
            channel: row.channel.as_deref().map(Channel::from_storage),
            country: read(row.country, || fault("country"))?,
            provider: row.provider,
            project: row.project_id,
            verification: row.verification_id,
            attempt: row.attempt_id,
            author: row.author,
            note: row.note,
        })
    }
}

fn read<T: std::str::FromStr>(
    text: Option<String>,
    fault: impl Fn() -> StorageError,
) -> Result<Option<T>, StorageError> {
    text.map(|text| text.parse().map_err(|_| fault()))
        .transpose()
}

/// Selects entries, newest first.
#[derive(Clone, Debug, Default)]
pub struct LedgerQuery {
    pub project: Option<ProjectId>,
    pub verification: Option<VerificationId>,
    pub provider: Option<String>,
    pub kind: Option<Kind>,
    /// Booked at or after.
    pub from: Option<DateTime<Utc>>,
    /// Booked before.
    pub before: Option<DateTime<Utc>>,
    /// Only those after this one in the list.
    pub cursor: Option<(DateTime<Utc>, Uuid)>,
    pub limit: i64,
}

/// Appends the conditions of a [`LedgerQuery`] that lists and sums have in common.
macro_rules! restrict {
    ($sql:ident, $query:ident) => {
        if let Some(provider) = &$query.provider {
            $sql.push(" AND provider = ").push_bind(provider.clone());
        }
        if let Some(kind) = $query.kind {
            $sql.push(" AND kind = ").push_bind(kind.as_str());
        }
        if let Some(from) = $query.from {
            $sql.push(" AND at >= ").push_bind(from);
        }
        if let Some(before) = $query.before {
            $sql.push(" AND at < ").push_bind(before);
        }
    };
}

impl Store {
    /// Fewer than the limit only at the end: for a row that cannot be read, the next one comes.
    pub async fn list_ledger(&self, query: &LedgerQuery) -> Result<Vec<Entry>, StorageError> {
        let mut rest = query.clone();
        let mut found = Vec::new();
        loop {
            let rows = self.entry_rows(&rest).await?;
            let is_end = count(&rows) < rest.limit;
            rest.cursor = rows.last().map(|row| (row.at, row.id));
            found.extend(self.readable(rows.into_iter().map(Entry::try_from)));
            rest.limit = query.limit - count(&found);
            if is_end || rest.limit <= 0 {
                return Ok(found);
            }
        }
    }

    /// The sum of the entries made by hand that match a query, by currency; its project, cursor and limit do not count.
    pub async fn sum_by_hand(&self, query: &LedgerQuery) -> Result<Vec<Money>, StorageError> {
        macro_rules! sums {
            ($pool:expr, $db:ty) => {{
                let mut sql = sqlx::QueryBuilder::<$db>::new(
                    "SELECT currency, CAST(SUM(amount) AS BIGINT) FROM ledger WHERE attempt_id IS NULL",
                );
                restrict!(sql, query);
                sql.push(" GROUP BY currency ORDER BY currency");
                sql.build_query_as::<(String, i64)>().fetch_all($pool).await
            }};
        }
        let rows = match &self.engine {
            Engine::Postgres(pool) => sums!(pool, sqlx::Postgres),
            Engine::Sqlite { read, .. } => sums!(read, sqlx::Sqlite),
        }?;
        let read = |(currency, amount): (String, i64)| {
            let fault = || StorageError::Inconsistent {
                table: "ledger",
                column: "currency",
                id: currency.clone(),
            };
            let known = currency.parse().map_err(|_| fault())?;
            Ok(Money::new(Micros(amount), known))
        };
        Ok(self.readable(rows.into_iter().map(read)))
    }

    async fn entry_rows(&self, query: &LedgerQuery) -> sqlx::Result<Vec<Row>> {
        macro_rules! list {
            ($pool:expr, $db:ty) => {{
                let mut sql = sqlx::QueryBuilder::<$db>::new("SELECT ");
                sql.push(COLUMNS).push(" FROM ledger WHERE true");
                if let Some(project) = query.project {
                    sql.push(" AND project_id = ").push_bind(project.0);
                }
                if let Some(verification) = query.verification {
                    // The range is an index look-up, but may contain entries of another verification of the same millisecond.
                    let (first, last) = verification.entry_range();
                    sql.push(" AND id BETWEEN ")
                        .push_bind(first)
                        .push(" AND ")
                        .push_bind(last)
                        .push(" AND verification_id = ")
                        .push_bind(verification.uuid());
                }
                restrict!(sql, query);
                if query.kind.is_some_and(Kind::is_by_hand) {
                    sql.push(" AND attempt_id IS NULL");
                }
                if let Some((at, id)) = query.cursor {
                    sql.push(" AND (at, id) < (").push_bind(at).push(", ").push_bind(id).push(")");
                }
                sql.push(" ORDER BY at DESC, id DESC LIMIT ").push_bind(query.limit);
                sql.build_query_as::<Row>().fetch_all($pool).await
            }};
        }
        match &self.engine {
            Engine::Postgres(pool) => list!(pool, sqlx::Postgres),
            Engine::Sqlite { read, .. } => list!(read, sqlx::Sqlite),
        }
    }
}

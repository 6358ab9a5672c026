//! Many rows in one statement: a table expression that either engine can select from.
//!
//! On Postgres it is `UNNEST` over one array per column, so the statement's text never changes. SQLite has no arrays: there it
//! is a `VALUES` list, padded to a power of two by repeating the last row, so that few distinct statements are prepared. Every
//! statement that uses it must give the same result when a row is repeated. Its parameters are bare `?`, because SQLite looks
//! numbered ones up one by one.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, FromRow, Postgres, Sqlite};
use uuid::Uuid;

use super::Engine;

pub(in crate::storage) enum Column<'a> {
    Uuid(Vec<Option<Uuid>>),
    Int(Vec<Option<i64>>),
    Bool(Vec<Option<bool>>),
    Text(Vec<Option<String>>),
    Str(Vec<Option<&'a str>>),
    Bytes(Vec<Option<&'a [u8]>>),
    Time(Vec<Option<DateTime<Utc>>>),
}

impl Column<'_> {
    fn array_type(&self) -> &'static str {
        match self {
            Self::Uuid(_) => "uuid[]",
            Self::Int(_) => "bigint[]",
            Self::Bool(_) => "boolean[]",
            Self::Text(_) | Self::Str(_) => "text[]",
            Self::Bytes(_) => "bytea[]",
            Self::Time(_) => "timestamptz[]",
        }
    }
}

/// Named columns of the same length.
pub(in crate::storage) struct Rows<'a> {
    columns: Vec<(&'static str, Column<'a>)>,
    len: usize,
}

/// A template, by its place, and a number of rows.
type Text = (usize, usize, usize);

/// The texts made of each template, which has as many as it is used with numbers of rows (on SQLite), or one.
static TEXTS: Mutex<Option<HashMap<Text, &'static str>>> = Mutex::new(None);

/// The text that `make` makes of a template, made once.
fn made_once(template: &'static str, rows: usize, make: impl FnOnce() -> String) -> &'static str {
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    let texts = texts.get_or_insert_default();
    // Each template is one constant, so its place identifies it.
    texts
        .entry((template.as_ptr() as usize, template.len(), rows))
        .or_insert_with(|| Box::leak(make().into_boxed_str()))
}

impl<'a> Rows<'a> {
    pub fn new(len: usize, columns: Vec<(&'static str, Column<'a>)>) -> Self {
        Self { columns, len }
    }

    /// With one more column.
    #[must_use]
    pub fn with(mut self, name: &'static str, column: Column<'a>) -> Self {
        self.columns.push((name, column));
        self
    }

    pub fn names(&self) -> String {
        self.columns
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// `template` with `{rows}` as the table expression `r` on Postgres, and its values.
    pub fn postgres(self, template: &'static str) -> Query<'static, Postgres, PgArguments> {
        Self::postgres_in_order(vec![self], template)
    }

    /// Like `postgres`, with several: each `{rows}` is the next of them.
    pub fn postgres_in_order(
        all: Vec<Self>,
        template: &'static str,
    ) -> Query<'static, Postgres, PgArguments> {
        let sql = made_once(template, 0, || {
            let mut sql = template.to_owned();
            let mut parameter = 0;
            for rows in &all {
                let arrays = rows.columns.iter().map(|(_, column)| {
                    parameter += 1;
                    format!("${parameter}::{}", column.array_type())
                });
                let arrays: Vec<String> = arrays.collect();
                let source = format!("UNNEST({}) AS r({})", arrays.join(", "), rows.names());
                sql = sql.replacen("{rows}", &source, 1);
            }
            sql
        });
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (_, column) in all.into_iter().flat_map(|rows| rows.columns) {
            query = match column {
                Column::Uuid(values) => query.bind(values),
                Column::Int(values) => query.bind(values),
                Column::Bool(values) => query.bind(values),
                Column::Text(values) => query.bind(values),
                Column::Str(values) => query.bind(values),
                Column::Bytes(values) => query.bind(values),
                Column::Time(values) => query.bind(values),
            };
        }
        query
    }

    /// Like `postgres`, for SQLite.
    pub fn sqlite(self, template: &'static str) -> Query<'static, Sqlite, SqliteArguments> {
        let padded = self.len.next_power_of_two();
        let sql = made_once(template, padded, || {
            template.replace("{rows}", &self.values(padded))
        });
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for row in 0..padded {
            let row = row.min(self.len - 1);
            for (_, column) in &self.columns {
                query = match column {
                    Column::Uuid(values) => query.bind(values[row]),
                    Column::Int(values) => query.bind(values[row]),
                    Column::Bool(values) => query.bind(values[row]),
                    Column::Text(values) => query.bind(values[row].clone()),
                    Column::Str(values) => query.bind(values[row].map(str::to_owned)),
                    Column::Bytes(values) => query.bind(values[row].map(<[u8]>::to_vec)),
                    Column::Time(values) => query.bind(values[row]),
                };
            }
        }
        query
    }

    /// Runs a statement that only reads.
    pub async fn read<T>(self, template: &'static str, engine: &Engine) -> sqlx::Result<Vec<T>>
    where
        T: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow>,
    {
        self.fetch(template, engine, false).await
    }

    /// Runs a statement that writes and returns rows.
    pub async fn change<T>(self, template: &'static str, engine: &Engine) -> sqlx::Result<Vec<T>>
    where
        T: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow>,
    {
        self.fetch(template, engine, true).await
    }

    async fn fetch<T>(
        self,
        template: &'static str,
        engine: &Engine,
        writes: bool,
    ) -> sqlx::Result<Vec<T>>
    where
        T: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow>,
    {
        match engine {
            Engine::Postgres(pool) => {
                let rows = self.postgres(template).fetch_all(pool).await?;
                rows.iter().map(T::from_row).collect()
            }
            Engine::Sqlite { write, read } => {
                let pool = if writes { write } else { read };
                let rows = self.sqlite(template).fetch_all(pool).await?;
                rows.iter().map(T::from_row).collect()
            }
        }
    }

    /// The table expression `r` of so many rows on SQLite.
    fn values(&self, padded: usize) -> String {
        let mut source = String::from("(SELECT ");
        for (place, (name, _)) in self.columns.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            let _ = write!(source, "{comma}column{} AS {name}", place + 1);
        }
        source.push_str(" FROM (VALUES ");
        for row in 0..padded {
            source.push_str(if row == 0 { "(" } else { ", (" });
            for place in 0..self.columns.len() {
                source.push_str(if place == 0 { "?" } else { ",?" });
            }
            source.push(')');
        }
        source.push_str(")) AS r");
        source
    }
}

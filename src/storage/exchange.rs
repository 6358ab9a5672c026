//! Exchange rates as rows.

use chrono::NaiveDate;

use super::engine::Engine;
use super::rows::{Column, Rows};
use super::{Db, StorageError};
use crate::reports::exchange::{Factor, Rate};

const UPSERT: &str = "INSERT INTO exchange_rates (day, base, quote, rate) SELECT r.day, r.base, r.quote, r.rate FROM {rows} \
    WHERE true ON CONFLICT (base, quote, day) DO UPDATE SET rate = excluded.rate";

impl Db {
    /// Adds rates, all or none; one of the same day and currencies takes the place of the old one. Each may stand there once.
    pub async fn put_exchange_rates(&self, rates: &[Rate]) -> Result<(), StorageError> {
        if rates.is_empty() {
            return Ok(());
        }
        let text = |get: &dyn Fn(&Rate) -> String| {
            Column::Text(rates.iter().map(|rate| Some(get(rate))).collect())
        };
        let rows = Rows::new(
            rates.len(),
            vec![
                ("day", text(&|rate| rate.day.to_string())),
                ("base", text(&|rate| rate.from.to_string())),
                ("quote", text(&|rate| rate.to.to_string())),
                (
                    "rate",
                    Column::Int(rates.iter().map(|rate| Some(rate.factor.0)).collect()),
                ),
            ],
        );
        match &self.engine {
            Engine::Postgres(pool) => rows.postgres(UPSERT).execute(pool).await.map(|_| ()),
            Engine::Sqlite { write, .. } => rows.sqlite(UPSERT).execute(write).await.map(|_| ()),
        }?;
        Ok(())
    }

    /// All of them, newest day first.
    pub async fn list_exchange_rates(&self) -> Result<Vec<Rate>, StorageError> {
        const SQL: &str =
            "SELECT day, base, quote, rate FROM exchange_rates ORDER BY day DESC, base, quote";
        let rows: Vec<(String, String, String, i64)> =
            super::engine::read!(&self.engine, |pool| sqlx::query_as(SQL)
                .fetch_all(pool)
                .await)?;
        let read = |(day, from, to, rate): (String, String, String, i64)| {
            let fault = |column| StorageError::Inconsistent {
                table: "exchange_rates",
                column,
                id: format!("{day} {from} {to}"),
            };
            Ok(Rate {
                day: day.parse::<NaiveDate>().map_err(|_| fault("day"))?,
                from: from.parse().map_err(|_| fault("base"))?,
                to: to.parse().map_err(|_| fault("quote"))?,
                factor: Factor(rate),
            })
        };
        rows.into_iter().map(read).collect()
    }
}

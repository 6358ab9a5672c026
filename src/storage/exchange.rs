//! Exchange rates as rows; `rates` writes them.

use chrono::NaiveDate;

use super::engine::rows::{Column, Rows};
use super::{StorageError, Store};
use crate::reports::exchange::{ExchangeRate, Factor};

pub(super) const UPSERT: &str = "INSERT INTO exchange_rates (day, base, quote, rate) SELECT r.day, r.base, r.quote, r.rate FROM {rows} \
    WHERE true ON CONFLICT (base, quote, day) DO UPDATE SET rate = excluded.rate";

pub(super) fn rows(rates: &[ExchangeRate]) -> Rows<'static> {
    let text = |get: &dyn Fn(&ExchangeRate) -> String| {
        Column::Text(rates.iter().map(|rate| Some(get(rate))).collect())
    };
    Rows::new(
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
    )
}

impl Store {
    /// Newest day first.
    pub async fn list_exchange_rates(&self) -> Result<Vec<ExchangeRate>, StorageError> {
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
            Ok(ExchangeRate {
                day: day.parse::<NaiveDate>().map_err(|_| fault("day"))?,
                from: from.parse().map_err(|_| fault("base"))?,
                to: to.parse().map_err(|_| fault("quote"))?,
                factor: Factor(rate),
            })
        };
        self.whole(rows.into_iter().map(read))
    }
}

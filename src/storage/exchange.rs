//! Exchange rates as rows. They share the version of the rate card.

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::engine::connection::{in_transaction, on};
use super::engine::read;
use super::engine::rows::{Column, Rows};
use super::rates::{CHANGED, put};
use super::{Act, StorageError, Store};
use crate::audit::Action;
use crate::reports::exchange::{ExchangeRate, Factor};

const UPSERT: &str = "INSERT INTO exchange_rates (day, base, quote, rate) SELECT r.day, r.base, r.quote, r.rate FROM {rows} \
    WHERE true ON CONFLICT (base, quote, day) DO UPDATE SET rate = excluded.rate";

/// As both lists read it.
type Row = (String, String, String, i64);

fn rows(rates: &[ExchangeRate]) -> Rows<'static> {
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
    /// Adds exchange rates, all or none; a rate of the same day replaces the old one.
    pub async fn put_exchange_rates(
        &self,
        rates: &[ExchangeRate],
        act: &Act,
    ) -> Result<(), StorageError> {
        const OF_DAYS: &str =
            "SELECT day, base, quote, rate FROM exchange_rates WHERE day >= $1 AND day <= $2";
        let days = rates.iter().map(|rate| rate.day);
        let (Some(first), Some(last)) = (days.clone().min(), days.max()) else {
            return Ok(());
        };
        in_transaction(&self.engine, async |connection| {
            connection.run(CHANGED).await?;
            let known: Vec<Row> = on!(connection, |to| sqlx::query_as(OF_DAYS)
                .bind(first.to_string())
                .bind(last.to_string())
                .fetch_all(to)
                .await)?;
            let known: Vec<ExchangeRate> =
                known.into_iter().filter_map(|row| read(row).ok()).collect();
            connection.write(UPSERT, rows(rates)).await?;
            let key = |rate: &ExchangeRate| (rate.day, rate.from, rate.to);
            let deed = put(Action::ExchangeRatesChanged, (&known, rates), key, told);
            act.conclude(connection, deed).await
        })
        .await
    }

    /// Newest day first.
    pub async fn list_exchange_rates(&self) -> Result<Vec<ExchangeRate>, StorageError> {
        const SQL: &str =
            "SELECT day, base, quote, rate FROM exchange_rates ORDER BY day DESC, base, quote";
        let rows: Vec<Row> = read!(&self.engine, |pool| sqlx::query_as(SQL)
            .fetch_all(pool)
            .await)?;
        self.whole(rows.into_iter().map(read))
    }
}

fn read((day, from, to, rate): Row) -> Result<ExchangeRate, StorageError> {
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
}

/// What the audit log tells of an exchange rate.
fn told(rate: &ExchangeRate) -> Value {
    json!({
        "date": rate.day,
        "from": rate.from.as_str(),
        "to": rate.to.as_str(),
        "rate": rate.factor.to_decimal(),
    })
}

//! The rate card as rows, and a version number that every change of rates or exchange rates increments.

use chrono::NaiveDate;

use super::engine::connection;
use super::engine::read;
use super::engine::rows::{Column, Rows};
use super::{StorageError, Store};
use crate::ledger::rates::{Rate, Unit};
use crate::money::{Micros, Money};
use crate::reports::exchange::ExchangeRate;
use crate::verification::route::Channel;

const UPSERT: &str = "INSERT INTO rates (channel, provider, country, from_day, unit, amount, currency) \
    SELECT r.channel, r.provider, r.country, r.from_day, r.unit, r.amount, r.currency FROM {rows} WHERE true \
    ON CONFLICT (channel, provider, country, from_day) DO UPDATE SET unit = excluded.unit, amount = excluded.amount, \
    currency = excluded.currency";

/// All other countries.
const REST: &str = "*";

impl Store {
    /// Adds rows to the rate card, all or none; a row with the same key replaces the old one.
    pub async fn put_rates(&self, rates: &[Rate]) -> Result<(), StorageError> {
        let text = |get: &dyn Fn(&Rate) -> String| {
            Column::Text(rates.iter().map(|rate| Some(get(rate))).collect())
        };
        let country = |rate: &Rate| match rate.country {
            Some(country) => country.to_string(),
            None => REST.to_owned(),
        };
        let rows = Rows::new(
            rates.len(),
            vec![
                ("channel", text(&|rate| rate.channel.stored().to_owned())),
                ("provider", text(&|rate| rate.provider.clone())),
                ("country", text(&country)),
                ("from_day", text(&|rate| rate.from.to_string())),
                ("unit", text(&|rate| rate.unit.as_str().to_owned())),
                (
                    "amount",
                    Column::Int(rates.iter().map(|rate| Some(rate.price.amount.0)).collect()),
                ),
                ("currency", text(&|rate| rate.price.currency.to_string())),
            ],
        );
        self.put_tariffs(UPSERT, rows, rates.len()).await
    }

    /// Adds exchange rates, all or none; a rate of the same day replaces the old one.
    pub async fn put_exchange_rates(&self, rates: &[ExchangeRate]) -> Result<(), StorageError> {
        self.put_tariffs(
            super::exchange::UPSERT,
            super::exchange::rows(rates),
            rates.len(),
        )
        .await
    }

    async fn put_tariffs(
        &self,
        sql: &'static str,
        rows: Rows<'_>,
        count: usize,
    ) -> Result<(), StorageError> {
        const CHANGED: &str = "UPDATE meta SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE name = 'tariffs'";
        if count == 0 {
            return Ok(());
        }
        connection::in_transaction(&self.engine, async |connection| {
            connection.write(sql, rows).await?;
            connection.run(CHANGED).await.map(|_| ())
        })
        .await
    }

    /// Changes whenever rates or exchange rates do.
    pub async fn tariffs_version(&self) -> Result<String, StorageError> {
        const SQL: &str = "SELECT value FROM meta WHERE name = 'tariffs'";
        let (version,): (String,) = read!(&self.engine, |pool| sqlx::query_as(SQL)
            .fetch_one(pool)
            .await)?;
        Ok(version)
    }

    /// By channel, provider and country, newest first. Fails if a row cannot be read: without it, an older price would apply.
    pub async fn list_rates(&self) -> Result<Vec<Rate>, StorageError> {
        const SQL: &str = "SELECT channel, provider, country, from_day, unit, amount, currency FROM rates \
            ORDER BY channel, provider, country, from_day DESC";
        type Row = (String, String, String, String, String, i64, String);
        let rows: Vec<Row> = read!(&self.engine, |pool| sqlx::query_as(SQL)
            .fetch_all(pool)
            .await)?;
        let read = |(channel, provider, country, from, unit, amount, currency): Row| {
            let fault = |column| StorageError::Inconsistent {
                table: "rates",
                column,
                id: format!("{channel} {provider} {country} {from}"),
            };
            Ok(Rate {
                from: from.parse::<NaiveDate>().map_err(|_| fault("from_day"))?,
                channel: Channel::from_storage(&channel),
                country: match country.as_str() {
                    REST => None,
                    code => Some(code.parse().map_err(|_| fault("country"))?),
                },
                unit: Unit::parse(&unit).ok_or_else(|| fault("unit"))?,
                price: Money::new(
                    Micros(amount),
                    currency.parse().map_err(|_| fault("currency"))?,
                ),
                provider: provider.clone(),
            })
        };
        self.whole(rows.into_iter().map(read))
    }
}

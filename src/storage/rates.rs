//! The rate card as rows, and a version number that every change of rates or exchange rates increments.

use std::collections::HashMap;
use std::hash::Hash;

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::engine::connection::{in_transaction, on};
use super::engine::read;
use super::engine::rows::{Column, Rows};
use super::{Act, StorageError, Store};
use crate::audit::{Action, Deed};
use crate::ledger::rates::{Rate, Unit};
use crate::money::{Micros, Money};
use crate::verification::phone::Country;
use crate::verification::route::Channel;

const UPSERT: &str = "INSERT INTO rates (channel, provider, country, from_day, unit, amount, currency) \
    SELECT r.channel, r.provider, r.country, r.from_day, r.unit, r.amount, r.currency FROM {rows} WHERE true \
    ON CONFLICT (channel, provider, country, from_day) DO UPDATE SET unit = excluded.unit, amount = excluded.amount, \
    currency = excluded.currency";

/// All other countries.
const REST: &str = "*";

const LIST: &str = "SELECT channel, provider, country, from_day, unit, amount, currency FROM rates \
    ORDER BY channel, provider, country, from_day DESC";

/// As [`LIST`] reads it.
type Row = (String, String, String, String, String, i64, String);

/// The next version: concurrent changes take turns from here on.
pub(super) const CHANGED: &str =
    "UPDATE meta SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE name = 'tariffs'";

/// What is new of rows that are put, and what it takes the place of; `None`: nothing is new. `key`: what a row is found by.
pub(super) fn put<'a, T: PartialEq, K: Eq + Hash>(
    action: Action,
    (known, new): (&'a [T], &'a [T]),
    key: impl Fn(&'a T) -> K,
    told: fn(&T) -> Value,
) -> Option<Deed> {
    let known: HashMap<K, &T> = known.iter().map(|row| (key(row), row)).collect();
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for row in new {
        let old = known.get(&key(row)).copied();
        if old != Some(row) {
            before.extend(old.map(told));
            after.push(told(row));
        }
    }
    if after.is_empty() {
        return None;
    }
    let deed = Deed::new(action, None).is(json!({ "items": after }));
    Some(if before.is_empty() {
        deed
    } else {
        deed.was(json!({ "items": before }))
    })
}

/// What a rate is found by.
fn key(rate: &Rate) -> (Channel, &str, Option<Country>, NaiveDate) {
    (rate.channel, &rate.provider, rate.country, rate.from)
}

/// What the audit log tells of a rate.
fn told(rate: &Rate) -> Value {
    json!({
        "from_date": rate.from,
        "channel": rate.channel.as_str(),
        "provider": rate.provider,
        "country": rate.country.map_or_else(|| REST.to_owned(), |country| country.to_string()),
        "unit": rate.unit.as_str(),
        "amount": rate.price.decimal(),
        "currency": rate.price.currency.as_str(),
    })
}

impl Store {
    /// Adds rows to the rate card, all or none; a row with the same key replaces the old one.
    pub async fn put_rates(&self, rates: &[Rate], act: &Act) -> Result<(), StorageError> {
        if rates.is_empty() {
            return Ok(());
        }
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
        in_transaction(&self.engine, async |connection| {
            connection.run(CHANGED).await?;
            let known: Vec<Row> = on!(connection, |to| sqlx::query_as(LIST).fetch_all(to).await)?;
            let known: Vec<Rate> = known.into_iter().filter_map(|row| read(row).ok()).collect();
            connection.write(UPSERT, rows).await?;
            let deed = put(Action::RatesChanged, (&known, rates), key, told);
            act.conclude(connection, deed).await
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
        let rows: Vec<Row> = read!(&self.engine, |pool| sqlx::query_as(LIST)
            .fetch_all(pool)
            .await)?;
        self.whole(rows.into_iter().map(read))
    }
}

fn read(
    (channel, provider, country, from, unit, amount, currency): Row,
) -> Result<Rate, StorageError> {
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
}

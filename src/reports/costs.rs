//! The cost report: charges, refunds, and what SMS alone would have cost.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::calendar::Period;
use super::exchange::{Exact, Missing, Rates};
use super::query::Query;
use super::sums::Sums;
use super::table::{Cell, Key, Table};
use crate::ledger::measure::Measure;
use crate::money::{Currency, Micros};

/// Columns after the key columns.
pub const FIGURES: [&str; 9] = [
    "verifications",
    "attempts",
    "delivered",
    "approved",
    "charged",
    "refunded",
    "refunded_expected",
    "net",
    "sms_equivalent",
];

/// The sums that the report needs.
pub const MEASURES: [Measure; 8] = [
    Measure::Verifications,
    Measure::VerificationsApproved,
    Measure::Attempts,
    Measure::AttemptsDelivered,
    Measure::Charged,
    Measure::Refunded,
    Measure::Expected,
    Measure::SmsEquivalent,
];

/// The measures that are money, in the order of [`Figures`].
const MONEY: [Measure; 4] = [
    Measure::Charged,
    Measure::Refunded,
    Measure::Expected,
    Measure::SmsEquivalent,
];

/// One row before rounding.
#[derive(Clone, Copy, Debug, Default)]
struct Exactly {
    counts: [i64; 4],
    money: [Exact; 4],
}

/// One row, or the total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Figures {
    counts: [i64; 4],
    money: [i64; 4],
}

impl Figures {
    /// Rounds money, once per row.
    fn of(exactly: &Exactly) -> Self {
        Self {
            counts: exactly.counts,
            money: exactly.money.map(|exact| exact.rounded().0),
        }
    }

    fn add(&mut self, other: &Self) {
        for (sum, value) in self.counts.iter_mut().zip(other.counts) {
            *sum = sum.saturating_add(value);
        }
        for (sum, value) in self.money.iter_mut().zip(other.money) {
            *sum = sum.saturating_add(value);
        }
    }

    fn cells(&self) -> Vec<Cell> {
        let [charged, refunded, expected, sms] = self.money;
        let net = charged.saturating_sub(refunded);
        let counts = self.counts.iter().map(|count| Cell::Count(*count));
        let money = [charged, refunded, expected, net, sms];
        counts
            .chain(money.iter().map(|amount| Cell::Money(Micros(*amount))))
            .collect()
    }
}

/// The report, or the currencies and days for which an exchange rate is missing.
pub fn table(
    query: &Query,
    periods: &[Period],
    sums: &[Sums],
    rates: &Rates,
    project_name: impl Fn(Uuid) -> Option<String> + Copy,
) -> Result<Table, Missing> {
    let mut rows: BTreeMap<Key, Exactly> = BTreeMap::new();
    let mut missing: BTreeMap<String, BTreeSet<_>> = BTreeMap::new();
    for sum in sums {
        let Some(period) = periods.get(sum.period) else {
            continue;
        };
        let row = rows
            .entry(Key::of(query, period, &sum.place, project_name))
            .or_default();
        let counts = [
            Measure::Verifications,
            Measure::Attempts,
            Measure::AttemptsDelivered,
            Measure::VerificationsApproved,
        ];
        for (count, measure) in row.counts.iter_mut().zip(counts) {
            *count = count.saturating_add(sum.get(measure));
        }
        let Ok(currency) = sum.currency.parse::<Currency>() else {
            continue;
        };
        for (exact, measure) in row.money.iter_mut().zip(MONEY) {
            let amount = Micros(sum.get(measure));
            if let Some(converted) = rates.convert(amount, currency, query.currency, period.day) {
                exact.add(converted);
            } else {
                let days = missing.entry(sum.currency.clone()).or_default();
                days.insert(period.day);
            }
        }
    }
    if !missing.is_empty() {
        return Err(Missing {
            to: query.currency.to_string(),
            days: missing,
        });
    }
    if query.groups.is_empty() {
        // Without groups there is always one row, even without data.
        rows.entry(Key::none()).or_default();
    }
    // Skip rows that are all zero, such as one whose verification moved to another row in a fallback.
    let rows = rows
        .into_iter()
        .map(|(key, exactly)| (key, Figures::of(&exactly)))
        .filter(|(_, figures)| query.groups.is_empty() || *figures != Figures::default());
    let mut total = Figures::default();
    let mut lines = Vec::new();
    for (key, figures) in rows {
        total.add(&figures);
        lines.push(key.cells().chain(figures.cells()).collect());
    }
    let keys = query.groups.iter().map(|group| group.as_str());
    Ok(Table {
        currency: query.currency,
        keys: query.groups.len(),
        columns: keys.chain(FIGURES).collect(),
        rows: lines,
        total: total.cells(),
    })
}

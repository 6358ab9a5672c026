//! Provider accounts: computed and reported balances, runway, low-balance alerts.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::room::Finance;
use crate::gateway::error::Error;
use crate::ledger::measure::Measure;
use crate::ledger::tally::QUARTER;
use crate::money::{Currency, Micros, Money};
use crate::reports::query::Wanted;
use crate::storage::{Db, LedgerQuery, StorageError};

const DAY: i64 = 86_400;
/// Whole days of spending from which the runway is estimated.
const LOOK_BACK: i64 = 7;

/// An account with a provider.
#[derive(Clone, Debug, PartialEq)]
pub struct Balance {
    pub provider: String,
    pub currency: Currency,
    /// The ledger's balance: top-ups and adjustments, less charges, plus refunds.
    pub computed: Micros,
    /// The balance that the provider last reported, if it reports one.
    pub reported: Option<Micros>,
    pub reported_at: Option<DateTime<Utc>>,
    /// Below this, a `balance.low` webhook is sent. Only for accounts that are currently configured.
    pub threshold: Option<Micros>,
    /// Days until the balance is spent, at the rate of the last seven whole days (UTC); `None` if nothing was spent in
    /// them.
    pub runway_days: Option<f64>,
    /// What was spent in those days, refunds deducted.
    pub week_spent: Micros,
    /// What was booked by hand after the provider reported its balance; see [`Finance::explained_balances`].
    pub booked_since: Micros,
    /// Whether there are manual bookings; without them the computed balance is meaningless.
    pub is_kept: bool,
}

impl Balance {
    /// Reported less computed.
    #[must_use]
    pub fn drift(&self) -> Option<Micros> {
        let reported = self.reported?;
        Some(Micros(reported.0.saturating_sub(self.computed.0)))
    }

    /// The best estimate of the balance: the reported one if there is one, else the computed one.
    #[must_use]
    pub fn left(&self) -> Micros {
        self.reported.unwrap_or(self.computed)
    }

    /// Whether the balance is below the threshold. An account without a reported balance or manual bookings is never
    /// low, because its balance is unknown.
    #[must_use]
    pub fn is_low(&self) -> bool {
        let known = self.reported.is_some() || self.is_kept;
        known && self.threshold.is_some_and(|least| self.left() < least)
    }
}

/// The movements of an account over a period.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountMonth {
    pub provider: String,
    pub currency: Currency,
    pub opening: Micros,
    /// Top-ups and adjustments.
    pub by_hand: Micros,
    /// As a positive amount.
    pub charged: Micros,
    pub refunded: Micros,
}

impl AccountMonth {
    #[must_use]
    pub fn closing(&self) -> Micros {
        Micros(self.opening.0 + self.by_hand.0 - self.charged.0 + self.refunded.0)
    }
}

/// Sums of one account in one period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    charged: i64,
    refunded: i64,
    by_hand: i64,
}

impl Sum {
    fn grown(&self) -> i64 {
        self.by_hand - self.charged + self.refunded
    }

    fn spent(&self) -> i64 {
        self.charged - self.refunded
    }
}

/// Sums by period, provider and currency.
struct AccountSums(BTreeMap<(usize, String, Currency), Sum>);

impl AccountSums {
    fn of(&self, period: usize, provider: &str, currency: Currency) -> Sum {
        let key = (period, provider.to_owned(), currency);
        self.0.get(&key).copied().unwrap_or_default()
    }

    /// The total of every account in one period.
    fn totals(&self, period: usize, total: fn(&Sum) -> i64) -> Vec<(String, Money)> {
        let of_period = self.0.iter().filter(|((of, ..), _)| *of == period);
        of_period
            .map(|((_, provider, currency), sum)| {
                (provider.clone(), Money::new(Micros(total(sum)), *currency))
            })
            .collect()
    }
}

/// What the ledger says of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerBalance {
    pub provider: String,
    pub money: Money,
    /// Whether there are manual bookings.
    pub is_kept: bool,
}

/// The balance of each account with entries, from the database alone, so that start and command line can use it too.
pub async fn ledger_balances(db: &Db) -> Result<Vec<LedgerBalance>, StorageError> {
    // Some period has to be named; all time comes after it.
    let sums = account_sums(db, vec![(0, QUARTER)]).await?;
    let of_all_time = sums.0.iter().filter(|((period, ..), _)| *period == 1);
    let balance =
        |((_, provider, currency), sum): (&(usize, String, Currency), &Sum)| LedgerBalance {
            provider: provider.clone(),
            money: Money::new(Micros(sum.grown()), *currency),
            is_kept: sum.by_hand != 0,
        };
    Ok(of_all_time.map(balance).collect())
}

/// Sums of each account over these periods and, as the last period, over all time.
async fn account_sums(db: &Db, periods: Vec<(i64, i64)>) -> Result<AccountSums, StorageError> {
    let wanted = Wanted {
        periods,
        project: None,
        by: [false, false, true, false],
        measures: &[Measure::Charged, Measure::Refunded, Measure::Other],
        ever: true,
    };
    let mut sums = BTreeMap::new();
    for sum in db.sums(&wanted).await? {
        let value = Sum {
            charged: sum.get(Measure::Charged),
            refunded: sum.get(Measure::Refunded),
            by_hand: sum.get(Measure::Other),
        };
        // Rows can exist without any of these measures: the cost of SMS alone is summed in the cheapest provider's
        // currency, which may differ from the account's.
        if value == Sum::default() {
            continue;
        }
        if let (Some(provider), Ok(currency)) = (sum.place.provider.clone(), sum.currency.parse()) {
            sums.insert((sum.period, provider, currency), value);
        }
    }
    Ok(AccountSums(sums))
}

impl Finance {
    /// Configured accounts in their order, then accounts that exist only in the ledger.
    pub async fn balances(&self) -> Result<Vec<Balance>, Error> {
        let today = self.core().now().timestamp().div_euclid(DAY) * DAY;
        let week = vec![(today - LOOK_BACK * DAY, today)];
        let sums = account_sums(&self.core().db, week).await?;
        let reported = self.core().db.reported_balances().await?;
        let configured: Vec<(String, Currency)> = self
            .accounts()
            .map(|account| (account.provider.to_owned(), account.currency))
            .collect();
        let mut accounts = configured.clone();
        for (provider, money) in sums.totals(1, Sum::grown) {
            if !accounts.contains(&(provider.clone(), money.currency)) {
                accounts.push((provider, money.currency));
            }
        }
        let balance = |account: (String, Currency)| {
            let is_configured = configured.contains(&account);
            let (provider, currency) = account;
            let [week, ever] = [0, 1].map(|period| sums.of(period, &provider, currency));
            let figure = reported.iter().find(|figure| figure.provider == provider);
            let figure = figure.and_then(|figure| Some((figure.money?, figure.at)));
            let figure = figure.filter(|(money, _)| money.currency == currency);
            let threshold = self.threshold(&provider);
            let mut balance = Balance {
                computed: Micros(ever.grown()),
                reported: figure.map(|(money, _)| money.amount),
                reported_at: figure.and_then(|(_, at)| at),
                threshold: threshold.filter(|_| is_configured),
                runway_days: None,
                week_spent: Micros(week.spent()),
                booked_since: Micros::ZERO,
                is_kept: ever.by_hand != 0,
                provider,
                currency,
            };
            if week.spent() > 0 {
                #[expect(clippy::cast_precision_loss, reason = "an estimate in days")]
                let days = balance.left().0.max(0) as f64 * LOOK_BACK as f64 / week.spent() as f64;
                balance.runway_days = Some((days * 10.0).round() / 10.0);
            }
            balance
        };
        Ok(accounts.into_iter().map(balance).collect())
    }

    /// Like [`Self::balances`], with what was booked since each report, for somebody who wonders about a difference.
    pub async fn explained_balances(&self) -> Result<Vec<Balance>, Error> {
        let mut balances = self.balances().await?;
        for balance in &mut balances {
            balance.booked_since = self.booked_since(balance).await?;
        }
        Ok(balances)
    }

    /// Zero where the books and the provider agree, or where it reports no balance.
    async fn booked_since(&self, balance: &Balance) -> Result<Micros, Error> {
        let (Some(at), Some(_)) = (
            balance.reported_at,
            balance.drift().filter(|drift| *drift != Micros::ZERO),
        ) else {
            return Ok(Micros::ZERO);
        };
        let query = LedgerQuery {
            provider: Some(balance.provider.clone()),
            from: Some(at),
            ..LedgerQuery::default()
        };
        let sums = self.core().db.sum_by_hand(&query).await?;
        let mut sums = sums.iter();
        let own = sums.find(|sum| sum.currency == balance.currency);
        Ok(own.map_or(Micros::ZERO, |sum| sum.amount))
    }

    /// Opening and closing balance of every account with at least one ledger entry. `from` and `before` must be
    /// multiples of 15 minutes.
    ///
    /// The opening balance is computed back from the current one, so the cost does not grow with the ledger's age.
    pub async fn account_month(
        &self,
        from: DateTime<Utc>,
        before: DateTime<Utc>,
    ) -> Result<Vec<AccountMonth>, Error> {
        let (from, before) = (from.timestamp(), before.timestamp());
        // Later than any entry.
        let end = before.max(self.core().now().timestamp().div_euclid(DAY) * DAY + DAY);
        let periods = vec![(from, before), (before, end)];
        let sums = account_sums(&self.core().db, periods).await?;
        let month = |(provider, now): (String, Money)| {
            let of = |period| sums.of(period, &provider, now.currency);
            let (here, later) = (of(0), of(1));
            AccountMonth {
                opening: Micros(now.amount.0 - later.grown() - here.grown()),
                by_hand: Micros(here.by_hand),
                charged: Micros(here.charged),
                refunded: Micros(here.refunded),
                currency: now.currency,
                provider,
            }
        };
        Ok(sums.totals(2, Sum::grown).into_iter().map(month).collect())
    }

    /// A balance below it sends `balance.low`.
    fn threshold(&self, provider: &str) -> Option<Micros> {
        let slot = self.core().provider(provider)?;
        slot.provider.account().balance_threshold
    }

    /// Remembers a balance reported by a provider until [`Finance::watch_balances`] stores it.
    pub(in crate::gateway) fn balance_reported(&self, provider: &str, money: Money) {
        let reported = (money, self.core().now());
        self.reported().insert(provider.to_owned(), reported);
    }

    /// Stores reported balances, records all of them for the metrics, and sends webhooks for accounts that have become low. Returns how many there were.
    pub async fn watch_balances(&self) -> Result<usize, StorageError> {
        let reported = std::mem::take(&mut *self.reported());
        for (provider, (money, at)) in reported {
            self.core()
                .db
                .note_reported_balance(&provider, money, at)
                .await?;
        }
        let Ok(balances) = self.balances().await else {
            return Ok(0);
        };
        let mut alerts = 0;
        for balance in balances {
            measure(&balance);
            let Some(threshold) = balance.threshold else {
                continue;
            };
            let low = balance.is_low();
            let messages = if low {
                let data = balance_news(&balance, threshold);
                self.notices().announcements(None, "balance.low", &data)
            } else {
                Vec::new()
            };
            let (provider, currency) = (&balance.provider, balance.currency.as_str());
            let noted = self
                .core()
                .db
                .note_low_balance(provider, currency, low, &messages);
            if noted.await? && low {
                alerts += 1;
                tracing::warn!(
                    alarm = true,
                    provider,
                    "the balance of this account is low; top it up"
                );
            }
        }
        Ok(alerts)
    }
}

/// Records what the account holds, and how long it lasts.
fn measure(balance: &Balance) {
    if balance.reported.is_none() && !balance.is_kept {
        return;
    }
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    let left = balance.left().0 as f64 / 1e6;
    let (provider, currency) = (balance.provider.clone(), balance.currency.to_string());
    metrics::gauge!("pinroute_provider_balance", "provider" => provider.clone(), "currency" => currency)
        .set(left);
    // Not known any more: a gauge cannot be taken back, and its last value would stay.
    let days = balance.runway_days.unwrap_or(f64::NAN);
    metrics::gauge!("pinroute_provider_runway_seconds", "provider" => provider)
        .set(days * 86_400.0);
}

fn balance_news(balance: &Balance, threshold: Micros) -> Value {
    let money = |amount: Micros| Money::new(amount, balance.currency).decimal();
    let at = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    json!({
        "provider": balance.provider,
        "currency": balance.currency.as_str(),
        "balance": money(balance.left()),
        "computed": money(balance.computed),
        "reported": balance.reported.map(money),
        "reported_at": balance.reported_at.map(at),
        "threshold": money(threshold),
        "runway_days": balance.runway_days,
    })
}

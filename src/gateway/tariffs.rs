//! What messages cost and what currencies are worth, as this replica knows it: the rate card before configured prices, and
//! exchange rates. Read again when either has changed.

use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, NaiveDate, Utc};

use super::{Gateway, Line, Trouble};
use crate::channels::Draft;
use crate::ledger::price::Prices;
use crate::ledger::rates::{Rate, RateCard};
use crate::money::{Currency, Micros, Money};
use crate::reports::exchange::{Rate as ExchangeRate, Rates};
use crate::storage::StorageError;
use crate::verification::phone::Country;
use crate::verification::route::Channel;

#[derive(Debug, Default)]
pub(super) struct Tariffs(RwLock<Arc<Known>>);

#[derive(Debug, Default)]
struct Known {
    version: String,
    card: RateCard,
    exchange: Rates,
}

impl Tariffs {
    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Why rates are not taken: the place of the row, its field, and the mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateFault {
    pub row: usize,
    pub field: &'static str,
    pub problem: RateProblem,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateProblem {
    #[error("`{provider}` is not configured; there are {}", known.join(", "))]
    NoProvider {
        provider: String,
        known: Vec<String>,
    },
    #[error("is {0} with this provider")]
    OtherChannel(Channel),
    #[error("is {0} with this provider, whose account is billed in it")]
    OtherCurrency(Currency),
    /// Messages would be passed over without anyone knowing why.
    #[error("leaves {} without a price until then, so that nothing is sent there; add a row from {today} or earlier", place(*.country))]
    Gap {
        country: Option<Country>,
        today: NaiveDate,
    },
}

fn place(country: Option<Country>) -> String {
    country.map_or_else(|| "*".to_owned(), |country| country.to_string())
}

/// A provider's account, and its configured prices, which hold before the first row of the rate card.
#[derive(Clone, Debug)]
pub struct Account<'a> {
    pub provider: &'a str,
    pub channel: Channel,
    pub currency: Currency,
    pub prices: &'a Prices,
}

impl Gateway {
    /// Takes over what has changed.
    pub(super) async fn refresh_tariffs(&self) -> Result<(), StorageError> {
        let version = self.0.db.tariffs_version().await?;
        if self.0.tariffs.known().version == version {
            return Ok(());
        }
        let known = Known {
            card: RateCard::new(self.0.db.list_rates().await?),
            exchange: Rates::new(self.0.db.list_exchange_rates().await?),
            version,
        };
        *self
            .0
            .tariffs
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
        Ok(())
    }

    /// What a message is expected to cost by this provider today; `None`: there is no price, so it must not be sent.
    pub(super) fn estimate(&self, line: &Line, draft: &Draft<'_>) -> Option<Money> {
        let known = self.0.tariffs.known();
        let account = line.provider.account();
        if known.card.is_empty() {
            return account.estimate(draft);
        }
        let has_own = account.prices.by_country.contains_key(&draft.country);
        let today = self.now().date_naive();
        match known
            .card
            .rate(&account.name, draft.country, today, has_own)
        {
            Some(rate) => rate.cost(account.units(draft)),
            None => account.estimate(draft),
        }
    }

    /// By the newest rate; `None` without one.
    pub(super) fn convert(&self, money: Money, to: Currency, now: DateTime<Utc>) -> Option<Micros> {
        if money.currency == to {
            return Some(money.amount);
        }
        let known = self.0.tariffs.known();
        let exact = known
            .exchange
            .convert(money.amount, money.currency, to, now.date_naive());
        exact.map(crate::reports::exchange::Exact::rounded)
    }

    /// By channel, provider and country; newest first.
    pub async fn rates(&self) -> Result<Vec<Rate>, Trouble> {
        Ok(self.0.db.list_rates().await?)
    }

    /// In the order of the configuration.
    pub fn accounts(&self) -> impl Iterator<Item = Account<'_>> {
        self.0.providers.iter().map(|line| Account {
            provider: line.provider.name(),
            channel: line.provider.account().channel,
            currency: line.provider.account().currency,
            prices: &line.provider.account().prices,
        })
    }

    /// Takes rows of the rate card, all or none.
    pub async fn put_rates(&self, rates: &[Rate]) -> Result<Result<(), RateFault>, Trouble> {
        let cards = [self.0.db.list_rates().await?, rates.to_vec()].map(RateCard::new);
        for (row, rate) in rates.iter().enumerate() {
            if let Err((field, problem)) = self.check_rate(rate, &cards) {
                return Ok(Err(RateFault {
                    row,
                    field,
                    problem,
                }));
            }
        }
        self.0.db.put_rates(rates).await?;
        self.refresh_tariffs().await?;
        Ok(Ok(()))
    }

    /// `cards`: the rows that are known, and those that are given.
    fn check_rate(
        &self,
        rate: &Rate,
        cards: &[RateCard],
    ) -> Result<(), (&'static str, RateProblem)> {
        let mut accounts = self.accounts();
        let Some(account) = accounts.find(|account| account.provider == rate.provider) else {
            let problem = RateProblem::NoProvider {
                provider: rate.provider.clone(),
                known: self.accounts().map(|a| a.provider.to_owned()).collect(),
            };
            return Err(("provider", problem));
        };
        if account.channel != rate.channel {
            return Err(("channel", RateProblem::OtherChannel(account.channel)));
        }
        if account.currency != rate.price.currency {
            return Err(("currency", RateProblem::OtherCurrency(account.currency)));
        }
        let today = self.now().date_naive();
        let known = |country: Option<Country>| {
            let mut rows = cards
                .iter()
                .filter_map(|card| card.find(&rate.provider, country, today));
            rows.next().is_some()
        };
        let country = rate.country;
        let priced = known(country) || known(None) || account.prices.reach(country);
        if rate.from > today && !priced {
            return Err(("from_date", RateProblem::Gap { country, today }));
        }
        Ok(())
    }

    /// Newest first.
    pub async fn exchange_rates(&self) -> Result<Vec<ExchangeRate>, Trouble> {
        Ok(self.0.db.list_exchange_rates().await?)
    }

    /// All or none.
    pub async fn put_exchange_rates(&self, rates: &[ExchangeRate]) -> Result<(), Trouble> {
        self.0.db.put_exchange_rates(rates).await?;
        Ok(self.refresh_tariffs().await?)
    }
}

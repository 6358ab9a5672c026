//! Message prices and exchange rates, cached per replica and reloaded when either changes. The rate card takes
//! precedence over configured prices, but a configured price for a country beats the card's `*` row.

use chrono::{DateTime, NaiveDate, Utc};

use super::room::{Finance, Tariffs};
use crate::audit::By;
use crate::channels::Draft;
use crate::gateway::core::ProviderSlot;
use crate::gateway::error::Error;
use crate::ledger::price::Prices;
use crate::ledger::rates::{Rate, RateCard, Unit};
use crate::money::{Currency, Micros, Money};
use crate::reports::exchange::{ExchangeRate, Rates};
use crate::storage::StorageError;
use crate::verification::phone::Country;
use crate::verification::route::Channel;

/// Why a row of rates is rejected: its index, the field, and the problem.
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
    /// Rejected because sends would silently stop until the rate's first day.
    #[error("leaves {} without a price until then, so nothing would be sent there; add a row from {today} or earlier", place(*.country))]
    Gap {
        country: Option<Country>,
        today: NaiveDate,
    },
}

fn place(country: Option<Country>) -> String {
    country.map_or_else(|| "*".to_owned(), |country| country.to_string())
}

/// A provider's account and its configured prices, which apply where the rate card has no row.
#[derive(Clone, Debug)]
pub struct Account<'a> {
    pub provider: &'a str,
    pub channel: Channel,
    pub currency: Currency,
    pub prices: &'a Prices,
    /// Of the configured prices.
    pub unit: Unit,
}

impl Finance {
    /// Reloads the rates if they have changed.
    pub(in crate::gateway) async fn refresh_tariffs(&self) -> Result<(), StorageError> {
        let version = self.core().db.tariffs_version().await?;
        if self.known_tariffs().version == version {
            return Ok(());
        }
        self.set_tariffs(Tariffs {
            card: RateCard::new(self.core().db.list_rates().await?),
            exchange: Rates::new(self.core().db.list_exchange_rates().await?),
            version,
        });
        Ok(())
    }

    /// The expected cost of a message with this provider today. `None`: no price, so it must not be sent.
    pub(in crate::gateway) fn estimate(
        &self,
        slot: &ProviderSlot,
        draft: &Draft<'_>,
    ) -> Option<Money> {
        let known = self.known_tariffs();
        let account = slot.provider.account();
        if known.card.is_empty() {
            return account.estimate(draft);
        }
        let has_own = account.prices.by_country.contains_key(&draft.country);
        let today = self.core().now().date_naive();
        match known
            .card
            .rate(&account.name, draft.country, today, has_own)
        {
            Some(rate) => rate.cost(account.units(draft)),
            None => account.estimate(draft),
        }
    }

    /// Converts by the newest rate; `None` without one.
    pub fn convert(&self, money: Money, to: Currency, now: DateTime<Utc>) -> Option<Micros> {
        if money.currency == to {
            return Some(money.amount);
        }
        let known = self.known_tariffs();
        let exact = known
            .exchange
            .convert(money.amount, money.currency, to, now.date_naive());
        exact.map(crate::reports::exchange::Exact::rounded)
    }

    /// Sorted by channel, provider and country; newest first.
    pub async fn rates(&self) -> Result<Vec<Rate>, Error> {
        Ok(self.core().db.list_rates().await?)
    }

    /// In configuration order.
    pub fn accounts(&self) -> impl Iterator<Item = Account<'_>> {
        self.core().providers.iter().map(|slot| Account {
            provider: slot.provider.name(),
            channel: slot.provider.account().channel,
            currency: slot.provider.account().currency,
            prices: &slot.provider.account().prices,
            unit: slot.provider.account().unit,
        })
    }

    /// Adds rows to the rate card, all or none.
    pub async fn put_rates(&self, rates: &[Rate], by: &By) -> Result<Result<(), RateFault>, Error> {
        let cards = [self.core().db.list_rates().await?, rates.to_vec()].map(RateCard::new);
        for (row, rate) in rates.iter().enumerate() {
            if let Err((field, problem)) = self.check_rate(rate, &cards) {
                return Ok(Err(RateFault {
                    row,
                    field,
                    problem,
                }));
            }
        }
        let act = self.core().act(by);
        self.core().db.put_rates(rates, &act).await?;
        self.refresh_tariffs().await?;
        Ok(Ok(()))
    }

    /// `cards`: the existing rows and the new ones.
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
        let today = self.core().now().date_naive();
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
    pub async fn exchange_rates(&self) -> Result<Vec<ExchangeRate>, Error> {
        Ok(self.core().db.list_exchange_rates().await?)
    }

    /// Adds exchange rates, all or none.
    pub async fn put_exchange_rates(&self, rates: &[ExchangeRate], by: &By) -> Result<(), Error> {
        let act = self.core().act(by);
        self.core().db.put_exchange_rates(rates, &act).await?;
        Ok(self.refresh_tariffs().await?)
    }
}

//! What messages cost and what currencies are worth, as this replica knows it: the rate card before configured prices, and
//! exchange rates. Read again when either has changed.

use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};

use super::{Gateway, Line, Trouble};
use crate::delivery::Draft;
use crate::ledger::rates::{Rate, RateCard};
use crate::money::{Currency, Micros, Money};
use crate::reports::exchange::{Rate as ExchangeRate, Rates};
use crate::storage::StorageError;
use crate::verification::phone::Country;

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
    pub detail: String,
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
        let provider = &line.provider;
        if known.card.is_empty() {
            return provider.estimate(draft);
        }
        let has_own = provider.has_own_price(draft.country);
        let today = self.now().date_naive();
        match known
            .card
            .rate(provider.name(), draft.country, today, has_own)
        {
            Some(rate) => rate.cost(provider.segments(draft)),
            None => provider.estimate(draft),
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

    /// Takes rows of the rate card, all or none.
    pub async fn put_rates(&self, rates: &[Rate]) -> Result<Result<(), RateFault>, Trouble> {
        for (row, rate) in rates.iter().enumerate() {
            if let Err((field, detail)) = self.check_rate(rate, rates).await? {
                return Ok(Err(RateFault { row, field, detail }));
            }
        }
        self.0.db.put_rates(rates).await?;
        self.refresh_tariffs().await?;
        Ok(Ok(()))
    }

    async fn check_rate(
        &self,
        rate: &Rate,
        others: &[Rate],
    ) -> Result<Result<(), (&'static str, String)>, Trouble> {
        let Some(line) = self.provider(&rate.provider) else {
            let names: Vec<&str> = self.0.providers.iter().map(|l| l.provider.name()).collect();
            let detail = format!(
                "`{}` is not configured; there are {}",
                rate.provider,
                names.join(", ")
            );
            return Ok(Err(("provider", detail)));
        };
        let provider = &line.provider;
        if provider.channel() != rate.channel {
            let detail = format!("is {} with this provider", provider.channel());
            return Ok(Err(("channel", detail)));
        }
        if provider.currency() != rate.price.currency {
            let detail = format!(
                "is {} with this provider, whose account is billed in it",
                provider.currency()
            );
            return Ok(Err(("currency", detail)));
        }
        // Until the first day of a row there must be a price, or messages would be passed over without anyone knowing why.
        let today = self.now().date_naive();
        let stored = RateCard::new(self.0.db.list_rates().await?);
        let given = RateCard::new(others.to_vec());
        let known = |country: Option<Country>| {
            stored.find(&rate.provider, country, today).is_some()
                || given.find(&rate.provider, country, today).is_some()
        };
        let priced = known(rate.country) || known(None) || provider.has_price(rate.country);
        if rate.from > today && !priced {
            let place = rate
                .country
                .map_or_else(|| "*".to_owned(), |c| c.to_string());
            let detail = format!(
                "leaves {place} without a price until then, so that nothing is sent there; add a row from {today} or earlier"
            );
            return Ok(Err(("from_date", detail)));
        }
        Ok(Ok(()))
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

//! Price estimates for messages, by country.

use std::collections::BTreeMap;

use crate::money::{Currency, Micros, Money};
use crate::verification::phone::Country;

/// Prices of one provider per segment, in the currency of its account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    pub by_country: BTreeMap<Country, Micros>,
    /// The price of every other country: `*`. Networks that belong to no country are not one.
    pub rest: Option<Micros>,
}

impl Prices {
    /// One price for all numbers.
    #[must_use]
    pub fn flat(price: Micros) -> Self {
        Self {
            by_country: BTreeMap::from([(Country::NONE, price)]),
            rest: Some(price),
        }
    }

    /// Whether there is a price for `country`, or for the rest of the world.
    #[must_use]
    pub fn reach(&self, country: Option<Country>) -> bool {
        match country {
            Some(country) => self.per_segment(country).is_some(),
            None => self.rest.is_some(),
        }
    }

    #[must_use]
    pub fn per_segment(&self, country: Country) -> Option<Micros> {
        let rest = self.rest.filter(|_| country != Country::NONE);
        self.by_country.get(&country).copied().or(rest)
    }

    /// The estimate for a message of `segments`; `None`: no price for the country and no `*`.
    #[must_use]
    pub fn estimate(&self, country: Country, segments: u32, currency: Currency) -> Option<Money> {
        let amount = self.per_segment(country)?.times(i64::from(segments))?;
        Some(Money::new(amount, currency))
    }
}

/// The cheapest of the given prices, compared in the currency of the first. Prices that cannot be converted to it are
/// ignored.
#[must_use]
pub fn cheapest(
    prices: impl Iterator<Item = Money>,
    convert: impl Fn(Money, Currency) -> Option<Micros>,
) -> Option<Money> {
    let mut currency = None;
    let compared = prices.filter_map(|price| {
        let to = *currency.get_or_insert(price.currency);
        Some((convert(price, to)?, price))
    });
    let cheapest = compared.min_by_key(|(amount, _)| *amount);
    cheapest.map(|(_, price)| price)
}

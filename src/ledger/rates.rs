//! The rate card: prices by channel, provider and country, each valid from a day on.

use std::collections::HashMap;

use chrono::NaiveDate;

use crate::money::Money;
use crate::verification::phone::Country;
use crate::verification::route::Channel;

/// The unit that a price is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Message,
    Segment,
}

impl Unit {
    pub const ALL: [Self; 2] = [Self::Message, Self::Segment];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Segment => "segment",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.as_str() == text)
    }
}

/// One row of the rate card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    pub from: NaiveDate,
    pub channel: Channel,
    pub provider: String,
    /// `None`: the rest of the world.
    pub country: Option<Country>,
    pub unit: Unit,
    pub price: Money,
}

impl Rate {
    /// The price of a message of `segments`.
    #[must_use]
    pub fn cost(&self, segments: u32) -> Option<Money> {
        let times = match self.unit {
            Unit::Message => 1,
            Unit::Segment => i64::from(segments),
        };
        Some(Money::new(
            self.price.amount.times(times)?,
            self.price.currency,
        ))
    }
}

/// All rows: by provider, then by country, oldest first.
#[derive(Clone, Debug, Default)]
pub struct RateCard(HashMap<String, HashMap<Option<Country>, Vec<Rate>>>);

impl RateCard {
    #[must_use]
    pub fn new(mut rates: Vec<Rate>) -> Self {
        rates.sort_by_key(|rate| rate.from);
        let mut card = Self::default();
        for rate in rates {
            let rows = card.0.entry(rate.provider.clone()).or_default();
            rows.entry(rate.country).or_default().push(rate);
        }
        card
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The provider's newest row on or before `day` for exactly this `country`; `None`: for the rest of the world.
    #[must_use]
    pub fn find(&self, provider: &str, country: Option<Country>, day: NaiveDate) -> Option<&Rate> {
        let rows = self.0.get(provider)?.get(&country)?;
        rows.iter().rev().find(|rate| rate.from <= day)
    }

    /// The row that applies to a message to `country`. If the configuration has a price for the country itself
    /// (`has_own`), the row for the rest of the world does not apply: `None` means to use the configured price.
    #[must_use]
    pub fn rate(
        &self,
        provider: &str,
        country: Country,
        day: NaiveDate,
        has_own: bool,
    ) -> Option<&Rate> {
        self.find(provider, Some(country), day).or_else(|| {
            if has_own || country == Country::NONE {
                None
            } else {
                self.find(provider, None, day)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::{Currency, Micros};

    #[test]
    fn the_newest_row_counts_and_a_countrys_own_before_the_rest_of_the_world() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let (uz, kz): (Country, Country) = ("UZ".parse().unwrap(), "KZ".parse().unwrap());
        let rate = |from, country, amount| Rate {
            from: day(from),
            channel: Channel::Sms,
            provider: "main".to_owned(),
            country,
            unit: Unit::Segment,
            price: Money::new(Micros(amount), Currency::USD),
        };
        let card = RateCard::new(vec![
            rate("2026-11-10", Some(uz), 2),
            rate("2026-11-01", Some(uz), 1),
            rate("2026-11-05", None, 9),
        ]);
        let at = |date, country, has_own| {
            let found = card.rate("main", country, day(date), has_own);
            found.map(|rate| rate.cost(3).unwrap().amount.0)
        };
        assert_eq!(at("2026-10-31", uz, false), None);
        assert_eq!(at("2026-11-09", uz, true), Some(3));
        assert_eq!(at("2026-11-10", uz, false), Some(6));
        assert_eq!(at("2026-11-10", kz, false), Some(27));
        assert_eq!(at("2026-11-10", kz, true), None, "its configured price");
        assert_eq!(card.rate("other", kz, day("2026-11-10"), false), None);
    }
}

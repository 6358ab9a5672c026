//! Converts money between currencies, by the newest rate on or before the entry's day, or by the inverse rate if only
//! that is known.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::money::{Currency, Micros};

/// Rates have at most twelve decimals.
const UNIT: i128 = 1_000_000_000_000;
const DECIMALS: usize = 12;

/// Why a text is not a valid rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FactorError {
    #[error("`{0}` is not a rate such as 0.0105")]
    NotARate(String),
    #[error("`{0}` has more than twelve decimals")]
    TooFine(String),
    #[error("`{0}` must be below 1000000")]
    TooLarge(String),
    #[error("`{0}` must be more than zero")]
    Zero(String),
}

/// The value of one unit of a currency in another, in units of 10⁻¹².
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factor(pub i64);

impl Factor {
    /// Parses a rate such as `0.0105`: positive, below a million, with up to twelve decimals.
    pub fn parse(text: &str) -> Result<Self, FactorError> {
        let fault = || FactorError::NotARate(text.to_owned());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || text.ends_with('.') {
            return Err(fault());
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > DECIMALS {
            return Err(FactorError::TooFine(text.to_owned()));
        }
        let whole: i64 = whole.parse().map_err(|_| fault())?;
        let fraction: i64 = format!("{fraction:0<12}").parse().map_err(|_| fault())?;
        let value = whole
            .checked_mul(1_000_000_000_000)
            .and_then(|whole| whole.checked_add(fraction))
            .filter(|_| whole < 1_000_000)
            .ok_or_else(|| FactorError::TooLarge(text.to_owned()))?;
        if value == 0 {
            return Err(FactorError::Zero(text.to_owned()));
        }
        Ok(Self(value))
    }

    /// The shortest text that [`Factor::parse`] accepts.
    #[must_use]
    pub fn to_decimal(self) -> String {
        let (whole, fraction) = (self.0 / 1_000_000_000_000, self.0 % 1_000_000_000_000);
        let fraction = format!("{fraction:012}");
        match fraction.trim_end_matches('0') {
            "" => whole.to_string(),
            digits => format!("{whole}.{digits}"),
        }
    }
}

/// One exchange rate, valid from `day` on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeRate {
    pub day: NaiveDate,
    pub from: Currency,
    pub to: Currency,
    pub factor: Factor,
}

/// All known rates.
#[derive(Clone, Debug, Default)]
pub struct Rates(BTreeMap<(Currency, Currency), BTreeMap<NaiveDate, Factor>>);

impl Rates {
    #[must_use]
    pub fn new(rates: Vec<ExchangeRate>) -> Self {
        let mut all = BTreeMap::<_, BTreeMap<_, _>>::new();
        for rate in rates {
            all.entry((rate.from, rate.to))
                .or_default()
                .insert(rate.day, rate.factor);
        }
        Self(all)
    }

    fn newest(&self, from: Currency, to: Currency, day: NaiveDate) -> Option<Factor> {
        let known = self.0.get(&(from, to))?;
        known.range(..=day).next_back().map(|(_, factor)| *factor)
    }

    /// Converts `amount` from `from` to `to` at the rate on `day`; `None`: no rate is known.
    #[must_use]
    pub fn convert(
        &self,
        amount: Micros,
        from: Currency,
        to: Currency,
        day: NaiveDate,
    ) -> Option<Exact> {
        let amount = i128::from(amount.0);
        if from == to || amount == 0 {
            return Some(Exact(amount * UNIT));
        }
        if let Some(factor) = self.newest(from, to, day) {
            return amount.checked_mul(i128::from(factor.0)).map(Exact);
        }
        let inverse = i128::from(self.newest(to, from, day)?.0);
        // amount × 10^24 / inverse, without overflow in between.
        let scaled = amount.checked_mul(UNIT)?;
        let whole = (scaled / inverse).checked_mul(UNIT)?;
        let rest = (scaled % inverse) * UNIT / inverse;
        whole.checked_add(rest).map(Exact)
    }
}

/// An amount in units of 10⁻¹² micro-units, so that a sum is rounded only once, at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exact(i128);

impl Exact {
    pub fn add(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }

    /// Rounds half to even.
    #[must_use]
    pub fn rounded(self) -> Micros {
        let (whole, rest) = (self.0.div_euclid(UNIT), self.0.rem_euclid(UNIT));
        let up = match rest.cmp(&(UNIT / 2)) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => whole % 2 != 0,
            std::cmp::Ordering::Greater => true,
        };
        let value = whole + i128::from(up);
        Micros(i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX }))
    }
}

/// The days of each currency without a rate.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.describe())]
pub struct Missing {
    pub to: String,
    pub days: BTreeMap<String, BTreeSet<NaiveDate>>,
}

impl Missing {
    fn describe(&self) -> String {
        const SHOWN: usize = 5;
        let one = |(currency, days): (&String, &BTreeSet<NaiveDate>)| {
            let shown: Vec<String> = days.iter().take(SHOWN).map(ToString::to_string).collect();
            let more = match days.len().saturating_sub(SHOWN) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("{currency} to {} on {}{more}", self.to, shown.join(", "))
        };
        let all: Vec<String> = self.days.iter().map(one).collect();
        format!("there is no exchange rate for {}", all.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn rates(rows: &[(&str, &str, &str, &str)]) -> Rates {
        let rate = |(date, from, to, factor): &(&str, &str, &str, &str)| ExchangeRate {
            day: day(date),
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            factor: Factor::parse(factor).unwrap(),
        };
        Rates::new(rows.iter().map(rate).collect())
    }

    fn in_usd(rates: &Rates, amount: i64, from: &str, date: &str) -> Option<i64> {
        let found = rates.convert(
            Micros(amount),
            from.parse().unwrap(),
            Currency::USD,
            day(date),
        );
        found.map(|exact| exact.rounded().0)
    }

    #[test]
    fn the_newest_rate_on_or_before_the_day_counts_and_the_inverse_if_only_that_is_known() {
        let known = rates(&[
            ("2026-11-01", "RUB", "USD", "0.0105"),
            ("2026-11-10", "RUB", "USD", "0.02"),
            ("2026-11-01", "USD", "UZS", "12500"),
        ]);
        assert_eq!(in_usd(&known, 1_000_000, "RUB", "2026-10-31"), None);
        assert_eq!(in_usd(&known, 1_000_000, "RUB", "2026-11-09"), Some(10_500));
        assert_eq!(in_usd(&known, 1_000_000, "RUB", "2026-11-10"), Some(20_000));
        assert_eq!(
            in_usd(&known, 12_500_000_000, "UZS", "2026-12-01"),
            Some(1_000_000)
        );
        assert_eq!(
            in_usd(&known, i64::MAX / 2, "UZS", "2026-12-01"),
            Some(368_934_881_474_191)
        );
        assert_eq!(in_usd(&known, -7, "USD", "2020-01-01"), Some(-7));
    }

    #[test]
    fn halves_go_to_the_even_neighbour() {
        let halves = [
            (-15, -2),
            (-5, 0),
            (5, 0),
            (15, 2),
            (25, 2),
            (26, 3),
            (-26, -3),
        ];
        for (tenths, rounded) in halves {
            assert_eq!(Exact(tenths * UNIT / 10).rounded().0, rounded, "{tenths}");
        }
    }

    #[test]
    fn rates_are_exact_or_refused() {
        for text in [
            "",
            "0",
            "0.0",
            "-1",
            "1e3",
            ".5",
            "1.",
            "0.0000000000001",
            "1000000",
            "x",
        ] {
            assert!(Factor::parse(text).is_err(), "{text:?} was taken");
        }
        for text in ["0.0105", "12500", "0.000000000001", "999999.5"] {
            assert_eq!(Factor::parse(text).unwrap().to_decimal(), text);
        }
    }
}

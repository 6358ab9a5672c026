//! Counts, amounts of money, percentages and durations, with a typographic minus sign.

use std::collections::BTreeMap;

use super::notation::Locale;
use crate::money::{Currency, Micros, Money};

/// A code or a symbol of letters is kept apart from the amount.
const SPACE: char = '\u{a0}';

impl Locale {
    /// Groups the digits of a whole number by thousands.
    fn grouped(&self, digits: &str) -> String {
        let mut out = String::new();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                out.push(self.group);
            }
            out.push(digit);
        }
        out
    }

    #[must_use]
    pub fn count(&self, count: i64) -> String {
        let sign = if count < 0 { "\u{2212}" } else { "" };
        format!("{sign}{}", self.grouped(&count.unsigned_abs().to_string()))
    }

    /// A decimal such as `-1234.50`, digit by digit.
    #[must_use]
    pub fn decimal(&self, text: &str) -> String {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => ("\u{2212}", rest),
            None => ("", text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let whole = self.grouped(whole);
        if fraction.is_empty() {
            return format!("{sign}{whole}");
        }
        format!("{sign}{whole}{}{fraction}", self.decimal)
    }

    /// An amount with this many decimals, rounded half away from zero.
    #[must_use]
    pub fn amount(&self, amount: Micros, digits: usize) -> String {
        self.decimal(&rounded(amount, digits))
    }

    /// An amount with its currency and this many decimals.
    #[must_use]
    pub fn money(&self, money: Money, digits: usize) -> String {
        self.with_symbol(&self.amount(money.amount, digits), money.currency)
    }

    /// An amount with all its decimals, at least the currency's minor ones.
    #[must_use]
    pub fn exact(&self, money: Money) -> String {
        self.with_symbol(&self.decimal(&money.decimal()), money.currency)
    }

    /// Whether a currency's symbol comes before the amount.
    #[must_use]
    pub fn puts_symbol_first(&self) -> bool {
        self.symbol_first
    }

    fn with_symbol(&self, figure: &str, currency: Currency) -> String {
        let symbol = self.symbol(&currency);
        if !self.symbol_first {
            return format!("{figure}{SPACE}{symbol}");
        }
        let (sign, figure) = match figure.strip_prefix('\u{2212}') {
            Some(rest) => ("\u{2212}", rest),
            None => ("", figure),
        };
        let apart = symbol.ends_with(|c: char| c.is_alphabetic());
        if apart {
            return format!("{sign}{symbol}{SPACE}{figure}");
        }
        format!("{sign}{symbol}{figure}")
    }

    /// The currency's symbol, or its code.
    fn symbol<'a>(&self, currency: &'a Currency) -> &'a str {
        let mut symbols = self.symbols.iter();
        let found = symbols.find(|(code, _)| *code == currency.as_str());
        found.map_or(currency.as_str(), |(_, symbol)| symbol)
    }

    #[must_use]
    pub fn percent(&self, share: i64) -> String {
        format!("{}{}", self.count(share), self.percent)
    }

    /// A duration in seconds, with one decimal.
    #[must_use]
    pub fn seconds(&self, seconds: f64) -> String {
        let figure = self.decimal(&format!("{seconds:.1}"));
        format!("{figure}{SPACE}{}", self.second)
    }
}

/// Plain decimal notation with exactly this many decimals.
fn rounded(amount: Micros, digits: usize) -> String {
    let digits = digits.min(6);
    let step = 10_u64.pow(6 - u32::try_from(digits).unwrap_or(6));
    let magnitude = amount.0.unsigned_abs();
    let units = magnitude / step + u64::from(magnitude % step >= step.div_ceil(2) && step > 1);
    let per_unit = 10_u64.pow(u32::try_from(digits).unwrap_or(0));
    let sign = if amount.0 < 0 && units > 0 { "-" } else { "" };
    let (whole, fraction) = (units / per_unit, units % per_unit);
    if digits == 0 {
        return format!("{sign}{whole}");
    }
    format!("{sign}{whole}.{fraction:0digits$}")
}

/// The decimals that a column of amounts needs to show each of them exactly, at least the currency's minor ones.
#[must_use]
pub fn decimals(amounts: impl Iterator<Item = Micros>, currency: Currency) -> usize {
    let of = |amount: Micros| {
        let text = amount.to_decimal(0);
        text.split_once('.').map_or(0, |(_, part)| part.len())
    };
    amounts
        .map(of)
        .max()
        .unwrap_or(0)
        .max(currency.minor_digits())
}

/// The [`decimals`] of amounts that stand under each other, by currency.
#[derive(Debug)]
pub struct Decimals(BTreeMap<Currency, usize>);

impl FromIterator<Money> for Decimals {
    fn from_iter<I: IntoIterator<Item = Money>>(column: I) -> Self {
        let mut most = BTreeMap::new();
        for money in column {
            let needed = decimals(std::iter::once(money.amount), money.currency);
            let known = most.entry(money.currency).or_insert(needed);
            *known = needed.max(*known);
        }
        Self(most)
    }
}

impl Decimals {
    #[must_use]
    pub fn of(&self, currency: Currency) -> usize {
        let known = self.0.get(&currency).copied();
        known.unwrap_or_else(|| currency.minor_digits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(micros: i64) -> Money {
        Money::new(Micros(micros), Currency::USD)
    }

    fn plain(text: &str) -> String {
        text.replace('\u{a0}', " ").replace('\u{2212}', "-")
    }

    #[test]
    fn money_reads_as_in_its_language() {
        let (en, ru) = (Locale::ENGLISH, Locale::RUSSIAN);
        assert_eq!(en.money(usd(1_763_300), 2), "$1.76");
        assert_eq!(plain(&ru.money(usd(1_763_300), 2)), "1,76 $");
        assert_eq!(
            plain(&en.exact(usd(-1_234_567_045_500))),
            "-$1,234,567.0455"
        );
        assert_eq!(plain(&ru.exact(usd(-5_008_500_000))), "-5 008,50 $");
        let sums = Money::new(Micros(12_000_000), "UZS".parse().unwrap());
        assert_eq!(plain(&en.money(sums, 2)), "UZS 12.00");
        assert_eq!(plain(&ru.money(sums, 2)), "12,00 UZS");
        let roubles = Money::new(Micros(12_000_000), "RUB".parse().unwrap());
        assert_eq!(plain(&ru.money(roubles, 0)), "12 ₽");
    }

    #[test]
    fn counts_shares_and_seconds_read_as_in_their_language() {
        let (en, ru) = (Locale::ENGLISH, Locale::RUSSIAN);
        assert_eq!(en.count(5_008), "5,008");
        assert_eq!(plain(&ru.count(-1_005_008)), "-1 005 008");
        assert_eq!(
            (en.percent(87), plain(&ru.percent(87))),
            ("87%".into(), "87 %".into())
        );
        assert_eq!(plain(&en.seconds(1.66)), "1.7 s");
        assert_eq!(plain(&ru.seconds(1.66)), "1,7 с");
    }

    #[test]
    fn amounts_round_half_away_from_zero_and_never_to_a_negative_zero() {
        let at = |micros, digits| rounded(Micros(micros), digits);
        assert_eq!(at(5_000, 2), "0.01");
        assert_eq!(at(4_999, 2), "0.00");
        assert_eq!(at(-4_999, 2), "0.00");
        assert_eq!(at(-15_000, 2), "-0.02");
        assert_eq!(at(999_999, 2), "1.00");
        assert_eq!(at(8_300, 6), "0.008300");
        assert_eq!(at(1_500_000, 0), "2");
        let column = [Micros(8_300), Micros(50_000), Micros(0)];
        assert_eq!(decimals(column.into_iter(), Currency::USD), 4);
        assert_eq!(decimals([].into_iter(), Currency::USD), 2);
        let sums = "UZS".parse().unwrap();
        let digits: Decimals = [usd(8_300), usd(50_000), Money::new(Micros(100_000), sums)]
            .into_iter()
            .collect();
        assert_eq!((digits.of(Currency::USD), digits.of(sums)), (4, 2));
    }
}

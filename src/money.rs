//! Exact money: integer micro-units of a currency, never floats.
//!
//! Every module may use these types; `ledger` defines what prices, charges and balances mean.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An amount in millionths of its currency's unit; negative for money spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub i64);

/// An ISO 4217 code: three uppercase letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// An amount in a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    pub amount: Micros,
    pub currency: Currency,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("`{0}` is not a decimal number such as 0.01")]
    NotANumber(String),
    #[error("`{0}` has more than six decimals")]
    TooFine(String),
    #[error("`{0}` is too large")]
    TooLarge(String),
    #[error("`{0}` is not an ISO 4217 code such as USD")]
    NotACurrency(String),
}

impl Micros {
    pub const ZERO: Self = Self(0);
    const PER_UNIT: i64 = 1_000_000;
    /// Ten thousand million units. A larger amount is a mistake, and the sum of 900 such amounts still fits.
    const LARGEST: i64 = 10_000_000_000 * Self::PER_UNIT;

    /// Decimal notation with at least `minor` decimals and no further trailing zeros: `0.01`, `-12.50`, `0.0455`.
    #[must_use]
    pub fn to_decimal(self, minor: usize) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        let whole = magnitude / Self::PER_UNIT.unsigned_abs();
        let fraction = format!("{:06}", magnitude % Self::PER_UNIT.unsigned_abs());
        let keep = fraction.trim_end_matches('0').len().max(minor.min(6));
        if keep == 0 {
            return format!("{sign}{whole}");
        }
        format!("{sign}{whole}.{}", &fraction[..keep])
    }

    /// `self × times`, or `None` on overflow.
    #[must_use]
    pub fn times(self, times: i64) -> Option<Self> {
        self.0.checked_mul(times).map(Self)
    }
}

impl FromStr for Micros {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let not_a_number = || MoneyError::NotANumber(text.to_owned());
        let too_large = || MoneyError::TooLarge(text.to_owned());
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        let dangling_point = digits.contains('.') && fraction.is_empty();
        if whole.is_empty() || dangling_point || !all_digits(whole) || !all_digits(fraction) {
            return Err(not_a_number());
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > 6 {
            return Err(MoneyError::TooFine(text.to_owned()));
        }
        let whole: i64 = whole.parse().map_err(|_| too_large())?;
        let fraction: i64 = format!("{fraction:0<6}")
            .parse()
            .map_err(|_| not_a_number())?;
        let magnitude = whole
            .checked_mul(Self::PER_UNIT)
            .and_then(|micros| micros.checked_add(fraction))
            .filter(|magnitude| *magnitude <= Self::LARGEST)
            .ok_or_else(too_large)?;
        Ok(Self(if negative { -magnitude } else { magnitude }))
    }
}

impl Serialize for Micros {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_decimal(0))
    }
}

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Currency {
    pub const USD: Self = Self(*b"USD");

    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// The number of decimals of the currency's minor unit (ISO 4217).
    #[must_use]
    pub fn minor_digits(&self) -> usize {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG"
            | b"RWF" | b"UGX" | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            _ => 2,
        }
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Self(code)),
            _ => Err(MoneyError::NotACurrency(text.to_owned())),
        }
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Money {
    #[must_use]
    pub fn new(amount: Micros, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// The amount as the API writes it: as short as possible, with at least the currency's minor digits.
    #[must_use]
    pub fn decimal(&self) -> String {
        self.amount.to_decimal(self.currency.minor_digits())
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.decimal(), self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_shortest_but_keep_the_minor_digits() {
        let usd = |text: &str| Money::new(text.parse().unwrap(), Currency::USD).decimal();
        assert_eq!(usd("0.01"), "0.01");
        assert_eq!(usd("50"), "50.00");
        assert_eq!(usd("0.0455"), "0.0455");
        assert_eq!(usd("-12.5"), "-12.50");
        assert_eq!(Micros(-1).to_decimal(0), "-0.000001");
        assert_eq!(Micros(7_000_000).to_decimal(0), "7");
    }

    #[test]
    fn amounts_that_are_not_exact_are_refused() {
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "1e3",
            "+1",
            "0.0000001",
            "NaN",
            "1,5",
            " 1",
            "9223372036855",
        ] {
            assert!(text.parse::<Micros>().is_err(), "{text:?} was taken");
        }
        assert_eq!("1.5000000000".parse(), Ok(Micros(1_500_000)));
    }
}

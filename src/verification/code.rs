//! One-time codes and their keyed hashes. We make codes of digits; a code from outside may have letters. The text of a message
//! stands in the place of a code, and is kept as secret.

use std::fmt;

/// Four to eight decimal digits, or, from outside, four to ten ASCII letters and digits; or a whole message. `Debug` hides them.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(String);

/// A keyed hash of a code and its verification's id. Comparison takes constant time.
#[derive(Clone, Copy)]
pub struct CodeHash(pub [u8; 32]);

impl Code {
    pub const LENGTHS: std::ops::RangeInclusive<u8> = 4..=8;
    /// From outside, or for a dialect.
    pub const LONGEST: u8 = 10;

    /// A code of `length` digits from 64 random bits; the modulo bias is below 10⁻⁹. More than eight digits are for a dialect that promises
    /// them: Telegram does not carry them.
    #[must_use]
    pub fn generate(length: u8, random: u64) -> Self {
        let length = length.clamp(*Self::LENGTHS.start(), Self::LONGEST);
        let number = random % 10_u64.pow(length.into());
        Self(format!("{number:0>width$}", width = usize::from(length)))
    }

    /// Parses a code from a site or a visitor; `None` unless it is 4 to 8 ASCII digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (4..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| Self(text.to_owned()))
    }

    /// Parses a code that another service made, or one that is typed for it: 4 to 10 ASCII letters and digits, whose case counts.
    #[must_use]
    pub fn parse_outside(text: &str) -> Option<Self> {
        let fits =
            (4..=10).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        fits.then(|| Self(text.to_owned()))
    }

    /// The whole text of a message without a code, which is no code and is never compared with one.
    #[must_use]
    pub fn of_message(text: String) -> Self {
        Self(text)
    }

    /// What was stored; `None`: it was erased.
    #[must_use]
    pub fn from_storage(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// Four to eight digits, which every channel carries.
    #[must_use]
    pub fn is_digits(&self) -> bool {
        Self::parse(&self.0).is_some()
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

impl PartialEq for CodeHash {
    fn eq(&self, other: &Self) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for CodeHash {}

impl fmt::Debug for CodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_keep_their_length_and_leading_zeros() {
        assert_eq!(Code::generate(6, 42).as_str(), "000042");
        assert_eq!(Code::generate(8, u64::MAX).as_str().len(), 8);
        assert_eq!(Code::generate(4, 10_000).as_str(), "0000");
        assert_eq!(Code::generate(10, 42).as_str(), "0000000042");
        assert_eq!(Code::generate(99, u64::MAX).as_str().len(), 10);
        for text in ["123", "123456789", "12a4", "１２３４", " 1234", ""] {
            assert_eq!(Code::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_code_from_outside_may_have_letters() {
        for (text, is_digits) in [("1234", true), ("aB3dE", false), ("1234567890", false)] {
            let code = Code::parse_outside(text).unwrap();
            assert_eq!((code.as_str(), code.is_digits()), (text, is_digits));
        }
        for text in ["123", "12345678901", "12-34", "１２３４", "äbcd", ""] {
            assert_eq!(Code::parse_outside(text), None, "{text:?}");
        }
    }
}

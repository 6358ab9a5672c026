//! Phone numbers: parsed once on input, E.164 everywhere else.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumberType, Region};
use serde::{Deserialize, Serialize};

/// A possible number that can receive messages, in E.164. `Debug` shows only the last two digits.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber(String);

/// An ISO 3166 alpha-2 code; `ZZ` for numbers that belong to no country.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country([u8; 2]);

/// The kind of line that a number's range is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineType {
    Mobile,
    /// Of a range that mobile and fixed lines share.
    FixedOrMobile,
    Voip,
    /// Of a range that the numbering data does not know, or for another purpose.
    Other,
}

/// A number as parsed from input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    pub phone: PhoneNumber,
    pub country: Country,
    pub line: LineType,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    #[error("must be a possible phone number in international form, such as +998901234567")]
    Invalid,
    #[error("{0}")]
    Unsupported(&'static str),
}

impl PhoneNumber {
    /// Parses a number in international form, with any separators and digits of other scripts.
    ///
    /// The number must be possible but need not be valid: numbering data ages, and a new range must not be locked out.
    pub fn parse(text: &str) -> Result<Parsed, PhoneError> {
        let folded = super::digits::fold(text);
        let digits = folded.strip_prefix('+').ok_or(PhoneError::Invalid)?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) || !(5..=15).contains(&digits.len()) {
            return Err(PhoneError::Invalid);
        }
        // Telegram's anonymous and test numbers, which exist on no telephone network.
        if digits.starts_with("888") {
            return Err(PhoneError::Unsupported(
                "virtual numbers (+888) cannot receive codes",
            ));
        }
        if digits.starts_with("99966") {
            return Err(PhoneError::Unsupported(
                "test numbers (+99966) cannot receive codes",
            ));
        }
        let e164 = format!("+{digits}");
        let number = PHONE_NUMBER_UTIL
            .parse(&e164, None)
            .map_err(|_| PhoneError::Invalid)?;
        if number.is_possible_with_reason() != Ok(NumberLengthType::IsPossible) {
            return Err(PhoneError::Invalid);
        }
        let line = match number.get_type() {
            PhoneNumberType::PremiumRate => {
                return Err(PhoneError::Unsupported(
                    "premium-rate numbers are not verified",
                ));
            }
            PhoneNumberType::FixedLine
            | PhoneNumberType::TollFree
            | PhoneNumberType::SharedCost
            | PhoneNumberType::Pager
            | PhoneNumberType::UAN
            | PhoneNumberType::VoiceMail => {
                return Err(PhoneError::Unsupported(
                    "the number cannot receive messages, and no voice channel is configured",
                ));
            }
            PhoneNumberType::Mobile => LineType::Mobile,
            PhoneNumberType::FixedLineOrMobile => LineType::FixedOrMobile,
            PhoneNumberType::VoIP => LineType::Voip,
            _ => LineType::Other,
        };
        let region = number
            .get_region_code()
            .or_else(|| PHONE_NUMBER_UTIL.get_region_for_country_code(number.country_code));
        // The library drops a stray national prefix ("+440…"), which gives the number that is actually dialled.
        let dialled = number.format_as(rlibphonenumber::PhoneNumberFormat::E164);
        Ok(Parsed {
            phone: Self(dialled.into_owned()),
            country: region.map_or(Country::NONE, Country::of),
            line,
        })
    }

    /// Restores a stored number without parsing it again.
    #[must_use]
    pub fn from_storage(e164: String) -> Self {
        Self(e164)
    }

    /// E.164 with its plus sign.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In international format: `+998 90 123 45 67`.
    #[must_use]
    pub fn international(&self) -> String {
        let parsed = PHONE_NUMBER_UTIL.parse(&self.0, None);
        parsed.map_or_else(
            |_| self.0.clone(),
            |number| {
                let format = rlibphonenumber::PhoneNumberFormat::International;
                number.format_as(format).into_owned()
            },
        )
    }

    /// Masked for display: only the country code, two digits after it and the last two are shown, as in
    /// `+998 90 ••• •• 67`. Shorter numbers show fewer digits, so that at least four are hidden.
    #[must_use]
    pub fn masked(&self) -> String {
        let parsed = PHONE_NUMBER_UTIL.parse(&self.0, None);
        let code = parsed.map_or(0, |number| number.country_code.to_string().len());
        let total = self.digits().len();
        let open = total.saturating_sub(code + 4).min(4);
        let (shown, last) = (code + open.div_ceil(2), total - open / 2);
        let mut place = 0;
        let hide = |c: char| {
            if !c.is_ascii_digit() {
                return c;
            }
            place += 1;
            if place <= shown || place > last {
                c
            } else {
                '•'
            }
        };
        self.international().chars().map(hide).collect()
    }

    /// E.164 without its plus sign.
    #[must_use]
    pub fn digits(&self) -> &str {
        self.0.trim_start_matches('+')
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+…{}", &self.0[self.0.len().saturating_sub(2)..])
    }
}

impl Country {
    pub const NONE: Self = Self(*b"ZZ");

    fn of(region: Region) -> Self {
        match (region as u16).to_be_bytes() {
            code if code.iter().all(u8::is_ascii_uppercase) => Self(code),
            _ => Self::NONE,
        }
    }

    /// Parses the code of a country that has telephone numbers.
    pub fn existing(text: &str) -> Result<Self, String> {
        static KNOWN: LazyLock<HashSet<[u8; 2]>> = LazyLock::new(|| {
            let regions = PHONE_NUMBER_UTIL.get_supported_regions();
            regions.map(|region| Country::of(region).0).collect()
        });
        let country: Self = text.parse()?;
        if KNOWN.contains(&country.0) {
            return Ok(country);
        }
        let mend = if text == "UK" {
            "; use GB for the United Kingdom"
        } else {
            ""
        };
        Err(format!("`{text}` is not a known country code{mend}"))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("ZZ")
    }
}

impl FromStr for Country {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match <[u8; 2]>::try_from(text.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Self(code)),
            _ => Err(format!(
                "`{text}` is not an ISO 3166 country code such as UZ"
            )),
        }
    }
}

impl TryFrom<String> for Country {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.as_str().to_owned()
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(String, String), PhoneError> {
        PhoneNumber::parse(text)
            .map(|found| (found.phone.as_str().to_owned(), found.country.to_string()))
    }

    #[test]
    fn numbers_are_normalised_and_placed_in_their_country() {
        for (text, e164, country) in [
            ("+998901234567", "+998901234567", "UZ"),
            ("+998 (90) 123-45-67", "+998901234567", "UZ"),
            ("+٩٩٨٩٠١٢٣٤٥٦٧", "+998901234567", "UZ"),
            ("+79161234567", "+79161234567", "RU"),
            ("+77011234567", "+77011234567", "KZ"),
            ("+15550100019", "+15550100019", "US"),
            ("+393331234567", "+393331234567", "IT"),
        ] {
            assert_eq!(
                read(text),
                Ok((e164.to_owned(), country.to_owned())),
                "{text}"
            );
        }
    }

    #[test]
    fn a_country_that_is_written_exists() {
        for code in ["UZ", "GB", "US", "XK"] {
            assert_eq!(Country::existing(code).unwrap().as_str(), code);
        }
        for code in ["UK", "ZZ", "XX", "uz", "USA", ""] {
            assert!(Country::existing(code).is_err(), "{code}");
        }
    }

    #[test]
    fn a_mask_hides_four_digits_at_least() {
        let masked = |text: &str| PhoneNumber(text.to_owned()).masked();
        assert_eq!(masked("+998901234567"), "+998 90 ••• •• 67");
        assert_eq!(masked("+15550100019"), "+1 55•-•••-••19");
        for short in ["+29051234", "+6834123", "+24712"] {
            let masked = masked(short);
            let hidden = masked.chars().filter(|c| *c == '•').count();
            let own = short.len() - 4;
            assert!(hidden >= own.min(4), "{masked}");
        }
    }

    #[test]
    fn impossible_numbers_are_invalid_and_unreachable_ones_unsupported() {
        for text in [
            "",
            "+",
            "998901234567",
            "+99890",
            "+9989012345678901",
            "+abc",
            "+999123456789",
            "0901234567",
        ] {
            assert_eq!(read(text), Err(PhoneError::Invalid), "{text:?}");
        }
        for text in [
            "+88801234567",
            "+9996612345",
            "+442071838750",
            "+449098790000",
            "+18002530000",
        ] {
            assert!(
                matches!(read(text), Err(PhoneError::Unsupported(_))),
                "{text:?}"
            );
        }
    }
}

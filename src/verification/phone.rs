//! Phone numbers: read once on input (`numbers`), E.164 everywhere else.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};
use serde::{Deserialize, Serialize};

/// A possible number that can receive messages, in E.164. `Debug` shows only the last two digits.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber(String);

/// An ISO 3166 alpha-2 code; `001` (the world) for networks that belong to no country, such as satellites.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country([u8; 2]);

/// The kind of line that a number's range is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineType {
    Mobile,
    FixedLine,
    /// Of a range that mobile and fixed lines share.
    FixedOrMobile,
    Voip,
    /// Of a range that the numbering data does not know, or for another purpose.
    Other,
}

impl PhoneNumber {
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
    /// Networks that belong to no country.
    pub const NONE: Self = Self(*b"ZZ");
    /// As the numbering data names them, and another name for them.
    const NAMES_OF_NONE: [&str; 2] = ["001", "ZZ"];

    pub(super) fn of(region: Region) -> Self {
        match (region as u16).to_be_bytes() {
            code if code.iter().all(u8::is_ascii_uppercase) => Self(code),
            _ => Self::NONE,
        }
    }

    /// Parses the code of a country that has telephone numbers, or `001`.
    pub fn existing(text: &str) -> Result<Self, String> {
        static KNOWN: LazyLock<HashSet<[u8; 2]>> = LazyLock::new(|| {
            let regions = PHONE_NUMBER_UTIL.get_supported_regions();
            regions.map(|region| Country::of(region).0).collect()
        });
        let country: Self = text.parse()?;
        if KNOWN.contains(&country.0) || country == Self::NONE {
            return Ok(country);
        }
        let mend = if text == "UK" {
            "; use GB for the United Kingdom"
        } else {
            ""
        };
        Err(format!("`{text}` is not a known country code{mend}"))
    }

    /// Its code in two letters, for networks of no country too; [`FromStr`] takes it.
    pub(super) fn letters(self) -> [u8; 2] {
        self.0
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            &Self::NONE => Self::NAMES_OF_NONE[0],
            Self(code) => std::str::from_utf8(code).unwrap_or(Self::NAMES_OF_NONE[0]),
        }
    }
}

impl FromStr for Country {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if Self::NAMES_OF_NONE.contains(&text) {
            return Ok(Self::NONE);
        }
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

    #[test]
    fn a_country_that_is_written_exists() {
        for code in ["UZ", "GB", "US", "XK", "001"] {
            assert_eq!(Country::existing(code).unwrap().as_str(), code);
        }
        assert_eq!(Country::existing("ZZ"), Ok(Country::NONE));
        for code in ["UK", "002", "zz", "XX", "uz", "USA", ""] {
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
}

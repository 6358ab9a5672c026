//! Where a project sends to: countries, and ranges of numbers by the digits that they begin with.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::phone::{Country, PhoneNumber};

/// A number has at most 15 digits (E.164), so a prefix of 14 always covers more than one.
pub const LONGEST_PREFIX: usize = 14;

/// A country, or a range: `UZ`, `+99890`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Area {
    Country(Country),
    /// Without the plus sign.
    Prefix(String),
}

/// What becomes of a number by where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Geo {
    Allow,
    /// It passes, and is recorded.
    Monitor,
    Deny,
}

/// The longest prefix decides, then the country; of two alike, `deny` before `monitor` before `allow`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Countries {
    /// Every country but `001` is allowed.
    pub every: bool,
    /// Beside them, or alone.
    pub allow: Vec<Area>,
    pub deny: Vec<Area>,
    #[serde(default)]
    pub monitor: Vec<Area>,
}

impl Default for Countries {
    fn default() -> Self {
        Self {
            every: true,
            allow: Vec::new(),
            deny: Vec::new(),
            monitor: Vec::new(),
        }
    }
}

impl Area {
    /// Reads an area; the error says what it must be.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with('+') {
            return read_prefix(text).map(Self::Prefix);
        }
        Country::existing(text).map(Self::Country)
    }
}

/// The digits of a prefix such as `+99890`; the error says what it must be.
pub fn read_prefix(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix('+').unwrap_or_default();
    let is_prefix = (1..=LONGEST_PREFIX).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && !digits.starts_with('0');
    is_prefix
        .then(|| digits.to_owned())
        .ok_or_else(|| "must be a plus sign and up to 14 digits, such as +99890".to_owned())
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Country(country) => write!(f, "{country}"),
            Self::Prefix(digits) => write!(f, "+{digits}"),
        }
    }
}

impl TryFrom<String> for Area {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<Area> for String {
    fn from(area: Area) -> Self {
        area.to_string()
    }
}

impl Countries {
    #[must_use]
    pub fn judge(&self, phone: &PhoneNumber, country: Country) -> Geo {
        let digits = phone.digits();
        let prefix = |areas: &[Area]| {
            let matching = areas.iter().filter_map(|area| match area {
                Area::Prefix(prefix) if digits.starts_with(prefix.as_str()) => Some(prefix.len()),
                _ => None,
            });
            matching.max()
        };
        let of = |areas: &[Area]| areas.contains(&Area::Country(country));
        // From the mildest to the strictest: the last of equals wins.
        let lists = [
            (Geo::Allow, &self.allow),
            (Geo::Monitor, &self.monitor),
            (Geo::Deny, &self.deny),
        ];
        let longest = lists
            .iter()
            .filter_map(|(geo, areas)| Some((prefix(areas)?, *geo)))
            .max_by_key(|(length, _)| *length);
        if let Some((_, geo)) = longest {
            return geo;
        }
        let named = lists.iter().rev().find(|(_, areas)| of(areas));
        match named {
            Some((geo, _)) => *geo,
            None if self.every && country != Country::NONE => Geo::Allow,
            None => Geo::Deny,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn areas(texts: &[&str]) -> Vec<Area> {
        texts
            .iter()
            .map(|text| Area::parse(text).unwrap())
            .collect()
    }

    fn judge(countries: &Countries, number: &str, country: &str) -> Geo {
        let phone = PhoneNumber::from_storage(number.to_owned());
        countries.judge(&phone, country.parse().unwrap())
    }

    #[test]
    fn the_longest_prefix_decides_then_the_country_and_of_two_alike_the_strictest() {
        let countries = Countries {
            every: true,
            allow: areas(&["+998901", "+99877"]),
            monitor: areas(&["KZ", "+99890", "+99877"]),
            deny: areas(&["UZ", "KP", "+9989012"]),
        };
        for (number, country, geo) in [
            ("+998711234567", "UZ", Geo::Deny),
            ("+998901134567", "UZ", Geo::Allow),
            ("+998901234567", "UZ", Geo::Deny),
            ("+998909234567", "UZ", Geo::Monitor),
            ("+998771234567", "UZ", Geo::Monitor),
            ("+77011234567", "KZ", Geo::Monitor),
            ("+4915112345678", "DE", Geo::Allow),
            ("+8811234567", "001", Geo::Deny),
        ] {
            assert_eq!(judge(&countries, number, country), geo, "{number}");
        }
    }

    #[test]
    fn what_is_monitored_passes_where_only_some_countries_are_allowed() {
        let countries = Countries {
            every: false,
            allow: areas(&["UZ"]),
            monitor: areas(&["KZ"]),
            deny: Vec::new(),
        };
        assert_eq!(judge(&countries, "+998901234567", "UZ"), Geo::Allow);
        assert_eq!(judge(&countries, "+77011234567", "KZ"), Geo::Monitor);
        assert_eq!(judge(&countries, "+4915112345678", "DE"), Geo::Deny);
    }

    #[test]
    fn an_area_is_a_country_or_a_prefix() {
        for good in ["UZ", "001", "+99890", "+1"] {
            assert_eq!(Area::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "UK",
            "",
            "+",
            "+0",
            "99890",
            "+12345678901234567",
            "+99x",
            "uz ",
        ] {
            assert!(Area::parse(bad).is_err(), "{bad}");
        }
    }
}

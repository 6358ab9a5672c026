//! Reads phone numbers as visitors write them. Two ways to write one number give one identity.

use std::collections::BTreeMap;

use rlibphonenumber::{
    NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber as Dialled, PhoneNumberFormat,
    PhoneNumberType, Region,
};
use serde::{Deserialize, Serialize};

use super::digits::fold;
use super::phone::{Country, LineType, PhoneNumber};
use super::renumbering;

/// How a project reads numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    /// The country of numbers without a calling code. `None`: they are refused.
    pub default_country: Option<Country>,
    pub fixed_line: FixedLine,
    /// Exceptions by country.
    pub fixed_line_countries: BTreeMap<Country, FixedLine>,
}

/// What to do with a number of a range that the numbering data calls fixed lines. The data can be wrong or old.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FixedLine {
    #[default]
    Refuse,
    Try,
}

/// A number as read from input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    pub phone: PhoneNumber,
    pub country: Country,
    pub line: LineType,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    #[error("{0}")]
    Invalid(&'static str),
    #[error("{0}")]
    Unsupported(&'static str),
}

impl PhoneError {
    /// A number that exists but takes no messages.
    #[must_use]
    pub fn is_landline(&self) -> bool {
        [NO_MESSAGES, ARGENTINE_LINE].contains(self)
    }
}

const INVALID: PhoneError = PhoneError::Invalid(
    "must be a possible phone number in international form, such as +998901234567",
);
const WITHOUT_PLUS: PhoneError =
    PhoneError::Invalid("begins with 00; write the plus sign instead, as in +998901234567");
const NATIONAL: PhoneError = PhoneError::Invalid(
    "has no country code; write it in international form, such as +998901234567",
);

impl Numbers {
    /// Reads any number, of a fixed line too, to search for it.
    #[must_use]
    pub fn for_search(self) -> Self {
        Self {
            fixed_line: FixedLine::Try,
            fixed_line_countries: BTreeMap::new(),
            ..self
        }
    }

    /// Reads a number in international form, or in the form of the default country.
    ///
    /// The number must be possible but need not be valid: numbering data ages, and a new range must not be locked out.
    pub fn read(&self, text: &str) -> Result<Parsed, PhoneError> {
        let folded = fold(text);
        let (number, kind) = current(self.dialled(without_scheme(&folded))?);
        let e164 = number.format_as(PhoneNumberFormat::E164).into_owned();
        if number.is_possible_with_reason() != Ok(NumberLengthType::IsPossible) {
            return Err(INVALID);
        }
        let region = number
            .get_region_code()
            .or_else(|| PHONE_NUMBER_UTIL.get_region_for_country_code(number.country_code));
        let country = region.map_or(Country::NONE, Country::of);
        Ok(Parsed {
            line: self.line(kind, country)?,
            phone: PhoneNumber::from_storage(e164),
            country,
        })
    }

    fn dialled(&self, text: &str) -> Result<Dialled, PhoneError> {
        let (is_international, digits) = match text.strip_prefix('+') {
            // No calling code begins with 0: "+00 998" is both prefixes.
            Some(digits) => (true, digits.strip_prefix("00").unwrap_or(digits)),
            None => (false, text),
        };
        // E.164 has fifteen digits at most; two more for a trunk prefix, or five for an international one.
        if !digits.bytes().all(|b| b.is_ascii_digit()) || !(3..=20).contains(&digits.len()) {
            return Err(INVALID);
        }
        if is_international {
            return international(digits);
        }
        let after_00 = digits.strip_prefix("00");
        let Some(country) = self.default_country else {
            return Err(if after_00.is_some() {
                WITHOUT_PLUS
            } else {
                NATIONAL
            });
        };
        let region = country.as_str().parse::<Region>().ok();
        let read = region.and_then(|region| PHONE_NUMBER_UTIL.parse(digits, Some(region)).ok());
        // Whether it began with a prefix that the country has: then the number is what follows it.
        let has_own_prefix = read.as_ref().is_some_and(|number| {
            let e164 = number.format_as(PhoneNumberFormat::E164);
            digits.ends_with(e164.trim_start_matches('+'))
        });
        let read = read
            .map(|number| current(number).0)
            .filter(|number| number.is_possible_with_reason() == Ok(NumberLengthType::IsPossible));
        match (read, after_00) {
            // Elsewhere 00 is still meant as the international prefix.
            (read, Some(rest)) if !has_own_prefix => match read {
                Some(number) if number.is_valid() => refuse_virtual(number),
                _ => international(rest),
            },
            (Some(number), _) => refuse_virtual(number),
            (None, _) => Err(INVALID),
        }
    }

    fn line(&self, kind: PhoneNumberType, country: Country) -> Result<LineType, PhoneError> {
        match kind {
            PhoneNumberType::PremiumRate => Err(PhoneError::Unsupported(
                "premium-rate numbers are not verified",
            )),
            PhoneNumberType::FixedLine => {
                let rule = self.fixed_line_countries.get(&country);
                match rule.copied().unwrap_or(self.fixed_line) {
                    FixedLine::Try => Ok(LineType::FixedLine),
                    FixedLine::Refuse if country.as_str() == "AR" => Err(ARGENTINE_LINE),
                    FixedLine::Refuse => Err(NO_MESSAGES),
                }
            }
            PhoneNumberType::TollFree
            | PhoneNumberType::SharedCost
            | PhoneNumberType::Pager
            | PhoneNumberType::UAN
            | PhoneNumberType::VoiceMail => Err(NO_MESSAGES),
            PhoneNumberType::Mobile => Ok(LineType::Mobile),
            PhoneNumberType::FixedLineOrMobile => Ok(LineType::FixedOrMobile),
            PhoneNumberType::VoIP => Ok(LineType::Voip),
            _ => Ok(LineType::Other),
        }
    }
}

const ARGENTINE_LINE: PhoneError = PhoneError::Unsupported(
    "is a fixed line as it is written; a mobile number of Argentina has a 9 after the country code: +54 9 11 …",
);

const NO_MESSAGES: PhoneError = PhoneError::Unsupported(
    "the number cannot receive messages, and no voice channel is configured",
);

/// A link to a number (RFC 3966) is pasted whole.
fn without_scheme(text: &str) -> &str {
    match text.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("tel:") => &text[4..],
        _ => text,
    }
}

/// The library drops a stray national prefix ("+440…"), which gives the number that is actually dialled.
fn international(digits: &str) -> Result<Dialled, PhoneError> {
    let number = PHONE_NUMBER_UTIL.parse(format!("+{digits}"), None);
    match number {
        Ok(number) => refuse_virtual(number),
        Err(_) => refuse_by_prefix(digits).and(Err(INVALID)),
    }
}

fn refuse_virtual(number: Dialled) -> Result<Dialled, PhoneError> {
    refuse_by_prefix(
        number
            .format_as(PhoneNumberFormat::E164)
            .trim_start_matches('+'),
    )?;
    Ok(number)
}

fn refuse_by_prefix(digits: &str) -> Result<(), PhoneError> {
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
    Ok(())
}

/// The number of today's plan that an old form means, where that is certain; and the kind of its line.
fn current(number: Dialled) -> (Dialled, PhoneNumberType) {
    let kind = number.get_type();
    if kind != PhoneNumberType::Unknown {
        return (number, kind);
    }
    let code = number.country_code.to_string();
    let e164 = number.format_as(PhoneNumberFormat::E164);
    let national = e164.trim_start_matches('+').strip_prefix(code.as_str());
    let meant = national.and_then(|national| {
        // The country code written twice is a slip, too.
        renumbering::current(&code, national)
            .or_else(|| national.strip_prefix(code.as_str()).map(str::to_owned))
    });
    let meant = meant.and_then(|national| {
        PHONE_NUMBER_UTIL
            .parse(format!("+{code}{national}"), None)
            .ok()
    });
    match meant.map(|meant| (meant.get_type(), meant)) {
        Some((kind, meant)) if kind != PhoneNumberType::Unknown => (meant, kind),
        _ => (number, kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(String, String), PhoneError> {
        Numbers::default()
            .read(text)
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
            assert!(
                matches!(read(text), Err(PhoneError::Invalid(_))),
                "{text:?}"
            );
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

    fn read_in(country: &str, text: &str) -> Result<String, PhoneError> {
        let numbers = Numbers {
            default_country: Some(country.parse().unwrap()),
            ..Numbers::default()
        };
        numbers
            .read(text)
            .map(|found| found.phone.as_str().to_owned())
    }

    #[test]
    fn old_forms_are_the_number_that_they_mean_today() {
        for (written, meant) in [
            ("+229 97 00 00 00", "+2290197000000"),
            ("+225 07 12 34 56", "+2250707123456"),
            ("+52 1 55 1234 5678", "+525512345678"),
            ("+54 11 15 2345 6789", "+5491123456789"),
            ("+55 11 8123-4567", "+5511981234567"),
            ("+84 162 123 4567", "+84321234567"),
            ("+48 0 500 000 000", "+48500000000"),
            ("+998 8 90 123 45 67", "+998901234567"),
            ("+39 0333 1234567", "+393331234567"),
            ("+370 8 612 34567", "+37061234567"),
            ("+20 10 123 4567", "+201001234567"),
            ("+230 712 3456", "+23057123456"),
            ("+56 09 8765 4321", "+56987654321"),
            ("+91 91 98765 43210", "+919876543210"),
            ("+62 62 812 3456 789", "+628123456789"),
            ("+44 (0) 7700 900123", "+447700900123"),
            ("+00 998 90 123 45 67", "+998901234567"),
            ("tel:+998-90-123-45-67", "+998901234567"),
        ] {
            let found = read(written).map(|(e164, _)| e164);
            assert_eq!(found.as_deref(), Ok(meant), "{written}");
            assert_eq!(read(meant).map(|(e164, _)| e164).as_deref(), Ok(meant));
        }
    }

    #[test]
    fn without_a_country_code_the_default_countrys_form_is_read_or_refused_with_the_mend() {
        for (country, written, meant) in [
            ("UZ", "90 123 45 67", "+998901234567"),
            ("UZ", "998901234567", "+998901234567"),
            ("UZ", "8 90 123 45 67", "+998901234567"),
            ("UZ", "0044 7700 900123", "+447700900123"),
            ("US", "0044 7700 900123", "+447700900123"),
            ("US", "011 44 7700 900123", "+447700900123"),
            ("RU", "0044 7700 900123", "+447700900123"),
            ("RU", "8 (916) 123-45-67", "+79161234567"),
            ("GB", "07700 900123", "+447700900123"),
            ("GB", "+998901234567", "+998901234567"),
            ("PL", "0500 000 000", "+48500000000"),
            ("CO", "005 44 7700 900123", "+447700900123"),
            ("SG", "001 673 712 3456", "+6737123456"),
            ("SG", "001 44 7700 900123", "+447700900123"),
            ("AU", "0011 44 7700 900123", "+447700900123"),
            ("KR", "00700 44 7700 900123", "+447700900123"),
        ] {
            assert_eq!(
                read_in(country, written).as_deref(),
                Ok(meant),
                "{country} {written}"
            );
        }
        assert_eq!(read("0044 7700 900123"), Err(WITHOUT_PLUS));
        assert_eq!(read("90 123 45 67"), Err(NATIONAL));
        assert_eq!(read_in("UZ", "12"), Err(INVALID));
        assert!(matches!(
            read_in("US", "888012345678901"),
            Err(PhoneError::Invalid(_))
        ));
    }

    #[test]
    fn networks_of_no_country_have_a_name() {
        for text in ["+881 6 12345601", "+870 773 111 632", "+883 5100 012 34567"] {
            assert_eq!(read(text).unwrap().1, "001", "{text}");
        }
    }

    #[test]
    fn fixed_lines_are_tried_where_the_project_says_so() {
        let rule = |country: &str, rule| (country.parse::<Country>().unwrap(), rule);
        let trying = Numbers {
            fixed_line_countries: BTreeMap::from([rule("GB", FixedLine::Try)]),
            ..Numbers::default()
        };
        let london = "+442071838750";
        assert_eq!(trying.read(london).unwrap().line, LineType::FixedLine);
        assert!(trying.read("+49301234567").is_err());
        let all_but = Numbers {
            fixed_line: FixedLine::Try,
            fixed_line_countries: BTreeMap::from([rule("GB", FixedLine::Refuse)]),
            ..Numbers::default()
        };
        assert!(all_but.read(london).is_err());
        assert!(all_but.read("+49301234567").is_ok());
        let Err(PhoneError::Unsupported(mend)) = read("+54 11 2345-6789") else {
            panic!("a fixed line as it is written");
        };
        assert!(mend.contains("+54 9"), "{mend}");
    }

    #[test]
    fn every_mobile_of_every_country_is_read_as_itself() {
        let regions = PHONE_NUMBER_UTIL.get_supported_regions();
        let mut read_back = 0;
        for region in regions {
            let example = PHONE_NUMBER_UTIL
                .get_example_number_for_type_and_region(region, PhoneNumberType::Mobile);
            let Ok(number) = example else { continue };
            let e164 = number.format_as(PhoneNumberFormat::E164).into_owned();
            let apart = number
                .format_as(PhoneNumberFormat::International)
                .into_owned();
            for text in [&e164, &apart] {
                let found = read(text).map(|(found, _)| found);
                assert_eq!(found.as_deref(), Ok(e164.as_str()), "{text}");
            }
            read_back += 1;
        }
        assert!(read_back > 200, "{read_back}");
    }
}

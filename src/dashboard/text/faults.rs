//! Messages about invalid input, in the viewer's language.

use super::FaultTexts;
use crate::gateway::{BookError, RateProblem};
use crate::locale::Locale;
use crate::money::MoneyError;
use crate::reports::exchange::{FactorError, Missing};
use crate::reports::query::{Fault, Problem};
use crate::webhooks::address::AddressError;

/// Replaces each `{}` with the next value.
pub fn filled(words: &str, values: &[&str]) -> String {
    let mut parts = words.split("{}");
    let mut out = parts.next().unwrap_or_default().to_owned();
    let mut values = values.iter();
    for part in parts {
        out.push_str(values.next().copied().unwrap_or_default());
        out.push_str(part);
    }
    out
}

impl FaultTexts {
    pub fn money(&self, error: &MoneyError) -> String {
        let (words, value) = match error {
            MoneyError::NotANumber(value) => (self.not_a_number, value),
            MoneyError::TooFine(value) => (self.too_fine, value),
            MoneyError::TooLarge(value) => (self.too_large, value),
            MoneyError::NotACurrency(value) => (self.not_a_currency, value),
        };
        filled(words, &[value])
    }

    pub fn factor(&self, error: &FactorError) -> String {
        let (words, value) = match error {
            FactorError::NotARate(value) => (self.not_a_rate, value),
            FactorError::TooFine(value) => (self.rate_too_fine, value),
            FactorError::TooLarge(value) => (self.rate_too_large, value),
            FactorError::Zero(value) => (self.not_positive, value),
        };
        filled(words, &[value])
    }

    pub fn range(&self, fault: &Fault) -> String {
        match fault.problem {
            Problem::Reversed { .. } => self.reversed.to_owned(),
            Problem::TooEarly => self.too_early.to_owned(),
            Problem::TooLong {
                days,
                most,
                by_hour,
            } => {
                let words = if by_hour {
                    self.too_long_by_hour
                } else {
                    self.too_long
                };
                filled(words, &[&days.to_string(), &most.to_string()])
            }
        }
    }

    /// Names the currencies and days without an exchange rate.
    pub fn missing(&self, missing: &Missing, locale: &Locale) -> String {
        const SHOWN: usize = 5;
        let one = |(currency, days): (&String, &std::collections::BTreeSet<_>)| {
            let shown: Vec<String> = days
                .iter()
                .take(SHOWN)
                .map(|day: &chrono::NaiveDate| locale.day(*day))
                .collect();
            let mut text = filled(
                self.no_rate_days,
                &[currency, &missing.to, &shown.join("; ")],
            );
            let more = days.len().saturating_sub(SHOWN);
            if more > 0 {
                text.push_str(&filled(self.and_more, &[&more.to_string()]));
            }
            text
        };
        let all: Vec<String> = missing.days.iter().map(one).collect();
        format!(
            "{} {}",
            filled(self.no_rate, &[&all.join("; ")]),
            self.add_rate
        )
    }

    pub fn rate(&self, problem: &RateProblem) -> String {
        match problem {
            RateProblem::NoProvider { provider, known } => {
                filled(self.no_provider, &[provider, &known.join(", ")])
            }
            RateProblem::OtherChannel(channel) => filled(self.other_channel, &[channel.as_str()]),
            RateProblem::OtherCurrency(currency) => {
                filled(self.other_currency, &[currency.as_str()])
            }
            RateProblem::Gap { country, today } => {
                let place = country.map_or_else(|| "*".to_owned(), |country| country.to_string());
                filled(self.gap, &[&place, &today.to_string()])
            }
        }
    }

    pub fn booking(&self, error: &BookError) -> String {
        match error {
            BookError::WrongCurrency(currency) => filled(self.other_currency, &[currency.as_str()]),
            BookError::Future => self.future.to_owned(),
            BookError::TooOld => self.too_old.to_owned(),
            BookError::TooMuch => self.too_much.to_owned(),
            BookError::Reversed => self.already_reversed.to_owned(),
            BookError::NoProvider(_) | BookError::Failed(_) => self.choose.to_owned(),
        }
    }

    pub fn address(&self, error: &AddressError) -> String {
        match error {
            AddressError::Unreadable | AddressError::Unprintable | AddressError::NoPort => {
                self.unreadable.to_owned()
            }
            AddressError::Scheme(scheme) => filled(self.scheme, &[scheme]),
            AddressError::Credentials => self.credentials.to_owned(),
            AddressError::TooLong => self.address_too_long.to_owned(),
            AddressError::Private(host) => filled(self.private, &[host]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::filled;
    use crate::dashboard::text::Language;
    use crate::gateway::RateProblem;
    use crate::money::MoneyError;

    #[test]
    fn values_replace_their_places_in_every_language() {
        assert_eq!(filled("{} of {}", &["1", "2"]), "1 of 2");
        assert_eq!(filled("none", &["1"]), "none");
        let error = MoneyError::NotANumber("x{}".to_owned());
        assert_eq!(
            Language::ENGLISH.texts.faults.money(&error),
            "“x{}” is not a number such as 0.05."
        );
        let gap = RateProblem::Gap {
            country: None,
            today: chrono::NaiveDate::from_ymd_opt(2026, 11, 1).unwrap(),
        };
        for language in Language::ALL {
            let t = language.texts.faults;
            let text = t.rate(&gap);
            assert!(text.contains('*') && text.contains("2026-11-01"), "{text}");
        }
    }
}

//! The list of languages, and how one is chosen.

use super::notation::{LANGUAGES, Locale};
use super::{english, russian};

impl Locale {
    pub const ALL: [&'static Self; LANGUAGES] = [Self::ENGLISH, Self::RUSSIAN];
    pub const ENGLISH: &'static Self = &english::LOCALE;
    pub const RUSSIAN: &'static Self = &russian::LOCALE;

    #[must_use]
    pub fn parse(code: &str) -> Option<&'static Self> {
        Self::ALL.into_iter().find(|locale| locale.code == code)
    }

    /// The first language of an `Accept-Language` header that we have, else English.
    #[must_use]
    pub fn accepted(header: &str) -> &'static Self {
        let mut tags = header
            .split(',')
            .map(|tag| tag.trim().get(..2).unwrap_or_default().to_ascii_lowercase());
        tags.find_map(|tag| Self::parse(&tag))
            .unwrap_or(Self::ENGLISH)
    }

    /// The form of a noun that fits a number; `forms` are parted by `|`, as `day|days`.
    #[must_use]
    pub fn counted<'a>(&self, count: u64, forms: &'a str) -> &'a str {
        let place = (self.plural)(count);
        let mut forms = forms.split('|');
        let last = forms.clone().next_back().unwrap_or_default();
        forms.nth(place).unwrap_or(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_language_is_chosen() {
        for (header, code) in [
            ("de, RU;q=0.8, en;q=0.5", "ru"),
            ("en-GB", "en"),
            ("", "en"),
            ("я", "en"),
        ] {
            assert_eq!(Locale::accepted(header).code, code, "{header}");
        }
        for (place, locale) in Locale::ALL.into_iter().enumerate() {
            assert_eq!(locale.place, place);
        }
    }

    #[test]
    fn nouns_fit_their_number() {
        let days = "день|дня|дней";
        let said = |count| Locale::RUSSIAN.counted(count, days);
        let forms = [1, 2, 5, 11, 12, 21, 22, 30, 111, 101].map(said);
        let right = [
            "день", "дня", "дней", "дней", "дней", "день", "дня", "дней", "дней", "день",
        ];
        assert_eq!(forms, right);
        assert_eq!(Locale::ENGLISH.counted(1, "day|days"), "day");
        assert_eq!(Locale::ENGLISH.counted(0, "day|days"), "days");
    }
}

//! Dates, and times on the clock of 24 hours.

use std::fmt::Display;

use chrono::{DateTime, Datelike, NaiveDate, TimeZone};

use super::notation::Locale;

fn filled(pattern: &str, parts: &[(&str, &str)]) -> String {
    let fill = |text: String, (name, value): &(&str, &str)| text.replace(name, value);
    parts.iter().fold(pattern.to_owned(), fill)
}

impl Locale {
    fn month_of(&self, day: NaiveDate) -> &'static str {
        self.months[day.month0() as usize % 12]
    }

    fn dated(&self, pattern: &str, day: NaiveDate) -> String {
        let (number, year) = (day.day().to_string(), day.year().to_string());
        let parts = [
            ("{day}", number.as_str()),
            ("{month}", self.month_of(day)),
            ("{year}", year.as_str()),
        ];
        filled(pattern, &parts)
    }

    /// `Nov 24, 2026`.
    #[must_use]
    pub fn day(&self, day: NaiveDate) -> String {
        self.dated(self.dates.day, day)
    }

    /// `Nov 24`, where the year is clear.
    #[must_use]
    pub fn day_of_year(&self, day: NaiveDate) -> String {
        self.dated(self.dates.day_of_year, day)
    }

    /// Both inclusive: `Nov 1 – 30, 2026`.
    #[must_use]
    pub fn days(&self, from: NaiveDate, to: NaiveDate) -> String {
        if from == to {
            return self.day(from);
        }
        if (from.year(), from.month()) == (to.year(), to.month()) {
            let last = to.day().to_string();
            let pattern = filled(self.dates.within_month, &[("{last}", &last)]);
            return self.dated(&pattern, from);
        }
        if from.year() == to.year() {
            return format!("{} – {}", self.day_of_year(from), self.day(to));
        }
        format!("{} – {}", self.day(from), self.day(to))
    }

    /// `November 2026`.
    #[must_use]
    pub fn month(&self, day: NaiveDate) -> String {
        let year = day.year().to_string();
        let name = self.month_names[day.month0() as usize % 12];
        filled(self.dates.month, &[("{month}", name), ("{year}", &year)])
    }

    /// A week of ISO 8601: `week 48 of 2026`.
    #[must_use]
    pub fn week(&self, year: &str, week: &str) -> String {
        filled(self.dates.week, &[("{week}", week), ("{year}", year)])
    }

    /// Day and minute: `Nov 24, 2026, 14:05`.
    #[must_use]
    pub fn minute<Z: TimeZone<Offset: Display>>(&self, at: &DateTime<Z>) -> String {
        format!("{}, {}", self.day(at.date_naive()), at.format("%H:%M"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_read_as_in_their_language() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let (first, last) = (day("2026-05-01"), day("2026-05-31"));
        let en = Locale::ENGLISH;
        assert_eq!(en.day(first), "May 1, 2026");
        assert_eq!(en.days(first, last), "May 1 – 31, 2026");
        assert_eq!(en.days(day("2026-04-30"), last), "Apr 30 – May 31, 2026");
        assert_eq!(en.month(first), "May 2026");
        assert_eq!(en.week("2026", "48"), "week 48 of 2026");
        let ru = Locale::RUSSIAN;
        let plain = |text: String| text.replace('\u{a0}', " ");
        assert_eq!(plain(ru.day(first)), "1 мая 2026 г.");
        assert_eq!(plain(ru.days(first, last)), "1–31 мая 2026 г.");
        assert_eq!(plain(ru.month(first)), "май 2026 г.");
        assert_eq!(
            plain(ru.days(day("2025-12-31"), first)),
            "31 дек. 2025 г. – 1 мая 2026 г."
        );
    }
}

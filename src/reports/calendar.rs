//! Days and hours of a time zone, daylight saving included.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, SecondsFormat, TimeZone};
use chrono_tz::Tz;

use super::query::Group;

/// A day, or an hour, of a time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// Seconds since 1970.
    pub starts_at: i64,
    pub ends_at: i64,
    pub day: NaiveDate,
    /// Its start as the clock there shows it.
    pub local: DateTime<Tz>,
}

impl Period {
    /// As a row of a report names it.
    #[must_use]
    pub fn label(&self, group: Group) -> String {
        match group {
            Group::Month => self.day.format("%Y-%m").to_string(),
            Group::Week => {
                let week = self.day.iso_week();
                format!("{}-W{:02}", week.year(), week.week())
            }
            Group::Hour => self.local.to_rfc3339_opts(SecondsFormat::Secs, true),
            _ => self.day.to_string(),
        }
    }
}

/// The days from `from` to `to`, both inclusive, or their hours: 23 or 25 of them when the clocks change.
#[must_use]
pub fn periods(from: NaiveDate, to: NaiveDate, zone: Tz, by_hour: bool) -> Vec<Period> {
    let mut periods = Vec::new();
    for day in from.iter_days().take_while(|day| *day <= to) {
        let local = midnight(day, zone);
        let next = day.checked_add_days(Days::new(1)).unwrap_or(day);
        let ends_at = midnight(next, zone).timestamp();
        let starts_at = local.timestamp();
        if !by_hour {
            periods.push(Period {
                starts_at,
                ends_at,
                day,
                local,
            });
            continue;
        }
        let mut at = starts_at;
        while at < ends_at {
            // Up to the next full hour of the clock there.
            let local =
                DateTime::from_timestamp(at, 0).map_or(local, |utc| utc.with_timezone(&zone));
            let into = i64::from(chrono::Timelike::num_seconds_from_midnight(&local) % 3_600);
            let end = (at + 3_600 - into).min(ends_at);
            periods.push(Period {
                starts_at: at,
                ends_at: end,
                day,
                local,
            });
            at = end;
        }
    }
    periods
}

/// Where a day begins: at midnight, or where the clocks go forward over it, when they have.
#[must_use]
pub fn midnight(day: NaiveDate, zone: Tz) -> DateTime<Tz> {
    let start = day.and_time(NaiveTime::MIN);
    (0..=12)
        .find_map(|quarters| {
            zone.from_local_datetime(&(start + chrono::TimeDelta::minutes(15 * quarters)))
                .earliest()
        })
        .unwrap_or_else(|| zone.from_utc_datetime(&start))
}

/// The coarsest sums that the periods are made of, in seconds.
#[must_use]
pub fn span(periods: &[Period]) -> i64 {
    let fits = |span: i64| {
        periods
            .iter()
            .all(|p| p.starts_at % span == 0 && p.ends_at % span == 0)
    };
    [86_400, 3_600]
        .into_iter()
        .find(|span| fits(*span))
        .unwrap_or(900)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn days_have_23_or_25_hours_when_clocks_change() {
        let zone = chrono_tz::Europe::Berlin;
        for (date, hours) in [("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)] {
            let found = periods(day(date), day(date), zone, true);
            assert_eq!(found.len(), hours, "{date}");
            let whole = &periods(day(date), day(date), zone, false)[0];
            assert_eq!(found[0].starts_at, whole.starts_at);
            assert_eq!(found[hours - 1].ends_at, whole.ends_at);
            assert!(
                found
                    .windows(2)
                    .all(|pair| pair[0].ends_at == pair[1].starts_at)
            );
        }
        // Both hours called 2 o'clock are told apart.
        let labels: Vec<String> = periods(day("2026-10-25"), day("2026-10-25"), zone, true)
            .iter()
            .map(|p| p.label(Group::Hour))
            .collect();
        assert!(labels.contains(&"2026-10-25T02:00:00+02:00".to_owned()));
        assert!(labels.contains(&"2026-10-25T02:00:00+01:00".to_owned()));
    }

    #[test]
    fn a_day_that_begins_after_midnight_still_begins() {
        // Clocks in Beirut went from 0:00 to 1:00 on this day.
        let found = periods(
            day("2022-03-27"),
            day("2022-03-27"),
            chrono_tz::Asia::Beirut,
            false,
        );
        assert_eq!(found[0].ends_at - found[0].starts_at, 23 * 3_600);
    }

    #[test]
    fn sums_are_as_coarse_as_the_zone_allows() {
        let span_of = |zone| span(&periods(day("2026-11-01"), day("2026-11-30"), zone, false));
        assert_eq!(span_of(chrono_tz::UTC), 86_400);
        assert_eq!(span_of(chrono_tz::Asia::Tashkent), 3_600);
        assert_eq!(span_of(chrono_tz::Asia::Kathmandu), 900);
    }

    #[test]
    fn weeks_are_those_of_iso_8601() {
        let new_year = &periods(day("2027-01-01"), day("2027-01-01"), chrono_tz::UTC, false)[0];
        assert_eq!(new_year.label(Group::Week), "2026-W53");
        assert_eq!(new_year.label(Group::Month), "2027-01");
    }
}

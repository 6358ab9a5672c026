//! Days and hours of a time zone, with daylight saving time, and their division into stored sums.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeZone};
use chrono_tz::Tz;

use crate::ledger::tally::SPANS;

/// A day or an hour of a time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// Seconds since 1970.
    pub starts_at: i64,
    pub ends_at: i64,
    pub day: NaiveDate,
    /// The start in local time.
    pub local: DateTime<Tz>,
}

/// The days from `from` to `to`, both inclusive, or their hours. A day has 23 or 25 hours when the clocks change.
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
            // Up to the next full hour in local time.
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

/// The start of a day: midnight, or the first quarter of an hour after it if the clocks skip midnight.
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

/// Consecutive sums of one span that start at `from` or later and before `before`; all in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    pub span: i64,
    pub from: i64,
    pub before: i64,
}

/// Divides the time from `from` to `before` into the fewest sums of [`SPANS`] that are not finer than `finest`. Both
/// ends are rounded up to a multiple of `finest`.
#[must_use]
pub fn pieces(from: i64, before: i64, finest: i64) -> Vec<Piece> {
    let [mut at, end] = [from, before].map(|at| round_up(at, finest));
    let mut pieces: Vec<Piece> = Vec::new();
    while at < end {
        let fits = |span: &i64| at % span == 0 && at + span <= end;
        let span = SPANS.into_iter().find(fits).unwrap_or(finest);
        match pieces.last_mut() {
            Some(last) if last.span == span => last.before = at + span,
            _ => pieces.push(Piece {
                span,
                from: at,
                before: at + span,
            }),
        }
        at += span;
    }
    pieces
}

#[must_use]
pub fn round_up(at: i64, to: i64) -> i64 {
    at + (-at).rem_euclid(to)
}

#[cfg(test)]
mod tests {
    use super::super::query::Group;
    use super::*;
    use crate::ledger::tally::HOUR;

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
        // The two hours that start at 2 o'clock have different labels.
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
    fn a_period_is_made_of_few_sums_and_of_nothing_else() {
        for (zone, from, to, most) in [
            (chrono_tz::UTC, "2026-11-01", "2026-11-01", 1),
            (chrono_tz::Asia::Tashkent, "2026-11-01", "2026-11-01", 7),
            (chrono_tz::Asia::Kathmandu, "2026-11-01", "2026-11-01", 11),
            (
                chrono_tz::America::New_York,
                "2016-11-06",
                "2026-11-06",
                140,
            ),
        ] {
            let days = periods(day(from), day(to), zone, false);
            let (start, end) = (days[0].starts_at, days[days.len() - 1].ends_at);
            let pieces = pieces(start, end, 900);
            let sums: i64 = pieces.iter().map(|p| (p.before - p.from) / p.span).sum();
            assert!(sums <= most, "{sums} sums for {zone} from {from} to {to}");
            let mut at = start;
            for piece in pieces {
                assert_eq!(piece.from, at);
                assert!(piece.from % piece.span == 0 && piece.before % piece.span == 0);
                at = piece.before;
            }
            assert_eq!(at, end);
        }
        assert_eq!(
            pieces(900, 1_800, HOUR),
            [],
            "it begins in no hour of its own"
        );
        assert_eq!(pieces(-900, 900, HOUR).len(), 1);
        assert!(SPANS.windows(2).all(|pair| pair[0] % pair[1] == 0));
    }

    #[test]
    fn weeks_are_those_of_iso_8601() {
        let new_year = &periods(day("2027-01-01"), day("2027-01-01"), chrono_tz::UTC, false)[0];
        assert_eq!(new_year.label(Group::Week), "2026-W53");
        assert_eq!(new_year.label(Group::Month), "2027-01");
    }
}

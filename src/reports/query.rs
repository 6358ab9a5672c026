//! Report queries: parameters, their checks, and the sums to read. To add a grouping: a variant of [`Group`], and its
//! value in `table::Key`.

use chrono::{DateTime, Datelike, Days, NaiveDate, SecondsFormat, Utc};
use uuid::Uuid;

use super::calendar::{self, Period};
use crate::ledger::measure::Measure;
use crate::money::Currency;

/// The dimensions that rows can be grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    Month,
    Week,
    Day,
    Hour,
    Project,
    Channel,
    Provider,
    Country,
}

impl Group {
    pub const ALL: [Self; 8] = [
        Self::Month,
        Self::Week,
        Self::Day,
        Self::Hour,
        Self::Project,
        Self::Channel,
        Self::Provider,
        Self::Country,
    ];

    /// The name in the API and in table heads.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Week => "week",
            Self::Day => "day",
            Self::Hour => "hour",
            Self::Project => "project",
            Self::Channel => "channel",
            Self::Provider => "provider",
            Self::Country => "country",
        }
    }

    #[must_use]
    pub fn is_time(self) -> bool {
        self <= Self::Hour
    }
}

impl Period {
    /// The label in a report's row.
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

/// Maximum days of a report: ten years.
pub const MOST_DAYS: i64 = 3_660;
/// Maximum days of a report by the hour.
pub const MOST_DAYS_BY_HOUR: i64 = 100;

/// A valid report query.
#[derive(Clone, Debug)]
pub struct Query {
    /// First and last day in `zone`, both inclusive.
    pub from: NaiveDate,
    pub to: NaiveDate,
    /// The time zone of days and hours.
    pub zone: chrono_tz::Tz,
    /// In the requested order, without duplicates.
    pub groups: Vec<Group>,
    pub currency: Currency,
    /// `None`: all projects.
    pub project: Option<Uuid>,
    /// Counts only this many seconds of each period, so that days can be compared up to the same hour. A multiple of 15
    /// minutes.
    pub cut: Option<i64>,
}

/// An invalid parameter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} {problem}")]
pub struct Fault {
    pub name: &'static str,
    pub problem: Problem,
}

/// What is wrong with a parameter, and how to fix it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("is before from ({from}); swap them")]
    Reversed { from: NaiveDate },
    #[error("is {days} days before the end; a report{} covers at most {most} days", if *.by_hour { " by the hour" } else { "" })]
    TooLong { days: i64, most: i64, by_hour: bool },
    #[error("must be a date since 1970")]
    TooEarly,
}

impl Query {
    /// Checks the parameters. The default range is the last thirty days.
    pub fn new(
        from: Option<NaiveDate>,
        to: Option<NaiveDate>,
        zone: chrono_tz::Tz,
        groups: Vec<Group>,
        currency: Currency,
        now: DateTime<Utc>,
    ) -> Result<Self, Fault> {
        let today = now.with_timezone(&zone).date_naive();
        let to = to.unwrap_or_else(|| from.map_or(today, |from| from.max(today)));
        let from = from.unwrap_or_else(|| to.checked_sub_days(Days::new(29)).unwrap_or(to));
        let days = (to - from).num_days() + 1;
        let by_hour = groups.contains(&Group::Hour);
        let most = if by_hour {
            MOST_DAYS_BY_HOUR
        } else {
            MOST_DAYS
        };
        let fault = |name, problem| Err(Fault { name, problem });
        if days < 1 {
            return fault("to", Problem::Reversed { from });
        }
        if days > most {
            let problem = Problem::TooLong {
                days,
                most,
                by_hour,
            };
            return fault("from", problem);
        }
        if !(1970..=9_000).contains(&from.year()) {
            return fault("from", Problem::TooEarly);
        }
        Ok(Self {
            from,
            to,
            zone,
            groups,
            currency,
            project: None,
            cut: None,
        })
    }

    #[must_use]
    pub fn has(&self, group: Group) -> bool {
        self.groups.contains(&group)
    }

    /// The sums to read, and their periods. Money is converted at each day's rate, so with money a period is at most a
    /// day. Without money, consecutive days of the same row become one period.
    #[must_use]
    pub fn wanted(&self, measures: &'static [Measure], of_money: bool) -> (Wanted, Vec<Period>) {
        let mut periods = calendar::periods(self.from, self.to, self.zone, self.has(Group::Hour));
        if let Some(cut) = self.cut {
            for period in &mut periods {
                period.ends_at = period.ends_at.min(period.starts_at + cut);
            }
        }
        if !of_money {
            periods.dedup_by(|next, last| {
                let alike = last.ends_at == next.starts_at && self.name_alike(last, next);
                if alike {
                    last.ends_at = next.ends_at;
                }
                alike
            });
        }
        let wanted = Wanted {
            periods: periods.iter().map(|p| (p.starts_at, p.ends_at)).collect(),
            project: self.project,
            by: [
                self.has(Group::Project),
                self.has(Group::Channel),
                self.has(Group::Provider),
                self.has(Group::Country),
            ],
            measures,
            ever: false,
        };
        (wanted, periods)
    }

    /// Whether both periods belong to the same rows.
    fn name_alike(&self, one: &Period, other: &Period) -> bool {
        let mut times = self.groups.iter().filter(|group| group.is_time());
        times.all(|group| *group != Group::Hour && one.label(*group) == other.label(*group))
    }
}

/// Parses groups such as `day,channel,country`.
pub fn groups(text: &str) -> Result<Vec<Group>, String> {
    let mut groups = Vec::new();
    for name in text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        let Some(group) = Group::ALL.into_iter().find(|group| group.as_str() == name) else {
            let known: Vec<&str> = Group::ALL.iter().map(|group| group.as_str()).collect();
            return Err(format!(
                "has no group `{name}`; the groups are {}",
                known.join(", ")
            ));
        };
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    Ok(groups)
}

/// Parses a date such as `2026-11-01`.
pub fn date(text: &str) -> Result<NaiveDate, String> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .ok()
        .filter(|_| text.len() == 10)
        .ok_or_else(|| format!("`{text}` is not a date such as 2026-11-01"))
}

/// Parses a time zone such as `Asia/Tashkent`.
pub fn zone(text: &str) -> Result<chrono_tz::Tz, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not an IANA time zone such as Asia/Tashkent"))
}

/// The sums to read from storage.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Start (inclusive) and end (exclusive), in seconds since 1970.
    pub periods: Vec<(i64, i64)>,
    pub project: Option<Uuid>,
    /// Whether to group by project, channel, provider, country.
    pub by: [bool; 4],
    /// The measures to read; all others are returned as zero.
    pub measures: &'static [Measure],
    /// Also read the sums over all time, as one more period after the others, in the same statement. Stage durations
    /// have no such sums.
    pub ever: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_stand_in_the_same_rows_are_summed_together_unless_they_are_of_money() {
        let day = |text: &str| text.parse::<NaiveDate>().ok();
        let count = |groups: &[Group], of_money| {
            let query = Query::new(
                day("2026-10-01"),
                day("2026-11-30"),
                chrono_tz::Europe::Berlin,
                groups.to_vec(),
                Currency::USD,
                DateTime::UNIX_EPOCH,
            );
            let (wanted, periods) = query.unwrap().wanted(&Measure::ALL, of_money);
            let joined = wanted.periods.windows(2).all(|pair| pair[0].1 == pair[1].0);
            assert!(joined && wanted.periods.len() == periods.len());
            periods.len()
        };
        assert_eq!(count(&[], true), 61);
        assert_eq!(count(&[], false), 1);
        assert_eq!(count(&[Group::Country], false), 1);
        assert_eq!(count(&[Group::Month], false), 2);
        assert_eq!(count(&[Group::Country, Group::Week], false), 10);
        assert_eq!(count(&[Group::Month, Group::Day], false), 61);
        // Clocks go back once in this range.
        assert_eq!(count(&[Group::Hour], false), 61 * 24 + 1);
    }
}

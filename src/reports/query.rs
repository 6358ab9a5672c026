//! What a report is asked for.

use chrono::{DateTime, Datelike, Days, NaiveDate, SecondsFormat, Utc};
use uuid::Uuid;

use super::calendar::{self, Period};
use crate::ledger::tally::Measure;
use crate::money::Currency;

/// What rows are told apart by.
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

    /// The name that the API and the tables' heads use.
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

/// Days of a report at most: ten years.
pub const MOST_DAYS: i64 = 3_660;
/// The same by the hour.
pub const MOST_DAYS_BY_HOUR: i64 = 100;

/// A report that was asked for, checked.
#[derive(Clone, Debug)]
pub struct Query {
    /// In `zone`, both inclusive.
    pub from: NaiveDate,
    pub to: NaiveDate,
    /// Decides where a day ends.
    pub zone: chrono_tz::Tz,
    /// In the order asked for, each once.
    pub groups: Vec<Group>,
    pub currency: Currency,
    /// One project's only.
    pub project: Option<Uuid>,
    /// Of each period, so many seconds from its beginning only: days by the same hour. In quarters of an hour.
    pub cut: Option<i64>,
}

/// A parameter that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} {problem}")]
pub struct Fault {
    pub name: &'static str,
    pub problem: Problem,
}

/// What is wrong with it, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("is before from ({from}); swap them")]
    Reversed { from: NaiveDate },
    #[error("lies {days} days before the end; a report{} covers {most} at most", if *.by_hour { " by the hour" } else { "" })]
    TooLong { days: i64, most: i64, by_hour: bool },
    #[error("must be a date since 1970")]
    TooEarly,
}

impl Query {
    /// The last thirty days unless told otherwise.
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

    /// What to sum for it. Money is converted by the day, so that its periods are days at the largest; without it, days that
    /// stand in the same rows are summed together.
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

    /// Both stand in the same rows.
    fn name_alike(&self, one: &Period, other: &Period) -> bool {
        let mut times = self.groups.iter().filter(|group| group.is_time());
        times.all(|group| *group != Group::Hour && one.label(*group) == other.label(*group))
    }
}

/// `day,channel,country`.
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
                "has no group `{name}`; there are {}",
                known.join(", ")
            ));
        };
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    Ok(groups)
}

/// `2026-11-01`.
pub fn date(text: &str) -> Result<NaiveDate, String> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .ok()
        .filter(|_| text.len() == 10)
        .ok_or_else(|| format!("`{text}` is not a date such as 2026-11-01"))
}

/// `Asia/Tashkent`.
pub fn zone(text: &str) -> Result<chrono_tz::Tz, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not an IANA time zone such as Asia/Tashkent"))
}

/// What is to be summed.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// From and before, in seconds since 1970.
    pub periods: Vec<(i64, i64)>,
    pub project: Option<Uuid>,
    /// Whether rows are told apart by project, channel, provider, country.
    pub by: [bool; 4],
    /// Of which sums; the others are answered as nought.
    pub measures: &'static [Measure],
    /// Also what all time sums to, as one more period after the others, read in the same moment as they; how long stages took is
    /// not summed over it.
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
        // The clocks were put back once.
        assert_eq!(count(&[Group::Hour], false), 61 * 24 + 1);
    }
}

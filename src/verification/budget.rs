//! Budgets: the amounts that an attempt reserves and spends, from its planning until its cost is known.
//!
//! A claim is made in the same change as the attempt and belongs to the period in which the attempt was planned. The
//! attempt keeps it as a [`Hold`], so later changes of its cost are settled with the same budgets.

use chrono::{DateTime, Datelike, TimeZone, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Verification;
use super::attempt::Attempt;
use super::cost::CostState;
use super::phone::Country;
use crate::money::{Currency, Micros, Money};

/// A calendar period in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    Hour,
    Day,
    Month,
}

impl Period {
    pub const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Month];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|period| period.as_str() == text)
    }

    /// Start of the period that contains `at`, in seconds since 1970.
    #[must_use]
    pub fn starts_at(self, at: DateTime<Utc>) -> i64 {
        let seconds = at.timestamp();
        match self {
            Self::Hour => seconds - seconds.rem_euclid(3_600),
            Self::Day => seconds - seconds.rem_euclid(86_400),
            Self::Month => month(at.year(), at.month()).unwrap_or(seconds),
        }
    }

    /// Start of the next period, in seconds since 1970.
    #[must_use]
    pub fn ends_at(self, at: DateTime<Utc>) -> i64 {
        let start = self.starts_at(at);
        match self {
            Self::Hour => start + 3_600,
            Self::Day => start + 86_400,
            Self::Month if at.month() == 12 => month(at.year() + 1, 1).unwrap_or(start),
            Self::Month => month(at.year(), at.month() + 1).unwrap_or(start),
        }
    }
}

fn month(year: i32, month: u32) -> Option<i64> {
    let first = Utc.with_ymd_and_hms(year, month, 1, 0, 0, 0).earliest()?;
    Some(first.timestamp())
}

/// A spending limit of a project for each period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    pub period: Period,
    pub limit: Money,
    /// `None`: all countries together.
    pub country: Option<Country>,
    /// Shares of the limit that trigger an alert, in thousandths.
    pub alert_at: Vec<u16>,
}

impl Budget {
    /// The default of `alert_at`.
    pub const ALERT_AT: [u16; 1] = [800];

    /// Both use the same counter, so a project can have only one of them.
    #[must_use]
    pub fn is_of_the_same(&self, other: &Self) -> bool {
        self.period == other.period
            && self.country == other.country
            && self.limit.currency == other.limit.currency
    }

    /// The highest alert share reached by `used` micro-units, in thousandths; 0: none.
    #[must_use]
    pub fn reached(&self, used: i64) -> u16 {
        let limit = i128::from(self.limit.amount.0);
        let is_reached = |share: &u16| i128::from(used) * 1_000 >= limit * i128::from(*share);
        self.alert_at
            .iter()
            .copied()
            .filter(is_reached)
            .max()
            .unwrap_or(0)
    }

    #[must_use]
    pub fn covers(&self, country: Country) -> bool {
        self.country.is_none_or(|own| own == country)
    }
}

/// Identifies the counter of a budget in one period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counter {
    pub project: Uuid,
    pub period: Period,
    pub country: Option<Country>,
    pub currency: Currency,
    pub starts_at: i64,
}

/// A change of a counter, in micro-units of its currency; negative values give back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    pub counter: Counter,
    pub reserve: i64,
    pub spend: i64,
    /// Reserved and spent together must not exceed this after the claim. `None` for postings that only settle.
    pub ceiling: Option<i64>,
}

/// An attempt's share of one budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub period: Period,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Country>,
    /// The estimate, in the budget's currency.
    pub amount: Money,
    /// The estimate in the attempt's own currency.
    pub of: Micros,
    /// The attempt's own currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_currency: Option<Currency>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reserved: i64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub spent: i64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(n: &i64) -> bool {
    *n == 0
}

impl Hold {
    fn of(budget: &Budget, estimate: Money, converted: Option<Micros>) -> Self {
        // Without an exchange rate, claim more than the limit, so the budget refuses it (fails closed).
        let amount = converted.unwrap_or(Micros(budget.limit.amount.0.saturating_add(1)));
        Self {
            period: budget.period,
            country: budget.country,
            amount: Money::new(amount, budget.limit.currency),
            of: estimate.amount,
            of_currency: Some(estimate.currency),
            reserved: 0,
            spent: 0,
        }
    }

    /// A cost in the budget's currency, at the exchange rate of the estimate, rounded up. A cost reported in a third
    /// currency counts as the estimate.
    fn scaled(&self, cost: Money) -> i64 {
        let amount = cost.amount;
        if cost.currency == self.amount.currency {
            return amount.0;
        }
        if self.of_currency.is_some_and(|own| own != cost.currency) {
            return self.amount.amount.0;
        }
        if self.of.0 <= 0 {
            return amount.0;
        }
        let product = i128::from(amount.0) * i128::from(self.amount.amount.0);
        let of = i128::from(self.of.0);
        i64::try_from((product + of - 1).div_euclid(of)).unwrap_or(i64::MAX)
    }

    /// Adjusts the hold to the attempt's current cost; returns the resulting claim, if any.
    fn settle(&mut self, attempt: &HoldState, project: Uuid) -> Option<Posting> {
        let (reserved, spent) = match attempt.state {
            CostState::Estimated => (self.amount.amount.0, 0),
            CostState::Charged | CostState::RefundExpected => (0, self.scaled(attempt.cost)),
            CostState::Refunded | CostState::Free => (0, 0),
        };
        let (reserve, spend) = (reserved - self.reserved, spent - self.spent);
        (self.reserved, self.spent) = (reserved, spent);
        (reserve != 0 || spend != 0).then(|| Posting {
            counter: Counter {
                project,
                period: self.period,
                country: self.country,
                currency: self.amount.currency,
                starts_at: self.period.starts_at(attempt.planned_at),
            },
            reserve,
            spend,
            ceiling: None,
        })
    }
}

/// The fields of an attempt that a hold needs.
struct HoldState {
    state: CostState,
    cost: Money,
    planned_at: DateTime<Utc>,
}

impl Verification {
    /// The postings of this change, including those given back. `convert` converts an estimate to a budget's currency.
    pub fn postings(
        &mut self,
        budgets: &[Budget],
        convert: impl Fn(Money, Currency) -> Option<Micros>,
    ) -> Vec<Posting> {
        let (project, country, counted) =
            (self.project.0, self.record.country, self.attempts_stored);
        let mut postings = Vec::new();
        for (place, attempt) in self.record.attempts.iter_mut().enumerate() {
            let is_new = place >= counted && attempt.status.in_flight();
            if is_new && attempt.cost.state == CostState::Estimated {
                let estimate = attempt.cost.money;
                let hold = |budget: &Budget| {
                    Hold::of(budget, estimate, convert(estimate, budget.limit.currency))
                };
                let covering = budgets.iter().filter(|budget| budget.covers(country));
                attempt.holds = covering.map(hold).collect();
            }
            let state = HoldState {
                state: attempt.cost.state,
                cost: attempt.cost.money,
                planned_at: attempt.created_at,
            };
            for hold in &mut attempt.holds {
                let Some(mut posting) = hold.settle(&state, project) else {
                    continue;
                };
                if is_new {
                    posting.ceiling = ceiling(budgets, hold);
                }
                postings.push(posting);
            }
        }
        postings
    }
}

fn ceiling(budgets: &[Budget], hold: &Hold) -> Option<i64> {
    let own = |budget: &&Budget| {
        budget.period == hold.period
            && budget.country == hold.country
            && budget.limit.currency == hold.amount.currency
    };
    budgets.iter().find(own).map(|budget| budget.limit.amount.0)
}

impl Verification {
    /// The amount that all attempts have reserved in a counter.
    #[must_use]
    pub fn reserved_in(&self, counter: &Counter) -> i64 {
        let in_counter = |attempt: &Attempt, hold: &Hold| {
            hold.period == counter.period
                && hold.country == counter.country
                && hold.amount.currency == counter.currency
                && hold.period.starts_at(attempt.created_at) == counter.starts_at
        };
        let attempts = self.record.attempts.iter();
        let holds =
            attempts.flat_map(|attempt| attempt.holds.iter().map(move |hold| (attempt, hold)));
        let mine = holds.filter(|(attempt, hold)| in_counter(attempt, hold));
        mine.map(|(_, hold)| hold.reserved).sum()
    }

    /// An attempt was skipped for lack of budget, and none is being sent.
    #[must_use]
    pub fn lacks_room(&self) -> bool {
        let attempts = &self.record.attempts;
        attempts.iter().any(Attempt::lacked_room) && !attempts.iter().any(|a| a.status.in_flight())
    }
}

impl Attempt {
    /// Skipped because a budget had no room.
    #[must_use]
    pub fn lacked_room(&self) -> bool {
        self.reason == Some(super::attempt::Reason::BudgetExhausted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn periods_are_those_of_the_calendar_in_utc() {
        let now = at("2026-12-31T23:59:59Z");
        let formatted = |seconds: i64| DateTime::from_timestamp(seconds, 0).unwrap().to_rfc3339();
        for (period, start, end) in [
            (
                Period::Hour,
                "2026-12-31T23:00:00+00:00",
                "2027-01-01T00:00:00+00:00",
            ),
            (
                Period::Day,
                "2026-12-31T00:00:00+00:00",
                "2027-01-01T00:00:00+00:00",
            ),
            (
                Period::Month,
                "2026-12-01T00:00:00+00:00",
                "2027-01-01T00:00:00+00:00",
            ),
        ] {
            assert_eq!(formatted(period.starts_at(now)), start);
            assert_eq!(formatted(period.ends_at(now)), end);
        }
    }

    #[test]
    fn what_is_charged_is_scaled_as_the_estimate_was_and_rounded_up() {
        let usd = |amount| Money::new(Micros(amount), Currency::USD);
        let budget = Budget {
            period: Period::Day,
            limit: Money::new(Micros(1_000_000), "EUR".parse().unwrap()),
            country: None,
            alert_at: Vec::new(),
        };
        let mut hold = Hold::of(&budget, usd(10_000), Some(Micros(9_001)));
        let mut state = HoldState {
            state: CostState::Estimated,
            cost: usd(10_000),
            planned_at: at("2026-11-05T10:00:00Z"),
        };
        let claim = hold.settle(&state, Uuid::nil()).unwrap();
        assert_eq!((claim.reserve, claim.spend), (9_001, 0));
        assert_eq!(hold.settle(&state, Uuid::nil()), None, "once");
        state.state = CostState::Charged;
        state.cost = usd(5_000);
        let claim = hold.settle(&state, Uuid::nil()).unwrap();
        assert_eq!((claim.reserve, claim.spend), (-9_001, 4_501));
        state.state = CostState::Refunded;
        let claim = hold.settle(&state, Uuid::nil()).unwrap();
        assert_eq!((claim.reserve, claim.spend), (0, -4_501));
    }
}

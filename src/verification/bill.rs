//! Prices that a provider publishes only after the send. They are polled on a schedule and replace the booked estimate.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::abilities::TellsPrice;
use super::attempt::{Attempt, Bill, Report};
use super::report::Source;
use super::route::Offer;
use super::{Verification, span};

/// Waits before each query; after the last one the estimate is final.
const PAUSES: [Duration; 8] = [
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(15),
    Duration::from_hours(1),
    Duration::from_hours(3),
    Duration::from_hours(6),
    Duration::from_hours(12),
    Duration::from_hours(24),
];

impl Verification {
    /// Takes the answer to a price query; `None`: the provider did not answer.
    pub fn billed(
        &mut self,
        ordinal: u8,
        report: Option<&Report>,
        offers: &[Offer],
        now: DateTime<Utc>,
    ) {
        if let Some(report) = report {
            self.report(ordinal, report, Source::Callback, offers, now);
        }
        let Some(index) = self.index_of(ordinal) else {
            return;
        };
        let known = report.is_some_and(|report| report.cost.is_some());
        let attempt = &mut self.record.attempts[index];
        let asked = attempt.bill.map_or(0, |bill| bill.asked.saturating_add(1));
        attempt.bill = Some(Bill {
            due: if known { None } else { due(asked, now) },
            asked,
        });
    }
}

impl Attempt {
    /// Schedules price queries, unless they are scheduled or have ended already.
    pub(super) fn expect_bill(&mut self, now: DateTime<Utc>) {
        let asked = self.abilities().tells_price == TellsPrice::ByAsking;
        if asked && self.bill.is_none() && self.message_id.is_some() {
            self.bill = Some(Bill {
                due: due(0, now),
                asked: 0,
            });
        }
    }
}

fn due(asked: u8, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let pause = PAUSES.get(usize::from(asked))?;
    Some(span::after(now, *pause))
}

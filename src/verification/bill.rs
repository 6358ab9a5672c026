//! The true price of a message, where the provider tells it only some time later: asked for by a schedule, and booked in the
//! place of the estimate.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::abilities::TellsPrice;
use super::attempt::{Attempt, Bill, Report};
use super::report::Source;
use super::route::Offer;
use super::{Verification, span};

/// The pauses between questions; after the last one the estimate stands.
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
    /// What came of asking for the price: a report, which may hold it, or no answer.
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
    /// From now on its price is asked for, where the provider tells it only so, unless it is already.
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

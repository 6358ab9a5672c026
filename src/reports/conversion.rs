//! The conversion report: the funnel from request to approval, and the duration of each stage.
//!
//! A verification counts once, in the row of its last attempt. If rows are grouped by channel or provider, each attempt
//! counts in its own row instead, with durations since its own start. The total always counts verifications.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::calendar::Period;
use super::query::{Group, Query};
use super::sums::{Sums, Times};
use super::table::{Cell, Key, Table};
use crate::ledger::tally::{Measure, seconds};

/// Columns after the key columns.
pub const FIGURES: [&str; 14] = [
    "requested",
    "sent",
    "delivered",
    "read",
    "approved",
    "sent_p50",
    "sent_p95",
    "delivered_p50",
    "delivered_p95",
    "read_p50",
    "read_p95",
    "approved_p50",
    "approved_p95",
    "checked_by_host",
];

/// The sums that the report needs.
pub const MEASURES: [Measure; 12] = [
    Measure::Verifications,
    Measure::VerificationsSent,
    Measure::VerificationsDelivered,
    Measure::VerificationsRead,
    Measure::VerificationsApproved,
    Measure::Attempts,
    Measure::AttemptsSent,
    Measure::AttemptsDelivered,
    Measure::AttemptsRead,
    Measure::AttemptsApproved,
    Measure::VerificationsUnchecked,
    Measure::AttemptsUnchecked,
];

/// `requested`, the four stages, and those that are checked by the host, for verifications and for attempts.
const OF_VERIFICATIONS: [Measure; 6] = [
    Measure::Verifications,
    Measure::VerificationsSent,
    Measure::VerificationsDelivered,
    Measure::VerificationsRead,
    Measure::VerificationsApproved,
    Measure::VerificationsUnchecked,
];
const OF_ATTEMPTS: [Measure; 6] = [
    Measure::Attempts,
    Measure::AttemptsSent,
    Measure::AttemptsDelivered,
    Measure::AttemptsRead,
    Measure::AttemptsApproved,
    Measure::AttemptsUnchecked,
];

#[derive(Clone, Debug, Default)]
struct Funnel {
    counts: [i64; 6],
    /// For each of the four stages, counts by duration bin.
    times: [BTreeMap<i64, i64>; 4],
}

impl Funnel {
    fn count(&mut self, sums: &Sums, measures: [Measure; 6]) {
        for (count, measure) in self.counts.iter_mut().zip(measures) {
            *count = count.saturating_add(sums.get(measure));
        }
    }

    /// `first`: index of the first of the four stages in [`Measure::TIMED`].
    fn time(&mut self, times: &Times, first: usize) {
        for (stage, histogram) in self.times.iter_mut().enumerate() {
            let value = times.values[first + stage];
            if value != 0 {
                *histogram.entry(times.bin).or_default() += value;
            }
        }
    }

    fn cells(&self) -> Vec<Cell> {
        let [stages @ .., unchecked] = self.counts;
        let counts = stages.into_iter().map(Cell::Count);
        let percentiles = self.times.iter().flat_map(|histogram| {
            [0.5, 0.95].map(|share| Cell::Seconds(percentile(histogram, share)))
        });
        let unchecked = [Cell::Count(unchecked)];
        counts.chain(percentiles).chain(unchecked).collect()
    }

    fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }
}

/// Interpolates within the bin, so the error is at most a tenth. Rounded to hundredths of a second.
fn percentile(histogram: &BTreeMap<i64, i64>, share: f64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "counts, far below 2^52")]
    let float = |count: i64| count as f64;
    let total: i64 = histogram.values().sum();
    if total <= 0 {
        return None;
    }
    let rank = share * float(total);
    let mut below = 0.0;
    let mut last = 0.0;
    for (bin, count) in histogram {
        let (from, to) = seconds(*bin);
        let count = float(*count);
        if count > 0.0 && below + count >= rank {
            let value = from + (to - from) * ((rank - below) / count).clamp(0.0, 1.0);
            return Some((value * 100.0).round() / 100.0);
        }
        below += count;
        last = to;
    }
    Some((last * 100.0).round() / 100.0)
}

#[must_use]
pub fn table(
    query: &Query,
    periods: &[Period],
    sums: &[Sums],
    times: &[Times],
    project_name: impl Fn(Uuid) -> Option<String> + Copy,
) -> Table {
    let by_attempt = query.has(Group::Channel) || query.has(Group::Provider);
    let (measures, first) = if by_attempt {
        (OF_ATTEMPTS, 4)
    } else {
        (OF_VERIFICATIONS, 0)
    };
    let mut rows: BTreeMap<Key, Funnel> = BTreeMap::new();
    let mut total = Funnel::default();
    if query.groups.is_empty() {
        rows.entry(Key::none()).or_default();
    }
    for sum in sums {
        if let Some(period) = periods.get(sum.period) {
            let key = Key::of(query, period, &sum.place, project_name);
            rows.entry(key).or_default().count(sum, measures);
            total.count(sum, OF_VERIFICATIONS);
        }
    }
    for time in times {
        if let Some(period) = periods.get(time.period) {
            let key = Key::of(query, period, &time.place, project_name);
            rows.entry(key).or_default().time(time, first);
            total.time(time, 0);
        }
    }
    let keys = query.groups.iter().map(|group| group.as_str());
    Table {
        currency: query.currency,
        keys: query.groups.len(),
        columns: keys.chain(FIGURES).collect(),
        rows: rows
            .into_iter()
            .filter(|(_, funnel)| query.groups.is_empty() || !funnel.is_empty())
            .map(|(key, funnel)| key.cells().chain(funnel.cells()).collect())
            .collect(),
        total: total.cells(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_within_a_tenth_of_the_true_one() {
        let start = chrono::DateTime::UNIX_EPOCH;
        let mut histogram = BTreeMap::new();
        for tenths in 1..=1_000 {
            let end = start + chrono::TimeDelta::milliseconds(tenths * 100);
            *histogram
                .entry(crate::ledger::tally::bin(start, end))
                .or_default() += 1;
        }
        for (share, truth) in [(0.5, 50.0), (0.95, 95.0)] {
            let found = percentile(&histogram, share).unwrap();
            assert!((found / truth - 1.0).abs() < 0.1, "{found} for {truth}");
        }
        assert_eq!(percentile(&BTreeMap::new(), 0.5), None);
    }
}

//! The contribution of a verification and of ledger entries to the sums for reports.
//!
//! A verification's contribution is computed from its record, and a change adds the difference between the contribution
//! now and when it was last stored ([`growth`]). So the incremental sums equal sums over the whole history, and can be
//! rebuilt from it at any time. To add a measure: a variant of [`Measure`] and where it is counted, here.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::entry::{Entry, Kind};
use super::measure::Measure;
use crate::money::Currency;
use crate::verification::attempt::Attempt;
use crate::verification::cost::Basis;
use crate::verification::event::{Event, EventKind};
use crate::verification::id::ProjectId;
use crate::verification::phone::Country;
use crate::verification::route::Channel;
use crate::verification::{Record, Verification};

/// The finest interval of sums, in seconds. Days of every time zone consist of whole quarters of an hour.
pub const QUARTER: i64 = 900;

/// The finest interval of stage durations, in seconds.
pub const HOUR: i64 = 3_600;
pub const DAY: i64 = 86_400;

/// Intervals of sums, in seconds: 30 days, 5 days, 1 day, 12 hours, 3 hours, 1 hour, 15 minutes. Each is a multiple of
/// the next, so that a day of any time zone, or a year, consists of few sums.
pub const SPANS: [i64; 7] = [2_592_000, 432_000, DAY, 43_200, 10_800, HOUR, QUARTER];

/// An amount to add to one cell of the sums.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tally {
    /// Seconds since 1970, at the start of a quarter of an hour.
    pub starts_at: i64,
    /// Nil for entries that concern an account as a whole.
    pub project: Uuid,
    /// Empty for entries that concern an account as a whole, as is `country`.
    pub channel: &'static str,
    pub provider: String,
    pub country: String,
    /// Empty for counts.
    pub currency: String,
    pub measure: Measure,
    /// The stage's duration as a [`bin`].
    pub bin: Option<i64>,
    pub value: i64,
}

impl Tally {
    /// Whether both add to the same sum.
    #[must_use]
    pub fn same_cell(&self, other: &Self) -> bool {
        self.measure == other.measure
            && self.starts_at == other.starts_at
            && self.bin == other.bin
            && self.channel == other.channel
            && self.provider == other.provider
            && self.project == other.project
            && self.country == other.country
            && self.currency == other.currency
    }
}

/// Start of the quarter of an hour that contains `at`.
#[must_use]
pub fn quarter(at: DateTime<Utc>) -> i64 {
    let seconds = at.timestamp();
    seconds - seconds.rem_euclid(QUARTER)
}

/// Four bins per doubling, starting at a quarter of a second.
const BINS_PER_DOUBLING: f64 = 4.0;
const FIRST_BIN_SECONDS: f64 = 0.25;
const LAST_BIN: i64 = 100;

/// The bin of the duration from `from` to `to`; [`seconds`] is the inverse.
#[must_use]
pub fn bin(from: DateTime<Utc>, to: DateTime<Utc>) -> i64 {
    let seconds = (to - from).as_seconds_f64();
    if seconds <= FIRST_BIN_SECONDS {
        return 0;
    }
    let place = (seconds / FIRST_BIN_SECONDS).log2() * BINS_PER_DOUBLING;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "bounded by the last bin, and cut off on purpose"
    )]
    let place = place.min(99.0) as i64;
    (place + 1).clamp(0, LAST_BIN)
}

/// Lower and upper bound of a bin, in seconds.
#[must_use]
pub fn seconds(bin: i64) -> (f64, f64) {
    #[expect(clippy::cast_precision_loss, reason = "a hundred at most")]
    let at = |edge: i64| FIRST_BIN_SECONDS * (edge as f64 / BINS_PER_DOUBLING).exp2();
    if bin <= 0 {
        (0.0, FIRST_BIN_SECONDS)
    } else {
        (at(bin - 1), at(bin))
    }
}

/// What the change about to be stored adds.
#[must_use]
pub fn growth(v: &Verification, entries: &[Entry]) -> Vec<Tally> {
    let record = &v.record;
    let mut tallies: Vec<Tally> = entries.iter().filter_map(of_entry).collect();
    let grew = record.attempts.len() > v.attempts_stored;
    if grew || v.news().iter().any(|event| counts(record, event.kind)) {
        let mut parts = parts(record, &record.attempts, &record.events);
        let attempts = record.attempts.get(..v.attempts_stored).unwrap_or_default();
        let events = record.events.get(..v.events_stored).unwrap_or_default();
        for (cell, value) in self::parts(record, attempts, events) {
            add_part(&mut parts, cell, -value);
        }
        parts.retain(|(_, value)| *value != 0);
        for (cell, value) in parts {
            add(&mut tallies, cell.tally(v.project, record, value));
        }
    }
    tallies
}

/// The whole contribution of a verification, except for money, which its ledger entries contribute.
#[must_use]
pub fn whole(project: ProjectId, record: &Record) -> Vec<Tally> {
    let mut tallies = Vec::new();
    for (cell, value) in parts(record, &record.attempts, &record.events) {
        add(&mut tallies, cell.tally(project, record, value));
    }
    tallies
}

/// The key of a [`Tally`], with the attempt by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    measure: Measure,
    starts_at: i64,
    attempt: usize,
    bin: Option<i64>,
    currency: Option<Currency>,
}

impl Cell {
    fn tally(self, project: ProjectId, record: &Record, value: i64) -> Tally {
        let attempt = &record.attempts[self.attempt];
        Tally {
            starts_at: self.starts_at,
            project: project.0,
            channel: attempt.channel.as_str(),
            provider: attempt.provider.clone(),
            country: record.country.to_string(),
            currency: self
                .currency
                .map(|currency| currency.to_string())
                .unwrap_or_default(),
            measure: self.measure,
            bin: self.bin,
            value,
        }
    }
}

fn add_part(parts: &mut Vec<(Cell, i64)>, cell: Cell, value: i64) {
    match parts.iter_mut().find(|(there, _)| *there == cell) {
        Some((_, sum)) => *sum = sum.saturating_add(value),
        None => parts.push((cell, value)),
    }
}

/// The contribution of a verification with these attempts and events, which are the first ones of `record`.
fn parts(record: &Record, attempts: &[Attempt], events: &[Event]) -> Vec<(Cell, i64)> {
    let Some(last) = attempts.len().checked_sub(1) else {
        return Vec::new();
    };
    let mut parts = Vec::with_capacity(12);
    let cell = |at: DateTime<Utc>, attempt, measure, bin| Cell {
        starts_at: quarter(at),
        attempt,
        measure,
        bin,
        currency: None,
    };
    let born = record.created_at;
    if let Some(sms) = record.sms_price {
        let asked = events
            .iter()
            .filter(|event| matches!(event.kind, EventKind::Created | EventKind::Resend));
        let sends = i64::try_from(asked.count()).unwrap_or(i64::MAX);
        let cell = Cell {
            currency: Some(sms.currency),
            ..cell(born, last, Measure::SmsEquivalent, None)
        };
        parts.push((cell, sms.amount.0.saturating_mul(sends)));
    }
    // A message without a code costs, and is nobody's verification.
    if record.wording.is_message {
        return parts;
    }
    parts.push((cell(born, last, Measure::Verifications, None), 1));
    let stages = [
        (
            Measure::VerificationsSent,
            Measure::AttemptsSent,
            left as fn(EventKind) -> bool,
        ),
        (
            Measure::VerificationsDelivered,
            Measure::AttemptsDelivered,
            arrived,
        ),
        (Measure::VerificationsRead, Measure::AttemptsRead, seen),
    ];
    for (of_verification, _, is) in stages {
        if let Some(event) = events.iter().find(|event| is(event.kind)) {
            let bin = Some(bin(born, event.at));
            parts.push((cell(born, last, of_verification, bin), 1));
        }
    }
    for (place, attempt) in attempts.iter().enumerate() {
        let begun = attempt.created_at;
        parts.push((cell(begun, place, Measure::Attempts, None), 1));
        for (_, of_attempt, is) in stages {
            let about = |event: &&Event| event.attempt == Some(attempt.ordinal) && is(event.kind);
            if let Some(event) = events.iter().find(about) {
                let bin = Some(bin(begun, event.at));
                parts.push((cell(begun, place, of_attempt, bin), 1));
            }
        }
    }
    if let Some(event) = events
        .iter()
        .find(|event| event.kind == EventKind::Approved)
    {
        let approved = [
            (born, Measure::VerificationsApproved),
            (attempts[last].created_at, Measure::AttemptsApproved),
        ];
        for (from, measure) in approved {
            parts.push((cell(from, last, measure, Some(bin(from, event.at))), 1));
        }
    }
    let may_have_arrived = |event: &Event| left(event.kind) || event.kind == EventKind::Unknown;
    if record.is_outside_code
        && events.iter().any(may_have_arrived)
        && !events.iter().any(|event| tells(event.kind))
    {
        let begun = attempts[last].created_at;
        parts.push((cell(born, last, Measure::VerificationsUnchecked, None), 1));
        parts.push((cell(begun, last, Measure::AttemptsUnchecked, None), 1));
    }
    parts
}

/// Whether an event tells what was entered.
fn tells(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Approved | EventKind::WrongCode | EventKind::Locked
    )
}

/// Whether an event changes the contribution. Most checks do not.
fn counts(record: &Record, kind: EventKind) -> bool {
    (record.is_outside_code && (tells(kind) || kind == EventKind::Unknown))
        || matches!(
            kind,
            EventKind::Created | EventKind::Resend | EventKind::Approved
        )
        || left(kind)
}

/// The message is known to have left, by the provider's answer or by a report of its outcome.
fn left(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Sent | EventKind::AttemptExpired | EventKind::Undelivered
    ) || arrived(kind)
}

fn arrived(kind: EventKind) -> bool {
    matches!(kind, EventKind::Delivered | EventKind::Read)
}

fn seen(kind: EventKind) -> bool {
    kind == EventKind::Read
}

/// The measure and amount of an entry; charges are positive.
fn measured(entry: &Entry) -> (Measure, i64) {
    let amount = entry.money.amount.0;
    match entry.kind {
        Kind::Charge => (Measure::Charged, amount.saturating_neg()),
        Kind::Refund if entry.basis == Basis::Documented.as_str() => (Measure::Expected, amount),
        Kind::Refund => (Measure::Refunded, amount),
        Kind::TopUp | Kind::Adjustment => (Measure::Other, amount),
    }
}

/// The contribution of a ledger entry.
#[must_use]
pub fn of_entry(entry: &Entry) -> Option<Tally> {
    let (measure, value) = measured(entry);
    (value != 0).then(|| Tally {
        starts_at: quarter(entry.at),
        project: entry.project.unwrap_or_default(),
        channel: entry.channel.map_or("", Channel::as_str),
        provider: entry.provider.clone(),
        country: entry
            .country
            .map(|c: Country| c.to_string())
            .unwrap_or_default(),
        currency: entry.money.currency.to_string(),
        measure,
        bin: None,
        value,
    })
}

/// Adds to the existing cell, or appends a new one.
pub fn add(tallies: &mut Vec<Tally>, tally: Tally) {
    match tallies.iter_mut().find(|there| there.same_cell(&tally)) {
        Some(there) => there.value = there.value.saturating_add(tally.value),
        None => tallies.push(tally),
    }
}

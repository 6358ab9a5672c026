//! The guard's decisions, until they are stored: together, each second, so that no request waits for its own.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use uuid::Uuid;

use crate::abuse::guard::judge::Facts;
use crate::abuse::guard::verdict::Verdict;
use crate::secret::random;
pub use crate::storage::{Decision, On};
use crate::verification::Verification;
use crate::verification::event::EventKind;
use crate::verification::id::{ProjectId, VerificationId, numbered};
use crate::verification::origin::TraceHash;
use crate::verification::phone::PhoneNumber;

/// Decisions a minute about one range of numbers in one project that have a row each; the others of that minute share one. An
/// attacker does not fill the disk.
const ROWS: u32 = 100;
/// Those of one project, whatever their ranges: then each kind of decision in a range shares a row, and beyond [`RANGES`] in the project.
const ROWS_OF_PROJECT: u32 = 1_000;
/// The most ranges of one project that have rows of their own within a minute.
const RANGES: usize = 1_000;
/// Decisions that wait while the database does not answer.
const MOST: usize = 10_000;

/// What waits to be stored.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    added: u16,
    rows: Vec<Decision>,
    minute: DateTime<Utc>,
    counts: HashMap<(ProjectId, TraceHash), u32>,
    of_project: HashMap<ProjectId, OfProject>,
    /// Of this minute, what has no row of its own.
    sums: HashMap<Alike, Decision>,
}

/// How much of a minute's room a project has used.
#[derive(Debug, Default)]
struct OfProject {
    rows: u32,
    ranges: usize,
}

/// In place of a range.
const REST: TraceHash = TraceHash([0; 8]);

/// What decisions must share to be counted in one row.
type Alike = (ProjectId, TraceHash, &'static str, &'static str);

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn add(&self, mut decision: Decision) {
        let mut inner = self.lock();
        // Those of one millisecond keep their order.
        inner.added = inner.added.wrapping_add(1);
        decision.id = numbered(decision.at, u32::from(inner.added % 4_096), random());
        let minute = decision.at.duration_trunc(TimeDelta::minutes(1));
        inner.turn_to(minute.unwrap_or(decision.at));
        let cells = &decision.facts.cells;
        let key = (cells.project, cells.prefix);
        let is_new = !inner.counts.contains_key(&key);
        let of_project = inner.of_project.entry(key.0).or_default();
        of_project.rows += 1;
        let has_room = of_project.rows <= ROWS_OF_PROJECT;
        let is_kept = !is_new || of_project.ranges < RANGES;
        of_project.ranges += usize::from(is_new && is_kept);
        let range = if is_kept {
            let count = inner.counts.entry(key).or_default();
            *count += 1;
            if *count <= ROWS && has_room {
                inner.rows.push(decision);
                return;
            }
            key.1
        } else {
            // There are too many ranges: these share one row, which shows the first.
            REST
        };
        let (on, outcome) = (decision.on.as_str(), decision.outcome.as_str());
        let sum = inner.sums.entry((key.0, range, on, outcome));
        sum.and_modify(|sum| sum.count += 1).or_insert(decision);
    }

    pub fn take(&self, now: DateTime<Utc>, is_last: bool) -> Vec<Decision> {
        let mut inner = self.lock();
        let minute = now.duration_trunc(TimeDelta::minutes(1));
        inner.turn_to(minute.unwrap_or(now));
        let mut rows = std::mem::take(&mut inner.rows);
        if is_last {
            rows.extend(inner.sums.drain().map(|(_, sum)| sum));
        }
        rows
    }

    /// What could not be stored.
    pub fn give_back(&self, mut rows: Vec<Decision>) {
        let mut inner = self.lock();
        rows.append(&mut inner.rows);
        rows.truncate(MOST);
        inner.rows = rows;
    }
}

impl Inner {
    fn turn_to(&mut self, minute: DateTime<Utc>) {
        // A verdict may be older than the last one, by the time of a query.
        if minute > self.minute {
            self.minute = minute;
            self.counts.clear();
            self.of_project.clear();
            self.rows.extend(self.sums.drain().map(|(_, sum)| sum));
        }
    }
}

impl On {
    /// What a change is about that is not stored yet.
    pub(super) fn of(v: &Verification) -> Self {
        let has = |kind| v.news().iter().any(|event| event.kind == kind);
        if has(EventKind::Created) {
            Self::Create
        } else if has(EventKind::Resend) {
            Self::Resend
        } else {
            Self::Fallback
        }
    }
}

impl Decision {
    pub(super) fn of(
        on: On,
        (facts, phone): (Facts, &PhoneNumber),
        verification: Option<VerificationId>,
        verdict: Verdict,
    ) -> Self {
        let digits = phone.digits();
        Self {
            id: Uuid::nil(),
            at: verdict.at,
            facts,
            verification,
            on,
            outcome: verdict.outcome,
            prefix: format!("+{}", &digits[..digits.len().saturating_sub(4)]),
            count: 1,
            is_owner: verdict.is_owner,
            is_refused: false,
            rules: verdict.rules,
        }
    }
}

//! Ages: what has passed them is erased in place, or its rows are removed. For the job and for the command.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::storage::{Aged, KeptByWeek, StorageError, Store, Table};
use crate::verification::erase::Part;
use crate::verification::id::{ProjectId, time_of, time_ordered};
use crate::verification::policy::Ages;
use crate::verification::span;

/// How long data is kept in the whole installation.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// The number and what hangs on it.
    pub numbers: Duration,
    /// Who asked, as the site described them.
    pub client: Duration,
    pub verifications: Duration,
    pub webhook_deliveries: Duration,
    pub decisions: Duration,
    pub audit: Duration,
}

/// Rows that are removed when they have passed their age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removed {
    pub what: Rows,
    /// `None`: of all projects.
    pub project: Option<ProjectId>,
    pub before: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    Verifications,
    WebhookDeliveries,
    /// Back-tests too.
    Decisions,
    Audit,
}

impl Rows {
    /// As in `[retention]`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verifications => "verifications",
            Self::WebhookDeliveries => "webhook_deliveries",
            Self::Decisions => "decisions",
            Self::Audit => "audit",
        }
    }
}

/// The ages of an installation, and shorter ones of projects.
#[derive(Clone, Debug)]
pub struct Retention {
    kept: Kept,
    own: Vec<(ProjectId, Ages)>,
}

impl Removed {
    /// How many rows would be removed.
    pub async fn count(&self, db: &Store) -> Result<u64, StorageError> {
        match self.what {
            Rows::Verifications => db.count_past(self.before).await,
            Rows::WebhookDeliveries => db.count_deliveries(self.before).await,
            Rows::Decisions => db.count_decisions(self.project, self.before).await,
            Rows::Audit => db.count_audit(self.before).await,
        }
    }
}

/// A part to erase, from an id on.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    pub aged: Aged,
    /// What is older is erased as a part of all projects.
    since: Uuid,
}

/// How far an erasure has come.
#[derive(Clone, Copy, Debug)]
pub struct Reached {
    /// Verifications changed since the last time.
    pub count: u64,
    /// It goes through them by the time of their ids.
    pub at: DateTime<Utc>,
}

impl Retention {
    #[must_use]
    pub fn new(kept: Kept, own: impl IntoIterator<Item = (ProjectId, Ages)>) -> Self {
        let shorter = |age: Option<Duration>, all| age.filter(|age| *age < all);
        let own = own.into_iter().map(|(project, ages)| {
            let ages = Ages {
                numbers: shorter(ages.numbers, kept.numbers),
                client: shorter(ages.client, kept.client),
                decisions: shorter(ages.decisions, kept.decisions),
            };
            (project, ages)
        });
        let own = own.filter(|(_, ages)| *ages != Ages::default());
        Self {
            kept,
            own: own.collect(),
        }
    }

    /// What is to be erased of verifications, those of all projects first.
    #[must_use]
    pub fn due(&self, now: DateTime<Utc>) -> Vec<Due> {
        let mut due = Vec::new();
        for part in Part::ALL {
            let (age, own): (Duration, fn(&Ages) -> Option<Duration>) = match part {
                Part::Number => (self.kept.numbers, |ages| ages.numbers),
                Part::Client => (self.kept.client, |ages| ages.client),
            };
            let before = span::before(now, age);
            due.push(Due {
                aged: Aged {
                    part,
                    project: None,
                    before,
                },
                since: Uuid::nil(),
            });
            let shorter = self
                .own
                .iter()
                .filter_map(|(project, ages)| Some((*project, own(ages)?)));
            due.extend(shorter.map(|(project, age)| Due {
                aged: Aged {
                    part,
                    project: Some(project),
                    before: span::before(now, age),
                },
                since: time_ordered(before, [0; 8]),
            }));
        }
        due
    }

    /// The rows to remove, those of all projects first.
    #[must_use]
    pub fn removed(&self, now: DateTime<Utc>) -> Vec<Removed> {
        let kept = &self.kept;
        let of_all = [
            (Rows::Verifications, kept.verifications),
            (Rows::WebhookDeliveries, kept.webhook_deliveries),
            (Rows::Decisions, kept.decisions),
            (Rows::Audit, kept.audit),
        ];
        let of_all = of_all.into_iter().map(|(what, age)| (what, None, age));
        let own = self
            .own
            .iter()
            .filter_map(|(project, ages)| Some((Rows::Decisions, Some(*project), ages.decisions?)));
        let removed = |(what, project, age)| Removed {
            what,
            project,
            before: span::before(now, age),
        };
        of_all.chain(own).map(removed).collect()
    }
}

/// Erases what is due, or with `is_dry` counts it, chunk by chunk; between two of them the database has as much time for callers alone as
/// the first one took. Goes on while `told` says so. Returns whether it came to the end.
pub async fn erase_due(
    db: &Store,
    due: &Due,
    is_dry: bool,
    mut told: impl FnMut(Reached) -> bool,
) -> Result<bool, StorageError> {
    let aged = &due.aged;
    let past = db.erased_to(aged).await?.max(due.since);
    // What cannot be erased yet is tried again; nothing is recorded beyond it.
    let mut is_whole = true;
    for (table, first) in [(Table::Hot, due.since), (Table::Past, past)] {
        let mut after = first;
        loop {
            let began = Instant::now();
            let chunk = db.erase_aged(aged, (table, after), is_dry).await?;
            let last = chunk.next.unwrap_or(time_ordered(aged.before, [0; 8]));
            if table == Table::Past && !is_dry {
                is_whole &= chunk.is_whole;
                if is_whole && last > after {
                    db.note_erased_to(aged, last).await?;
                }
            }
            let goes_on = told(Reached {
                count: chunk.count,
                at: time_of(last),
            });
            let Some(next) = chunk.next else { break };
            if !goes_on {
                return Ok(false);
            }
            after = next;
            if chunk.count > 0 && !is_dry {
                tokio::time::sleep(began.elapsed()).await;
            }
        }
    }
    Ok(true)
}

/// Removes rows that have passed their age, at most a thousand of them, or on Postgres a partition. Returns how many rows were removed one
/// by one, the names of partitions that were dropped, and whether more may be left.
pub async fn remove(
    db: &Store,
    removed: &Removed,
) -> Result<(u64, Vec<String>, bool), StorageError> {
    const BATCH: u64 = 1_000;
    let most = BATCH.cast_signed();
    let (before, first) = (removed.before, time_ordered(removed.before, [0; 8]));
    let (count, dropped) = match removed.what {
        Rows::Verifications => {
            let dropped = db
                .drop_partitions(KeptByWeek::Verifications, before)
                .await?;
            let count = if db.is_alone() {
                db.drop_past(before, most).await?
            } else {
                0
            };
            (count, dropped)
        }
        Rows::WebhookDeliveries => {
            db.drop_report_hosts(before).await?;
            db.drop_calls(first).await?;
            let dropped = db
                .drop_partitions(KeptByWeek::WebhookDeliveries, before)
                .await?;
            (db.drop_old_deliveries(first, most).await?, dropped)
        }
        Rows::Decisions => {
            let count = db.drop_decisions(removed.project, before, most).await?;
            db.drop_replays(removed.project, before, most).await?;
            (count, Vec::new())
        }
        Rows::Audit => (db.drop_audit(before, most).await?, Vec::new()),
    };
    Ok((count, dropped, count == BATCH))
}

//! That this replica works, as the others know it; and what is done for one that has died.
//!
//! A replica renews the leases of what it works on, and one row of its own that says that it works. A new verification is stored
//! with the time of its next task after its send, so that the outcome need not change it: it is not found when its lease ends. If
//! the replica dies, another one finds it by that row.

use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::room::{GivenUp, LEASE, Verify};
use crate::storage::StorageError;
use crate::verification::id::{VerificationId, time_ordered};
use crate::verification::span;

/// How far a new id's time may lie before the time of the row that covers it: clocks are set.
const SLACK: Duration = Duration::from_secs(10);
/// How much of the time that the others grant must be left.
const MARGIN: Duration = Duration::from_secs(2);
/// How often dead replicas are looked for, and for how long after their death.
const ROUND: Duration = Duration::from_secs(1);
const AFTER_DEATH: Duration = Duration::from_secs(10);
/// A replica that was alive this long ago may still run.
const SEEN: Duration = Duration::from_secs(30);
/// How long a change that was not answered may take to become visible.
const LATEST: Duration = Duration::from_secs(60);

impl Verify {
    /// Renews the leases of all verifications that this process works on, and says that it works.
    pub async fn renew_leases(&self) -> Result<(), StorageError> {
        let now = self.core().now();
        let until = span::after(now, LEASE);
        let working = self.working().clone();
        let mut ids: Vec<_> = working.keys().copied().collect();
        // Sorted, as the writer locks rows, so that the two cannot deadlock.
        ids.sort_unstable();
        metrics::gauge!("pinroute_work_in_progress")
            .set(u32::try_from(ids.len()).unwrap_or(u32::MAX));
        let db = &self.core().db;
        if !db.is_alone() {
            let starts = working.iter().filter(|(_, mark)| mark.is_start);
            let starts = starts.map(|(id, _)| *id);
            let given_up: Vec<_> = self.given_up().iter().map(|one| one.id.uuid()).collect();
            let new = time_ordered(span::before(now, SLACK), [0; 8]);
            let oldest = starts.chain(given_up).fold(new, Ord::min);
            db.beat(self.replica(), until, oldest).await?;
            let until = until.timestamp_micros();
            self.known_until().store(until, Ordering::Relaxed);
            let form = db.known_to_all(span::before(now, SEEN)).await?;
            self.core().known_form.store(form, Ordering::Relaxed);
        }
        db.renew(self.replica(), &ids, until).await
    }

    /// Whether what this replica begins now is found by others if it dies.
    pub(super) fn is_known_to_others(&self, now: DateTime<Utc>) -> bool {
        // On SQLite the next start wakes all that is leased.
        let known_until = self.known_until().load(Ordering::Relaxed);
        let needed = span::after(now, MARGIN).timestamp_micros();
        self.core().db.is_alone() || needed < known_until
    }

    /// The start of this verification was not answered: it may be stored, or become so, with our lease.
    pub(super) fn may_be_stored(&self, id: VerificationId) {
        let until = Some(span::after(self.core().now(), LATEST));
        self.given_up().push(GivenUp { id, until });
    }

    /// Makes due what dead replicas held, and what this one holds without working on it.
    pub(super) async fn rescue(&self, now: DateTime<Utc>) -> Result<(), StorageError> {
        let db = &self.core().db;
        let last = self.rescued_at().load(Ordering::Relaxed);
        let since = now.timestamp_micros().saturating_sub(last).unsigned_abs();
        if !db.is_alone() && Duration::from_micros(since) >= ROUND {
            db.rescue(now, span::before(now, AFTER_DEATH)).await?;
            self.rescued_at()
                .store(now.timestamp_micros(), Ordering::Relaxed);
        }
        // Each stays in the list until it is done, since this may be dropped at any wait.
        let mut idle: Vec<_> = self.given_up().iter().map(|one| one.id).collect();
        idle.retain(|id| !self.working().contains_key(&id.uuid()));
        // Sorted, as the writer locks rows.
        idle.sort_unstable();
        idle.dedup();
        for ids in idle.chunks(512) {
            let held = db.give_up(ids, self.replica(), now).await?;
            self.given_up().retain(|one| {
                let is_over = one.until.is_none_or(|until| now >= until);
                ids.binary_search(&one.id).is_err() || !is_over && !held.contains(&one.id)
            });
        }
        Ok(())
    }
}

//! That this replica works, as the others know it; and what is done for one that has died.
//!
//! A replica renews the leases of what it works on, and one row of its own that says that it works. A new verification is stored
//! with the time of its next task after its send, so that the outcome need not change it: it is not found when its lease ends. If
//! the replica dies, another one finds it by that row.

use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::room::{LEASE, Verify};
use crate::storage::StorageError;
use crate::verification::id::time_ordered;
use crate::verification::span;

/// How far a new id's time may lie before the time of the row that covers it: clocks are set.
const SLACK: Duration = Duration::from_secs(60);
/// How much of the time that the others grant must be left.
const MARGIN: Duration = Duration::from_secs(2);

impl Verify {
    /// Renews the leases of all verifications that this process works on, and says that it works.
    pub async fn renew_leases(&self) -> Result<(), StorageError> {
        let now = self.core().now();
        let until = span::after(now, LEASE);
        let mut ids: Vec<_> = self.working().keys().copied().collect();
        // Sorted, as the writer locks rows, so that the two cannot deadlock.
        ids.sort_unstable();
        metrics::gauge!("pinroute_work_in_progress")
            .set(u32::try_from(ids.len()).unwrap_or(u32::MAX));
        let db = &self.core().db;
        if !db.is_alone() {
            let new = time_ordered(span::before(now, SLACK), [0; 8]);
            let oldest = ids.first().map_or(new, |oldest| new.min(*oldest));
            db.beat(self.replica(), until, oldest).await?;
            let until = until.timestamp_micros();
            self.known_until().store(until, Ordering::Relaxed);
        }
        db.renew(self.replica(), &ids, until).await
    }

    /// Whether what this replica begins now is found if it dies.
    pub(super) fn would_be_missed(&self, now: DateTime<Utc>) -> bool {
        // On SQLite the next start wakes all that is leased.
        let known_until = self.known_until().load(Ordering::Relaxed);
        let needed = span::after(now, MARGIN).timestamp_micros();
        self.core().db.is_alone() || needed < known_until
    }

    /// Makes due what dead replicas held, and what this one has failed to work on.
    pub(super) async fn rescue(&self, now: DateTime<Utc>) -> Result<(), StorageError> {
        let db = &self.core().db;
        if !db.is_alone() {
            db.rescue(now).await?;
        }
        let mut given_up = std::mem::take(&mut *self.given_up());
        while let Some(id) = given_up.last() {
            if let Err(error) = db.give_up(*id, self.replica(), now).await {
                self.given_up().append(&mut given_up);
                return Err(error);
            }
            given_up.pop();
        }
        Ok(())
    }
}

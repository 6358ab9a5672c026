//! Upkeep across the rooms, run by `jobs`: the clock, the past, removal of expired rows, changes by other replicas.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use metrics::gauge;
use uuid::Uuid;

use super::handle::Gateway;
use super::shared::{Retention, Rows, erase_due, remove};
use crate::clock::{Clock, Measured};
use crate::storage::{ERASED, HOT, IN_THE_PAST, StorageError};
use crate::verification::id::time_of;

/// How soon a clock that has moved is measured again.
const STEADY_AFTER: Duration = Duration::from_secs(1);
/// The job that moves verifications, as metrics name it.
const PAST: &str = "past_verifications";
/// The job that erases parts of verifications.
const AGES: &str = "ages";
/// For how long verifications are moved, or parts of them erased, in one run.
const MOVING: Duration = Duration::from_secs(5);
/// How long it is remembered which suspicious traffic was announced.
const ALARMS_KEPT: TimeDelta = TimeDelta::days(2);
/// How long the figures of a cell are kept in which nothing is counted any more: as far back as they reach.
const CELLS_KEPT: TimeDelta = TimeDelta::days(15);

impl Gateway {
    /// Sets the clock by the database's, which all replicas share: they judge one another's leases by it. One that has moved is
    /// measured twice.
    pub async fn measure_clock(&self) -> Result<(), StorageError> {
        let core = self.core();
        for _ in 0..3 {
            let Some((theirs, asked)) = core.db.time().await? else {
                return Ok(());
            };
            // Of this machine's clock, which is wrong for everything else that runs here.
            let skew = (theirs - Clock::system().now()).as_seconds_f64();
            gauge!("pinroute_clock_skew_seconds").set(skew);
            match core.clock.learn(theirs, asked) {
                Measured::Steady => return Ok(()),
                Measured::TooSlow => {
                    tracing::warn!("the database took too long to say the time; it is asked again");
                    return Ok(());
                }
                Measured::Moved(micros) => {
                    tracing::error!(
                        alarm = true,
                        micros,
                        "the database's clock has moved against this machine's monotonic one; no leases are taken until it is steady"
                    );
                    tokio::time::sleep(STEADY_AFTER).await;
                }
            }
        }
        Ok(())
    }

    /// Reads the databases of addresses that have changed.
    pub async fn refresh_ip_database(&self) {
        let database = Arc::clone(&self.core().settings.ip_database);
        let read = tokio::task::spawn_blocking(move || database.refresh());
        if read.await.is_err() {
            tracing::error!("guard.ip_database could not be read");
        }
    }

    /// Moves verifications that are over out of the hot table, for some seconds at most; not while a replica runs that would not
    /// find them there. Returns how many were moved.
    pub async fn move_to_past(&self) -> Result<u64, StorageError> {
        let (db, now) = (&self.core().db, self.now());
        if !self.core().all_read(IN_THE_PAST) {
            self.core().jobs.end(PAST);
            return Ok(0);
        }
        let (began, mut count, mut after) = (Instant::now(), 0, Uuid::nil());
        loop {
            let chunk = Instant::now();
            let moved = db.move_to_past(after, now).await?;
            count += moved.count;
            metrics::counter!("pinroute_past_moved_total").increment(moved.count);
            let Some(next) = moved.next else {
                self.core().jobs.end(PAST);
                return Ok(count);
            };
            // Another replica may have its turn.
            if moved.count > 0 {
                let (reached, until) = (time_of(next), now - HOT);
                self.core().jobs.go_on(PAST, moved.count, reached, until);
            }
            if began.elapsed() >= MOVING {
                return Ok(count);
            }
            after = next;
            // Callers go first: the database has as much time for them alone as each chunk took.
            tokio::time::sleep(chunk.elapsed()).await;
        }
    }

    /// Makes the partitions of the coming weeks and drops those that are too old; on SQLite, removes up to a thousand old
    /// verifications. Returns whether more may be left.
    pub async fn keep_partitions(&self) -> Result<bool, StorageError> {
        self.core().db.make_partitions(self.now()).await?;
        self.remove_old(&[Rows::Verifications, Rows::WebhookDeliveries])
            .await
    }

    /// Removes some of the rows that have passed their age. Returns whether more may be left.
    async fn remove_old(&self, what: &[Rows]) -> Result<bool, StorageError> {
        let mut are_left = false;
        let removed = self.retention().removed(self.now()).into_iter();
        for removed in removed.filter(|removed| what.contains(&removed.what)) {
            let (_, dropped, more) = remove(&self.core().db, &removed).await?;
            for partition in dropped {
                tracing::info!(partition, "dropped: its retention is over");
            }
            are_left |= more;
        }
        Ok(are_left)
    }

    fn retention(&self) -> Retention {
        let core = self.core();
        let projects = core.directory.projects().into_iter();
        let own = projects.map(|project| {
            let policy = core.directory.policy(project.id);
            (project.id, policy.retention)
        });
        Retention::new(core.settings.kept, own)
    }

    /// Erases numbers and clients that have passed their ages, for some seconds at most; not while a replica runs that would not know what
    /// is missing. Returns how many verifications were changed.
    pub async fn apply_ages(&self) -> Result<u64, StorageError> {
        let core = self.core();
        if !core.all_read(ERASED) {
            core.jobs.end(AGES);
            return Ok(0);
        }
        let (began, mut count, mut is_done) = (Instant::now(), 0, true);
        for due in self.retention().due(self.now()) {
            is_done = erase_due(&core.db, &due, false, |reached| {
                count += reached.count;
                if reached.count > 0 {
                    let until = due.aged.before;
                    core.jobs.go_on(AGES, reached.count, reached.at, until);
                }
                began.elapsed() < MOVING
            })
            .await?;
            if !is_done {
                break;
            }
        }
        if is_done {
            core.jobs.end(AGES);
        }
        if count > 0 {
            core.db.settle_file().await?;
        }
        Ok(count)
    }

    /// Records how much waits in the whole database, and how it is connected with.
    pub async fn measure(&self) -> Result<(), StorageError> {
        let seconds = |age: Option<TimeDelta>| age.unwrap_or_default().as_seconds_f64();
        let number = |count: i64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        // Before what fails without a database.
        self.is_ready().await;
        let (db, now) = (&self.core().db, self.now());
        let due = db.due_backlog(now).await?;
        gauge!("pinroute_due_verifications").set(number(due.pending));
        gauge!("pinroute_due_oldest_seconds").set(seconds(due.age(now)));
        let webhooks = db.webhook_backlog().await?;
        gauge!("pinroute_webhook_messages", "state" => "pending").set(number(webhooks.pending));
        gauge!("pinroute_webhook_messages", "state" => "dead").set(number(webhooks.dead));
        gauge!("pinroute_webhook_oldest_seconds").set(seconds(webhooks.age(now)));
        let (busy, idle) = db.connections();
        gauge!("pinroute_database_connections", "state" => "busy").set(f64::from(busy));
        gauge!("pinroute_database_connections", "state" => "idle").set(f64::from(idle));
        self.notices().measure_sinks().await?;
        Ok(())
    }

    /// Removes expired idempotency keys, sessions and entries of the guard's lists, old webhook deliveries, decisions, back-tests and entries of the audit log, gives up on old messages to
    /// sinks, and stores when API keys were used.
    /// Returns whether more may be left.
    pub async fn sweep(&self) -> Result<bool, StorageError> {
        const BATCH: u64 = 1_000;
        let (db, now) = (&self.core().db, self.now());
        let keys = db.drop_lapsed_keys(now, BATCH.cast_signed()).await?;
        let given_up = self.notices().sweep_sinks(BATCH).await?;
        self.admin().note_key_uses().await?;
        db.drop_lapsed_sessions(now).await?;
        db.drop_lapsed_guard_entries(now).await?;
        db.drop_alarms(now - ALARMS_KEPT).await?;
        db.drop_cells(now - CELLS_KEPT).await?;
        let old = self
            .remove_old(&[Rows::WebhookDeliveries, Rows::Decisions, Rows::Audit])
            .await?;
        Ok(old || keys.max(given_up) == BATCH)
    }

    /// Picks up changes by other replicas: projects, keys, rates, pauses.
    pub async fn refresh(&self) {
        let core = self.core();
        if let Err(error) = core.directory.refresh().await {
            tracing::warn!(%error, "cannot refresh projects and keys; the last known ones stay valid");
        }
        if let Err(error) = self.finance().refresh_tariffs().await {
            tracing::warn!(%error, "cannot refresh rates; the last known ones stay valid");
        }
        let providers = core.providers.iter();
        let names: Vec<String> = providers
            .map(|slot| slot.provider.name().to_owned())
            .collect();
        core.shared.pauses.listen(&names).await;
        let paused = self.pauses();
        for name in names {
            let is_paused = paused.iter().any(|pause| pause.provider == name);
            gauge!("pinroute_provider_paused", "provider" => name)
                .set(f64::from(u8::from(is_paused)));
        }
        if self.has_redis() {
            let up = !self.is_degraded().await;
            gauge!("pinroute_redis_up").set(f64::from(u8::from(up)));
        }
    }
}

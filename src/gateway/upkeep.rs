//! Upkeep across the rooms, run by `jobs`: clock check, removal of expired rows, changes by other replicas.

use std::time::{Duration, Instant};

use uuid::Uuid;

use super::handle::Gateway;
use crate::storage::{KeptByWeek, StorageError};
use crate::verification::span;

/// For how long verifications are moved in one run.
const MOVING: Duration = Duration::from_secs(5);
/// A replica that was alive this long ago may still run.
const SEEN: Duration = Duration::from_secs(30);
/// The form of rows that a build must read before verifications are moved.
const IN_THE_PAST: i64 = 1;

impl Gateway {
    /// Replicas judge leases by their own clocks, so a clock that is too far off would take over work that is still
    /// running.
    pub async fn check_clock(&self) {
        const TOLERATED_SECONDS: f64 = 1.0;
        match self.core().db.clock_skew(self.now()).await {
            Ok(skew) => {
                metrics::gauge!("pinroute_clock_skew_seconds").set(skew);
                if skew.abs() > TOLERATED_SECONDS {
                    tracing::error!(
                        alarm = true,
                        skew,
                        "the clocks of this machine and of the database differ; synchronize them with NTP"
                    );
                }
            }
            Err(error) => tracing::debug!(%error, "cannot read the database's clock"),
        }
    }

    /// Moves verifications that are over out of the hot table, for some seconds at most; not while a replica runs that would not
    /// find them there. Returns how many were moved.
    pub async fn move_to_past(&self) -> Result<u64, StorageError> {
        let (db, now) = (&self.core().db, self.now());
        if !db.all_know(IN_THE_PAST, span::before(now, SEEN)).await? {
            return Ok(0);
        }
        let (began, mut count, mut after) = (Instant::now(), 0, Uuid::nil());
        loop {
            let chunk = Instant::now();
            let moved = db.move_to_past(after, now).await?;
            count += moved.count;
            metrics::counter!("pinroute_past_moved_total").increment(moved.count);
            match moved.next {
                Some(next) if began.elapsed() < MOVING => after = next,
                _ => return Ok(count),
            }
            // Callers go first: the database has as much time for them alone as each chunk took.
            tokio::time::sleep(chunk.elapsed()).await;
        }
    }

    /// Makes the partitions of the coming weeks and drops those that are too old; on SQLite, removes up to a thousand old
    /// verifications. Returns whether more may be left.
    pub async fn keep_partitions(&self) -> Result<bool, StorageError> {
        const BATCH: i64 = 1_000;
        let (core, now) = (self.core(), self.now());
        let kept = core.settings.kept;
        core.db.make_partitions(now).await?;
        let before = span::before(now, kept.verifications);
        for (table, before) in [
            (KeptByWeek::Verifications, before),
            (
                KeptByWeek::WebhookDeliveries,
                span::before(now, kept.webhook_deliveries),
            ),
        ] {
            for partition in core.db.drop_partitions(table, before).await? {
                tracing::info!(partition, "dropped: its retention is over");
            }
        }
        if !core.db.is_alone() {
            return Ok(false);
        }
        let gone = core.db.drop_past(before, BATCH).await?;
        Ok(gone == BATCH.cast_unsigned())
    }

    /// Removes expired idempotency keys, sessions and entries of the guard's lists, and old webhook deliveries, gives up on old messages to
    /// sinks, and stores when API keys were used.
    /// Returns whether more may be left.
    pub async fn sweep(&self) -> Result<bool, StorageError> {
        const BATCH: u64 = 1_000;
        let (db, now) = (&self.core().db, self.now());
        let keys = db.drop_lapsed_keys(now, BATCH.cast_signed()).await?;
        let messages = self.notices().sweep_deliveries(BATCH).await?;
        let given_up = self.notices().sweep_sinks(BATCH).await?;
        self.admin().note_key_uses().await?;
        db.drop_lapsed_sessions(now).await?;
        db.drop_lapsed_guard_entries(now).await?;
        Ok(keys.max(messages).max(given_up) == BATCH)
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
            metrics::gauge!("pinroute_provider_paused", "provider" => name)
                .set(f64::from(u8::from(is_paused)));
        }
        if self.has_redis() {
            let up = !self.is_degraded().await;
            metrics::gauge!("pinroute_redis_up").set(f64::from(u8::from(up)));
        }
    }
}

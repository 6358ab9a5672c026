//! Upkeep across the rooms, run by `jobs`: clock check, removal of expired rows, changes by other replicas.

use super::handle::Gateway;
use crate::storage::StorageError;

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

    /// Removes expired idempotency keys, sessions and entries of the guard's lists, and old webhook deliveries, and stores when API
    /// keys were used.
    /// Returns whether more may be left.
    pub async fn sweep(&self) -> Result<bool, StorageError> {
        const BATCH: u64 = 1_000;
        let (db, now) = (&self.core().db, self.now());
        let keys = db.drop_lapsed_keys(now, BATCH.cast_signed()).await?;
        let messages = self.notices().sweep_deliveries(BATCH).await?;
        self.admin().note_key_uses().await?;
        db.drop_lapsed_sessions(now).await?;
        db.drop_lapsed_guard_entries(now).await?;
        Ok(keys.max(messages) == BATCH)
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

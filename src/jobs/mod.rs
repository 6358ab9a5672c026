//! Schedules background work: how often it runs, never what it does. To add a job: a period and a line in [`start`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::gateway::{Gateway, LEASE, StorageError};

/// How often the database is polled for due work. Steps wait for whole seconds, so this is fine enough.
const LOOK: Duration = Duration::from_millis(200);
/// Verifications claimed per poll.
const BATCH: usize = 128;
const REFRESH: Duration = Duration::from_millis(500);
/// The longest run of a job, so that a database that stops responding cannot block a worker forever.
const LIMIT: Duration = Duration::from_secs(10);
/// How often recent changes are added to the report sums, and calls of integrations are stored.
const SUM: Duration = Duration::from_secs(1);
/// How often budgets and balances are checked for alerts.
const WATCH: Duration = Duration::from_secs(5);
/// How often replicas tell one another what the guard counts.
const SWAP: Duration = Duration::from_millis(250);
/// How often the databases of addresses are looked at.
const ADDRESSES: Duration = Duration::from_secs(15);
const SWEEP: Duration = Duration::from_secs(60);
/// How often backlogs and balances are read for the metrics, and the ages of jobs.
const MEASURE: Duration = Duration::from_secs(5);
const AGES: Duration = Duration::from_secs(5);
/// How often the clock is set by the database's.
const CLOCK: Duration = Duration::from_secs(10);
/// How often verifications that are over are moved out of the hot table.
const MOVE: Duration = Duration::from_secs(10);
/// How often what has passed its age is erased.
const AGE: Duration = Duration::from_secs(10);

/// When each job last ended well.
#[derive(Clone, Debug, Default)]
struct Ended(Arc<Mutex<Vec<(&'static str, Instant)>>>);

impl Ended {
    fn lock(&self) -> MutexGuard<'_, Vec<(&'static str, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn well(&self, job: &'static str) {
        let mut all = self.lock();
        match all.iter_mut().find(|(known, _)| *known == job) {
            Some((_, at)) => *at = Instant::now(),
            None => all.push((job, Instant::now())),
        }
    }

    /// Records how long ago that was. Somebody else must say so of a job that is stuck.
    fn measure(&self) {
        for (job, at) in &*self.lock() {
            metrics::gauge!("pinroute_job_age_seconds", "task" => *job)
                .set(at.elapsed().as_secs_f64());
        }
    }
}

type Work = BoxFuture<'static, Result<(), StorageError>>;

/// A job as metrics name it, how often it runs, and what it does.
type Job = (&'static str, Duration, fn(Gateway) -> Work);

const JOBS: &[Job] = &[
    ("due_verifications", LOOK, |gateway| {
        Box::pin(work_on_due(gateway))
    }),
    ("due_webhooks", LOOK, |gateway| {
        Box::pin(async move { gateway.notices().start_deliveries().await.map(|_| ()) })
    }),
    ("due_reports", LOOK, |gateway| {
        Box::pin(async move { gateway.verify().start_reports().await.map(|_| ()) })
    }),
    ("sinks", LOOK, |gateway| {
        Box::pin(async move { gateway.notices().start_sinks().await.map(|_| ()) })
    }),
    ("refresh", REFRESH, |gateway| {
        Box::pin(async move {
            gateway.refresh().await;
            Ok(())
        })
    }),
    ("report_sums", SUM, |gateway| Box::pin(sum(gateway))),
    ("guard_figures", SWAP, |gateway| {
        Box::pin(async move {
            gateway.verify().swap_figures().await;
            Ok(())
        })
    }),
    ("guard_cells", SWEEP, |gateway| {
        Box::pin(async move { gateway.verify().save_figures().await })
    }),
    ("guard_decisions", SUM, |gateway| {
        Box::pin(async move { gateway.verify().store_decisions(false).await })
    }),
    ("guard_blocks", WATCH, |gateway| {
        Box::pin(async move { gateway.verify().end_alarms().await })
    }),
    ("guard_replays", SUM, |gateway| {
        Box::pin(async move { gateway.verify().start_replay().await })
    }),
    ("ip_database", ADDRESSES, |gateway| {
        Box::pin(async move {
            gateway.refresh_ip_database().await;
            Ok(())
        })
    }),
    ("integration_calls", SUM, |gateway| {
        Box::pin(async move { gateway.admin().store_calls().await })
    }),
    ("budgets_and_balances", WATCH, |gateway| {
        Box::pin(watch(gateway))
    }),
    ("clock", CLOCK, |gateway| {
        Box::pin(async move { gateway.measure_clock().await })
    }),
    ("past_verifications", MOVE, |gateway| {
        Box::pin(async move { gateway.move_to_past().await.map(|_| ()) })
    }),
    ("ages", AGE, |gateway| {
        Box::pin(async move { gateway.apply_ages().await.map(|_| ()) })
    }),
    ("expired_rows", SWEEP, |gateway| Box::pin(sweep(gateway))),
    ("metrics", MEASURE, |gateway| {
        Box::pin(async move { gateway.measure().await })
    }),
];

/// Starts the workers, which end when `stop` is cancelled. Work that they have started continues in the gateway's
/// tasks.
pub fn start(gateway: &Gateway, stop: &CancellationToken) -> TaskTracker {
    let workers = TaskTracker::new();
    let ended = Ended::default();
    let every = |job: &'static str, period: Duration, what: fn(Gateway) -> Work| {
        let (gateway, stop, ended) = (gateway.clone(), stop.clone(), ended.clone());
        ended.well(job);
        workers.spawn(async move {
            let mut ticks = tokio::time::interval(period);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = ticks.tick() => match tokio::time::timeout(LIMIT, what(gateway.clone())).await {
                        Ok(Ok(())) => ended.well(job),
                        Ok(Err(error)) => tracing::warn!(job, %error, "a background job failed; it will run again"),
                        Err(_) => tracing::warn!(job, "a background job timed out; it will run again"),
                    }
                }
            }
        });
    };
    for (job, period, what) in JOBS {
        every(job, *period, *what);
    }
    let until = stop.clone();
    workers.spawn(async move {
        let mut ticks = tokio::time::interval(AGES);
        while until.run_until_cancelled(ticks.tick()).await.is_some() {
            ended.measure();
        }
    });
    let (hearing, until) = (gateway.clone(), stop.clone());
    workers.spawn(async move { hearing.live().follow_replicas(&until).await });
    workers.close();
    // Keep renewing leases while work runs, even after the other workers have stopped.
    let gateway = gateway.clone();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(LEASE / 3);
        loop {
            ticks.tick().await;
            if gateway.tasks().is_closed() && gateway.tasks().is_empty() {
                return;
            }
            match tokio::time::timeout(LEASE, gateway.verify().renew_leases()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "cannot renew leases"),
                Err(_) => tracing::warn!("timed out renewing leases"),
            }
        }
    });
    workers
}

/// Counts for the guard what was sent before this start, as soon as that can be read.
pub async fn recall(gateway: Gateway, start: DateTime<Utc>, stop: CancellationToken) {
    let mut wait = Duration::from_secs(1);
    while let Some(recalled) = stop
        .run_until_cancelled(gateway.verify().recall_figures(start))
        .await
    {
        match recalled {
            Ok(verifications) => {
                tracing::debug!(verifications, "the guard knows the last day");
                return;
            }
            Err(error) => {
                tracing::warn!(%error, "the guard does not know yet what was sent before this start");
            }
        }
        if stop
            .run_until_cancelled(tokio::time::sleep(wait))
            .await
            .is_none()
        {
            return;
        }
        wait = (wait * 2).min(Duration::from_secs(60));
    }
}

async fn work_on_due(gateway: Gateway) -> Result<(), StorageError> {
    let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
    while gateway.verify().work_on_due(limit).await? == BATCH {}
    Ok(())
}

async fn sum(gateway: Gateway) -> Result<(), StorageError> {
    while gateway.finance().sum_tallies().await? {
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn watch(gateway: Gateway) -> Result<(), StorageError> {
    gateway.finance().watch_budgets().await?;
    gateway.finance().watch_balances().await?;
    Ok(())
}

async fn sweep(gateway: Gateway) -> Result<(), StorageError> {
    while gateway.keep_partitions().await? {
        tokio::task::yield_now().await;
    }
    while gateway.sweep().await? {
        tokio::task::yield_now().await;
    }
    Ok(())
}

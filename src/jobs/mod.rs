//! Schedules background work: how often it runs, never what it does. To add a job: a period and a line in [`start`].

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::gateway::{Gateway, LEASE};

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
/// How often what waits for sinks is counted.
const MEASURE: Duration = Duration::from_secs(15);
const SWEEP: Duration = Duration::from_secs(60);
/// How often verifications that are over are moved out of the hot table.
const MOVE: Duration = Duration::from_secs(10);

/// Starts the workers, which end when `stop` is cancelled. Work that they have started continues in the gateway's
/// tasks.
pub fn start(gateway: &Gateway, stop: &CancellationToken) -> TaskTracker {
    let workers = TaskTracker::new();
    let every =
        |job: &'static str,
         period: Duration,
         what: fn(Gateway) -> futures_util::future::BoxFuture<'static, ()>| {
            let (gateway, stop) = (gateway.clone(), stop.clone());
            workers.spawn(async move {
                let mut ticks = tokio::time::interval(period);
                ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
                loop {
                    tokio::select! {
                        () = stop.cancelled() => return,
                        _ = ticks.tick() => {
                        if tokio::time::timeout(LIMIT, what(gateway.clone())).await.is_err() {
                            tracing::warn!(job, "a background job timed out; it will run again");
                        }
                    }
                    }
                }
            });
        };
    every("due verifications", LOOK, |gateway| {
        Box::pin(work_on_due(gateway))
    });
    every("due webhook messages", LOOK, |gateway| {
        Box::pin(start_deliveries(gateway))
    });
    every("due reports", LOOK, |gateway| {
        Box::pin(start_reports(gateway))
    });
    every("due messages to sinks", LOOK, |gateway| {
        Box::pin(start_sinks(gateway))
    });
    every("what waits for sinks", MEASURE, |gateway| {
        Box::pin(measure_sinks(gateway))
    });
    every("refresh", REFRESH, |gateway| {
        Box::pin(async move { gateway.refresh().await })
    });
    every("report sums", SUM, |gateway| Box::pin(sum(gateway)));
    every("calls of integrations", SUM, |gateway| {
        Box::pin(store_calls(gateway))
    });
    every("budgets and balances", WATCH, |gateway| {
        Box::pin(watch(gateway))
    });
    every("past verifications", MOVE, |gateway| {
        Box::pin(move_to_past(gateway))
    });
    every("expired rows", SWEEP, |gateway| Box::pin(sweep(gateway)));
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

async fn work_on_due(gateway: Gateway) {
    loop {
        match gateway
            .verify()
            .work_on_due(i64::try_from(BATCH).unwrap_or(i64::MAX))
            .await
        {
            Ok(count) if count == BATCH => {}
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(%error, "cannot read due verifications");
                return;
            }
        }
    }
}

async fn start_deliveries(gateway: Gateway) {
    if let Err(error) = gateway.notices().start_deliveries().await {
        tracing::warn!(%error, "cannot read due webhook messages");
    }
}

async fn start_sinks(gateway: Gateway) {
    if let Err(error) = gateway.notices().start_sinks().await {
        tracing::warn!(%error, "cannot read due messages to sinks");
    }
}

async fn measure_sinks(gateway: Gateway) {
    if let Err(error) = gateway.notices().measure_sinks().await {
        tracing::warn!(%error, "cannot count what waits for sinks");
    }
}

async fn start_reports(gateway: Gateway) {
    if let Err(error) = gateway.verify().start_reports().await {
        tracing::warn!(%error, "cannot read due reports");
    }
}

async fn sum(gateway: Gateway) {
    loop {
        match gateway.finance().sum_tallies().await {
            Ok(true) => tokio::task::yield_now().await,
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(%error, "cannot update the report sums");
                return;
            }
        }
    }
}

async fn store_calls(gateway: Gateway) {
    if let Err(error) = gateway.admin().store_calls().await {
        tracing::warn!(%error, "cannot store the last calls of integrations");
    }
}

async fn watch(gateway: Gateway) {
    if let Err(error) = gateway.finance().watch_budgets().await {
        tracing::warn!(%error, "cannot check budgets");
    }
    if let Err(error) = gateway.finance().watch_balances().await {
        tracing::warn!(%error, "cannot check balances");
    }
}

async fn move_to_past(gateway: Gateway) {
    if let Err(error) = gateway.move_to_past().await {
        tracing::warn!(%error, "cannot move verifications that are over");
    }
}

async fn sweep(gateway: Gateway) {
    gateway.check_clock().await;
    loop {
        match gateway.keep_partitions().await {
            Ok(true) => tokio::task::yield_now().await,
            Ok(false) => break,
            Err(error) => {
                tracing::warn!(%error, "cannot make or drop partitions");
                break;
            }
        }
    }
    loop {
        match gateway.sweep().await {
            Ok(true) => tokio::task::yield_now().await,
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(%error, "cannot remove expired rows");
                return;
            }
        }
    }
}

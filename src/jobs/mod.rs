//! When background work runs, never what it is: due verifications, leases, the copies of what replicas share.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::gateway::{Gateway, LEASE};

/// How often the store is asked for what is due: a step's wait is whole seconds.
const LOOK: Duration = Duration::from_millis(200);
/// Verifications taken at one look.
const BATCH: usize = 128;
const REFRESH: Duration = Duration::from_millis(500);
/// A database host that has gone without a word must not hold a worker for ever.
const LIMIT: Duration = Duration::from_secs(10);
/// How often what changes have added to the reports is summed.
const SUM: Duration = Duration::from_secs(1);
/// How often budgets and balances are looked at.
const WATCH: Duration = Duration::from_secs(5);
const SWEEP: Duration = Duration::from_secs(60);

/// Starts the workers; they end when `stop` is cancelled. Work that they began goes on in the gateway's own tasks.
pub fn start(gateway: &Gateway, stop: &CancellationToken) -> TaskTracker {
    let workers = TaskTracker::new();
    let every =
        |period: Duration, what: fn(Gateway) -> futures_util::future::BoxFuture<'static, ()>| {
            let (gateway, stop) = (gateway.clone(), stop.clone());
            workers.spawn(async move {
                let mut ticks = tokio::time::interval(period);
                ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
                loop {
                    tokio::select! {
                        () = stop.cancelled() => return,
                        _ = ticks.tick() => {
                        if tokio::time::timeout(LIMIT, what(gateway.clone())).await.is_err() {
                            tracing::warn!("background work took too long and is tried again");
                        }
                    }
                    }
                }
            });
        };
    every(LOOK, |gateway| Box::pin(work_on_due(gateway)));
    every(LOOK, |gateway| Box::pin(tell_projects(gateway)));
    every(REFRESH, |gateway| {
        Box::pin(async move { gateway.refresh().await })
    });
    every(SUM, |gateway| Box::pin(sum(gateway)));
    every(WATCH, |gateway| Box::pin(watch(gateway)));
    every(SWEEP, |gateway| Box::pin(sweep(gateway)));
    let (hearing, until) = (gateway.clone(), stop.clone());
    workers.spawn(async move { hearing.live().follow_replicas(&until).await });
    workers.close();
    // Leases are renewed for as long as work runs, also after the rest has stopped.
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
                Ok(Err(error)) => tracing::warn!(%error, "leases could not be renewed"),
                Err(_) => tracing::warn!("leases could not be renewed in time"),
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
                tracing::warn!(%error, "what is due could not be read");
                return;
            }
        }
    }
}

async fn tell_projects(gateway: Gateway) {
    if let Err(error) = gateway.notices().tell_projects().await {
        tracing::warn!(%error, "messages that are due could not be read");
    }
}

async fn sum(gateway: Gateway) {
    loop {
        match gateway.finance().sum_tallies().await {
            Ok(true) => tokio::task::yield_now().await,
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(%error, "the reports' sums could not be brought up to date");
                return;
            }
        }
    }
}

async fn watch(gateway: Gateway) {
    if let Err(error) = gateway.finance().watch_budgets().await {
        tracing::warn!(%error, "budgets could not be looked at");
    }
    if let Err(error) = gateway.finance().watch_balances().await {
        tracing::warn!(%error, "balances could not be looked at");
    }
}

async fn sweep(gateway: Gateway) {
    gateway.check_clock().await;
    loop {
        match gateway.sweep().await {
            Ok(true) => tokio::task::yield_now().await,
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(%error, "what has lapsed could not be removed");
                return;
            }
        }
    }
}

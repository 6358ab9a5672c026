//! Logs (text on a terminal, JSON elsewhere), the metrics recorder, and the exporter of traces. To add a metric: record it where it
//! happens, and describe it in `describe`.

pub mod described;
mod export;
mod otlp;

use std::io::IsTerminal;
use std::str::FromStr;
use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::config::{Log, LogFormat};

pub use export::{Exporter, start as start_traces};

/// Sends logs to standard error. `traces`: spans are kept for the exporter, whatever is logged. A second call changes nothing.
pub fn start_logs(log: &Log, traces: bool) -> Result<(), String> {
    let said = Targets::from_str(&log.level).map_err(|error| format!("log.level: {error}"))?;
    // actix announces each listener, including the simulator's. Only our own `listening` line is documented.
    let quiet = Targets::new()
        .with_target("actix_server", tracing::Level::WARN)
        // Anyone can send a malformed request; that is not our error.
        .with_target("actix_http", LevelFilter::OFF)
        // It logs phone numbers.
        .with_target("rlibphonenumber", LevelFilter::OFF)
        .with_target("sqlx::postgres::notice", LevelFilter::WARN);
    // A bare `debug` is about our own lines, not the database driver's.
    let level = said.default_level().unwrap_or(LevelFilter::INFO);
    let filter = quiet.with_target("pinroute", level).with_targets(
        said.iter()
            .map(|(target, level)| (target.to_owned(), level)),
    );
    let is_silent = !traces && log.level.eq_ignore_ascii_case("off");
    let lines = if log.requests {
        LevelFilter::INFO
    } else {
        LevelFilter::OFF
    };
    let filter = filter
        .with_default(level.min(LevelFilter::INFO))
        // What lines are about, and where they are in a trace, does not depend on which lines are logged.
        .with_target(
            "pinroute::span",
            if is_silent {
                LevelFilter::OFF
            } else {
                LevelFilter::ERROR
            },
        )
        .with_target("pinroute::requests", lines);
    let terminal = std::io::stderr().is_terminal();
    let json = match log.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !terminal,
    };
    // One global filter: a per-layer filter can swallow one of our lines after a dependency's line was filtered.
    let layer = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(terminal);
    let layer = if json {
        layer
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(true)
            .boxed()
    } else {
        layer.with_target(false).compact().boxed()
    };
    let _ = tracing_subscriber::registry()
        .with(filter)
        .with(layer)
        .try_init();
    Ok(())
}

/// Installs the process-wide metrics recorder and returns the handle that renders it.
pub fn metrics() -> Result<PrometheusHandle, String> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let seconds = [
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    ];
    let changes = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
    let recorder = PrometheusBuilder::new()
        .set_buckets(&seconds)
        .and_then(|builder| {
            let group = Matcher::Full("pinroute_commit_group_changes".to_owned());
            builder.set_buckets_for_metric(group, &changes)
        })
        .map_err(|error| error.to_string())?
        .build_recorder();
    let handle = HANDLE.get_or_init(|| recorder.handle()).clone();
    // In tests, another thread may have installed the recorder first.
    if metrics::set_global_recorder(recorder).is_ok() {
        described::describe();
        let version = env!("CARGO_PKG_VERSION");
        metrics::gauge!("pinroute_build_info", "version" => version).set(1);
    }
    Ok(handle)
}

//! `pinroute serve`, which is also the default command: runs the server until SIGTERM or SIGINT.

use std::path::Path;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Failure, runtime, say, settings};
use crate::app::{App, Background, Sandbox};
use crate::clock::Clock;
use crate::config::Database;
use crate::telemetry;

pub fn run(file: Option<&Path>) -> Result<(), Failure> {
    let (settings, warnings) = settings::read(file)?;
    let traces = settings.telemetry.otlp_endpoint.is_some();
    telemetry::start_logs(&settings.log, traces).map_err(|fault| Failure::Wrong(vec![fault]))?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    // Each send to a slow provider holds a connection, so the usual limit of open files may be too low.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
    runtime()?.block_on(async {
        // Replicas share the database's time. One that serves a file is alone.
        let clock = match settings.database {
            Database::Postgres { .. } => Clock::steered(),
            Database::Sqlite { .. } => Clock::system(),
        };
        let mut signals = Signals::listen()?;
        let starting = Box::pin(App::start(settings, clock, Background::Runs));
        let app = tokio::select! {
            app = starting => app?,
            () = signals.next() => {
                tracing::info!("stopped before the start had ended");
                return Ok(());
            }
        };
        if let Some(sandbox) = &app.sandbox {
            welcome(&app, sandbox);
        } else if let Some(link) = &app.dashboard_link {
            say(&format!("Create the first dashboard user: {link}"));
        }
        signals.next().await;
        app.drain(signals.next()).await;
        tracing::info!(
            "stopping: open connections end with their next answer, then work in flight is finished"
        );
        app.stop().await;
        Ok(())
    })
}

/// Prints the sandbox's addresses and commands ready to paste.
fn welcome(app: &App, sandbox: &Sandbox) {
    let dashboard = app.dashboard_link.as_deref().unwrap_or_default();
    let (api, phones, key) = (&app.public_url, sandbox.simulator, &sandbox.api_key);
    say(&format!(
        "
Pinroute is running as a SANDBOX: no provider is configured, and messages go to simulated phones.

  API       {api}     its documentation: {api}/docs
  Phones    http://{phones}     open it: a sign-up form, messages as they arrive, numbers that misbehave
  Dashboard {dashboard}     works once, for an hour
  API key   {key}

Send a code:

  curl -s {api}/v1/verifications -H 'Authorization: Bearer {key}' \\
    -H 'Content-Type: application/json' -d '{{\"phone_number\":\"+998901234567\"}}'

It arrives after a second. Read it, then check it with the id from the first response:

  curl -s http://{phones}/phones/+998901234567/messages

  curl -s {api}/v1/verifications/ID/check -H 'Authorization: Bearer {key}' \\
    -H 'Content-Type: application/json' -d '{{\"code\":\"CODE\"}}'
"
    ));
}

/// SIGTERM and SIGINT, which ask the program to stop.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub fn listen() -> Result<Self, Failure> {
        let failed =
            |error: std::io::Error| Failure::Failed(format!("cannot listen for signals: {error}"));
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
        })
    }

    /// Waits for the next signal.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

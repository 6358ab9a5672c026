//! `pinroute` and `pinroute serve`

use std::path::Path;

use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, runtime, say, settings};
use crate::app::{App, Background, Sandbox};
use crate::clock::Clock;
use crate::telemetry;

pub fn run(file: Option<&Path>) -> Result<(), Failure> {
    let settings = settings::load(file)?;
    telemetry::start_logs(&settings.log).map_err(|fault| Failure::Wrong(vec![fault]))?;
    // Each send to a slow provider holds a connection.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    runtime()?.block_on(async {
        let app = App::start(settings, Clock::system(), Background::Runs).await?;
        if let Some(sandbox) = &app.sandbox {
            welcome(&app, sandbox);
        } else if let Some(link) = &app.dashboard_link {
            say(&format!("Make the first user of the dashboard: {link}"));
        }
        until_told_to_stop().await?;
        tracing::info!("stopping: nothing new is taken, what is in flight is finished");
        app.stop().await;
        Ok(())
    })
}

/// What a newcomer needs, ready to paste.
fn welcome(app: &App, sandbox: &Sandbox) {
    let dashboard = app.dashboard_link.as_deref().unwrap_or_default();
    let (api, phones, key) = (app.address, sandbox.simulator, &sandbox.api_key);
    say(&format!(
        "
Pinroute runs as a SANDBOX: no provider is configured, and messages go to simulated phones.

  API       http://{api}     its documentation: http://{api}/docs
  Phones    http://{phones}     open it: a sign-up form, messages as they arrive, numbers that misbehave
  Dashboard {dashboard}     works once, for an hour
  API key   {key}

Send a code:

  curl -s http://{api}/v1/verifications -H 'Authorization: Bearer {key}' \\
    -H 'Content-Type: application/json' -d '{{\"phone_number\":\"+998901234567\"}}'

See it arrive after a second, then check it, with the id from the first answer:

  curl -s http://{phones}/phones/+998901234567/messages

  curl -s http://{api}/v1/verifications/ID/check -H 'Authorization: Bearer {key}' \\
    -H 'Content-Type: application/json' -d '{{\"code\":\"CODE\"}}'
"
    ));
}

/// SIGTERM or SIGINT.
pub async fn until_told_to_stop() -> Result<(), Failure> {
    let failed =
        |error: std::io::Error| Failure::Failed(format!("signals cannot be heard: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

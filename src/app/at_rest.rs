//! The gateway for a command that reads: without servers and workers.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::error::{StartupError, failed, lines};
use super::providers;
use super::wiring::{gateway_settings, outbound};
use crate::channels::transport::HttpClient;
use crate::clock::Clock;
use crate::config::Settings;
use crate::gateway::Gateway;
use crate::secret::Vault;
use crate::shared_state::SharedState;
use crate::storage::Db;

/// It sends nothing, and asks nobody but the database.
pub async fn at_rest(
    settings: &Settings,
    clock: Clock,
    vault: Arc<Vault>,
    db: Db,
) -> Result<Gateway, StartupError> {
    let sandbox = settings
        .sandbox_mode()
        .map_err(|faults| StartupError::Configuration(lines(&faults)))?;
    let shared = SharedState::new(None, &vault.installation(), &clock);
    let client = HttpClient::new().map_err(failed)?;
    let simulator = sandbox.then_some(settings.simulator_listen);
    let providers = providers::build(settings, simulator, &settings.public_url, &client);
    let outbound = outbound(settings, providers)?;
    let told = gateway_settings(settings, settings.public_url.clone(), sandbox);
    let keys = (vault, db.trace_key().await.map_err(failed)?);
    let stop = CancellationToken::new();
    let gateway = Gateway::new(told, clock, keys, db, shared, outbound, stop);
    gateway.directory().refresh().await.map_err(failed)?;
    gateway.refresh().await;
    Ok(gateway)
}

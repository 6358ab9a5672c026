//! What the gateway is built with: its settings, and its outbound connections.

use std::sync::Arc;

use super::error::{StartupError, failed};
use super::faces::dialects_of;
use super::policies::{kept, policies};
use super::reached::redis_authorities;
use crate::channels::Provider;
use crate::config::Settings;
use crate::gateway::{self, Outbound};
use crate::ip_database::IpDatabase;
use crate::webhooks::client::Client;
use crate::webhooks::sinks::Sink;
use crate::{api, simulator};

/// What the gateway does not read itself.
pub(super) fn gateway_settings(
    settings: &Settings,
    public_url: String,
    sandbox: bool,
) -> gateway::Settings {
    gateway::Settings {
        public_url,
        unknown_after: settings.unknown_after,
        kept: kept(settings),
        reporting_currency: settings.reporting_currency,
        policies: Arc::new(policies(settings)),
        unlimited: if sandbox {
            |phone| simulator::is_magic(phone.as_str())
        } else {
            |_| false
        },
        dialects: dialects_of(settings)
            .iter()
            .map(|offered| offered.dialect)
            .collect(),
        ip_database: Arc::new(IpDatabase::new(&settings.guard.ip_databases)),
        figures_bytes: settings.guard.max_bytes,
        outbox_max_age: settings.events.outbox_max_age,
        render: api::verification_json,
        tracer: None,
    }
}

/// The ways out; nothing is connected yet.
pub(super) fn outbound(
    settings: &Settings,
    providers: Vec<Arc<dyn Provider>>,
) -> Result<Outbound, StartupError> {
    Ok(Outbound {
        providers,
        webhooks: Client::new(settings.webhooks.allow_private).map_err(failed)?,
        sinks: sinks(settings)?,
    })
}

/// The configured sinks; nothing is opened yet.
pub fn sinks(settings: &Settings) -> Result<Vec<Sink>, StartupError> {
    let authorities = redis_authorities(settings)?;
    let sinks = settings.events.sinks.iter();
    let sinks = sinks.map(|sink| {
        Sink::new(sink, authorities.as_deref()).map_err(|fault| {
            StartupError::Configuration(format!("events.sinks: `{}`: {fault}", sink.name))
        })
    });
    sinks.collect()
}

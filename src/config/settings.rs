//! A checked configuration.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::database::{Database, Links};
use crate::channels::{Configured, catalog};
use crate::money::Currency;
use crate::reader::{Fault, Secret, url};
use crate::secret::SecretKey;
use crate::verification::policy::Policy;
use crate::verification::route::Channel;
use crate::webhooks::sinks::settings::Events;

/// Each field is documented in `defaults.toml`.
#[derive(Clone, Debug)]
pub struct Settings {
    pub listen: SocketAddr,
    /// An http(s) URL without a trailing slash.
    pub public_url: String,
    pub trusted_proxies: Vec<IpNet>,
    pub database: Database,
    /// With its password left out.
    pub database_url_shown: String,
    pub redis_url: Option<Secret>,
    pub links: Links,
    /// `None` only with a database file: then the key in the file next to it is used.
    pub secret_key: Option<SecretKey>,
    pub previous_secret_keys: Vec<SecretKey>,
    /// Of the company; empty: not given.
    pub operator_name: String,
    pub reporting_currency: Currency,
    pub simulator_listen: SocketAddr,
    /// Hosts and http(s) origins.
    pub simulator_callbacks: Vec<String>,
    /// As configured; [`Settings::sandbox_mode`] decides.
    pub sandbox: Option<bool>,
    pub metrics_listen: Option<SocketAddr>,
    pub migrate_on_start: bool,
    pub drain: Duration,
    pub shutdown_grace: Duration,
    pub unknown_after: Duration,
    /// `None`: as many as there are cores.
    pub workers: Option<usize>,
    pub log: Log,
    pub telemetry: Telemetry,
    pub webhooks: Webhooks,
    pub retention: Retention,
    pub guard: Guard,
    pub events: Events,
    pub dialects: Dialects,
    /// In the order in which they are tried within a channel.
    pub providers: Vec<Configured>,
    /// The policy of projects that set none of their own.
    pub defaults: Policy,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    /// `info`, or by target: `pinroute=debug,info`.
    pub level: String,
    /// A line for each request.
    pub requests: bool,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Auto,
            level: "info".to_owned(),
            requests: false,
        }
    }
}

/// Where traces go.
#[derive(Clone, Debug, PartialEq)]
pub struct Telemetry {
    /// An http(s) URL without a trailing slash. `None`: nothing is recorded.
    pub otlp_endpoint: Option<String>,
    pub headers: Vec<(String, Secret)>,
    pub service_name: String,
    /// Of the traces that begin here, from 0 to 1.
    pub sample: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    Text,
    Json,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhooks {
    /// Whether addresses in private ranges may be called.
    pub allow_private: bool,
}

/// For how long rows are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// The number of a verification, and what hangs on it.
    pub numbers: Duration,
    /// Who asked for it, as the site described them.
    pub client: Duration,
    pub verifications: Duration,
    pub webhook_deliveries: Duration,
    /// Of the guard.
    pub decisions: Duration,
    /// The audit log.
    pub audit: Duration,
}

/// What the guard keeps in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    pub ip_databases: Vec<PathBuf>,
    pub max_bytes: usize,
}

/// Which APIs of other services are answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialects {
    pub telegram: bool,
    pub twilio: bool,
    pub vonage: bool,
}

impl Dialects {
    /// Those that are switched on, as in `[dialects]`.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        let all = [
            ("telegram", self.telegram),
            ("twilio", self.twilio),
            ("vonage", self.vonage),
        ];
        all.into_iter()
            .filter(|(_, on)| *on)
            .map(|(name, _)| name)
            .collect()
    }
}

impl Settings {
    /// Whether the simulator replaces the providers. By default only if nothing suggests a
    /// deployment (see `sandbox_hindrances`); otherwise only with `sandbox = true`.
    ///
    /// # Errors
    /// The obstacles to starting the sandbox although no provider is configured, or a provider despite `sandbox = true`.
    pub fn sandbox_mode(&self) -> Result<bool, Vec<Fault>> {
        let configured = self.configured_providers();
        let ways = Channel::ALL.map(catalog::how_to_configure);
        match (self.sandbox, configured.is_empty()) {
            (None | Some(false), false) => Ok(false),
            (Some(true), false) => Err(vec![Fault::new(
                "sandbox",
                format!(
                    "`true` would use the simulator instead of {}; remove `sandbox = true` to send for real, \
                     or remove what is configured",
                    configured.join(", ")
                ),
            )]),
            (Some(false), true) => Err(vec![Fault::new(
                "sandbox",
                format!(
                    "`false`, but no provider is configured: {}, or say `sandbox = true`",
                    ways.join(", ")
                ),
            )]),
            (Some(true), true) => none_or(self.sandbox_clashes()).map(|()| true),
            (None, true) => {
                let mut faults = self.sandbox_hindrances();
                if !faults.is_empty() {
                    let missing = format!(
                        "no provider is configured: {}; to try things out with the simulator here, \
                         say `sandbox = true`",
                        ways.join(" or ")
                    );
                    faults.insert(0, Fault::new("telegram.token", missing));
                }
                faults.extend(self.sandbox_clashes());
                none_or(faults).map(|()| true)
            }
        }
    }

    fn configured_providers(&self) -> Vec<String> {
        let accounts = self.providers.iter().map(|provider| &provider.account);
        accounts.map(catalog::describe).collect()
    }

    /// Why the sandbox does not start by itself.
    fn sandbox_hindrances(&self) -> Vec<Fault> {
        const SO: &str = "so sandbox mode does not start by itself";
        let mut faults = Vec::new();
        for (key, address) in [
            ("listen", self.listen),
            ("simulator_listen", self.simulator_listen),
        ] {
            if !address.ip().to_canonical().is_loopback() {
                faults.push(Fault::new(
                    key,
                    format!("`{address}` is not loopback, {SO}"),
                ));
            }
        }
        if url::is_https(&self.public_url) {
            faults.push(Fault::new(
                "public_url",
                format!("`{}` is https, {SO}", self.public_url),
            ));
        }
        if let Database::Postgres { .. } = self.database {
            let shown = &self.database_url_shown;
            faults.push(Fault::new(
                "database_url",
                format!("`{shown}` is not SQLite, {SO}"),
            ));
        }
        faults
    }

    fn sandbox_clashes(&self) -> Vec<Fault> {
        let taken = [
            ("listen", Some(self.listen)),
            ("metrics_listen", self.metrics_listen),
        ];
        let clashing = taken.into_iter().filter(|(_, address)| {
            self.simulator_listen.port() != 0 && *address == Some(self.simulator_listen)
        });
        let fault = |(key, _)| {
            let problem = format!(
                "`{}` is also {key}; give it another port",
                self.simulator_listen
            );
            Fault::new("simulator_listen", problem)
        };
        clashing.map(fault).collect()
    }
}

fn none_or(faults: Vec<Fault>) -> Result<(), Vec<Fault>> {
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

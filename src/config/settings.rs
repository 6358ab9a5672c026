//! What a configuration comes to, once it is found sound.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::database::Database;
use super::sms::SmsProvider;
use crate::money::{Currency, Micros, Money};
use crate::reader::{Fault, Secret, url};
use crate::secret::SecretKey;
use crate::verification::policy::Policy;

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
    /// `None` only with a database file: then the key beside it is used.
    pub secret_key: Option<SecretKey>,
    pub previous_secret_keys: Vec<SecretKey>,
    pub reporting_currency: Currency,
    pub simulator_listen: SocketAddr,
    /// What was said about it; [`Settings::sandbox_mode`] decides.
    pub sandbox: Option<bool>,
    pub metrics_listen: Option<SocketAddr>,
    pub migrate_on_start: bool,
    pub shutdown_grace: Duration,
    pub unknown_after: Duration,
    /// `None`: as many as there are cores.
    pub workers: Option<usize>,
    pub log: Log,
    pub webhooks: Webhooks,
    /// `None` when there is no token.
    pub telegram: Option<Telegram>,
    /// In the order in which they are tried.
    pub sms_providers: Vec<SmsProvider>,
    /// What a project follows where it says nothing itself.
    pub defaults: Policy,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    /// `info`, or by target: `pinroute=debug,info`.
    pub level: String,
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telegram {
    pub token: Secret,
    pub previous_token: Option<Secret>,
    /// Without a trailing slash.
    pub base_url: String,
    pub sender_username: Option<String>,
    pub timeout: Duration,
    pub price: Money,
    /// Below it, webhooks are told.
    pub balance_threshold: Option<Micros>,
}

impl Settings {
    /// Whether the simulator stands in for the providers. Nothing falls back to it silently: by itself it does so only
    /// where nobody else can come by, and elsewhere only when asked.
    ///
    /// # Errors
    /// What keeps the sandbox from starting although no provider is configured, or a provider beside `sandbox = true`.
    pub fn sandbox_mode(&self) -> Result<bool, Vec<Fault>> {
        let configured = self.configured_providers();
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
                "`false`, but no provider is configured: set telegram.token, add an [[sms.providers]], \
                 or say `sandbox = true`",
            )]),
            (Some(true), true) => none_or(self.sandbox_clashes()).map(|()| true),
            (None, true) => {
                let mut faults = self.sandbox_hindrances();
                if !faults.is_empty() {
                    let missing = "no provider is configured: set telegram.token or add an [[sms.providers]]; \
                                   to try things out with the simulator here, say `sandbox = true`";
                    faults.insert(0, Fault::new("telegram.token", missing));
                }
                faults.extend(self.sandbox_clashes());
                none_or(faults).map(|()| true)
            }
        }
    }

    fn configured_providers(&self) -> Vec<String> {
        let telegram = self.telegram.iter().map(|_| "telegram.token".to_owned());
        let sms = self
            .sms_providers
            .iter()
            .map(|provider| format!("SMS provider `{}`", provider.name));
        telegram.chain(sms).collect()
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

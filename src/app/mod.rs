//! The composition root: builds pools, providers, the gateway, servers and workers from the settings, and shuts them
//! down in two steps: accept nothing new, then finish work in flight.

mod error;
mod faces;
mod providers;
mod secret_key;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api;
use crate::channels::transport::HttpClient;
use crate::clock::Clock;
use crate::config::{self, Database, Settings};
use crate::gateway::{
    self, Gateway, Outbound, PolicyBook, PolicyFault, SANDBOX_OWNER, ledger_balances,
};
use crate::jobs;
use crate::secret::Vault;
use crate::shared_state::SharedState;
use crate::simulator::{self, Simulator};
use crate::storage::{Db, Location, NewKey, Options as StoreOptions};
use crate::telemetry;
use crate::web::{self, ServerOptions};
use crate::webhooks::client::Client;

pub use error::StartupError;
pub use faces::{Faces, mounts};
pub use secret_key::vault;

/// The name of the sandbox's Telegram account.
const SANDBOX_TELEGRAM: &str = "telegram";
/// How long closing the database may take at the end.
const CLOSING: Duration = Duration::from_secs(2);

/// The running program.
#[derive(Debug)]
pub struct App {
    pub gateway: Gateway,
    pub address: SocketAddr,
    pub sandbox: Option<Sandbox>,
    /// A one-time link that signs in the sandbox's owner or creates the first owner; `None` on a live server with
    /// users.
    pub dashboard_link: Option<String>,
    stop: CancellationToken,
    server: actix_web::dev::ServerHandle,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
    metrics: Option<actix_web::dev::ServerHandle>,
    workers: TaskTracker,
    grace: Duration,
}

/// What sandbox mode adds to the program.
#[derive(Debug)]
pub struct Sandbox {
    pub simulator: SocketAddr,
    pub api_key: String,
    running: Simulator,
}

/// Whether background work runs by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Background {
    Runs,
    /// Tests run it by name.
    ByHand,
}

impl App {
    /// Starts everything and returns once the server listens.
    pub async fn start(
        settings: Settings,
        clock: Clock,
        background: Background,
    ) -> Result<Self, StartupError> {
        let sandbox = settings
            .sandbox_mode()
            .map_err(|faults| StartupError::Configuration(lines(&faults)))?;
        // Before any metric is recorded.
        let metrics = api::Metrics(telemetry::metrics().map_err(StartupError::Failed)?);
        let listener = bind(settings.listen)?;
        let address = listener.local_addr().map_err(failed)?;
        let public_url = public_url(&settings, address);
        let vault = Arc::new(vault(&settings)?);
        let db = open_db(&settings, Arc::clone(&vault), &clock, true).await?;
        let redis = settings.redis_url.as_ref().map(config::Secret::expose);
        let shared = SharedState::new(redis, &vault.installation(), &clock)
            .map_err(StartupError::Configuration)?;
        let client = HttpClient::new().map_err(failed)?;
        let sandbox = if sandbox {
            Some(start_sandbox(&settings, (&public_url, address), &clock, &vault, &db).await?)
        } else {
            revoke_sandbox(&db, &vault, &clock).await?;
            None
        };
        let simulator = sandbox.as_ref().map(|sandbox| sandbox.simulator);
        let outbound = Outbound {
            providers: providers::build(&settings, simulator, &public_url, &client),
            webhooks: Client::new(settings.webhooks.allow_private).map_err(failed)?,
        };
        let reachable_at = public_url.trim_end_matches('/').to_owned();
        let told = gateway_settings(&settings, public_url);
        let stop = CancellationToken::new();
        let keys = (vault, db.trace_key().await.map_err(failed)?);
        let gateway = Gateway::new(told, clock, keys, db, shared, outbound, stop.clone());
        gateway.directory().refresh().await.map_err(failed)?;
        gateway.refresh().await;
        let budgets = gateway.admin().begin_default_budgets();
        budgets.await.map_err(failed)?;
        let link = dashboard_link(&gateway, sandbox.is_some()).await?;
        let dashboard_link = link.map(|path| format!("{reachable_at}{path}"));
        let workers = match background {
            Background::Runs => jobs::start(&gateway, &stop),
            Background::ByHand => TaskTracker::new(),
        };
        let upkeep = metrics.clone();
        let metrics_elsewhere = settings.metrics_listen.is_some();
        let faces = Faces {
            sandbox: sandbox.is_some(),
            public_url: reachable_at,
            trusted_proxies: settings.trusted_proxies.clone().into(),
            metrics: (!metrics_elsewhere).then(|| metrics.clone()),
        };
        let metrics_server = settings
            .metrics_listen
            .map(|address| serve_metrics(bind(address)?, metrics));
        let metrics = metrics_server.transpose()?;
        let options = ServerOptions {
            workers: settings.workers.unwrap_or_else(cores),
            grace: settings.shutdown_grace,
        };
        let mounts = mounts(&gateway, &faces, &stop);
        let server = web::serve(listener, mounts, options).map_err(failed)?;
        let handle = server.handle();
        let serving = tokio::spawn(server);
        tokio::spawn(keep_up(upkeep, stop.clone()));
        tracing::info!("listening on http://{address}");
        Ok(Self {
            gateway,
            address,
            sandbox,
            dashboard_link,
            stop,
            server: handle,
            serving,
            metrics,
            workers,
            grace: settings.shutdown_grace,
        })
    }

    /// Stops accepting work and finishes work in flight within the grace period. Other replicas take over the rest when
    /// its leases end.
    pub async fn stop(self) {
        self.stop.cancel();
        self.workers.close();
        let finish = async {
            self.server.stop(true).await;
            self.workers.wait().await;
            // Close the tracker only now, because a request that was still being answered may have started a send.
            self.gateway.tasks().close();
            self.gateway.tasks().wait().await;
        };
        if tokio::time::timeout(self.grace, finish).await.is_err() {
            tracing::warn!(
                "some sends are unfinished; another replica takes over when their leases end"
            );
        }
        self.gateway.tasks().close();
        self.serving.abort();
        if let Some(metrics) = self.metrics {
            metrics.stop(false).await;
        }
        if let Some(sandbox) = self.sandbox {
            sandbox.running.stop().await;
        }
        // Sends that outlive the grace period still hold connections; do not wait for them.
        let _ = tokio::time::timeout(CLOSING, self.gateway.close()).await;
    }
}

/// Opens the configured database, for the server (`serve`) or for another command.
pub async fn open_db(
    settings: &Settings,
    vault: Arc<Vault>,
    clock: &Clock,
    serve: bool,
) -> Result<Db, StartupError> {
    let location = location(settings);
    let sqlite = matches!(location, Location::Sqlite(_));
    let options = StoreOptions {
        // On Postgres, only a server with `migrate_on_start` migrates: other commands must not change the schema.
        migrate: sqlite || (serve && settings.migrate_on_start),
        serve,
    };
    Db::open(&location, vault, options, clock.now())
        .await
        .map_err(|error| {
            let message = format!("database_url: {}: {error}", settings.database_url_shown);
            match error {
                crate::storage::OpenError::WrongKey => {
                    StartupError::Configuration(format!("secret_key: {error}"))
                }
                _ => StartupError::Failed(message),
            }
        })
}

#[must_use]
pub fn location(settings: &Settings) -> Location {
    match &settings.database {
        Database::Sqlite { path } => Location::Sqlite(path.clone()),
        Database::Postgres { url } => Location::Postgres(url.expose().to_owned()),
    }
}

/// Anyone with access to the sandbox's machine may have its keys, so neither they nor what they made may work on the live
/// service.
async fn revoke_sandbox(db: &Db, vault: &Vault, clock: &Clock) -> Result<(), StartupError> {
    let (printed, page) = (vault.sandbox_api_key(), vault.sandbox_page_key());
    let secrets = [printed.as_str(), page.as_str()];
    let revoked = db.revoke_with_descendants(secrets, SANDBOX_OWNER, clock.now());
    revoked.await.map_err(failed)
}

fn gateway_settings(settings: &Settings, public_url: String) -> gateway::Settings {
    gateway::Settings {
        public_url,
        unknown_after: settings.unknown_after,
        reporting_currency: settings.reporting_currency,
        policies: Arc::new(policies(settings)),
        render: api::verification_json,
    }
}

/// The path of the one-time link to print: the sandbox owner's, or the first owner's while there is none.
async fn dashboard_link(gateway: &Gateway, sandbox: bool) -> Result<Option<String>, StartupError> {
    let (users, now) = (gateway.admin().users(), gateway.now());
    let link = if sandbox {
        Some(users.sandbox_link(now).await.map_err(failed)?)
    } else {
        users.setup_link(now).await.map_err(failed)?
    };
    Ok(link.map(|link| link.path))
}

async fn start_sandbox(
    settings: &Settings,
    (public_url, address): (&str, SocketAddr),
    clock: &Clock,
    vault: &Vault,
    db: &Db,
) -> Result<Sandbox, StartupError> {
    // The keys are the same at each start, so that examples stay valid.
    let (api_key, page_key) = (vault.sandbox_api_key(), vault.sandbox_page_key());
    let options = simulator::Options {
        clock: clock.clone(),
        telegram_token: None,
        gateway: Some(simulator::Gateway {
            url: public_url.to_owned(),
            address,
            api_key: page_key.clone(),
        }),
        telegram_balance: Some(sandbox_balance(db).await?),
        pace: simulator::Pace::default(),
    };
    let running = Simulator::start(bind(settings.simulator_listen)?, options).map_err(failed)?;
    let projects = db.list_projects().await.map_err(failed)?;
    let project = projects
        .iter()
        .find(|project| project.name == "default")
        .map(|project| project.id);
    for (secret, scopes) in [(&api_key, "verify,finance,admin"), (&page_key, "verify")] {
        let key = NewKey {
            project,
            scopes: scopes.to_owned(),
            expires_at: None,
            made_by: None,
        };
        db.create_key(&key, secret, clock.now())
            .await
            .map_err(failed)?;
    }
    Ok(Sandbox {
        simulator: running.address(),
        api_key,
        running,
    })
}

/// What the simulated Telegram account holds, in hundredths: what the ledger says, so that both agree after a restart too. A
/// ledger without bookings by hand does not know what the account held at first.
async fn sandbox_balance(db: &Db) -> Result<i32, StartupError> {
    const MICROS: i64 = 10_000;
    let accounts = ledger_balances(db).await.map_err(failed)?;
    let mut accounts = accounts.into_iter();
    let account = accounts.find(|account| account.provider == SANDBOX_TELEGRAM);
    let first = i64::from(simulator::FIRST_BALANCE);
    let balance = match account {
        None => first,
        Some(account) if account.is_kept => account.money.amount.0 / MICROS,
        Some(account) => first + account.money.amount.0 / MICROS,
    };
    Ok(i32::try_from(balance.max(0)).unwrap_or(i32::MAX))
}

/// The public URL. The built-in default contains the default port, so with another port the actual address replaces it;
/// otherwise callbacks would go astray.
fn public_url(settings: &Settings, address: SocketAddr) -> String {
    const DEFAULT: &str = "http://127.0.0.1:8080";
    if settings.public_url == DEFAULT && address.ip().is_loopback() {
        return format!("http://{address}");
    }
    settings.public_url.clone()
}

/// The policy book: policies are parsed by the rules of the configuration.
#[must_use]
pub fn policies(settings: &Settings) -> PolicyBook {
    let read = |written: &serde_json::Value| {
        config::read_policy(written).map_err(|faults| {
            let fault = |fault: config::Fault| PolicyFault {
                pointer: pointer(&fault.key),
                detail: fault.problem,
            };
            faults.into_iter().map(fault).collect()
        })
    };
    PolicyBook::new(settings.defaults.clone(), settings.written_defaults(), read)
}

/// `policy.route[0].wait` as a JSON pointer.
fn pointer(key: &str) -> String {
    let parts = key.split(['.', '[', ']']).filter(|part| !part.is_empty());
    let parts: Vec<&str> = parts.collect();
    format!("/{}", parts.join("/"))
}

fn bind(address: SocketAddr) -> Result<TcpListener, StartupError> {
    let fault = |error| {
        StartupError::Failed(format!(
            "{address}: {error}; another program may be using this address"
        ))
    };
    let listener = TcpListener::bind(address).map_err(fault)?;
    listener.set_nonblocking(true).map_err(fault)?;
    Ok(listener)
}

/// Serves `/metrics` on a listener of its own.
fn serve_metrics(
    listener: TcpListener,
    metrics: api::Metrics,
) -> Result<actix_web::dev::ServerHandle, StartupError> {
    let options = ServerOptions {
        workers: 1,
        grace: Duration::ZERO,
    };
    let server = web::serve(listener, vec![api::metrics(metrics)], options).map_err(failed)?;
    let handle = server.handle();
    tokio::spawn(server);
    Ok(handle)
}

/// Drains histogram samples periodically; without this their buffers grow until the next scrape.
async fn keep_up(metrics: api::Metrics, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(Duration::from_secs(5));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => metrics.0.run_upkeep(),
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn lines(faults: &[config::Fault]) -> String {
    faults
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

fn failed(error: impl std::fmt::Display) -> StartupError {
    StartupError::Failed(error.to_string())
}

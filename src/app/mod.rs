//! The composition root: builds pools, providers, the gateway, servers and workers from the settings, and shuts them
//! down in steps: serve on while load balancers look elsewhere, accept nothing new, then finish work in flight.

mod at_rest;
mod door;
mod error;
mod faces;
mod listen;
mod policies;
mod providers;
mod reached;
mod sandbox;
mod secret_key;
mod wiring;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api;
use crate::channels::transport::HttpClient;
use crate::clock::{Clock, span};
use crate::config::Settings;
use crate::gateway::{self, Gateway};
use crate::jobs;
use crate::secret::Vault;
use crate::shared_state::SharedState;
use crate::storage::{Db, ListQuery, Location, Options as StoreOptions, StorageError};
use crate::telemetry::{self, Exporter};
use crate::web::{self, ServerOptions};

pub use at_rest::at_rest;
use door::Door;
pub use error::StartupError;
use error::{failed, lines};
pub use faces::{Ends, Faces, dialects_of, mounts};
use listen::bind;
pub use listen::{on_this_machine, public_url};
pub use policies::{kept, policies};
pub use providers::configured as providers;
pub use reached::{location, redis};
pub use sandbox::Sandbox;
pub use secret_key::{key_file, vault};
pub use wiring::sinks;
use wiring::{gateway_settings, outbound};

/// How long closing the database may take at the end, and delivering the last traces.
const CLOSING: Duration = Duration::from_secs(2);
/// How long open connections have to come to an end at a stop.
const DRAINING: Duration = Duration::from_secs(1);

/// The running program.
#[derive(Debug)]
pub struct App {
    pub gateway: Gateway,
    pub address: SocketAddr,
    /// Where browsers and providers reach it, without a trailing slash.
    pub public_url: String,
    pub sandbox: Option<Sandbox>,
    /// A one-time link that signs in the sandbox's owner or creates the first owner; `None` on a live server with
    /// users.
    pub dashboard_link: Option<String>,
    ends: Ends,
    drain: Duration,
    door: Door,
    server: actix_web::dev::ServerHandle,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
    metrics: Option<actix_web::dev::ServerHandle>,
    exporter: Option<Exporter>,
    workers: TaskTracker,
    grace: Duration,
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
        let listener = bind("listen", settings.listen)?;
        let address = listener.local_addr().map_err(failed)?;
        let public_url = public_url(&settings, address);
        let vault = Arc::new(vault(&settings)?);
        let db = open_db(&settings, Arc::clone(&vault), &clock, true).await?;
        let redis = redis(&settings)?;
        let shared = SharedState::new(redis, &vault.installation(), &clock);
        if is_new(&db).await? {
            shared.limits.begin_with_nothing();
        }
        let traces = telemetry::start_traces(&settings.telemetry, &clock);
        let (tracer, exporter) = traces.map_err(StartupError::Failed)?.unzip();
        let client = HttpClient::new().map_err(failed)?;
        let sandbox = if sandbox {
            let (phones, site) = (
                bind("simulator_listen", settings.simulator_listen)?,
                (&*public_url, address),
            );
            Some(sandbox::start(&settings, phones, site, &clock, &vault, &db).await?)
        } else {
            sandbox::revoke(&db, &vault, &clock).await?;
            None
        };
        let simulator = sandbox.as_ref().map(|sandbox| sandbox.simulator);
        let providers = providers::build(&settings, simulator, &public_url, &client);
        let outbound = outbound(&settings, providers)?;
        let reachable_at = public_url.trim_end_matches('/').to_owned();
        let told = gateway::Settings {
            tracer: tracer.clone(),
            ..gateway_settings(&settings, public_url, sandbox.is_some())
        };
        let ends = Ends::default();
        let stop = ends.stop.clone();
        let keys = (vault, db.trace_key().await.map_err(failed)?);
        let gateway = Gateway::new(told, clock, keys, db, shared, outbound, stop.clone());
        prepare(&gateway).await.map_err(failed)?;
        let link = dashboard_link(&gateway, sandbox.is_some()).await?;
        let dashboard_link = link.map(|path| format!("{reachable_at}{path}"));
        let workers = match background {
            Background::Runs => {
                gateway.verify().expect_past();
                tokio::spawn(jobs::recall(gateway.clone(), gateway.now(), stop.clone()));
                jobs::start(&gateway, &stop)
            }
            Background::ByHand => TaskTracker::new(),
        };
        let upkeep = metrics.clone();
        let metrics_elsewhere = settings.metrics_listen.is_some();
        let faces = Faces {
            sandbox: sandbox.as_ref().map(|sandbox| sandbox.page.clone()),
            operator_name: settings.operator_name.clone(),
            public_url: reachable_at.clone(),
            dialects: dialects_of(&settings),
            metrics: (!metrics_elsewhere).then(|| metrics.clone()),
        };
        let metrics_server = settings
            .metrics_listen
            .map(|address| serve_metrics(bind("metrics_listen", address)?, metrics, &stop));
        let metrics = metrics_server.transpose()?;
        let options = ServerOptions {
            workers: settings.workers.unwrap_or_else(half_of_the_cores),
            grace: settings.shutdown_grace,
            stop: ends.draining.clone(),
            trusted_proxies: settings.trusted_proxies.clone().into(),
            tracer,
        };
        let mounts = mounts(&gateway, &faces, &ends);
        let door = Door::of(&listener).map_err(failed)?;
        let server = web::serve(listener, mounts, options).map_err(failed)?;
        let handle = server.handle();
        let serving = tokio::spawn(server);
        tokio::spawn(keep_up(upkeep, stop.clone()));
        tracing::info!("listening on http://{address}");
        Ok(Self {
            gateway,
            address,
            public_url: reachable_at,
            sandbox,
            dashboard_link,
            ends,
            drain: settings.drain,
            door,
            server: handle,
            serving,
            metrics,
            exporter,
            workers,
            grace: settings.shutdown_grace,
        })
    }

    /// For the time of `drain`, or until `enough`, serves on, but says that it is not ready and ends each connection with its
    /// next answer.
    pub async fn drain(&self, enough: impl Future<Output = ()>) {
        if self.drain.is_zero() {
            return;
        }
        let drain = span::format(self.drain);
        tracing::info!(
            drain,
            "draining: /readyz answers 503, and requests are still served"
        );
        self.ends.draining.cancel();
        tokio::select! {
            () = tokio::time::sleep(self.drain) => {}
            () = enough => tracing::info!("a second signal ends the drain"),
        }
    }

    /// Stops accepting work and finishes work in flight within the grace period. Other replicas take over the rest when
    /// its leases end.
    pub async fn stop(self) {
        self.ends.draining.cancel();
        self.ends.stop.cancel();
        self.workers.close();
        // New connections and busy ones end with their next answer; the server closes what is still open, whatever is on its way.
        self.door.shut();
        tokio::time::sleep(DRAINING.min(self.grace / 4)).await;
        drop(self.door);
        let finish = async {
            self.server.stop(true).await;
            self.workers.wait().await;
            // Close the tracker only now, because a request that was still being answered may have started a send.
            self.gateway.tasks().close();
            self.gateway.tasks().wait().await;
            if let Err(error) = self.gateway.verify().store_decisions(true).await {
                tracing::warn!(%error, "the guard's last decisions are not stored");
            }
            if let Err(error) = self.gateway.verify().save_figures().await {
                tracing::warn!(%error, "the guard's figures are not stored");
            }
        };
        if tokio::time::timeout(self.grace, finish).await.is_err() {
            tracing::warn!(
                "some sends are unfinished; another replica takes over when their leases end"
            );
        }
        self.gateway.tasks().close();
        self.serving.abort();
        if let Some(exporter) = self.exporter {
            exporter.stop(CLOSING).await;
        }
        if let Some(metrics) = self.metrics {
            metrics.stop(false).await;
        }
        if let Some(sandbox) = self.sandbox {
            sandbox.stop().await;
        }
        // Sends that outlive the grace period still hold connections; do not wait for them.
        let _ = tokio::time::timeout(CLOSING, self.gateway.close()).await;
    }
}

/// Whether nothing was ever sent.
async fn is_new(db: &Db) -> Result<bool, StartupError> {
    let newest = ListQuery {
        limit: 1,
        ..ListQuery::default()
    };
    let newest = db.list_verifications(&newest).await.map_err(failed)?;
    Ok(newest.is_empty())
}

/// Opens the configured database, for the server (`serve`) or for another command.
pub async fn open_db(
    settings: &Settings,
    vault: Arc<Vault>,
    clock: &Clock,
    serve: bool,
) -> Result<Db, StartupError> {
    let location = location(settings)?;
    let sqlite = matches!(location, Location::Sqlite(_));
    let options = StoreOptions {
        // On Postgres, only a server with `migrate_on_start` migrates: other commands must not change the schema.
        migrate: sqlite || (serve && settings.migrate_on_start),
        serve,
        restoring: false,
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

/// Reads what a gateway must know before the first request, and says that this replica works.
async fn prepare(gateway: &Gateway) -> Result<(), StorageError> {
    gateway.measure_clock().await?;
    gateway.directory().refresh().await?;
    gateway.refresh().await;
    gateway.verify().renew_leases().await?;
    gateway.admin().begin_default_budgets().await
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

/// Serves `/metrics` on a listener of its own.
fn serve_metrics(
    listener: TcpListener,
    metrics: api::Metrics,
    stop: &CancellationToken,
) -> Result<actix_web::dev::ServerHandle, StartupError> {
    let options = ServerOptions {
        workers: 1,
        grace: Duration::ZERO,
        stop: stop.clone(),
        trusted_proxies: Arc::default(),
        tracer: None,
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

/// The web server and the gateway have as many threads each: more of them wake one another more often and do no more.
#[must_use]
pub fn half_of_the_cores() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    cores.div_ceil(2)
}

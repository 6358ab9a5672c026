//! The handle on the whole gateway; gives access to its rooms.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admin::Admin;
use super::core::{Core, Settings};
use super::finance::Finance;
use super::notices::Notices;
use super::shared::{Access, Credentials, Directory, Idempotency, Live, Progress, Ticket};
use super::verify::Verify;
use crate::channels::Provider;
use crate::clock::Clock;
use crate::money::Currency;
use crate::secret::{TraceKey, Vault};
use crate::shared_state::{PauseView, SharedState};
use crate::storage::{Act, ApiKey, Db};
use crate::webhooks::client::Client;
use crate::webhooks::sinks::Sink;

/// The ways out: providers for codes, a client for webhooks, the operator's sinks.
#[derive(Debug)]
pub struct Outbound {
    /// Within a channel, tried in this order.
    pub providers: Vec<Arc<dyn Provider>>,
    pub webhooks: Client,
    pub sinks: Vec<Sink>,
}

/// A handle; clones share everything.
#[derive(Clone, Debug)]
pub struct Gateway(Arc<Rooms>);

#[derive(Debug)]
struct Rooms {
    core: Arc<Core>,
    notices: Notices,
    finance: Finance,
    admin: Admin,
    verify: Verify,
}

impl Gateway {
    /// Must be called within the runtime that will run the sends.
    #[must_use]
    pub fn new(
        settings: Settings,
        clock: Clock,
        keys: (Arc<Vault>, TraceKey),
        db: Db,
        shared: SharedState,
        outbound: Outbound,
        stop: CancellationToken,
    ) -> Self {
        let providers = outbound.providers;
        let core = Core::new(settings, clock, keys, db, shared, providers, stop);
        let core = Arc::new(core);
        let notices = Notices::new(Arc::clone(&core), outbound.webhooks, outbound.sinks);
        let finance = Finance::new(Arc::clone(&core), notices.clone());
        let admin = Admin::new(Arc::clone(&core), finance.clone());
        let verify = Verify::new(Arc::clone(&core), finance.clone(), notices.clone());
        Self(Arc::new(Rooms {
            core,
            notices,
            finance,
            admin,
            verify,
        }))
    }

    /// Verifications: start, check, resend, cancel, find, delivery reports.
    #[must_use]
    pub fn verify(&self) -> &Verify {
        &self.0.verify
    }

    /// Costs, budgets, balances, the ledger, reports.
    #[must_use]
    pub fn finance(&self) -> &Finance {
        &self.0.finance
    }

    /// Projects, keys, budgets, users, sessions.
    #[must_use]
    pub fn admin(&self) -> &Admin {
        &self.0.admin
    }

    /// Webhooks and their deliveries.
    #[must_use]
    pub fn notices(&self) -> &Notices {
        &self.0.notices
    }

    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.core().directory
    }

    /// What clients of the dialects are configured with, for a key that was just created.
    #[must_use]
    pub fn dialect_credentials(&self, key: &ApiKey, secret: &str) -> serde_json::Value {
        let settings = &self.core().settings;
        let policy = key.project.map(|project| self.directory().policy(project));
        let credentials = Credentials {
            public_url: self.public_url(),
            project: key.project,
            policy: policy.as_deref(),
            id: key.id,
            secret,
            scopes: &key.scopes,
        };
        credentials.of(&settings.dialects)
    }

    #[must_use]
    pub fn idempotency(&self) -> &Idempotency {
        &self.core().idempotency
    }

    /// Frees the key of a request that failed. That may take as long as the database is silent: the caller does not wait for it.
    pub async fn release(&self, ticket: Ticket) {
        const AT_HAND: Duration = Duration::from_millis(100);
        let idempotency = self.idempotency().clone();
        let freed = self
            .core()
            .spawn(async move { idempotency.release(ticket).await });
        let _ = tokio::time::timeout(AT_HAND, freed).await;
    }

    #[must_use]
    pub fn live(&self) -> &Live {
        &self.core().live
    }

    pub(super) fn core(&self) -> &Core {
        &self.0.core
    }

    /// A change that this caller makes now.
    #[must_use]
    pub fn act(&self, access: &Access) -> Act {
        self.core().act(&access.by)
    }

    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.core().now()
    }

    /// Without a trailing slash.
    #[must_use]
    pub fn public_url(&self) -> &str {
        self.core().settings.public_url.trim_end_matches('/')
    }

    #[must_use]
    pub fn reporting_currency(&self) -> Currency {
        self.core().settings.reporting_currency
    }

    #[must_use]
    pub fn pauses(&self) -> Vec<PauseView> {
        self.core().shared.pauses.list()
    }

    /// Jobs that change a big table in chunks, while they have much to do.
    #[must_use]
    pub fn jobs(&self) -> Vec<Progress> {
        self.core().jobs.list()
    }

    #[must_use]
    pub fn engine_name(&self) -> &'static str {
        self.core().db.engine_name()
    }

    /// Whether the database answers and takes writes, and its time is known; or did so until a moment ago.
    pub async fn is_ready(&self) -> bool {
        const PATIENCE: Duration = Duration::from_secs(2);
        let core = self.core();
        let answers = core.clock.is_trusted()
            && tokio::time::timeout(PATIENCE, core.db.probe())
                .await
                .is_ok_and(|found| found.is_ok());
        // One that serves a file is the only one, and says at once that it cannot.
        let is_ready =
            core.readiness.judge(answers, core.now()) && (answers || !core.db.is_alone());
        metrics::gauge!("pinroute_ready").set(f64::from(u8::from(is_ready)));
        is_ready
    }

    /// Whether Redis is configured but unavailable.
    pub async fn is_degraded(&self) -> bool {
        self.core().shared.degraded().await
    }

    #[must_use]
    pub fn has_redis(&self) -> bool {
        self.core().shared.has_redis()
    }

    /// Running background work. Close the tracker before [`TaskTracker::wait`], which would otherwise never return.
    #[must_use]
    pub fn tasks(&self) -> &TaskTracker {
        &self.core().tasks
    }

    /// Closes the database. No reads or writes work afterwards.
    pub async fn close(&self) {
        self.core().db.close().await;
    }
}

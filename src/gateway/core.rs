//! The state that all rooms of the gateway use: settings, clock, keys, database, shared state, providers, and tasks
//! that outlive a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use super::shared::{Dialect, Directory, Idempotency, Jobs, Kept, Live, PolicyBook, Readiness};
use crate::audit::By;
use crate::channels::Provider;
use crate::clock::Clock;
use crate::ip_database::IpDatabase;
use crate::money::Currency;
use crate::secret::{TraceKey, Vault};
use crate::shared_state::SharedState;
use crate::storage::{Act, Db};
use crate::trace::{Context, Kind, Stage, Tracer};
use crate::verification::Verification;
use crate::verification::origin::TraceHash;
use crate::verification::phone::PhoneNumber;

/// Concurrent sends per provider.
const CONCURRENT_SENDS: usize = 2_048;

#[derive(Clone, Debug)]
pub struct Settings {
    /// Without a trailing slash.
    pub public_url: String,
    /// How long after its start an `unknown` attempt is charged at its estimate.
    pub unknown_after: Duration,
    /// For how long verifications and webhook messages are kept.
    pub kept: Kept,
    /// The default currency of reports.
    pub reporting_currency: Currency,
    pub policies: Arc<PolicyBook>,
    /// Numbers that meet no limit: a sandbox's magic ones.
    pub unlimited: fn(&PhoneNumber) -> bool,
    /// Those that are switched on.
    pub dialects: Vec<Dialect>,
    /// What is known of visitors' addresses.
    pub ip_database: Arc<IpDatabase>,
    /// How much memory the guard's figures may take.
    pub figures_bytes: usize,
    /// How long messages to sinks are tried.
    pub outbox_max_age: Duration,
    /// Renders a verification for webhooks and sinks.
    pub render: fn(&Verification) -> serde_json::Value,
    /// `None`: nothing is recorded.
    pub tracer: Option<Tracer>,
}

#[derive(Debug)]
pub(super) struct Core {
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) vault: Arc<Vault>,
    /// Makes the hashes of [`Origin`](crate::verification::origin::Origin).
    pub(super) trace: TraceKey,
    pub(super) db: Db,
    pub(super) shared: SharedState,
    pub(super) directory: Directory,
    /// Reads and merges projects' policies.
    pub(super) book: Arc<PolicyBook>,
    pub(super) idempotency: Idempotency,
    pub(super) live: Live,
    pub(super) readiness: Readiness,
    pub(super) jobs: Jobs,
    /// The newest form of rows that all replicas read; see [`Core::all_read`].
    pub(super) known_form: AtomicI64,
    /// Within a channel, tried in this order.
    pub(super) providers: Vec<ProviderSlot>,
    /// Tasks that outlive a request run here, and shutdown waits for them.
    runtime: Handle,
    pub(super) tasks: TaskTracker,
    /// Cancelled at shutdown; requests that wait for progress then answer at once.
    pub(super) stop: CancellationToken,
}

/// A provider and its permits for concurrent sends.
#[derive(Debug)]
pub(super) struct ProviderSlot {
    pub(super) provider: Arc<dyn Provider>,
    pub(super) permits: Semaphore,
}

impl Core {
    /// Must be called within the runtime that will run the tasks.
    pub(super) fn new(
        settings: Settings,
        clock: Clock,
        (vault, trace): (Arc<Vault>, TraceKey),
        db: Db,
        shared: SharedState,
        providers: Vec<Arc<dyn Provider>>,
        stop: CancellationToken,
    ) -> Self {
        let directory = Directory::new(db.clone(), Arc::clone(&settings.policies));
        let slot = |provider| ProviderSlot {
            provider,
            permits: Semaphore::new(CONCURRENT_SENDS),
        };
        Self {
            idempotency: Idempotency::new(db.clone(), Arc::clone(&vault), clock.clone()),
            readiness: Readiness::default(),
            jobs: Jobs::default(),
            known_form: AtomicI64::new(0),
            live: Live::new(directory.clone(), shared.replicas.clone(), db.is_alone()),
            providers: providers.into_iter().map(slot).collect(),
            runtime: Handle::current(),
            tasks: TaskTracker::new(),
            book: Arc::clone(&settings.policies),
            settings,
            clock,
            vault,
            trace,
            db,
            shared,
            directory,
            stop,
        }
    }

    /// Whether every replica reads rows of this form, so that they can be written.
    pub(super) fn all_read(&self, form: i64) -> bool {
        self.db.is_alone() || self.known_form.load(Ordering::Relaxed) >= form
    }

    /// The hash that replaces an erased number in the guard's lists.
    pub(super) fn listed_hash(&self, phone: &PhoneNumber) -> TraceHash {
        TraceHash(self.trace.hash("listed number", phone.as_str()))
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// A change that somebody makes now.
    pub(super) fn act(&self, by: &By) -> Act {
        Act::of(by, self.now())
    }

    pub(super) fn provider(&self, name: &str) -> Option<&ProviderSlot> {
        self.providers
            .iter()
            .find(|slot| slot.provider.name() == name)
    }

    /// Runs a task to its end, even when the caller disconnects. What it logs names the caller's request.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.spawn_within(None, task)
    }

    /// Like [`Self::spawn`], within a span; `None`: within the caller's.
    pub(super) fn spawn_within<T: Send + 'static>(
        &self,
        span: Option<tracing::Span>,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        // Boxed, since a large future is copied by each layer that it passes through.
        let task = Box::pin(task).instrument(span.unwrap_or_else(tracing::Span::current));
        self.tasks.spawn_on(task, &self.runtime)
    }

    /// A stage of what is being done.
    pub(super) fn stage(&self, name: &'static str) -> Stage {
        let tracer = self.settings.tracer.as_ref();
        tracer.map_or(const { Stage::none() }, |tracer| tracer.stage(name))
    }

    /// A stage in which a provider is called. It is not told of the trace.
    pub(super) fn call(&self, name: &'static str) -> Stage {
        let tracer = self.settings.tracer.as_ref();
        tracer.map_or(const { Stage::none() }, |tracer| {
            tracer.call(name, Kind::Client)
        })
    }

    /// A stage in which a site is called about what was `begun`, and the context to send along.
    pub(super) fn sends(
        &self,
        name: &'static str,
        begun: Option<&Context>,
    ) -> (Stage, Option<Context>) {
        match &self.settings.tracer {
            Some(tracer) => {
                let (stage, context) = tracer.sends(name, begun);
                (stage, Some(context))
            }
            None => (const { Stage::none() }, begun.cloned()),
        }
    }
}

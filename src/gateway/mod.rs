//! What the program does, one file per verb: start, deliver, check, resend, cancel, receive a report, notify.
//!
//! A verb reads the state, runs a transition of `verification`, and keeps the result as one change ([`Gateway::keep`]). When
//! the state was changed meanwhile, it starts again from a fresh read: so concurrent checks, callbacks and timers never
//! overwrite one another. No transaction is open across a network call.

mod balances;
mod budgets;
mod cancel;
mod check;
mod deliver;
mod directory;
mod find;
mod idempotency;
mod keep;
mod live;
mod notify;
mod offers;
mod own;
mod passwords;
mod policies;
mod preview;
mod projects;
mod proof;
mod receive_report;
mod reports;
mod resend;
mod sign_in;
mod start;
mod tariffs;
mod users;
mod webhooks;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

pub use balances::{AccountMonth, Balance, BookError, NewEntry};
pub use budgets::{BudgetError, BudgetState, NewBudget, begin_purses, prepare_budgets};
pub use check::Checked;
pub use directory::{Access, Directory};
pub use find::Unsettled;
pub use idempotency::{Begun, Replay, Ticket};
pub use passwords::{LONGEST_PASSWORD, SHORTEST_PASSWORD, Weak, check_password};
pub use policies::{PolicyBook, PolicyFault, parsed as parsed_overrides};
pub use preview::{Preview, PreviewRequest, Price};
pub use projects::{ProjectError, change_policy_of, check_name, new_secret};
pub use proof::PublicKey;
pub use receive_report::{CallbackRequest, ReportError};
pub use reports::{Kind as ReportKind, ReportFault, report};
pub use sign_in::{Session, SignInError};
pub use start::{StartError, StartRequest, Started};
pub use tariffs::{Account, RateFault, RateProblem};
pub use users::{Invitation, LinkFault, NewLink, UserFault, Users, read_email};
pub use webhooks::WebhookRequest;

use keep::LeasePlan;

pub use crate::storage::{
    ApiKey, Delivery, DeliveryQuery, DeliveryState, LedgerQuery, LinkKind, ListQuery, Project,
    StorageError, Try, User, Webhook,
};

pub use crate::abuse::limits::Exhausted;
pub use crate::access::{Role, Scope};
use crate::clock::Clock;
use crate::delivery::Provider;
use crate::money::{Currency, Micros, Money};
use crate::secret::{Vault, random};
use crate::shared_state::{PauseView, SharedState};
use crate::storage::Db;
use crate::verification::id::VerificationId;
use crate::verification::{Refusal, Verification};
use crate::webhooks::client::Client;

/// How long a lease holds unless it is renewed (architecture, point 5).
pub const LEASE: Duration = Duration::from_secs(5);
/// Sends to one provider that may be under way at once.
const SENDS_AT_ONCE: usize = 2_048;
/// Before a limit's refusal is final, what runs in parallel gets so long to be stored.
const SECOND_LOOK: Duration = Duration::from_millis(100);

/// What the gateway is told once.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Without a trailing slash.
    pub public_url: String,
    pub unknown_after: Duration,
    /// Of reports that do not ask for another.
    pub reporting_currency: Currency,
    /// What must be left with a provider, or those who want to know are told.
    pub thresholds: HashMap<String, Micros>,
    pub policies: Arc<PolicyBook>,
    /// How a verification reads in messages to projects.
    pub render: fn(&Verification) -> serde_json::Value,
}

/// What codes and messages leave by.
#[derive(Debug)]
pub struct WaysOut {
    /// In the order in which they are tried within a channel.
    pub providers: Vec<Arc<dyn Provider>>,
    pub webhooks: Client,
}

/// A handle on the whole; clones share it.
#[derive(Clone, Debug)]
pub struct Gateway(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    clock: Clock,
    vault: Arc<Vault>,
    db: Db,
    shared: SharedState,
    directory: Directory,
    book: Arc<PolicyBook>,
    /// In the order in which they are tried within a channel.
    providers: Vec<Line>,
    /// Names this process in leases.
    replica: i64,
    /// What runs behind a request's back lives on this runtime, and is waited for at shutdown.
    runtime: tokio::runtime::Handle,
    tasks: TaskTracker,
    working: Mutex<WorkingOn>,
    webhooks: Client,
    /// Endpoints that a task of this process is sending to.
    telling: Mutex<HashSet<Uuid>>,
    tariffs: tariffs::Tariffs,
    rooms: Mutex<budgets::Rooms>,
    /// What providers said is left, to be written down.
    heard: Mutex<HashMap<String, (Money, DateTime<Utc>)>>,
    passwords: passwords::Hasher,
    changed: broadcast::Sender<Option<VerificationId>>,
    /// Cancelled when the program is told to stop: nobody is kept waiting any more.
    stop: CancellationToken,
}

/// Verifications that a task of this process works on, and whether it was asked to look again before it ends.
type WorkingOn = HashMap<Uuid, bool>;

#[derive(Debug)]
struct Line {
    provider: Arc<dyn Provider>,
    permits: tokio::sync::Semaphore,
}

/// Why a request that is otherwise right was not done.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error("no such verification")]
    NotFound,
    #[error("too many requests")]
    Limited(Exhausted),
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It may or may not have been done.
    #[error("the database cannot be reached")]
    Unavailable,
}

impl From<StorageError> for Trouble {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Unavailable(error) => {
                tracing::warn!(%error, "the database does not answer");
            }
            other => tracing::error!(error = %other, "the database holds what cannot be read"),
        }
        Self::Unavailable
    }
}

impl Gateway {
    /// Must be called inside the runtime that sends are to run on.
    #[must_use]
    pub fn new(
        settings: Settings,
        clock: Clock,
        vault: Arc<Vault>,
        db: Db,
        shared: SharedState,
        ways_out: WaysOut,
        stop: CancellationToken,
    ) -> Self {
        let book = Arc::clone(&settings.policies);
        let directory = Directory::new(db.clone(), Arc::clone(&book));
        let line = |provider| Line {
            provider,
            permits: tokio::sync::Semaphore::new(SENDS_AT_ONCE),
        };
        Self(Arc::new(Inner {
            settings,
            clock,
            vault,
            db,
            shared,
            directory,
            book,
            providers: ways_out.providers.into_iter().map(line).collect(),
            replica: i64::from_be_bytes(random()),
            runtime: tokio::runtime::Handle::current(),
            tasks: TaskTracker::new(),
            working: Mutex::default(),
            webhooks: ways_out.webhooks,
            telling: Mutex::default(),
            tariffs: tariffs::Tariffs::default(),
            rooms: Mutex::default(),
            heard: Mutex::default(),
            passwords: passwords::Hasher::default(),
            changed: broadcast::channel(1_024).0,
            stop,
        }))
    }

    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.0.clock.now()
    }

    #[must_use]
    pub fn reporting_currency(&self) -> Currency {
        self.0.settings.reporting_currency
    }

    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.0.directory
    }

    /// The end of everything: nothing can be read or kept any more.
    pub async fn close(&self) {
        self.0.db.close().await;
    }

    /// Whether the database answers.
    pub async fn is_ready(&self) -> Result<(), StorageError> {
        self.0.db.ping().await
    }

    /// Redis is configured and away.
    pub async fn is_degraded(&self) -> bool {
        self.0.shared.degraded().await
    }

    #[must_use]
    pub fn has_redis(&self) -> bool {
        self.0.shared.has_redis()
    }

    #[must_use]
    pub fn pauses(&self) -> Vec<PauseView> {
        self.0.shared.pauses.list()
    }

    #[must_use]
    pub fn engine_name(&self) -> &'static str {
        self.0.db.engine_name()
    }

    /// Background work that runs now; closing it lets [`TaskTracker::wait`] end.
    #[must_use]
    pub fn tasks(&self) -> &TaskTracker {
        &self.0.tasks
    }

    /// Leases are compared by the replicas' clocks: one that is off by more than their slack would take over what is alive.
    pub async fn check_clock(&self) {
        const TOLERATED_SECONDS: f64 = 1.0;
        match self.0.db.clock_skew(self.now()).await {
            Ok(skew) => {
                metrics::gauge!("pinroute_clock_skew_seconds").set(skew);
                if skew.abs() > TOLERATED_SECONDS {
                    tracing::error!(
                        alarm = true,
                        skew,
                        "this machine's clock and the database's differ: set them by NTP"
                    );
                }
            }
            Err(error) => tracing::debug!(%error, "the database's clock could not be read"),
        }
    }

    /// What one [`Gateway::sweep`] removes of a kind at most.
    const SWEPT_AT_ONCE: u64 = 1_000;

    /// Forgets idempotency keys that have lapsed, and messages of long ago; answers whether there may be more.
    pub async fn sweep(&self) -> Result<bool, StorageError> {
        let most = Self::SWEPT_AT_ONCE.cast_signed();
        let keys = self.0.db.drop_lapsed_keys(self.now(), most).await?;
        let messages = self.sweep_deliveries().await?;
        self.note_key_uses().await?;
        self.0.db.drop_lapsed_sessions(self.now()).await?;
        Ok(keys.max(messages) == Self::SWEPT_AT_ONCE)
    }

    /// Takes over what other replicas know: projects, keys, pauses.
    pub async fn refresh(&self) {
        if let Err(error) = self.0.directory.refresh().await {
            tracing::warn!(%error, "projects and keys could not be read; the last known ones stay in force");
        }
        if let Err(error) = self.refresh_tariffs().await {
            tracing::warn!(%error, "rates could not be read; the last known ones stay in force");
        }
        let names: Vec<String> = self
            .0
            .providers
            .iter()
            .map(|line| line.provider.name().to_owned())
            .collect();
        self.0.shared.pauses.listen(&names).await;
        let paused = self.pauses();
        for name in names {
            let is_paused = paused.iter().any(|pause| pause.provider == name);
            metrics::gauge!("pinroute_provider_paused", "provider" => name)
                .set(f64::from(u8::from(is_paused)));
        }
        if self.has_redis() {
            let up = !self.is_degraded().await;
            metrics::gauge!("pinroute_redis_up").set(f64::from(u8::from(up)));
        }
    }

    /// Names a number in counters and pauses without showing it.
    fn number_key(&self, v: &Verification) -> [u8; 16] {
        self.0
            .vault
            .lookup(&[b"number", v.phone.as_str().as_bytes()])
    }

    async fn read(&self, id: VerificationId) -> Result<Verification, Trouble> {
        self.0.db.find(id).await?.ok_or(Trouble::NotFound)
    }

    /// Brings about what time alone has brought about, before anything else is decided.
    async fn up_to_date(&self, v: Verification) -> Result<Verification, Trouble> {
        if !v.is_overdue(self.now()) {
            return Ok(v);
        }
        let unknown_after = self.0.settings.unknown_after;
        self.change(v, |v, offers, now| {
            let was_overdue = v.is_overdue(now);
            if was_overdue {
                v.turn(unknown_after, offers, now);
            }
            was_overdue
        })
        .await
    }

    fn provider(&self, name: &str) -> Option<&Line> {
        self.0
            .providers
            .iter()
            .find(|line| line.provider.name() == name)
    }
}

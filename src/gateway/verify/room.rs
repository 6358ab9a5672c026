//! The state of this room: the verifications that this process is working on.

use std::collections::HashMap;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::announced::Alarms;
use super::decisions::Waiting;
use crate::abuse::guard::figures::Figures;
use crate::gateway::core::Core;
use crate::gateway::error::Error;
use crate::gateway::finance::Finance;
use crate::gateway::notices::Notices;
use crate::secret::random;
use crate::verification::Verification;
use crate::verification::id::VerificationId;
use crate::verification::phone::PhoneNumber;

/// How long a lease lasts without renewal.
pub const LEASE: Duration = Duration::from_secs(5);
/// How far a clock goes back without being set.
const TOLERANCE: TimeDelta = TimeDelta::seconds(2);
/// How long to wait before a limit's refusal becomes final, so that parallel requests can store their results.
pub(super) const SECOND_LOOK: Duration = Duration::from_millis(100);

/// Starts, delivers and checks verifications. A handle; clones share its state.
#[derive(Clone, Debug)]
pub struct Verify(Arc<Room>);

#[derive(Debug)]
struct Room {
    core: Arc<Core>,
    finance: Finance,
    notices: Notices,
    /// Identifies this process in leases.
    replica: i64,
    working: Mutex<InProgress>,
    given_up: Mutex<Vec<GivenUp>>,
    /// When dead replicas were last looked for, in µs since 1970.
    rescued_at: AtomicI64,
    /// Until when other replicas know that this one works, in µs since 1970.
    known_until: AtomicI64,
    /// Hosts that were admitted for reports lately, and when.
    hosts: Mutex<HashMap<Uuid, DateTime<Utc>>>,
    /// The latest time seen by the poll for due work.
    latest: Mutex<Option<DateTime<Utc>>>,
    figures: Figures,
    /// Until when the figures are kept in the database.
    saved_until: Mutex<Option<DateTime<Utc>>>,
    decisions: Waiting,
    alarms: Alarms,
    /// Locked while this process runs a back-test.
    replaying: Arc<tokio::sync::Mutex<()>>,
}

/// Verifications that a task of this process works on.
pub(super) type InProgress = HashMap<Uuid, Mark>;

#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    /// The task was asked to look again before it ends.
    pub is_asked: bool,
    /// Its `wake_at` may lie after its lease.
    pub is_start: bool,
}

/// A verification whose lease this process may hold without working on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct GivenUp {
    pub id: VerificationId,
    /// Until when it may still be stored; `None`: it is stored.
    pub until: Option<DateTime<Utc>>,
}

impl Verify {
    pub(in crate::gateway) fn new(core: Arc<Core>, finance: Finance, notices: Notices) -> Self {
        let max_bytes = core.settings.figures_bytes;
        let figures = if core.shared.has_redis() {
            Figures::shared(max_bytes, Uuid::from_bytes(random()))
        } else {
            Figures::new(max_bytes)
        };
        Self(Arc::new(Room {
            core,
            finance,
            notices,
            replica: i64::from_be_bytes(random()),
            working: Mutex::default(),
            given_up: Mutex::default(),
            rescued_at: AtomicI64::new(i64::MIN),
            known_until: AtomicI64::new(i64::MIN),
            hosts: Mutex::default(),
            latest: Mutex::default(),
            figures,
            saved_until: Mutex::default(),
            decisions: Waiting::default(),
            alarms: Alarms::default(),
            replaying: Arc::default(),
        }))
    }

    pub(super) fn core(&self) -> &Core {
        &self.0.core
    }

    pub(super) fn finance(&self) -> &Finance {
        &self.0.finance
    }

    pub(super) fn notices(&self) -> &Notices {
        &self.0.notices
    }

    pub(super) fn replica(&self) -> i64 {
        self.0.replica
    }

    pub(super) fn working(&self) -> MutexGuard<'_, InProgress> {
        let working = self.0.working.lock();
        working.unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn given_up(&self) -> MutexGuard<'_, Vec<GivenUp>> {
        let given_up = self.0.given_up.lock();
        given_up.unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn hosts(&self) -> MutexGuard<'_, HashMap<Uuid, DateTime<Utc>>> {
        self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the guard judges by.
    pub(super) fn figures(&self) -> &Figures {
        &self.0.figures
    }

    pub(super) fn saved_until(&self) -> Option<DateTime<Utc>> {
        *self
            .0
            .saved_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note_saved(&self, until: DateTime<Utc>) {
        *self
            .0
            .saved_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    pub(super) fn decisions(&self) -> &Waiting {
        &self.0.decisions
    }

    pub(super) fn alarms(&self) -> &Alarms {
        &self.0.alarms
    }

    pub(super) fn replaying(&self) -> &Arc<tokio::sync::Mutex<()>> {
        &self.0.replaying
    }

    pub(super) fn rescued_at(&self) -> &AtomicI64 {
        &self.0.rescued_at
    }

    pub(super) fn known_until(&self) -> &AtomicI64 {
        &self.0.known_until
    }

    /// Whether the clock has been set back since the last call. The first call says yes: it may have been while no process
    /// ran.
    pub(super) fn was_set_back(&self, now: DateTime<Utc>) -> bool {
        let mut latest = self.0.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let before = latest.replace(now);
        let by = before.map(|before| before - now);
        if let Some(by) = by.filter(|by| *by > TOLERANCE) {
            tracing::warn!(
                seconds = by.num_seconds(),
                "the clock was set back; what waits is looked at now"
            );
        }
        by.is_none_or(|by| by > TOLERANCE)
    }

    /// A keyed hash that identifies a phone number in counters and pauses without revealing it.
    pub(super) fn number_hash(&self, phone: &PhoneNumber) -> [u8; 16] {
        let phone = phone.as_str().as_bytes();
        self.core().vault.lookup(&[b"number", phone])
    }

    /// That of a verification's number. One that was erased is like no other.
    pub(super) fn number_key(&self, v: &Verification) -> [u8; 16] {
        let erased = || {
            let vault = &self.core().vault;
            vault.lookup(&[b"erased number", v.id.uuid().as_bytes()])
        };
        v.phone
            .as_ref()
            .map_or_else(erased, |phone| self.number_hash(phone))
    }

    pub(super) async fn read(&self, id: VerificationId) -> Result<Verification, Error> {
        self.core().db.find(id).await?.ok_or(Error::NotFound)
    }
}

//! The state of this room: rates and budget usage in memory, because every message needs them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::gateway::core::Core;
use crate::gateway::notices::Notices;
use crate::ledger::rates::RateCard;
use crate::money::Money;
use crate::reports::exchange::Rates;
use crate::storage::BudgetUse;

/// Costs, budgets, balances and reports. A handle; clones share its state.
#[derive(Clone, Debug)]
pub struct Finance(Arc<Room>);

#[derive(Debug)]
struct Room {
    core: Arc<Core>,
    notices: Notices,
    tariffs: RwLock<Arc<Tariffs>>,
    headroom: Mutex<Headroom>,
    reported: Mutex<ReportedBalances>,
}

/// This replica's copy of the rates.
#[derive(Debug, Default)]
pub(super) struct Tariffs {
    /// Changes with every change of a rate.
    pub(super) version: String,
    pub(super) card: RateCard,
    pub(super) exchange: Rates,
}

/// By project: when a reservation was last refused, and the usage of its budgets then.
pub(super) type Headroom = HashMap<Uuid, (Instant, Vec<BudgetUse>)>;

/// By provider: the reported balance, until it is stored.
pub(super) type ReportedBalances = HashMap<String, (Money, DateTime<Utc>)>;

impl Finance {
    pub(in crate::gateway) fn new(core: Arc<Core>, notices: Notices) -> Self {
        Self(Arc::new(Room {
            core,
            notices,
            tariffs: RwLock::default(),
            headroom: Mutex::default(),
            reported: Mutex::default(),
        }))
    }

    pub(super) fn core(&self) -> &Core {
        &self.0.core
    }

    pub(super) fn notices(&self) -> &Notices {
        &self.0.notices
    }

    pub(super) fn known_tariffs(&self) -> Arc<Tariffs> {
        let tariffs = self.0.tariffs.read();
        Arc::clone(&tariffs.unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn set_tariffs(&self, tariffs: Tariffs) {
        let known = self.0.tariffs.write();
        *known.unwrap_or_else(PoisonError::into_inner) = Arc::new(tariffs);
    }

    pub(super) fn headroom(&self) -> MutexGuard<'_, Headroom> {
        let headroom = self.0.headroom.lock();
        headroom.unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reported(&self) -> MutexGuard<'_, ReportedBalances> {
        let reported = self.0.reported.lock();
        reported.unwrap_or_else(PoisonError::into_inner)
    }
}

//! Calls of integrations that are not stored yet. A flood of them costs no statement each: of many, the last ones are stored.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::storage::Call;

/// Calls that are kept of each integration.
pub(super) const KEPT: usize = 20;

/// How often a call that is not authentic is noted. Anyone who knows the address can make them, and they must not push the others out.
const PACE: TimeDelta = TimeDelta::minutes(1);

#[derive(Debug, Default)]
pub(super) struct Calls(Mutex<Noted>);

#[derive(Debug, Default)]
struct Noted {
    /// By integration, oldest first.
    calls: HashMap<Uuid, VecDeque<Call>>,
    /// When a stranger's call was last noted.
    strangers: HashMap<Uuid, DateTime<Utc>>,
}

impl Calls {
    pub fn note(&self, call: Call) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = noted.calls.entry(call.integration).or_default();
        own.push_back(call);
        if own.len() > KEPT {
            own.pop_front();
        }
    }

    /// Whether no call that was not authentic came within the last minute.
    pub fn is_first_stranger(&self, integration: Uuid, now: DateTime<Utc>) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = noted.strangers.get(&integration);
        let is_first = last.is_none_or(|last| now - *last >= PACE);
        if is_first {
            noted.strangers.insert(integration, now);
        }
        is_first
    }

    /// All of them, to be stored.
    pub fn take(&self) -> Vec<Call> {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut noted.calls)
            .into_values()
            .flatten()
            .collect()
    }
}
